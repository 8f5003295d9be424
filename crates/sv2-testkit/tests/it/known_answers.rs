//! The primitives against answers that others have published.

use sv2_testkit::reference::primitives::{
    aead_open, aead_seal, crc64, hkdf_expand, hmac_sha256, segment_digest, sha256,
};

fn hex(text: &str) -> Vec<u8> {
    let digit = |c: u8| (c as char).to_digit(16).expect("a hex digit") as u8;
    text.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

#[test]
fn crc_gives_the_check_value_of_the_catalogue() {
    assert_eq!(crc64(b"123456789"), 0xAE8B_1486_0A79_9888);
}

#[test]
fn hkdf_expand_gives_the_first_case_of_rfc_5869() {
    let prk = hex("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5");
    let okm: [u8; 42] = hkdf_expand(&prk, &hex("f0f1f2f3f4f5f6f7f8f9"));
    let expected =
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865";
    assert_eq!(okm[..], hex(expected));
}

#[test]
fn hkdf_expand_is_one_hmac_for_one_block() {
    let okm: [u8; 32] = hkdf_expand(&[9; 32], b"info");
    assert_eq!(okm, hmac_sha256(&[9; 32], b"info\x01"));
}

#[test]
fn sha_256_gives_the_answers_of_fips_180() {
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(sha256(b"abc")[..], hex(abc));
    assert_eq!(segment_digest(1, b"abc"), hex(abc));
}

#[test]
fn blake3_gives_the_empty_answer_of_its_vectors() {
    let empty = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";
    assert_eq!(segment_digest(2, b""), hex(empty));
    assert!(segment_digest(0, b"").is_empty());
}

#[test]
fn aes_256_gcm_gives_case_14_of_the_gcm_paper() {
    let sealed = aead_seal(1, &[0; 32], &[0; 12], &[0; 16]);
    assert_eq!(sealed, hex("cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"));
    assert_eq!(aead_open(1, &[0; 32], &[0; 12], &sealed), Some(vec![0; 16]));
    assert_eq!(aead_open(2, &[0; 32], &[0; 12], &sealed), None);
}

/// The answer of the RFC is for an AAD that this format does not use, which changes the tag only.
#[test]
fn chacha20_poly1305_gives_the_ciphertext_of_rfc_8439() {
    let key: Vec<u8> = (0x80..0xA0).collect();
    let nonce = hex("070000004041424344454647");
    let sealed = aead_seal(
        2,
        &key.try_into().expect("32 bytes"),
        &nonce.try_into().expect("12 bytes"),
        b"Ladies and Gentlemen of the class of '99",
    );
    assert_eq!(sealed[..16], hex("d31a8d34648e60db7b86afbc53ef7ec2"));
}
