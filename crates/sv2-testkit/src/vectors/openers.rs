//! Key slots that are opened: by an identity, by a passphrase, and by neither.
//!
//! The reference opens no age files: how these readings end is written here, from section 3.3.

use super::age_files::{
    IDENTITY, IDENTITY_OTHER, MULTIPLE, PASSPHRASE, SCRYPT, SCRYPT_FAST, SCRYPT_FAST_WRONG_KEY,
    X25519, X25519_OTHER, X25519_WRONG_KEY,
};
use super::base::tiny;
use super::changed::copy_start;
use super::encode::unhex;
use super::model::{Mode, Named, Opener, Reading, StreamCase, Vector, Verdict};
use super::slots::{age_slot, edited, other_slot, slotted};
use crate::mutate::flip;
use crate::reference::FailureKind;

/// One case: name, stream, what the reader has, and how pipe and seekable reader end.
struct Case {
    name: &'static str,
    scenario: &'static str,
    stream: StreamCase,
    opener: Opener,
    ends: [End; 2],
}

/// How one reading ends.
#[derive(Clone, Copy)]
enum End {
    /// As for a reader that was given the stream key.
    AsWithTheKey,
    /// With this error, which names no unit or the header.
    Failed(FailureKind),
}

use End::{AsWithTheKey, Failed};

const OPENS: [End; 2] = [AsWithTheKey; 2];
const NO_KEY: [End; 2] = [Failed(FailureKind::NoKeyFits); 2];
const WRONG_KEY: [End; 2] = [Failed(FailureKind::WrongKeyOrContext); 2];

fn identity() -> Opener {
    Opener { identities: vec![IDENTITY], passphrase: None }
}

fn other_identity() -> Opener {
    Opener { identities: vec![IDENTITY_OTHER], passphrase: None }
}

fn passphrase(text: &'static str) -> Opener {
    Opener { identities: Vec::new(), passphrase: Some(text) }
}

fn slot(file: &str) -> (u16, Vec<u8>) {
    age_slot(&unhex(file))
}

/// Readings without the stream key.
pub(super) fn vectors() -> Vec<Vector> {
    let mut cases = opening();
    cases.extend(refusing());
    cases.extend(damaged());
    cases.into_iter().map(vector).collect()
}

fn vector(case: Case) -> Vector {
    let mut stream = case.stream;
    for (mode, end) in [Mode::Pipe, Mode::Seekable].into_iter().zip(case.ends) {
        match end {
            AsWithTheKey => {
                stream.read(mode);
            }
            Failed(kind) => {
                let named = match kind {
                    FailureKind::ChecksumMismatch => {
                        Named { unit: Some("header"), ..Named::NOTHING }
                    }
                    _ => Named::NOTHING,
                };
                let verdict = Verdict::Failed(kind, named, None);
                stream.readings.push(Reading { mode, verdict, released: Vec::new() });
            }
        }
    }
    stream.origin = None;
    stream.opener = Some(case.opener);
    stream.named(format!("opened-{}", case.name), "slots", case.scenario)
}

fn case(
    name: &'static str,
    scenario: &'static str,
    sections: Vec<(u16, Vec<u8>)>,
    opener: Opener,
    ends: [End; 2],
) -> Case {
    Case { name, scenario, stream: slotted(sections), opener, ends }
}

fn opening() -> Vec<Case> {
    let both = Opener { identities: vec![IDENTITY_OTHER, IDENTITY], passphrase: None };
    vec![
        case("x25519", "One slot and its identity.", vec![slot(X25519)], identity(), OPENS),
        case(
            "scrypt",
            "A passphrase slot of the default work factor.",
            vec![slot(SCRYPT)],
            passphrase(PASSPHRASE),
            OPENS,
        ),
        case(
            "scrypt-fast",
            "A passphrase slot of a small work factor, which readers accept.",
            vec![slot(SCRYPT_FAST)],
            passphrase(PASSPHRASE),
            OPENS,
        ),
        case(
            "last-of-several",
            "The last of several slots is the reader's.",
            vec![other_slot(9), slot(SCRYPT_FAST), slot(X25519), slot(X25519_OTHER)],
            other_identity(),
            OPENS,
        ),
        case(
            "passphrase-behind-recipients",
            "A passphrase slot behind slots for others.",
            vec![slot(X25519_OTHER), slot(X25519), slot(SCRYPT_FAST)],
            passphrase(PASSPHRASE),
            OPENS,
        ),
        case(
            "second-identity",
            "The second identity of the reader opens the slot.",
            vec![slot(X25519)],
            both,
            OPENS,
        ),
        case(
            "two-stanzas",
            "An age file for two recipients.",
            vec![slot(MULTIPLE)],
            other_identity(),
            OPENS,
        ),
        case(
            "behind-a-slot-of-another-stream",
            "A slot opens to a key that does not match the commitment, and the next one matches.",
            vec![slot(X25519_WRONG_KEY), slot(X25519)],
            identity(),
            OPENS,
        ),
        case(
            "behind-a-broken-age-file",
            "A slot whose payload was altered does not open, and the next one does.",
            vec![age_slot(&altered(X25519)), slot(X25519)],
            identity(),
            OPENS,
        ),
        case(
            "beside-a-work-factor-too-high",
            "A passphrase slot beyond the limit is skipped, and an identity opens the next one.",
            vec![age_slot(&edited(SCRYPT, " 18\n", " 30\n")), slot(X25519)],
            Opener { passphrase: Some(PASSPHRASE), ..identity() },
            OPENS,
        ),
    ]
}

