//! Streams that are sealed segment by segment.

use std::sync::Arc;

use proptest::prelude::*;
use sv2_crypto::hazmat::FixedRandom;
use sv2_crypto::{Backend, RandomSource};
use sv2_framing::crc::crc64;
use sv2_headers::{DigestAlg, Geometry};
use sv2_stream::{FormatError, NewHeader, ObjectCrc, Receipt, StreamSealer};
use sv2_testkit::paint::{boundary_lengths, paint};
use sv2_testkit::reference::Params;

use crate::support::{key, stream};

/// The salts of [`stream`].
struct Fixed;

impl FixedRandom for Fixed {
    fn fill(&self, out: &mut [u8]) {
        out.fill(0x5A);
    }

    fn segment_salt(&self, index: u64) -> [u8; 24] {
        let mut salt = [0xA5; 24];
        salt[..8].copy_from_slice(&index.to_be_bytes());
        salt
    }
}

fn sealer(digest: u8, frames_log2: u8) -> StreamSealer {
    let new = NewHeader {
        digest: DigestAlg::from_id(digest).expect("a digest"),
        geometry: Geometry::new(8, frames_log2).expect("legal sizes"),
        header_len: Some(256),
        ..NewHeader::standard()
    };
    let random = RandomSource::Hazmat(Arc::new(Fixed));
    StreamSealer::begin(&key(), &new, &random, Backend::Ring).expect("a header")
}

/// The segments of painted plaintext in the order of `order`, and their receipts.
fn sealed(sealer: &StreamSealer, len: usize, order: &[u64]) -> (Vec<Vec<u8>>, Vec<Receipt>) {
    let plaintext = paint(len);
    let size = sealer.layout().geometry.segment_size() as usize;
    let parts: Vec<_> = plaintext.chunks(size).collect();
    let sealed = order.iter().map(|&segment| {
        sealer.seal(segment, parts[segment as usize]).expect("a segment of the stream")
    });
    sealed.unzip()
}

/// F-105: the order of sealing has no part in the bytes.
#[test]
fn segments_sealed_in_any_order_make_the_references_stream() {
    for (digest, frames_log2) in [(0, 0), (1, 1), (2, 2)] {
        let sealer = sealer(digest, frames_log2);
        let params = Params::tiny(1, digest, frames_log2);
        for len in boundary_lengths(params.layout().frame_size(), params.layout().segment_size()) {
            let segments = sealer.layout().geometry.segment_count(len);
            for order in [(0..segments).collect::<Vec<_>>(), (0..segments).rev().collect()] {
                let (mut wire, receipts) = sealed(&sealer, len as usize, &order);
                if order.first() > order.last() {
                    wire.reverse();
                }
                let (tail, trailer) = sealer.finish(receipts).expect("all segments");
                let object = [sealer.header(), &wire.concat(), &tail].concat();
                assert!(object == stream(&params, len as usize), "{digest} {len} {order:?}");
                assert_eq!(trailer.plaintext_len, len);
            }
        }
    }
}

#[test]
fn receipts_that_make_no_stream_are_refused_with_their_segment() {
    let sealer = sealer(0, 0);
    let (_, receipts) = sealed(&sealer, 3 * 256 + 10, &[0, 1, 2, 3]);
    let refused = |receipts: Vec<Receipt>| match sealer.finish(receipts) {
        Err(FormatError::Receipt { segment, .. }) => segment,
        other => panic!("{other:?}"),
    };
    for missing in 0..3 {
        let mut rest = receipts.clone();
        rest.remove(missing);
        assert_eq!(refused(rest), missing as u64);
    }
    for twice in 0..4 {
        let mut more = receipts.clone();
        more.push(receipts[twice]);
        assert_eq!(refused(more), twice as u64);
    }
    let mut short = receipts.clone();
    short[1].plaintext_len -= 1;
    assert_eq!(refused(short), 2, "the one behind a short one");
    sealer.finish(receipts).expect("all of them make a stream");
}

#[test]
fn no_segment_has_no_bytes_or_more_than_its_geometry_says() {
    let sealer = sealer(0, 0);
    for len in [0, 257] {
        assert!(matches!(sealer.seal(0, &paint(len)), Err(FormatError::Misuse(_))), "{len}");
    }
    assert!(sealer.seal(1 << 40, &paint(1)).is_err(), "no stream has so many segments");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Section 6.1: no byte of a segment is looked at.
    #[test]
    fn the_checksum_of_an_object_follows_from_its_tail(
        len in 0u64..9000,
        (digest, frames_log2) in (0u8..3, 0u8..3),
    ) {
        let object = stream(&Params::tiny(1, digest, frames_log2), len as usize);
        let layout = sealer(digest, frames_log2).layout();
        let mut crc = ObjectCrc::new(layout, len).expect("a legal length");
        let segments = u64::from(layout.header_len)..layout.tail_offset(len);
        while let Some(wanted) = crc.wants() {
            prop_assert!(wanted.end <= segments.start || wanted.start >= segments.end);
            let bytes = &object[wanted.start as usize..wanted.end as usize];
            prop_assert!(crc.supply(&bytes[1..]).is_err(), "a byte too few");
            crc.supply(bytes).expect("what it asked for");
        }
        prop_assert_eq!(crc.finish(), crc64(&object));
    }
}
