//! The journal of a decrypt, byte by byte, made by the reference's primitives (format.md appendix
//! A.1).

use sv2_core::{CheckpointError, CheckpointFile, DigestAlg, StreamError, StreamReport};
use sv2_testkit::paint::paint;
use sv2_testkit::reference::Keys;
use sv2_testkit::reference::primitives::hmac_sha256;

use crate::support::{Folder, KEY, SEGMENT, cancelled_at, options, refusal, stream};

const LEN: usize = 6 * SEGMENT + 7;
const HEAD_LEN: usize = 80;
const RECORD_LEN: usize = 40;

fn wire() -> Vec<u8> {
    stream(&paint(LEN), &options(DigestAlg::None, 1))
}

/// The journal of a stream with these records, each authentic.
fn journal(wire: &[u8], counts: &[u64]) -> Vec<u8> {
    let core = wire[..48].try_into().expect("48 bytes");
    let key = Keys::derive(&KEY, &core, b"").k_journal;
    let mut journal = b"SV2JRNL\n\0\x01\0\0\0\0\0\0".to_vec();
    journal.extend_from_slice(&wire[wire.len() - 40..wire.len() - 8]);
    let mut mac = hmac_sha256(&key, &journal);
    journal.extend_from_slice(&mac);
    for count in counts {
        mac = hmac_sha256(&key, &[&mac[..], &count.to_be_bytes()].concat());
        journal.extend_from_slice(&count.to_be_bytes());
        journal.extend_from_slice(&mac);
    }
    journal
}

/// Decrypts where an earlier call left this journal, and plaintext of `plaintext` segments.
fn resumed(journal: &[u8], plaintext: usize) -> (Folder, Result<StreamReport, StreamError>) {
    let folder = Folder::with_unfinished(&paint(LEN)[..(plaintext * SEGMENT).min(LEN)]);
    folder.put(CheckpointFile::Journal, journal);
    let result = folder.decrypt(&wire());
    (folder, result)
}

fn kept(journal: &[u8], plaintext: usize) -> u64 {
    let (folder, result) = resumed(journal, plaintext);
    let report = result.expect("it goes on");
    assert_eq!((folder.result(), folder.names()), (paint(LEN), vec!["out".to_owned()]));
    report.kept_segments
}

/// F-1201, F-1205: the journal that a call leaves is the one that the reference makes.
#[test]
fn a_journal_has_the_layout_of_the_appendix() {
    let wire = wire();
    let folder = Folder::new();
    folder.decrypt_with(&wire, cancelled_at(3 * SEGMENT as u64)).expect_err("cancelled");
    let left = folder.file(CheckpointFile::Journal);
    let records = left[HEAD_LEN..].chunks(RECORD_LEN);
    let counts: Vec<u64> = records
        .map(|record| u64::from_be_bytes(record[..8].try_into().expect("8 bytes")))
        .collect();
    assert!(counts.is_sorted_by(|one, next| one < next), "F-1202: {counts:?}");
    assert!(counts.last().is_some_and(|&last| (3..=7).contains(&last)), "{counts:?}");
    assert_eq!(left, journal(&wire, &counts));
}

/// F-1203: a record that was torn is ignored, wherever it was torn.
#[test]
fn a_journal_torn_at_any_byte_counts_up_to_its_last_whole_record() {
    let whole = journal(&wire(), &[1, 3, 4]);
    for len in 0..=whole.len() {
        if len < HEAD_LEN {
            let (folder, result) = resumed(&whole[..len], 5);
            let refused = refusal(result);
            assert!(matches!(refused, CheckpointError::Foreign { .. }), "{len}: {refused}");
            assert_eq!(folder.file(CheckpointFile::Journal), whole[..len]);
        } else {
            let expected = [0, 1, 3, 4][(len - HEAD_LEN) / RECORD_LEN];
            assert_eq!(kept(&whole[..len], 5), expected, "{len}");
        }
    }
    // Bytes of a last record that never arrived may read as zeros.
    let mut zeros = whole.clone();
    zeros[HEAD_LEN + 2 * RECORD_LEN..].fill(0);
    assert_eq!(kept(&zeros, 5), 3);
}

/// F-1203: a broken record in front of another one was not torn, and a broken head was neither.
#[test]
fn a_flipped_byte_in_front_of_the_last_record_is_refused() {
    let whole = journal(&wire(), &[1, 3, 4]);
    for at in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x10;
        if at >= HEAD_LEN + 2 * RECORD_LEN {
            assert_eq!(kept(&flipped, 5), 3, "{at}");
            continue;
        }
        let (folder, result) = resumed(&flipped, 5);
        let refused = refusal(result);
        let expected = match at {
            0..16 => matches!(refused, CheckpointError::Foreign { .. }),
            16..48 => matches!(refused, CheckpointError::OtherStream),
            48..80 => matches!(refused, CheckpointError::BrokenRecord { record: 0 }),
            80..120 => matches!(refused, CheckpointError::BrokenRecord { record: 1 }),
            _ => matches!(refused, CheckpointError::BrokenRecord { record: 2 }),
        };
        assert!(expected, "{at}: {refused}");
        assert_eq!(folder.file(CheckpointFile::Journal), flipped);
        assert_eq!(folder.file(CheckpointFile::Output).len(), 5 * SEGMENT);
    }
}

/// F-1202: counts that do not grow, or that exceed the stream, are in no journal that was written
/// by the rules, whoever signed them.
#[test]
fn counts_that_cannot_be_are_refused() {
    for (counts, record) in [(&[3, 3][..], 2), (&[3, 2], 2), (&[8], 1), (&[0], 1), (&[u64::MAX], 1)]
    {
        let refused = refusal(resumed(&journal(&wire(), counts), 7).1);
        assert!(
            matches!(refused, CheckpointError::BrokenRecord { record: found } if found == record),
            "{counts:?}: {refused}"
        );
    }
    assert_eq!(kept(&journal(&wire(), &[7]), 7), 7);
}

/// A record that is signed, but belongs behind another one, is not believed: records are chained.
#[test]
fn records_of_another_chain_are_refused() {
    let one = journal(&wire(), &[1, 3, 4]);
    let other = journal(&wire(), &[2, 3, 5]);
    let mixed = [&one[..HEAD_LEN + RECORD_LEN], &other[HEAD_LEN + RECORD_LEN..]].concat();
    let refused = refusal(resumed(&mixed, 5).1);
    assert!(matches!(refused, CheckpointError::BrokenRecord { record: 2 }), "{refused}");
}
