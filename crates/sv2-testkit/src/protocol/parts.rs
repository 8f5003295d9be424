//! Plans, parts and tails (appendix A of the format).

use serde_json::{Value, json};

use super::request::{Request, base64_bytes};
use super::{Members, hex, object};
use crate::reference::Params;
use crate::reference::parts::{self, Cut, Finished, Refused, Stored};
use crate::reference::primitives::sha256;
use crate::vectors::base64;

fn refused(refused: Refused) -> Members {
    match refused {
        Refused::Parts => object(json!({"ok": false, "error": "Refused"})),
        Refused::Stream(kind) => object(json!({"ok": false, "error": format!("{kind:?}")})),
    }
}

/// A plan for a new stream.
pub(super) fn plan(request: &Request<'_>) -> Members {
    let small = |name: &str| request.number(name) as u8;
    let params = Params {
        suite: small("suite"),
        digest: small("digest"),
        frame_log2: small("frame_log2"),
        frames_log2: small("frames_log2"),
        header_len: request.number("header_len") as u32,
        stream_salt: request.key("dangerous_stream_salt"),
        context: request.unhex("context"),
        ..Params::new(small("suite"), small("digest"))
    };
    let cut = Cut {
        plaintext_len: request.number("plaintext_len"),
        per_part: request.number("segments_in_part"),
        min_len: request.number("min_part_len"),
    };
    match parts::plan(&request.key("key"), &params, &request.unhex("source_tag"), &cut) {
        Ok((plan, parts)) => object(json!({"ok": true, "parts": parts, "plan": base64(&plan)})),
        Err(error) => refused(error),
    }
}

/// A part that is sealed by a plan.
pub(super) fn part(request: &Request<'_>) -> Members {
    let mut salts = request.salts();
    let sealed = parts::seal_part(
        &request.bytes("plan"),
        &request.key("segments_key"),
        (request.number("source_len"), &request.unhex("source_tag")),
        (request.number("part") as u32, &request.unhex("stored_as")),
        &request.bytes("plaintext"),
        &mut |_| salts.next().expect("a salt for each segment"),
    );
    match sealed {
        Ok((wire, receipt)) => object(json!({
            "ok": true,
            "part_len": wire.len(),
            "part_sha256": hex(&sha256(&wire)),
            "receipt": base64(&receipt),
        })),
        Err(error) => refused(error),
    }
}

/// The tail of a stream whose parts are stored.
pub(super) fn finish(request: &Request<'_>) -> Members {
    let receipts: Vec<Vec<u8>> = request
        .list("receipts")
        .map(|receipt| base64_bytes(receipt.as_str().unwrap_or_default()))
        .collect();
    let stored: Vec<Stored> = request
        .list("stored")
        .map(|held| Stored {
            part: held["part"].as_u64().unwrap_or_default() as u32,
            name: held.get("stored_as").map(Request::unhex_of),
            crc: held.get("crc").map(|crc| {
                Request::unhex_of(crc).iter().fold(0, |crc, byte| crc << 8 | u64::from(*byte))
            }),
        })
        .collect();
    let (key, context) = (request.key("key"), request.unhex("context"));
    match parts::finish(&key, &context, &request.bytes("plan"), &receipts, &stored) {
        Ok(Finished { tail, len, crc, fingerprint }) => object(json!({
            "ok": true,
            "tail_len": tail.len(),
            "tail_sha256": hex(&sha256(&tail)),
            "stream_len": len,
            "stream_crc": format!("{crc:016x}"),
            "fingerprint": hex(&fingerprint),
        })),
        Err(error) => refused(error),
    }
}

/// The bytes of a member that stands in base64.
pub(super) fn bytes_of(answer: &Members, name: &str) -> Vec<u8> {
    base64_bytes(answer.get(name).and_then(Value::as_str).unwrap_or_default())
}
