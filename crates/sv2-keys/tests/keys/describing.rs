//! What slots tell without a key, and the rules for who writes them.

use sv2_headers::{AgeSlot, SLOT_KIND_AGE, Section, age_slot};
use sv2_keys::{
    KeysError, SlotContent, SlotMixing, StanzaKind, check_writer_rules, describe_slots,
    seal_passphrase_slot,
};

use crate::*;

/// One slot for each kind of recipient that needs no other program.
fn all_kinds() -> Vec<(Section, StanzaKind)> {
    let ssh = |name: &str| recipient(name).ssh_fingerprint().unwrap();
    let kinds = [
        (x25519().1, StanzaKind::X25519),
        (
            recipient("ssh_ed25519.pub"),
            StanzaKind::SshEd25519 { fingerprint: ssh("ssh_ed25519.pub") },
        ),
        (recipient("ssh_rsa.pub"), StanzaKind::SshRsa { fingerprint: ssh("ssh_rsa.pub") }),
        (recipient("tag.txt"), StanzaKind::P256Tag),
        (recipient("tagpq.txt"), StanzaKind::MlKem768P256Tag),
    ];
    kinds.into_iter().map(|(to, stanza)| (seal(&key(1), &to), stanza)).collect()
}

/// F-324: a slot holds one recipient's stanza.
#[test]
fn every_slot_is_well_formed_and_tells_its_kind() {
    for (section, stanza) in all_kinds() {
        let (kind, bytes) = section.as_slot().unwrap();
        assert_eq!(kind, SLOT_KIND_AGE);
        assert_eq!(age_slot(bytes), Some(AgeSlot::Recipients), "{stanza:?}");
        let described = describe_slots(std::slice::from_ref(&section));
        assert_eq!(described[0].content, SlotContent::Age(vec![stanza]));
        assert_eq!(described[0].len, section.body.len());
    }
    let section = seal_passphrase(&key(1), "right");
    assert_eq!(age_slot(section.as_slot().unwrap().1), Some(AgeSlot::Scrypt { log_n: LOG_N }));
    let stanzas = vec![StanzaKind::Scrypt { log_n: LOG_N }];
    assert_eq!(describe_slots(&[section])[0].content, SlotContent::Age(stanzas));
}

#[test]
fn random_stanzas_of_the_age_library_never_break_a_slot() {
    let (_, to) = x25519();
    for _ in 0..200 {
        let section = seal(&key(1), &to);
        let described = describe_slots(std::slice::from_ref(&section));
        assert_eq!(described[0].content, SlotContent::Age(vec![StanzaKind::X25519]), "{section:?}");
    }
}

#[test]
fn slots_are_numbered_apart_from_other_sections() {
    let metadata = Section { kind: sv2_headers::SECTION_METADATA, body: vec![0; 40] };
    let (slot, _) = all_kinds().remove(0);
    let sections =
        [slot.clone(), metadata, Section::slot(2, b"kms"), Section::slot(SLOT_KIND_AGE, b"age")];
    let described = describe_slots(&sections);
    let places: Vec<_> = described.iter().map(|info| (info.slot, info.section)).collect();
    assert_eq!(places, [(0, 0), (1, 2), (2, 3)]);
    assert_eq!(described[1].content, SlotContent::Other(2));
    assert_eq!(described[2].content, SlotContent::Malformed);
}

/// F-325.
#[test]
fn post_quantum_and_classical_slots_are_mixed_only_by_force() {
    let (x25519, tagpq) = (seal(&key(1), &x25519().1), seal(&key(1), &recipient("tagpq.txt")));
    let scrypt = seal_passphrase(&key(1), "right");
    let mixed = [tagpq.clone(), x25519.clone()];
    let refused = check_writer_rules(&mixed, SlotMixing::Refuse);
    assert!(matches!(refused, Err(KeysError::MixedSlots)), "{refused:?}");
    check_writer_rules(&mixed, SlotMixing::Force).unwrap();
    for alike in [[tagpq.clone(), tagpq.clone()], [x25519.clone(), x25519.clone()]] {
        check_writer_rules(&alike, SlotMixing::Refuse).unwrap();
    }
    for beside in [tagpq, x25519] {
        check_writer_rules(&[scrypt.clone(), beside], SlotMixing::Refuse).unwrap();
    }
}

#[test]
fn writers_keep_to_the_limits_of_slots() {
    let (_, to) = x25519();
    let slot = seal(&key(1), &to);
    let scrypt = seal_passphrase(&key(1), "right");
    let check = |sections: &[Section]| check_writer_rules(sections, SlotMixing::Force);
    check(&vec![slot.clone(); 64]).unwrap();
    let refused = check(&vec![slot.clone(); 65]);
    assert!(matches!(refused, Err(KeysError::TooManySlots { count: 65, max: 64 })));
    let refused = check(&[scrypt.clone(), slot.clone(), scrypt]);
    assert!(matches!(refused, Err(KeysError::SecondPassphraseSlot)));
    let refused = check(&[slot, Section::slot(SLOT_KIND_AGE, b"age")]);
    assert!(matches!(refused, Err(KeysError::Malformed { slot: 1, .. })));
    for log_n in [0, 21, 64, 255] {
        let refused = seal_passphrase_slot(&key(1), &passphrase("right"), log_n);
        assert!(matches!(refused, Err(KeysError::WorkFactor { max: 20, .. })), "{log_n}");
    }
}
