//! Streams that many machines seal, part by part.

use std::collections::HashSet;

use proptest::prelude::*;
use sv2_crypto::{Backend, RandomSource, SegmentsKey};
use sv2_framing::StreamLayout;
use sv2_framing::crc::crc64;
use sv2_headers::{DigestAlg, Geometry, IndexEntry};
use sv2_stream::parts::{
    Coordinator, Finished, PartRule, PartSealer, PartsError, SourcePin, StoredPart, geometry_for,
};
use sv2_stream::{KeyRing, KeySource, NewHeader};
use sv2_testkit::paint::paint;
use sv2_testkit::reference::{Limits, decrypt_seekable};

use crate::support::{KEY, key};

/// Segments of 512 bytes, and parts of at least 2,000.
fn rule() -> PartRule {
    PartRule::s3().bounds(2000, 100_000).wanted_len(2200)
}

fn header(digest: DigestAlg) -> NewHeader<'static> {
    let geometry = Geometry::new(8, 1).expect("legal sizes");
    NewHeader { digest, geometry, header_len: Some(256), ..NewHeader::standard() }
}

fn pin(len: usize) -> SourcePin {
    SourcePin::new(len as u64, "an ETag")
}

fn plan_of(len: usize) -> Coordinator {
    let new = header(DigestAlg::Sha256);
    Coordinator::plan(&key(), &new, pin(len), &rule(), &RandomSource::System).expect("a plan")
}

fn sealer(coordinator: &Coordinator) -> PartSealer {
    let plan = coordinator.parts_plan();
    let key = coordinator.segments_key();
    let random = RandomSource::System;
    PartSealer::open(&plan.to_bytes(), key, plan.source(), Backend::Ring, &random).expect("ours")
}

/// One attempt at a part: what was stored, and its receipt.
#[derive(Clone)]
struct Attempt {
    wire: Vec<u8>,
    receipt: Vec<u8>,
    stored: StoredPart,
}

fn attempt(coordinator: &Coordinator, part: u32, name: &str) -> Attempt {
    let sealer = sealer(coordinator);
    let spec = sealer.plan().part(part).expect("a part of the plan");
    let plaintext = paint(sealer.plan().source().len as usize);
    let plaintext = &plaintext[spec.plaintext.start as usize..spec.plaintext.end as usize];
    let (wire, receipt) = sealer.seal_part(part, plaintext).expect("a part");
    assert_eq!(wire.len() as u64, spec.wire.end - spec.wire.start);
    assert_eq!(receipt.crc64(sealer.plan()).expect("of this plan"), crc64(&wire));
    let stored = StoredPart::named(part, name).crc64(crc64(&wire));
    Attempt { receipt: sealer.encode(&receipt.with_stored_as(name)), wire, stored }
}

fn finish(coordinator: &Coordinator, attempts: &[Attempt]) -> Result<Finished, PartsError> {
    let receipts: Vec<_> = attempts.iter().map(|attempt| &attempt.receipt).collect();
    let stored: Vec<_> = attempts.iter().map(|attempt| attempt.stored.clone()).collect();
    coordinator.finish(&receipts, &stored)
}

/// The whole object opens, by another implementation, to what was to be sealed.
fn assert_sound(finished: &Finished, parts: &[Attempt], len: usize) {
    let mut object: Vec<u8> = parts.iter().flat_map(|part| part.wire.clone()).collect();
    object.extend_from_slice(&finished.tail);
    assert_eq!(object.len() as u64, finished.len);
    assert_eq!(crc64(&object), finished.crc64, "the checksum of the whole object");
    let opened = decrypt_seekable(&KEY, b"", &object, &Limits::FORMAT);
    assert_eq!(opened.result.expect("a sound stream").fingerprint, Some(finished.fingerprint));
    assert!(opened.released == paint(len));
}

