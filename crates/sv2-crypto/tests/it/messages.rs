//! What this crate says of failures, and what it does not say of secrets.

use std::fmt::Debug;
use std::sync::Arc;

use sv2_crypto::{
    Backend, CryptoError, RandomSource, RootKeys, SegmentDigest, SegmentsKey, Sha256, StreamKey,
    hazmat,
};
use sv2_headers::{DigestAlg, Suite};

/// F-903: a failed authentication says no more than that.
#[test]
fn messages_side_by_side() {
    let all = [
        CryptoError::AuthenticationFailed,
        CryptoError::RandomSource,
        CryptoError::BackendMissing,
        CryptoError::TooLong,
    ];
    let list: Vec<_> = all.iter().map(|error| format!("{error:?}: {error}")).collect();
    insta::assert_snapshot!(list.join("\n"), @r"
        AuthenticationFailed: authentication failed
        RandomSource: the operating system's random source failed
        BackendMissing: the cipher backend is not part of this build
        TooLong: the input is too long for one AEAD call
        ");
}

struct Ones;

impl hazmat::FixedRandom for Ones {
    fn fill(&self, out: &mut [u8]) {
        out.fill(1);
    }

    fn segment_salt(&self, _index: u64) -> [u8; 24] {
        [1; 24]
    }
}

#[test]
fn debug_output_is_the_name_and_nothing_else() {
    let key = StreamKey::from_bytes([0xAB; 32]);
    let root = RootKeys::derive(&key, &[0; 48], b"");
    let segments = SegmentsKey::from_bytes([0xAB; 32]);
    let cipher = segments.segment_opener(&[0; 56], Suite::Aes256Gcm, Backend::Ring);
    let (random, mut keyed) = (RandomSource::System, [0; 56]);
    let sealer = segments.begin_segment(0, &mut keyed, &random, Suite::Aes256Gcm, Backend::Ring);
    let hazmat = RandomSource::Hazmat(Arc::new(Ones));
    let all: [&dyn Debug; 10] = [
        &key,
        &root,
        &root.seal_key(),
        &segments,
        &cipher,
        &sealer,
        &Sha256::new(),
        &SegmentDigest::new(DigestAlg::Blake3),
        &RandomSource::System,
        &hazmat,
    ];
    let list: Vec<_> = all.iter().map(|value| format!("{value:?}")).collect();
    insta::assert_snapshot!(list.join("\n"), @r"
        StreamKey(..)
        RootKeys(..)
        MacKey(..)
        SegmentsKey(..)
        Ok(SegmentOpener(SegmentCipher(..)))
        Ok(SegmentSealer { cipher: SegmentCipher(..), next: 0 })
        Sha256(..)
        SegmentDigest(..)
        System
        Hazmat(..)
        ");
}

#[test]
fn backends_have_the_names_that_programs_print() {
    assert_eq!([Backend::Ring.name(), Backend::AwsLc.name()], ["ring", "aws-lc"]);
    assert_eq!(Backend::available()[0], Backend::Ring, "in every build");
}
