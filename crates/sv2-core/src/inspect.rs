//! Looking at a stream without a key (format.md sections 3, 7 and 8.7).

mod object;

use sv2_framing::{SEGMENT_HEADER_LEN, SEGMENT_MAGIC, StreamLayout};
use sv2_headers::{HeaderError, StreamHeader, TRAILER_LEN, Trailer, checksum};
use sv2_stream::{FormatError, fingerprint_of};

use crate::io::{Input, PositionedInput};
use crate::tail::{copy_offset, read_trailer};
use crate::{InputSource, StreamError, Unit};

pub use object::object_checksum;

/// What a stream says of itself; nothing of it is authentic.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Inspection {
    /// Bytes of the input.
    pub stream_len: u64,
    /// The header that a scrub goes by: the front, or the copy where the front is damaged or is
    /// that of another stream (F-835).
    pub header: StreamHeader,
    /// Whether the front header's checksum holds.
    pub front_intact: bool,
    /// Whether the copy's checksum holds; `None` where there is no trailer to find it by.
    pub copy_intact: Option<bool>,
    /// The trailer; `None` where the stream is not sealed.
    pub trailer: Option<Trailer>,
    /// Whether the trailer's checksum holds.
    pub trailer_intact: Option<bool>,
    /// Whether the trailer's counts agree with each other, with the header and with the input's
    /// length.
    pub len_matches: Option<bool>,
    /// Lengths and offsets of the stream.
    pub layout: StreamLayout,
    /// The fingerprint that the stream claims; `None` where it is not sealed.
    pub fingerprint: Option<[u8; 32]>,
}

/// Reads header and trailer of a stream and says what they say, without a key.
///
/// # Errors
/// `NotAStream`, `Unsupported`, `Malformed`, `Limit`, `ChecksumMismatch` where neither header can
/// be decoded; `Read`; `Usage` for an input that cannot seek.
pub fn inspect(input: InputSource<'_>) -> Result<Inspection, StreamError> {
    let Input::Positioned(source) = input.open()? else {
        return Err(StreamError::Usage("a pipe cannot be inspected, only a file"));
    };
    inspect_input(&source)
}

/// As [`inspect`], of an input that was opened.
pub(crate) fn inspect_input(source: &PositionedInput<'_>) -> Result<Inspection, StreamError> {
    let look = look(source)?;
    let copy_intact =
        look.trailer.as_ref().map(|_| matches!(&look.copy, Some((_, Ok(copy))) if copy.sound));
    let sealed = look.trailer.as_ref();
    Ok(Inspection {
        stream_len: source.len(),
        front_intact: look.front_is_sound(),
        copy_intact,
        trailer_intact: sealed.map(|sealed| checksum::holds(&sealed.bytes)),
        len_matches: sealed.map(|_| look.fits),
        fingerprint: sealed.map(|sealed| fingerprint_of(&look.header, &sealed.trailer)),
        layout: look.layout,
        trailer: look.trailer.map(|sealed| sealed.trailer),
        header: look.header,
    })
}

/// Bytes that decode as a header.
pub(crate) struct Candidate {
    pub(crate) header: StreamHeader,
    pub(crate) bytes: Vec<u8>,
    /// Whether the checksum holds.
    pub(crate) sound: bool,
}

/// The trailer at the end of a source.
pub(crate) struct SeenTrailer {
    pub(crate) trailer: Trailer,
    pub(crate) bytes: [u8; TRAILER_LEN],
    pub(crate) offset: u64,
}

/// Header, copy and trailer of a source as they were read, each once.
pub(crate) struct Look {
    pub(crate) front: Result<Candidate, StreamError>,
    /// The copy and its place; `None` where there is no place for one (F-809).
    pub(crate) copy: Option<(u64, Result<Candidate, StreamError>)>,
    /// Whether the copy leads (F-835).
    pub(crate) by_copy: bool,
    /// The header that leads.
    pub(crate) header: StreamHeader,
    pub(crate) layout: StreamLayout,
    pub(crate) trailer: Option<SeenTrailer>,
    /// Whether the trailer fits that header and the length of the source (F-837).
    pub(crate) fits: bool,
}

impl Look {
    pub(crate) fn front_is_sound(&self) -> bool {
        self.front.as_ref().is_ok_and(|front| front.sound)
    }

    /// Whether the header that leads is sound.
    pub(crate) fn header_is_sound(&self) -> bool {
        match &self.copy {
            Some((_, copy)) if self.by_copy => copy.as_ref().is_ok_and(|copy| copy.sound),
            _ => self.front_is_sound(),
        }
    }

    /// The trailer, where lengths may be taken from it.
    pub(crate) fn fitting(&self) -> Option<&Trailer> {
        self.trailer.as_ref().filter(|_| self.fits).map(|sealed| &sealed.trailer)
    }
}

