//! Rows of requests whose answers the reference gives and a hand has written down in words.

use serde_json::{Value, json};

use super::base::KEY;
use super::encode::{base64, hex};
use super::model::{Body, RequestRow, Vector};
use super::requests::members;
use crate::protocol::{Members, answer, mode};

/// A request about a stream under the key and context of most vectors.
pub(super) fn about(stream: &[u8], more: Value) -> Members {
    let mut request = members(json!({
        "key": hex(&KEY),
        "context": hex(b"vectors"),
        "stream": base64(stream),
    }));
    request.extend(members(more));
    request
}

/// A row whose answer is the reference's.
///
/// # Panics
///
/// Where the answer is not the one that was written down.
pub(super) fn row(name: &str, request: Members, written: &str) -> RequestRow {
    let expect = answer(&request);
    assert_eq!(in_words(&expect), written, "{name}");
    RequestRow { name: name.to_owned(), mode: mode(&request), request, expect }
}

/// A row whose answer is that of the format alone: the reference does not parse metadata.
pub(super) fn told(name: &str, request: Members, expect: Value) -> RequestRow {
    RequestRow { name: name.to_owned(), mode: mode(&request), request, expect: members(expect) }
}

pub(super) fn vector(
    name: &str,
    layer: &'static str,
    scenario: &str,
    rows: Vec<RequestRow>,
) -> Vector {
    let body = Body::Requests(rows);
    Vector { name: name.to_owned(), layer, scenario: scenario.to_owned(), body }
}

/// What an answer comes to, such as `sealed, lost 0-256` or `Malformed trailer`.
fn in_words(answer: &Members) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let named = |of: &Members| {
        let parts = ["unit", "segment", "frame"].iter().filter_map(|name| of.get(*name));
        parts.map(text).collect::<Vec<String>>().join(" ")
    };
    if let Some(error) = answer.get("error") {
        return format!("{} {}", text(error), named(answer)).trim_end().to_owned();
    }
    let mut words = Vec::new();
    if let Some(Value::Array(units)) = answer.get("damage_exactly") {
        words.extend(units.iter().filter_map(Value::as_object).map(named));
    }
    if let Some(sealed) = answer.get("sealed") {
        words.push(if *sealed == true { "sealed" } else { "unsealed" }.to_owned());
    }
    for name in ["lost", "unconfirmed"] {
        for range in answer.get(name).and_then(Value::as_array).into_iter().flatten() {
            words.push(format!("{name} {}-{}", range[0], range[1]));
        }
    }
    for (name, unit) in [("plaintext_len", "in all"), ("released_len", "released")] {
        words.extend(answer.get(name).map(|len| format!("{len} {unit}")));
    }
    if answer.get("damaged_behind") == Some(&json!(true)) {
        words.push("damaged behind".to_owned());
    }
    for (name, unit) in [("parts", "parts"), ("revision", "revision"), ("generation", "generation")]
    {
        if !answer.contains_key("released_len") {
            words.extend(answer.get(name).map(|number| format!("{unit} {number}")));
        }
    }
    words.extend(answer.get("metadata").map(text));
    if words.is_empty() { "success".to_owned() } else { words.join(", ") }
}
