//! Help, man pages, completions, and mistakes on the command line.

use std::fs;

use snapbox::{assert_data_eq, file};

use crate::sandbox::Sandbox;

const COMMANDS: [&str; 17] = [
    "encrypt",
    "decrypt",
    "cat",
    "verify",
    "protect",
    "repair",
    "append",
    "recipients",
    "recipients list",
    "recipients add",
    "recipients rm",
    "inspect",
    "fingerprint",
    "keygen",
    "bench",
    "completions",
    "man",
];

#[test]
fn the_help_is_as_it_was_reviewed() {
    let sandbox = Sandbox::new();
    let mut text = sandbox.good(&["--help"]).text().to_owned();
    for command in COMMANDS {
        text.push_str(&format!("\n==== sv2 {command} --help ====\n\n"));
        let words: Vec<&str> = command.split(' ').chain(["--help"]).collect();
        text.push_str(sandbox.good(&words).text());
    }
    assert_data_eq!(text, file!["snapshots/help.txt"]);
}

#[test]
fn the_man_pages_cover_every_command_and_the_exit_codes() {
    let sandbox = Sandbox::new();
    sandbox.good(&["man", "pages"]);
    for command in COMMANDS {
        let page =
            fs::read_to_string(sandbox.path(&format!("pages/sv2-{}.1", command.replace(' ', "-"))))
                .unwrap();
        assert!(page.contains(".SH EXAMPLES") || page.contains(".SH \"EXAMPLES\""), "{command}");
    }
    let page = fs::read_to_string(sandbox.path("pages/sv2.1")).unwrap();
    assert!(page.contains(".SH \"EXIT STATUS\""), "{page}");
    for (code, word) in [(3, "tampered"), (5, "damaged"), (130, "interrupted")] {
        assert!(page.contains(&format!("\n  {code:<4} ")) && page.contains(word), "{code}");
    }
}

/// Examples come first, what all commands have is told once, and the notes stand behind the options.
#[test]
fn the_help_of_a_command_begins_with_examples_and_repeats_no_common_options() {
    let sandbox = Sandbox::new();
    for command in COMMANDS {
        let words: Vec<&str> = command.split(' ').chain(["--help"]).collect();
        let ended = sandbox.good(&words);
        let place = |text: &str| ended.text().find(text).unwrap_or(usize::MAX);
        assert!(place("\nExamples:\n") < place("\nOptions:\n"), "{command}");
        assert!(place("\nNotes:\n") > place("\nOptions:\n"), "{command}");
        assert!(!ended.text().contains("--color"), "{command}");
        assert!(ended.text().trim_end().ends_with("'sv2 --help'."), "{command}");
        // They are understood all the same, in front and behind.
        let before = [&["-q"], &words[..]].concat();
        sandbox.good(&before);
    }
    assert_eq!(sandbox.good(&["--help"]).text().matches("--color <").count(), 1);
}

/// One table of exit codes: that of the help, of the man page and of the document.
#[test]
fn the_exit_codes_are_the_same_in_help_man_page_and_document() {
    let sandbox = Sandbox::new();
    let document = include_str!("../../../../docs/exit-codes.md");
    sandbox.good(&["man", "pages"]);
    let page = fs::read_to_string(sandbox.path("pages/sv2.1")).unwrap().replace('\\', "");
    let help = sandbox.good(&["--help"]).text().to_owned();
    let rows = document.lines().filter(|line| line.starts_with("| ")).skip(1);
    let rows: Vec<(&str, &str)> =
        rows.map(|row| row.trim_matches(['|', ' ']).split_once(" | ").unwrap()).collect();
    assert_eq!(rows.len(), 10);
    for (code, meaning) in rows {
        let row = format!("\n  {code:<4} {meaning}\n");
        assert!(help.contains(&row) && page.contains(&row), "{row}");
    }
    let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let notes = flat(&document[document.find("Of several inputs").unwrap()..]);
    assert!(flat(&help).contains(&notes) && flat(&page).contains(&notes), "{notes}");
}

#[test]
fn man_pages_say_what_the_words_are_and_where_to_read_on() {
    let sandbox = Sandbox::new();
    sandbox.good(&["man", "pages"]);
    for (name, words) in [
        ("sv2", &[".BR age (1)"][..]),
        ("sv2-encrypt", &["[INPUT]...", ".BR sv2 (1)", ".BR sv2\\-decrypt (1)", "<FILE>"]),
        ("sv2-decrypt", &["[INPUT]...", ".BR sv2\\-repair (1)", ".SH \"NOTES\""]),
        ("sv2-recipients-add", &["<STREAM>", ".BR sv2\\-keygen (1)"]),
    ] {
        let page = fs::read_to_string(sandbox.path(&format!("pages/{name}.1"))).unwrap();
        for word in words.iter().chain([&".SH SYNOPSIS", &".SH \"SEE ALSO\""]) {
            assert!(page.contains(word), "{name}: {word}: {page}");
        }
        assert!(!page.contains("color") || name == "sv2", "{name}");
    }
}

#[test]
fn completions_know_the_commands() {
    let sandbox = Sandbox::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = sandbox.good(&["completions", shell]);
        assert!(script.text().contains("fingerprint"), "{shell}");
    }
}

