//! Salvage and scrub of the streams that a script makes.

use crate::differential::options;
use crate::{Verdict, script};
use std::sync::Arc;
use sv2_core::{
    Damage, DamageMap, Fault, Gaps, InputSource, KeySource, OutputSink, SalvageReport, StreamError,
    StreamHeader, StreamKey, Unit, decrypt_stream_v2, inspect, open_header,
    salvage as salvage_stream, scrub as scrub_stream, verify,
};
use sv2_testkit::paint;
use sv2_testkit::reference;

/// The most plaintext that an authentic trailer or segment may claim here: a holder of the key can
/// claim any length, and a claim costs as many bytes of output.
const MAX_CLAIM: u64 = 1 << 20;

/// Salvages the stream of a script, with gaps and without.
///
/// # Panics
///
/// Where a byte is written that was not sealed at its place, where the report is not what was
/// written, or where a stream that decrypts is not salvaged whole.
pub fn salvage(data: &[u8]) -> Verdict {
    let Some(case) = script::case(data) else { return Verdict::Refused };
    let (stream, call) = (&case.stream, &case.call);
    let claim = inspect(InputSource::Memory(stream)).ok().and_then(|found| found.trailer);
    if claim.is_some_and(|trailer| trailer.plaintext_len > MAX_CLAIM) {
        return Verdict::Refused;
    }
    let run = |gaps| salvaged(stream, call, gaps);
    let (zeroed, skipped) = (run(Gaps::Zero), run(Gaps::Skip));
    let ((zeroed, report), (closed, again)) = match (zeroed, skipped) {
        (Ok(zeroed), Ok(skipped)) => (zeroed, skipped),
        // Gaps that are longer than the stream is worth are refused, and can be left out; the
        // observer below ends what goes on for too long.
        (Err(StreamError::Usage(_)), skipped) => {
            assert!(!decrypts(stream, call), "a stream that decrypts has no gaps");
            if let Ok((_, report)) = skipped {
                assert!(!report.lost.is_empty());
            }
            return Verdict::Refused;
        }
        (Err(one), Err(other)) => {
            assert_eq!(one.to_string(), other.to_string());
            let is_whole = decrypts(stream, call) && !matches!(one, StreamError::Limit { .. });
            assert!(!is_whole, "what decrypts is salvaged, not {one}");
            return Verdict::Refused;
        }
        _ => panic!("gaps decide whether a stream can be salvaged"),
    };

    assert_eq!(zeroed.len() as u64, report.plaintext_len);
    let (mut at, mut kept) = (0, Vec::new());
    for lost in &report.lost {
        assert!(at as u64 <= lost.start && lost.start < lost.end, "{:?}", report.lost);
        let (start, end) = (lost.start as usize, lost.end as usize);
        assert_eq!(paint::first_unpainted(at as u64, &zeroed[at..start]), None);
        assert!(zeroed[start..end].iter().all(|byte| *byte == 0));
        kept.extend_from_slice(&zeroed[at..start]);
        at = end;
    }
    assert_eq!(paint::first_unpainted(at as u64, &zeroed[at..]), None);
    kept.extend_from_slice(&zeroed[at..]);
    assert_eq!(closed, kept);
    assert_eq!((report.recovered, report.bytes_out), (kept.len() as u64, zeroed.len() as u64));
    assert_eq!((&again.lost, again.sealed), (&report.lost, report.sealed));
    assert_eq!(again.bytes_out, closed.len() as u64);
    if decrypts(stream, call) {
        assert!(report.is_complete() && report.unconfirmed.is_empty(), "{report:?}");
    }
    if report.is_complete() { Verdict::Accepted } else { Verdict::Refused }
}

type Salvaged = (Vec<u8>, SalvageReport);

fn salvaged(stream: &[u8], call: &script::Call, gaps: Gaps) -> Result<Salvaged, StreamError> {
    let mut out = Vec::new();
    let key = StreamKey::from_bytes(call.key);
    let mut options = options(&call.context, call.limits.max_segment_size.min(MAX_CLAIM));
    let cancel = options.run.cancel.clone();
    options.run.observer = Some(Arc::new(move |progress| {
        if progress.done > MAX_CLAIM {
            cancel.cancel();
        }
    }));
    let (input, output) = (InputSource::Memory(stream), OutputSink::Memory(&mut out));
    let report = salvage_stream(input, output, &KeySource::Key(&key), &options, gaps)?;
    Ok((out, report))
}

