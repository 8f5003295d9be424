//! Making key slots, and the rules that bind who writes them (section 3 of `docs/format.md`).

use std::io::{self, Write};
use std::sync::Arc;

use age::{Encryptor, scrypt};
use sv2_crypto::StreamKey;
use sv2_headers::{MAX_SLOTS, SLOT_KIND_AGE, Section, age_slot};

use crate::describe::{SlotContent, StanzaKind, describe_slots};
use crate::open::READER_MAX_LOG_N;
use crate::{KeysError, Passphrase, Prompt, Recipient};

/// Binary logarithm of scrypt's N in the passphrase slots that are written: 256 MiB, about a second.
pub const WRITER_LOG_N: u8 = 18;

/// Whether post-quantum and classical slots may stand side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlotMixing {
    /// They may not: a stream is as weak as its weakest slot.
    Refuse,
    /// They may, because the user said so.
    Force,
}

/// Seals the stream key into a slot for one recipient: one binary age file over its 32 bytes.
///
/// `prompt` is asked by plugins only.
///
/// # Errors
/// `Plugin` where the recipient's plugin is missing or fails, `Malformed` where it made something
/// that is no slot, `Age` where the age library fails.
pub fn seal_slot(
    key: &StreamKey,
    recipient: &Recipient,
    prompt: &Arc<dyn Prompt>,
) -> Result<Section, KeysError> {
    let sealed = recipient.with_age(prompt, |recipient| age_file(key, recipient))?;
    let bytes = sealed.map_err(|source| match recipient.plugin_name() {
        Some(name) => KeysError::Plugin { name: name.to_owned(), source },
        None => KeysError::Age { source },
    })?;
    slot(&bytes)
}

/// Seals the stream key into a slot for a passphrase.
///
/// `log_n` is the binary logarithm of scrypt's N, [`WRITER_LOG_N`] but for tests; sealing and
/// opening take 2^log_n KiB of memory.
///
/// # Errors
/// `WorkFactor` outside 1 to [`READER_MAX_LOG_N`], `Age` where the age library fails.
pub fn seal_passphrase_slot(
    key: &StreamKey,
    passphrase: &Passphrase,
    log_n: u8,
) -> Result<Section, KeysError> {
    if !(1..=READER_MAX_LOG_N).contains(&log_n) {
        return Err(KeysError::WorkFactor { log_n, max: READER_MAX_LOG_N });
    }
    let _promise = crate::memory::promise(log_n)?;
    let mut recipient = scrypt::Recipient::new(passphrase.to_secret());
    recipient.set_work_factor(log_n);
    slot(&age_file(key, &recipient).map_err(|source| KeysError::Age { source })?)
}

/// Checks the slots of a stream that is about to be written; other sections are passed over.
///
/// Whether a slot is post-quantum is read from its stanza types, because that is all that a slot
/// tells: the types of plugins that this crate does not know count as classical.
/// A passphrase slot counts as neither.
///
/// # Errors
/// `Malformed` for a slot that no reader accepts, `TooManySlots` above 64,
/// `SecondPassphraseSlot`, and `MixedSlots` unless forced.
pub fn check_writer_rules(sections: &[Section], mixing: SlotMixing) -> Result<(), KeysError> {
    let slots = describe_slots(sections);
    if slots.len() > MAX_SLOTS {
        return Err(KeysError::TooManySlots { count: slots.len(), max: MAX_SLOTS });
    }
    let (mut passphrases, mut classical, mut post_quantum) = (0, 0, 0);
    for info in &slots {
        match &info.content {
            SlotContent::Malformed => {
                return Err(KeysError::Malformed { slot: info.slot, what: "not a key slot" });
            }
            SlotContent::Other(_) => {}
            SlotContent::Age(stanzas) => {
                for stanza in stanzas {
                    match stanza {
                        StanzaKind::Scrypt { .. } => passphrases += 1,
                        StanzaKind::MlKem768P256Tag | StanzaKind::MlKem768X25519 => {
                            post_quantum += 1;
                        }
                        _ => classical += 1,
                    }
                }
            }
        }
    }
    if passphrases > 1 {
        return Err(KeysError::SecondPassphraseSlot);
    }
    if mixing == SlotMixing::Refuse && classical > 0 && post_quantum > 0 {
        return Err(KeysError::MixedSlots);
    }
    Ok(())
}

type BoxedError = Box<dyn std::error::Error + Send + Sync>;

fn age_file(key: &StreamKey, recipient: &dyn age::Recipient) -> Result<Vec<u8>, BoxedError> {
    let encryptor = Encryptor::with_recipients(std::iter::once(recipient))?;
    let write = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut payload = encryptor.wrap_output(&mut bytes)?;
        payload.write_all(key.expose())?;
        payload.finish()?;
        Ok(bytes)
    };
    Ok(write()?)
}

/// Wraps an age file that readers will accept.
fn slot(bytes: &[u8]) -> Result<Section, KeysError> {
    // A plugin chooses its stanzas; what it made may be no slot at all.
    if age_slot(bytes).is_none() {
        return Err(KeysError::Malformed { slot: 0, what: "the recipient's stanzas" });
    }
    Ok(Section::slot(SLOT_KIND_AGE, bytes))
}
