//! Requests that are drawn: small streams, damaged or changed, so that implementations meet what no
//! vector was chosen for.

use serde_json::json;

use super::{Members, answer, hex, object, parts};
use crate::accumulated::draw::Draw;
use crate::mutate::{insert, remove};
use crate::paint::paint;
use crate::reference::forge::{refresh_crc, reseal_header, reseal_trailer};
use crate::reference::parts::{Cut, plan};
use crate::reference::{Keys, Params, encrypt};
use crate::vectors::base64;

/// Salts that a request brings along; segments that are written take them in turn.
const SALTS: u64 = 12;

/// A stream that was written, and what it was written with.
struct Written {
    key: [u8; 32],
    params: Params,
    stream: Vec<u8>,
    len: usize,
}

/// The request with this number; the same in every run.
pub fn drawn(case: u64) -> Members {
    let mut draw = Draw::new(2 << 32 | case);
    let written = write(&mut draw);
    let mut request = object(json!({
        "key": hex(&written.key),
        "context": hex(&written.params.context),
    }));
    let kind = draw.pick(13);
    let stream = match kind {
        10..=12 => written.stream.clone(),
        6 | 7 => scattered(&mut draw, &written),
        2..=4 => followed(&mut draw, &written),
        _ => damaged(&mut draw, &written),
    };
    request.insert("stream".to_owned(), json!(base64(&stream)));
    let more = match kind {
        0 => json!({"op": "decrypt", "mode": "unsealed"}),
        1 => json!({"op": "metadata", "mode": "pipe"}),
        2 => json!({"op": "decrypt", "mode": "seekable", "trailing": "ignore"}),
        3 => json!({"op": "decrypt", "mode": "pipe", "trailing": "ignore"}),
        4 => {
            let op = ["range", "scrub", "verify"][draw.pick(3) as usize];
            let (offset, length) = (draw.pick(written.len as u64 + 9), draw.pick(600));
            json!({"op": op, "offset": offset, "length": length, "trailing": "ignore"})
        }
        5 => json!({"op": "verify"}),
        6 | 7 => {
            let gaps = ["zero", "skip"][draw.pick(2) as usize];
            json!({"op": "salvage", "gaps": gaps})
        }
        8 => rewrite(&mut draw),
        9 => {
            let more = paint(draw.pick(900) as usize);
            json!({"op": "append", "plaintext": base64(&more), "dangerous_salts": salts(&mut draw)})
        }
        _ => return of_parts(&mut draw, &written, kind),
    };
    request.extend(object(more));
    request
}

fn salts(draw: &mut Draw) -> Vec<String> {
    (0..SALTS).map(|_| hex(&draw.take(24))).collect()
}

