//! Requests that a writer must refuse, and keys that nobody takes.

use serde_json::{Map, Value, json};

use super::age_files::{SCRYPT, X25519};
use super::encode::{base64, hex, unhex};
use super::model::{Body, RefusalRow, Vector};
use super::requests::members;
use super::slots::{age_slot, edited, other_slot};

/// One vector for what no header says, one for keys.
pub(super) fn vectors() -> Vec<Vector> {
    let mut rows = parameters();
    rows.extend(header_lengths());
    rows.extend(slots());
    rows.extend(metadata());
    let vector = |name: &str, layer, scenario: &str, rows| Vector {
        name: name.to_owned(),
        layer,
        scenario: scenario.to_owned(),
        body: Body::Refusals(rows),
    };
    vec![
        vector(
            "writer-refusals",
            "header",
            "What a writer is asked for and must not write, with the name of the refusal.",
            rows,
        ),
        vector("key-lengths", "key", "Keys that are not 32 bytes long (F-402).", keys()),
    ]
}

/// A sound request with some members replaced.
fn row(name: &str, change: Value, error: &'static str) -> RefusalRow {
    let mut request = members(json!({
        "op": "encrypt",
        "key": "07".repeat(32),
        "context": "",
        "plaintext": base64(b"nothing of this is written"),
        "suite": 1,
        "digest": 0,
        "frame_log2": 8,
        "frames_log2": 0,
    }));
    request.extend(members(change));
    RefusalRow { name: name.to_owned(), request, error }
}

fn parameters() -> Vec<RefusalRow> {
    [
        ("suite 0", json!({"suite": 0}), "Unsupported"),
        ("suite 3", json!({"suite": 3}), "Unsupported"),
        ("suite 255", json!({"suite": 255}), "Unsupported"),
        ("digest 3", json!({"digest": 3}), "Unsupported"),
        ("digest 255", json!({"digest": 255}), "Unsupported"),
        ("frame_log2 0", json!({"frame_log2": 0}), "Malformed"),
        ("frame_log2 7", json!({"frame_log2": 7}), "Malformed"),
        ("frame_log2 21", json!({"frame_log2": 21}), "Limit"),
        ("frame_log2 255", json!({"frame_log2": 255}), "Limit"),
        ("frames_log2 15", json!({"frames_log2": 15}), "Limit"),
        ("frames_log2 255", json!({"frames_log2": 255}), "Limit"),
        ("segments of 2 GiB", json!({"frame_log2": 20, "frames_log2": 11}), "Limit"),
        ("segments of 2 GiB in many frames", json!({"frame_log2": 17, "frames_log2": 14}), "Limit"),
    ]
    .map(|(name, change, error)| row(name, change, error))
    .into()
}

fn header_lengths() -> Vec<RefusalRow> {
    let mut rows = Vec::new();
    for len in [0_u32, 64, 192, 255, 257, 1000, 65_535, u32::MAX] {
        rows.push(row(&format!("header_len {len}"), json!({"header_len": len}), "Malformed"));
    }
    for len in [65_600_u32, 1 << 31] {
        rows.push(row(&format!("header_len {len}"), json!({"header_len": len}), "Limit"));
    }
    let slot = |len: usize| json!([[1, hex(&[&[0x80, 0], &vec![7; len][..]].concat())]]);
    for (name, len, header_len) in [
        ("a slot one byte too long for header_len 256", 113_usize, json!(256)),
        ("a slot far too long for header_len 1024", 5000, json!(1024)),
    ] {
        let change = json!({"slotted": true, "sections": slot(len), "header_len": header_len});
        rows.push(row(name, change, "Limit"));
    }
    let change = json!({"slotted": true, "sections": slot(65_536)});
    rows.push(row("a slot too long for any header", change, "Limit"));
    rows
}

fn slots() -> Vec<RefusalRow> {
    let sections = |slots: Vec<(u16, Vec<u8>)>| {
        let slots: Vec<Value> = slots.iter().map(|(kind, body)| json!([kind, hex(body)])).collect();
        json!({"slotted": true, "sections": slots, "header_len": 65_536})
    };
    let scrypt = || age_slot(&unhex(SCRYPT));
    let x25519 = unhex(X25519);
    [
        ("two passphrase slots", vec![scrypt(), scrypt()], "Malformed"),
        ("65 slots", vec![other_slot(0x8000); 65], "Limit"),
        ("a slot without a kind", vec![(1, vec![0])], "Malformed"),
        ("an empty slot", vec![(1, Vec::new())], "Malformed"),
        ("a slot that is no age file", vec![age_slot(b"no age file")], "Malformed"),
        ("an age file that is cut", vec![age_slot(&x25519[..x25519.len() - 1])], "Malformed"),
        ("an age file of version 2", vec![age_slot(&edited(X25519, "/v1", "/v2"))], "Malformed"),
        ("a work factor of 0", vec![age_slot(&edited(SCRYPT, " 18\n", " 0\n"))], "Malformed"),
    ]
    .map(|(name, slots, error)| row(name, sections(slots), error))
    .into()
}

fn metadata() -> Vec<RefusalRow> {
    let long = format!(r#"{{"user":{{"x":"{}"}}}}"#, "z".repeat(66_000));
    let mut rows: Vec<RefusalRow> = [
        ("no JSON", "name"),
        ("an array", "[]"),
        ("a member twice", r#"{"name":"a","name":"b"}"#),
        ("a number as size", r#"{"size":600}"#),
        ("a name with a slash", r#"{"name":"a/b"}"#),
        ("an empty name", r#"{"name":""}"#),
        ("a label that is a number", r#"{"slots":[1]}"#),
    ]
    .map(|(name, text)| row(&format!("metadata: {name}"), json!({"metadata": text}), "Malformed"))
    .into();
    rows.push(row("metadata too long for any header", json!({"metadata": long}), "Limit"));
    let full = format!(r#"{{"user":{{"x":"{}"}}}}"#, "z".repeat(300));
    let change = json!({"metadata": full, "header_len": 256});
    rows.push(row("metadata too long for header_len 256", change, "Limit"));
    rows
}

/// F-402: another length is refused before anything is read.
fn keys() -> Vec<RefusalRow> {
    let mut rows = Vec::new();
    for len in [0_usize, 16, 31, 33, 64] {
        let key = "07".repeat(len);
        rows.push(row(&format!("writer, key of {len}"), json!({"key": key}), "BadRequest"));
        let request: Map<String, Value> =
            members(json!({"op": "decrypt", "mode": "pipe", "key": key, "stream": ""}));
        rows.push(RefusalRow { name: format!("pipe, key of {len}"), request, error: "BadRequest" });
    }
    rows
}
