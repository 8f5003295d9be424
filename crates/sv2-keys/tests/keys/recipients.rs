//! Recipients as text, in files, and as the other half of identities.

use std::path::Path;

use sv2_keys::{KeyFileError, KeyTextFault, PassphraseSource, Recipient, parse_recipients};

use crate::*;

fn fault(text: &str) -> KeyTextFault {
    text.parse::<Recipient>().unwrap_err()
}

#[test]
fn recipients_print_as_they_were_read() {
    let native = x25519().1.to_string();
    let ssh = std::fs::read_to_string(data("ssh_rsa.pub")).unwrap();
    let without_comment: Vec<&str> = ssh.split(' ').take(2).collect();
    let tag = std::fs::read_to_string(data("tag.txt")).unwrap();
    let plugin = "age1sv2test1dpjkcmr0xxej9u";
    for text in [&native, &without_comment.join(" "), tag.trim(), plugin] {
        assert_eq!(text.parse::<Recipient>().unwrap().to_string(), text);
    }
    let plugin: Recipient = plugin.parse().unwrap();
    assert_eq!(plugin.plugin_name(), Some("sv2test"));
}

#[test]
fn what_is_no_recipient_is_named_for_what_it_is() {
    assert_eq!(fault(""), KeyTextFault::NotARecipient);
    assert_eq!(fault("alice@example.org"), KeyTextFault::NotARecipient);
    let native = x25519().1.to_string();
    assert_eq!(fault(&native[..native.len() - 1]), KeyTextFault::Mistyped);
    let mut mistyped = native.into_bytes();
    mistyped[30] = if mistyped[30] == b'q' { b'p' } else { b'q' };
    assert_eq!(fault(std::str::from_utf8(&mistyped).unwrap()), KeyTextFault::Mistyped);
    let tag = std::fs::read_to_string(data("tagpq.txt")).unwrap();
    assert_eq!(fault(&tag[..tag.len() - 2]), KeyTextFault::Mistyped);
    let ecdsa = std::fs::read_to_string(data("ssh_ecdsa.pub")).unwrap();
    let expected = KeyTextFault::UnsupportedSshKey("ecdsa-sha2-nistp256".into());
    assert_eq!(fault(&ecdsa), expected);
    let secret = generate_identity();
    let secret = secret.expose_text().lines().last().unwrap();
    assert_eq!(fault(secret), KeyTextFault::IdentityInPlaceOfRecipient);
    assert_eq!(fault(&secret.to_lowercase()), KeyTextFault::IdentityInPlaceOfRecipient);
}

#[test]
fn a_recipients_file_has_one_a_line_and_comments() {
    let (first, second) = (x25519().1.to_string(), x25519().1.to_string());
    let ssh = std::fs::read_to_string(data("ssh_ed25519.pub")).unwrap();
    let text = format!("# team\n{first}\r\n\n  {second}  \n{ssh}# end");
    let read = parse_recipients(text.as_bytes(), Path::new("team")).unwrap();
    let read: Vec<String> = read.iter().map(Recipient::to_string).collect();
    assert_eq!(read[..2], [first, second]);
    assert!(ssh.starts_with(&read[2]));
}

#[test]
fn a_bad_line_is_named_by_its_number_and_never_shown() {
    let text = format!("# team\n{}\nsecret words\n", x25519().1);
    let error = parse_recipients(text.as_bytes(), Path::new("team")).unwrap_err();
    assert!(matches!(
        &error,
        KeyFileError::Line { line: 3, source: KeyTextFault::NotARecipient, .. }
    ));
    assert_eq!(error.to_string(), "line 3 of the key file team");
    let binary = parse_recipients(b"\xFF\xFE\n", Path::new("team")).unwrap_err();
    assert!(matches!(binary, KeyFileError::Line { line: 1, .. }));
    let empty = parse_recipients(b"# nobody\n\n", Path::new("team")).unwrap_err();
    assert!(matches!(empty, KeyFileError::NoKeys { .. }));
}

#[test]
fn the_recipients_of_an_identity_seal_what_it_opens() {
    for name in ["ssh_ed25519", "ssh_rsa"] {
        let identities = identities(name);
        let recipients = identities[0].recipients(&no_prompt()).unwrap();
        let public = std::fs::read_to_string(data(&format!("{name}.pub"))).unwrap();
        assert!(public.starts_with(&recipients[0].to_string()), "{name}");
        let slot = seal(&key(1), &recipients[0]);
        open(&opener(identities, PassphraseSource::None), &[slot], &key(1)).unwrap();
    }
    let (identities, to) = x25519();
    let recipients = identities[0].recipients(&no_prompt()).unwrap();
    assert_eq!(recipients[0].to_string(), to.to_string());
}

#[test]
fn a_locked_ssh_key_tells_its_recipient_without_its_passphrase() {
    let recipients = identities("ssh_ed25519_locked")[0].recipients(&no_prompt()).unwrap();
    let public = recipient("ssh_ed25519_locked.pub");
    assert_eq!(recipients[0].to_string(), public.to_string());
    assert_eq!(recipients[0].ssh_fingerprint(), public.ssh_fingerprint());
    assert!(public.ssh_fingerprint().is_some());
}
