//! Key slots from the outside: every kind of recipient, every rule of opening, and the stock `age`.
//!
//! The keys in `tests/data` were made for these tests and open nothing else.

mod describing;
mod files;
mod opening;
#[cfg(unix)]
mod plugins;
mod recipients;
mod stock;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use sv2_crypto::StreamKey;
use sv2_headers::Section;
use sv2_keys::{
    Identity, KeysError, NoPrompt, Passphrase, PassphrasePurpose, PassphraseSource, Prompt,
    READER_MAX_LOG_N, Recipient, SlotOpener, generate_identity, parse_identities,
    read_identity_file, seal_passphrase_slot, seal_slot,
};

/// Small enough for tests: a millisecond.
const LOG_N: u8 = 6;

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn key(seed: u8) -> StreamKey {
    StreamKey::from_bytes(std::array::from_fn(|i| seed.wrapping_add(i as u8)))
}

fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(text.to_owned()).unwrap()
}

fn no_prompt() -> Arc<dyn Prompt> {
    Arc::new(NoPrompt)
}

/// An X25519 identity and its recipient.
fn x25519() -> (Vec<Identity>, Recipient) {
    let generated = generate_identity();
    let identities = parse_identities(generated.expose_text().as_bytes(), Path::new("test"));
    (identities.unwrap(), generated.recipient().clone())
}

fn identities(name: &str) -> Vec<Identity> {
    read_identity_file(&data(name)).unwrap()
}

fn recipient(name: &str) -> Recipient {
    sv2_keys::read_recipients_file(&data(name)).unwrap().remove(0)
}

fn seal(key: &StreamKey, recipient: &Recipient) -> Section {
    seal_slot(key, recipient, &no_prompt()).unwrap()
}

fn seal_passphrase(key: &StreamKey, text: &str) -> Section {
    seal_passphrase_slot(key, &passphrase(text), LOG_N).unwrap()
}

fn opener(identities: Vec<Identity>, passphrase: PassphraseSource) -> SlotOpener {
    SlotOpener { identities, passphrase, max_log_n: READER_MAX_LOG_N, prompt: no_prompt() }
}

/// Opens with a commitment that only `wanted` matches.
fn open(opener: &SlotOpener, slots: &[Section], wanted: &StreamKey) -> Result<(), KeysError> {
    let found = opener.open(slots, &mut |key| key.expose() == wanted.expose())?;
    assert_eq!(found.expose(), wanted.expose());
    Ok(())
}

/// Answers every passphrase question alike and writes down what was asked.
struct Canned {
    answer: &'static str,
    asked: Mutex<Vec<String>>,
}

impl Canned {
    fn new(answer: &'static str) -> Arc<Self> {
        Arc::new(Self { answer, asked: Mutex::new(Vec::new()) })
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Prompt for Canned {
    fn passphrase(&self, purpose: PassphrasePurpose<'_>) -> Option<Passphrase> {
        let asked = match purpose {
            PassphrasePurpose::Stream => "stream".to_owned(),
            PassphrasePurpose::IdentityFile(path) | PassphrasePurpose::SshKey(path) => {
                path.file_name().unwrap().to_string_lossy().into_owned()
            }
            _ => "plugin".to_owned(),
        };
        self.asked.lock().unwrap().push(asked);
        Passphrase::new(self.answer.to_owned()).ok()
    }

    fn message(&self, _: &str) {}

    fn confirm(&self, _: &str, _: &str, _: Option<&str>) -> Option<bool> {
        None
    }

    fn text(&self, _: &str) -> Option<String> {
        None
    }
}
