//! A terminal as an output: it gets text, and nothing that could control it.

use std::io::{self, Write};

use crate::failure::NotText;
use crate::names::obeyed;

/// A terminal, which is given text and nothing that could control it.
///
/// Text is judged across the borders of writes: what begins a character at the end of one is kept
/// until the next one ends it.
pub(super) struct TextOnly<W: Write> {
    terminal: W,
    /// The beginning of a character that is not finished: at most three bytes.
    begun: Vec<u8>,
}

impl<W: Write> TextOnly<W> {
    pub(super) fn new(terminal: W) -> Self {
        Self { terminal, begun: Vec::new() }
    }
}

impl<W: Write> Write for TextOnly<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let refused = || io::Error::other(NotText);
        let mut text = std::mem::take(&mut self.begun);
        text.extend_from_slice(bytes);
        let whole = match std::str::from_utf8(&text) {
            Ok(_) => text.len(),
            // Only the end of the input tells a character that is cut off from one that goes on.
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Err(_) => return Err(refused()),
        };
        self.begun = text.split_off(whole);
        // Valid up to here, so nothing is replaced.
        if String::from_utf8_lossy(&text).chars().any(is_refused) {
            return Err(refused());
        }
        self.terminal.write_all(&text)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.begun.is_empty() {
            return Err(io::Error::other(NotText));
        }
        self.terminal.flush()
    }
}

/// Whether a terminal would do something else with a character than show it or break the line.
fn is_refused(c: char) -> bool {
    obeyed(c) && !matches!(c, '\t' | '\n' | '\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What reaches a terminal of the parts, where all of them are let through.
    fn shown(parts: &[&[u8]]) -> Option<Vec<u8>> {
        let mut screen = Vec::new();
        let mut terminal = TextOnly::new(&mut screen);
        for part in parts {
            terminal.write_all(part).ok()?;
        }
        terminal.flush().ok()?;
        Some(screen)
    }

    #[test]
    fn text_passes_to_a_terminal_wherever_it_is_cut() {
        let text = "caf\u{e9} 3 \u{20ac}\r\n\ttab \u{1f980}".as_bytes();
        for cut in 0..=text.len() {
            assert_eq!(shown(&[&text[..cut], &text[cut..]]).as_deref(), Some(text), "{cut}");
        }
        let bytes: Vec<&[u8]> = text.chunks(1).collect();
        assert_eq!(shown(&bytes).as_deref(), Some(text));
    }

    #[test]
    fn controls_do_not_pass_to_a_terminal_wherever_they_are_cut() {
        for binary in [
            &b"\0"[..],
            b"\x1b[2J",
            b"a\xff",
            b"\x80\x80\x80\x80",
            b"\x7f",
            // C1 controls, plain and as UTF-8.
            b"\x9b31m",
            b"\xc2\x9b2J",
            b"\xc2\x9d0;title\xc2\x9c",
            // What turns the direction of text.
            "a\u{202e}b".as_bytes(),
            "a\u{2066}b".as_bytes(),
            // A character that never ends.
            b"text \xe2\x82",
        ] {
            for cut in 0..=binary.len() {
                assert_eq!(shown(&[&binary[..cut], &binary[cut..]]), None, "{binary:?} at {cut}");
            }
        }
    }
}