#[test]
fn parts_that_machines_seal_in_any_order_make_one_sound_object() {
    for len in [1900, 2048, 4096, 4097, 10_000, 12_345] {
        let coordinator = plan_of(len);
        let parts = coordinator.parts_plan().parts();
        let mut sealed: Vec<_> =
            (1..=parts).rev().map(|part| attempt(&coordinator, part, "stored")).collect();
        let finished = finish(&coordinator, &sealed).expect("all parts");
        sealed.reverse();
        assert_sound(&finished, &sealed, len);
        assert_eq!(finished.tail_part, parts + 1);
        let complete: Vec<_> = (1..=parts).map(|part| (part, b"stored".to_vec())).collect();
        assert_eq!(finished.parts, complete);
    }
}

/// F-406: whoever seals has the plan and the key of segments; a coordinator that died goes on from
/// the plan and the stream key.
#[test]
fn a_coordinator_goes_on_from_the_bytes_of_its_plan() {
    let coordinator = plan_of(5000);
    let sealed: Vec<_> = (1..=coordinator.parts_plan().parts())
        .map(|part| attempt(&coordinator, part, "x"))
        .collect();
    let bytes = coordinator.parts_plan().to_bytes();
    let reopen = |key: &sv2_crypto::StreamKey, bytes: &[u8]| {
        let source = KeySource::Key(key);
        Coordinator::reopen(bytes, &mut KeyRing::new(&source, b"", 1 << 30))
    };
    let again = reopen(&key(), &bytes).expect("our plan");
    assert_eq!(again.parts_plan(), coordinator.parts_plan());
    assert_sound(&finish(&again, &sealed).expect("all parts"), &sealed, 5000);
    let other = sv2_crypto::StreamKey::from_bytes([1; 32]);
    assert!(matches!(reopen(&other, &bytes), Err(PartsError::Format(_))));
    for at in 0..bytes.len() {
        let mut altered = bytes.clone();
        altered[at] ^= 1;
        assert!(reopen(&key(), &altered).is_err(), "byte {at}");
    }
}

/// F-1230: a machine that is sent another plan, or reads another source, seals nothing.
#[test]
fn a_plan_that_is_altered_of_another_key_or_of_another_source_seals_nothing() {
    let coordinator = plan_of(5000);
    let bytes = coordinator.parts_plan().to_bytes();
    let open = |bytes: &[u8], key: SegmentsKey, pin: &SourcePin| {
        PartSealer::open(bytes, key, pin, Backend::Ring, &RandomSource::System).map(drop)
    };
    assert!(open(&bytes, coordinator.segments_key(), &pin(5000)).is_ok());
    let foreign = open(&bytes, plan_of(5000).segments_key(), &pin(5000));
    assert!(matches!(foreign, Err(PartsError::ForeignPlan)));
    for at in 0..bytes.len() {
        let mut altered = bytes.clone();
        altered[at] ^= 0x80;
        let refused = open(&altered, coordinator.segments_key(), &pin(5000));
        assert!(matches!(refused, Err(PartsError::ForeignPlan)), "byte {at}");
        let cut = open(&bytes[..at], coordinator.segments_key(), &pin(5000));
        assert!(matches!(cut, Err(PartsError::ForeignPlan)), "{at} bytes");
    }
    for other in [pin(4999), SourcePin::new(5000, "another ETag")] {
        let refused = open(&bytes, coordinator.segments_key(), &other);
        assert!(matches!(refused, Err(PartsError::SourceChanged)));
    }
}

