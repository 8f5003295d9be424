//! Plans, parts and tails of streams that many machines seal (appendix A of the format).

use serde_json::{Value, json};
use sv2_core::{DigestAlg, Geometry, KeySource, RandomSource, Suite};
use sv2_crypto::SegmentsKey;
use sv2_headers::MAX_SEGMENT_SIZE;
use sv2_stream::parts::{Coordinator, PartRule, PartSealer, PartsError, SourcePin, StoredPart};
use sv2_stream::{KeyRing, NewHeader};
use sv2_testkit::reference::primitives::sha256;
use sv2_testkit::vectors::base64;

use crate::answer::{Answer, Failed, failure, hex, members, refused};
use crate::request::{Request, array, unhex};
use crate::write::Given;

/// What is refused, by one name for everything that is not of a stream.
fn not_done(error: PartsError) -> Answer {
    match error {
        PartsError::Format(error) => failure(&sv2_core::StreamError::from(error)),
        error => {
            let mut answer = refused("Refused");
            answer.insert("what".to_owned(), json!(error.to_string()));
            answer.extend(error.part().map(|part| ("part".to_owned(), json!(part))));
            answer
        }
    }
}

pub(crate) fn plan(request: &Request<'_>) -> Result<Answer, Failed> {
    let small = |name: &str| Ok::<u8, Failed>(u8::try_from(request.number(name)?)?);
    let context = unhex(request.0.get("context"))?;
    let geometry = Geometry::new(small("frame_log2")?, small("frames_log2")?)?;
    let digest = DigestAlg::from_id(small("digest")?)?;
    let header_len = u32::try_from(request.number("header_len")?)?;
    let new = NewHeader {
        suite: Suite::from_id(small("suite")?)?,
        digest,
        geometry,
        context: &context,
        slots: &[],
        metadata: None,
        header_len: Some(header_len),
    };
    let full = sv2_core::StreamLayout { geometry, digest, header_len }.full_segment_len();
    let rule = PartRule::s3()
        .bounds(request.number("min_part_len")?, u64::MAX)
        .max_parts(u32::MAX)
        .wanted_len(request.number("segments_in_part")? * full);
    let source =
        SourcePin::new(request.number("plaintext_len")?, unhex(request.0.get("source_tag"))?);
    let stream_salt = array(&unhex(request.0.get("dangerous_stream_salt"))?)?;
    let random = RandomSource::Hazmat(Given::in_turn(stream_salt, Vec::new(), Vec::new()));
    Ok(match Coordinator::plan(&request.key()?, &new, source, &rule, &random) {
        Ok(coordinator) => {
            let plan = coordinator.parts_plan();
            members(json!({"ok": true, "parts": plan.parts(), "plan": base64(&plan.to_bytes())}))
        }
        Err(error) => not_done(error),
    })
}

pub(crate) fn part(request: &Request<'_>) -> Result<Answer, Failed> {
    let plan = request.content("plan")?;
    let key = SegmentsKey::from_bytes(array(&unhex(request.0.get("segments_key"))?)?);
    let source = SourcePin::new(request.number("source_len")?, unhex(request.0.get("source_tag"))?);
    let mut segments = Vec::new();
    for salt in request.0["dangerous_salts"].as_array().into_iter().flatten() {
        segments.push(array(&unhex(Some(salt))?)?);
    }
    let random = RandomSource::Hazmat(Given::in_turn([0; 32], Vec::new(), segments));
    let backend = sv2_core::Backend::Ring;
    let sealer = match PartSealer::open(&plan, key, &source, backend, &random) {
        Ok(sealer) => sealer,
        Err(error) => return Ok(not_done(error)),
    };
    let part = u32::try_from(request.number("part")?)?;
    Ok(match sealer.seal_part(part, &request.content("plaintext")?) {
        Ok((wire, receipt)) => {
            let receipt = receipt.with_stored_as(unhex(request.0.get("stored_as"))?);
            members(json!({
                "ok": true,
                "part_len": wire.len(),
                "part_sha256": hex(&sha256(&wire)),
                "receipt": base64(&sealer.encode(&receipt)),
            }))
        }
        Err(error) => not_done(error),
    })
}

pub(crate) fn finish(request: &Request<'_>) -> Result<Answer, Failed> {
    let (key, context) = (request.key()?, unhex(request.0.get("context"))?);
    let keys = KeySource::Key(&key);
    let mut ring = KeyRing::new(&keys, &context, MAX_SEGMENT_SIZE);
    let coordinator = match Coordinator::reopen(&request.content("plan")?, &mut ring) {
        Ok(coordinator) => coordinator,
        Err(error) => return Ok(not_done(error)),
    };
    let mut receipts = Vec::new();
    for receipt in request.0["receipts"].as_array().into_iter().flatten() {
        receipts.push(Request(&json!({"it": receipt})).content("it")?);
    }
    let mut stored = Vec::new();
    for held in request.0["stored"].as_array().into_iter().flatten() {
        stored.push(held_part(held)?);
    }
    Ok(match coordinator.finish(&receipts, &stored) {
        Ok(finished) => members(json!({
            "ok": true,
            "tail_len": finished.tail.len(),
            "tail_sha256": hex(&sha256(&finished.tail)),
            "stream_len": finished.len,
            "stream_crc": format!("{:016x}", finished.crc64),
            "fingerprint": hex(&finished.fingerprint),
        })),
        Err(error) => not_done(error),
    })
}

/// What the store says of a part: what it calls the bytes, their checksum, or both.
fn held_part(held: &Value) -> Result<StoredPart, Failed> {
    let part = u32::try_from(held["part"].as_u64().ok_or("a part has a number")?)?;
    let crc = match held.get("crc") {
        Some(crc) => Some(u64::from_be_bytes(array(&unhex(Some(crc))?)?)),
        None => None,
    };
    Ok(match (held.get("stored_as"), crc) {
        (Some(name), None) => StoredPart::named(part, unhex(Some(name))?),
        (Some(name), Some(crc)) => StoredPart::named(part, unhex(Some(name))?).crc64(crc),
        (None, crc) => StoredPart::checked(part, crc.ok_or("the store says something")?),
    })
}
