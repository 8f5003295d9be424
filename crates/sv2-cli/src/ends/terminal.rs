//! A terminal as an output: it gets text, and nothing that could control it.

use std::fs::File;
use std::io::{self, Write};

use crate::failure::NotText;

/// A terminal, which is given text and nothing that could control it.
pub(super) struct TextOnly(pub(super) File);

impl Write for TextOnly {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !is_text(bytes) {
            return Err(io::Error::other(NotText));
        }
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Whether a part of a text can be shown; the part may begin and end inside a character.
fn is_text(part: &[u8]) -> bool {
    let start = part.iter().take(3).take_while(|byte| (0x80..0xC0).contains(*byte)).count();
    let part = &part[start..];
    let valid = match std::str::from_utf8(part) {
        Ok(text) => text,
        Err(error) if error.error_len().is_some() => return false,
        Err(error) => std::str::from_utf8(&part[..error.valid_up_to()]).unwrap_or_default(),
    };
    !valid.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_passes_to_a_terminal_and_controls_do_not() {
        let euro = "caf\u{e9} 3 \u{20ac}\r\n\ttab".as_bytes();
        for cut in 0..=euro.len() {
            assert!(is_text(&euro[..cut]) && is_text(&euro[cut..]), "{cut}");
        }
        for binary in [&b"\0"[..], b"\x1b[2J", b"a\xff", b"\x80\x80\x80\x80", b"\x7f"] {
            assert!(!is_text(binary), "{binary:?}");
        }
    }
}
