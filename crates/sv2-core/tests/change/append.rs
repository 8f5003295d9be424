//! What an append does to a stream that nothing goes wrong with.

use sv2_core::{
    ChangeFile, ChangeOptions, DecryptOptions, DigestAlg, Driver, ErrorKind, InputSource,
    KeySource, OutputSink, Progress, RunOptions, StreamError, append, append_on,
    decrypt_stream_with,
};
use sv2_testkit::paint::paint;
use sv2_testkit::reference::{Params, encrypt};

use crate::disk::{Disk, Operation};
use crate::support::{
    DIGESTS, HEADER_LEN, KEY, SEGMENT, addition, append_to, inline, judge, key, segment_wire,
    stream,
};

const S: usize = SEGMENT;
const OLD_LENS: [usize; 6] = [0, 1, S - 1, S, S + 1, 3 * S + 1];
const ADDED_LENS: [usize; 6] = [1, 255, S - 1, S, S + 1, 3 * S + 7];

fn salt_at(stream: &[u8], digest: DigestAlg, segment: usize) -> &[u8] {
    let at = HEADER_LEN + segment * segment_wire(digest) + 24;
    &stream[at..at + 24]
}

// F-1109, F-1110, F-1111, F-706
#[test]
fn an_appended_stream_is_the_stream_of_both_plaintexts_in_the_next_generation() {
    for digest in DIGESTS {
        for old_len in OLD_LENS {
            let old = stream(old_len, digest);
            for added_len in ADDED_LENS {
                let disk = Disk::new(&old);
                let report = append_to(&disk, &addition(added_len)).expect("an append");
                let new = disk.stream();
                let (plaintext, summary) = judge(&new).expect("a sound stream");
                let wanted = [paint(old_len), addition(added_len)].concat();
                assert_eq!(plaintext, wanted, "{old_len} and {added_len}");
                assert_eq!((summary.revision, summary.generation), (0, 1));
                assert_eq!(report.fingerprint, summary.fingerprint);
                assert_eq!((report.bytes_in, report.generation), (added_len as u64, 1));
                assert_eq!(report.segments, summary.segments);
                assert_eq!(disk.found().record, None);

                let kept = HEADER_LEN + old_len / S * segment_wire(digest);
                assert_eq!(new[..kept], old[..kept], "full segments stay");
                if !old_len.is_multiple_of(S) {
                    let segment = old_len / S;
                    let (before, after) =
                        (salt_at(&old, digest, segment), salt_at(&new, digest, segment));
                    assert_ne!(before, after, "F-508: a new attempt has a new salt");
                }
            }
        }
    }
}

// F-706
#[test]
fn appending_nothing_changes_nothing() {
    for old_len in OLD_LENS {
        let old = stream(old_len, DigestAlg::None);
        let disk = Disk::new(&old);
        let report = append_to(&disk, &[]).expect("an append of nothing");
        assert_eq!((report.bytes_in, report.bytes_out, report.generation), (0, 0, 0));
        let (_, summary) = judge(&old).expect("a sound stream");
        assert_eq!(report.fingerprint, summary.fingerprint);
        assert_eq!(disk.log(), [], "no call changed the disk");

        let empty: &[u8] = &[];
        let (key, pipe) = (key(), InputSource::Reader(Box::new(empty)));
        append_on(&disk, pipe, &KeySource::Key(&key), &inline()).expect("nothing from a pipe");
        assert_eq!(disk.log(), [], "no call changed the disk");
    }
}

