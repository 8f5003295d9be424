//! Plans and receipts of a stream of parts, out of hostile bytes (format.md appendix A).

use crate::{KEY, Verdict, split};
use sv2_core::{Backend, KeySource, RandomSource, StreamKey};
use sv2_crypto::SegmentsKey;
use sv2_headers::MAX_SEGMENT_SIZE;
use sv2_stream::KeyRing;
use sv2_stream::parts::{Coordinator, PartSealer, SourcePin, StoredPart};
use sv2_testkit::paint;
use sv2_testkit::reference::parts::{self, Cut, Stored};
use sv2_testkit::reference::primitives::{hkdf_expand, hmac_sha256};
use sv2_testkit::reference::{Keys, Params, encrypt, keys::label};

/// Plaintext bytes of the stream whose receipts are read: three segments and a short one.
const LEN: u64 = 1700;

/// Reads a plan, or the receipts of one that is known.
///
/// The selector's low bit chooses receipts, the next makes their MACs right first, as a machine can
/// that has the key of the segments. A receipt stands behind its length in two bytes.
///
/// # Panics
///
/// Where the reference judges otherwise, has other parts, or makes another tail.
pub fn parts_read(data: &[u8]) -> Verdict {
    let Some((selector, rest)) = split(data) else { return Verdict::Refused };
    let sign = selector & 2 != 0;
    match selector & 1 {
        0 => plan(signed(rest.to_vec(), sign)),
        _ => tail(receipts_in(rest).map(|receipt| signed(receipt, sign)).collect()),
    }
}

fn k_segments() -> [u8; 32] {
    let stream = encrypt(&KEY, &Params::tiny(1, 1, 1), &mut |_| [0; 24], &[]);
    let mut core = [0; 48];
    core.copy_from_slice(&stream[..48]);
    Keys::derive(&KEY, &core, &[]).k_segments
}

/// The bytes with the last 32 as the MAC over those before.
fn signed(mut bytes: Vec<u8>, sign: bool) -> Vec<u8> {
    if let Some(at) = bytes.len().checked_sub(32).filter(|_| sign) {
        let key: [u8; 32] = hkdf_expand(&k_segments(), &label("parts"));
        let mac = hmac_sha256(&key, &bytes[..at]);
        bytes[at..].copy_from_slice(&mac);
    }
    bytes
}

fn plan(plan: Vec<u8>) -> Verdict {
    let key = k_segments();
    let random = RandomSource::System;
    let number = |at: usize| plan.get(at..at + 8).and_then(|it| it.try_into().ok());
    let len = number(28).map_or(0, u64::from_be_bytes);
    let tag_len = plan.get(10..12).map_or(0, |it| usize::from(u16::from_be_bytes([it[0], it[1]])));
    let source = SourcePin::new(len, plan.get(36..36 + tag_len).unwrap_or_default());
    let own = SegmentsKey::from_bytes(key);
    let opened = PartSealer::open(&plan, own, &source, Backend::Ring, &random);
    let expected = parts::parts_of(&plan, &key);
    assert_eq!(opened.is_ok(), expected.is_some(), "{opened:?}, {expected:?}");
    if let (Ok(sealer), Some(expected)) = (&opened, expected) {
        assert_eq!(u64::from(sealer.plan().parts()), expected.count);
        for part in [1, expected.count] {
            let spec = sealer.plan().part(part as u32).expect("a part of the plan");
            let segments = (spec.segments.start, spec.segments.end);
            assert_eq!(Some(segments), expected.segments(part));
        }
    }
    Verdict::of(&opened)
}

/// The plan whose receipts are read, of two segments in a part.
fn known_plan() -> Vec<u8> {
    let cut = Cut { plaintext_len: LEN, per_part: 2, min_len: 0 };
    parts::plan(&KEY, &Params::tiny(1, 1, 1), b"tag", &cut).expect("two parts").0
}

fn name(part: u32) -> Vec<u8> {
    format!("etag{part}").into_bytes()
}