fn refusing() -> Vec<Case> {
    let factor = |to: &str| vec![age_slot(&edited(SCRYPT, " 18\n", to))];
    let mut other_context = slotted(vec![slot(X25519)]);
    other_context.context.push(0);
    vec![
        case(
            "no-identity-of-it",
            "The slot is for another identity.",
            vec![slot(X25519)],
            other_identity(),
            NO_KEY,
        ),
        case(
            "wrong-passphrase",
            "The passphrase is another one.",
            vec![slot(SCRYPT_FAST)],
            passphrase("vectors are secret"),
            NO_KEY,
        ),
        case(
            "identity-for-a-passphrase-slot",
            "An identity, and a passphrase slot alone.",
            vec![slot(SCRYPT_FAST)],
            identity(),
            NO_KEY,
        ),
        case(
            "passphrase-for-a-recipient",
            "A passphrase, and a recipient's slot alone.",
            vec![slot(X25519)],
            passphrase(PASSPHRASE),
            NO_KEY,
        ),
        case(
            "work-factor-21",
            "A work factor just above the limit is skipped without being run.",
            factor(" 21\n"),
            passphrase(PASSPHRASE),
            NO_KEY,
        ),
        case(
            "work-factor-99",
            "The largest work factor that the structure allows is skipped.",
            factor(" 99\n"),
            passphrase(PASSPHRASE),
            NO_KEY,
        ),
        case(
            "unknown-kinds-alone",
            "Slots of unknown kinds are skipped, and nothing opens.",
            vec![other_slot(2), other_slot(0x8000)],
            Opener { passphrase: Some(PASSPHRASE), ..identity() },
            NO_KEY,
        ),
        case(
            "no-slot",
            "A slotted stream without any slot, and no raw key.",
            Vec::new(),
            identity(),
            NO_KEY,
        ),
        case(
            "altered-payload",
            "The payload of the only age file was altered by someone who sealed the header.",
            vec![age_slot(&altered(X25519))],
            identity(),
            NO_KEY,
        ),
        case(
            "key-of-another-stream",
            "The only slot opens, to a key of another stream.",
            vec![slot(X25519_WRONG_KEY)],
            identity(),
            WRONG_KEY,
        ),
        case(
            "passphrase-to-the-key-of-another-stream",
            "The passphrase opens its slot, to a key of another stream.",
            vec![slot(SCRYPT_FAST_WRONG_KEY)],
            passphrase(PASSPHRASE),
            WRONG_KEY,
        ),
        Case {
            name: "another-context",
            scenario: "The slot opens to the stream key, and the context is another one.",
            stream: other_context,
            opener: identity(),
            ends: WRONG_KEY,
        },
    ]
}

/// Streams of which a header is damaged, or in the middle of a change.
fn damaged() -> Vec<Case> {
    let sound = slotted(vec![slot(X25519)]);
    let payload = 96 + 6 + 2 + unhex(X25519).len() - 1;
    let copy = copy_start(&sound);
    let front_flipped = sound.with_stream(flip(&sound.stream, payload, 1));
    let both_flipped = sound.with_stream(flip(&front_flipped.stream, copy + payload, 1));
    let mut added = sound.clone();
    let renewed = {
        let sections = vec![slot(X25519_OTHER)];
        let header_len = copy_len(&sound) as u32;
        let params = crate::reference::Params { revision: 1, slotted: true, sections, ..tiny() };
        super::base::sound(&crate::reference::Params { header_len, ..params }, 600).stream
    };
    let header = copy_len(&sound);
    added.stream[copy..copy + header].copy_from_slice(&renewed[..header]);
    // F-328, the reverse: the key comes out of the copy, and the front under it is the newer one.
    let mut renewed_front = sound.clone();
    renewed_front.stream[..header].copy_from_slice(&renewed[..header]);
    vec![
        Case {
            name: "by-the-copy-for-a-newer-front",
            scenario: "The copy alone has the reader's slot, and the front under its key is newer.",
            stream: renewed_front,
            opener: identity(),
            ends: [Failed(FailureKind::NoKeyFits), AsWithTheKey],
        },
        Case {
            name: "by-the-copy",
            scenario: "The slot in the front header is damaged, and that of the copy opens.",
            stream: front_flipped,
            opener: identity(),
            ends: [Failed(FailureKind::ChecksumMismatch), AsWithTheKey],
        },
        Case {
            name: "damaged-in-both-headers",
            scenario: "No slot opens, since both headers are damaged, which the checksum tells.",
            stream: both_flipped,
            opener: identity(),
            ends: [Failed(FailureKind::ChecksumMismatch); 2],
        },
        Case {
            name: "by-a-recipient-that-was-added",
            scenario: "A header rewrite stopped after the copy, which has the reader's slot.",
            stream: added,
            opener: other_identity(),
            ends: [Failed(FailureKind::NoKeyFits), AsWithTheKey],
        },
    ]
}

fn copy_len(case: &StreamCase) -> usize {
    case.origin.as_ref().map_or(0, |origin| origin.params.header_len as usize)
}

/// The age file with the last byte of its payload's tag altered.
fn altered(file: &str) -> Vec<u8> {
    let file = unhex(file);
    let last = file.len() - 1;
    flip(&file, last, 1)
}
