//! The key schedule (section 4) against appendix B and against its own formulas.

use proptest::prelude::*;
use ring::hmac;
use sv2_crypto::{Backend, RandomSource, RootKeys, SegmentsKey, StreamKey, sha256};
use sv2_headers::Suite;

use crate::appendix::{array, example};

fn root() -> RootKeys {
    RootKeys::derive(&StreamKey::from_bytes(array("stream_key")), &array("core"), b"")
}

fn hmac_sha256(key: &[u8], message: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message).as_ref().to_vec()
}

/// HKDF-Expand as RFC 5869 writes it, on HMAC alone.
fn expand(prk: &[u8], info: &[u8], len: usize) -> Vec<u8> {
    let (mut out, mut last) = (Vec::new(), Vec::new());
    for count in 1u8.. {
        last = hmac_sha256(prk, &[&last, info, &[count]].concat());
        out.extend_from_slice(&last);
        if out.len() >= len {
            break;
        }
    }
    out.truncate(len);
    out
}

fn label(name: &str) -> Vec<u8> {
    [b"stream_v2/1 ", name.as_bytes(), b"\0"].concat()
}

/// F-401: every key that leaves this crate as bytes, and a MAC under each that does not.
#[test]
fn keys_are_those_of_the_worked_example() {
    let keys = root();
    assert_eq!(keys.commitment()[..], example("commitment"));
    assert_eq!(keys.segments_key().expose()[..], example("K_segments"));
    for (key, name) in [
        (keys.header_key(), "K_header"),
        (keys.seal_key(), "K_seal"),
        (keys.journal_key(), "K_journal"),
        (keys.change_key(), "K_change"),
    ] {
        assert_eq!(key.sign(&[b"m"])[..], hmac_sha256(&example(name), b"m"), "{name}");
    }
}

/// Format, appendix A: the key of plans and receipts follows from the key of segments.
#[test]
fn the_key_of_plans_and_receipts_follows_from_that_of_the_segments() {
    let parts = expand(&example("K_segments"), &label("parts"), 32);
    let key = root().segments_key().parts_key();
    assert_eq!(key.sign(&[b"m"])[..], hmac_sha256(&parts, b"m"));
}

/// F-401: the labels and the order of the info strings, by an Expand of the test's own.
#[test]
fn the_schedule_is_the_one_of_section_4() {
    let root = [example("commitment"), example("prk")].concat();
    assert_eq!(root, example("root"));
    let info = [label("root"), example("core"), example("SHA-256(context)")].concat();
    assert_eq!(expand(&example("stream_key"), &info, 64), root);
    for name in ["header", "seal", "journal", "change", "segments"] {
        let key = expand(&example("prk"), &label(name), 32);
        assert_eq!(key, example(&format!("K_{name}")), "{name}");
    }
    let keyed = &example("segment header")[..56];
    let material = expand(&example("K_segments"), &[&label("segment"), keyed].concat(), 44);
    assert_eq!(material, [example("segment key"), example("base nonce")].concat());
}

/// F-311: header_mac covers the header up to the MAC. F-401.
#[test]
fn header_mac_and_seal_are_those_of_the_worked_example() {
    let (header, trailer) = (example("header"), example("trailer"));
    let header_mac = root().header_key().sign(&[&header[..216]]);
    assert_eq!(header_mac[..], example("header_mac"));
    let in_parts = root().header_key().sign(&[&header[..96], &[], &header[96..216]]);
    assert_eq!(in_parts, header_mac);
    let seal = root().seal_key().sign(&[&trailer[..88]]);
    assert_eq!(seal[..], example("seal"));
}

