//! Change records that somebody planted: without the key, kept from an earlier change, or by another
//! holder of the key (local-files.md section 1.1).

use sv2_core::{
    ChangeFault, ChangeOptions, DigestAlg, InputSource, KeySource, StreamError, append,
};
use sv2_testkit::reference::primitives::{hmac_sha256, sha256};

use crate::disk::{Disk, Found};
use crate::record::{appended, folder_with, half_appended, half_rewritten, is_refused};
use crate::support::{HEADER_LEN, KEY, SEGMENT, key, readdress, settle, stream};

/// What a rewrite makes of a stream.
fn rewritten(old: &[u8]) -> Vec<u8> {
    let disk = Disk::new(old);
    readdress(&disk, &[1, 2]).expect("a rewrite");
    disk.stream()
}

/// F-1210, F-1214: the attacks of a folder that others can write to. An old record of the stream
/// itself, which is authentic, neither rolls a sealed stream back nor gives it old recipients.
#[test]
fn an_authentic_record_that_was_kept_from_an_earlier_change_rolls_nothing_back() {
    for len in [0, 9, SEGMENT, SEGMENT + 100] {
        let first = stream(len, DigestAlg::None);
        let (append, rewrite) = (half_appended(&first).record, half_rewritten(&first).record);
        let later = [appended(&appended(&first)), rewritten(&rewritten(&first))];
        let twice = [rewritten(&appended(&first)), appended(&rewritten(&first))];
        for stream in later.into_iter().chain(twice) {
            for record in [&append, &rewrite] {
                let disk = Disk::holding(Found { stream: stream.clone(), record: record.clone() });
                let error = settle(&disk).expect_err("a record of another state");
                assert!(is_refused(&error, ChangeFault::OtherState), "{len}: {error}");
                assert_eq!(disk.log(), [], "{len}: nothing was written");
            }
        }
    }
}

/// F-1214: what an archive can hold, made of two public states of a stream: everything that the
/// old end was. The stream stays in its new state, and the change that found the record fails.
#[test]
fn a_stream_of_two_public_states_is_not_rolled_back_by_a_record_without_a_key() {
    let old = stream(SEGMENT + 100, DigestAlg::None);
    let new = appended(&old);
    let mut record = half_appended(&old).record.expect("its record, of which the MAC is secret");
    let end = record.len() - 64;
    let mac = hmac_sha256(&[7; 32], &sha256(&record[..end]));
    record[end..end + 32].copy_from_slice(&mac);
    with_checksums(&mut record);
    let (_folder, path) = folder_with(&Found { stream: new.clone(), record: Some(record) });
    let (key, input) = (key(), InputSource::Memory(b"more"));
    let error = append(&path, input, &KeySource::Key(&key), &ChangeOptions::standard());
    let error = error.expect_err("the record is not the victim's");
    assert!(is_refused(&error, ChangeFault::Forged), "{error}");
    assert_eq!(std::fs::read(&path).expect("a file"), new);
}

/// F-1214: a file of the victim's own, saved from anywhere and renamed beside a stream that the
/// attacker cannot write to: a sound record of a stream that the victim can open as well, and the
/// same with the name of the stream that it lies beside.
#[test]
fn a_record_of_ones_own_for_another_stream_does_not_overwrite_this_one() {
    let precious = stream(3 * SEGMENT, DigestAlg::None);
    let bait = half_appended(&stream(SEGMENT + 100, DigestAlg::None)).record.expect("a record");
    let mut renamed = bait.clone();
    renamed[152..152 + 80].copy_from_slice(&precious[..80]);
    let mut with_header = bait.clone();
    with_header[152..HEAD_LEN].copy_from_slice(&precious[..HEADER_LEN]);
    for (record, fault) in [
        (bait, ChangeFault::OtherStream),
        (authentic(renamed), ChangeFault::Forged),
        (authentic(with_header), ChangeFault::Malformed),
    ] {
        let (_folder, path) =
            folder_with(&Found { stream: precious.clone(), record: Some(record) });
        let (key, input) = (key(), InputSource::Memory(b"more"));
        let error = append(&path, input, &KeySource::Key(&key), &ChangeOptions::standard());
        let error = error.expect_err("the record is of another stream");
        assert!(is_refused(&error, fault), "{error}");
        assert_eq!(std::fs::read(&path).expect("a file"), precious);
    }
}