// F-105, F-1110
#[test]
fn drivers_threads_and_kinds_of_input_append_the_same_plaintext() {
    let old = stream(S + 100, DigestAlg::Blake3);
    let added = addition(9 * S + 3);
    let wanted = [paint(S + 100), added.clone()].concat();
    for driver in [None, Some(Driver::Inline), Some(Driver::Ordered), Some(Driver::Positional)] {
        for threads in [1, 3] {
            for pipe in [false, true] {
                let mut options = ChangeOptions::standard();
                options.run = RunOptions::automatic().threads(threads);
                options.run.driver = driver;
                let input = match pipe {
                    true => InputSource::Reader(Box::new(&added[..])),
                    false => InputSource::Memory(&added),
                };
                let (disk, key) = (Disk::new(&old), key());
                append_on(&disk, input, &KeySource::Key(&key), &options).expect("an append");
                let (plaintext, _) = judge(&disk.stream()).expect("a sound stream");
                assert!(plaintext == wanted, "{driver:?}, {threads:?} threads, pipe: {pipe}");
            }
        }
    }
}

// F-1109
#[test]
fn many_appends_follow_one_another_in_a_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("log.sv2");
    std::fs::write(&path, stream(0, DigestAlg::Sha256)).expect("a small file");
    let (key, mut wanted) = (key(), Vec::new());
    for (generation, len) in (1..).zip([1, S, 3, 2 * S, S - 4, 700]) {
        let added = addition(len);
        let input = InputSource::Memory(&added);
        let report = append(&path, input, &KeySource::Key(&key), &ChangeOptions::standard());
        assert_eq!(report.expect("an append").generation, generation);
        wanted.extend(added);
    }
    let (mut plaintext, options) = (Vec::new(), DecryptOptions::standard());
    let (input, output) = (InputSource::Path(path.clone()), OutputSink::Memory(&mut plaintext));
    decrypt_stream_with(input, output, &KeySource::Key(&key), &options).expect("a sound stream");
    assert_eq!(plaintext, wanted);
    let (again, summary) = judge(&std::fs::read(&path).expect("a file")).expect("a sound stream");
    assert_eq!((again, summary.generation), (wanted, 6));
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1, "no record");
}

// F-1109
#[test]
fn entries_of_segments_that_stay_come_from_the_sealed_index() {
    let mut old = stream(2 * S, DigestAlg::None);
    old[HEADER_LEN + 24] ^= 1;
    let disk = Disk::new(&old);
    append_to(&disk, b"more").expect("a seekable reader does not look at stored salts");
    let (mut plaintext, key) = (Vec::new(), key());
    let new = disk.stream();
    let (input, output) = (InputSource::Memory(&new), OutputSink::Memory(&mut plaintext));
    decrypt_stream_with(input, output, &KeySource::Key(&key), &DecryptOptions::standard())
        .expect("the sealed salt was kept");
    assert_eq!(plaintext, [paint(2 * S), b"more".to_vec()].concat());
}

// F-1109, F-1110
#[test]
fn what_does_not_authenticate_is_not_appended_to() {
    let digest = DigestAlg::Sha256;
    let old = stream(S + 9, digest);
    let tail = HEADER_LEN + segment_wire(digest) + 64 + 9 + 32 + 8 + 32;
    let places = [
        ("ciphertext of the short segment", HEADER_LEN + segment_wire(digest) + 64 + 8),
        ("index", tail + HEADER_LEN),
        ("page table", tail + HEADER_LEN + 2 * 64),
        ("trailer", old.len() - 100),
        ("seal", old.len() - 20),
    ];
    for (place, at) in places {
        let mut damaged = old.clone();
        damaged[at] ^= 1;
        let disk = Disk::new(&damaged);
        let error = append_to(&disk, b"more").expect_err(place);
        let kinds = [ErrorKind::Damaged, ErrorKind::Unauthentic, ErrorKind::Malformed];
        assert!(kinds.contains(&error.kind()), "{place}: {error}");
        assert_eq!(disk.log(), [], "{place}: no call changed the disk");
    }
}

