//! Whether opened metadata are the JSON object of section 3.4, without a value being built.
//!
//! Nesting costs heap and no stack, and is bounded by the header's length.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

/// A string as UTF-16 code units: JSON may escape surrogates that no `str` holds.
type Units = Vec<u16>;

/// Members of the outermost object whose values are strings.
const STRINGS: [&str; 5] = ["name", "size", "mtime", "mode", "media_type"];

/// Whether the bytes are UTF-8 text of one JSON object without a member name twice in one object,
/// whose known members have values of the kinds of section 3.4 and whose `name` is a base name
/// (F-332).
pub(super) fn is_metadata(bytes: &[u8]) -> bool {
    let Ok(text) = core::str::from_utf8(bytes) else { return false };
    let mut reader = Reader { bytes: text.as_bytes(), at: 0, open: Vec::new() };
    reader.document().is_some()
}

/// An array or object that is not closed yet.
struct Container {
    kind: Kind,
    /// Whether its first element was read.
    is_begun: bool,
}

enum Kind {
    Array,
    Object { names: BTreeSet<Units>, current: Units },
}

/// A value, or the beginning of one.
enum Value {
    String(Units),
    Other,
    Opened(Kind),
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    open: Vec<Container>,
}

impl Reader<'_> {
    /// Reads everything; `None` where it breaks a rule.
    fn document(&mut self) -> Option<()> {
        self.value()?;
        while !self.open.is_empty() {
            self.element_or_end()?;
        }
        self.skip_space();
        (self.at == self.bytes.len()).then_some(())
    }

    /// Reads the next element of the innermost container, or its end.
    fn element_or_end(&mut self) -> Option<()> {
        self.skip_space();
        let innermost = self.open.last_mut()?;
        let end = if matches!(innermost.kind, Kind::Array) { b']' } else { b'}' };
        let is_begun = core::mem::replace(&mut innermost.is_begun, true);
        if self.bytes.get(self.at) == Some(&end) {
            self.at += 1;
            self.open.pop();
            return Some(());
        }
        if is_begun {
            self.expect(b',')?;
        }
        if end == b'}' {
            self.name()?;
        }
        self.value()
    }

    /// Reads the name of a member and the colon behind it.
    fn name(&mut self) -> Option<()> {
        self.skip_space();
        self.expect(b'"')?;
        let name = self.string()?;
        self.skip_space();
        self.expect(b':')?;
        let Kind::Object { names, current } = &mut self.open.last_mut()?.kind else { return None };
        current.clone_from(&name);
        names.insert(name).then_some(())
    }

    /// Reads a value; of an array or object only its beginning.
    fn value(&mut self) -> Option<()> {
        self.skip_space();
        let value = match self.next()? {
            b'"' => Value::String(self.string()?),
            b'{' => Value::Opened(Kind::Object { names: BTreeSet::new(), current: Units::new() }),
            b'[' => Value::Opened(Kind::Array),
            b't' => self.word(b"rue")?,
            b'f' => self.word(b"alse")?,
            b'n' => self.word(b"ull")?,
            first => self.number(first)?,
        };
        if !self.is_allowed(&value) {
            return None;
        }
        if let Value::Opened(kind) = value {
            self.open.push(Container { kind, is_begun: false });
        }
        Some(())
    }

    /// Whether the table of section 3.4 allows this value at this place.
    fn is_allowed(&self, value: &Value) -> bool {
        let Some(Container { kind: Kind::Object { current, .. }, .. }) = self.open.first() else {
            return matches!(value, Value::Opened(Kind::Object { .. }));
        };
        let is = |name: &str| name.encode_utf16().eq(current.iter().copied());
        match (self.open.len(), value) {
            (1, Value::String(text)) if is("name") => is_base_name(text),
            (1, value) if STRINGS.into_iter().any(is) => matches!(value, Value::String(_)),
            (1, value) if is("slots") => matches!(value, Value::Opened(Kind::Array)),
            (1, value) if is("user") => matches!(value, Value::Opened(Kind::Object { .. })),
            (2, value) if is("slots") || is("user") => matches!(value, Value::String(_)),
            _ => true,
        }
    }

    /// Reads the rest of a string, whose opening quote was read.
    fn string(&mut self) -> Option<Units> {
        let mut units = Units::new();
        let mut plain_from = self.at;
        loop {
            let byte = self.next()?;
            if !matches!(byte, b'"' | b'\\' | 0..0x20) {
                continue;
            }
            let plain = core::str::from_utf8(&self.bytes[plain_from..self.at - 1]).ok()?;
            units.extend(plain.encode_utf16());
            match byte {
                b'"' => return Some(units),
                b'\\' => units.push(self.escape()?),
                _ => return None,
            }
            plain_from = self.at;
        }
    }

    /// Reads what follows a backslash.
    fn escape(&mut self) -> Option<u16> {
        Some(match self.next()? {
            byte @ (b'"' | b'\\' | b'/') => byte.into(),
            b'b' => 8,
            b'f' => 12,
            b'n' => 10,
            b'r' => 13,
            b't' => 9,
            b'u' => {
                let mut unit = 0;
                for _ in 0..4 {
                    let digit = char::from(self.next()?).to_digit(16)?;
                    unit = unit << 4 | digit as u16;
                }
                unit
            }
            _ => return None,
        })
    }

    fn word(&mut self, rest: &[u8]) -> Option<Value> {
        rest.iter().try_for_each(|byte| self.expect(*byte))?;
        Some(Value::Other)
    }

    /// Reads the rest of a number.
    fn number(&mut self, first: u8) -> Option<Value> {
        let first = if first == b'-' { self.next()? } else { first };
        match first {
            b'0' => {}
            b'1'..=b'9' => {
                self.digits();
            }
            _ => return None,
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            (self.digits() > 0).then_some(())?;
        }
        if matches!(self.bytes.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.bytes.get(self.at), Some(b'+' | b'-')) {
                self.at += 1;
            }
            (self.digits() > 0).then_some(())?;
        }
        Some(Value::Other)
    }

    /// Reads as many digits as there are and returns their number.
    fn digits(&mut self) -> usize {
        let rest = &self.bytes[self.at..];
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        count
    }

    fn next(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.next()? == byte).then_some(())
    }

    fn skip_space(&mut self) {
        while matches!(self.bytes.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }
}

