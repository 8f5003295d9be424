//! Finding the stream key in the slots of a header (sections 3 and 8 of `docs/format.md`).
//!
//! All structure is checked before any key is derived or any question asked.

use std::io::Read;
use std::sync::Arc;

use age::secrecy::zeroize::Zeroizing;
use age::{DecryptError, Decryptor, scrypt};
use sv2_crypto::{KeyOpener, SlotError, StreamKey};
use sv2_headers::{AgeSlot, MAX_SLOTS, SLOT_KIND_AGE, Section, age_slot};

use crate::describe::{StanzaKind, stanzas};
use crate::identity::Kind;
use crate::{
    Identity, KeysError, NoKeyFits, Passphrase, PassphrasePurpose, Prompt, memory, plugin, ssh,
};

/// Binary logarithm of the largest scrypt N that is accepted without the user's word: 1 GiB.
pub const READER_MAX_LOG_N: u8 = 20;
/// Binary logarithm of the largest scrypt N that is accepted at all: 16 GiB.
pub const MAX_LOG_N: u8 = 24;

/// Where the passphrase for a passphrase slot comes from.
pub enum PassphraseSource {
    /// There is none; passphrase slots are left alone.
    None,
    /// It is known.
    Given(Passphrase),
    /// The prompt is asked for it, once, if there is a passphrase slot within the limit and no
    /// identity opened a slot before.
    Ask,
}

/// Everything that slots are tried with.
pub struct SlotOpener {
    /// The identities, in the order in which they are tried.
    pub identities: Vec<Identity>,
    /// The passphrase, tried after them.
    pub passphrase: PassphraseSource,
    /// Binary logarithm of the largest scrypt N to accept, [`READER_MAX_LOG_N`] unless the user
    /// raised it; above [`MAX_LOG_N`] it counts as that.
    pub max_log_n: u8,
    /// Whom locked identities, plugins and [`PassphraseSource::Ask`] ask.
    pub prompt: Arc<dyn Prompt>,
}

/// A key and the slot that held it.
#[derive(Debug)]
pub struct OpenedSlot {
    /// The slot, counted from 0 over the slots.
    pub slot: usize,
    /// The stream key.
    pub key: StreamKey,
}

/// One age slot whose structure was checked.
struct Slot<'a> {
    /// Counted from 0 over the slots of every kind.
    number: usize,
    bytes: &'a [u8],
    stanzas: Vec<StanzaKind>,
    form: AgeSlot,
}

impl KeyOpener for SlotOpener {
    fn open_key(
        &self,
        sections: &[Section],
        fits: &mut dyn FnMut(&StreamKey) -> bool,
    ) -> Result<StreamKey, SlotError> {
        Ok(self.open(sections, fits)?)
    }
}

impl SlotOpener {
    /// Tries the slots until one opens to a key for which `fits` is true, and returns that key.
    ///
    /// First every slot, in order, with the identities that need no question; then with each
    /// identity that may ask (locked files and SSH keys, plugins); the passphrase comes last,
    /// because it costs a question and a second.
    /// A slot that opens to a key that does not fit, or to anything but 32 bytes, is skipped.
    /// A slot of a kind other than age's is skipped.
    /// A passphrase slot over the limit is left unopened and named if nothing else opens.
    ///
    /// `fits` compares the key with the stream's commitment; it is called for every key found.
    ///
    /// # Errors
    /// `Malformed`, `TooManySlots` and `SecondPassphraseSlot` before anything is tried.
    /// `WrongPassphrase` where a passphrase was all there was to try, and it did not open its
    /// slot; otherwise `NoKeyFits`.
    pub fn open(
        &self,
        sections: &[Section],
        fits: &mut dyn FnMut(&StreamKey) -> bool,
    ) -> Result<StreamKey, KeysError> {
        self.open_slot(sections, fits).map(|opened| opened.key)
    }

    /// As [`SlotOpener::open`], and says which slot it was.
    ///
    /// # Errors
    /// As [`SlotOpener::open`].
    pub fn open_slot(
        &self,
        sections: &[Section],
        fits: &mut dyn FnMut(&StreamKey) -> bool,
    ) -> Result<OpenedSlot, KeysError> {
        let mut report = NoKeyFits::default();
        let slots = checked_slots(sections, &mut report)?;
        let mut search = Search { fits, report };

        let (quiet, asking): (Vec<&Identity>, Vec<&Identity>) =
            self.identities.iter().partition(|identity| is_quiet(identity));
        search.report.identities = self.identities.len();
        let public: Vec<&Slot<'_>> =
            slots.iter().filter(|slot| slot.form == AgeSlot::Recipients).collect();
        for slot in &public {
            for identity in &quiet {
                if let Some(opened) = search.identity(identity, &[*slot], &self.prompt) {
                    return Ok(opened);
                }
            }
        }
        for identity in &asking {
            if let Some(opened) = search.identity(identity, &public, &self.prompt) {
                return Ok(opened);
            }
        }
        let mut wrong_passphrase = false;
        for slot in &slots {
            let AgeSlot::Scrypt { log_n } = slot.form else { continue };
            search.report.has_passphrase_slot = true;
            if log_n > self.limit() {
                search.report.skipped_over_limit.push(log_n);
                continue;
            }
            let Some(secret) = self.secret() else { continue };
            search.report.passphrase_tried = true;
            // Not before somebody has answered: others would wait for their memory until then, and
            // a prompt that derives a key itself for ever.
            let _promise = memory::promise(log_n)?;
            match self.passphrase(&secret, slot, &mut search) {
                Ok(Some(opened)) => return Ok(opened),
                Ok(None) => {}
                Err(DecryptError::DecryptionFailed) => wrong_passphrase = true,
                Err(error) => search.note(KeysError::Age { source: error.into() }),
            }
        }
        if wrong_passphrase && (self.identities.is_empty() || public.is_empty()) {
            return Err(KeysError::WrongPassphrase);
        }
        Err(KeysError::NoKeyFits(Box::new(search.report)))
    }