/// A part that ends early, or gets a segment of another, is no part.
#[test]
fn a_part_too_short_too_long_or_out_of_place_is_refused_with_its_segment() {
    let coordinator = plan_of(10_000);
    let sealer = sealer(&coordinator);
    let spec = sealer.plan().part(2).expect("the second part");
    let len = (spec.plaintext.end - spec.plaintext.start) as usize;
    let refused = |result: Result<(), PartsError>| match result {
        Err(PartsError::Segments { part: 2, segment }) => segment,
        other => panic!("{other:?}"),
    };
    let of_part = |len: usize| sealer.seal_part(2, &vec![0; len]).map(drop);
    assert_eq!(refused(of_part(len - 1)), spec.segments.end - 1);
    assert_eq!(refused(of_part(len - 513)), spec.segments.end - 2);
    assert_eq!(refused(of_part(0)), spec.segments.start);
    assert_eq!(refused(of_part(len + 1)), spec.segments.end - 1);
    for segment in [spec.segments.start - 1, spec.segments.end, u64::MAX] {
        assert_eq!(refused(sealer.seal_segment(2, segment, &[0; 512]).map(drop)), segment);
    }
    let first = spec.segments.start;
    assert_eq!(refused(sealer.seal_segment(2, first, &[0; 511]).map(drop)), first);
    for part in [0, sealer.plan().parts() + 1, u32::MAX] {
        let refused = sealer.seal_part(part, &[]).map(drop);
        assert!(matches!(refused, Err(PartsError::NoSuchPart { part: found }) if found == part));
    }

    let receipts: Vec<_> = spec
        .segments
        .clone()
        .map(|segment| sealer.seal_segment(2, segment, &[0; 512]).expect("a segment").1)
        .collect();
    assert!(sealer.receipt(2, receipts.iter().rev().copied().collect()).is_ok(), "any order");
    assert_eq!(refused(sealer.receipt(2, receipts[1..].to_vec()).map(drop)), first);
    assert_eq!(refused(sealer.receipt(2, receipts[..1].to_vec()).map(drop)), first + 1);
    let doubled = [&receipts[..], &receipts[..1]].concat();
    assert_eq!(refused(sealer.receipt(2, doubled).map(drop)), first);
}

/// F-1231. The trial that this closes: a part was sealed and stored again, and the receipt of the attempt
/// before made a tail without an error, so that the segment failed at its first read.
#[test]
fn a_receipt_of_other_bytes_than_the_stored_ones_is_refused_before_the_tail() {
    let coordinator = plan_of(10_000);
    let parts: Vec<_> = (1..=coordinator.parts_plan().parts())
        .map(|part| attempt(&coordinator, part, "first"))
        .collect();
    let again = attempt(&coordinator, 2, "second");
    let stale = |stored: StoredPart| {
        let mut parts = parts.clone();
        parts[1].stored = stored;
        matches!(finish(&coordinator, &parts), Err(PartsError::StaleReceipt { part: 2 }))
    };
    assert!(stale(again.stored.clone()));
    assert!(stale(StoredPart::named(2, "second")), "by its name");
    assert!(stale(StoredPart::checked(2, crc64(&again.wire))), "by its checksum");
    // Both receipts, whichever came first: the one of the stored bytes counts.
    for (stored, other) in [(&parts[1], &again), (&again, &parts[1])] {
        let mut stored_parts = parts.clone();
        stored_parts[1] = stored.clone();
        let mut receipts: Vec<_> = stored_parts.iter().map(|part| &part.receipt).collect();
        receipts.insert(0, &other.receipt);
        receipts.push(&stored.receipt);
        let stored: Vec<_> = stored_parts.iter().map(|part| part.stored.clone()).collect();
        let finished = coordinator.finish(&receipts, &stored).expect("the right one is there");
        assert_sound(&finished, &stored_parts, 10_000);
    }
    // A store that calls every attempt the same and computes no checksum cannot tell.
    let mut unnamed = parts.clone();
    unnamed[1].stored = StoredPart::named(2, "same");
    let mut receipts: Vec<_> = parts.iter().map(|part| part.receipt.clone()).collect();
    receipts.extend((0..2).map(|_| attempt(&coordinator, 2, "same").receipt));
    let stored: Vec<_> = unnamed.iter().map(|part| part.stored.clone()).collect();
    let ambiguous = coordinator.finish(&receipts, &stored);
    assert!(matches!(ambiguous, Err(PartsError::AmbiguousReceipt { part: 2 })));
}

