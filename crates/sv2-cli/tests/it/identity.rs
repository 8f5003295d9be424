//! The identity that a user has without naming one: when it is made, how it is told of, where it is
//! found, and what is said to those who leave themselves out.

use std::fs::{self, File};

use crate::sandbox::{Ended, Sandbox};

const OWN: &str = "home/.config/sv2/identity.txt";

/// The program without a terminal to ask on.
fn without_terminal(sandbox: &Sandbox, arguments: &[&str]) -> Ended {
    let mut alone = sandbox.command("setsid");
    alone.args(["-w", env!("CARGO_BIN_EXE_sv2")]).args(arguments);
    Ended::of(alone.output().unwrap())
}

/// Runs the command at the end of a hint, as it would be pasted.
fn pasted(sandbox: &Sandbox, ended: &Ended) -> Ended {
    let hint = ended.stderr.lines().find(|line| line.starts_with("hint: ")).unwrap();
    let command = &hint[hint.find("sv2 ").unwrap()..];
    let mut shell = sandbox.command("sh");
    let script = format!("sv2() {{ '{}' \"$@\"; }}; {command}", env!("CARGO_BIN_EXE_sv2"));
    Ended::of(shell.args(["-c", &script]).output().unwrap())
}

#[test]
fn without_a_terminal_an_identity_is_made_only_where_the_command_line_says_so() {
    let sandbox = Sandbox::new();
    sandbox.write("a b", b"plaintext");
    let ended = without_terminal(&sandbox, &["encrypt", "a b"]);
    ended.expect_failure(2, &["there is no default identity at", OWN, "no terminal to ask"]);
    assert!(!sandbox.path("home").exists(), "nothing was made");
    assert_eq!(sandbox.names(), ["a b"]);
    let made = pasted(&sandbox, &ended);
    assert_eq!(made.code, 0, "{}", made.stderr);
    assert!(made.stderr.contains("made your default identity at"), "{}", made.stderr);
    sandbox.good(&["decrypt", "a b.sv2", "-o", "c"]);
    // It does no harm where there is one.
    let again = ["encrypt", "--make-identity", "a b", "-f", "-o", "a b.sv2"];
    assert_eq!(sandbox.good(&again).stderr, "");
}

#[test]
fn an_identity_is_announced_until_it_was_announced_once() {
    let sandbox = Sandbox::new();
    sandbox.write("a", b"plaintext");
    // Nothing can be said, and nothing can be written.
    let full = || File::options().write(true).open("/dev/full").unwrap();
    let mut first = sandbox.sv2(&["encrypt", "--make-identity", "a", "-o", "/dev/full"]);
    assert_eq!(first.stderr(full()).status().unwrap().code(), Some(1));
    assert!(sandbox.path(OWN).exists());
    let second = sandbox.good(&["encrypt", "-q", "a"]);
    assert!(second.stderr.contains("made your default identity at"), "{}", second.stderr);
    assert_eq!(sandbox.good(&["encrypt", "-f", "a", "-o", "a.sv2"]).stderr, "");
    assert_eq!(fs::read_dir(sandbox.path("home/.config/sv2")).unwrap().count(), 1);
}

/// A sync of the folder that cannot be had is no reason to say that there is no key.
#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_may_not_be_read_takes_a_key() {
    use std::os::unix::fs::PermissionsExt;
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("box")).unwrap();
    fs::set_permissions(sandbox.path("box"), fs::Permissions::from_mode(0o733)).unwrap();
    fs::set_permissions(sandbox.path("."), fs::Permissions::from_mode(0o755)).unwrap();
    let Some(mut keygen) = crate::world::unprivileged(&sandbox, &["keygen", "-o", "box/key"])
    else {
        return;
    };
    let made = Ended::of(keygen.output().unwrap());
    assert_eq!(made.code, 0, "{}", made.stderr);
    assert!(made.text().starts_with("age1"), "{}", made.text());
    assert!(sandbox.path("box/key").exists());
}

#[test]
fn who_encrypts_for_others_only_is_told_and_keeps_the_source() {
    let sandbox = Sandbox::new();
    sandbox.own_identity();
    sandbox.write("a", b"plaintext");
    let other = sandbox.good(&["keygen", "-o", "other"]).text().trim().to_owned();
    let encrypt = ["encrypt", "-f", "a", "-o", "a.sv2", "-r", &other];
    let told = sandbox.good(&encrypt).stderr;
    assert!(told.contains("a.sv2: you cannot open it yourself"), "{told}");
    assert!(told.contains("hint: add yourself with --self"), "{told}");
    sandbox.bad(
        &["decrypt", "a.sv2", "-o", "b"],
        4,
        &["1 identity tried on 1 key slot for X25519"],
    );
    let ended = sandbox.bad(&[&encrypt[..], &["--rm"]].concat(), 2, &["--rm cannot be used"]);
    assert!(sandbox.path("a").exists());
    // With oneself nothing is to be said, however one is named.
    assert_eq!(sandbox.good(&[&encrypt[..], &["--self"]].concat()).stderr, "");
    sandbox.good(&["decrypt", "a.sv2", "-o", "b"]);
    let own = sandbox.good(&["keygen", "--show"]).text().trim().to_owned();
    assert_eq!(sandbox.good(&[&encrypt[..], &["-r", &own]].concat()).stderr, "");
    assert_eq!(sandbox.good(&[&encrypt[..], &["--no-self"]].concat()).stderr, "");
    let done = pasted(&sandbox, &ended);
    assert_eq!((done.code, sandbox.path("a").exists()), (0, false), "{}", done.stderr);
}