/// F-1214: who has no key cannot make a record, whatever public states of the stream it is made
/// of; every byte is under the MAC.
#[test]
fn a_record_that_no_holder_of_the_key_wrote_is_refused_before_anything_is_written() {
    let old = stream(SEGMENT + 100, DigestAlg::None);
    for found in [half_appended(&old), half_rewritten(&old)] {
        let record = found.record.clone().expect("a record");
        for at in 0..record.len() {
            let mut forged = record.clone();
            forged[at] ^= 1 << (at % 8);
            with_checksums(&mut forged);
            // Of a checksum nothing is left to see once it is put right.
            if forged == record {
                continue;
            }
            let disk = Disk::holding(Found { record: Some(forged), ..found.clone() });
            let error = settle(&disk).expect_err("a forged record");
            let refused =
                matches!(error, StreamError::RefusedChange(_) | StreamError::WrongKeyOrContext);
            assert!(refused, "{at}: {error}");
            assert_eq!(disk.log(), [], "{at}: nothing was written");
        }
    }
}

/// Puts right what needs no key: the checksum of each write and the hash over all.
fn with_checksums(record: &mut [u8]) {
    let end = record.len() - 64;
    let mut at = HEAD_LEN;
    while at + 24 <= end {
        let len =
            u32::from_be_bytes([record[at + 8], record[at + 9], record[at + 10], record[at + 11]]);
        let Some(write) = record[..end].get_mut(at..at + 24 + len as usize) else { break };
        sv2_testkit::reference::forge::refresh_crc(write);
        at += write.len();
    }
    let hash = sha256(&record[..end]);
    let whole = sha256(&[&hash[..], &record[end..end + 32]].concat());
    record[end + 32..].copy_from_slice(&whole);
}

/// Bytes in front of the first write.
const HEAD_LEN: usize = 152 + HEADER_LEN;

/// The writes of a record, each as it stands there.
fn writes_of(record: &[u8]) -> Vec<Vec<u8>> {
    let mut rest = &record[HEAD_LEN..record.len() - 64];
    let mut writes = Vec::new();
    while !rest.is_empty() {
        let len = 24 + u32::from_be_bytes([rest[8], rest[9], rest[10], rest[11]]) as usize;
        writes.push(rest[..len].to_vec());
        rest = &rest[len..];
    }
    writes
}

/// A record with the head of another one and these writes, as a holder of the key could make it.
fn record_of(head: &[u8], writes: &[Vec<u8>]) -> Vec<u8> {
    let mut record = head[..HEAD_LEN].to_vec();
    record[16..24].copy_from_slice(&(writes.len() as u64).to_be_bytes());
    for write in writes {
        let mut write = write.clone();
        sv2_testkit::reference::forge::refresh_crc(&mut write);
        record.extend(write);
    }
    record.extend([0; 64]);
    authentic(record)
}

/// The record with hash and MAC.
fn authentic(mut record: Vec<u8>) -> Vec<u8> {
    with_checksums(&mut record);
    let core = record[152..].first_chunk().expect("a header");
    let keys = sv2_testkit::reference::Keys::derive(&KEY, core, &[]);
    let end = record.len() - 64;
    let mac = hmac_sha256(&keys.k_change, &sha256(&record[..end]));
    record[end..end + 32].copy_from_slice(&mac);
    with_checksums(&mut record);
    record
}

// F-1210
#[test]
fn a_whole_change_record_of_a_later_version_is_left_alone() {
    let old = stream(SEGMENT + 100, DigestAlg::None);
    let found = half_appended(&old);
    let record = found.record.clone().expect("a change record");
    // Version; direction, length of the header, number of writes; a write's offset and zeros.
    for (at, fault) in [
        (9, ChangeFault::Unknown),
        (11, ChangeFault::Malformed),
        (13, ChangeFault::Malformed),
        (14, ChangeFault::Malformed),
        (23, ChangeFault::Malformed),
        (HEAD_LEN, ChangeFault::Malformed),
        (HEAD_LEN + 15, ChangeFault::Malformed),
    ] {
        let mut later = record.clone();
        later[at] ^= 0x40;
        let disk = Disk::holding(Found { record: Some(authentic(later)), ..found.clone() });
        let error = settle(&disk).expect_err("a change record that cannot be read");
        assert!(is_refused(&error, fault), "{at}: {error}");
        assert_eq!(disk.log(), [], "{at}: nothing was written");
    }
}