/// Reads both headers and the trailer, and decides which header leads (F-834 to F-837).
pub(crate) fn look(source: &PositionedInput<'_>) -> Result<Look, StreamError> {
    let trailer = match read_trailer(source) {
        Ok((bytes, offset)) => {
            Trailer::decode(&bytes).ok().map(|trailer| SeenTrailer { trailer, bytes, offset })
        }
        Err(StreamError::Unsealed { .. }) => None,
        Err(error) => return Err(error),
    };
    let front = judged(read_header(source, 0))?;
    let copy_at = trailer.as_ref().and_then(|seen| copy_offset(source.len(), &seen.trailer));
    let copy = match copy_at {
        Some(offset) => Some((offset, judged(read_header(source, offset))?)),
        None => None,
    };
    let fits = |candidate: &Candidate| {
        trailer.as_ref().is_some_and(|seen| fits(&candidate.header, &seen.trailer, source.len()))
    };
    let by_copy = match (&front, &copy) {
        (Ok(front), Some((_, Ok(copy)))) => match (front.sound, copy.sound) {
            (true, true) if front.bytes.get(..80) != copy.bytes.get(..80) => {
                match (fits(front), fits(copy)) {
                    (false, true) => true,
                    (true, true) => {
                        let first = source
                            .read_vec(front.header.header_len.into(), SEGMENT_HEADER_LEN as u64)?;
                        is_of(&first, &copy.header) && !is_of(&first, &front.header)
                    }
                    _ => false,
                }
            }
            (front, copy) => copy && !front,
        },
        (Err(_), Some((_, Ok(_)))) => true,
        _ => false,
    };
    let leads = match (&front, &copy) {
        (_, Some((_, Ok(copy)))) if by_copy => copy,
        (Ok(front), _) => front,
        _ => match front {
            Err(error) => return Err(error),
            Ok(_) => return Err(StreamError::NotAStream),
        },
    };
    let header = leads.header.clone();
    let fits = fits(leads);
    Ok(Look { layout: layout_of(&header), front, copy, by_copy, header, trailer, fits })
}

/// Layout and stream_tag of a front header that decodes; `None` where none does.
pub(crate) fn front_header(
    source: &PositionedInput<'_>,
) -> Result<Option<(StreamLayout, [u8; 8])>, StreamError> {
    let front = judged(read_header(source, 0))?.ok();
    Ok(front.map(|front| {
        let tag = std::array::from_fn(|at| front.header.commitment[at]);
        (layout_of(&front.header), tag)
    }))
}

/// Lengths and offsets under a header.
pub(crate) fn layout_of(header: &StreamHeader) -> StreamLayout {
    StreamLayout { geometry: header.geometry, digest: header.digest, header_len: header.header_len }
}

/// Whether a trailer says of a stream under this header what its length is (F-837).
pub(crate) fn fits(header: &StreamHeader, trailer: &Trailer, stream_len: u64) -> bool {
    trailer.check_counts(header.geometry).is_ok()
        && (trailer.header_len, trailer.digest) == (header.header_len, header.digest)
        && layout_of(header).stream_len(trailer.plaintext_len) == Some(stream_len)
}

/// Whether 64 bytes are a sound segment header of the stream with this header.
fn is_of(bytes: &[u8], header: &StreamHeader) -> bool {
    bytes.starts_with(&SEGMENT_MAGIC)
        && checksum::holds(bytes)
        && bytes.get(48..56) == header.commitment.get(..8)
}

/// Tells a header that cannot be read, which ends the call, from one that is not what it should be.
fn judged<T>(header: Result<T, StreamError>) -> Result<Result<T, StreamError>, StreamError> {
    match header {
        Err(error @ StreamError::Read { .. }) => Err(error),
        judged => Ok(judged),
    }
}

/// Decodes the header at `offset`, and says whether its checksum holds.
fn read_header(source: &PositionedInput<'_>, offset: u64) -> Result<Candidate, StreamError> {
    let unit = if offset == 0 { Unit::Header } else { Unit::HeaderCopy };
    let left = source.len().saturating_sub(offset);
    let prefix = source.read_vec(offset, left.min(sv2_headers::HEADER_PREFIX_LEN as u64))?;
    let decoded = |error| match error {
        HeaderError::Truncated { .. } => StreamError::Unsealed { segments: 0 },
        error => FormatError::from_header(error, unit, offset).into(),
    };
    // A source that ends within the header comes before whatever else is wrong with it (F-834).
    let declared = sv2_headers::peek_header_len(&prefix).map_or(0, u64::from);
    if prefix.starts_with(&sv2_headers::HEADER_MAGIC) && declared > left {
        return Err(StreamError::Unsealed { segments: 0 });
    }
    let header_len = StreamHeader::decode_prefix(&prefix).map_err(decoded)?.header_len;
    let bytes = source.read_vec(offset, header_len.into())?;
    let header = StreamHeader::decode(&bytes).map_err(decoded)?;
    let sound = checksum::holds(&bytes);
    Ok(Candidate { header, bytes, sound })
}