/// A home that is of no use stands in the way of nothing that has another way in.
#[test]
fn a_home_that_is_of_no_use_breaks_no_command_that_has_another_way_in() {
    let sandbox = Sandbox::new();
    sandbox.cheap_passphrase_stream("a.sv2", b"plaintext", "correct horse");
    sandbox.write("word", b"correct horse\n");
    fs::create_dir_all(sandbox.path("folder/.config/sv2/identity.txt")).unwrap();
    for (home, text) in [("empty", ""), ("garbage", "no identity\n")] {
        fs::create_dir_all(sandbox.path(&format!("{home}/.config/sv2"))).unwrap();
        sandbox.write(&format!("{home}/.config/sv2/identity.txt"), text.as_bytes());
    }
    for home in ["/dev/null", "folder", "empty", "garbage", "nowhere", ""] {
        let home: std::path::PathBuf = match home.starts_with('/') || home.is_empty() {
            true => home.into(),
            false => sandbox.path(home),
        };
        let run = |arguments: &[&str]| {
            let mut command = sandbox.sv2(arguments);
            Ended::of(
                command
                    .env("HOME", &home)
                    .env("SV2_PASSPHRASE_COMMAND", "cat word")
                    .output()
                    .unwrap(),
            )
        };
        let ended = run(&["decrypt", "-f", "a.sv2", "-o", "b"]);
        assert_eq!(ended.code, 0, "{home:?}: {}", ended.stderr);
        assert_eq!(sandbox.read("b"), b"plaintext");
        assert_eq!(run(&["recipients", "list", "a.sv2"]).code, 0, "{home:?}");
        // A new passphrase costs a second, whatever the home is like.
        if sandbox.path("garbage") == home {
            assert_eq!(run(&["encrypt", "-p", "b", "-f", "-o", "c.sv2"]).code, 0, "{home:?}");
        }
    }
    // Where it was the only way in, it is said where was looked.
    let other = sandbox.good(&["keygen", "-o", "other"]).text().trim().to_owned();
    sandbox.good(&["encrypt", "b", "-o", "d.sv2", "--no-self", "-r", &other]);
    let words = ["no key slot opens", "there is no default identity at '", OWN];
    sandbox.bad(&["decrypt", "d.sv2", "-o", "e"], 4, &words);
}

#[test]
fn keygen_shows_the_recipient_of_what_is_there() {
    let sandbox = Sandbox::new();
    let made = sandbox.good(&["keygen", "-o", "one"]).text().to_owned();
    assert_eq!(sandbox.good(&["keygen", "--show", "one"]).text(), made);
    sandbox.bad(&["keygen", "--show"], 1, &["cannot read the key file", OWN]);
    sandbox.own_identity();
    assert!(sandbox.good(&["keygen", "--show"]).text().starts_with("age1"));
    let json = sandbox.good(&["keygen", "--show", "--json", "one"]);
    let report: serde_json::Value = serde_json::from_str(json.text()).unwrap();
    assert_eq!(report["recipients"][0], made.trim());
    sandbox.bad(&["keygen", "one"], 2, &["--show"]);
}

/// Keys that other programs hand over: on the command line and from the environment.
#[test]
fn keys_come_from_commands_and_are_never_shown() {
    let sandbox = Sandbox::new();
    sandbox.raw_key();
    sandbox.write("a", b"plaintext");
    sandbox.write("word", b"\xef\xbb\xbfcorrect horse\n");
    sandbox.good(&["keygen", "-o", "one"]);
    let ways = [
        ("--identity-command", "SV2_IDENTITY_COMMAND", "cat one | cat"),
        ("--key-command", "SV2_KEY_COMMAND", "cat key"),
        ("--passphrase-command", "SV2_PASSPHRASE_COMMAND", "cat word"),
    ];
    for (option, variable, command) in ways {
        sandbox.good(&["encrypt", "-f", "a", option, command]);
        sandbox.good(&["decrypt", "-f", "a.sv2", "-o", "b", option, command]);
        assert_eq!(sandbox.read("b"), b"plaintext", "{option}");
        let mut decrypt = sandbox.sv2(&["decrypt", "-f", "a.sv2", "-o", "b"]);
        let ended = Ended::of(decrypt.env(variable, command).output().unwrap());
        assert_eq!(ended.code, 0, "{variable}: {}", ended.stderr);
        for (wrong, code, word) in
            [("echo secret; exit 3", 1, "exit status: 3"), ("yes secret", 1, "it printed over")]
        {
            let ended = sandbox.bad(&["decrypt", "a.sv2", "-o", "c", option, wrong], code, &[word]);
            assert!(ended.stderr.contains(option), "{}", ended.stderr);
            assert!(!ended.stderr.contains("secret"), "{}", ended.stderr);
        }
    }
    let words = ["(output of --identity-command)", "line 1"];
    let ended = sandbox.bad(
        &["decrypt", "a.sv2", "-o", "c", "--identity-command", "echo secret"],
        2,
        &words,
    );
    assert!(!ended.stderr.contains("secret"), "{}", ended.stderr);
    // A command takes nothing of the data.
    let reads = "cat >&2; cat key";
    let fed = sandbox.fed(&["encrypt", "--key-command", reads, "-o", "d.sv2"], b"plaintext");
    assert_eq!((fed.code, fed.stderr.as_str()), (0, ""));
    sandbox.good(&["decrypt", "-K", "key", "d.sv2"]);
    assert_eq!(sandbox.read("d"), b"plaintext");
}
