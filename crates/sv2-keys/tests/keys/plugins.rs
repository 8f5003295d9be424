//! Plugins: found in `PATH`, spoken to, and named where they fail.
//!
//! `tests/data/age-plugin-sv2test` is a plugin that keeps nothing secret.

use std::process::Command;

use sv2_keys::{
    KeysError, PassphraseSource, Recipient, SlotContent, StanzaKind, describe_slots, seal_slot,
};

use crate::*;

const RECIPIENT: &str = "age1sv2test1dpjkcmr0xxej9u";
const IDENTITY: &str = "AGE-PLUGIN-SV2TEST-1DPJKCMR0K5UX5T";
/// Set in the process that has the plugin in its `PATH`.
const CHILD: &str = "SV2_KEYS_TEST_CHILD";

fn identity() -> Vec<Identity> {
    parse_identities(IDENTITY.as_bytes(), Path::new("token")).unwrap()
}

#[test]
fn a_missing_plugin_is_named() {
    let to: Recipient = RECIPIENT.parse().unwrap();
    let refused = seal_slot(&key(1), &to, &no_prompt()).unwrap_err();
    assert_eq!(refused.to_string(), "the plugin age-plugin-sv2test is not on the PATH");
    let slot = seal(&key(1), &x25519().1);
    let refused = open(&opener(identity(), PassphraseSource::None), &[slot], &key(1));
    let Err(KeysError::NoKeyFits(report)) = refused else { panic!("{refused:?}") };
    let Some(KeysError::PluginMissing { name }) = report.first_failure.as_deref() else {
        panic!("{report:?}")
    };
    assert_eq!(name, "sv2test");
}

#[test]
fn a_missing_plugin_does_not_stand_in_the_way_of_another_identity() {
    let (native, to) = x25519();
    let mut both = identity();
    both.extend(native);
    let slot = seal(&key(1), &to);
    open(&opener(both, PassphraseSource::None), &[slot], &key(1)).unwrap();
}

/// The environment of a running process is not changed; the test runs itself again instead.
#[test]
fn a_plugin_seals_and_opens_for_its_recipient_and_its_identity() {
    if std::env::var_os(CHILD).is_some() {
        return round_trips();
    }
    let mut path = data("").into_os_string();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let name = "plugins::a_plugin_seals_and_opens_for_its_recipient_and_its_identity";
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env("PATH", path)
        .env(CHILD, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("1 passed"), "{said}");
}

fn round_trips() {
    let own = identity()[0].recipients(&no_prompt()).unwrap().remove(0);
    assert_eq!(own.to_string(), "identity of age-plugin-sv2test");
    for to in [RECIPIENT.parse().unwrap(), own] {
        let slots = [seal(&key(1), &x25519().1), seal(&key(1), &to)];
        let stanzas = vec![StanzaKind::Other("sv2test".into())];
        assert_eq!(describe_slots(&slots)[1].content, SlotContent::Age(stanzas));
        open(&opener(identity(), PassphraseSource::None), &slots, &key(1)).unwrap();
    }
}