    fn limit(&self) -> u8 {
        self.max_log_n.min(MAX_LOG_N)
    }

    /// The passphrase, if there is one, asked for where nobody gave it.
    fn secret(&self) -> Option<Passphrase> {
        match &self.passphrase {
            PassphraseSource::None => None,
            PassphraseSource::Given(passphrase) => Some(passphrase.duplicate()),
            PassphraseSource::Ask => self.prompt.passphrase(PassphrasePurpose::Stream),
        }
    }

    /// Tries the passphrase on its slot.
    fn passphrase(
        &self,
        secret: &Passphrase,
        slot: &Slot<'_>,
        search: &mut Search<'_>,
    ) -> Result<Option<OpenedSlot>, DecryptError> {
        let mut failed = DecryptError::DecryptionFailed;
        for form in secret.forms() {
            let mut identity = scrypt::Identity::new(form);
            identity.set_max_work_factor(self.limit());
            match search.attempt(slot, &identity) {
                Err(error @ DecryptError::DecryptionFailed) => failed = error,
                done => return done,
            }
        }
        Err(failed)
    }
}

/// Whether an identity opens a slot without a question and without another program.
fn is_quiet(identity: &Identity) -> bool {
    matches!(identity.kind, Kind::X25519(_) | Kind::Ssh(_))
}

/// Checks every slot's structure and the rules that bind slots to one another.
fn checked_slots<'a>(
    sections: &'a [Section],
    report: &mut NoKeyFits,
) -> Result<Vec<Slot<'a>>, KeysError> {
    let mut slots = Vec::new();
    let (mut count, mut passphrases) = (0, 0);
    for section in sections.iter().filter(|section| section.kind == sv2_headers::SECTION_SLOT) {
        let malformed = |what| KeysError::Malformed { slot: count, what };
        let (kind, bytes) = section.as_slot().ok_or_else(|| malformed("no slot kind"))?;
        if kind == SLOT_KIND_AGE {
            let form = age_slot(bytes).ok_or_else(|| malformed("age file"))?;
            let stanzas = stanzas(bytes).ok_or_else(|| malformed("age file"))?;
            passphrases += usize::from(matches!(form, AgeSlot::Scrypt { .. }));
            slots.push(Slot { number: count, bytes, stanzas, form });
        } else {
            report.other_slots += 1;
        }
        count += 1;
    }
    if count > MAX_SLOTS {
        return Err(KeysError::TooManySlots { count, max: MAX_SLOTS });
    }
    if passphrases > 1 {
        return Err(KeysError::SecondPassphraseSlot);
    }
    report.age_slots = slots.len();
    for stanza in slots.iter().flat_map(|slot| &slot.stanzas) {
        let kind = stanza.name();
        if !report.slot_kinds.contains(&kind) {
            report.slot_kinds.push(kind);
        }
    }
    Ok(slots)
}

/// A search in progress.
struct Search<'a> {
    fits: &'a mut dyn FnMut(&StreamKey) -> bool,
    report: NoKeyFits,
}

