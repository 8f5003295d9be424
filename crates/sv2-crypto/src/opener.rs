//! Whoever finds the key of a stream in the slots of its header (format.md section 3.3).

use alloc::boxed::Box;
use core::error::Error;

use sv2_headers::Section;

use crate::StreamKey;

/// Why no slot gave a key.
pub type SlotError = Box<dyn Error + Send + Sync>;

/// Opens key slots: passphrases and identities, a key management service, a token.
///
/// Any closure with the signature of [`KeyOpener::open_key`] is one.
///
/// ```
/// use sv2_crypto::{KeyOpener, SlotError, StreamKey};
/// use sv2_headers::Section;
///
/// /// A key management service that keeps the stream key under a name; the slot holds the name.
/// struct Kms;
///
/// impl Kms {
///     /// Slot kinds from 8000 on are for private use.
///     const KIND: [u8; 2] = [0x80, 0x01];
///
///     fn unwrap(&self, name: &[u8]) -> Result<[u8; 32], SlotError> {
///         // The call to the service.
///         if name == b"archive-2026" { Ok([7; 32]) } else { Err("the service refuses".into()) }
///     }
/// }
///
/// impl KeyOpener for Kms {
///     fn open_key(
///         &self,
///         sections: &[Section],
///         fits: &mut dyn FnMut(&StreamKey) -> bool,
///     ) -> Result<StreamKey, SlotError> {
///         for name in sections.iter().filter_map(|slot| slot.body.strip_prefix(&Self::KIND)) {
///             let key = StreamKey::from_bytes(self.unwrap(name)?);
///             if fits(&key) {
///                 return Ok(key);
///             }
///         }
///         Err("the stream has no slot of this service".into())
///     }
/// }
///
/// let slots = [Section { kind: 1, body: [&Kms::KIND[..], b"archive-2026"].concat() }];
/// assert!(Kms.open_key(&slots, &mut |_| true).is_ok());
/// ```
pub trait KeyOpener {
    /// The first key in the slots of these sections that passes the test `fits`, which compares it
    /// with the commitment of the header.
    ///
    /// # Errors
    /// Why there is none.
    fn open_key(
        &self,
        sections: &[Section],
        fits: &mut dyn FnMut(&StreamKey) -> bool,
    ) -> Result<StreamKey, SlotError>;
}

impl<F> KeyOpener for F
where
    F: Fn(&[Section], &mut dyn FnMut(&StreamKey) -> bool) -> Result<StreamKey, SlotError> + ?Sized,
{
    fn open_key(
        &self,
        sections: &[Section],
        fits: &mut dyn FnMut(&StreamKey) -> bool,
    ) -> Result<StreamKey, SlotError> {
        self(sections, fits)
    }
}
