//! The structure of age files in key slots (F-320, F-321), judged from outside.

use proptest::prelude::*;
use sv2_headers::{AgeSlot, age_slot};

use crate::support::{SCRYPT, X25519, age_file};

/// F-320: arguments are printable, not empty, and parted by single spaces.
#[test]
fn arguments_of_a_stanza_are_never_empty() {
    let stanza = |head: &str| age_slot(&age_file(&[&format!("{head}\n\n")]));
    assert_eq!(stanza("-> type"), Some(AgeSlot::Recipients));
    assert_eq!(stanza("-> type ~!@# 2"), Some(AgeSlot::Recipients));
    for head in ["->", "-> ", "->  type", "-> type ", "-> type  x", " -> type", "->type", "type"] {
        assert_eq!(stanza(head), None, "{head:?}");
    }
    for byte in (0..=255u8).filter(|byte| *byte != b'\n') {
        let mut file = age_file(&["-> typ? x\n\n"]);
        let at = file.iter().position(|&byte| byte == b'?').expect("in the stanza");
        file[at] = byte;
        // A space parts two arguments and leaves neither empty.
        let expected = matches!(byte, b' '..=b'~') && byte != b' ';
        let spaced = byte == b' ';
        assert_eq!(age_slot(&file).is_some(), expected && !spaced, "{byte:#04x}");
    }
}

/// F-320: a stanza's body is lines of 64 columns and one shorter one, which may be empty.
#[test]
fn bodies_of_stanzas_end_in_a_short_line() {
    let full = "A".repeat(64);
    let body = |lines: &[&str]| age_slot(&age_file(&[&format!("-> t\n{}\n", lines.join("\n"))]));
    for lines in [&[""][..], &["AA"], &[&full, ""], &[&full, "AAA"], &[&full, &full, ""]] {
        assert_eq!(body(lines), Some(AgeSlot::Recipients), "{lines:?}");
    }
    let over = "A".repeat(68);
    let refused =
        [&[&full[..]][..], &[&over], &[&over, ""], &["AA", "AA"], &["", ""], &[&full, &full]];
    for lines in refused {
        assert_eq!(body(lines), None, "{lines:?}");
    }
}

/// F-320: base64 without padding and without set bits that no byte has.
#[test]
fn base64_has_one_spelling() {
    let body = |text: &str| age_slot(&age_file(&[&format!("-> t\n{text}\n")])).is_some();
    for (text, sound) in [
        ("AA", true),
        ("AQ", true),
        ("AB", false),
        ("A", false),
        ("AAA", true),
        ("AAE", true),
        ("AAB", false),
        ("AAC", false),
        ("AAAA", true),
        ("AAA/", true),
        ("AAAAA", false),
        ("AA==", false),
        ("AA-A", false),
        ("AA_A", false),
        ("AA A", false),
    ] {
        assert_eq!(body(text), sound, "{text}");
    }
    // Of 64 last digits of a body of one byte, 4 leave the low bits zero; of two bytes, 16.
    let alphabet = (b'A'..=b'Z').chain(b'a'..=b'z').chain(b'0'..=b'9').chain([b'+', b'/']);
    let digits: Vec<char> = alphabet.map(char::from).collect();
    let count = |head: &str| digits.iter().filter(|d| body(&format!("{head}{d}"))).count();
    assert_eq!([count("x"), count("xy"), count("xyz"), count("")], [4, 16, 64, 0]);
}

/// F-320: the MAC is 43 digits.
#[test]
fn the_mac_of_an_age_file_is_43_digits() {
    let file = age_file(&[X25519]);
    let mac_at = file.len() - 64 - 44;
    for (range, filling) in [
        (mac_at..mac_at, &b"A"[..]),
        (mac_at..mac_at + 1, b""),
        (mac_at..mac_at + 1, b"-"),
        (mac_at + 42..mac_at + 43, b"B"),
        (mac_at - 1..mac_at, b""),
        (mac_at - 1..mac_at, b"  "),
    ] {
        let mut other = file.clone();
        other.splice(range.clone(), filling.iter().copied());
        assert_eq!(age_slot(&other), None, "{range:?} {filling:?}");
    }
}

/// F-320: at least one stanza.
#[test]
fn an_age_file_for_nobody_is_refused() {
    assert_eq!(age_slot(&age_file(&[])), None);
    assert_eq!(age_slot(&age_file(&[X25519, X25519])), Some(AgeSlot::Recipients));
}

/// F-320: exactly 64 bytes behind the header, and the version line before it.
#[test]
fn every_cut_longer_or_renamed_file_is_refused() {
    for stanza in [X25519, SCRYPT] {
        let file = age_file(&[stanza]);
        assert!(age_slot(&file).is_some());
        for len in 0..file.len() {
            assert_eq!(age_slot(&file[..len]), None, "cut at {len}");
        }
        assert_eq!(age_slot(&[&file[..], b"\n"].concat()), None);
        for at in 0..22 {
            let mut other = file.clone();
            other[at] ^= 1;
            assert_eq!(age_slot(&other), None, "version line, byte {at}");
        }
    }
}

/// F-321, and the work factor of section 3.3: one or two digits without a leading zero, in the
/// last argument.
#[test]
fn work_factors_are_one_or_two_digits() {
    let slot = |argument: &str| age_slot(&age_file(&[&SCRYPT.replace(" 18\n", argument)]));
    for log_n in 1..=99u8 {
        assert_eq!(slot(&format!(" {log_n}\n")), Some(AgeSlot::Scrypt { log_n }));
    }
    for bad in [" 0\n", " 00\n", " 018\n", " 100\n", " +8\n", " -8\n", " 1a\n", " \n", "\n"] {
        assert_eq!(slot(bad), None, "{bad:?}");
    }
}

/// F-321
#[test]
fn a_scrypt_stanza_stands_alone() {
    for stanzas in [[SCRYPT, X25519], [X25519, SCRYPT], [SCRYPT, SCRYPT]] {
        assert_eq!(age_slot(&age_file(&stanzas)), None);
    }
    let other_case = SCRYPT.replace("scrypt", "Scrypt");
    assert_eq!(age_slot(&age_file(&[&other_case, X25519])), Some(AgeSlot::Recipients));
}

proptest! {
    /// Hostile bytes are answered; what passes has the length of a file with a 32-byte payload.
    #[test]
    fn any_altered_file_is_answered(
        stanzas in 1..4usize,
        at in any::<prop::sample::Index>(),
        value: u8,
    ) {
        let mut file = age_file(&vec![X25519; stanzas]);
        let at = at.index(file.len());
        let before = file[at];
        file[at] = value;
        let payload = at >= file.len() - 64;
        if value == before || payload {
            prop_assert_eq!(age_slot(&file), Some(AgeSlot::Recipients));
        } else {
            // An argument may hold any printable byte, and a digit is replaced by a digit.
            let passed = age_slot(&file).is_some();
            prop_assert!(!passed || (b'!'..=b'~').contains(&value) || value == b' ');
        }
    }
}
