//! The checksum of a whole stream from its index, and where errors of the metadata point.

use proptest::prelude::*;
use sv2_core::{InputSource, KeySource, StreamError, Unit, object_checksum, read_metadata};
use sv2_testkit::reference::Params;
use sv2_testkit::reference::primitives::crc64;

use crate::harness::{key, stream};

fn computed(stream: &[u8]) -> u64 {
    object_checksum(InputSource::Memory(stream)).expect("a sealed stream")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    /// Section 6.1: header, index and tail give the CRC over every byte.
    #[test]
    fn the_index_gives_the_checksum_of_the_whole_stream(
        suite in 1u8..=2,
        digest in 0u8..=2,
        frame_log2 in 8u8..=10,
        frames_log2 in 0u8..=3,
        header_units in 4u32..=20,
        len in 0usize..20_000,
    ) {
        let header_len = 64 * header_units;
        let params =
            Params { frame_log2, header_len, ..Params::tiny(suite, digest, frames_log2) };
        let stream = stream(&params, len);
        prop_assert_eq!(computed(&stream), crc64(&stream));
    }
}

#[test]
fn an_index_of_two_pages_is_joined_like_one() {
    let params = Params::tiny(1, 1, 0);
    for len in [1023 * 256, 1024 * 256, 1024 * 256 + 1, 1100 * 256] {
        let stream = stream(&params, len);
        assert_eq!(computed(&stream), crc64(&stream), "{len}");
    }
}

/// A payload that was damaged since shows as a difference; a header or tail that was, is the
/// checksum of what is there.
#[test]
fn damage_of_the_payload_is_the_difference_to_the_bytes_that_are_there() {
    let params = Params::tiny(1, 2, 1);
    let sound = stream(&params, 1500);
    let checksum = crc64(&sound);
    let header_len = params.header_len as usize;
    let segments = header_len..sound.len() - header_len - 3 * 64 - 32 - 128;
    for at in (0..sound.len()).step_by(3) {
        let mut stream = sound.clone();
        stream[at] ^= 0x10;
        assert_ne!(crc64(&stream), checksum);
        match object_checksum(InputSource::Memory(&stream)) {
            Ok(computed) if segments.contains(&at) => assert_eq!(computed, checksum, "byte {at}"),
            Ok(computed) => assert_ne!(computed, checksum, "byte {at}"),
            Err(_) => assert!(!segments.contains(&at), "byte {at}"),
        }
    }
}

#[test]
fn without_a_tail_that_can_be_believed_there_is_no_checksum() {
    let sound = stream(&Params::tiny(1, 0, 1), 1500);
    let cut = &sound[..sound.len() - 1];
    let refused = object_checksum(InputSource::Memory(cut));
    assert!(matches!(refused, Err(StreamError::Unsealed { .. })), "{refused:?}");
    let mut longer = sound.clone();
    longer.insert(300, 0);
    let refused = object_checksum(InputSource::Memory(&longer));
    let is_malformed = matches!(refused, Err(StreamError::Malformed { unit: Unit::Trailer, .. }));
    assert!(is_malformed, "{refused:?}");
}

/// Section 9.1: for metadata the offset is that of the header they are in.
#[test]
fn metadata_that_are_refused_are_placed_in_the_header_that_was_opened() {
    let metadata = Some((b"[]".to_vec(), [9; 24]));
    let params = Params { header_len: 512, metadata, ..Params::tiny(1, 0, 0) };
    let mut stream = stream(&params, 100);
    let offset_of = |stream: &[u8]| {
        let key = key();
        match read_metadata(InputSource::Memory(stream), &KeySource::Key(&key), b"") {
            Err(StreamError::Malformed { unit: Unit::Metadata, offset, .. }) => offset,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(offset_of(&stream), 0);
    stream[20] ^= 1;
    assert_eq!(offset_of(&stream), stream.len() as u64 - 128 - 32 - 32 - 512);
}