#[test]
fn a_mac_holds_for_its_message_and_for_no_other() {
    let key = root().seal_key();
    let (message, seal): (_, [u8; 32]) = (&example("trailer")[..88], array("seal"));
    assert_eq!(key.verify(message, &seal), Ok(()));
    let refused = Err(sv2_crypto::CryptoError::AuthenticationFailed);
    for bit in 0..256 {
        let mut other = seal;
        other[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(key.verify(message, &other), refused, "bit {bit} of the seal");
    }
    for bit in 0..88 * 8 {
        let mut other = message.to_vec();
        other[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(key.verify(&other, &seal), refused, "bit {bit} of the trailer");
    }
    assert_eq!(root().header_key().verify(message, &seal), refused, "another key");
}

/// F-401: segment key and base nonce, and the way from K_segments alone (F-406).
#[test]
fn segment_material_is_that_of_the_worked_example() {
    let key = SegmentsKey::from_bytes(array("K_segments"));
    let keyed: [u8; 56] = example("segment header")[..56].try_into().expect("64 bytes");
    let material = sv2_crypto::hazmat::segment_material(&key, &keyed);
    assert_eq!(material[..32], example("segment key"));
    assert_eq!(material[32..], example("base nonce"));
    assert_eq!(example("nonce of frame 0"), example("base nonce"));
}

/// F-401: key and nonce of the metadata, which the worked example does not have.
#[test]
fn metadata_is_sealed_under_its_own_key() {
    let salt = [0x77; 24];
    let material = expand(&example("prk"), &[&label("meta")[..], &salt].concat(), 44);
    for suite in [Suite::Aes256Gcm, Suite::ChaCha20Poly1305] {
        let mut sealed = b"{}".to_vec();
        let random = RandomSource::Hazmat(std::sync::Arc::new(Salt(0x77)));
        let (drawn, tag) = root().seal_metadata(suite, &random, &mut sealed).expect("short");
        assert_eq!(drawn, salt);
        let expected = seal_by_hand(suite, &material, b"{}");
        assert_eq!([&sealed[..], &tag].concat(), expected);

        let open = |salt, sealed: &mut [u8]| root().open_metadata(suite, salt, sealed, &tag);
        assert!(open(&[0x78; 24], &mut sealed.clone()).is_err(), "another salt");
        assert_eq!(open(&salt, &mut sealed), Ok(()));
        assert_eq!(sealed, b"{}");
    }
}

/// A source of one byte.
struct Salt(u8);

impl sv2_crypto::hazmat::FixedRandom for Salt {
    fn fill(&self, out: &mut [u8]) {
        out.fill(self.0);
    }

    fn segment_salt(&self, _: u64) -> [u8; 24] {
        [self.0; 24]
    }
}

fn seal_by_hand(suite: Suite, material: &[u8], plaintext: &[u8]) -> Vec<u8> {
    use ring::aead::{AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
    let algorithm = match suite {
        Suite::Aes256Gcm => &AES_256_GCM,
        Suite::ChaCha20Poly1305 => &CHACHA20_POLY1305,
    };
    let key = LessSafeKey::new(UnboundKey::new(algorithm, &material[..32]).expect("32 bytes"));
    let nonce = Nonce::try_assume_unique_for_key(&material[32..]).expect("12 bytes");
    let mut sealed = plaintext.to_vec();
    key.seal_in_place_append_tag(nonce, Aad::empty(), &mut sealed).expect("short");
    sealed
}

/// Every bit of key and core, and every change of the context, changes commitment and keys.
#[test]
fn the_commitment_depends_on_every_bit_of_its_inputs() {
    let (key, core): ([u8; 32], [u8; 48]) = (array("stream_key"), array("core"));
    let derive = |key, core: &[u8; 48], context: &[u8]| {
        RootKeys::derive(&StreamKey::from_bytes(key), core, context)
    };
    let mut seen = vec![*root().commitment()];
    for bit in 0..256 {
        let mut other = key;
        other[bit / 8] ^= 1 << (bit % 8);
        seen.push(*derive(other, &core, b"").commitment());
    }
    for bit in 0..48 * 8 {
        let mut other = core;
        other[bit / 8] ^= 1 << (bit % 8);
        seen.push(*derive(key, &other, b"").commitment());
    }
    for context in [&b"\0"[..], b"\0\0", b"tenant", b"tenant/object"] {
        seen.push(*derive(key, &core, context).commitment());
    }
    assert!(seen[1..].iter().all(|other| !root().commits_to(other)));
    let count = seen.len();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), count);
}

/// F-403: the context enters through its hash, the empty one too.
#[test]
fn the_context_enters_through_its_hash() {
    assert_eq!(sha256(&[b""])[..], example("SHA-256(context)"));
    let context = [b'x'; 1000];
    let info = [label("root"), example("core"), sha256(&[&context]).to_vec()].concat();
    let keys =
        RootKeys::derive(&StreamKey::from_bytes(array("stream_key")), &array("core"), &context);
    assert_eq!(keys.commitment()[..], expand(&example("stream_key"), &info, 64)[..32]);
}

#[test]
fn a_commitment_is_compared_in_all_its_bits() {
    let keys = root();
    assert!(keys.commits_to(&array("commitment")));
    for bit in 0..256 {
        let mut other: [u8; 32] = array("commitment");
        other[bit / 8] ^= 1 << (bit % 8);
        assert!(!keys.commits_to(&other), "bit {bit}");
    }
}

/// F-402: a key is 32 bytes by its type, and two that are drawn differ.
#[test]
fn drawn_stream_keys_differ() {
    let draw = || *StreamKey::generate().expect("the system has random bytes").expose();
    let (one, two) = (draw(), draw());
    assert_ne!(one, two);
    assert_ne!(one, [0; 32]);
    assert_eq!(StreamKey::from_bytes(one).expose(), &one);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// F-401: for any key, core, context and segment header.
    #[test]
    fn any_schedule_follows_the_formulas(
        key: [u8; 32],
        core in prop::array::uniform(any::<u8>()),
        context in prop::collection::vec(any::<u8>(), 0..80),
        keyed in prop::array::uniform(any::<u8>()),
    ) {
        let (core, keyed): ([u8; 48], [u8; 56]) = (core, keyed);
        let keys = RootKeys::derive(&StreamKey::from_bytes(key), &core, &context);
        let root = expand(&key, &[&label("root")[..], &core, &sha256(&[&context])].concat(), 64);
        prop_assert_eq!(&keys.commitment()[..], &root[..32]);
        let segments = expand(&root[32..], &label("segments"), 32);
        let segments_key = keys.segments_key();
        prop_assert_eq!(&segments_key.expose()[..], &segments[..]);
        let material = expand(&segments, &[&label("segment")[..], &keyed].concat(), 44);
        prop_assert_eq!(&sv2_crypto::hazmat::segment_material(&segments_key, &keyed)[..], &material[..]);
    }

    /// Segment headers that differ have ciphers that differ.
    #[test]
    fn a_segment_header_with_another_bit_is_another_key(
        keyed in prop::array::uniform(any::<u8>()),
        bit in 0usize..56 * 8,
    ) {
        let keyed: [u8; 56] = keyed;
        let mut other = keyed;
        other[bit / 8] ^= 1 << (bit % 8);
        let key = SegmentsKey::from_bytes(array("K_segments"));
        for suite in [Suite::Aes256Gcm, Suite::ChaCha20Poly1305] {
            let cipher = |keyed| {
                sv2_crypto::hazmat::segment_cipher(&key, keyed, suite, Backend::Ring).expect("ring")
            };
            let mut frame = *b"hello";
            let tag = cipher(&keyed).seal(0, &mut frame).expect("short");
            prop_assert!(cipher(&other).open(0, &mut frame, &tag).is_err());
        }
    }
}

#[test]
fn only_32_bytes_are_a_key() {
    let bytes = [9; 33];
    let key = StreamKey::from_slice(&bytes[..32]).expect("32 bytes");
    assert_eq!(key.expose()[..], bytes[..32]);
    for len in [0, 31, 33] {
        assert!(StreamKey::from_slice(&bytes[..len]).is_none(), "{len}");
    }
}
