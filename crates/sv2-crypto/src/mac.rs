//! HMAC-SHA-256 under a derived key: header MAC, seal, journal, change
//! record (format.md sections 3 and 7, local-files.md).

use core::fmt;

use crate::CryptoError;
use crate::secret::{Secret, without_traces};
use ring::hmac;

/// A derived 32-byte key for HMAC-SHA-256; wiped when dropped.
pub struct MacKey(pub(crate) Secret<32>);

impl MacKey {
    /// The MAC of the concatenation of `parts`.
    #[must_use]
    pub fn sign(&self, parts: &[&[u8]]) -> [u8; 32] {
        without_traces(|| self.sign_within(parts))
    }

    /// Compares the MAC of `message` with `mac` in constant time (F-336, F-708).
    ///
    /// # Errors
    /// `AuthenticationFailed` where they differ.
    pub fn verify(&self, message: &[u8], mac: &[u8; 32]) -> Result<(), CryptoError> {
        without_traces(|| self.verify_within(message, mac))
    }

    /// Compares two values in constant time, by comparing their MACs under this key; whoever calls
    /// this overwrites the stack.
    pub(crate) fn same(&self, a: &[u8; 32], b: &[u8; 32]) -> bool {
        self.verify_within(a, &self.sign_within(&[b])).is_ok()
    }

    fn sign_within(&self, parts: &[&[u8]]) -> [u8; 32] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.0[..]);
        let mut context = hmac::Context::with_key(&key);
        for part in parts {
            context.update(part);
        }
        let mut mac = [0; 32];
        mac.copy_from_slice(context.sign().as_ref());
        mac
    }

    fn verify_within(&self, message: &[u8], mac: &[u8; 32]) -> Result<(), CryptoError> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.0[..]);
        hmac::verify(&key, message, mac).map_err(|_| CryptoError::AuthenticationFailed)
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKey(..)")
    }
}
