//! What is read of streams without their end, of damaged ones, and with a key of the whole.

use std::ops::Range;

use serde_json::{Value, json};
use sv2_core::{
    ErrorKind, Gaps, InputSource, KeySource, OutputSink, Tail, decrypt_stream_v2, verify_with,
};

use crate::answer::{Answer, Failed, add_released, failure, hex, members};
use crate::read::listed;
use crate::request::Request;
use crate::subject::one_by_one;

/// A stream that need not be sealed, from a pipe (F-826).
pub(crate) fn unsealed(request: &Request<'_>) -> Result<Answer, Failed> {
    let mut options = request.options()?;
    options.tail = Tail::MayBeMissing;
    let stream = request.content("stream")?;
    let mut released = Vec::new();
    let input = InputSource::Reader(Box::new(&stream[..]));
    let output = OutputSink::Writer(Box::new(&mut released));
    let mut answer = match decrypt_stream_v2(input, output, &request.key()?, &options) {
        Ok(report) => {
            let mut answer = members(json!({
                "ok": true,
                "sealed": report.sealed,
                "revision": report.revision,
            }));
            match report.unsealed_end {
                Some(end) => {
                    answer.insert("damaged_behind".into(), json!(end != ErrorKind::Unsealed));
                }
                None => {
                    let fingerprint = report.fingerprint.map(|bytes| hex(&bytes));
                    answer.insert("fingerprint".into(), json!(fingerprint));
                    answer.insert("generation".into(), json!(report.generation));
                }
            }
            answer
        }
        Err(error) => failure(&error),
    };
    add_released(&mut answer, &released);
    Ok(answer)
}

/// Everything that is wrong with a stream, its key at hand (F-829).
pub(crate) fn verify(request: &Request<'_>) -> Result<Answer, Failed> {
    let stream = request.content("stream")?;
    let (key, options) = (request.key()?, request.options()?);
    let keys = KeySource::Key(&key);
    Ok(listed(one_by_one(|each| verify_with(InputSource::Memory(&stream), &keys, &options, each))))
}

/// What still opens of a damaged stream (F-833).
pub(crate) fn salvage(request: &Request<'_>) -> Result<Answer, Failed> {
    let stream = request.content("stream")?;
    let (key, options) = (request.key()?, request.options()?);
    let gaps = match request.text("gaps")? {
        "zero" => Gaps::Zero,
        "skip" => Gaps::Skip,
        other => return Err(format!("no gaps {other}").into()),
    };
    let mut released = Vec::new();
    let (input, output) = (InputSource::Memory(&stream), OutputSink::Memory(&mut released));
    let report = match sv2_core::salvage(input, output, &KeySource::Key(&key), &options, gaps) {
        Ok(report) => report,
        Err(error) => return Ok(failure(&error)),
    };
    let pairs = |ranges: &[Range<u64>]| -> Vec<Value> {
        ranges.iter().map(|range| json!([range.start, range.end])).collect()
    };
    let mut answer = members(json!({
        "ok": true,
        "sealed": report.sealed,
        "plaintext_len": report.plaintext_len,
        "recovered": report.recovered,
        "lost": pairs(&report.lost),
        "unconfirmed": pairs(&report.unconfirmed),
        "foreign": pairs(&report.foreign),
    }));
    add_released(&mut answer, &released);
    Ok(answer)
}