fn is_base_name(name: &[u16]) -> bool {
    const DOT: u16 = b'.' as u16;
    let forbidden = [0, b'/'.into(), b'\\'.into()];
    !matches!(name, [] | [DOT] | [DOT, DOT]) && !name.iter().any(|unit| forbidden.contains(unit))
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn json_of_all_kinds_is_accepted_with_space_around_it() {
        for text in [
            "{}",
            " {\"a\" : [ ] , \"b\":{ }}\r\n   ",
            r#"{"x":[1,-0,2.5e+7,1E2,true,false,null,"a\"\\\/\b\f\n\r\t\u00e9\ud800",[[],{}]]}"#,
            r#"{"name":"a..b","size":"1","mtime":"","mode":"","media_type":"","slots":[],"user":{}}"#,
            r#"{"x":{"name":1,"slots":2},"y":{"a":1},"z":{"a":1}}"#,
            r#"{"slots":["a","b"],"user":{"name":"/","b":""}}"#,
        ] {
            assert!(is_metadata(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for text in [
            "",
            " ",
            "{",
            "}",
            "[]",
            "1",
            "{} x",
            "{,}",
            r#"{"a"}"#,
            r#"{"a":}"#,
            r#"{"a":1,}"#,
            r#"{"a":[1,]}"#,
            r#"{"a":[,1]}"#,
            r#"{"a":1 "b":2}"#,
            r#"{a:1}"#,
            r#"{"a":01}"#,
            r#"{"a":1.}"#,
            r#"{"a":.5}"#,
            r#"{"a":-}"#,
            r#"{"a":1e}"#,
            r#"{"a":+1}"#,
            r#"{"a":tru}"#,
            r#"{"a":NaN}"#,
            r#"{"a":"\x"}"#,
            r#"{"a":"\u12g4"}"#,
            "{\"a\":\"\n\"}",
            r#"{"a":[}"#,
            r#"{"a":"#,
            "\u{feff}{}",
        ] {
            assert!(!is_metadata(text.as_bytes()), "{text}");
        }
        assert!(!is_metadata(b"{\"a\":\"\xff\"}"));
    }

    #[test]
    fn a_name_that_is_escaped_is_the_same_name() {
        assert!(!is_metadata(br#"{"a":1,"\u0061":2}"#));
        assert!(!is_metadata(br#"{"x":{"a":1,"a":2}}"#));
        assert!(!is_metadata(br#"{"n\u0061me":1}"#));
    }

    #[test]
    fn nesting_as_deep_as_a_header_can_hold_costs_no_stack() {
        let deep = format!(r#"{{"x":{}1{}}}"#, "[".repeat(32_000), "]".repeat(32_000));
        assert!(is_metadata(deep.as_bytes()));
        assert!(!is_metadata(&deep.as_bytes()[..deep.len() - 1]));
    }
}
