//! The sealed metadata of a header (format.md section 3.4).

mod json;

use alloc::vec::Vec;

use sv2_crypto::{CryptoError, RandomSource, RootKeys};
use sv2_headers::{SECTION_METADATA, Section, Suite};

use crate::{FormatError, KeyedHeader, Unit};

/// Metadata is padded with spaces to a multiple of this many bytes.
const STEP: usize = 64;
const SALT_LEN: usize = 24;
const TAG_LEN: usize = 16;

/// Seals metadata under a salt of its own.
///
/// # Errors
/// `Malformed` for a text that no reader would accept (F-332); `Crypto`.
pub fn seal_metadata(
    json: &[u8],
    keys: &RootKeys,
    suite: Suite,
    random: &RandomSource,
) -> Result<Section, FormatError> {
    if !json::is_metadata(json) {
        let unit = Unit::Metadata;
        return Err(FormatError::Malformed { unit, what: "JSON object", offset: 0 });
    }
    let mut padded = json.to_vec();
    padded.resize(json.len().next_multiple_of(STEP), b' ');
    let (salt, tag) = keys.seal_metadata(suite, random, &mut padded)?;
    let body = [&salt[..], &padded, &tag].concat();
    Ok(Section { kind: SECTION_METADATA, body })
}

/// Opens the metadata of a header that was judged: a UTF-8 JSON object with spaces behind it, or
/// `None` where it has none.
///
/// # Errors
/// `AuthenticationFailed` for metadata that do not open, `Malformed` for metadata that open and
/// break a rule of section 3.4 (F-332).
pub fn open_metadata(keyed: &KeyedHeader) -> Result<Option<Vec<u8>>, FormatError> {
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
    let opened = opened.ok_or(FormatError::AuthenticationFailed { unit, offset: keyed.offset })?;
    if !json::is_metadata(&opened) {
        return Err(FormatError::Malformed { unit, what: "JSON object", offset: keyed.offset });
    }
    Ok(Some(opened))
}

fn open(
    keyed: &KeyedHeader,
    salt: &[u8; SALT_LEN],
    ciphertext: &mut [u8],
    tag: &[u8; TAG_LEN],
) -> Result<(), CryptoError> {
    keyed.keys.open_metadata(keyed.header.suite, salt, ciphertext, tag)
}
