//! Files of identities, of raw keys, and the default identity.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use sv2_keys::{
    KeyFileError, KeyTextFault, PassphraseError, PassphraseSource, load_or_create_identity,
    parse_identities, read_key_file, read_passphrase_file, write_identity_file, write_key_file,
};

use crate::*;

#[test]
fn an_identity_file_may_hold_several_keys_and_comments() {
    let (first, second) = (generate_identity(), generate_identity());
    let text = format!("{}\r\n\n# more\n{}", first.expose_text(), second.expose_text().trim_end());
    let identities = parse_identities(text.as_bytes(), Path::new("mine")).unwrap();
    assert_eq!(identities.len(), 2);
    assert_eq!(identities[1].origin(), Path::new("mine"));
    let opener = opener(identities, PassphraseSource::None);
    for recipient in [first.recipient(), second.recipient()] {
        open(&opener, &[seal(&key(1), recipient)], &key(1)).unwrap();
    }
}

#[test]
fn what_is_no_identity_is_named_by_line_and_kind() {
    let fault = |line: &str| {
        let text = format!("# mine\n{line}\n");
        match parse_identities(text.as_bytes(), Path::new("mine")).unwrap_err() {
            KeyFileError::Line { line: 2, source, .. } => source,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(fault("secret words"), KeyTextFault::NotAnIdentity);
    assert_eq!(fault(&x25519().1.to_string()), KeyTextFault::RecipientInPlaceOfIdentity);
    let native = "AGE-SECRET-KEY-PQ-1QURSWPC8QURSWPC8QURSWPC8QURSWPC8QURSWPC8QURSWPC8QURSV4PSY7";
    assert_eq!(fault(native), KeyTextFault::PostQuantumIdentity);
    let none = parse_identities(b"# nothing\n", Path::new("mine")).unwrap_err();
    assert!(matches!(none, KeyFileError::NoKeys { .. }));
}

#[test]
fn files_that_look_like_keys_and_are_none_say_what_they_are() {
    let ssh = fs::read_to_string(data("ssh_ed25519")).unwrap();
    let (_, to) = x25519();
    let slot = seal(&key(1), &to);
    let age_file = &slot.as_slot().unwrap().1;
    for bytes in [&ssh.as_bytes()[..100], age_file, b"age-encryption.org/v1\n", b"-----BEGIN X"] {
        let error = parse_identities(bytes, Path::new("mine")).unwrap_err();
        assert!(matches!(error, KeyFileError::Unusable { .. }), "{error:?}");
    }
    let missing = sv2_keys::read_identity_file(Path::new("/nonexistent/keys")).unwrap_err();
    assert!(
        matches!(missing, KeyFileError::Read { source, .. } if source.kind() == ErrorKind::NotFound)
    );
}

#[test]
fn an_encrypted_identity_file_is_unlocked_once_and_only_when_needed() {
    let prompt = Canned::new("fixture passphrase");
    let asking: Arc<dyn Prompt> = prompt.clone();
    for name in ["identity.age", "identity.armored.age"] {
        let before = prompt.asked().len();
        let identities = identities(name);
        assert_eq!(prompt.asked().len(), before);
        let recipients = identities[0].recipients(&asking).unwrap();
        assert_eq!(recipients.len(), 2);
        let slots = [seal(&key(5), &recipients[0]), seal(&key(1), &recipients[1])];
        let opener =
            SlotOpener { prompt: asking.clone(), ..opener(identities, PassphraseSource::None) };
        open(&opener, &slots, &key(1)).unwrap();
        assert_eq!(prompt.asked()[before..], [name]);
    }
    let wrong: Arc<dyn Prompt> = Canned::new("wrong");
    let refused = identities("identity.age")[0].recipients(&wrong).unwrap_err();
    let KeysError::File(KeyFileError::WrongPassphrase { path }) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(path, data("identity.age"));
}

#[test]
fn a_raw_key_is_32_bytes_or_64_digits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let read = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        read_key_file(&path)
    };
    let raw: Vec<u8> = (1..=32).collect();
    let hex: String = raw.iter().map(|byte| format!("{byte:02x}")).collect();
    for good in [&raw[..], hex.as_bytes(), format!("{hex}\n").as_bytes()] {
        assert_eq!(read(good).unwrap().expose()[..], raw);
    }
    assert_eq!(read(hex.to_uppercase().as_bytes()).unwrap().expose()[..], raw);
    assert_eq!(read(format!("{hex}\r\n").as_bytes()).unwrap().expose()[..], raw);
    let bad_digit = hex.replacen('0', "g", 1);
    let (two_lines, spaced) = (format!("{hex}\n\n"), format!(" {hex}"));
    for bad in [&b""[..], &raw[..31], &[7; 33], &[7; 64], &hex.as_bytes()[..63]] {
        let refused = read(bad).unwrap_err();
        assert!(matches!(refused, KeyFileError::Unusable { .. }), "{bad:?}: {refused:?}");
    }
    for bad in [&bad_digit, &two_lines, &spaced] {
        let refused = read(bad.as_bytes()).unwrap_err();
        assert!(matches!(refused, KeyFileError::Unusable { .. }), "{bad:?}: {refused:?}");
    }
    let refused = read(&[b'0'; 1000]).unwrap_err();
    assert!(matches!(refused, KeyFileError::TooLong { .. }));
}

