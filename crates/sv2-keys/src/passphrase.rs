//! Passphrases: text of one byte or more, wiped when dropped.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use age::secrecy::zeroize::Zeroizing;
use age::secrecy::{ExposeSecret, SecretString};
use unicode_normalization::UnicodeNormalization;

use sv2_crypto::RandomSource;

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
        if secret.expose_secret().is_empty() {
            return Err(PassphraseError::Empty);
        }
        Ok(Self(secret))
    }

    /// Takes bytes as a file or a terminal gives them; a byte-order mark in front and one trailing
    /// newline are dropped.
    ///
    /// The caller wipes its own copy.
    ///
    /// # Errors
    /// `Empty` where nothing is left, `NotText` where the rest is not UTF-8.
    pub fn from_line(bytes: &[u8]) -> Result<Self, PassphraseError> {
        let line = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let line = line.strip_suffix(b"\r").filter(|_| line.len() < bytes.len()).unwrap_or(line);
        // Editors put the mark there unseen, and nobody can type it.
        let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        let text = std::str::from_utf8(line).map_err(|_| PassphraseError::NotText)?;
        Self::new(text.to_owned())
    }

    /// Refuses what should not lock anything new, because nobody could type it later.
    ///
    /// # Errors
    /// `Untypeable` for a control character other than a tab, such as a newline in the middle.
    pub fn check_new(&self) -> Result<(), PassphraseError> {
        let is_untypeable = |c: char| c.is_control() && c != '\t';
        if self.0.expose_secret().contains(is_untypeable) {
            return Err(PassphraseError::Untypeable);
        }
        Ok(())
    }

    /// Whether a guesser would find it soon: fewer than 10 characters, or fewer than 5 different
    /// ones.
    ///
    /// What passes is not strong for that.
    #[must_use]
    pub fn is_weak(&self) -> bool {
        let text = self.0.expose_secret();
        let mut different = Zeroizing::new(['\0'; 5]);
        let mut count = 0;
        for c in text.chars() {
            if count < different.len() && !different[..count].contains(&c) {
                different[count] = c;
                count += 1;
            }
        }
        count < different.len() || text.chars().count() < 10
    }

    /// Makes a passphrase of 125 random bits: five groups of five lower-case letters and digits, of
    /// which none looks like another.
    ///
    /// # Errors
    /// `Random` where the operating system has no random bytes.
    pub fn generate() -> Result<Self, PassphraseError> {
        const DIGITS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
        let mut random = Zeroizing::new([0; 25]);
        RandomSource::System.fill(&mut *random).map_err(|_| PassphraseError::Random)?;
        let mut text = String::with_capacity(29);
        for (place, byte) in random.iter().enumerate() {
            if place > 0 && place % 5 == 0 {
                text.push('-');
            }
            text.push(char::from(DIGITS[usize::from(byte % 32)]));
        }
        Self::new(text)
    }

    /// Shows the text to `act`: for a passphrase that was just made and must be written down.
    pub fn expose<T>(&self, act: impl FnOnce(&str) -> T) -> T {
        act(self.0.expose_secret())
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

    /// The forms in which the same text may have been typed elsewhere: as it is, then composed
    /// (NFC) and decomposed (NFD) where these differ from it.
    ///
    /// ASCII has one form, so that nothing is tried twice.
    pub(crate) fn forms(&self) -> impl Iterator<Item = SecretString> + '_ {
        let given = self.0.expose_secret();
        let composed = (!given.is_ascii())
            .then(|| wiped(given.len(), given.nfc()))
            .filter(|text| text.as_str() != given);
        let decomposed = (!given.is_ascii())
            .then(|| wiped(given.len(), given.nfd()))
            .filter(|text| text.as_str() != given);
        let given = std::iter::once_with(|| self.to_secret());
        let others = [composed, decomposed].into_iter().flatten();
        given.chain(others.map(|text| SecretString::from(text.as_str())))
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

/// A normalised text in memory that is wiped, and never moved while it grows.
fn wiped(given_len: usize, characters: impl Iterator<Item = char>) -> Zeroizing<String> {
    // No form of a character is longer than three times another one in UTF-8.
    let mut text = Zeroizing::new(String::with_capacity(3 * given_len));
    characters.for_each(|c| text.push(c));
    text
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
    fn a_byte_order_mark_in_front_is_dropped_and_no_other() {
        assert_eq!(kept(b"\xef\xbb\xbfpass\n").unwrap(), "pass");
        assert_eq!(kept(b"pa\xef\xbb\xbfss").unwrap(), "pa\u{feff}ss");
        assert!(matches!(kept(b"\xef\xbb\xbf\n"), Err(PassphraseError::Empty)));
    }

    #[test]
    fn what_nobody_can_type_locks_nothing_new() {
        let made = |text: &[u8]| Passphrase::from_line(text).unwrap().check_new();
        for good in [&b"two words"[..], b"tab\tbed", "gr\u{fc}\u{df}e".as_bytes()] {
            assert!(made(good).is_ok(), "{good:?}");
        }
        for bad in [&b"one\ntwo"[..], b"end\n\n", b"a\0b", b"mac\r", b"\x1b[A"] {
            assert!(matches!(made(bad), Err(PassphraseError::Untypeable)), "{bad:?}");
        }
    }

    #[test]
    fn forms_are_tried_only_where_they_differ() {
        let forms = |text: &str| -> Vec<String> {
            let passphrase = Passphrase::new(text.to_owned()).unwrap();
            passphrase.forms().map(|form| form.expose_secret().to_owned()).collect()
        };
        assert_eq!(forms("correct horse"), ["correct horse"]);
        assert_eq!(forms("\u{4f60}\u{597d}"), ["\u{4f60}\u{597d}"]);
        assert_eq!(forms("gr\u{fc}n"), ["gr\u{fc}n", "gru\u{308}n"]);
        assert_eq!(forms("gru\u{308}n"), ["gru\u{308}n", "gr\u{fc}n"]);
        // Neither one nor the other: as given first, then both.
        let mixed = "u\u{308}\u{fc}";
        assert_eq!(forms(mixed), [mixed, "\u{fc}\u{fc}", "u\u{308}u\u{308}"]);
    }

    /// The characters that grow most, so that a text never moves and leaves a copy behind.
    #[test]
    fn no_form_is_longer_than_the_room_that_is_made_for_it() {
        let all = (0..=0x0010_FFFF).filter_map(char::from_u32);
        for c in all {
            let text = c.to_string();
            for form in [text.nfc().collect::<String>(), text.nfd().collect()] {
                assert!(form.len() <= 3 * text.len(), "{c:?}");
            }
        }
    }

    #[test]
    fn weak_ones_are_short_or_of_few_characters() {
        let is_weak = |text: &str| Passphrase::new(text.to_owned()).unwrap().is_weak();
        for weak in ["abc", "123456789", "aaaaaaaaaaaaaaa", "abababababab", "\u{fc}\u{e4}\u{f6}"] {
            assert!(is_weak(weak), "{weak}");
        }
        assert!(!is_weak("correct horse"));
        let made = Passphrase::generate().unwrap();
        assert!(!made.is_weak() && made.check_new().is_ok());
        made.expose(|text| {
            assert_eq!(text.len(), 29);
            assert!(text.split('-').all(|group| group.len() == 5), "{text}");
        });
        let other = Passphrase::generate().unwrap();
        assert!(made.expose(str::to_owned) != other.expose(str::to_owned));
    }

    #[test]
    fn a_passphrase_is_not_printed() {
        let shown = format!("{:?}", Passphrase::new("hunter2".into()).unwrap());
        assert_eq!(shown, "Passphrase(..)");
    }
}
