//! A vector as a file of its own: lines `key: value`, a blank line, the bytes of the stream.
//!
//! A stream that is too long is left out; then `generator` says how to make it.

use serde_json::{Map, Value};

use super::encode::hex;
use super::json::{intermediates, plaintext, writer};
use super::model::{Body, Ends, Mode, Reading, StreamCase, Table, Vector, Verdict};
use super::requests::WRITTEN_OUT;
use crate::reference::primitives::sha256;

/// The content of `<name>.sv2v`.
pub fn file(vector: &Vector) -> Vec<u8> {
    let mut lines = Lines(String::new());
    lines.push("vector", "stream_v2 1");
    lines.push("name", &vector.name);
    lines.push("layer", vector.layer);
    lines.push("scenario", &vector.scenario);
    let mut stream: &[u8] = &[];
    match &vector.body {
        Body::Stream(case) => {
            stream_lines(&mut lines, case);
            stream = &case.stream;
        }
        Body::Table(table) => {
            stream_lines(&mut lines, &table.base);
            table_lines(&mut lines, table);
            stream = &table.base.stream;
        }
        Body::Sparse(sparse) => {
            lines.push("key", &hex(&sparse.case.key));
            lines.push("context", &hex(&sparse.case.context));
            lines.push("plaintext", &format!("{{\"painted\":{}}}", sparse.plaintext_len));
            lines.push("stream-len", &sparse.len.to_string());
            for reading in &sparse.case.readings {
                reading_lines(&mut lines, reading);
            }
            for (at, bytes) in &sparse.pieces {
                lines.push("piece", &format!("{at} {}", hex(bytes)));
            }
        }
        Body::Refusals(rows) => {
            for row in rows {
                let request = Value::Object(row.request.clone());
                lines.push("refusal", &format!("{}: {request} -> {}", row.name, row.error));
            }
        }
        Body::Layout(rows) => {
            for row in rows {
                let request: Vec<String> =
                    row.request.iter().map(|(name, value)| format!("{name} {value}")).collect();
                let answer = match &row.answer {
                    Ok(answer) => Value::Object(answer.clone()).to_string(),
                    Err(error) => (*error).to_owned(),
                };
                lines.push("layout", &format!("{} -> {answer}", request.join(" ")));
            }
        }
    }
    lines.0.push('\n');
    let mut file = lines.0.into_bytes();
    if stream.len() <= WRITTEN_OUT {
        file.extend(stream);
    }
    file
}

/// The lines of the head.
struct Lines(String);

impl Lines {
    fn push(&mut self, key: &str, value: &str) {
        let line = format!("{key}: {value}");
        self.0.push_str(line.trim_end());
        self.0.push('\n');
    }

    fn members(&mut self, prefix: &str, members: &Map<String, Value>) {
        for (name, value) in members {
            match value {
                Value::String(text) => self.push(&format!("{prefix}{name}"), text),
                Value::Array(items) if items.iter().all(|item| !item.is_object()) => {
                    self.push(&format!("{prefix}{name}"), &value.to_string());
                }
                Value::Array(items) => {
                    for (number, item) in items.iter().enumerate() {
                        if let Value::Object(members) = item {
                            self.members(&format!("{prefix}{name}-{number}-"), members);
                        }
                    }
                }
                other => self.push(&format!("{prefix}{name}"), &other.to_string()),
            }
        }
    }
}

fn stream_lines(lines: &mut Lines, case: &StreamCase) {
    lines.push("key", &hex(&case.key));
    lines.push("context", &hex(&case.context));
    if let Some(most) = case.max_segment {
        lines.push("max-segment", &most.to_string());
    }
    if let Some(opener) = &case.opener {
        for identity in &opener.identities {
            lines.push("reader-identity", identity);
        }
        if let Some(passphrase) = opener.passphrase {
            lines.push("reader-passphrase", passphrase);
        }
    }
    for (name, note) in &case.notes {
        lines.push(&name.replace(' ', "-"), note);
    }
    lines.push("plaintext", &plaintext(&case.plaintext).to_string());
    lines.push("stream-len", &case.stream.len().to_string());
    lines.push("stream-sha256", &hex(&sha256(&case.stream)));
    for reading in &case.readings {
        reading_lines(lines, reading);
    }
    if let Some(origin) = &case.origin {
        lines.members("writer-", &writer(origin));
        if case.stream.len() <= WRITTEN_OUT {
            lines.members("", &intermediates(case, origin));
        } else {
            lines.push("generator", "the writer lines, the plaintext, and then the swaps");
        }
    }
    for [first, second] in &case.swaps {
        lines.push("swap", &format!("{}..{} {}..{}", first.0, first.1, second.0, second.1));
    }
}

fn reading_lines(lines: &mut Lines, reading: &Reading) {
    let mode = reading.mode.name();
    let (key, head) = match &reading.mode {
        Mode::Range { offset, len, trailer_now } => {
            let now = trailer_now.as_ref().map(|bytes| format!(" trailer-now {}", hex(bytes)));
            (mode, format!("{offset} {len}{} -> ", now.unwrap_or_default()))
        }
        _ => (mode, String::new()),
    };
    lines.push(key, &format!("{head}{}", reading.verdict.with_offset()));
    match (&reading.verdict, &reading.mode) {
        (Verdict::Metadata(text), _) => {
            lines.push("metadata-text", text.as_deref().unwrap_or_default());
        }
        (_, Mode::Pipe | Mode::Seekable | Mode::Range { .. }) => {
            let hash = hex(&sha256(&reading.released));
            lines.push(&format!("{mode}-released"), &format!("{} {hash}", reading.released.len()));
        }
        _ => {}
    }
}

fn table_lines(lines: &mut Lines, table: &Table) {
    let both = |ends: &Ends| {
        let (pipe, seekable) = (ends.pipe.with_offset(), ends.seekable.with_offset());
        let released = (ends.pipe_released, ends.seekable_released);
        format!(
            "pipe {pipe}, released {}; seekable {seekable}, released {}",
            released.0, released.1
        )
    };
    for row in &table.flips {
        let span = format!("{}..{} bits {:02x}", row.start, row.end, row.bits);
        lines.push("flip", &format!("{span} -> {}; scrub {}", both(&row.ends), row.scrub));
    }
    for row in &table.cuts {
        lines.push("cut", &format!("{}..{} -> {}", row.start, row.end, both(&row.ends)));
    }
    for row in &table.patches {
        let patches: Vec<String> =
            row.patches.iter().map(|(at, bytes)| format!("{at}={}", hex(bytes))).collect();
        let patches = patches.join(" ");
        lines.push("patch", &format!("{}: {patches} -> {}", row.name, both(&row.ends)));
    }
}