fn write(draw: &mut Draw) -> Written {
    let key: [u8; 32] = draw.array();
    let slots = draw.pick(3);
    let sections: Vec<(u16, Vec<u8>)> = (0..slots)
        .map(|_| {
            let len = draw.pick(20);
            (1, [&[0x80, draw.pick(4) as u8][..], &draw.take(len)].concat())
        })
        .collect();
    let text = format!(r#"{{"name":"n{}"}}"#, draw.pick(1000));
    let metadata = (draw.pick(2) == 0).then(|| (text.into_bytes(), draw.array()));
    let need: usize = sections.iter().map(|(_, body)| 6 + body.len()).sum::<usize>()
        + if metadata.is_some() { 6 + 24 + 64 + 16 } else { 0 };
    let header_len = (136 + need).next_multiple_of(64).max(256) + 64 * draw.pick(3) as usize;
    let frames_log2 = draw.pick(3) as u8;
    let params = Params {
        slotted: slots > 0,
        header_len: header_len as u32,
        revision: draw.pick(3),
        generation: draw.pick(3),
        stream_salt: draw.array(),
        context: if draw.pick(2) == 0 { b"drawn".to_vec() } else { Vec::new() },
        sections,
        metadata,
        ..Params::tiny(1 + draw.pick(2) as u8, draw.pick(3) as u8, frames_log2)
    };
    let len = draw.pick(1600) as usize;
    let seed: [u8; 16] = draw.array();
    let mut salts = |index: u64| {
        let mut salt = [0; 24];
        salt[..16].copy_from_slice(&seed);
        salt[16..].copy_from_slice(&index.to_be_bytes());
        salt
    };
    let stream = encrypt(&key, &params, &mut salts, &paint(len));
    Written { key, params, stream, len }
}

/// A range of at most `most` bytes.
fn range(draw: &mut Draw, stream: &[u8], most: u64) -> std::ops::Range<usize> {
    let start = draw.pick(stream.len() as u64) as usize;
    start..(start + 1 + draw.pick(most) as usize).min(stream.len())
}

/// Damage of the kinds that readers tell apart, or none.
fn damaged(draw: &mut Draw, written: &Written) -> Vec<u8> {
    let mut stream = written.stream.clone();
    let (key, context) = (&written.key, &written.params.context);
    let header_len = written.params.header_len as usize;
    let copy = written.params.layout().tail_offset(written.len as u64) as usize;
    let trailer = stream.len() - 128;
    match draw.pick(10) {
        0..=2 => {}
        3 => {
            let at = range(draw, &stream, 1).start;
            stream[at] ^= 1 << draw.pick(8);
        }
        4 => stream.truncate(draw.pick(stream.len() as u64) as usize),
        5 => {
            let len = 1 + draw.pick(90);
            let bytes = draw.take(len);
            stream.extend(bytes);
        }
        6 => {
            let lost = range(draw, &stream, 300);
            stream = remove(&stream, lost);
        }
        // The tail as a holder of the key could have it.
        7 => {
            let (at, len) = [(16, 8), (24, 8), (32, 8), (72, 8)][draw.pick(4) as usize];
            let last = trailer + at + len - 1;
            stream[last] = stream[last].wrapping_add(1 + draw.pick(2) as u8);
            let (rest, end) = stream.split_at_mut(trailer);
            reseal_trailer(key, context, &rest[..header_len], end);
        }
        // One of the headers of another revision, or with other bytes behind a right checksum.
        8 => {
            let at = [0, copy][draw.pick(2) as usize];
            let header = &mut stream[at..at + header_len];
            header[95] = header[95].wrapping_add(1);
            reseal_header(key, context, header);
        }
        _ => {
            let at = [0, copy][draw.pick(2) as usize];
            let header = &mut stream[at..at + header_len];
            header[96 + draw.pick(40) as usize] ^= 1;
            refresh_crc(header);
        }
    }
    stream
}

/// Something behind the stream, or in front of its end.
fn followed(draw: &mut Draw, written: &Written) -> Vec<u8> {
    let mut stream = written.stream.clone();
    if draw.pick(4) == 0 {
        stream = damaged(draw, written);
    }
    let more = match draw.pick(5) {
        0 => Vec::new(),
        1 => vec![0; 1 + draw.pick(700) as usize],
        2 => {
            let len = 1 + draw.pick(300);
            draw.take(len)
        }
        3 => [vec![0; 100], draw.take(30), vec![0; 40]].concat(),
        // A trailer of the stream that is no end of it.
        _ => written.stream[written.stream.len() - 128..].to_vec(),
    };
    stream.extend(more);
    stream
}

/// Damage as it happens to files.
fn scattered(draw: &mut Draw, written: &Written) -> Vec<u8> {
    let mut file = written.stream.clone();
    for _ in 0..1 + draw.pick(2) {
        let hit = range(draw, &file, 400);
        match draw.pick(7) {
            0 => file = remove(&file, hit),
            1 => file[hit].fill(0),
            2 => file = insert(&file, hit.start, &vec![0x55; hit.len()]),
            3 => {
                let moved = file[hit.clone()].to_vec();
                file = remove(&file, hit);
                let to = draw.pick(file.len() as u64 + 1) as usize;
                file = insert(&file, to, &moved);
            }
            4 => file[hit.start] ^= 0x10,
            5 => file.truncate(file.len() - hit.len()),
            _ => file = remove(&file, 0..hit.len()),
        }
        if file.len() < 200 {
            break;
        }
    }
    file
}

fn rewrite(draw: &mut Draw) -> serde_json::Value {
    let slots: Vec<String> = (0..1 + draw.pick(3))
        .map(|number| {
            let len = draw.pick(60);
            hex(&[&[0x80, number as u8][..], &draw.take(len)].concat())
        })
        .collect();
    let mut request = json!({"op": "rewrite", "slots": slots});
    match draw.pick(3) {
        0 => {}
        1 => request["metadata"] = serde_json::Value::Null,
        _ => {
            request["metadata"] = json!(format!(r#"{{"name":"m{}"}}"#, draw.pick(1000)));
            request["dangerous_metadata_salt"] = json!(hex(&draw.take(24)));
        }
    }
    request
}

/// A part of a planned stream, or the tail of one whose parts are there, with now and then a lie.
fn of_parts(draw: &mut Draw, written: &Written, kind: u64) -> Members {
    let len = draw.pick(12);
    let tag = draw.take(len);
    let cut = Cut {
        plaintext_len: written.len as u64,
        per_part: 1 + draw.pick(3),
        min_len: draw.pick(900),
    };
    let Ok((mut plan, count)) = plan(&written.key, &written.params, &tag, &cut) else {
        let params = &written.params;
        return object(json!({
            "op": "plan", "key": hex(&written.key), "context": hex(&params.context),
            "suite": params.suite, "digest": params.digest, "frame_log2": params.frame_log2,
            "frames_log2": params.frames_log2, "header_len": 1024, "plaintext_len": 0,
            "dangerous_stream_salt": hex(&params.stream_salt), "source_tag": hex(&tag),
            "segments_in_part": cut.per_part, "min_part_len": 0,
        }));
    };
    let core: [u8; 48] = crate::reference::primitives::array(&written.stream, 0);
    let keys = Keys::derive(&written.key, &core, &written.params.context);
    let segments_key = hex(&keys.k_segments);
    let size = written.params.layout().segment_size();
    let plaintext = paint(written.len);
    let segments = written.params.layout().segment_count(written.len as u64);
    let bounds = |part: u64| {
        let first = part * cut.per_part;
        let end = if part + 1 == count as u64 { segments } else { first + cut.per_part };
        let at = |segment: u64| (segment * size).min(written.len as u64) as usize;
        at(first)..at(end)
    };
    let ask = |part: u64, salts: Vec<String>, name: &[u8]| {
        object(json!({
            "op": "part", "plan": base64(&plan), "segments_key": segments_key,
            "source_len": written.len, "source_tag": hex(&tag), "part": part + 1,
            "plaintext": base64(&plaintext[bounds(part)]), "dangerous_salts": salts,
            "stored_as": hex(name),
        }))
    };
    if kind == 10 {
        let mut request = ask(draw.pick(count as u64), salts(draw), b"");
        match draw.pick(6) {
            0 => request["source_len"] = json!(written.len + 1),
            1 => request["source_tag"] = json!("ff"),
            2 => request["part"] = json!([0, count + 1][draw.pick(2) as usize]),
            3 => {
                let at = draw.pick(plan.len() as u64) as usize;
                plan[at] ^= 1 << draw.pick(8);
                request["plan"] = json!(base64(&plan));
            }
            _ => {}
        }
        return request;
    }
    let (mut receipts, mut stored) = (Vec::new(), Vec::new());
    for part in 0..count as u64 {
        let name = format!("etag{part}").into_bytes();
        let made = answer(&ask(part, salts(draw), &name));
        receipts.push(parts::bytes_of(&made, "receipt"));
        stored.push(json!({"part": part + 1, "stored_as": hex(&name)}));
    }
    let hit = draw.pick(receipts.len() as u64) as usize;
    match draw.pick(9) {
        0 => {
            let at = draw.pick(receipts[hit].len() as u64) as usize;
            receipts[hit][at] ^= 1 << draw.pick(8);
        }
        1 => drop(receipts.remove(hit)),
        2 => drop(stored.remove(hit)),
        3 => stored[hit]["stored_as"] = json!("00"),
        4 => stored.push(json!({"part": count + 1, "stored_as": "00"})),
        5 => receipts.push(receipts[hit].clone()),
        // Another attempt at a part, known to the store by the same name.
        6 => {
            let name = format!("etag{hit}").into_bytes();
            let made = answer(&ask(hit as u64, salts(draw), &name));
            receipts.push(parts::bytes_of(&made, "receipt"));
        }
        _ => {}
    }
    object(json!({
        "op": "finish", "key": hex(&written.key), "context": hex(&written.params.context),
        "plan": base64(&plan),
        "receipts": receipts.iter().map(|receipt| base64(receipt)).collect::<Vec<String>>(),
        "stored": stored,
    }))
}
