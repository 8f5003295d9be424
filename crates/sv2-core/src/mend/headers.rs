//! The front header from its copy, and the copy from the front header (F-841).

use sv2_framing::{SEGMENT_HEADER_LEN, SEGMENT_MAGIC};
use sv2_headers::{Trailer, checksum};

use crate::inspect::{Candidate, Look, fits};
use crate::io::PositionedInput;
use crate::mend::Mend;
use crate::{StreamError, Unit};

/// What puts one of the two headers back; nothing where both are whole, or it cannot be told which
/// one is the stream's.
pub(super) fn mend(
    source: &PositionedInput<'_>,
    look: &Look,
    trailer: &Trailer,
) -> Result<Option<Mend>, StreamError> {
    let Some((copy_at, copy)) = &look.copy else { return Ok(None) };
    let judged = |candidate: &Result<Candidate, StreamError>| match candidate {
        Ok(candidate) if candidate.sound => Whole::of(source, candidate, trailer),
        _ => Ok(Whole::No),
    };
    let (front_is, copy_is) = (judged(&look.front)?, judged(copy)?);
    Ok(match (&look.front, copy, front_is, copy_is) {
        (Ok(front), _, Whole::OfThisStream, Whole::No | Whole::OfAnother) => {
            Some(Mend { unit: Unit::HeaderCopy, offset: *copy_at, bytes: front.bytes.clone() })
        }
        (_, Ok(copy), Whole::No | Whole::OfAnother, Whole::OfThisStream) => {
            Some(Mend { unit: Unit::Header, offset: 0, bytes: copy.bytes.clone() })
        }
        _ => None,
    })
}

/// Whether a header is whole, and whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whole {
    /// Its checksum is wrong, or it does not decode.
    No,
    /// It is the one that the trailer was sealed with, as far as can be told without a key.
    OfThisStream,
    /// It is one of another stream.
    OfAnother,
    /// It may be one of this stream, with other slots: which ones count is not for a repair to say.
    OfAnotherRevision,
}

impl Whole {
    fn of(
        source: &PositionedInput<'_>,
        candidate: &Candidate,
        trailer: &Trailer,
    ) -> Result<Self, StreamError> {
        let header = &candidate.header;
        if !fits(header, trailer, source.len()) {
            return Ok(Self::OfAnother);
        }
        let first = match trailer.segments {
            0 => Vec::new(),
            _ => source.read_vec(header.header_len.into(), SEGMENT_HEADER_LEN as u64)?,
        };
        let is_segment = first.starts_with(&SEGMENT_MAGIC) && checksum::holds(&first);
        if is_segment && first.get(48..56) != header.commitment.get(..8) {
            return Ok(Self::OfAnother);
        }
        Ok(match header.revision == trailer.revision {
            true => Self::OfThisStream,
            false => Self::OfAnotherRevision,
        })
    }
}
