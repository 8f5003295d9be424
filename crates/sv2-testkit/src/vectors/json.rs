//! All vectors as one JSON document, see `docs/conformance/schema.json`: one vector a line.

use serde_json::{Map, Value, json};

use super::encode::{base64, hex};
use super::model::{Body, Ends, Mode, Origin, Reading, StreamCase, Table, Vector, Verdict};
use super::requests::{
    WRITTEN_OUT, members, named_members, opener_members, reading_expect, request, trace,
    writer_members,
};
use crate::paint::paint;
use crate::reference::primitives::sha256;

/// Nonces are written out for this many frames of a segment.
const NONCES: usize = 3;
/// Segment salts are written out where there are no more than this.
const SALTS: usize = 16;

/// The document.
pub fn document(vectors: &[Vector]) -> String {
    let lines: Vec<String> =
        vectors.iter().map(|vector| Value::Object(object(vector)).to_string()).collect();
    format!("{{\"format\":1,\"license\":\"CC0-1.0\",\"vectors\":[\n{}\n]}}\n", lines.join(",\n"))
}

/// One vector.
pub fn object(vector: &Vector) -> Map<String, Value> {
    let mut object = match &vector.body {
        Body::Stream(case) => stream(case),
        Body::Table(table) => rows(table),
        Body::Layout(rows) => {
            let rows: Vec<Value> = rows
                .iter()
                .map(|row| {
                    let request: Map<String, Value> = row
                        .request
                        .iter()
                        .map(|(name, value)| ((*name).to_owned(), json!(value)))
                        .collect();
                    match &row.answer {
                        Ok(answer) => json!({"request": request, "answer": answer}),
                        Err(error) => json!({"request": request, "error": error}),
                    }
                })
                .collect();
            members(json!({"kind": "layout", "rows": rows}))
        }
        Body::Sparse(sparse) => {
            let mut object = stream(&sparse.case);
            object.remove("stream");
            object.remove("stream_sha256");
            let pieces: Vec<Value> =
                sparse.pieces.iter().map(|(at, bytes)| json!([at, base64(bytes)])).collect();
            object.insert("kind".to_owned(), json!("sparse"));
            object.insert("plaintext".to_owned(), json!({"painted": sparse.plaintext_len}));
            object.insert("stream_len".to_owned(), json!(sparse.len));
            object.insert("pieces".to_owned(), json!(pieces));
            object
        }
        Body::Requests(rows) => {
            let rows: Vec<Value> = rows
                .iter()
                .map(|row| {
                    json!({"name": row.name, "mode": row.mode, "request": row.request,
                           "expect": row.expect})
                })
                .collect();
            members(json!({"kind": "requests", "rows": rows}))
        }
        Body::Refusals(rows) => {
            let rows: Vec<Value> = rows
                .iter()
                .map(|row| json!({"name": row.name, "request": row.request, "error": row.error}))
                .collect();
            members(json!({"kind": "refusals", "rows": rows}))
        }
    };
    object.insert("name".to_owned(), json!(vector.name));
    object.insert("layer".to_owned(), json!(vector.layer));
    object.insert("scenario".to_owned(), json!(vector.scenario));
    object
}

fn stream(case: &StreamCase) -> Map<String, Value> {
    let mut object = members(json!({
        "kind": "stream",
        "key": hex(&case.key),
        "context": hex(&case.context),
        "plaintext": plaintext(&case.plaintext),
        "stream_len": case.stream.len(),
        "stream_sha256": hex(&sha256(&case.stream)),
    }));
    let mut insert = |name: &str, value: Value| {
        object.insert(name.to_owned(), value);
    };
    let is_written_out = case.stream.len() <= WRITTEN_OUT;
    if is_written_out {
        insert("stream", json!(base64(&case.stream)));
    }
    if !case.swaps.is_empty() {
        insert("swaps", json!(case.swaps));
    }
    if let Some(opener) = &case.opener {
        insert("opener", json!(opener_members(opener)));
    }
    if !case.notes.is_empty() {
        let notes: Map<String, Value> =
            case.notes.iter().map(|(name, text)| ((*name).to_owned(), json!(text))).collect();
        insert("notes", json!(notes));
    }
    if let Some(origin) = &case.origin {
        insert("writer", json!(writer(origin)));
        if is_written_out {
            insert("intermediates", json!(intermediates(case, origin)));
        }
    }
    let readings: Vec<Value> = case.readings.iter().map(|reading| read(case, reading)).collect();
    insert("readings", json!(readings));
    object
}

