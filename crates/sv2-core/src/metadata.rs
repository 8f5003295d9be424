//! The sealed metadata of a header (format.md section 3.4).

mod json;

use sv2_crypto::{CryptoError, RandomSource, RootKeys};
use sv2_headers::{MAX_SEGMENT_SIZE, SECTION_METADATA, Section, StreamHeader};

use crate::decrypt::read_header;
use crate::header::KeyedHeader;
use crate::io::Input;
use crate::key::KeyRing;
use crate::tail::SealedStream;
use crate::{InputSource, KeySource, StreamError, Unit};

/// Metadata is padded with spaces to a multiple of this many bytes.
const STEP: usize = 64;
const SALT_LEN: usize = 24;
const TAG_LEN: usize = 16;

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
    let mut ring = KeyRing::new(keys, MAX_SEGMENT_SIZE);
    let (keyed, sealed) = match input.open()? {
        Input::Positioned(source) => match SealedStream::open(&source, &mut ring, context) {
            Ok(stream) => (stream.keyed, true),
            Err(StreamError::Unsealed { .. }) => {
                let mut input = Input::Positioned(source).into_sequential();
                (read_header(&mut input, &mut ring, context)?, false)
            }
            Err(error) => return Err(error),
        },
        Input::Sequential(mut input) => (read_header(&mut input, &mut ring, context)?, false),
    };
    let metadata = open_metadata(&keyed);
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

/// Seals metadata under a salt of its own.
///
/// # Errors
/// `Malformed` for a text that no reader would accept (F-332).
pub(crate) fn seal_metadata(
    json: &[u8],
    keys: &RootKeys,
    header: &StreamHeader,
    random: &RandomSource,
) -> Result<Section, StreamError> {
    if !json::is_metadata(json) {
        let unit = Unit::Metadata;
        return Err(StreamError::Malformed { unit, what: "JSON object", offset: 0 });
    }
    let mut salt = [0; SALT_LEN];
    random.fill(&mut salt)?;
    let mut padded = json.to_vec();
    padded.resize(json.len().next_multiple_of(STEP), b' ');
    let tag = keys.metadata_cipher(header.suite, &salt)?.seal(&mut padded)?;
    let body = [&salt[..], &padded, &tag].concat();
    Ok(Section { kind: SECTION_METADATA, body })
}

/// Opens the metadata of a header that was judged.
pub(crate) fn open_metadata(keyed: &KeyedHeader) -> Result<Option<Vec<u8>>, StreamError> {
    let sections = &keyed.header.sections;
    let Some(section) = sections.iter().find(|section| section.kind == SECTION_METADATA) else {
        return Ok(None);
    };
    // A header with a shorter body was refused when it was decoded.
    let opened = section.body.split_first_chunk::<SALT_LEN>().and_then(|(salt, sealed)| {
        let (ciphertext, tag) = sealed.split_last_chunk::<TAG_LEN>()?;
        let mut plaintext = ciphertext.to_vec();
        open(keyed, salt, &mut plaintext, tag).ok()?;
        Some(plaintext)
    });
    let unit = Unit::Metadata;
    let opened = opened.ok_or(StreamError::AuthenticationFailed { unit, offset: keyed.offset })?;
    if !json::is_metadata(&opened) {
        return Err(StreamError::Malformed { unit, what: "JSON object", offset: keyed.offset });
    }
    Ok(Some(opened))
}

fn open(
    keyed: &KeyedHeader,
    salt: &[u8; SALT_LEN],
    ciphertext: &mut [u8],
    tag: &[u8; TAG_LEN],
) -> Result<(), CryptoError> {
    keyed.keys.metadata_cipher(keyed.header.suite, salt)?.open(ciphertext, tag)
}
