//! Streams of parts: plans, parts with their receipts, and the tail from all of these.

use serde_json::{Value, json};

use super::asked::{row, vector};
use super::base::{KEY, painted_salt, stream_salt, tiny};
use super::encode::{base64, hex};
use super::ends::named;
use super::model::{RequestRow, Vector};
use super::requests::members;
use crate::paint::paint;
use crate::protocol::{Members, answer, base64_bytes};
use crate::reference::primitives::{array, hmac_sha256};
use crate::reference::{Keys, encrypt};

/// Three full segments and a short one.
const LEN: usize = 1700;
const TAG: &str = "6574616731";

pub(super) fn vectors() -> Vec<Vector> {
    vec![vector(
        "parts",
        "segment",
        "One stream that several machines seal by parts, and what they refuse (appendix A).",
        named("parts", [plans(), parts(), tails()].concat()),
    )]
}

fn plan(change: Value) -> Members {
    let mut request = members(json!({
        "op": "plan", "key": hex(&KEY), "context": hex(b"vectors"), "suite": 1, "digest": 1,
        "frame_log2": 8, "frames_log2": 1, "header_len": 256,
        "dangerous_stream_salt": hex(&stream_salt(1)), "plaintext_len": LEN, "source_tag": TAG,
        "segments_in_part": 2, "min_part_len": 0,
    }));
    request.extend(members(change));
    request
}

fn plans() -> Vec<RequestRow> {
    let ask = |name: &str, change: Value, written: &str| row(name, plan(change), written);
    vec![
        ask("a plan", json!({}), "parts 2"),
        ask("a part for each segment", json!({"segments_in_part": 1}), "parts 4"),
        ask("one part for all", json!({"segments_in_part": 9}), "parts 1"),
        ask("a rest that is a part", json!({"segments_in_part": 3}), "parts 2"),
        ask(
            "a rest that joins the part before",
            json!({"segments_in_part": 3, "min_part_len": 400}),
            "parts 1",
        ),
        ask("a whole part where the rest is none", json!({"plaintext_len": 1024}), "parts 1"),
        ask("a plan for nothing", json!({"plaintext_len": 0}), "Refused"),
        ask(
            "a plan for less than a part",
            json!({"plaintext_len": 100, "segments_in_part": 2, "min_part_len": 900}),
            "Refused",
        ),
    ]
}

fn made(request: &Members, name: &str) -> Vec<u8> {
    base64_bytes(answer(request).get(name).and_then(Value::as_str).unwrap_or_default())
}

/// The request for a part of a plan with two segments in a part.
fn part(number: u64, attempt: u8, change: Value) -> Members {
    let plan = made(&plan(json!({})), "plan");
    let core: [u8; 48] = array(&encrypt(&KEY, &tiny(), &mut |_| [0; 24], b""), 0);
    let keys = Keys::derive(&KEY, &core, b"vectors");
    let plaintext = paint(LEN);
    let range = if number == 2 { 1024..LEN } else { 0..1024 };
    let salts: Vec<String> = (0..2)
        .map(|index| hex(&painted_salt(attempt, 2 * number.saturating_sub(1) + index)))
        .collect();
    let mut request = members(json!({
        "op": "part", "plan": base64(&plan), "segments_key": hex(&keys.k_segments),
        "source_len": LEN, "source_tag": TAG, "part": number, "dangerous_salts": salts,
        "plaintext": base64(&plaintext[range]), "stored_as": hex(format!("etag{number}").as_bytes()),
    }));
    request.extend(members(change));
    request
}

fn parts() -> Vec<RequestRow> {
    let ask = |name: &str, number: u64, change: Value, written: &str| {
        row(name, part(number, 1, change), written)
    };
    let bytes = made(&plan(json!({})), "plan");
    let bent = |at: usize| {
        let mut plan = bytes.clone();
        plan[at] ^= 1;
        json!({"plan": base64(&plan)})
    };
    // A plan that the coordinator made, with a field that no plan has.
    let signed = |at: usize, value: u8| {
        let key = part(1, 1, json!({}))["segments_key"].clone();
        let k_segments: Vec<u8> = super::encode::unhex(key.as_str().unwrap_or_default());
        let label = crate::reference::keys::label("parts");
        let k_parts = crate::reference::primitives::hkdf_expand(&k_segments, &label);
        let mut plan = bytes[..bytes.len() - 32].to_vec();
        plan[at] = value;
        plan.extend(hmac_sha256(&k_parts, &plan));
        json!({"plan": base64(&plan)})
    };
    vec![
        ask("part 1", 1, json!({}), "success"),
        ask("part 2", 2, json!({}), "success"),
        ask("part 0", 0, json!({}), "Refused"),
        ask("part 3 of 2", 3, json!({}), "Refused"),
        ask("a source of another length", 1, json!({"source_len": LEN + 1}), "Refused"),
        ask("a source with another tag", 1, json!({"source_tag": "6574616732"}), "Refused"),
        ask("another key", 1, json!({"segments_key": "11".repeat(32)}), "Refused"),
        ask("too little plaintext", 1, json!({"plaintext": base64(&paint(1023))}), "Refused"),
        ask("a bent length", 1, bent(30), "Refused"),
        ask("a bent header", 1, bent(60), "Refused"),
        ask("a bent MAC", 1, bent(bytes.len() - 1), "Refused"),
        ask("a plan that is cut", 1, json!({"plan": base64(&bytes[..30])}), "Refused"),
        ask("another magic under a right MAC", 1, signed(0, 0), "Refused"),
        ask("version 2 under a right MAC", 1, signed(9, 2), "Refused"),
        ask("parts without segments under a right MAC", 1, signed(19, 0), "Refused"),
        ask("a header of version 2 under a right MAC", 1, signed(36 + 5 + 9, 2), "Refused"),
    ]
}