#[test]
fn a_written_key_reads_back_and_is_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    write_key_file(&path, &key(1)).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("010203") && text.len() == 65 && text.ends_with('\n'));
    assert_eq!(read_key_file(&path).unwrap().expose(), key(1).expose());
    let refused = write_key_file(&path, &key(2)).unwrap_err();
    assert!(
        matches!(refused, KeyFileError::Write { source, .. } if source.kind() == ErrorKind::AlreadyExists)
    );
    assert_eq!(read_key_file(&path).unwrap().expose(), key(1).expose());
}

#[test]
fn a_generated_identity_file_names_its_recipient() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("identity");
    let generated = generate_identity();
    write_identity_file(&path, &generated).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(&format!("\n# public key: {}\nAGE-SECRET-KEY-1", generated.recipient())));
    let read = sv2_keys::read_identity_file(&path).unwrap();
    let recipients = read[0].recipients(&no_prompt()).unwrap();
    assert_eq!(recipients[0].to_string(), generated.recipient().to_string());
}

#[test]
fn the_default_identity_is_made_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config/sv2/identity.txt");
    let recipient = |made: &sv2_keys::DefaultIdentity| {
        made.identities[0].recipients(&no_prompt()).unwrap()[0].to_string()
    };
    let first = load_or_create_identity(&path).unwrap();
    let second = load_or_create_identity(&path).unwrap();
    assert_eq!((first.is_new, second.is_new), (true, false));
    assert_eq!(recipient(&first), recipient(&second));
    assert_eq!(first.path, path);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    }
}

#[test]
fn an_identity_is_new_until_somebody_was_told_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sv2/identity.txt");
    // Its maker ends before it tells.
    drop(load_or_create_identity(&path).unwrap());
    let next = load_or_create_identity(&path).unwrap();
    assert!(next.is_new);
    // Who asks meanwhile leaves the telling to who holds it.
    assert!(!load_or_create_identity(&path).unwrap().is_new);
    next.told();
    drop(next);
    assert!(!load_or_create_identity(&path).unwrap().is_new);
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    // An empty marker is that of a maker who made nothing.
    fs::write(path.with_extension("untold"), "").unwrap();
    assert!(!load_or_create_identity(&path).unwrap().is_new);
}

#[test]
fn programs_that_start_together_share_one_default_identity() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sv2/identity.txt");
    let start = std::sync::Barrier::new(4);
    let made: Vec<(bool, String)> = std::thread::scope(|scope| {
        let racers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    start.wait();
                    let made = load_or_create_identity(&path).unwrap();
                    let recipients = made.identities[0].recipients(&no_prompt()).unwrap();
                    made.told();
                    (made.is_new, recipients[0].to_string())
                })
            })
            .collect();
        racers.into_iter().map(|racer| racer.join().unwrap()).collect()
    });
    assert_eq!(made.iter().filter(|(is_new, _)| *is_new).count(), 1);
    assert!(made.iter().all(|(_, recipient)| *recipient == made[0].1), "{made:?}");
}

#[test]
fn a_damaged_default_identity_is_reported_and_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("identity.txt");
    fs::write(&path, "").unwrap();
    assert!(matches!(load_or_create_identity(&path), Err(KeyFileError::NoKeys { .. })));
    assert_eq!(fs::read(&path).unwrap(), b"");
}

#[test]
fn a_passphrase_file_gives_up_one_newline() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("passphrase");
    fs::write(&path, "right\n").unwrap();
    let given = PassphraseSource::Given(read_passphrase_file(&path).unwrap());
    open(&opener(vec![], given), &[seal_passphrase(&key(1), "right")], &key(1)).unwrap();
    fs::write(&path, "\n").unwrap();
    assert!(matches!(read_passphrase_file(&path), Err(PassphraseError::Empty)));
}