/// How the plaintext is made: painted, or as it is.
pub(super) fn plaintext(plaintext: &[u8]) -> Value {
    if *plaintext == paint(plaintext.len())[..] {
        json!({"painted": plaintext.len()})
    } else {
        json!({"hex": hex(plaintext)})
    }
}

/// What a writer is given.
pub(super) fn writer(origin: &Origin) -> Map<String, Value> {
    let mut given = writer_members(origin);
    let salts = if origin.salts.len() <= SALTS {
        json!(origin.salts.iter().map(|salt| hex(salt)).collect::<Vec<String>>())
    } else {
        json!({"seed": 1})
    };
    given.insert("dangerous_salts".to_owned(), salts);
    given
}

/// The trace of the line protocol, and the nonces of the first frames of each segment.
pub(super) fn intermediates(case: &StreamCase, origin: &Origin) -> Map<String, Value> {
    let mut values = trace(case, origin);
    let nonces: Vec<Vec<String>> = origin
        .trace
        .segments
        .iter()
        .map(|segment| segment.frames.iter().take(NONCES).map(|frame| hex(&frame.nonce)).collect())
        .collect();
    values.insert("nonces".to_owned(), json!(nonces));
    values
}

fn read(case: &StreamCase, reading: &Reading) -> Value {
    let mut request = request(case, &reading.mode);
    for name in ["key", "context", "identities", "passphrase"] {
        request.remove(name);
    }
    let mut object = members(json!({
        "mode": reading.mode.name(),
        "request": request,
        "expect": reading_expect(reading),
    }));
    if matches!(reading.mode, Mode::Pipe | Mode::Seekable | Mode::Range { .. }) {
        let releasable =
            json!({"len": reading.released.len(), "sha256": hex(&sha256(&reading.released))});
        object.insert("releasable".to_owned(), releasable);
    }
    if let Verdict::Failed(_, _, Some(offset)) = reading.verdict {
        object.insert("offset".to_owned(), json!(offset));
    }
    Value::Object(object)
}

fn rows(table: &Table) -> Map<String, Value> {
    let base = &table.base;
    let flips: Vec<Value> = table
        .flips
        .iter()
        .map(|row| {
            let mut object = ends(base, &row.ends);
            object.insert("start".to_owned(), json!(row.start));
            object.insert("end".to_owned(), json!(row.end));
            object.insert("bits".to_owned(), json!(row.bits));
            object.insert("scrub".to_owned(), json!(named_members(&row.scrub)));
            Value::Object(object)
        })
        .collect();
    let cuts: Vec<Value> = table
        .cuts
        .iter()
        .map(|row| {
            let mut object = ends(base, &row.ends);
            object.insert("start".to_owned(), json!(row.start));
            object.insert("end".to_owned(), json!(row.end));
            Value::Object(object)
        })
        .collect();
    let patches: Vec<Value> = table
        .patches
        .iter()
        .map(|row| {
            let mut object = ends(base, &row.ends);
            let patches: Vec<Value> =
                row.patches.iter().map(|(at, bytes)| json!([at, hex(bytes)])).collect();
            object.insert("name".to_owned(), json!(row.name));
            object.insert("patches".to_owned(), json!(patches));
            Value::Object(object)
        })
        .collect();
    let mut object = stream(&StreamCase { readings: Vec::new(), ..base.clone() });
    object.remove("readings");
    object.insert("kind".to_owned(), json!("table"));
    object.insert("flips".to_owned(), json!(flips));
    object.insert("cuts".to_owned(), json!(cuts));
    object.insert("patches".to_owned(), json!(patches));
    object
}

fn ends(base: &StreamCase, ends: &Ends) -> Map<String, Value> {
    let reading = |mode: Mode, verdict: &Verdict, len: usize| {
        let released = base.plaintext[..len].to_vec();
        reading_expect(&Reading { mode, verdict: verdict.clone(), released })
    };
    let pipe = reading(Mode::Pipe, &ends.pipe, ends.pipe_released as usize);
    let seekable = reading(Mode::Seekable, &ends.seekable, ends.seekable_released as usize);
    members(json!({"pipe": pipe, "seekable": seekable}))
}
