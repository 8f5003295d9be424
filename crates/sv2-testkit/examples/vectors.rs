//! Writes the conformance vectors: `file FOLDER` the committed file, `requests FOLDER` every
//! check as a line of the protocol, with long contents in files beside it, `accumulated CASES..`
//! the hashes of the accumulated test after these numbers of cases.

use std::error::Error;
use std::fs;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

use serde_json::{Value, json};
use sv2_testkit::accumulated::{Reference, hashes};
use sv2_testkit::protocol::{answer, drawn, mode};
use sv2_testkit::vectors::requests::{Check, each_check, named_members};
use sv2_testkit::vectors::{self, SparseCase, json};

/// Contents up to this length stand in the line itself, in base64.
const INLINE: usize = 48 << 10;
/// Requests that are drawn, which stand in no file of vectors.
const DRAWN: u64 = 400;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match &args[..] {
        [command, folder] if command == "file" => file(Path::new(folder)),
        [command, folder] if command == "requests" => requests(Path::new(folder)),
        [command, counts @ ..] if command == "accumulated" => accumulated(counts),
        _ => Err("usage: vectors file|requests FOLDER, or accumulated CASES..".into()),
    }
}

/// One hash a line.
fn accumulated(counts: &[String]) -> Result<(), Box<dyn Error>> {
    let counts = counts.iter().map(|count| count.parse()).collect::<Result<Vec<u64>, _>>()?;
    let mut output = std::io::stdout().lock();
    for hash in hashes(&counts, &mut Reference) {
        writeln!(output, "{hash}")?;
    }
    Ok(())
}

/// `vectors.json`.
fn file(folder: &Path) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("vectors.json"), json::document(&vectors::all()))?;
    Ok(())
}

/// `requests.jsonl`, one object a line: vector, layer, mode, request, expect, expect_damage.
fn requests(folder: &Path) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(folder)?;
    let mut lines = BufWriter::new(fs::File::create(folder.join("requests.jsonl"))?);
    let mut failed = None;
    for (_, family) in vectors::FAMILIES {
        for vector in family() {
            each_check(&vector, &mut |check| {
                if let Err(error) = line(folder, check, &mut lines) {
                    failed = Some(error);
                }
            });
        }
    }
    for case in 0..DRAWN {
        let request = drawn(case);
        let line = json!({
            "vector": format!("drawn {case}"),
            "layer": "drawn",
            "mode": mode(&request),
            "expect": answer(&request),
            "expect_damage": [],
            "request": request,
        });
        writeln!(lines, "{line}")?;
    }
    lines.flush()?;
    failed.map_or(Ok(()), Err)
}

fn line(folder: &Path, check: Check<'_>, lines: &mut dyn Write) -> Result<(), Box<dyn Error>> {
    let mut request = check.request;
    for (member, content) in [("stream", check.stream), ("plaintext", check.plaintext)] {
        let Some(content) = content else { continue };
        if content.len() <= INLINE {
            request.insert(member.to_owned(), json!(vectors::base64(content)));
        } else {
            let path = folder.join(format!("{}.{member}", check.vector));
            fs::write(&path, content)?;
            let path = fs::canonicalize(&path)?;
            request.insert(format!("{member}_file"), json!(path.to_string_lossy()));
        }
    }
    if let Some(SparseCase { len, pieces, .. }) = check.sparse {
        let path = folder.join(format!("{}.stream", check.vector));
        let mut file = fs::File::create(&path)?;
        file.set_len(*len)?;
        for (at, bytes) in pieces {
            file.seek(SeekFrom::Start(*at))?;
            file.write_all(bytes)?;
        }
        let path = fs::canonicalize(&path)?;
        request.insert("stream_file".to_owned(), json!(path.to_string_lossy()));
    }
    let damage: Vec<Value> =
        check.damage.iter().map(|named| Value::Object(named_members(named))).collect();
    let line = json!({
        "vector": check.vector,
        "layer": check.layer,
        "mode": check.mode,
        "request": request,
        "expect": check.expect,
        "expect_damage": damage,
    });
    writeln!(lines, "{line}")?;
    Ok(())
}
