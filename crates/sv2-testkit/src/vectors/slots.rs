//! Key slots: their structure, read with a raw key, and age files that really open.

use super::age_files::{
    IDENTITY, IDENTITY_OTHER, MULTIPLE, PASSPHRASE, SCRYPT, X25519, X25519_OTHER,
};
use super::base::{bad, sound, tiny};
use super::encode::unhex;
use super::model::{StreamCase, Vector};
use crate::reference::Params;

/// Slots that are sound, and slots that break a rule of section 3.3.
pub(super) fn vectors() -> Vec<Vector> {
    let mut vectors = good();
    vectors.extend(broken());
    vectors
}

/// A slot of kind 1.
pub(super) fn age_slot(file: &[u8]) -> (u16, Vec<u8>) {
    (1, [&[0, 1], file].concat())
}

/// A slot of another kind.
pub(super) fn other_slot(kind: u16) -> (u16, Vec<u8>) {
    (1, [&kind.to_be_bytes()[..], b"opaque"].concat())
}

/// The age file with one text replaced by another, which is not shorter than it matters.
pub(super) fn edited(file: &str, from: &str, to: &str) -> Vec<u8> {
    let file = unhex(file);
    let from = from.as_bytes();
    let at = file.windows(from.len()).position(|window| window == from);
    let at = at.unwrap_or_else(|| panic!("the file does not say {from:?}"));
    [&file[..at], to.as_bytes(), &file[at + from.len()..]].concat()
}

pub(super) fn slotted(sections: Vec<(u16, Vec<u8>)>) -> StreamCase {
    let needed: usize = 96 + 40 + sections.iter().map(|(_, body)| 6 + body.len()).sum::<usize>();
    let header_len = needed.next_multiple_of(64).max(256) as u32;
    sound(&Params { slotted: true, sections, header_len, ..tiny() }, 600)
}

fn good() -> Vec<Vector> {
    let x25519 = || age_slot(&unhex(X25519));
    let scrypt = || age_slot(&unhex(SCRYPT));
    let high = || age_slot(&edited(SCRYPT, " 18\n", " 30\n"));
    let identity = || vec![("identity", IDENTITY.to_owned())];
    let passphrase = || ("passphrase", PASSPHRASE.to_owned());
    let refused = || {
        let outcome = "NoKeyFits, slot 0 skipped for its work factor of 30".to_owned();
        vec![passphrase(), ("with the passphrase alone", outcome)]
    };
    let cases = [
        ("x25519", vec![x25519()], identity()),
        ("scrypt", vec![scrypt()], vec![passphrase()]),
        ("scrypt-work-factor-too-high", vec![high()], refused()),
        ("two-stanzas-in-one-file", vec![age_slot(&unhex(MULTIPLE))], identity()),
        (
            "several",
            vec![x25519(), scrypt(), age_slot(&unhex(X25519_OTHER)), other_slot(9)],
            vec![("identity", IDENTITY_OTHER.to_owned()), passphrase()],
        ),
        ("repeated", vec![x25519(); 3], identity()),
        ("reserved-kind", vec![other_slot(2), other_slot(0x7FFF)], Vec::new()),
        ("private-kind", vec![other_slot(0x8000), other_slot(0xFFFF)], Vec::new()),
        ("empty-body-of-unknown-kind", vec![(1, vec![0x80, 0])], Vec::new()),
        ("sixty-four", vec![other_slot(0x8000); 64], Vec::new()),
        (
            "between-skippable-sections",
            vec![(0x8000, vec![1]), x25519(), (0x8001, vec![])],
            identity(),
        ),
    ];
    cases
        .into_iter()
        .map(|(name, sections, notes)| {
            let mut case = StreamCase { notes, ..slotted(sections) };
            case.read_sound();
            case.named(format!("slots-{name}"), "slots", "Sound key slots, read with the raw key.")
        })
        .collect()
}