impl Search<'_> {
    /// Tries one identity on slots in order, unlocking it if one of them needs that.
    fn identity(
        &mut self,
        identity: &Identity,
        slots: &[&Slot<'_>],
        prompt: &Arc<dyn Prompt>,
    ) -> Option<OpenedSlot> {
        if slots.is_empty() {
            return None;
        }
        match &identity.kind {
            Kind::X25519(key) => self.first(slots, key.as_ref(), None),
            Kind::Ssh(key) => self.first(slots, ssh::as_age(key), None),
            Kind::LockedSsh(key) => {
                let named: Vec<_> =
                    slots.iter().copied().filter(|slot| slot.names(key.fingerprint())).collect();
                if named.is_empty() {
                    return None;
                }
                match key.unlock(identity.origin(), prompt) {
                    Ok(opened) => self.first(&named, ssh::as_age(opened), None),
                    Err(error) => {
                        self.note(error.into());
                        None
                    }
                }
            }
            Kind::LockedFile(file) => match file.unlock(identity.origin(), prompt) {
                Ok(inner) => inner.iter().find_map(|inner| self.identity(inner, slots, prompt)),
                Err(error) => {
                    self.note(error.into());
                    None
                }
            },
            Kind::Plugin(plugin) => {
                let name = Some(plugin.plugin());
                let open = |connected: &dyn age::Identity| self.first(slots, connected, name);
                match plugin::with_identity(plugin, prompt, open) {
                    Ok(found) => found,
                    Err(error) => {
                        self.note(error);
                        None
                    }
                }
            }
        }
    }

    /// The first key that fits; failures on the way are noted.
    fn first(
        &mut self,
        slots: &[&Slot<'_>],
        identity: &dyn age::Identity,
        plugin: Option<&str>,
    ) -> Option<OpenedSlot> {
        for slot in slots {
            match self.attempt(slot, identity) {
                Ok(None) => {}
                Ok(found) => return found,
                Err(error) => self.note(failure(error, plugin)),
            }
        }
        None
    }

    /// Keeps the first failure for the report.
    fn note(&mut self, error: KeysError) {
        self.report.first_failure.get_or_insert_with(|| Box::new(error));
    }

    /// The key of this slot, if the identity opens it and the key fits.
    fn attempt(
        &mut self,
        slot: &Slot<'_>,
        identity: &dyn age::Identity,
    ) -> Result<Option<OpenedSlot>, DecryptError> {
        let decryptor = Decryptor::new_buffered(slot.bytes)?;
        let payload = match decryptor.decrypt(std::iter::once(identity)) {
            Err(DecryptError::NoMatchingKeys) => return Ok(None),
            opened => opened?,
        };
        let Some(key) = read_key(payload) else {
            self.report.unusable_slots += 1;
            return Ok(None);
        };
        if (self.fits)(&key) {
            return Ok(Some(OpenedSlot { slot: slot.number, key }));
        }
        self.report.refused_keys += 1;
        Ok(None)
    }
}

fn failure(error: DecryptError, plugin: Option<&str>) -> KeysError {
    match plugin {
        Some(name) => KeysError::Plugin { name: name.to_owned(), source: error.into() },
        None => KeysError::Age { source: error.into() },
    }
}

impl Slot<'_> {
    /// Whether a stanza names the SSH key with this fingerprint.
    fn names(&self, wanted: [u8; 4]) -> bool {
        self.stanzas.iter().any(|stanza| match stanza {
            StanzaKind::SshEd25519 { fingerprint } | StanzaKind::SshRsa { fingerprint } => {
                *fingerprint == wanted
            }
            _ => false,
        })
    }
}

/// Reads a payload of exactly 32 bytes; never more than 33 are read.
fn read_key(payload: impl Read) -> Option<StreamKey> {
    let mut bytes = Zeroizing::new(vec![0; 33]);
    let mut payload = payload.take(33);
    let mut len = 0;
    loop {
        match payload.read(bytes.get_mut(len..)?) {
            Ok(0) => break,
            Ok(count) => len += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
    StreamKey::from_slice(&bytes[..len])
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use super::*;

    /// A prompt that derives a key of its own before it answers, for which there is no memory.
    struct Deriving;

    impl Prompt for Deriving {
        fn message(&self, _: &str) {}

        fn confirm(&self, _: &str, _: &str, _: Option<&str>) -> Option<bool> {
            None
        }

        fn text(&self, _: &str) -> Option<String> {
            None
        }

        fn passphrase(&self, _: PassphrasePurpose<'_>) -> Option<Passphrase> {
            let refused = memory::promise(50).map(drop);
            assert!(matches!(refused, Err(KeysError::Memory { .. })));
            Passphrase::new("right".to_owned()).ok()
        }
    }

    /// Whoever is asked holds no memory meanwhile, so that a prompt may derive as well.
    #[test]
    fn a_prompt_that_derives_a_key_itself_does_not_wait_for_the_slot_it_is_asked_for() {
        let key = StreamKey::from_bytes([1; 32]);
        let secret = Passphrase::new("right".to_owned()).expect("a passphrase");
        let slot = crate::seal_passphrase_slot(&key, &secret, 6).expect("a slot");
        let (done, opened) = mpsc::channel();
        // Where it waits for itself, it does so for ever, and only this thread goes on.
        thread::spawn(move || {
            let opener = SlotOpener {
                identities: Vec::new(),
                passphrase: PassphraseSource::Ask,
                max_log_n: READER_MAX_LOG_N,
                prompt: Arc::new(Deriving),
            };
            let found = opener.open(&[slot], &mut |key| key.expose() == &[1; 32]);
            done.send(found.is_ok()).expect("somebody waits");
        });
        assert_eq!(opened.recv_timeout(Duration::from_secs(60)), Ok(true));
    }
}
