//! Frame and segment sizes and what follows from them (sections 2.1 and 3.1), and the ids.

use sv2_headers::{DigestAlg, Geometry, HeaderError, Suite};

/// F-201, F-202, F-203, F-304: all pairs of bytes.
#[test]
fn every_pair_of_logarithms_is_judged() {
    let limit = |what, value, max| Err(HeaderError::Limit { what, value, max });
    for frame_log2 in 0..=255u8 {
        for frames_log2 in 0..=255u8 {
            let expected = match (frame_log2, frames_log2) {
                (..8, _) => Err(HeaderError::Malformed { what: "frame_log2", offset: 12 }),
                (21.., _) => limit("frame_log2", frame_log2.into(), 20),
                (_, 15..) => limit("frames_log2", frames_log2.into(), 14),
                (f, k) if f + k > 30 => limit("segment size", 1 << (f + k), 1 << 30),
                sound => Ok(sound),
            };
            let found = Geometry::new(frame_log2, frames_log2)
                .map(|geometry| (geometry.frame_log2(), geometry.frames_log2()));
            assert_eq!(found, expected);
        }
    }
}

fn all() -> impl Iterator<Item = Geometry> {
    (8..=20).flat_map(|frame| (0..=14).filter_map(move |k| Geometry::new(frame, k).ok()))
}

/// Section 2.1: F, K and S; F-204: the longest plaintext.
#[test]
fn sizes_follow_from_the_logarithms() {
    for geometry in all() {
        let frame = 1u128 << geometry.frame_log2();
        let frames = 1u128 << geometry.frames_log2();
        assert_eq!(u128::from(geometry.frame_size()), frame);
        assert_eq!(u128::from(geometry.frames_per_segment()), frames);
        assert_eq!(u128::from(geometry.segment_size()), frame * frames);
        let max = (1 << 56).min((frame * frames) << 32);
        assert_eq!(u128::from(geometry.max_plaintext_len()), max);
    }
    assert_eq!(all().count(), 13 * 15 - 10, "10 of the pairs make segments above 2^30");
    assert_eq!(Geometry::STANDARD.segment_size(), 4 << 20);
    assert_eq!(Geometry::STANDARD.frame_size(), 64 << 10);
}

/// F-205: ceil(P/S).
#[test]
fn an_empty_plaintext_has_no_segment() {
    for geometry in all() {
        let (size, max) = (geometry.segment_size(), geometry.max_plaintext_len());
        for (plaintext_len, count) in [
            (0, 0),
            (1, 1),
            (size - 1, 1),
            (size, 1),
            (size + 1, 2),
            (2 * size, 2),
            (max, max / size),
            (u64::MAX, u64::MAX / size + 1),
        ] {
            assert_eq!(geometry.segment_count(plaintext_len), count, "{plaintext_len}");
        }
        assert!(geometry.segment_count(max) <= 1 << 32);
    }
}

#[test]
fn sizes_make_the_geometry_they_came_from() {
    for geometry in all() {
        let (frame, segment) = (geometry.frame_size().into(), geometry.segment_size());
        assert_eq!(Geometry::from_sizes(frame, segment), Ok(geometry));
    }
}

#[test]
fn sizes_that_are_none_are_refused() {
    let malformed = |what, offset| Err(HeaderError::Malformed { what, offset });
    for frame in [0, 3, 257, u64::MAX] {
        assert_eq!(Geometry::from_sizes(frame, 1 << 20), malformed("frame size", 12));
    }
    for segment in [0, 3, 257, 128, u64::MAX] {
        assert_eq!(Geometry::from_sizes(256, segment), malformed("segment size", 13));
    }
    assert_eq!(Geometry::from_sizes(128, 1 << 20), malformed("frame_log2", 12));
    let limit = |what, value, max| Err(HeaderError::Limit { what, value, max });
    assert_eq!(Geometry::from_sizes(1 << 21, 1 << 22), limit("frame_log2", 21, 20));
    assert_eq!(Geometry::from_sizes(1 << 63, 1 << 63), limit("frame_log2", 63, 20));
    assert_eq!(Geometry::from_sizes(256, 1 << 63), limit("frames_log2", 55, 14));
    assert_eq!(Geometry::from_sizes(1 << 20, 1 << 31), limit("segment size", 1 << 31, 1 << 30));
}

/// F-302: 1 and 2, and 3 is reserved.
#[test]
fn every_suite_id_is_judged() {
    for id in 0..=255 {
        match Suite::from_id(id) {
            Ok(suite) => assert_eq!((suite.id(), id), (id, 1 + u8::from(id == 2))),
            Err(error) => {
                assert!(id == 0 || id > 2);
                let value = id.into();
                assert_eq!(error, HeaderError::Unsupported { what: "suite", value });
            }
        }
    }
}

/// F-303: 0, 1 and 2.
#[test]
fn every_digest_id_is_judged() {
    for id in 0..=255 {
        match DigestAlg::from_id(id) {
            Ok(digest) => {
                assert!(digest.id() == id && id < 3);
                assert_eq!(digest.len(), if id == 0 { 0 } else { 32 });
                assert_eq!(digest.is_empty(), id == 0);
            }
            Err(error) => {
                assert!(id > 2);
                let value = id.into();
                assert_eq!(error, HeaderError::Unsupported { what: "digest", value });
            }
        }
    }
}

#[test]
fn suites_and_digests_have_the_names_that_programs_print() {
    let suites = [1, 2].map(|id| Suite::from_id(id).expect("known").name());
    let digests = [0, 1, 2].map(|id| DigestAlg::from_id(id).expect("known").name());
    assert_eq!(suites, ["aes-256-gcm", "chacha20-poly1305"]);
    assert_eq!(digests, ["none", "sha256", "blake3"]);
}
