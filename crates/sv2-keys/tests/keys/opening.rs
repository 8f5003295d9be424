//! Which slot opens, what is asked, and what is said when none does.

use std::sync::Arc;

use sv2_headers::Section;
use sv2_keys::{KeyFileError, KeysError, NoKeyFits, PassphraseSource, SlotOpener};

use crate::*;

fn no_key_fits(result: Result<(), KeysError>) -> NoKeyFits {
    match result {
        Err(KeysError::NoKeyFits(report)) => *report,
        other => panic!("{other:?}"),
    }
}

fn asking(identities: Vec<Identity>, prompt: &Arc<Canned>) -> SlotOpener {
    let prompt: Arc<dyn Prompt> = prompt.clone();
    SlotOpener { prompt, ..opener(identities, PassphraseSource::Ask) }
}

/// Changes the last byte of a slot, which is in the tag of the payload.
fn damaged(mut slot: Section) -> Section {
    *slot.body.last_mut().unwrap() ^= 1;
    slot
}

#[test]
fn every_kind_of_identity_opens_its_slot_and_no_other() {
    let (native, native_recipient) = x25519();
    let kinds = [
        (native, native_recipient),
        (identities("ssh_ed25519"), recipient("ssh_ed25519.pub")),
        (identities("ssh_rsa"), recipient("ssh_rsa.pub")),
    ];
    let slots: Vec<Section> = kinds.iter().map(|(_, to)| seal(&key(1), to)).collect();
    for (at, (identities, _)) in kinds.into_iter().enumerate() {
        let opener = opener(identities, PassphraseSource::None);
        for (slot, section) in slots.iter().enumerate() {
            let opened = open(&opener, std::slice::from_ref(section), &key(1));
            assert_eq!(opened.is_ok(), slot == at, "identity {at}, slot {slot}: {opened:?}");
        }
        open(&opener, &slots, &key(1)).unwrap();
    }
}

#[test]
fn a_passphrase_opens_its_slot_given_or_asked_for() {
    let (_, other) = x25519();
    let slots = [seal(&key(1), &other), seal_passphrase(&key(1), "right")];
    let given = opener(vec![], PassphraseSource::Given(passphrase("right")));
    open(&given, &slots, &key(1)).unwrap();
    let prompt = Canned::new("right");
    open(&asking(vec![], &prompt), &slots, &key(1)).unwrap();
    assert_eq!(prompt.asked(), ["stream"]);
}

#[test]
fn a_slot_that_opens_to_another_key_is_skipped() {
    let (identities, to) = x25519();
    let slots = [seal(&key(9), &to), damaged(seal(&key(1), &to)), seal(&key(1), &to)];
    let opener = opener(identities, PassphraseSource::None);
    open(&opener, &slots, &key(1)).unwrap();
    let report = no_key_fits(open(&opener, &slots, &key(2)));
    assert_eq!((report.refused_keys, report.unusable_slots), (2, 1));
    let message = KeysError::NoKeyFits(Box::new(report)).to_string();
    assert_eq!(message, "a key slot opened, but its key is not the stream's");
}

#[test]
fn slots_are_tried_in_order_and_no_further_than_needed() {
    let (identities, to) = x25519();
    let slots = [seal(&key(1), &to), seal(&key(2), &to), seal(&key(3), &to)];
    let mut seen = Vec::new();
    let found = opener(identities, PassphraseSource::None)
        .open(&slots, &mut |found| {
            seen.push(found.expose()[0]);
            found.expose()[0] == 2
        })
        .unwrap();
    assert_eq!((found.expose()[0], seen), (2, vec![1, 2]));
}

#[test]
fn a_work_factor_over_the_limit_is_left_alone_and_named() {
    let (identities, to) = x25519();
    let over = seal_passphrase(&key(1), "right");
    let prompt = Canned::new("right");
    let limited = SlotOpener { max_log_n: LOG_N - 1, ..asking(vec![], &prompt) };
    let report = no_key_fits(open(&limited, std::slice::from_ref(&over), &key(1)));
    assert_eq!(report.skipped_over_limit, [LOG_N]);
    assert!(report.has_passphrase_slot && !report.passphrase_tried);
    assert!(prompt.asked().is_empty());
    let message = KeysError::NoKeyFits(Box::new(report)).to_string();
    assert_eq!(message, "the passphrase slot asks for a work factor of 2^6, over the limit");

    let with_identity = SlotOpener { identities, ..limited };
    open(&with_identity, &[over, seal(&key(1), &to)], &key(1)).unwrap();
    assert!(prompt.asked().is_empty());
}

#[test]
fn no_question_is_asked_that_cannot_help() {
    let (identities, to) = x25519();
    let (_, stranger) = x25519();
    let prompt = Canned::new("right");
    let slots = [seal_passphrase(&key(1), "right"), seal(&key(1), &to)];
    open(&asking(identities, &prompt), &slots, &key(1)).unwrap();
    let report = no_key_fits(open(&asking(vec![], &prompt), &[seal(&key(1), &stranger)], &key(1)));
    assert!(!report.has_passphrase_slot);
    let locked = asking(crate::identities("ssh_ed25519_locked"), &prompt);
    no_key_fits(open(&locked, &[seal(&key(1), &stranger)], &key(1)));
    assert!(prompt.asked().is_empty());
}

