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
    File(PathBuf),
}

/// Where a stream comes from and goes to, as the sentences name it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Names<'a> {
    pub(crate) input: &'a Name,
    pub(crate) output: &'a Name,
}

impl Name {
    /// The name for reports in JSON; what is no Unicode in it is lost.
    pub(crate) fn for_machines(&self) -> String {
        match self {
            Self::File(path) => path.to_string_lossy().into_owned(),
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
