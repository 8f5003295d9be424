//! What a writer answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use sv2_core::hazmat::FixedRandom;
use sv2_core::{
    DigestAlg, EncryptOptions, Geometry, HeaderError, InputSource, OutputSink, RandomSource,
    Section, Suite, encrypt_stream_v2,
};
use sv2_testkit::reference::primitives::sha256;

use crate::answer::{Answer, Failed, failure, hex, members, refused};
use crate::request::{Request, array, inline, unhex};

pub(crate) fn encrypt(request: &Request<'_>) -> Result<Answer, Failed> {
    let options = match writer_options(request)? {
        Ok(options) => options,
        Err(HeaderError::Limit { .. }) => return Ok(refused("Limit")),
        Err(HeaderError::Unsupported { .. }) => return Ok(refused("Unsupported")),
        Err(_) => return Ok(refused("Malformed")),
    };
    let plaintext = request.content("plaintext")?;
    let mut stream = Vec::new();
    let input = InputSource::Memory(&plaintext);
    let output = OutputSink::Memory(&mut stream);
    match encrypt_stream_v2(input, output, &request.key()?, &options) {
        Ok(_) => Ok(members(json!({
            "ok": true,
            "stream_len": stream.len(),
            "stream_sha256": hex(&sha256(&stream)),
        }))),
        Err(error) => Ok(failure(&error)),
    }
}

/// The options of a writer, or why no stream can be written with them.
fn writer_options(request: &Request<'_>) -> Result<Result<EncryptOptions, HeaderError>, Failed> {
    let small = |name: &str| Ok::<u8, Failed>(u8::try_from(request.number(name)?)?);
    let ids = (small("suite")?, small("digest")?);
    let logs = (small("frame_log2")?, small("frames_log2")?);
    let chosen = || -> Result<(Suite, DigestAlg, Geometry), HeaderError> {
        Ok((Suite::from_id(ids.0)?, DigestAlg::from_id(ids.1)?, Geometry::new(logs.0, logs.1)?))
    };
    let (suite, digest, geometry) = match chosen() {
        Ok(chosen) => chosen,
        Err(error) => return Ok(Err(error)),
    };
    let mut slots = Vec::new();
    for section in request.0["sections"].as_array().into_iter().flatten() {
        let kind = u16::try_from(section[0].as_u64().ok_or("a section has a type")?)?;
        if kind != 1 {
            return Err("the engine writes no sections but slots and metadata".into());
        }
        slots.push(Section { kind, body: unhex(section.get(1))? });
    }
    let asked =
        |name: &str, natural: Value| request.0.get(name).is_none_or(|value| *value == natural);
    let is_new = asked("revision", json!(0)) && asked("generation", json!(0));
    if !is_new || !asked("slotted", json!(!slots.is_empty())) {
        return Err("the engine writes new streams, flagged where they have slots".into());
    }
    let mut salts = Vec::new();
    for salt in request.0["dangerous_salts"].as_array().into_iter().flatten() {
        salts.push(array(&unhex(Some(salt))?)?);
    }
    let random = match request.0.get("dangerous_stream_salt") {
        None => RandomSource::System,
        given => RandomSource::Hazmat(Given::in_turn(
            array(&unhex(given)?)?,
            unhex(request.0.get("dangerous_metadata_salt"))?,
            salts,
        )),
    };
    let header_len = match request.0.get("header_len") {
        None => None,
        Some(_) => Some(u32::try_from(request.number("header_len")?)?),
    };
    let options = EncryptOptions::standard().suite(suite).digest(digest).geometry(geometry);
    let context = unhex(request.0.get("context"))?;
    let mut options = options.context(context).slots(slots).random(random).run(inline());
    options.metadata = request.0["metadata"].as_str().map(|text| text.as_bytes().to_vec());
    options.header_len = header_len;
    Ok(Ok(options))
}

/// Salts that a request gives, for vectors alone; those of segments are taken in turn.
pub(crate) struct Given {
    stream: [u8; 32],
    metadata: Vec<u8>,
    segments: Vec<[u8; 24]>,
    taken: AtomicUsize,
}

impl Given {
    pub(crate) fn in_turn(
        stream: [u8; 32],
        metadata: Vec<u8>,
        segments: Vec<[u8; 24]>,
    ) -> Arc<Self> {
        Arc::new(Self { stream, metadata, segments, taken: AtomicUsize::new(0) })
    }
}

impl FixedRandom for Given {
    fn fill(&self, out: &mut [u8]) {
        let given = if out.len() == 32 { &self.stream[..] } else { &self.metadata };
        out.iter_mut().zip(given).for_each(|(out, given)| *out = *given);
    }

    fn segment_salt(&self, _: u64) -> [u8; 24] {
        let turn = self.taken.fetch_add(1, Ordering::SeqCst);
        self.segments.get(turn).copied().unwrap_or_default()
    }
}