/// F-1212: also a holder of the key, who may be another recipient, gets nothing written but the
/// steps of a rewrite or of an append.
#[test]
fn a_record_that_is_neither_a_rewrite_nor_an_append_is_refused_before_anything_is_written() {
    let old = stream(SEGMENT + 100, DigestAlg::None);
    let (appended, rewritten) = (half_appended(&old), half_rewritten(&old));
    let of = |found: &Found| writes_of(&found.record.clone().expect("a record"));
    let (of_undo, of_redo) = (of(&appended), of(&rewritten));
    assert_eq!((of_undo.len(), of_redo.len()), (1, 3));
    // 16 bytes stand before the content of a write.
    let flipped = |writes: &[Vec<u8>], changes: &[(usize, usize)]| {
        let mut writes = writes.to_vec();
        for &(write, at) in changes {
            writes[write][16 + at] ^= 1;
        }
        writes
    };
    let moved = |writes: &[Vec<u8>], write: usize, by: u64| {
        let mut writes = writes.to_vec();
        let offset = u64::from_be_bytes(writes[write][..8].try_into().expect("8 bytes"));
        writes[write][..8].copy_from_slice(&(offset + by).to_be_bytes());
        writes
    };
    // The undo in two writes that follow each other.
    let cut = |at: usize, gap: u64| {
        let (offset, content) = (&of_undo[0][..8], &of_undo[0][16..of_undo[0].len() - 8]);
        let offset = u64::from_be_bytes(offset.try_into().expect("8 bytes"));
        let write = |offset: u64, content: &[u8]| {
            let len = (content.len() as u32).to_be_bytes();
            [&offset.to_be_bytes()[..], &len, &[0; 4], content, &[0; 8]].concat()
        };
        vec![write(offset, &content[..at]), write(offset + at as u64 + gap, &content[at..])]
    };
    let last = of_undo[0].len() - 25;
    let mut early = of_undo.clone();
    early[0][..8].copy_from_slice(&8_u64.to_be_bytes());

    let cases = [
        ("a rewrite", &rewritten, of_redo.clone(), true),
        ("the header's last kept byte", &rewritten, flipped(&of_redo, &[(0, 87), (1, 87)]), false),
        ("a copy that is not the front", &rewritten, flipped(&of_redo, &[(0, 200)]), false),
        ("a header without its MAC", &rewritten, flipped(&of_redo, &[(0, 200), (1, 200)]), false),
        ("other content under the seal", &rewritten, flipped(&of_redo, &[(2, 30)]), false),
        ("a wrong seal", &rewritten, flipped(&of_redo, &[(2, 90)]), false),
        ("a copy elsewhere", &rewritten, moved(&of_redo, 0, 1), false),
        ("a trailer elsewhere", &rewritten, moved(&of_redo, 2, 1), false),
        ("two writes", &rewritten, of_redo[1..].to_vec(), false),
        ("four writes", &rewritten, [&of_redo[..], &of_redo[..1]].concat(), false),
        ("another order", &rewritten, of_redo.iter().rev().cloned().collect(), false),
        ("an append", &appended, of_undo.clone(), true),
        ("an append in two writes", &appended, cut(100, 0), true),
        ("two writes, cut in the trailer", &appended, cut(last - 50, 0), true),
        ("a gap", &appended, cut(100, 1), false),
        ("another trailer", &appended, flipped(&of_undo, &[(0, last)]), false),
        ("an end behind the end", &appended, moved(&of_undo, 0, 1), false),
        ("an end before the end", &appended, cut(100, 0)[..1].to_vec(), false),
        ("a write into the header", &appended, early, false),
        ("nothing", &appended, Vec::new(), false),
    ];
    for (what, found, writes, sound) in cases {
        let head = found.record.as_deref().unwrap_or_default();
        let disk = Disk::holding(Found { record: Some(record_of(head, &writes)), ..found.clone() });
        let result = settle(&disk);
        if sound {
            result.expect(what);
            assert_eq!(disk.found().record, None, "{what}");
        } else {
            let error = result.expect_err(what);
            assert!(is_refused(&error, ChangeFault::Malformed), "{what}: {error}");
            assert_eq!(disk.log(), [], "{what}: nothing was written");
        }
    }
}
