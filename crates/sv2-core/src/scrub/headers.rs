//! Checking front header, header copy and trailer, and with a key the metadata (F-828, F-829,
//! F-831).

use sv2_headers::{TRAILER_LEN, checksum};
use sv2_stream::FormatError;

use crate::damage::{Damage, Fault};
use crate::inspect::{Candidate, Look};
use crate::io::PositionedInput;
use crate::tail::SealedStream;
use crate::{StreamError, Unit};

const DIFFER: Fault = Fault::Disagrees("header and header copy");

/// What is wrong with the front header.
pub(super) fn front(look: &Look) -> Option<Damage> {
    let len = header_len(&look.front, look);
    let fault = fault_of(&look.front).or((look.by_copy && differ(look)).then_some(DIFFER));
    fault.map(|fault| Damage::bare(Unit::Header, fault, 0, len))
}

/// What is wrong with the header copy, where lengths say where it is.
pub(super) fn copy(look: &Look, stream_len: u64) -> Option<Damage> {
    look.fitting()?;
    let Some((offset, copy)) = &look.copy else {
        return Some(Damage::bare(Unit::HeaderCopy, Fault::Missing, stream_len, 0));
    };
    let fault = fault_of(copy).or((!look.by_copy && differ(look)).then_some(DIFFER))?;
    Some(Damage::bare(Unit::HeaderCopy, fault, *offset, look.header.header_len.into()))
}

/// Whether both headers are sound and not the same.
fn differ(look: &Look) -> bool {
    match (&look.front, &look.copy) {
        (Ok(front), Some((_, Ok(copy)))) => front.sound && copy.sound && front.bytes != copy.bytes,
        _ => false,
    }
}

fn fault_of(header: &Result<Candidate, StreamError>) -> Option<Fault> {
    match header {
        Ok(header) => (!header.sound).then_some(Fault::Checksum),
        Err(_) => Some(Fault::Checksum),
    }
}

fn header_len(front: &Result<Candidate, StreamError>, look: &Look) -> u64 {
    front.as_ref().map_or(look.header.header_len, |front| front.header.header_len).into()
}

/// What is wrong with the trailer.
pub(super) fn trailer(look: &Look, stream_len: u64) -> Option<Damage> {
    let Some(seen) = &look.trailer else {
        return Some(Damage::bare(Unit::Trailer, Fault::Missing, stream_len, 0));
    };
    let (trailer, header) = (&seen.trailer, &look.header);
    let fault = if !checksum::holds(&seen.bytes) {
        Fault::Checksum
    } else if trailer.header_len != header.header_len {
        Fault::Disagrees("header_len of header and trailer")
    } else if trailer.digest != header.digest {
        Fault::Disagrees("digest of header and trailer")
    } else if !look.fits {
        Fault::Disagrees("length of the stream")
    } else {
        return None;
    };
    Some(Damage::bare(Unit::Trailer, fault, seen.offset, TRAILER_LEN as u64))
}

/// Whether the metadata of the header that opened the stream open.
type Metadata = Result<(), FormatError>;

/// What is wrong with the bytes at the front of a stream that was opened, and with its metadata
/// where the front is the header that opened it.
pub(super) fn sealed_front(
    source: &PositionedInput<'_>,
    sealed: &SealedStream,
    metadata: &Metadata,
) -> Result<Vec<Damage>, StreamError> {
    at_place(source, sealed, Unit::Header, 0, metadata)
}

/// The same of the header copy.
pub(super) fn sealed_copy(
    source: &PositionedInput<'_>,
    sealed: &SealedStream,
    metadata: &Metadata,
) -> Result<Vec<Damage>, StreamError> {
    let offset = sealed.layout.tail_offset(sealed.trailer.plaintext_len);
    at_place(source, sealed, Unit::HeaderCopy, offset, metadata)
}

fn at_place(
    source: &PositionedInput<'_>,
    sealed: &SealedStream,
    unit: Unit,
    offset: u64,
    metadata: &Metadata,
) -> Result<Vec<Damage>, StreamError> {
    let mut damages = Vec::new();
    let opened = &sealed.keyed.bytes;
    let len = opened.len() as u64;
    let bytes = source.read_vec(offset, len)?;
    let signed = opened.len() - checksum::CRC_LEN;
    let fault = match (bytes[..signed] == opened[..signed], checksum::holds(&bytes)) {
        (true, true) => None,
        (true, false) => Some(Fault::ChecksumOnly),
        (false, false) => Some(Fault::Checksum),
        (false, true) => Some(DIFFER),
    };
    damages.extend(fault.map(|fault| Damage::bare(unit, fault, offset, len)));
    if sealed.keyed.offset == offset {
        let fault = match metadata {
            Ok(()) => None,
            Err(FormatError::Malformed { what, .. }) => Some(Fault::Malformed(what)),
            Err(_) => Some(Fault::Authentication),
        };
        damages.extend(fault.map(|fault| Damage::bare(Unit::Metadata, fault, offset, len)));
    }
    Ok(damages)
}

/// What is wrong with a trailer whose seal holds: at most its checksum.
pub(super) fn sealed_trailer(sealed: &SealedStream, stream_len: u64) -> Option<Damage> {
    let offset = stream_len - TRAILER_LEN as u64;
    (!checksum::holds(&sealed.trailer_bytes))
        .then(|| Damage::bare(Unit::Trailer, Fault::ChecksumOnly, offset, TRAILER_LEN as u64))
}
