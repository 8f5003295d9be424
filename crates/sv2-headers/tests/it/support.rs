//! Headers to start from, and age files that are well formed.

use sv2_headers::{DigestAlg, Geometry, Section, StreamHeader, Suite};

/// A slotted header of 1024 bytes with these sections.
pub(crate) fn header(sections: Vec<Section>) -> StreamHeader {
    StreamHeader {
        suite: Suite::ChaCha20Poly1305,
        digest: DigestAlg::Blake3,
        geometry: Geometry::STANDARD,
        slotted: true,
        stream_salt: [0x5A; 32],
        commitment: [0xC0; 32],
        header_len: 1024,
        revision: 0x0102_0304_0506_0708,
        sections,
        mac: [0x3A; 32],
    }
}

/// The bytes of the same header.
pub(crate) fn encoded(sections: Vec<Section>) -> Vec<u8> {
    header(sections).encode().expect("sections that fit")
}

/// A binary age file with these stanzas and 64 bytes behind its header.
pub(crate) fn age_file(stanzas: &[&str]) -> Vec<u8> {
    let mut file = b"age-encryption.org/v1\n".to_vec();
    for stanza in stanzas {
        file.extend_from_slice(stanza.as_bytes());
    }
    file.extend_from_slice(b"--- ");
    file.extend_from_slice(&[b'A'; 43]);
    file.push(b'\n');
    file.extend_from_slice(&[0xEE; 64]);
    file
}

pub(crate) const X25519: &str = "-> X25519 TEiF0ypqr+bpvcqXNyCVJpL7OuwPdVwPL7KQEbFDOCc\n\
                                 EmECAEcKN+n/Vs9SbWiV+Hu0r+E8R77DdWYyd83nw7U\n";
pub(crate) const SCRYPT: &str = "-> scrypt bBjlhJVYZeE4aqUdmtRHfw 18\n\
                                 ZV/AhotwSGqaPCU43cepl4WYUouAa17a3xpu4G2yi5k\n";

/// A slot of kind 1 for one recipient.
pub(crate) fn recipient_slot() -> Section {
    Section::slot(1, &age_file(&[X25519]))
}

/// A slot of kind 1 for a passphrase.
pub(crate) fn passphrase_slot() -> Section {
    Section::slot(1, &age_file(&[SCRYPT]))
}
