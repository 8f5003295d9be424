//! Passphrases: text of one byte or more, wiped when dropped.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use age::secrecy::SecretString;
use age::secrecy::zeroize::Zeroizing;

use crate::PassphraseError;
use crate::file::read_bounded;

/// The longest passphrase that is read from a file, in bytes.
const MAX_LEN: usize = 64 * 1024;

/// A passphrase; printed as nothing but its name.
pub struct Passphrase(SecretString);

impl Passphrase {
    /// Takes the text as it is, with every space and newline in it.
    ///
    /// # Errors
    /// `Empty` for an empty text.
    pub fn new(text: String) -> Result<Self, PassphraseError> {
        let secret = SecretString::from(text);
        if age::secrecy::ExposeSecret::expose_secret(&secret).is_empty() {
            return Err(PassphraseError::Empty);
        }
        Ok(Self(secret))
    }

    /// Takes bytes as a file or a terminal gives them; one trailing newline is dropped.
    ///
    /// The caller wipes his own copy.
    ///
    /// # Errors
    /// `Empty` where nothing is left, `NotText` where the rest is not UTF-8.
    pub fn from_line(bytes: &[u8]) -> Result<Self, PassphraseError> {
        let line = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let line = line.strip_suffix(b"\r").filter(|_| line.len() < bytes.len()).unwrap_or(line);
        let text = std::str::from_utf8(line).map_err(|_| PassphraseError::NotText)?;
        Self::new(text.to_owned())
    }

    /// A second copy, for a passphrase that opens one thing and locks another; each is wiped when
    /// dropped.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self(self.0.clone())
    }

    pub(crate) fn to_secret(&self) -> SecretString {
        self.0.clone()
    }

    pub(crate) fn into_secret(self) -> SecretString {
        self.0
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(..)")
    }
}

/// Reads a passphrase to the end of `source`; one trailing newline is dropped.
///
/// # Errors
/// `Read` where the source fails, `TooLong` above 64 KiB, else as [`Passphrase::from_line`].
pub fn read_passphrase(source: &mut dyn Read) -> Result<Passphrase, PassphraseError> {
    let bytes: Zeroizing<Vec<u8>> = read_bounded(source, MAX_LEN)
        .map_err(PassphraseError::Read)?
        .ok_or(PassphraseError::TooLong { max: MAX_LEN })?;
    Passphrase::from_line(&bytes)
}

/// Reads a passphrase from a file or named pipe; one trailing newline is dropped.
///
/// # Errors
/// As [`read_passphrase`]; `Read` also where the file does not open.
pub fn read_passphrase_file(path: &Path) -> Result<Passphrase, PassphraseError> {
    let mut file = File::open(path).map_err(PassphraseError::Read)?;
    read_passphrase(&mut file)
}

#[cfg(test)]
mod tests {
    use age::secrecy::ExposeSecret;

    use super::*;

    fn kept(bytes: &[u8]) -> Result<String, PassphraseError> {
        Passphrase::from_line(bytes).map(|taken| taken.0.expose_secret().to_owned())
    }

    #[test]
    fn one_trailing_newline_is_dropped_and_no_more() {
        assert_eq!(kept(b"two words\n").unwrap(), "two words");
        assert_eq!(kept(b"two words\r\n").unwrap(), "two words");
        assert_eq!(kept(b"two words\n\n").unwrap(), "two words\n");
        assert_eq!(kept(b" spaces \r").unwrap(), " spaces \r");
        assert_eq!(kept(b"a\nb").unwrap(), "a\nb");
    }

    #[test]
    fn nothing_is_no_passphrase() {
        for empty in [&b""[..], b"\n", b"\r\n"] {
            assert!(matches!(kept(empty), Err(PassphraseError::Empty)), "{empty:?}");
        }
        assert!(matches!(Passphrase::new(String::new()), Err(PassphraseError::Empty)));
    }

    #[test]
    fn bytes_that_are_no_text_and_endless_sources_are_refused() {
        assert!(matches!(kept(b"\xFF\xFE"), Err(PassphraseError::NotText)));
        let endless = read_passphrase(&mut std::io::repeat(b'a'));
        assert!(matches!(endless, Err(PassphraseError::TooLong { max: MAX_LEN })));
    }

    #[test]
    fn a_passphrase_is_not_printed() {
        let shown = format!("{:?}", Passphrase::new("hunter2".into()).unwrap());
        assert_eq!(shown, "Passphrase(..)");
    }
}
