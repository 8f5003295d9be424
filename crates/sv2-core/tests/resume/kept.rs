//! Which segments of an unfinished stream stay.

use sv2_core::DigestAlg;
use sv2_testkit::paint::paint;

use crate::support::{
    DIGESTS, Folder, HEADER_LEN, SEGMENT, holds, options, place, segment_wire, stream,
};

const LEN: usize = 3 * SEGMENT + 100;

/// The salt of a segment, as it stands in the stream.
fn salt(segment: &[u8]) -> &[u8] {
    &segment[24..48]
}

/// F-1104: what opens and equals the source stays, byte for byte, and everything else is written
/// anew under a fresh salt (F-507, F-1007).
#[test]
fn every_subset_of_the_segments_is_kept() {
    let plaintext = paint(LEN);
    for digest in DIGESTS {
        let earlier = stream(&plaintext, &options(digest, 1));
        for subset in 0..16_usize {
            let mut left = earlier[..HEADER_LEN].to_vec();
            for index in (0..4).filter(|index| subset >> index & 1 == 1) {
                let place = place(&earlier, index, digest, LEN);
                left.resize(left.len().max(place.end), 0);
                left[place.clone()].copy_from_slice(&earlier[place]);
            }
            let folder = Folder::with_unfinished(&left);
            let report = folder.resume(&plaintext, &options(digest, 2)).expect("it goes on");
            assert_eq!(report.kept_segments, u64::from(subset.count_ones()));
            let finished = folder.result();
            assert!(holds(&finished, &plaintext), "{digest:?}, subset {subset:04b}");
            for index in 0..4 {
                let place = place(&earlier, index, digest, LEN);
                let (old, new) = (&earlier[place.clone()], &finished[place]);
                match subset >> index & 1 {
                    1 => assert_eq!(old, new),
                    _ => assert_eq!(
                        salt(new),
                        salt(
                            &stream(&plaintext, &options(digest, 2))
                                [HEADER_LEN + index * segment_wire(digest)..]
                        )
                    ),
                }
            }
            assert_eq!(folder.names(), ["out"]);
        }
    }
}

/// F-1104: a segment with any bit wrong, in its checksums too, is written anew.
///
/// Each segment of a long stream has another byte flipped.
#[test]
fn a_segment_with_one_wrong_byte_is_never_kept() {
    for digest in DIGESTS {
        let count = segment_wire(digest);
        let plaintext = paint(count * SEGMENT);
        let mut left = stream(&plaintext, &options(digest, 1));
        for index in 0..count {
            left[HEADER_LEN + index * segment_wire(digest) + index] ^= 1 << (index % 8);
        }
        let folder = Folder::with_unfinished(&left);
        let report = folder.resume(&plaintext, &options(digest, 2)).expect("it goes on");
        assert_eq!(report.kept_segments, 0, "{digest:?}");
        assert!(holds(&folder.result(), &plaintext));
    }
}

/// F-1104: neither a segment of another place or stream nor one of another source is kept, and an
/// earlier attempt at the same plaintext is as good as the last one.
#[test]
fn a_segment_is_judged_by_place_stream_and_source() {
    let digest = DigestAlg::Sha256;
    let plaintext = paint(4 * SEGMENT);
    let earlier = stream(&plaintext, &options(digest, 1));
    let attempt = stream(&plaintext, &options(digest, 3));
    let mut other = plaintext.clone();
    other[SEGMENT] ^= 1;
    let other_source = stream(&other, &options(digest, 3));
    let mut sibling_options = options(digest, 1);
    sibling_options.random = sv2_core::RandomSource::System;
    let sibling = stream(&plaintext, &sibling_options);

    let at = |index| place(&earlier, index, digest, plaintext.len());
    let mut left = earlier.clone();
    left[at(0)].copy_from_slice(&attempt[at(0)]);
    left[at(1)].copy_from_slice(&other_source[at(1)]);
    left[at(2)].copy_from_slice(&earlier[at(3)]);
    left[at(3)].copy_from_slice(&sibling[at(3)]);
    let folder = Folder::with_unfinished(&left);
    let report = folder.resume(&plaintext, &options(digest, 2)).expect("it goes on");
    assert_eq!(report.kept_segments, 1);
    let finished = folder.result();
    assert!(holds(&finished, &plaintext));
    assert_eq!(finished[at(0)], attempt[at(0)]);
}

/// F-1104, F-509: a stream that was cut anywhere is finished, and the segment that was cut is
/// written anew.
#[test]
fn a_stream_that_was_cut_anywhere_is_finished() {
    let digest = DigestAlg::None;
    let plaintext = paint(LEN);
    let earlier = stream(&plaintext, &options(digest, 1));
    let ends = (0..4).map(|index| place(&earlier, index, digest, LEN).end);
    let ends: Vec<usize> = ends.chain([HEADER_LEN, earlier.len() - 128]).collect();
    let around = ends.iter().flat_map(|&end| [end, end + 1, end + 63]);
    let before = ends.iter().map(|&end| end - 1).filter(|&cut| cut >= HEADER_LEN);
    for cut in around.chain(before).chain([earlier.len()]) {
        let folder = Folder::with_unfinished(&earlier[..cut]);
        let report = folder.resume(&plaintext, &options(digest, 2)).expect("it goes on");
        let whole = ends[..4].iter().filter(|&&end| end <= cut).count();
        assert_eq!(report.kept_segments, whole as u64, "{cut}");
        assert!(holds(&folder.result(), &plaintext), "{cut}");
    }
}

/// F-1104: of a source that changed, the segments that differ are written anew.
#[test]
fn a_source_that_changed_is_what_the_stream_holds() {
    let digest = DigestAlg::Blake3;
    let old = paint(LEN);
    let earlier = stream(&old, &options(digest, 1));
    let flipped: Vec<u8> =
        old.iter().enumerate().map(|(i, byte)| byte ^ u8::from(i == SEGMENT)).collect();
    let grown = paint(LEN + 3 * SEGMENT);
    for (changed, kept) in [
        (&flipped[..], 3),
        (&grown, 3),
        (&old[..2 * SEGMENT + 1], 2),
        (&old[..2 * SEGMENT], 2),
        (&old[..1], 0),
        (&[], 0),
    ] {
        let folder = Folder::with_unfinished(&earlier);
        let report = folder.resume(changed, &options(digest, 2)).expect("it goes on");
        assert_eq!(report.kept_segments, kept, "{} bytes", changed.len());
        assert!(holds(&folder.result(), changed), "{} bytes", changed.len());
    }
}