fn broken() -> Vec<Vector> {
    let x25519 = unhex(X25519);
    let scrypt = || age_slot(&unhex(SCRYPT));
    let mac_at =
        |text: &[u8]| text.windows(5).position(|window| window == b"\n--- ").map_or(0, |at| at + 1);
    let scrypt_stanza = {
        let file = unhex(SCRYPT);
        file[22..mac_at(&file)].to_vec()
    };
    let mixed = [&x25519[..22], &scrypt_stanza, &x25519[22..]].concat();
    let stanza_end = mac_at(&x25519);
    let without_stanza = [&x25519[..22], &x25519[stanza_end..]].concat();
    let edit = |from: &str, to: &str| age_slot(&edited(X25519, from, to));
    let factor = |to: &str| age_slot(&edited(SCRYPT, " 18\n", to));
    let cases = [
        ("two-scrypt", vec![scrypt(), scrypt()], "Malformed header"),
        ("scrypt-with-another-stanza", vec![age_slot(&mixed)], "Malformed header"),
        ("no-stanza", vec![age_slot(&without_stanza)], "Malformed header"),
        ("empty-file", vec![age_slot(b"")], "Malformed header"),
        ("one-byte-body", vec![(1, vec![0])], "Malformed header"),
        ("empty-body", vec![(1, Vec::new())], "Malformed header"),
        ("byte-after-the-file", vec![age_slot(&[&x25519[..], &[0]].concat())], "Malformed header"),
        ("payload-cut", vec![age_slot(&x25519[..x25519.len() - 1])], "Malformed header"),
        ("age-v2", vec![edit("org/v1", "org/v2")], "Malformed header"),
        ("carriage-return", vec![edit("org/v1\n", "org/v1\r\n")], "Malformed header"),
        ("padded-mac", vec![edit("L951U\n", "L951U=\n")], "Malformed header"),
        ("short-mac", vec![edit("L951U\n", "L951\n")], "Malformed header"),
        ("two-spaces", vec![edit("-> X25519 ", "-> X25519  ")], "Malformed header"),
        ("no-arguments", vec![edit("-> X25519 ", "->  ")], "Malformed header"),
        ("stanza-of-non-canonical-base64", vec![edit("67z/vA\n", "67z/vB\n")], "Malformed header"),
        ("mac-of-non-canonical-base64", vec![edit("L951U\n", "L951V\n")], "Malformed header"),
        // F-335: sections are judged one by one before any age file.
        (
            "broken-in-front-of-an-unknown-section",
            vec![age_slot(b""), (9, vec![2])],
            "Unsupported header",
        ),
        ("work-factor-with-leading-zero", vec![factor(" 018\n")], "Malformed header"),
        ("work-factor-0", vec![factor(" 0\n")], "Malformed header"),
        ("work-factor-of-three-digits", vec![factor(" 100\n")], "Malformed header"),
        ("work-factor-no-number", vec![factor(" 1x\n")], "Malformed header"),
        ("sixty-five", vec![other_slot(0x8000); 65], "Limit"),
        ("sound-and-then-broken", vec![age_slot(&x25519), (1, vec![0])], "Malformed header"),
    ];
    let mut vectors: Vec<Vector> = cases
        .into_iter()
        .map(|(name, sections, error)| {
            let case = StreamCase { origin: None, ..slotted(sections) };
            let scenario = "A key slot breaks a rule, which a reader with the raw key checks too.";
            bad(case, &format!("slots-{name}"), "slots", scenario, [error; 2])
        })
        .collect();
    let unflagged = Params { sections: vec![other_slot(0x8000)], ..tiny() };
    let case = StreamCase { origin: None, ..sound(&unflagged, 600) };
    vectors.push(bad(
        case,
        "slots-without-the-flag",
        "slots",
        "A slot in a stream whose slotted flag is clear.",
        ["Malformed header"; 2],
    ));
    let mut wrong = slotted(vec![age_slot(b"")]);
    wrong.origin = None;
    wrong.key[0] ^= 1;
    vectors.push(bad(
        wrong,
        "slots-broken-and-wrong-key",
        "slots",
        "The structure of slots is judged before the key.",
        ["Malformed header"; 2],
    ));
    vectors
}