fn tail(receipts: Vec<Vec<u8>>) -> Verdict {
    let plan = known_plan();
    let key = StreamKey::from_bytes(KEY);
    let keys = KeySource::Key(&key);
    let mut ring = KeyRing::new(&keys, &[], MAX_SEGMENT_SIZE);
    let coordinator = Coordinator::reopen(&plan, &mut ring).expect("a plan of this key");
    let held = [1, 2].map(|part| StoredPart::named(part, name(part)));
    let finished = coordinator.finish(&receipts, &held);
    let held = [1, 2].map(|part| Stored { part, name: Some(name(part)), crc: None });
    let expected = parts::finish(&KEY, &[], &plan, &receipts, &held);
    assert_eq!(finished.is_ok(), expected.is_ok(), "{finished:?}, {expected:?}");
    if let (Ok(finished), Ok(expected)) = (&finished, &expected) {
        assert_eq!((&finished.tail, finished.len), (&expected.tail, expected.len));
        assert_eq!((finished.crc64, finished.fingerprint), (expected.crc, expected.fingerprint));
    }
    Verdict::of(&finished)
}

fn receipts_in(mut bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    std::iter::from_fn(move || {
        let (len, rest) = bytes.split_first_chunk::<2>()?;
        let (receipt, rest) = rest.split_at(usize::from(u16::from_be_bytes(*len)).min(rest.len()));
        bytes = rest;
        Some(receipt.to_vec())
    })
}

/// Plans and receipts to begin with, by name.
pub(crate) fn seeds() -> Vec<(String, Vec<u8>)> {
    let plan = known_plan();
    let key = k_segments();
    let receipt = |part: u32, salt: u8| {
        let all = paint::paint(LEN as usize);
        let plaintext = if part == 1 { &all[..1024] } else { &all[1024..] };
        let source = (LEN, &b"tag"[..]);
        let name = name(part);
        let mut salts = |index: u64| [salt + index as u8; 24];
        let sealed = parts::seal_part(&plan, &key, source, (part, &name), plaintext, &mut salts);
        sealed.expect("a part of the plan").1
    };
    let joined = |selector: u8, receipts: &[Vec<u8>]| {
        let mut data = vec![selector];
        for receipt in receipts {
            data.extend((receipt.len() as u16).to_be_bytes());
            data.extend(receipt);
        }
        data
    };
    let (one, two) = (receipt(1, 1), receipt(2, 1));
    let at = |selector: u8, change: &dyn Fn(&mut Vec<u8>)| {
        let mut data = [&[selector][..], &plan].concat();
        change(&mut data);
        data
    };
    let named = |name: &str, data: Vec<u8>| (format!("{name}.bin"), data);
    vec![
        named("good-plan", at(0, &|_| {})),
        named("good-plan-signed", at(2, &|plan| plan[38] ^= 1)),
        named("bad-plan-altered", at(0, &|plan| plan[21] ^= 1)),
        named("bad-plan-cut", at(0, &|plan| plan.truncate(50))),
        named("bad-plan-without-segments", at(2, &|plan| plan[13..21].fill(0))),
        named("bad-plan-without-plaintext", at(2, &|plan| plan[29..37].fill(0))),
        named("bad-plan-of-more-than-there-can-be", at(2, &|plan| plan[29] = 2)),
        named("bad-plan-header", at(2, &|plan| plan[1 + 36 + 3 + 8] = 9)),
        named("good-receipts", joined(1, &[one.clone(), two.clone()])),
        named("good-receipt-twice", joined(1, &[one.clone(), two.clone(), one.clone()])),
        named("bad-receipt-missing", joined(1, std::slice::from_ref(&one))),
        named("bad-two-attempts", joined(1, &[one.clone(), two.clone(), receipt(1, 9)])),
        named("bad-receipt-altered", {
            let mut altered = one.clone();
            altered[70] ^= 1;
            joined(1, &[altered, two.clone()])
        }),
        named("bad-receipt-of-part-3", {
            let mut altered = one.clone();
            altered[11] = 3;
            joined(3, &[altered, two.clone()])
        }),
        named("good-entry-of-a-machine", {
            let mut altered = one;
            altered[70] ^= 1;
            joined(3, &[altered, two])
        }),
    ]
}