#[test]
fn mistakes_on_the_command_line_are_usage_errors() {
    let sandbox = Sandbox::new();
    sandbox.write("a", b"");
    fs::create_dir(sandbox.path("folder")).unwrap();
    for (arguments, word) in [
        (&["frob"][..], "frob"),
        (&["encrypt", "--frob"], "--frob"),
        (&["encrypt", "-T", "many", "a"], "many"),
        (&["encrypt", "--frame-size", "3K", "a"], "power of two from 256 to 1M"),
        (&["encrypt", "--segment-size", "2G", "a"], "power of two from 256 to 1G"),
        (&["encrypt", "--segment-size", "0", "a"], "--segment-size is 0 bytes"),
        (&["encrypt", "--segment-size", "255", "a"], "--segment-size is 255 bytes"),
        (&["encrypt", "--frame-size", "big", "a"], "big"),
        (&["encrypt", "--forc", "a"], "a similar option is '--force'; see 'sv2 enc"),
        (&["recipients", "add"], "see 'sv2 recipients add --help'"),
        (&["encrypt", "-T", "1025", "a"], "0 to 1024"),
        (&["decrypt", "folder"], "name a stream, which is a file"),
        (&["verify", "folder"], "name a stream, which is a file"),
        (&["encrypt", "folder"], "tar -c folder | sv2 encrypt"),
        (&["encrypt", "--suite", "rot13", "a"], "rot13"),
        (&["encrypt", "-q", "-v", "a"], "--verbose"),
        (&["cat", "--range", "a:b", "a"], "OFF:LEN"),
        (&["verify", "--expect", "12", "a"], "64 hexadecimal digits"),
        (&["decrypt", "--salvage=ones", "a"], "zero, skip"),
    ] {
        sandbox.bad(arguments, 2, &[word]);
    }
    assert_eq!(sandbox.run(&[]).code, 2);
    assert_eq!(sandbox.names(), ["a", "folder"]);
}

#[test]
fn a_variable_that_is_empty_counts_as_unset() {
    let sandbox = crate::bad_streams::with_stream();
    for (threads, code) in [("", 0), ("2", 0), ("many", 2)] {
        let mut command = sandbox.sv2(&["verify", "a.sv2"]);
        assert_eq!(command.env("SV2_THREADS", threads).output().unwrap().status.code(), Some(code));
    }
}

#[test]
fn the_version_names_the_cipher_libraries() {
    let sandbox = Sandbox::new();
    let short = sandbox.good(&["-V"]);
    let long = sandbox.good(&["--version"]);
    assert_eq!(short.text(), format!("sv2 {}\n", env!("CARGO_PKG_VERSION")));
    assert!(long.text().starts_with(short.text()), "{}", long.text());
    assert!(["ring", "aws-lc"].iter().any(|name| long.text().contains(name)), "{}", long.text());
}

#[test]
fn colour_is_used_when_asked_for_alone() {
    let sandbox = Sandbox::new();
    for (when, coloured) in [("always", true), ("never", false), ("auto", false)] {
        let ended = sandbox.run(&["decrypt", "missing.sv2", "--color", when]);
        assert_eq!(ended.stderr.contains('\x1b'), coloured, "{when}");
    }
}

/// What other tools taught the fingers leads on, and nothing that deletes is suggested.
#[test]
fn words_of_other_tools_lead_to_the_right_command() {
    let sandbox = Sandbox::new();
    sandbox.write("a b", b"plaintext");
    sandbox.write("a.sv2", b"stream");
    for (typed, hint) in [
        (&["-d", "a.sv2"][..], "did you mean: sv2 decrypt a.sv2"),
        (&["-e", "a b"], "did you mean: sv2 encrypt 'a b'"),
        (&["a b"], "did you mean: sv2 encrypt 'a b'"),
        (&["a.sv2"], "did you mean: sv2 decrypt a.sv2"),
        (&["info", "a.sv2"], "did you mean: sv2 inspect a.sv2"),
        (&["test", "a.sv2"], "did you mean: sv2 verify a.sv2"),
        (&["check", "a.sv2"], "did you mean: sv2 verify a.sv2"),
        (&["salvage", "a.sv2"], "did you mean: sv2 decrypt --salvage a.sv2"),
        (&["-r", "age1xyz", "a b"], "did you mean: sv2 encrypt -r age1xyz 'a b'"),
        (&["version"], "did you mean: sv2 --version"),
        (&["encrypt", "--armor", "a b"], "base64"),
        (&["encrypt", "-j", "4", "a b"], "-T N"),
        (&["encrypt", "-k", "a b"], "the source is kept unless --rm is given"),
        (&["encrypt", "--rmm", "a b"], "see 'sv2 encrypt --help'"),
        (&["encrypt", "--ar", "a b"], "see 'sv2 encrypt --help'"),
        (&["frob", "x"], "see 'sv2 --help'"),
        (&["ee", "x"], "see 'sv2 --help'"),
    ] {
        let ended = sandbox.bad(typed, 2, &[hint]);
        let told = ended.stderr.lines().nth(1).unwrap();
        assert!(!told.contains("similar command is 'e'"), "{told}");
        let is_deletion = told.contains("similar option is '--rm'");
        assert!(!is_deletion && !told.contains("to pass '"), "{told}");
    }
    assert_eq!(sandbox.names(), ["a b", "a.sv2"]);
}
