//! What is left of passphrases and keys in the memory of the process when they were dropped.

#![cfg(target_os = "linux")]

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use age::secrecy::zeroize::Zeroizing;
use sv2_crypto::StreamKey;
use sv2_headers::Section;
use sv2_keys::{
    NoPrompt, Passphrase, PassphraseSource, READER_MAX_LOG_N, SlotOpener, read_key_file,
    read_passphrase_file, seal_passphrase_slot, write_key_file,
};
use sv2_testkit::memory::Needle;

/// Small enough for a test: a millisecond.
const LOG_N: u8 = 6;

/// A file with 64 random digits, and what to look for in order to find them.
fn digits(folder: &Path) -> (PathBuf, Needle) {
    let path = folder.join("digits");
    let key = StreamKey::generate().unwrap();
    write_key_file(&path, &key).unwrap();
    let mut text = Zeroizing::new([0; 64]);
    File::open(&path).unwrap().read_exact_at(&mut text[..], 0).unwrap();
    let needle = Needle::of(&text[..]);
    (path, needle)
}

fn assert_gone(what: &str, needle: &Needle) {
    let places = needle.places();
    assert!(places.is_empty(), "{what} is still at {places:x?}");
}

fn open(slot: &Section, passphrase: Passphrase, key: &StreamKey) -> StreamKey {
    let opener = SlotOpener {
        identities: Vec::new(),
        passphrase: PassphraseSource::Given(passphrase),
        max_log_n: READER_MAX_LOG_N,
        prompt: Arc::new(NoPrompt),
    };
    opener.open(std::slice::from_ref(slot), &mut |found| found.expose() == key.expose()).unwrap()
}

#[test]
fn a_passphrase_is_gone_when_it_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let (path, needle) = digits(folder.path());
    let passphrase = read_passphrase_file(&path).unwrap();
    assert_eq!(needle.places().len(), 1, "{:x?}", needle.places());
    let copy = passphrase.duplicate();
    assert_eq!(needle.places().len(), 2, "{:x?}", needle.places());
    drop((passphrase, copy));
    assert_gone("the passphrase", &needle);
}

/// F-326: sealing and opening leave neither the passphrase nor the key behind.
#[test]
fn a_slot_that_was_sealed_and_opened_leaves_no_passphrase_and_no_key() {
    let folder = tempfile::tempdir().unwrap();
    let (path, needle) = digits(folder.path());
    let key = StreamKey::generate().unwrap();
    let key_needle = Needle::of(key.expose());
    let slot = seal_passphrase_slot(&key, &read_passphrase_file(&path).unwrap(), LOG_N).unwrap();
    let opened = open(&slot, read_passphrase_file(&path).unwrap(), &key);
    assert!(key_needle.places().len() >= 2, "both keys live");
    drop((key, opened));
    assert_gone("the passphrase", &needle);
    assert_gone("the key", &key_needle);
}

#[test]
fn a_key_file_leaves_neither_its_digits_nor_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let (path, digits) = digits(folder.path());
    let key = read_key_file(&path).unwrap();
    let needle = Needle::of(key.expose());
    let raw = folder.path().join("raw");
    let mut file = File::create(&raw).unwrap();
    file.write_all(key.expose()).unwrap();
    let again = read_key_file(&raw).unwrap();
    assert_eq!(needle.places().len(), 2, "{:x?}", needle.places());
    drop((key, again));
    assert_gone("the digits", &digits);
    assert_gone("the key", &needle);
}
