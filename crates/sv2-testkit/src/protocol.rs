//! The reference behind the line protocol of `docs/conformance/README.md`, for what is asked beside
//! the plain readings: unsealed and followed streams, verification, salvage, changes, parts.
//!
//! An answer holds what every implementation must say, and nothing that the format leaves open.

mod drawn;
mod parts;
mod request;

use serde_json::{Map, Value, json};

use crate::reference::change::{Metadata, Refused};
use crate::reference::primitives::sha256;
use crate::reference::{
    Damage, Failure, Limits, Outcome, Summary, append, decrypt_followed_pipe, decrypt_seekable,
    decrypt_unsealed, end_of_followed, open_metadata, open_pipe_metadata, read_range, rewrite,
    salvage, scrub, verify,
};
use crate::vectors::requests::named_members;
use crate::vectors::{Named, Verdict};

pub use drawn::drawn;
use request::Request;
pub use request::{base64_bytes, hex};

/// The members of an object.
pub type Members = Map<String, Value>;

/// What the reference answers, without the members that are informative.
///
/// # Panics
///
/// Where a request lacks a member or asks for what only the readings of vectors are asked.
pub fn answer(members: &Members) -> Members {
    let request = Request(members);
    match request.text("op") {
        "decrypt" => decrypt(&request),
        "range" => range(&request),
        "metadata" => metadata(&request),
        "scrub" => listed(scrub(request.followed(&request.bytes("stream")))),
        "verify" => {
            let stream = request.bytes("stream");
            let stream = request.followed(&stream);
            listed(verify(&request.key("key"), &request.unhex("context"), stream))
        }
        "salvage" => salvaged(&request),
        "rewrite" => rewritten(&request),
        "append" => appended(&request),
        "plan" => parts::plan(&request),
        "part" => parts::part(&request),
        "finish" => parts::finish(&request),
        other => panic!("the reference answers no {other}"),
    }
}

/// The mode under which a request is scored.
pub fn mode(members: &Members) -> &'static str {
    let request = Request(members);
    let is_followed = members.get("trailing").is_some();
    match (request.text("op"), members.get("mode").and_then(Value::as_str)) {
        _ if is_followed => "trailing",
        (_, Some("unsealed")) => "unsealed",
        ("metadata", Some("pipe")) => "pipe",
        ("metadata", _) => "metadata",
        ("range", _) => "range",
        ("scrub", _) => "scrub",
        ("verify", _) => "verify",
        ("salvage", _) => "salvage",
        ("rewrite", _) => "rewrite",
        ("append", _) => "append",
        ("plan" | "part" | "finish", _) => "parts",
        ("encrypt", _) => "writer",
        (_, Some("seekable")) => "seekable",
        _ => "pipe",
    }
}

