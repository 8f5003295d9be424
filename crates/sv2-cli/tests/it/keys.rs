//! Keys: the default identity, recipients, raw keys and passphrases that are read from somewhere.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::sandbox::{Ended, Sandbox, mode};

#[test]
fn the_default_identity_is_made_once_and_told() {
    let sandbox = Sandbox::new();
    sandbox.write("a", b"plaintext");
    let first = sandbox.good(&["encrypt", "--make-identity", "--quiet", "a"]);
    assert!(first.stderr.contains("home/.config/sv2/identity.txt"), "{}", first.stderr);
    assert!(first.stderr.contains("back it up"), "{}", first.stderr);
    let identity = sandbox.path("home/.config/sv2/identity.txt");
    assert_eq!(mode(&identity), 0o600);
    assert_eq!(mode(identity.parent().unwrap()), 0o700);
    let text = fs::read(&identity).unwrap();
    assert_eq!(sandbox.good(&["encrypt", "a", "-o", "b.sv2"]).stderr, "");
    assert_eq!(fs::read(&identity).unwrap(), text);
    sandbox.good(&["decrypt", "b.sv2"]);
    assert_eq!(sandbox.read("b"), b"plaintext");
}

#[test]
fn the_configuration_folder_and_the_variable_are_heeded() {
    let sandbox = Sandbox::new();
    sandbox.write("a", b"plaintext");
    let config = sandbox.path("config");
    let mut command = sandbox.sv2(&["encrypt", "--make-identity", "a"]);
    let ended = Ended::of(command.env("XDG_CONFIG_HOME", &config).output().unwrap());
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let identity = config.join("sv2/identity.txt");
    assert_eq!(mode(&identity), 0o600);
    // Without the folder the identity is not found, with the variable it is.
    sandbox.bad(&["decrypt", "a.sv2", "-o", "b"], 4, &["no key slot opens"]);
    let mut command = sandbox.sv2(&["decrypt", "a.sv2", "-o", "b"]);
    let ended = Ended::of(command.env("SV2_IDENTITY", &identity).output().unwrap());
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let mut command = sandbox.sv2(&["encrypt", "a", "-o", "c"]);
    let ended = Ended::of(command.env("SV2_IDENTITY", "missing").output().unwrap());
    ended.expect_failure(1, &["cannot read the key file missing"]);
    assert_eq!(sandbox.names(), ["a", "a.sv2", "b", "config"]);
}

/// F-324: each recipient has a slot of its own.
#[test]
fn every_recipient_opens_the_stream_and_nobody_else() {
    let sandbox = Sandbox::new();
    sandbox.write("a", b"plaintext");
    let mut recipients = Vec::new();
    for name in ["one", "two", "three", "other"] {
        let made = sandbox.good(&["keygen", "-o", name]);
        assert_eq!(mode(&sandbox.path(name)), 0o600);
        recipients.push(made.text().trim().to_owned());
    }
    sandbox.write("list", format!("# a list\n{}\n", recipients[1]).as_bytes());
    sandbox.good(&["encrypt", "a", "-r", &recipients[0], "-R", "list", "-i", "three"]);
    for name in ["one", "two", "three"] {
        sandbox.good(&["decrypt", "a.sv2", "-o", "-", "-i", "other", "-i", name]);
    }
    let words = ["a.sv2: no key slot opens", "-i"];
    sandbox.bad(&["decrypt", "a.sv2", "-o", "b", "-i", "other"], 4, &words);
    assert!(!sandbox.names().contains(&"b".to_owned()));
    assert!(!sandbox.path("home").exists(), "no default identity was needed");
    let listed = sandbox.good(&["inspect", "a.sv2"]);
    let slots = listed.text().lines().filter(|line| line.trim_start().starts_with("key slot"));
    let kinds: Vec<usize> = slots.map(|slot| slot.matches("X25519").count()).collect();
    assert_eq!(kinds, [1, 1, 1], "{}", listed.text());
}

