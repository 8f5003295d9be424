//! Segment 0 of appendix B, byte for byte.

use std::sync::Arc;

use bytes::Bytes;
use sv2_crypto::{Backend, RandomSource, SegmentsKey, hazmat};
use sv2_framing::SegmentIndex;
use sv2_headers::{DigestAlg, IndexEntry, StreamHeader};
use sv2_segment_worker::{
    DecryptSegmentWorker, EncryptSegmentWorker, SegmentCryptoContext, SegmentInput, SegmentWire,
};

use crate::appendix::{array, example};

struct SaltOfTheExample;

impl hazmat::FixedRandom for SaltOfTheExample {
    fn fill(&self, out: &mut [u8]) {
        out.copy_from_slice(&example("stream_salt"));
    }

    fn segment_salt(&self, index: u64) -> [u8; 24] {
        assert_eq!(index, 0);
        array("salt of segment 0")
    }
}

fn context() -> Arc<SegmentCryptoContext> {
    let header = StreamHeader::decode(&example("header")).expect("a header");
    let key = SegmentsKey::from_bytes(array("K_segments"));
    let random = RandomSource::Hazmat(Arc::new(SaltOfTheExample));
    SegmentCryptoContext::new(&header, key, Backend::Ring, random)
}

fn wire() -> Vec<u8> {
    [example("segment header"), example("frame"), example("footer")].concat()
}

/// F-501, F-514, F-517: header, frame and footer; F-702: and the entry for the index.
#[test]
fn the_segment_is_sealed_to_the_bytes_of_the_example() {
    let input = SegmentInput { index: SegmentIndex(0), plaintext: example("plaintext").into() };
    let sealed = EncryptSegmentWorker::new(context()).encrypt(input).expect("16 bytes");
    assert_eq!(sealed.wire, wire());
    assert_eq!(sealed.plaintext_len, 16);
    let mut entry = Vec::new();
    sealed.entry.encode(DigestAlg::None, &mut entry);
    assert_eq!(entry, example("index"));
}

#[test]
fn the_segment_of_the_example_opens_with_and_without_its_entry() {
    let entry = IndexEntry::decode(DigestAlg::None, &example("index")).expect("32 bytes");
    for sealed in [None, Some(entry)] {
        let wire = Bytes::from(wire());
        let input = SegmentWire { index: SegmentIndex(0), wire, sealed };
        let segment = DecryptSegmentWorker::new(context()).decrypt(input).expect("authentic");
        assert_eq!(segment.salt, array("salt of segment 0"));
        assert_eq!(segment.digest, [0; 32]);
        assert_eq!(segment.into_plaintext(), example("plaintext"));
    }
}
