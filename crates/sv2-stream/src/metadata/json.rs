//! Whether opened metadata are the JSON object of section 3.4, without a value being built.
//!
//! No library is used, because those that build values refuse numbers out of their own range, which
//! the format does not bound.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

/// Arrays and objects that may be open at once (F-332).
const MAX_DEPTH: usize = 64;

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
    Object { names: BTreeSet<String>, current: String },
}

/// A value, or the beginning of one.
enum Value {
    String(String),
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
            b'{' => Value::Opened(Kind::Object { names: BTreeSet::new(), current: String::new() }),
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
            (self.open.len() < MAX_DEPTH).then_some(())?;
            self.open.push(Container { kind, is_begun: false });
        }
        Some(())
    }

    /// Whether the table of section 3.4 allows this value at this place.
    fn is_allowed(&self, value: &Value) -> bool {
        let Some(Container { kind: Kind::Object { current, .. }, .. }) = self.open.first() else {
            return matches!(value, Value::Opened(Kind::Object { .. }));
        };
        let is = |name: &str| name == current;
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
    fn string(&mut self) -> Option<String> {
        let mut text = String::new();
        let mut plain_from = self.at;
        loop {
            let byte = self.next()?;
            if !matches!(byte, b'"' | b'\\' | 0..0x20) {
                continue;
            }
            let plain = core::str::from_utf8(&self.bytes[plain_from..self.at - 1]).ok()?;
            text.push_str(plain);
            match byte {
                b'"' => return Some(text),
                b'\\' => text.push(self.escape()?),
                _ => return None,
            }
            plain_from = self.at;
        }
    }

    /// Reads what follows a backslash; half of a surrogate pair is no character.
    fn escape(&mut self) -> Option<char> {
        Some(match self.next()? {
            byte @ (b'"' | b'\\' | b'/') => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.unit()?;
                let units = match first {
                    0xD800..0xDC00 => {
                        self.expect(b'\\')?;
                        self.expect(b'u')?;
                        [first, self.unit()?]
                    }
                    _ => [first, 0],
                };
                char::decode_utf16(units).next()?.ok()?
            }
            _ => return None,
        })
    }

    /// Reads the four digits of an escaped UTF-16 code unit.
    fn unit(&mut self) -> Option<u16> {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = char::from(self.next()?).to_digit(16)?;
            unit = unit << 4 | digit as u16;
        }
        Some(unit)
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

fn is_base_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['\0', '/', '\\'])
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
            r#"{"x":[1,-0,2.5e+7,1E2,true,false,null,"a\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00",[[],{}]]}"#,
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
            r#"{"a":"\ud800"}"#,
            r#"{"a":"\ud800x"}"#,
            r#"{"a":"\ud800\n"}"#,
            r#"{"a":"\ud800\ud800"}"#,
            r#"{"a":"\udc00"}"#,
            r#"{"\udc00":1}"#,
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

    /// F-332: 64 arrays and objects, the outermost counted.
    #[test]
    fn nesting_is_bounded() {
        let deep =
            |arrays: usize| format!(r#"{{"x":{}1{}}}"#, "[".repeat(arrays), "]".repeat(arrays));
        assert!(is_metadata(deep(63).as_bytes()));
        assert!(!is_metadata(deep(64).as_bytes()));
        assert!(!is_metadata(deep(32_000).as_bytes()));
    }
}