fn object(value: Value) -> Members {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// A failure in the words of the protocol.
fn failed(failure: &Failure) -> Members {
    let verdict = Verdict::failed(failure);
    let Verdict::Failed(kind, named, _) = &verdict else { unreachable!("a failure") };
    let mut answer = object(json!({"ok": false, "error": format!("{kind:?}")}));
    answer.extend(named_members(named));
    if let Some(offset) = verdict.binding_offset() {
        answer.insert("offset".to_owned(), json!(offset));
    }
    answer
}

fn released(answer: &mut Members, bytes: &[u8]) {
    answer.insert("released_len".to_owned(), json!(bytes.len()));
    answer.insert("released_sha256".to_owned(), json!(hex(&sha256(bytes))));
}

/// What is told of a stream that was read or written.
fn summary(summary: &Summary) -> Members {
    object(json!({
        "ok": true,
        "revision": summary.revision,
        "generation": summary.generation,
        "fingerprint": summary.fingerprint.map(|bytes| hex(&bytes)),
    }))
}

fn decrypt(request: &Request<'_>) -> Members {
    let (key, context) = (request.key("key"), request.unhex("context"));
    let stream = request.bytes("stream");
    let outcome_of = |Outcome { released: bytes, result }: Outcome, stream_len: u64| {
        let mut answer = match &result {
            Ok(found) => summary(found),
            Err(failure) => failed(failure),
        };
        if result.is_ok() {
            answer.insert("stream_len".to_owned(), json!(stream_len));
        }
        released(&mut answer, &bytes);
        answer
    };
    match request.text("mode") {
        "unsealed" => {
            let (outcome, end) = decrypt_unsealed(&key, &context, &stream, &Limits::FORMAT);
            let mut answer = match &outcome.result {
                Err(failure) => failed(failure),
                Ok(found) => match end {
                    None => summary(found),
                    Some(end) => object(json!({
                        "ok": true,
                        "revision": found.revision,
                        "damaged_behind": end.kind != crate::reference::FailureKind::Unsealed,
                    })),
                },
            };
            if outcome.result.is_ok() {
                answer.insert("sealed".to_owned(), json!(end.is_none()));
            }
            released(&mut answer, &outcome.released);
            answer
        }
        "pipe" => {
            let (outcome, end) = decrypt_followed_pipe(&key, &context, &stream, &Limits::FORMAT);
            outcome_of(outcome, end)
        }
        _ => {
            let stream = request.followed(&stream);
            let outcome = decrypt_seekable(&key, &context, stream, &Limits::FORMAT);
            let mut answer = outcome_of(outcome, stream.len() as u64);
            if answer["ok"] == false {
                answer.remove("released_len");
                answer.remove("released_sha256");
            }
            answer
        }
    }
}

fn range(request: &Request<'_>) -> Members {
    let stream = request.bytes("stream");
    let (key, context) = (request.key("key"), request.unhex("context"));
    let (offset, len) = (request.number("offset"), request.number("length"));
    let outcome = read_range(&key, &context, request.followed(&stream), offset, len);
    match &outcome.result {
        Ok(found) => {
            let mut answer = summary(found);
            released(&mut answer, &outcome.released);
            answer
        }
        Err(failure) => failed(failure),
    }
}

fn metadata(request: &Request<'_>) -> Members {
    let (key, context) = (request.key("key"), request.unhex("context"));
    let stream = request.bytes("stream");
    let read = match request.0.get("mode") {
        Some(_) => open_pipe_metadata(&key, &context, &stream),
        None => open_metadata(&key, &context, &stream),
    };
    match Verdict::of_metadata(read) {
        Verdict::Metadata(text) => object(json!({"ok": true, "metadata": text})),
        Verdict::Failed(kind, named, _) => {
            let mut answer = object(json!({"ok": false, "error": format!("{kind:?}")}));
            answer.extend(named_members(&named));
            answer
        }
        other => unreachable!("no verdict on metadata: {other}"),
    }
}

/// Whole lists: unit, place and nothing else.
fn listed(result: Result<Vec<Damage>, Failure>) -> Members {
    let damages = match result {
        Ok(damages) => damages,
        Err(failure) => return failed(&failure),
    };
    let units = damages.iter().map(|damage| {
        let mut unit = named_members(&Named::damaged(damage));
        unit.insert("offset".to_owned(), json!(damage.offset));
        Value::Object(unit)
    });
    object(json!({"ok": true, "damage_exactly": units.collect::<Vec<Value>>()}))
}

fn salvaged(request: &Request<'_>) -> Members {
    let (key, context) = (request.key("key"), request.unhex("context"));
    let found = match salvage(&key, &context, &request.bytes("stream")) {
        Ok(found) => found,
        Err(failure) => return failed(&failure),
    };
    let pairs = |ranges: &[std::ops::Range<u64>]| {
        ranges.iter().map(|range| json!([range.start, range.end])).collect::<Vec<Value>>()
    };
    let closed_up = found.closed_up();
    let mut answer = object(json!({
        "ok": true,
        "sealed": found.sealed,
        "plaintext_len": found.plaintext_len,
        "recovered": closed_up.len(),
        "lost": pairs(&found.lost),
        "unconfirmed": pairs(&found.unconfirmed),
    }));
    let zeroed = request.text("gaps") == "zero";
    released(&mut answer, if zeroed { &found.plaintext } else { &closed_up });
    answer
}

/// What is told of a stream that was changed.
fn changed(request: &Request<'_>, result: Result<Vec<u8>, Failure>) -> Members {
    let stream = match result {
        Ok(stream) => stream,
        Err(failure) => return failed(&failure),
    };
    let (key, context) = (request.key("key"), request.unhex("context"));
    // A change of the header leaves damage of everything else as it is.
    let found = crate::reference::seekable::summary(&key, &context, &stream);
    let mut answer = summary(&found.expect("a change leaves a sealed stream"));
    answer.insert("stream_len".to_owned(), json!(stream.len()));
    answer.insert("stream_sha256".to_owned(), json!(hex(&sha256(&stream))));
    answer
}

fn rewritten(request: &Request<'_>) -> Members {
    let slots: Vec<Vec<u8>> = request.list("slots").map(Request::unhex_of).collect();
    let text = request.0.get("metadata").map(|value| value.as_str().unwrap_or_default());
    let metadata = match request.0.get("metadata") {
        None => Metadata::Keep,
        Some(Value::Null) => Metadata::Remove,
        Some(_) => {
            let salt = request.unhex("dangerous_metadata_salt");
            let salt = <[u8; 24]>::try_from(&salt[..]).expect("a salt of 24 bytes");
            Metadata::Replace(text.unwrap_or_default().as_bytes(), salt)
        }
    };
    let (key, context) = (request.key("key"), request.unhex("context"));
    match rewrite(&key, &context, &request.bytes("stream"), &slots, metadata) {
        Ok(stream) => changed(request, Ok(stream)),
        Err(Refused::Stream(failure)) => failed(&failure),
        Err(Refused::Usage) => object(json!({"ok": false, "error": "BadRequest"})),
    }
}

fn appended(request: &Request<'_>) -> Members {
    let (key, context) = (request.key("key"), request.unhex("context"));
    let mut salts = request.salts();
    let mut next = |_| salts.next().expect("a salt for each segment");
    let (stream, more) = (request.bytes("stream"), request.bytes("plaintext"));
    changed(request, append(&key, &context, &stream, &more, &mut next))
}

impl Request<'_> {
    /// The stream, or where what follows it is not to be looked at, the stream up to its end.
    fn followed<'s>(&self, stream: &'s [u8]) -> &'s [u8] {
        let is_followed = self.0.get("trailing").is_some();
        let end = if is_followed { end_of_followed(stream) } else { None };
        end.map_or(stream, |end| &stream[..end as usize])
    }
}

/// What is other in an answer than in what was expected, as a checker of vectors compares them.
pub fn difference(expect: &Members, answer: &Members) -> Option<String> {
    expect.iter().find_map(|(name, value)| {
        if name == "damage_exactly" {
            let listed = answer.get("damage").and_then(Value::as_array).map_or(&[][..], |it| it);
            let places: Vec<Value> = listed.iter().map(place).collect();
            return (json!(places) != *value).then(|| format!("damage is {places:?}, not {value}"));
        }
        let found = answer.get(name);
        (found != Some(value)).then(|| format!("{name} is {found:?}, not {value}"))
    })
}

/// A damaged unit without what is informative.
fn place(unit: &Value) -> Value {
    let mut place = unit.as_object().cloned().unwrap_or_default();
    place.retain(|name, _| matches!(name.as_str(), "unit" | "segment" | "frame" | "offset"));
    Value::Object(place)
}