#[test]
fn an_ssh_key_opens_what_was_sealed_to_it() {
    let sandbox = Sandbox::new();
    sandbox.write("a", b"plaintext");
    let mut keygen = sandbox.command("ssh-keygen");
    keygen.args(["-q", "-t", "ed25519", "-N", "", "-C", "me@here", "-f", "id"]);
    match keygen.output() {
        Ok(output) => assert!(output.status.success(), "{output:?}"),
        // The key format itself is tested where it is implemented.
        Err(_) => return,
    }
    let recipient = String::from_utf8(sandbox.read("id.pub")).unwrap();
    sandbox.good(&["encrypt", "a", "-r", recipient.trim()]);
    sandbox.good(&["decrypt", "a.sv2", "-o", "b", "-i", "id"]);
    sandbox.good(&["encrypt", "-f", "a", "-R", "id.pub"]);
    sandbox.good(&["decrypt", "a.sv2", "-f", "-o", "b", "-i", "id"]);
}

#[test]
fn a_raw_key_stands_alone() {
    let sandbox = Sandbox::new();
    sandbox.write("a", b"plaintext");
    sandbox.good(&["keygen", "--raw", "-o", "key"]);
    assert_eq!(mode(&sandbox.path("key")), 0o600);
    sandbox.good(&["encrypt", "a", "-K", "key", "--context", "backup 7"]);
    assert!(sandbox.good(&["inspect", "a.sv2"]).text().contains("none: a raw key opens it"));
    let decrypt = ["decrypt", "a.sv2", "-o", "b", "-K"];
    sandbox.bad(&[&decrypt[..], &["key"]].concat(), 4, &["the key or the context", "--context"]);
    sandbox.write("raw", &[1; 32]);
    let other = [&decrypt[..], &["raw", "--context", "backup 7"]].concat();
    sandbox.bad(&other, 4, &["the key or the context"]);
    sandbox.good(&[&decrypt[..], &["key", "--context", "backup 7"]].concat());
    sandbox.bad(&["decrypt", "a.sv2", "-o", "c"], 4, &["no key slots", "-K"]);
    for refused in [&["-p"][..], &["-r", "age1"], &["-i", "key"], &["--passphrase-file", "key"]] {
        let arguments = [&["encrypt", "a", "-o", "d", "-K", "key"], refused].concat();
        sandbox.bad(&arguments, 2, &["cannot be used with"]);
    }
    sandbox.bad(&["encrypt", "a", "-o", "d", "-K", "a"], 2, &["neither 32 raw bytes"]);
    sandbox.bad(&["keygen", "--raw", "-o", "key"], 1, &["never overwritten"]);
    assert_eq!(sandbox.names(), ["a", "a.sv2", "b", "key", "raw"]);
}

#[test]
fn generated_keys_are_all_that_standard_output_gets() {
    let sandbox = Sandbox::new();
    let identity = sandbox.good(&["keygen"]);
    assert!(identity.text().contains("\nAGE-SECRET-KEY-1"), "an identity file");
    assert!(identity.stderr.contains("age1"));
    for refused in [&["keygen", "--json"][..], &["keygen", "--raw", "--json", "-o", "-"]] {
        let ended = sandbox.run(refused);
        assert_eq!((ended.code, ended.text()), (2, ""), "{refused:?}");
        assert!(ended.stderr.contains("not printed as JSON"), "{}", ended.stderr);
    }
    let raw = sandbox.good(&["keygen", "--raw"]);
    assert_eq!(raw.text().trim_end().len(), 64);
    assert_ne!(raw.stdout, sandbox.good(&["keygen", "--raw"]).stdout);
}

#[test]
fn a_new_stream_takes_its_passphrase_from_a_file() {
    let sandbox = Sandbox::new();
    sandbox.write("a", b"plaintext");
    sandbox.write("secret", b"correct horse\n");
    sandbox.good(&["encrypt", "a", "--passphrase-file", "secret"]);
    assert!(!sandbox.path("home").exists(), "no default identity was needed");
    let seen = sandbox.good(&["inspect", "a.sv2"]);
    assert!(seen.text().contains("passphrase (scrypt, N = 2^18)"), "{}", seen.text());
    assert_eq!(seen.text().matches("key slot").count(), 1, "{}", seen.text());
}

