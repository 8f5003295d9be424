//! Index entries, pages and the page table (section 7.2).

use proptest::prelude::*;
use sv2_headers::{DigestAlg, HeaderError, IndexEntry, IndexShape};

const DIGESTS: [DigestAlg; 3] = [DigestAlg::None, DigestAlg::Sha256, DigestAlg::Blake3];

/// F-702: 32 + D bytes, and no other number of them.
#[test]
fn entries_have_one_length_for_each_digest() {
    for digest in DIGESTS {
        let need = 32 + digest.len();
        assert_eq!(IndexEntry::len(digest), need);
        for have in 0..100 {
            let decoded = IndexEntry::decode(digest, &vec![7; have]);
            if have == need {
                let mut bytes = Vec::new();
                decoded.expect("an entry").encode(digest, &mut bytes);
                assert_eq!(bytes, vec![7; need]);
            } else {
                let error = HeaderError::Truncated { need: need as u64, have: have as u64 };
                assert_eq!(decoded, Err(error));
            }
        }
    }
}

#[test]
fn the_layout_of_an_entry() {
    let entry = IndexEntry {
        salt: std::array::from_fn(|at| at as u8),
        digest: std::array::from_fn(|at| 0x20 + at as u8),
        crc: 0x4041_4243_4445_4647,
    };
    let rows = [DigestAlg::None, DigestAlg::Sha256].map(|digest| {
        let mut bytes = Vec::new();
        entry.encode(digest, &mut bytes);
        bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    });
    insta::assert_snapshot!(rows.join("\n"), @r"
        000102030405060708090a0b0c0d0e0f10111213141516174041424344454647
        000102030405060708090a0b0c0d0e0f1011121314151617202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f4041424344454647
        ");
}

/// F-702, F-703: pages of 1024 entries tile the index, and the table has a hash for each.
fn assert_tiles(segments: u64, digest: DigestAlg) {
    let shape = IndexShape::new(segments, digest);
    let entry_len = 32 + digest.len() as u64;
    assert_eq!((shape.segments(), shape.entry_len()), (segments, entry_len));
    assert_eq!(shape.entries_len(), segments * entry_len);
    assert_eq!(shape.pages(), segments.div_ceil(1024));
    assert_eq!(shape.page_table_len(), 32 * shape.pages());
    assert_eq!(shape.total_len(), shape.entries_len() + shape.page_table_len());
    let last = shape.pages().saturating_sub(1);
    for page in [0, 1, last.saturating_sub(1), last].into_iter().filter(|&page| page <= last) {
        let (start, len) = shape.page(page);
        let entries = segments.saturating_sub(1024 * page).min(1024);
        assert_eq!((start, len), (page * 1024 * entry_len, entries * entry_len));
        if entries > 0 {
            assert_eq!(shape.page_of(page * 1024), page);
            assert_eq!(shape.page_of(page * 1024 + entries - 1), page);
        }
    }
    let (start, len) = shape.page(shape.pages());
    assert_eq!((start, len), (shape.pages() * 1024 * entry_len, 0));
}

#[test]
fn pages_tile_the_index_of_every_short_stream() {
    for digest in DIGESTS {
        (0..3100).for_each(|segments| assert_tiles(segments, digest));
        assert_tiles((1 << 32) - 1, digest);
        assert_tiles(1 << 32, digest);
    }
}

/// F-802, F-809: a count from an unverified trailer makes lengths that fit no source, and no
/// wrapped ones.
#[test]
fn counts_that_no_stream_has_saturate() {
    for digest in DIGESTS {
        let shape = IndexShape::new(u64::MAX, digest);
        assert_eq!((shape.entries_len(), shape.total_len()), (u64::MAX, u64::MAX));
        assert_eq!(shape.page(u64::MAX), (u64::MAX, 0));
        let shape = IndexShape::new(1 << 58, digest);
        assert!(shape.total_len() >= 1 << 63);
    }
}

proptest! {
    #[test]
    fn any_entry_survives_the_way_to_bytes_and_back(
        salt: [u8; 24],
        digest: [u8; 32],
        crc: u64,
        before in prop::collection::vec(any::<u8>(), 0..50),
    ) {
        for alg in DIGESTS {
            let digest = if alg == DigestAlg::None { [0; 32] } else { digest };
            let entry = IndexEntry { salt, digest, crc };
            let mut bytes = before.clone();
            entry.encode(alg, &mut bytes);
            prop_assert_eq!(&bytes[..before.len()], &before[..], "appended");
            prop_assert_eq!(IndexEntry::decode(alg, &bytes[before.len()..]), Ok(entry));
        }
    }

    #[test]
    fn pages_tile_the_index_of_any_stream(segments in 0u64..=1 << 32, digest in 0..3usize) {
        assert_tiles(segments, DIGESTS[digest]);
    }
}