/// F-1231: each part has one receipt of this plan.
#[test]
fn receipts_that_are_missing_altered_or_foreign_are_refused_with_their_part() {
    let coordinator = plan_of(10_000);
    let parts: Vec<_> = (1..=coordinator.parts_plan().parts())
        .map(|part| attempt(&coordinator, part, "x"))
        .collect();
    let receipts = |change: &dyn Fn(&mut Vec<Vec<u8>>)| {
        let mut receipts: Vec<_> = parts.iter().map(|part| part.receipt.clone()).collect();
        change(&mut receipts);
        let stored: Vec<_> = parts.iter().map(|part| part.stored.clone()).collect();
        coordinator.finish(&receipts, &stored).expect_err("refused")
    };
    let missing = receipts(&|receipts| drop(receipts.remove(2)));
    assert!(matches!(missing, PartsError::MissingReceipt { part: 3 }));
    let other = attempt(&plan_of(10_000), 2, "x").receipt;
    let foreign = receipts(&|receipts| receipts[1] = other.clone());
    assert!(matches!(foreign, PartsError::ForeignReceipt { part: 2 }));
    for at in 0..parts[1].receipt.len() {
        let altered = receipts(&|receipts| receipts[1][at] ^= 1);
        let place = matches!(altered, PartsError::AlteredReceipt { .. });
        let names_another_plan = matches!(altered, PartsError::ForeignReceipt { part: 2 });
        assert!(place || names_another_plan && (16..48).contains(&at), "byte {at}: {altered:?}");
        let cut = receipts(&|receipts| receipts[1].truncate(at));
        assert!(matches!(cut, PartsError::AlteredReceipt { .. }), "{at} bytes: {cut:?}");
    }
    let stored = |change: &dyn Fn(&mut Vec<StoredPart>)| {
        let receipts: Vec<_> = parts.iter().map(|part| part.receipt.clone()).collect();
        let mut stored: Vec<_> = parts.iter().map(|part| part.stored.clone()).collect();
        change(&mut stored);
        coordinator.finish(&receipts, &stored).expect_err("refused")
    };
    let lost = stored(&|stored| drop(stored.remove(0)));
    assert!(matches!(lost, PartsError::NotStored { part: 1 }));
    let twice = stored(&|stored| stored.push(stored[0].clone()));
    assert!(matches!(twice, PartsError::NotStored { part: 1 }));
    let besides = stored(&|stored| stored.push(StoredPart::named(99, "x")));
    assert!(matches!(besides, PartsError::NoSuchPart { part: 99 }));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// What an engine may do: tasks run again, at the same time, in any order; receipts lost,
    /// doubled and late. It ends in one sound stream or in an error, and no salt is drawn twice.
    #[test]
    fn whatever_an_engine_does_ends_in_one_sound_stream_or_an_error(
        len in 1900..9000usize,
        attempts in prop::collection::vec((0..8u32, any::<bool>(), any::<bool>()), 1..40),
    ) {
        let coordinator = plan_of(len);
        let count = coordinator.parts_plan().parts();
        // The store keeps the last attempt of a part that was uploaded, and receipts may be lost.
        let mut held: Vec<Option<Attempt>> = vec![None; count as usize];
        let mut receipts = Vec::new();
        let mut salts = HashSet::new();
        for (number, (part, uploaded, received)) in attempts.into_iter().enumerate() {
            let part = part % count + 1;
            let done = attempt(&coordinator, part, &number.to_string());
            let header = if part == 1 { 256 } else { 0 };
            prop_assert!(salts.insert(done.wire[header + 16..header + 40].to_vec()));
            if received {
                receipts.push(done.receipt.clone());
            }
            if uploaded {
                held[part as usize - 1] = Some(done);
            }
        }
        let stored: Vec<_> = held.iter().flatten().map(|part| part.stored.clone()).collect();
        match coordinator.finish(&receipts, &stored) {
            Ok(finished) => {
                let parts: Vec<_> = held.into_iter().flatten().collect();
                prop_assert_eq!(parts.len(), count as usize);
                assert_sound(&finished, &parts, len);
            }
            Err(error) => {
                let part = error.part().expect("an error names its part");
                let whole = held[part as usize - 1].as_ref();
                prop_assert!(whole.is_none_or(|part| !receipts.contains(&part.receipt)));
            }
        }
    }

    /// Parts follow one another without gaps, and each is one that the store takes.
    #[test]
    fn the_parts_of_a_plan_are_the_stream(len in 0..200_000u64, wanted in 0..20_000u64) {
        parts_are_the_stream(len, wanted)?;
    }
}

