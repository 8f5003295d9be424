//! A build without SSH keys and without plugins: their keys are refused with the reason, and
//! everything else works. `cargo xtask features` runs it.
#![cfg(not(any(feature = "plugin", feature = "ssh")))]

use std::path::Path;
use std::sync::Arc;

use sv2_crypto::StreamKey;
use sv2_keys::{
    KeyFileError, KeyTextFault, NoPrompt, Prompt, Recipient, generate_identity, parse_identities,
    parse_recipients, seal_slot,
};

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data");

fn read(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(DATA).join(name)).expect("a file of the tests")
}

#[test]
fn ssh_keys_are_refused_with_the_reason() {
    for name in ["ssh_ed25519.pub", "ssh_rsa.pub", "ssh_ecdsa.pub"] {
        let refused = parse_recipients(&read(name), Path::new(name));
        let is_reason = |source: &_| matches!(source, KeyTextFault::NoSsh);
        assert!(
            matches!(&refused, Err(KeyFileError::Line { source, .. }) if is_reason(source)),
            "{refused:?}"
        );
    }
    for name in ["ssh_ed25519", "ssh_rsa", "ssh_ed25519_locked"] {
        let refused = parse_identities(&read(name), Path::new(name)).expect_err("refused");
        assert!(refused.to_string().contains("left out of this build"), "{refused}");
    }
}

#[test]
fn keys_of_plugins_are_refused_with_the_reason() {
    // Any name and anything behind it.
    let recipient: Result<Recipient, _> = "age1sv2test1qqqsyqcyq5rqwzqf".parse();
    assert!(matches!(recipient, Err(KeyTextFault::NoPlugins)), "{recipient:?}");
    let identity = parse_identities(b"AGE-PLUGIN-SV2TEST-1QQQSYQCYQ5RQWZQF\n", Path::new("key"));
    assert!(
        matches!(identity, Err(KeyFileError::Line { source: KeyTextFault::NoPlugins, .. })),
        "{identity:?}"
    );
}

#[test]
fn a_mistyped_key_and_no_key_are_told_as_ever() {
    let mistyped: Result<Recipient, _> = "age1qqqsyqcyq5rqwzqf".parse();
    assert!(matches!(mistyped, Err(KeyTextFault::Mistyped)), "{mistyped:?}");
    let none: Result<Recipient, _> = "nobody".parse();
    assert!(matches!(none, Err(KeyTextFault::NotARecipient)), "{none:?}");
}

#[test]
fn keys_of_age_work() {
    let prompt: Arc<dyn Prompt> = Arc::new(NoPrompt);
    let identity = generate_identity();
    let recipient: Recipient = identity.recipient().to_string().parse().expect("a recipient");
    let key = StreamKey::generate().expect("random bytes");
    seal_slot(&key, &recipient, &prompt).expect("a slot");
}
