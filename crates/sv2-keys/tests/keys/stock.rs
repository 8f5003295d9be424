//! Slots against the stock `age` program: each opens what the other sealed.
//!
//! Where `age` (or, for passphrases, `script`) is not installed, a test says so and passes.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use sv2_crypto::StreamKey;
use sv2_headers::{AgeSlot, SLOT_KIND_AGE, Section, age_slot};
use sv2_keys::{PassphraseSource, Recipient};

use crate::*;

/// Whether a program is there; says loudly where it is not.
#[expect(
    clippy::print_stderr,
    reason = "a test that checked nothing must not look like one that did"
)]
fn has(program: &str) -> bool {
    let runs = Command::new(program).arg("--version").output().is_ok();
    if !runs {
        eprintln!("NOT TESTED: `{program}` is not installed");
    }
    runs
}

fn run(command: &mut Command, input: &[u8]) -> Output {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A program that fails early closes its input; its status tells.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

fn age(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let output = run(Command::new("age").args(arguments), input);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "age {arguments:?}: {said}");
    output.stdout
}

/// A recipient, its secret half as a file, and that file read by us.
fn pairs(folder: &Path) -> Vec<(Recipient, String, Vec<Identity>)> {
    let generated = generate_identity();
    let native = folder.join("identity");
    sv2_keys::write_identity_file(&native, &generated).unwrap();
    let mut pairs = vec![(generated.recipient().clone(), native)];
    for name in ["ssh_ed25519", "ssh_rsa"] {
        pairs.push((recipient(&format!("{name}.pub")), data(name)));
    }
    pairs
        .into_iter()
        .map(|(to, path)| {
            let read = sv2_keys::read_identity_file(&path).unwrap();
            (to, path.to_str().unwrap().to_owned(), read)
        })
        .collect()
}

#[test]
fn stock_age_opens_our_slots() {
    if !has("age") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (to, identity, _) in pairs(folder.path()) {
        let key = StreamKey::generate().unwrap();
        let slot = seal(&key, &to);
        let opened = age(&["-d", "-i", &identity], slot.as_slot().unwrap().1);
        assert_eq!(opened, key.expose(), "{to}");
    }
}

#[test]
fn our_reader_opens_what_stock_age_sealed() {
    if !has("age") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (to, _, identities) in pairs(folder.path()) {
        let key = StreamKey::generate().unwrap();
        let file = age(&["-r", &to.to_string()], key.expose());
        assert_eq!(age_slot(&file), Some(AgeSlot::Recipients), "{to}");
        let slot = Section::slot(SLOT_KIND_AGE, &file);
        open(&opener(identities, PassphraseSource::None), &[slot], &key).unwrap();
    }
}

#[test]
fn stock_age_reads_our_identity_files_and_names_the_same_recipient() {
    if !has("age-keygen") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let generated = generate_identity();
    let path = folder.path().join("identity");
    sv2_keys::write_identity_file(&path, &generated).unwrap();
    let output = run(Command::new("age-keygen").arg("-y").arg(&path), b"");
    let recipient = String::from_utf8(output.stdout).unwrap();
    assert_eq!(recipient.trim(), generated.recipient().to_string());
}

/// Runs a command line on a terminal of its own and types `typed`.
#[cfg(target_os = "linux")]
fn on_a_terminal(line: &str, typed: &str) {
    let mut command = Command::new("script");
    let output = run(command.args(["-qec", line, "/dev/null"]), typed.as_bytes());
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{line}: {said}");
}

#[cfg(target_os = "linux")]
#[test]
fn passphrase_slots_pass_both_ways() {
    if !(has("age") && has("script")) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (sealed, opened, plain) = (path("sealed"), path("opened"), path("plain"));

    let ours = seal_passphrase(&key(1), "right words");
    fs::write(&sealed, ours.as_slot().unwrap().1).unwrap();
    on_a_terminal(&format!("age -d -o '{opened}' '{sealed}'"), "right words\n");
    assert_eq!(fs::read(&opened).unwrap(), key(1).expose());

    fs::write(&plain, key(2).expose()).unwrap();
    on_a_terminal(&format!("age -p -o '{sealed}.2' '{plain}'"), "right words\nright words\n");
    let theirs = fs::read(format!("{sealed}.2")).unwrap();
    assert_eq!(age_slot(&theirs), Some(AgeSlot::Scrypt { log_n: 18 }));
    let slot = Section::slot(SLOT_KIND_AGE, &theirs);
    let given = PassphraseSource::Given(passphrase("right words"));
    open(&opener(vec![], given), &[slot], &key(2)).unwrap();
}