/// As many segments as fill the last part, of which the last is short.
#[test]
fn a_last_part_whose_last_segment_is_short_is_not_too_short() {
    parts_are_the_stream(37_889, 0).expect("parts that the store takes");
}

fn parts_are_the_stream(len: u64, wanted: u64) -> Result<(), TestCaseError> {
    let rule = PartRule::s3().bounds(3000, 60_000).wanted_len(wanted).max_parts(30);
    let new = header(DigestAlg::None);
    let source = SourcePin::new(len, "");
    let made = Coordinator::plan(&key(), &new, source, &rule, &RandomSource::System);
    let layout = StreamLayout { geometry: new.geometry, digest: new.digest, header_len: 256 };
    let Ok(coordinator) = made else {
        prop_assert!(layout.tail_offset(len) < 3000, "{:?}", made.map(drop));
        return Ok(());
    };
    let plan = coordinator.parts_plan();
    prop_assert!(plan.parts() < 30);
    let (mut segment, mut plaintext, mut wire) = (0, 0, 0);
    for number in 1..=plan.parts() {
        let part = plan.part(number).expect("a part");
        prop_assert_eq!((part.segments.start, part.plaintext.start), (segment, plaintext));
        prop_assert_eq!(part.wire.start, wire);
        prop_assert!((3000..=60_000).contains(&(part.wire.end - part.wire.start)));
        (segment, plaintext, wire) = (part.segments.end, part.plaintext.end, part.wire.end);
    }
    prop_assert_eq!((plaintext, wire), (len, layout.tail_offset(len)));
    Ok(())
}

/// 48 TiB into S3: the index stays under 64 MiB, the parts are few and short enough, and all
/// receipts together are hardly more than the index.
#[test]
fn forty_eight_tebibytes_fit_the_limits_of_a_store_and_of_a_driver() {
    let len = 48 << 40;
    for digest in [DigestAlg::None, DigestAlg::Sha256] {
        let geometry = geometry_for(len, digest);
        let new = NewHeader { digest, geometry, ..NewHeader::standard() };
        let source = SourcePin::new(len, "an ETag");
        let coordinator =
            Coordinator::plan(&key(), &new, source, &PartRule::s3(), &RandomSource::System)
                .expect("a plan");
        let plan = coordinator.parts_plan();
        let index_len = geometry.segment_count(len) * IndexEntry::len(digest) as u64;
        assert!(index_len <= 64 << 20, "{index_len}");
        assert!(plan.parts() < 10_000, "{}", plan.parts());
        let first = plan.part(1).expect("a part").wire;
        assert!((5 << 20..=5 << 30).contains(&(first.end - first.start)));
        assert_eq!(plan.part(plan.parts()).expect("the last").plaintext.end, len);
    }
    assert_eq!(geometry_for(1 << 40, DigestAlg::None), Geometry::STANDARD);
    let short = SourcePin::new(4 << 20, "");
    let new = NewHeader::standard();
    let refused = Coordinator::plan(&key(), &new, short, &PartRule::s3(), &RandomSource::System);
    assert!(matches!(refused, Err(PartsError::NoCut { plaintext_len: 4_194_304, .. })));
}
