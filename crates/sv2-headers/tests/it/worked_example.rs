//! Header, trailer and index entry of appendix B as bytes and structs.

use sv2_headers::{
    DigestAlg, Geometry, IndexEntry, StreamHeader, Suite, Trailer, checksum, peek_header_len,
};

use crate::appendix::{array, example};

/// F-301, F-311, F-101: every field at its offset, and the same bytes again.
#[test]
fn the_header_is_that_of_the_example() {
    let bytes = example("header");
    let header = StreamHeader::decode(&bytes).expect("well formed");
    let expected = StreamHeader {
        suite: Suite::Aes256Gcm,
        digest: DigestAlg::None,
        geometry: Geometry::new(8, 0).expect("within limits"),
        slotted: false,
        stream_salt: array("stream_salt"),
        commitment: array("commitment"),
        header_len: 256,
        revision: 0,
        sections: Vec::new(),
        mac: array("header_mac"),
    };
    assert_eq!(header, expected);
    assert_eq!(header.core()[..], example("core"));
    assert_eq!(header.encode().as_deref(), Ok(&bytes[..]));
    assert_eq!(bytes[248..], example("header CRC"));
    assert!(checksum::holds(&bytes));
    assert_eq!(StreamHeader::authenticated(&bytes), &bytes[..216]);
    assert_eq!(peek_header_len(&bytes), Some(256));
}

#[test]
fn mac_and_checksum_are_put_in_last() {
    let header = StreamHeader::decode(&example("header")).expect("well formed");
    let unfinished = StreamHeader { mac: [0; 32], ..header };
    let mut bytes = unfinished.encode().expect("well formed");
    assert_ne!(bytes, example("header"));
    StreamHeader::finish(&mut bytes, &array("header_mac"));
    assert_eq!(bytes, example("header"));
}

/// F-705: every field at its offset, and the same bytes again.
#[test]
fn the_trailer_is_that_of_the_example() {
    let bytes: [u8; 128] = array("trailer");
    let trailer = Trailer::decode(&bytes).expect("well formed");
    let expected = Trailer {
        digest: DigestAlg::None,
        header_len: 256,
        generation: 0,
        segments: 1,
        plaintext_len: 16,
        index_root: array("index_root"),
        revision: 0,
        seal: array("seal"),
    };
    assert_eq!(trailer, expected);
    assert_eq!(trailer.encode(), bytes);
    assert_eq!(Trailer::sealed(&bytes), &bytes[..88]);
    assert_eq!(Trailer::content(&bytes), &bytes[..72]);
    assert!(checksum::holds(&bytes));
    let geometry = Geometry::new(8, 0).expect("within limits");
    assert_eq!(trailer.check_counts(geometry), Ok(()));

    let mut finished = Trailer { seal: [0; 32], ..trailer }.encode();
    Trailer::finish(&mut finished, &array("seal"));
    assert_eq!(finished, bytes);
}

/// F-702: salt and CRC of the one segment.
#[test]
fn the_index_entry_is_that_of_the_example() {
    let entry = IndexEntry::decode(DigestAlg::None, &example("index")).expect("32 bytes");
    assert_eq!(entry.salt, array("salt of segment 0"));
    assert_eq!(entry.digest, [0; 32]);
    assert_eq!(entry.crc.to_be_bytes()[..], example("footer"));
    let mut bytes = Vec::new();
    entry.encode(DigestAlg::None, &mut bytes);
    assert_eq!(bytes, example("index"));
}