#[test]
fn a_passphrase_comes_from_a_file_or_a_descriptor() {
    let sandbox = Sandbox::new();
    sandbox.cheap_passphrase_stream("a.sv2", b"plaintext", "correct horse");
    sandbox.write("right", b"correct horse\n");
    sandbox.write("wrong", b"battery staple\n");
    let decrypt = ["decrypt", "a.sv2", "-o", "b"];
    let wrong = [&decrypt[..], &["-p", "--passphrase-file", "wrong"]].concat();
    sandbox.bad(&wrong, 4, &["a.sv2: the passphrase is wrong"]);
    let mut alone = sandbox.command("setsid");
    alone.args(["-w", env!("CARGO_BIN_EXE_sv2")]).args(decrypt);
    let ended = Ended::of(alone.output().unwrap());
    ended.expect_failure(4, &["a passphrase is needed", "--passphrase-file"]);
    assert_eq!(sandbox.names(), ["a.sv2", "right", "wrong"]);
    sandbox.good(&[&decrypt[..], &["--passphrase-file", "right"]].concat());
    let fd = "exec 9<right; exec \"$0\" decrypt a.sv2 -f -o b -p --passphrase-fd 9";
    let mut shell = sandbox.command("sh");
    let ended = Ended::of(shell.args(["-c", fd, env!("CARGO_BIN_EXE_sv2")]).output().unwrap());
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(sandbox.read("b"), b"plaintext");
}

#[test]
fn a_passphrase_that_cannot_be_had_is_told() {
    let sandbox = Sandbox::new();
    sandbox.write("a", b"plaintext");
    sandbox.write("empty", b"\n");
    for (option, code, words) in [
        (&["--passphrase-file", "empty"][..], 2, &["'empty': the passphrase is empty"][..]),
        (&["--passphrase-file", "missing"], 1, &["'missing'"]),
        (
            &["--passphrase-fd", "77"],
            2,
            &["file descriptor 77 is not open for reading", "--passphrase-fd 77 77< FILE"],
        ),
        (&["--passphrase-file", "-"], 2, &["by its descriptor only", "--passphrase-fd 0", "./-"]),
    ] {
        sandbox.bad(&[&["encrypt", "a"], option].concat(), code, words);
    }
    let mut alone = sandbox.command("setsid");
    alone.args(["-w", env!("CARGO_BIN_EXE_sv2"), "encrypt", "a", "-p"]);
    let ended = Ended::of(alone.output().unwrap());
    ended.expect_failure(2, &["no terminal to ask on", "--passphrase-file"]);
    let ended = sandbox.fed(&["encrypt", "--passphrase-fd", "0", "-o", "b"], b"secret");
    ended.expect_failure(2, &["both standard input"]);
    assert_eq!(sandbox.names(), ["a", "empty"]);
}

/// The program without a terminal to ask on.
fn without_terminal(sandbox: &Sandbox, arguments: &[&str]) -> Ended {
    let mut alone = sandbox.command("setsid");
    alone.args(["-w", env!("CARGO_BIN_EXE_sv2")]).args(arguments);
    Ended::of(alone.output().unwrap())
}

#[test]
fn who_cannot_be_asked_is_told_what_to_use() {
    let sandbox = Sandbox::new();
    sandbox.cheap_passphrase_stream("a.sv2", b"plaintext", "correct horse");
    for asking in [&["-p"][..], &[]] {
        let arguments = [&["decrypt", "a.sv2", "-o", "b"], asking].concat();
        let ended = without_terminal(&sandbox, &arguments);
        ended.expect_failure(4, &["no terminal to ask", "--passphrase-file"]);
        assert!(!ended.stderr.contains("use -p"), "{}", ended.stderr);
    }
}

