//! Key slots in words: what can be said of them without a key.

use sv2_keys::{SlotContent, SlotInfo, StanzaKind};

use crate::report::hex;

/// What a slot is, without whose it is.
pub(crate) fn slot_text(slot: &SlotInfo) -> String {
    match &slot.content {
        SlotContent::Age(stanzas) => stanzas.iter().map(stanza_text).collect::<Vec<_>>().join(", "),
        SlotContent::Other(kind) => format!("of kind {kind}, which this program does not know"),
        _ => "malformed".to_owned(),
    }
}

fn stanza_text(stanza: &StanzaKind) -> String {
    match stanza {
        StanzaKind::X25519 => "X25519 (age1..)".into(),
        StanzaKind::Scrypt { log_n } => format!("passphrase (scrypt, N = 2^{log_n})"),
        StanzaKind::SshEd25519 { fingerprint } => format!("ssh-ed25519 {}", hex(fingerprint)),
        StanzaKind::SshRsa { fingerprint } => format!("ssh-rsa {}", hex(fingerprint)),
        StanzaKind::P256Tag => "P-256 on hardware (age1tag1..)".into(),
        StanzaKind::MlKem768P256Tag => "ML-KEM-768 and P-256 on hardware (age1tagpq1..)".into(),
        StanzaKind::MlKem768X25519 => "ML-KEM-768 and X25519 (age1pq1..)".into(),
        StanzaKind::Other(kind) => format!("of type {}", kind.escape_default()),
        _ => "of another type".into(),
    }
}