#[test]
fn a_locked_ssh_key_asks_once_and_is_remembered() {
    let to = recipient("ssh_ed25519_locked.pub");
    let slots = [seal(&key(7), &to), seal(&key(1), &to)];
    let prompt = Canned::new("fixture passphrase");
    let opener = asking(identities("ssh_ed25519_locked"), &prompt);
    open(&opener, &slots, &key(1)).unwrap();
    open(&opener, &slots, &key(1)).unwrap();
    assert_eq!(prompt.asked(), ["ssh_ed25519_locked"]);
}

#[test]
fn a_key_that_stays_locked_is_the_reason_that_is_given() {
    let to = recipient("ssh_ed25519_locked.pub");
    let slots = [seal(&key(1), &to), seal(&key(1), &to)];
    let failure = |opener: &SlotOpener| {
        let report = no_key_fits(open(opener, &slots, &key(1)));
        match report.first_failure.map(|failure| *failure) {
            Some(KeysError::File(error)) => error,
            other => panic!("{other:?}"),
        }
    };
    let prompt = Canned::new("wrong");
    let wrong = failure(&asking(identities("ssh_ed25519_locked"), &prompt));
    assert!(
        matches!(wrong, KeyFileError::WrongPassphrase { path } if path == data("ssh_ed25519_locked"))
    );
    assert_eq!(prompt.asked().len(), 1);
    let declined = failure(&opener(identities("ssh_ed25519_locked"), PassphraseSource::None));
    assert!(matches!(declined, KeyFileError::Locked { .. }));
}

#[test]
fn a_wrong_passphrase_is_told_from_a_key_that_does_not_fit() {
    let (identities, _) = x25519();
    let (_, stranger) = x25519();
    let lone = [seal_passphrase(&key(1), "right")];
    let both = [lone[0].clone(), seal(&key(1), &stranger)];
    let wrong = || PassphraseSource::Given(passphrase("wrong"));
    for slots in [&lone[..], &both] {
        let result = open(&opener(vec![], wrong()), slots, &key(1));
        assert!(matches!(result, Err(KeysError::WrongPassphrase)), "{result:?}");
    }
    let with_identity = opener(identities, wrong());
    assert!(no_key_fits(open(&with_identity, &both, &key(1))).passphrase_tried);
    let result = open(&with_identity, &lone, &key(1));
    assert!(matches!(result, Err(KeysError::WrongPassphrase)), "{result:?}");
    let right = PassphraseSource::Given(passphrase("right"));
    assert_eq!(no_key_fits(open(&opener(vec![], right), &lone, &key(2))).refused_keys, 1);
    let report = no_key_fits(open(&opener(vec![], PassphraseSource::None), &lone, &key(1)));
    let message = KeysError::NoKeyFits(Box::new(report)).to_string();
    assert_eq!(message, "a passphrase is needed");
}

#[test]
fn all_structure_is_checked_before_anything_is_opened() {
    let (identities, to) = x25519();
    let good = seal(&key(1), &to);
    let mut cut = good.clone();
    cut.body.pop();
    let scrypt = seal_passphrase(&key(1), "right");
    let prompt = Canned::new("right");
    let opener = asking(identities, &prompt);
    let refused = |slots: &[Section]| {
        opener.open(slots, &mut |_| panic!("a slot was opened")).map(|_| ()).unwrap_err()
    };
    let slots = [good.clone(), scrypt.clone(), cut];
    assert!(matches!(refused(&slots), KeysError::Malformed { slot: 2, .. }));
    let slots = [good.clone(), Section { kind: 1, body: vec![0] }];
    assert!(matches!(refused(&slots), KeysError::Malformed { slot: 1, .. }));
    let slots = [good.clone(), scrypt.clone(), scrypt];
    assert!(matches!(refused(&slots), KeysError::SecondPassphraseSlot));
    let slots = vec![good.clone(); 65];
    assert!(matches!(refused(&slots), KeysError::TooManySlots { count: 65, max: 64 }));
    assert!(prompt.asked().is_empty());
    open(&opener, &vec![good; 64], &key(1)).unwrap();
}

#[test]
fn other_kinds_of_slot_and_other_sections_are_passed_over() {
    let (identities, to) = x25519();
    let metadata = Section { kind: sv2_headers::SECTION_METADATA, body: vec![0; 40] };
    let slots = [metadata, Section::slot(0x8001, b"private"), seal(&key(1), &to)];
    let opener = opener(identities, PassphraseSource::None);
    open(&opener, &slots, &key(1)).unwrap();
    let report = no_key_fits(open(&opener, &slots[..2], &key(1)));
    assert_eq!((report.age_slots, report.other_slots), (0, 1));
}

#[test]
fn nothing_secret_is_printed() {
    let secret = generate_identity();
    let text = secret.expose_text().to_owned();
    let identities = parse_identities(text.as_bytes(), Path::new("file")).unwrap();
    for shown in [format!("{secret:?}"), format!("{identities:?}")] {
        assert!(!shown.contains("SECRET"), "{shown}");
    }
}

/// What is typed on one system in one form and on another in the other one is the same passphrase.
#[test]
fn a_passphrase_opens_in_whichever_form_it_was_sealed() {
    let (composed, decomposed) = ("gr\u{fc}ne H\u{fc}te", "gru\u{308}ne Hu\u{308}te");
    for (sealed, typed) in [(composed, decomposed), (decomposed, composed)] {
        let slot = seal_passphrase(&key(1), sealed);
        let given = PassphraseSource::Given(Passphrase::new(typed.to_owned()).unwrap());
        open(&opener(vec![], given), &[slot], &key(1)).unwrap();
    }
}
