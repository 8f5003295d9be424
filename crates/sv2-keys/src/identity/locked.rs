//! Identities behind a passphrase, which is asked for when first needed and once.

use std::io::Read;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use age::armor::ArmoredReader;
use age::secrecy::zeroize::Zeroizing;
use age::{DecryptError, Decryptor, scrypt};

use super::{Identity, identity_lines};
use crate::file::{MAX_FILE_LEN, read_bounded};
use crate::{KeyFileError, PassphrasePurpose, Prompt, memory};

/// The largest scrypt work factor (binary logarithm) of an encrypted identity file.
///
/// Higher than for slots: the file is the user's own, and older tools chose it by their machine.
pub const IDENTITY_FILE_MAX_LOG_N: u8 = 22;

/// Bytes of an age file within which its first stanza begins.
const HEAD: u64 = 256;

/// An age file, encrypted with a passphrase, whose payload is lines of identities.
pub(crate) struct LockedFile {
    ciphertext: Vec<u8>,
    opened: OnceLock<Vec<Identity>>,
}

impl LockedFile {
    pub(crate) fn new(bytes: &[u8], origin: &Path) -> Result<Self, KeyFileError> {
        let decryptor = decryptor(bytes).map_err(|_| unusable(origin, "it is not an age file"))?;
        if !decryptor.is_scrypt() {
            return Err(unusable(origin, "it is an age file, but not locked by a passphrase"));
        }
        Ok(Self { ciphertext: bytes.to_vec(), opened: OnceLock::new() })
    }

    /// The identities inside; a success is remembered, a failure is not.
    pub(crate) fn unlock(
        &self,
        origin: &Path,
        prompt: &Arc<dyn Prompt>,
    ) -> Result<&[Identity], KeyFileError> {
        if let Some(identities) = self.opened.get() {
            return Ok(identities);
        }
        let passphrase = prompt
            .passphrase(PassphrasePurpose::IdentityFile(origin))
            .ok_or_else(|| KeyFileError::Locked { path: origin.to_owned() })?;
        let open = |form| {
            let mut key = scrypt::Identity::new(form);
            key.set_max_work_factor(IDENTITY_FILE_MAX_LOG_N);
            decryptor(&self.ciphertext).and_then(|decryptor| {
                decryptor.decrypt(std::iter::once(&key as &dyn age::Identity))
            })
        };
        let _promise = match work_factor(&self.ciphertext) {
            Some(log_n) if log_n <= IDENTITY_FILE_MAX_LOG_N => {
                Some(memory::promise(log_n).map_err(|error| unusable(origin, &error.to_string()))?)
            }
            // It is refused below.
            _ => None,
        };
        let mut opened = Err(DecryptError::DecryptionFailed);
        for form in passphrase.forms() {
            opened = open(form);
            if !matches!(opened, Err(DecryptError::DecryptionFailed)) {
                break;
            }
        }
        let mut payload = opened.map_err(|error| match error {
            DecryptError::ExcessiveWork { required, .. } => unusable(
                origin,
                &format!("its work factor is 2^{required}, above 2^{IDENTITY_FILE_MAX_LOG_N}"),
            ),
            DecryptError::DecryptionFailed => {
                KeyFileError::WrongPassphrase { path: origin.to_owned() }
            }
            _ => unusable(origin, "the age file is damaged"),
        })?;
        let lines: Zeroizing<Vec<u8>> = read_bounded(&mut payload as &mut dyn Read, MAX_FILE_LEN)
            .map_err(|_| unusable(origin, "the age file is damaged"))?
            .ok_or_else(|| KeyFileError::TooLong { path: origin.to_owned(), max: MAX_FILE_LEN })?;
        let identities = identity_lines(&lines, origin)?;
        Ok(self.opened.get_or_init(|| identities))
    }
}

/// Reads the header of an age file, binary or armored.
fn decryptor(bytes: &[u8]) -> Result<Decryptor<impl Read>, DecryptError> {
    Decryptor::new_buffered(ArmoredReader::new(bytes))
}

/// Binary logarithm of scrypt's N of an age file, binary or armored, as its header claims it.
fn work_factor(bytes: &[u8]) -> Option<u8> {
    let mut head = Vec::new();
    // Where the file is short or damaged later, what came before still tells.
    let _ = ArmoredReader::new(bytes).take(HEAD).read_to_end(&mut head);
    let line = head.split(|byte| *byte == b'\n').find(|line| line.starts_with(b"-> scrypt "))?;
    std::str::from_utf8(line).ok()?.rsplit(' ').next()?.parse().ok()
}

fn unusable(origin: &Path, what: &str) -> KeyFileError {
    KeyFileError::Unusable { path: origin.to_owned(), what: what.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use age::armor::{ArmoredWriter, Format};

    use super::*;

    #[test]
    fn the_work_factor_of_an_identity_file_is_read_in_both_its_forms() {
        for format in [Format::Binary, Format::AsciiArmor] {
            let mut recipient = scrypt::Recipient::new("pass".to_owned().into());
            recipient.set_work_factor(3);
            let recipient: &dyn age::Recipient = &recipient;
            let encryptor = age::Encryptor::with_recipients(std::iter::once(recipient)).unwrap();
            let mut file = Vec::new();
            let armor = ArmoredWriter::wrap_output(&mut file, format).unwrap();
            let mut writer = encryptor.wrap_output(armor).unwrap();
            writer.write_all(b"AGE-SECRET-KEY-1").unwrap();
            writer.finish().and_then(ArmoredWriter::finish).unwrap();
            assert_eq!(work_factor(&file), Some(3));
            assert_eq!(work_factor(&file[..40]), None);
        }
        assert_eq!(work_factor(b"age-encryption.org/v1\n-> X25519 abc\n"), None);
    }
}
