//! Metadata as a JSON library sees them (section 3.4 of the format).

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;

/// What the library makes of a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// A JSON object that section 3.4 allows.
    Metadata,
    /// Something else.
    Other,
    /// The library has a limit of its own here: nesting, numbers out of range, lone surrogates.
    Unknown,
}

/// A value, as far as section 3.4 asks for it.
enum Value {
    String(String),
    Array(Vec<Value>),
    Object(BTreeMap<String, Value>),
    Other,
}

/// Judges a text.
pub(super) fn judge(text: &[u8]) -> Judgement {
    let Ok(text) = std::str::from_utf8(text) else { return Judgement::Other };
    match serde_json::from_str::<Value>(text) {
        Ok(Value::Object(members)) if is_allowed(&members) => Judgement::Metadata,
        Ok(_) => Judgement::Other,
        Err(error) => {
            let error = error.to_string();
            let limits = [
                "number out of range",
                "recursion limit exceeded",
                "lone leading surrogate in hex escape",
                "unexpected end of hex escape",
            ];
            let is_limit = limits.iter().any(|limit| error.starts_with(limit));
            if is_limit { Judgement::Unknown } else { Judgement::Other }
        }
    }
}

fn is_allowed(members: &BTreeMap<String, Value>) -> bool {
    let is_string = |value: &Value| matches!(value, Value::String(_));
    members.iter().all(|(name, value)| match (name.as_str(), value) {
        ("name", Value::String(name)) => {
            !matches!(name.as_str(), "" | "." | "..") && !name.contains(['/', '\\', '\0'])
        }
        ("name" | "size" | "mtime" | "mode" | "media_type", value) => is_string(value),
        ("slots", Value::Array(values)) => values.iter().all(is_string),
        ("user", Value::Object(members)) => members.values().all(is_string),
        ("slots" | "user", _) => false,
        _ => true,
    })
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Values)
    }
}

/// Builds values; a member name twice in one object is an error.
struct Values;

impl<'de> Visitor<'de> for Values {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = elements.next_element()? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut members = BTreeMap::new();
        while let Some((name, value)) = entries.next_entry()? {
            if members.insert(name, value).is_some() {
                return Err(A::Error::custom("a name twice"));
            }
        }
        Ok(Value::Object(members))
    }
}
