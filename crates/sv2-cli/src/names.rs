//! Names of inputs and outputs: as people see them, where nothing in a name can control a terminal
//! or forge a line, and as machines do, in whose formats names are escaped anyway.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// An input or an output by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Name {
    Stdin,
    Stdout,
    /// Bytes of the program's own.
    Memory,
    /// What a program writes.
    Program(String),
    File(PathBuf),
}

/// Where a stream comes from and goes to, as the sentences name it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Names<'a> {
    pub(crate) input: &'a Name,
    pub(crate) output: &'a Name,
}

impl Name {
    /// The name for reports in JSON.
    pub(crate) fn for_machines(&self) -> String {
        match self {
            Self::File(path) => for_machines(path),
            other => other.to_string(),
        }
    }

    /// The file of this name.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            _ => None,
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdin => f.write_str("standard input"),
            Self::Stdout => f.write_str("standard output"),
            Self::Memory => f.write_str("memory"),
            Self::Program(program) => write!(f, "the output of '{program}'"),
            Self::File(path) => f.write_str(&shown(path)),
        }
    }
}

/// A file's name as people see it: on one line, with escapes for what is no text.
pub(crate) fn shown(path: impl AsRef<OsStr>) -> String {
    let mut name = String::new();
    for chunk in path.as_ref().as_bytes().utf8_chunks() {
        name.push_str(&printable(chunk.valid()));
        name.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
    }
    name
}

/// A file's name for reports in JSON: as it is where it is Unicode, and else as people see it, so
/// that two names are told apart.
pub(crate) fn for_machines(path: &Path) -> String {
    path.to_str().map_or_else(|| shown(path), str::to_owned)
}

/// JSON with an escape for everything in its strings that a terminal would obey.
pub(crate) fn json_text(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        // Between the strings there are line ends and nothing else of the kind.
        if obeyed(c) && c != '\n' {
            let mut units = [0; 2];
            text.extend(c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            text.push(c);
        }
    }
    text
}

/// A text of somebody else without anything that a terminal would obey.
pub(crate) fn printable(text: &str) -> String {
    let mut printed = String::with_capacity(text.len());
    for c in text.chars() {
        if obeyed(c) {
            printed.extend(c.escape_default());
        } else {
            printed.push(c);
        }
    }
    printed
}

/// Whether a character controls a terminal, ends a line or turns the direction of what follows.
pub(crate) fn obeyed(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}')
        || ('\u{2066}'..='\u{2069}').contains(&c)
}

/// A word as a shell takes it for itself, on one line.
pub(crate) fn shell_word(word: &OsStr) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=,:@%+".contains(c);
    match word.to_str() {
        Some(text) if !text.is_empty() && text.chars().all(is_plain) => text.to_owned(),
        Some(text) if !text.chars().any(obeyed) => format!("'{}'", text.replace('\'', "'\\''")),
        _ => {
            let escaped = word.as_bytes().iter().map(|&byte| match byte {
                b'\'' | b'\\' => format!("\\{}", char::from(byte)),
                b' '..=b'~' => char::from(byte).to_string(),
                // Three digits, so that a digit that follows is none of them.
                _ => format!("\\{byte:03o}"),
            });
            format!("$'{}'", escaped.collect::<String>())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_on_their_line_and_say_nothing_to_a_terminal() {
        for (name, expected) in [
            (&b"caf\xc3\xa9 \\ 'a'.sv2"[..], "caf\u{e9} \\ 'a'.sv2"),
            (b"a\n\x1b[2J\x07\r\x7f", "a\\n\\u{1b}[2J\\u{7}\\r\\u{7f}"),
            (b"\xff\xc2\x9b\xc3", "\\xff\\u{9b}\\xc3"),
            (b"\xe2\x80\xae2vs.a\xe2\x81\xa6", "\\u{202e}2vs.a\\u{2066}"),
        ] {
            assert_eq!(shown(OsStr::from_bytes(name)), expected);
        }
    }

    #[test]
    fn json_says_nothing_to_a_terminal_and_stays_what_it_is() {
        let value = serde_json::json!({ "a\u{9b}b": "\x1b\u{7f}\u{202e}\u{2028}\u{1f980}\n\"\\" });
        for json in [value.to_string(), format!("{value:#}")] {
            let text = json_text(&json);
            assert!(!text.chars().any(|c| obeyed(c) && c != '\n'), "{text}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
        }
    }

    #[test]
    fn names_that_are_no_text_are_told_apart_by_machines_too() {
        let named = |name: &[u8]| for_machines(Path::new(OsStr::from_bytes(name)));
        assert_eq!(named(b"n\xff.sv2"), "n\\xff.sv2");
        assert_eq!(named(b"n\xfe.sv2"), "n\\xfe.sv2");
        assert_eq!(named(b"caf\xc3\xa9\n"), "caf\u{e9}\n");
    }

    #[test]
    fn words_are_quoted_as_a_shell_needs_them() {
        for (word, expected) in [
            (&b"-o"[..], "-o"),
            (b"a/b.tar", "a/b.tar"),
            (b"a b", "'a b'"),
            (b"it's", r"'it'\''s'"),
            (b"", "''"),
            (b"$HOME", "'$HOME'"),
            (b"a\x1b1'\\\xff", r"$'a\0331\'\\\377'"),
        ] {
            assert_eq!(shell_word(OsStr::from_bytes(word)), expected);
        }
    }
}