#[test]
fn a_passphrase_that_nothing_needs_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.write("a", b"plaintext");
    sandbox.write("secret", b"correct horse\n");
    sandbox.good(&["keygen", "-o", "one"]);
    let encrypt = ["encrypt", "a", "-i", "one", "--passphrase-file", "secret"];
    sandbox.bad(&encrypt, 2, &["none of them needs it", "add -p"]);
    let mut keygen = sandbox.command("ssh-keygen");
    keygen.args(["-q", "-t", "ed25519", "-N", "correct horse", "-C", "me@here", "-f", "id"]);
    match keygen.output() {
        Ok(output) => assert!(output.status.success(), "{output:?}"),
        // The key format itself is tested where it is implemented.
        Err(_) => return,
    }
    // Its public half is not locked.
    let encrypt = ["encrypt", "a", "-i", "id", "--passphrase-file", "secret"];
    sandbox.bad(&encrypt, 2, &["none of them needs it", "add -p"]);
    sandbox.good(&["encrypt", "a", "-i", "id"]);
    let decrypt = ["decrypt", "a.sv2", "-o", "b", "-i", "id"];
    let ended = without_terminal(&sandbox, &decrypt);
    ended.expect_failure(4, &["no terminal to ask", "--passphrase-file"]);
    sandbox.good(&[&decrypt[..], &["--passphrase-file", "secret"]].concat());
    assert_eq!(sandbox.read("b"), b"plaintext");
}

#[test]
fn keys_that_cannot_be_used_are_named() {
    let sandbox = Sandbox::new();
    sandbox.write("a", b"plaintext");
    sandbox.write("list", b"# fine\nage1nonsense\n");
    let words = ["the recipient cannot be used", "checksum does not match"];
    sandbox.bad(&["encrypt", "a", "-r", "age1nonsense"], 2, &words);
    let missing = "age1sv2test1dpjkcmr0xxej9u";
    let words = ["the plugin age-plugin-sv2test is not on the PATH", "install it"];
    sandbox.bad(&["encrypt", "a", "--no-self", "-r", missing], 1, &words);
    for (text, word) in [(&b"one\ntwo\n"[..], "newline"), (b"a\0b", "newline")] {
        sandbox.write("word", text);
        sandbox.bad(&["encrypt", "a", "--passphrase-file", "word"], 2, &[word]);
    }
    fs::remove_file(sandbox.path("word")).unwrap();
    sandbox.bad(&["encrypt", "a", "-R", "list"], 2, &["line 2 of the key file list"]);
    let secret = sandbox.good(&["keygen"]).text().lines().last().unwrap().to_owned();
    let ended = sandbox.bad(&["encrypt", "a", "-r", &secret], 2, &["secret identity"]);
    assert!(!ended.stderr.contains(&secret), "secrets are not repeated");
    assert_eq!(sandbox.names(), ["a", "list"]);
}

#[test]
fn a_folder_without_permission_gives_no_default_identity() {
    let sandbox = Sandbox::new();
    sandbox.write("a", b"plaintext");
    // A file where the folder should be refuses everybody, root included.
    fs::create_dir(sandbox.path("home")).unwrap();
    fs::write(sandbox.path("home/.config"), b"").unwrap();
    fs::set_permissions(sandbox.path("home"), PermissionsExt::from_mode(0o700)).unwrap();
    sandbox.bad(&["encrypt", "a"], 1, &["key file", ".config"]);
    assert_eq!(sandbox.names(), ["a"]);
}

/// Whatever a key is read from, it ends somewhere.
#[test]
fn key_files_and_commands_without_an_end_are_refused() {
    let sandbox = crate::bad_streams::with_stream();
    for (key, code, word) in [
        (&["-K", "/dev/zero"][..], 2, "/dev/zero"),
        (&["-i", "/dev/zero"], 2, "longer than 1048576 bytes"),
        (&["-p", "--passphrase-file", "/dev/zero"], 2, "longer than 65536 bytes"),
        (&["--identity-command", "yes"], 1, "it printed over 1048576 bytes"),
    ] {
        let ended = sandbox.run(&[&["decrypt", "a.sv2", "-o", "out"], key].concat());
        ended.expect_failure(code, &[word]);
    }
    let to = ["encrypt", "plain", "-o", "out", "-R", "/dev/zero"];
    sandbox.bad(&to, 2, &["longer than 1048576 bytes"]);
    assert!(!sandbox.path("out").exists());
}
