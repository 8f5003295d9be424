//! Wrong keys and contexts, and a ciphertext that AES-GCM opens under two keys.

use super::base::{KEY, LEN, bad, painted_salt, sound, sound_with, tiny};
use super::changed::with_right_crc;
use super::model::{StreamCase, Vector};
use crate::mutate::{frame_range, regions};
use crate::paint::paint;
use crate::reference::keys::{Keys, frame_nonce};
use crate::reference::primitives::{aead_open, aead_seal};

/// The key that must be refused although it opens the frame.
const SECOND_KEY: [u8; 32] = [0xB7; 32];

/// Streams that are sound, but not for the reader's key and context.
pub(super) fn vectors() -> Vec<Vector> {
    let base = StreamCase { origin: None, ..sound(&tiny(), LEN) };
    let mut key_bit = base.clone();
    key_bit.key[31] ^= 0x80;
    let with_context = |context: &[u8]| StreamCase { context: context.to_vec(), ..base.clone() };
    let commitment = with_right_crc(&base, 48, &[!base.stream[48]], 0..256);
    let mut refused: Vec<Vector> = [
        ("key-one-bit", key_bit),
        ("context-missing", with_context(b"")),
        ("context-longer", with_context(b"vectors\0")),
        ("context-hashed", {
            let hash = crate::reference::primitives::sha256(b"vectors");
            with_context(&hash)
        }),
    ]
    .into_iter()
    .map(|(name, case)| {
        let scenario = "A sound stream, read with another key or context.";
        bad(case, &format!("wrong-{name}"), "key", scenario, ["WrongKeyOrContext"; 2])
    })
    .collect();
    refused.push(bad(
        base.with_stream(commitment),
        "wrong-commitment",
        "key",
        "Another commitment in the front header, its checksum right.",
        ["WrongKeyOrContext", "success"],
    ));
    refused.extend(two_keys());
    refused
}

/// One stream whose only frame opens under the segment keys that follow from two stream keys.
fn two_keys() -> [Vector; 2] {
    let params = crate::reference::Params { digest: 0, ..tiny() };
    let mut salts = |index| painted_salt(4, index);
    let mut plaintext = paint(200);
    let draft = sound_with(&params, &mut salts, &plaintext);
    let core = crate::reference::primitives::array(&draft.stream, 0);
    let header = crate::reference::primitives::array(&draft.stream, params.header_len as usize);
    let under = |stream_key: &[u8; 32]| {
        let keys = Keys::derive(stream_key, &core, &params.context);
        let (key, base_nonce) = keys.segment(&header);
        (key, frame_nonce(&base_nonce, 0))
    };
    let (first, second) = (under(&KEY), under(&SECOND_KEY));
    collide(first, second, &mut plaintext);

    let mut accepted = sound_with(&params, &mut salts, &plaintext);
    let frame = frame_range(&regions(&accepted.stream), 0, 0);
    let sealed = &accepted.stream[frame.start + 8..frame.end - 8];
    assert!(aead_open(1, &second.0, &second.1, sealed).is_some(), "it opens under both keys");
    accepted.read_sound();
    let mut refused = StreamCase { key: SECOND_KEY, origin: None, ..accepted.clone() };
    refused.readings.clear();
    let scenario = "The frame opens by AES-GCM under a second stream key, which was not committed.";
    [
        accepted.named("two-keys-first", "key", "A frame that opens under two stream keys."),
        bad(refused, "two-keys-second", "key", scenario, ["WrongKeyOrContext"; 2]),
    ]
}

/// Changes the first 16 bytes of `plaintext` so that its ciphertext under the first key and nonce
/// has the same tag under the second.
///
/// A tag is an affine function of any one block of the ciphertext, so the sum of both tags is one
/// as well, and its root is found by elimination over the bits.
fn collide(first: ([u8; 32], [u8; 12]), second: ([u8; 32], [u8; 12]), plaintext: &mut [u8]) {
    let stream = |(key, nonce): &([u8; 32], [u8; 12])| {
        let zeros = vec![0; plaintext.len()];
        aead_seal(1, key, nonce, &zeros)[..plaintext.len()].to_vec()
    };
    let (first_stream, second_stream) = (stream(&first), stream(&second));
    let xor = |left: &[u8], right: &[u8]| -> Vec<u8> {
        left.iter().zip(right).map(|(left, right)| left ^ right).collect()
    };
    let ciphertext = xor(plaintext, &first_stream);
    let tag = |(key, nonce): &([u8; 32], [u8; 12]), stream: &[u8], ciphertext: &[u8]| {
        let sealed = aead_seal(1, key, nonce, &xor(ciphertext, stream));
        u128::from_be_bytes(crate::reference::primitives::array(&sealed, ciphertext.len()))
    };
    let difference = |block: u128| {
        let mut ciphertext = ciphertext.clone();
        ciphertext[..16].copy_from_slice(&block.to_be_bytes());
        tag(&first, &first_stream, &ciphertext) ^ tag(&second, &second_stream, &ciphertext)
    };
    let constant = difference(0);
    let columns: Vec<(u128, u128)> =
        (0..128).map(|bit| (difference(1 << bit) ^ constant, 1 << bit)).collect();
    let block = solve(columns, constant).to_be_bytes();
    plaintext[..16].copy_from_slice(&xor(&block, &first_stream));
}

/// The sum of inputs whose images sum to `target`; `columns` are pairs of image and input.
fn solve(columns: Vec<(u128, u128)>, target: u128) -> u128 {
    let mut pivots: Vec<(u128, u128)> = Vec::new();
    let reduce = |(mut image, mut input): (u128, u128), pivots: &[(u128, u128)]| {
        for (pivot, made_of) in pivots {
            if image & (1 << pivot.ilog2()) != 0 {
                image ^= pivot;
                input ^= made_of;
            }
        }
        (image, input)
    };
    for column in columns {
        let reduced = reduce(column, &pivots);
        if reduced.0 != 0 {
            pivots.push(reduced);
        }
    }
    let (rest, input) = reduce((target, 0), &pivots);
    assert_eq!(rest, 0, "the two hash keys differ, so the function has full rank");
    input
}