fn tails() -> Vec<RequestRow> {
    let plan_bytes = made(&plan(json!({})), "plan");
    let receipt = |number, attempt| made(&part(number, attempt, json!({})), "receipt");
    let receipts = [receipt(1, 1), receipt(2, 1)];
    let held =
        |number: u64| json!({"part": number, "stored_as": hex(format!("etag{number}").as_bytes())});
    let summed = |number: u64| {
        let salts = |index| painted_salt(1, index);
        let params = tiny();
        let stream = encrypt(&KEY, &params, &mut { salts }, &paint(LEN));
        let at = params.layout().segment_offset(2) as usize;
        let tail = params.layout().tail_offset(LEN as u64) as usize;
        let bytes = if number == 1 { &stream[..at] } else { &stream[at..tail] };
        format!("{:016x}", crate::reference::primitives::crc64(bytes))
    };
    let finish = |receipts: &[Vec<u8>], stored: Value, change: Value| {
        let receipts: Vec<String> = receipts.iter().map(|receipt| base64(receipt)).collect();
        let mut request = members(json!({
            "op": "finish", "key": hex(&KEY), "context": hex(b"vectors"),
            "plan": base64(&plan_bytes), "receipts": receipts, "stored": stored,
        }));
        request.extend(members(change));
        request
    };
    let all = || json!([held(1), held(2)]);
    let ask = |name: &str, receipts: &[Vec<u8>], stored: Value, written: &str| {
        row(name, finish(receipts, stored, json!({})), written)
    };
    let altered = |at: usize| {
        let mut receipt = receipts[0].clone();
        receipt[at] ^= 1;
        [receipt, receipts[1].clone()]
    };
    let with = |more: Vec<u8>| [&receipts[..], &[more]].concat();
    let other_plan = made(&plan(json!({"segments_in_part": 1})), "plan");
    let foreign = made(
        &part(1, 1, json!({"plan": base64(&other_plan), "plaintext": base64(&paint(512))})),
        "receipt",
    );
    let by_crc = json!([{"part": 1, "crc": summed(1)}, {"part": 2, "crc": summed(2)}]);
    let swapped = json!([{"part": 1, "crc": summed(2)}, {"part": 2, "crc": summed(1)}]);
    vec![
        ask("a tail", &receipts, all(), "success"),
        ask(
            "receipts in another order",
            &[receipts[1].clone(), receipts[0].clone()],
            all(),
            "success",
        ),
        ask("a tail by checksums", &receipts, by_crc, "success"),
        ask("a receipt twice", &with(receipts[0].clone()), all(), "success"),
        ask(
            "two attempts, told apart by checksum",
            &with(receipt(1, 9)),
            json!([{"part": 1, "crc": summed(1)}, held(2)]),
            "success",
        ),
        ask("checksums of other parts", &receipts, swapped, "Refused"),
        ask("two attempts of one name", &with(receipt(1, 9)), all(), "Refused"),
        ask("a missing receipt", &receipts[..1], all(), "Refused"),
        ask("a part that is not stored", &receipts, json!([held(1)]), "Refused"),
        ask(
            "a part that is stored twice",
            &receipts,
            json!([held(1), held(2), held(2)]),
            "Refused",
        ),
        ask("a part that nobody planned", &receipts, json!([held(1), held(2), held(3)]), "Refused"),
        ask(
            "another name in the store",
            &receipts,
            json!([held(1), {"part": 2, "stored_as": "00"}]),
            "Refused",
        ),
        ask("an altered entry", &altered(60), all(), "Refused"),
        ask("an altered number", &altered(11), all(), "Refused"),
        ask("an altered MAC", &altered(receipts[0].len() - 1), all(), "Refused"),
        ask("a receipt of another plan", &[foreign, receipts[1].clone()], all(), "Refused"),
        ask(
            "a receipt that is cut",
            &[receipts[0][..20].to_vec(), receipts[1].clone()],
            all(),
            "Refused",
        ),
        row(
            "another key",
            finish(&receipts, all(), json!({"key": "11".repeat(32)})),
            "WrongKeyOrContext",
        ),
        row(
            "another context",
            finish(&receipts, all(), json!({"context": ""})),
            "WrongKeyOrContext",
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// F-1231: header, parts and tail are the stream that one writer makes.
    #[test]
    fn parts_and_tail_are_one_stream() {
        let params = tiny();
        let stream = encrypt(&KEY, &params, &mut |index| painted_salt(1, index), &paint(LEN));
        let ends = [
            params.layout().segment_offset(2) as usize,
            params.layout().tail_offset(LEN as u64) as usize,
        ];
        let lens: Vec<u64> = [1, 2]
            .map(|number| answer(&part(number, 1, json!({})))["part_len"].as_u64().unwrap_or(0))
            .into();
        assert_eq!(lens, [ends[0] as u64, (ends[1] - ends[0]) as u64]);
        let tail = tails().remove(0);
        assert_eq!(tail.expect["stream_len"], stream.len());
        let crc = crate::reference::primitives::crc64(&stream);
        assert_eq!(tail.expect["stream_crc"], format!("{crc:016x}"));
    }
}
