//! Identities behind a passphrase, which is asked for when first needed and once.

use std::io::Read;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use age::armor::ArmoredReader;
use age::secrecy::zeroize::Zeroizing;
use age::{DecryptError, Decryptor, scrypt};

use super::{Identity, identity_lines};
use crate::file::{MAX_FILE_LEN, read_bounded};
use crate::{KeyFileError, PassphrasePurpose, Prompt};

/// The largest scrypt work factor (binary logarithm) of an encrypted identity file.
///
/// Higher than for slots: the file is the user's own, and older tools chose it by their machine.
pub const IDENTITY_FILE_MAX_LOG_N: u8 = 22;

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

fn unusable(origin: &Path, what: &str) -> KeyFileError {
    KeyFileError::Unusable { path: origin.to_owned(), what: what.to_owned() }
}
