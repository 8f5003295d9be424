//! SHA-256 of index and fingerprint, and the segment digest (sections 6 and 7).

use proptest::prelude::*;
use sv2_crypto::{SegmentDigest, Sha256, fingerprint, sha256};
use sv2_headers::DigestAlg;

use crate::appendix::{array, example};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn digest(alg: DigestAlg, parts: &[&[u8]]) -> [u8; 32] {
    let mut digest = SegmentDigest::new(alg);
    for part in parts {
        digest.update(part);
    }
    digest.finish()
}

/// F-703: the page table of the worked example is the hash of its one page, and index_root the
/// hash of that; for an empty stream it is the hash of no bytes.
#[test]
fn index_hashes_are_those_of_the_worked_example() {
    let page_table = sha256(&[&example("index")]);
    assert_eq!(page_table[..], example("page table"));
    assert_eq!(sha256(&[&page_table])[..], example("index_root"));
    let nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(hex(&Sha256::new().finish()), nothing);
}

/// F-604: of 80 bytes of the header and 72 of the trailer.
#[test]
fn the_fingerprint_is_that_of_the_worked_example() {
    let header: [u8; 80] = example("header")[..80].try_into().expect("256 bytes");
    let content: [u8; 72] = example("trailer")[..72].try_into().expect("128 bytes");
    assert_eq!(fingerprint(&header, &content), array("fingerprint"));
    let by_hand = sha256(&[b"stream_v2/1 fingerprint\0", &header, &content]);
    assert_eq!(by_hand, array("fingerprint"));
}

/// F-604: no bit of what a fingerprint covers is without effect.
#[test]
fn the_fingerprint_depends_on_every_bit_it_covers() {
    let header: [u8; 80] = example("header")[..80].try_into().expect("256 bytes");
    let content: [u8; 72] = example("trailer")[..72].try_into().expect("128 bytes");
    for bit in 0..(80 + 72) * 8 {
        let (mut header, mut content) = (header, content);
        match bit / 8 {
            at @ 0..80 => header[at] ^= 1 << (bit % 8),
            at => content[at - 80] ^= 1 << (bit % 8),
        }
        assert_ne!(fingerprint(&header, &content), array("fingerprint"), "bit {bit}");
    }
}

/// F-601: the hash that the header names; the values are the published ones.
#[test]
fn digests_are_the_named_hashes() {
    let list = [DigestAlg::None, DigestAlg::Sha256, DigestAlg::Blake3]
        .map(|alg| format!("{:6} {}", alg.name(), hex(&digest(alg, &[b"abc"]))));
    insta::assert_snapshot!(list.join("\n"), @r"
        none   0000000000000000000000000000000000000000000000000000000000000000
        sha256 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad
        blake3 6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85
        ");
}

proptest! {
    /// F-105: the sizes in which bytes are taken in do not matter.
    #[test]
    fn pieces_hash_as_the_whole(
        bytes in prop::collection::vec(any::<u8>(), 0..3000),
        cut in any::<prop::sample::Index>(),
    ) {
        let (left, right) = bytes.split_at(cut.index(bytes.len() + 1));
        prop_assert_eq!(sha256(&[left, right]), sha256(&[&bytes]));
        for alg in [DigestAlg::None, DigestAlg::Sha256, DigestAlg::Blake3] {
            prop_assert_eq!(digest(alg, &[left, &[], right]), digest(alg, &[&bytes]));
        }
        prop_assert_eq!(digest(DigestAlg::Sha256, &[&bytes]), sha256(&[&bytes]));
    }
}
