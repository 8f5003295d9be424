//! Looking at a stream without a key (format.md sections 3, 7 and 8.7).

mod object;

use sv2_framing::StreamLayout;
use sv2_headers::{HeaderError, StreamHeader, Trailer, checksum};
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
    /// The front header, or its copy where the front is damaged.
    pub header: StreamHeader,
    /// Whether the front header's checksum holds.
    pub front_intact: bool,
    /// Whether the copy's checksum holds; `None` where there is no trailer to find it by.
    pub copy_intact: Option<bool>,
    /// The trailer; `None` where the stream is not sealed.
    pub trailer: Option<Trailer>,
    /// Whether the trailer's checksum holds.
    pub trailer_intact: Option<bool>,
    /// Whether the trailer's counts agree with each other and with the input's length.
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
    let trailer = match read_trailer(source) {
        Ok((bytes, offset)) => Trailer::decode(&bytes).ok().map(|trailer| (trailer, bytes, offset)),
        Err(StreamError::Unsealed { .. }) => None,
        Err(error) => return Err(error),
    };
    let front = judged(read_header(source, 0))?;
    let copy_at = trailer.as_ref().and_then(|(trailer, ..)| copy_offset(source.len(), trailer));
    let copy = copy_at.map(|offset| judged(read_header(source, offset))).transpose()?;
    let front_intact = matches!(&front, Ok((_, true)));
    let copy_intact = trailer.as_ref().map(|_| matches!(&copy, Some(Ok((_, true)))));
    let (header, _) = match (front, copy) {
        (Ok(front), Some(Ok(copy))) if !front_intact && copy_intact == Some(true) => {
            let _ = front;
            copy
        }
        (Ok(front), _) => front,
        (Err(_), Some(Ok(copy))) => copy,
        (Err(error), _) => return Err(error),
    };
    let layout = StreamLayout {
        geometry: header.geometry,
        digest: header.digest,
        header_len: header.header_len,
    };
    let len_matches = trailer.as_ref().map(|(trailer, ..)| {
        trailer.check_counts(header.geometry).is_ok()
            && layout.stream_len(trailer.plaintext_len) == Some(source.len())
    });
    let trailer_intact = trailer.as_ref().map(|(_, bytes, _)| checksum::holds(bytes));
    let fingerprint = trailer.as_ref().map(|(trailer, ..)| fingerprint_of(&header, trailer));
    Ok(Inspection {
        stream_len: source.len(),
        front_intact,
        copy_intact,
        trailer: trailer.map(|(trailer, ..)| trailer),
        trailer_intact,
        len_matches,
        layout,
        fingerprint,
        header,
    })
}

/// Tells a header that cannot be read, which ends the call, from one that is not what it should be.
fn judged<T>(header: Result<T, StreamError>) -> Result<Result<T, StreamError>, StreamError> {
    match header {
        Err(error @ StreamError::Read { .. }) => Err(error),
        judged => Ok(judged),
    }
}

/// Decodes the header at `offset`, and says whether its checksum holds.
fn read_header(
    source: &PositionedInput<'_>,
    offset: u64,
) -> Result<(StreamHeader, bool), StreamError> {
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
    Ok((header, checksum::holds(&bytes)))
}