fn decrypts(stream: &[u8], call: &script::Call) -> bool {
    let mut out = Vec::new();
    let key = StreamKey::from_bytes(call.key);
    let options = options(&call.context, call.limits.max_segment_size);
    let output = OutputSink::Memory(&mut out);
    decrypt_stream_v2(InputSource::Memory(stream), output, &key, &options).is_ok()
}

/// Scrubs the stream of a script without the key, verifies it with the key, and decrypts it.
///
/// The verdict is whether scrub finds nothing.
///
/// # Panics
///
/// Where scrub and the reference's scrub disagree on whether a stream is sound, where verify is
/// silent about what scrub lists, or where verify and decrypt disagree.
pub fn scrub(data: &[u8]) -> Verdict {
    let Some(case) = script::case(data) else { return Verdict::Refused };
    let (stream, call) = (&case.stream, &case.call);
    let options = options(&call.context, call.limits.max_segment_size);
    let found = scrub_stream(InputSource::Memory(stream), &options.run);
    let is_sound = found.as_ref().is_ok_and(DamageMap::is_undamaged);
    assert_eq!(is_sound, reference::scrub(stream).is_ok_and(|found| found.is_empty()), "{found:?}");

    let key = StreamKey::from_bytes(call.key);
    let verified = verify(InputSource::Memory(stream), &KeySource::Key(&key), &options);
    let decrypted = decrypts(stream, call);
    let Ok(verified) = verified else {
        assert!(!decrypted, "verify ends in {verified:?}");
        return if is_sound { Verdict::Accepted } else { Verdict::Refused };
    };
    let found = found.expect("what can be verified can be scrubbed");
    assert!(verified.authenticated && verified.sealed && !found.authenticated);
    // Where the header that opens is not the one that scrub takes by its place (F-829), only what
    // is said of the headers themselves can be compared.
    let same = takes_the_header_that_opens(stream, call);
    let of_header = |damage: &&Damage| matches!(damage.unit, Unit::Header | Unit::HeaderCopy);
    let comparable = found.damages.iter().filter(|damage| same || of_header(damage));
    for damage in comparable {
        // Units that touch are one entry in either list, as far as their faults are the same.
        let listed = verified.damages.iter().any(|other| {
            // With a key a header is compared with the one that opened, whatever else is wrong.
            let settled = other.fault == damage.fault
                || other.fault == Fault::ChecksumOnly
                || of_header(&other);
            settled && (other.offset..other.offset + other.len.max(1)).contains(&damage.offset)
        });
        assert!(listed, "{damage:?} is not in {:?}", verified.damages);
    }
    assert_eq!(decrypted, !verified.damages.iter().any(denies_plaintext), "{verified:?}");
    if is_sound { Verdict::Accepted } else { Verdict::Refused }
}

/// Whether scrub looks at the stream under the header that the key opens, revision and slots aside.
fn takes_the_header_that_opens(stream: &[u8], call: &script::Call) -> bool {
    let key = StreamKey::from_bytes(call.key);
    let taken = inspect(InputSource::Memory(stream)).map(|seen| seen.header);
    let keys = KeySource::Key(&key);
    let opened = open_header(InputSource::Memory(stream), &keys, &call.context);
    let (Ok(taken), Ok(opened)) = (taken, opened) else { return false };
    let identity = |header: &StreamHeader| (header.core(), header.commitment, header.header_len);
    identity(&taken) == identity(&opened.header)
}

/// Whether decrypt, which is indifferent to checksums and to stored segment headers, stumbles
/// over this.
fn denies_plaintext(damage: &Damage) -> bool {
    let is_plaintext = damage.plaintext.is_some() && damage.fault != Fault::ChecksumOnly;
    let is_digest =
        matches!(damage.unit, Unit::Footer { .. }) && damage.fault == Fault::Authentication;
    is_plaintext || is_digest || damage.unit == Unit::Index
}