// F-1109, F-204
#[test]
fn what_would_pass_a_maximum_is_refused_before_anything_changes() {
    let mut params = Params::tiny(1, 0, 1);
    params.generation = u64::MAX;
    let old = encrypt(&KEY, &params, &mut |_| [1; 24], &paint(10));
    let disk = Disk::new(&old);
    let error = append_to(&disk, b"more").expect_err("no generation is left");
    assert!(matches!(error, StreamError::Limit { what: "generation", .. }), "{error}");
    assert_eq!(disk.log(), []);

    struct Endless;
    impl sv2_core::ReadAt for Endless {
        fn read_at(&self, buffer: &mut [u8], _: u64) -> std::io::Result<usize> {
            buffer.fill(0);
            Ok(buffer.len())
        }
        fn len(&self) -> std::io::Result<u64> {
            Ok(u64::MAX)
        }
    }
    let disk = Disk::new(&stream(1, DigestAlg::None));
    let (key, input) = (key(), InputSource::ReadAt(Box::new(Endless)));
    let error = append_on(&disk, input, &KeySource::Key(&key), &inline()).expect_err("too long");
    assert!(matches!(error, StreamError::Limit { what: "plaintext length", .. }), "{error}");
    assert_eq!(disk.log(), []);
}

#[test]
fn progress_counts_what_is_appended() {
    let disk = Disk::new(&stream(S + 100, DigestAlg::None));
    let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let (mut options, sink) = (inline(), seen.clone());
    options.run.observer = Some(std::sync::Arc::new(move |progress: Progress| {
        sink.lock().expect("no panic holds it").push((progress.done, progress.total));
    }));
    let (key, added) = (key(), addition(2 * S));
    append_on(&disk, InputSource::Memory(&added), &KeySource::Key(&key), &options)
        .expect("an append");
    let total = Some(2 * S as u64);
    let wanted = [S - 100, 2 * S - 100, 2 * S].map(|done| (done as u64, total));
    assert_eq!(*seen.lock().expect("no panic holds it"), wanted);
}

#[test]
fn a_pinned_fingerprint_keeps_other_streams_from_being_changed() {
    let old = stream(5, DigestAlg::None);
    let (disk, key) = (Disk::new(&old), key());
    let mut options = inline();
    options.expected_fingerprint = Some([0; 32]);
    let input = InputSource::Memory(b"more");
    let error = append_on(&disk, input, &KeySource::Key(&key), &options).expect_err("another");
    assert!(matches!(error, StreamError::WrongFingerprint), "{error}");
    assert_eq!(disk.log(), []);
}

// F-1101
#[test]
fn the_change_record_holds_a_segment_and_the_tail_at_most_however_much_is_appended() {
    let old = stream(3 * S + 1, DigestAlg::None);
    for added_len in [1, 60 * S] {
        let disk = Disk::new(&old);
        append_to(&disk, &addition(added_len)).expect("an append");
        let written: usize = disk
            .log()
            .iter()
            .map(|operation| match operation {
                Operation::Write(ChangeFile::Record, _, bytes) => bytes.len(),
                _ => 0,
            })
            .sum();
        let overwritten = old.len() - HEADER_LEN - 3 * segment_wire(DigestAlg::None);
        assert_eq!(written, 152 + HEADER_LEN + 24 + overwritten + 64);
    }
}

/// What interrupts a producer may end its output as well: an append that is cancelled when all of
/// its input was taken, and before it counts, leaves the stream as it was.
#[test]
fn an_append_that_is_cancelled_after_its_last_byte_is_taken_back() {
    for len in [1, S, 3 * S + 7] {
        let disk = Disk::new(&stream(S + 1, DigestAlg::None));
        let before = disk.stream();
        let added = addition(len);
        let mut options = inline();
        let cancel = options.run.cancel.clone();
        let all = len as u64;
        options.run.observer = Some(std::sync::Arc::new(move |progress: Progress| {
            if progress.done == all {
                cancel.cancel();
            }
        }));
        let input = InputSource::Reader(Box::new(&added[..]));
        let key = key();
        let ended = append_on(&disk, input, &KeySource::Key(&key), &options);
        assert!(matches!(ended, Err(StreamError::Cancelled { .. })), "{len}: {ended:?}");
        assert!(disk.stream() == before, "{len}");
        assert_eq!(disk.found().record, None);
    }
}
