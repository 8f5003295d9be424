//! Words of other tools, and the commands of this one that they stand for.
//!
//! Nothing is guessed into doing: what was meant is said, ready to paste.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use crate::invocation::operand;
use crate::names::shell_word;

/// Other words for commands.
const COMMANDS: [(&str, &[&str]); 9] = [
    ("inspect", &["info", "list", "ls", "show", "stat", "status"]),
    ("verify", &["test", "check", "scrub", "validate", "fsck"]),
    ("decrypt --salvage", &["salvage", "recover", "rescue", "restore"]),
    ("decrypt", &["dec", "extract", "unpack", "open", "--decrypt", "-d"]),
    ("encrypt", &["enc", "pack", "seal", "create", "--encrypt", "-e"]),
    ("encrypt -p", &["--symmetric", "-c"]),
    ("recipients", &["rekey", "rewrap", "keys", "slots", "share"]),
    ("keygen", &["identity", "key", "genkey", "generate", "init"]),
    ("--version", &["version"]),
];

/// Options of `encrypt` and `decrypt` that come first under the fingers of who knows age.
const KEY_OPTIONS: [&str; 11] = [
    "-r",
    "--recipient",
    "-R",
    "--recipients-file",
    "-i",
    "--identity",
    "-p",
    "--passphrase",
    "-o",
    "--output",
    "-K",
];

/// Options of other tools within a command, and what does the same.
const OPTIONS: [(&[&str], &str); 6] = [
    (
        &["--armor", "--armour", "-a"],
        "streams are binary; for text pipe one through base64: -o - | base64",
    ),
    (&["-j", "--jobs", "--parallel"], "the number of threads is -T N"),
    (&["-k", "--keep"], "the source is kept unless --rm is given"),
    (&["-c", "--stdout", "--to-stdout"], "standard output is -o -"),
    (&["--password", "--pass", "--passwd"], "a passphrase is asked for with -p"),
    (&["-y", "--yes", "--overwrite"], "an output is overwritten with -f"),
];

/// What was meant by the words of a command line that was not understood: a command, ready to
/// paste, or the option that does the same.
pub(crate) fn meant(words: &[OsString]) -> Option<String> {
    let (first, rest) = words.split_first()?;
    let word = first.to_str()?;
    let command = |command: &str, rest: &[OsString]| {
        let rest: String = rest.iter().map(|word| format!(" {}", shell_word(word))).collect();
        Some(format!("did you mean: sv2 {command}{rest}"))
    };
    if let Some((ours, _)) = COMMANDS.iter().find(|(_, words)| words.contains(&word)) {
        return command(ours, rest);
    }
    if KEY_OPTIONS.contains(&word) {
        let decrypts = words.iter().any(|word| word == "-d" || word == "--decrypt")
            || words.last().is_some_and(|last| is_stream(last));
        let others: Vec<OsString> =
            words.iter().filter(|word| *word != "-d" && *word != "--decrypt").cloned().collect();
        return command(if decrypts { "decrypt" } else { "encrypt" }, &others);
    }
    if Path::new(first).exists() {
        let ours = if is_stream(first) { "decrypt" } else { "encrypt" };
        return command(&format!("{ours} {}", operand(first)), rest);
    }
    None
}

/// What does the same as an option of another tool.
pub(crate) fn option(word: &str) -> Option<&'static str> {
    OPTIONS.iter().find(|(words, _)| words.contains(&word)).map(|(_, ours)| *ours)
}

fn is_stream(file: &OsStr) -> bool {
    Path::new(file).extension().is_some_and(|extension| extension == "sv2")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_other_tools_lead_to_ours() {
        let led = |line: &str| {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            meant(&words).map(|meant| meant.replace("did you mean: ", ""))
        };
        for (typed, ours) in [
            ("-d a.sv2", "sv2 decrypt a.sv2"),
            ("-d -i key.txt a.sv2", "sv2 decrypt -i key.txt a.sv2"),
            ("-e a", "sv2 encrypt a"),
            ("-c a", "sv2 encrypt -p a"),
            ("-r age1xyz a", "sv2 encrypt -r age1xyz a"),
            ("-i key.txt -d a.sv2", "sv2 decrypt -i key.txt a.sv2"),
            ("-o a a.sv2", "sv2 decrypt -o a a.sv2"),
            ("info a.sv2", "sv2 inspect a.sv2"),
            ("test a.sv2", "sv2 verify a.sv2"),
            ("check a.sv2", "sv2 verify a.sv2"),
            ("salvage a.sv2", "sv2 decrypt --salvage a.sv2"),
            ("version", "sv2 --version"),
            ("Cargo.toml", "sv2 encrypt Cargo.toml"),
        ] {
            assert_eq!(led(typed).as_deref(), Some(ours), "{typed}");
        }
        for unknown in ["frob", "--frob a", "no-such-file"] {
            assert_eq!(led(unknown), None, "{unknown}");
        }
        assert!(option("--armor").is_some() && option("--frob").is_none());
    }
}
