//! The sealed metadata of a header (format.md section 3.4).

use sv2_headers::{MAX_SEGMENT_SIZE, StreamHeader};
use sv2_stream::{KeyRing, open_metadata};

use crate::changed::unless_changed;
use crate::decrypt::read_header;
use crate::io::Input;
use crate::tail::SealedStream;
use crate::{InputSource, KeySource, StreamError};

/// The header of a stream that a key opened.
#[derive(Debug)]
#[non_exhaustive]
pub struct OpenedHeader {
    /// The header, authentic.
    pub header: StreamHeader,
    /// The metadata as [`read_metadata`] gives them, or why they do not open.
    pub metadata: Result<Option<Vec<u8>>, StreamError>,
    /// Whether a seal vouches for header and metadata. Without one it is the header's own MAC
    /// alone, and nothing proves that they are the newest.
    pub sealed: bool,
}

/// Opens the header of a stream, and its metadata where they open.
///
/// An input that can seek is judged by its seal where it has one; of a pipe the header alone is
/// read and judged.
///
/// # Errors
/// Those of header and trailer (format.md section 9); `Read`.
pub fn open_header(
    input: InputSource<'_>,
    keys: &KeySource<'_>,
    context: &[u8],
) -> Result<OpenedHeader, StreamError> {
    let mut ring = KeyRing::new(keys, context, MAX_SEGMENT_SIZE);
    let (keyed, sealed) = match input.open()? {
        Input::Positioned(source) => match SealedStream::open(&source, &mut ring) {
            Ok(stream) => (stream.into_opened().keyed, true),
            Err(StreamError::Unsealed { .. }) => {
                let mut input = Input::Positioned(source).into_sequential();
                (read_header(&mut input, &mut ring)?, false)
            }
            Err(error) => return Err(unless_changed(&source, None, error)),
        },
        Input::Sequential(mut input) => (read_header(&mut input, &mut ring)?, false),
    };
    let metadata = open_metadata(&keyed).map_err(StreamError::from);
    Ok(OpenedHeader { header: keyed.header, metadata, sealed })
}

/// Opens the metadata of a stream: a UTF-8 JSON object with spaces behind it, or `None` where the
/// stream has none.
///
/// # Errors
/// As [`open_header`]; `AuthenticationFailed` for metadata that do not open, `Malformed` for
/// metadata that open and break a rule of section 3.4 (F-332).
pub fn read_metadata(
    input: InputSource<'_>,
    keys: &KeySource<'_>,
    context: &[u8],
) -> Result<Option<Vec<u8>>, StreamError> {
    open_header(input, keys, context)?.metadata
}
