//! Raw stream keys in files: 32 bytes, or 64 hexadecimal digits.

use std::path::Path;

use age::secrecy::zeroize::Zeroizing;
use sv2_crypto::StreamKey;

use crate::KeyFileError;
use crate::file::{create_secret_file, read_file};

/// 64 digits and a newline of two characters: nothing longer is a key.
const MAX_LEN: usize = 66;

/// Reads a stream key from a file: exactly 32 raw bytes, or 64 hexadecimal digits and at most one
/// newline.
///
/// # Errors
/// `Read` where the file does not open or read, `Unusable` or `TooLong` where it holds anything
/// else.
pub fn read_key_file(path: &Path) -> Result<StreamKey, KeyFileError> {
    parse_key(&read_file(path, MAX_LEN)?, path)
}

/// Takes a stream key from the bytes of such a file; `origin` names it in errors.
///
/// The caller wipes the bytes.
///
/// # Errors
/// `Unusable` where they are anything else.
pub fn parse_key(bytes: &[u8], origin: &Path) -> Result<StreamKey, KeyFileError> {
    let mut key = Zeroizing::new([0; 32]);
    let raw = if from_hex(bytes, &mut key) { &key[..] } else { bytes };
    StreamKey::from_slice(raw).ok_or_else(|| KeyFileError::Unusable {
        path: origin.to_owned(),
        what: format!(
            "its {} bytes are neither 32 raw bytes nor 64 hexadecimal digits",
            bytes.len()
        ),
    })
}

/// Writes a stream key as 64 hexadecimal digits and a newline, readable by its owner alone.
///
/// # Errors
/// `Write`, with `AlreadyExists` where the file is there: a key is never written over another.
pub fn write_key_file(path: &Path, key: &StreamKey) -> Result<(), KeyFileError> {
    let mut text = Zeroizing::new([b'\n'; 65]);
    for (digits, byte) in text.chunks_exact_mut(2).zip(key.expose()) {
        digits[0] = b"0123456789abcdef"[usize::from(byte >> 4)];
        digits[1] = b"0123456789abcdef"[usize::from(byte & 15)];
    }
    create_secret_file(path, &*text)
}

/// Whether `text` is 64 digits with at most one newline; `key` is then what they say.
fn from_hex(text: &[u8], key: &mut [u8; 32]) -> bool {
    let digits = text.strip_suffix(b"\n").unwrap_or(text);
    let digits = digits.strip_suffix(b"\r").filter(|_| digits.len() < text.len()).unwrap_or(digits);
    if digits.len() != 2 * key.len() {
        return false;
    }
    for (pair, byte) in digits.chunks_exact(2).zip(key) {
        let (Some(high), Some(low)) = (digit(pair[0]), digit(pair[1])) else { return false };
        *byte = high << 4 | low;
    }
    true
}

fn digit(character: u8) -> Option<u8> {
    char::from(character).to_digit(16).map(|value| value as u8)
}
