//! Putting back what follows from the rest of a stream (format.md section 8.10).

use std::fs::File;
use std::io::Write;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use sv2_core::{
    DigestAlg, EncryptOptions, Geometry, InputSource, Mends, OutputSink, ReadAt, RunOptions,
    StreamError, Unit, encrypt_stream_v2, find_mends, scrub,
};
use sv2_headers::checksum;
use sv2_testkit::mutate;
use sv2_testkit::paint::paint;

use crate::support::{FRAME, FRAME_WIRE, HEADER_LEN, SEGMENT, frame_at, key, segment_wire, stream};

const DIGESTS: [DigestAlg; 3] = [DigestAlg::None, DigestAlg::Sha256, DigestAlg::Blake3];

/// What can be put back of these bytes.
fn mends(wire: &[u8]) -> Mends {
    let run = RunOptions::automatic();
    let map = scrub(InputSource::Memory(wire), &run).expect("a stream");
    find_mends(InputSource::Memory(wire), &map, &run).expect("a stream")
}

/// The bytes with these in their places.
fn put(wire: &[u8], mends: &Mends) -> Vec<u8> {
    let mut wire = wire.to_vec();
    for mend in &mends.list {
        let at = mend.offset as usize;
        wire[at..at + mend.bytes.len()].copy_from_slice(&mend.bytes);
    }
    wire
}

/// The bytes when that is done in a file.
fn mended(wire: &[u8], mends: &Mends) -> Vec<u8> {
    let mut file = tempfile();
    file.write_all(wire).expect("room");
    mends.write(&file, mends.trailing).expect("room");
    let after = std::fs::read(path_of(&file)).expect("it is there");
    let said = mends.scrub(InputSource::Memory(wire), &RunOptions::automatic()).expect("a stream");
    let found = scrub(InputSource::Memory(&after), &RunOptions::automatic()).expect("a stream");
    assert_eq!(said.damages, found.damages, "what is said before is what is so behind");
    after
}

fn tempfile() -> File {
    let folder = std::env::temp_dir();
    let name = format!("sv2-mending-{}-{:?}", std::process::id(), std::thread::current().id());
    let path = folder.join(name);
    let mut options = File::options();
    let file = options.read(true).write(true).create_new(true).open(&path).expect("a file");
    std::fs::remove_file(path).expect("it is there");
    file
}

fn path_of(file: &File) -> String {
    use std::os::fd::AsRawFd;
    format!("/proc/self/fd/{}", file.as_raw_fd())
}

/// Where everything is in a stream of one full segment and one short one.
struct Places {
    copy: usize,
    index: usize,
    trailer: usize,
    frames: Vec<std::ops::Range<usize>>,
}

const LEN: usize = SEGMENT + FRAME + 3;

fn places(wire: &[u8], digest: DigestAlg) -> Places {
    let trailer = wire.len() - 128;
    let index = trailer - 32 - 2 * (32 + digest.len());
    let whole = (0..4).map(|frame| frame_at(digest, 0, frame)).map(|at| at..at + FRAME_WIRE);
    let first = frame_at(digest, 1, 0);
    let second = first + FRAME_WIRE..first + FRAME_WIRE + 3 + 32;
    let frames = whole.chain([first..first + FRAME_WIRE, second]).collect();
    Places { copy: index - HEADER_LEN, index, trailer, frames }
}

/// F-841, F-842, F-843, F-844: whichever byte rots, what is put back is what was there, and that is
/// everything but what frames hold, their checksums, and generation, seal and checksum of the
/// trailer.
#[test]
fn every_byte_that_follows_from_others_comes_back_and_no_other_one_is_touched() {
    for digest in DIGESTS {
        let wire = stream(LEN, digest);
        let places = places(&wire, digest);
        // The inside of a header is all alike.
        let is_tried = |at: usize| {
            let in_header =
                [0, places.copy].iter().any(|from| (from + 96..from + 1000).contains(&at));
            !in_header || at.is_multiple_of(101)
        };
        for (at, damaged) in mutate::flips(&wire, 0x10).filter(|(at, _)| is_tried(*at)) {
            let found = mends(&damaged);
            let after = put(&damaged, &found);
            let in_frame =
                places.frames.iter().any(|frame| (frame.start + 8..frame.end).contains(&at));
            let in_trailer = at.checked_sub(places.trailer);
            let own = in_trailer.is_some_and(|at| (16..24).contains(&at) || at >= 88);
            let expected = if in_frame || own { &damaged } else { &wire };
            assert!(after == *expected, "{digest:?}, byte {at}: {:?}", found.list);
        }
    }
}

/// F-842, F-843: many places at once, of which each follows from what is still whole.
#[test]
fn what_follows_from_the_rest_comes_back_from_random_damage_and_nothing_else_changes() {
    let digest = DigestAlg::Sha256;
    let wire = stream(LEN, digest);
    let places = places(&wire, digest);
    let mut seed = 7u64;
    let mut dice = |end: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % end
    };
    let (mut repaired, mut left) = (0, 0);
    for _ in 0..300 {
        let mut damaged = wire.clone();
        for _ in 0..1 + dice(4) {
            let (start, len) = (dice(wire.len()), 1 + dice(40));
            let end = (start + len).min(places.trailer);
            for byte in damaged.get_mut(start..end).unwrap_or_default() {
                *byte ^= 0x5A;
            }
        }
        let map = scrub(InputSource::Memory(&damaged), &RunOptions::automatic());
        if map.is_err() {
            // Neither header is one.
            continue;
        }
        let found = mends(&damaged);
        for mend in &found.list {
            let at = mend.offset as usize;
            assert_eq!(mend.bytes, wire[at..at + mend.bytes.len()], "{:?}", mend.unit);
        }
        let after = put(&damaged, &found);
        if after == wire { repaired += 1 } else { left += 1 }
    }
    assert!(repaired > 30 && left > 30, "{repaired} and {left}");
}

/// F-841: which of two whole headers counts is not for a repair to say, and so nobody comes back
/// who was removed.
#[test]
fn a_header_of_another_revision_replaces_nothing() {
    let wire = stream(LEN, DigestAlg::None);
    let copy = places(&wire, DigestAlg::None).copy;
    for at in [0, copy] {
        let mut newer = wire.clone();
        newer[at + 95] ^= 1;
        checksum::store(&mut newer[at..at + HEADER_LEN]);
        assert!(mends(&newer).list.is_empty(), "two that differ");
        // Now the other one is damaged, and the one that is whole is not what was sealed.
        newer[copy - at + 200] ^= 1;
        assert!(mends(&newer).list.is_empty(), "one that was not sealed");
    }
}

/// F-841: a header of another stream in front of this one is replaced by the copy.
#[test]
fn a_front_header_of_another_stream_is_replaced_by_the_copy() {
    let (wire, other) = (stream(LEN, DigestAlg::None), stream(LEN, DigestAlg::None));
    let copy = places(&wire, DigestAlg::None).copy;
    for at in [0, copy] {
        let mut damaged = wire.clone();
        damaged[at..at + HEADER_LEN].copy_from_slice(&other[..HEADER_LEN]);
        assert!(mended(&damaged, &mends(&damaged)) == wire, "header at {at}");
    }
}

/// F-843: what is whole and of another attempt stays as it is.
#[test]
fn a_segment_of_another_attempt_keeps_its_header() {
    let digest = DigestAlg::None;
    let mut wire = stream(LEN, digest);
    let start = frame_at(digest, 0, 0) - 64;
    wire[start + 30] ^= 1;
    checksum::store(&mut wire[start..start + 64]);
    assert!(mends(&wire).list.is_empty());
}

/// F-843: the checksum of a frame is put back by nobody, since the checksum of its segment is no
/// proof of the bytes under it.
#[test]
fn a_damaged_frame_keeps_its_wrong_checksum() {
    for digest in DIGESTS {
        let mut wire = stream(LEN, digest);
        let frame = frame_at(digest, 0, 1);
        wire[frame + 60] ^= 1;
        wire[frame + FRAME_WIRE - 1] ^= 1;
        assert!(mends(&wire).list.is_empty());
    }
}

/// F-842: the table of pages comes back from the pages, also where an entry has to come back first.
#[test]
fn page_table_and_entries_come_back_together() {
    for digest in DIGESTS {
        let wire = stream(LEN, digest);
        let places = places(&wire, digest);
        let mut damaged = wire.clone();
        damaged[places.trailer - 32..places.trailer].fill(0);
        damaged[places.index..places.index + 32 + digest.len()].fill(0xEE);
        let found = mends(&damaged);
        assert!(found.list.iter().all(|mend| mend.unit == Unit::Index));
        assert!(mended(&damaged, &found) == wire);
        // With a frame of that segment its checksum cannot be computed, and nothing is put back.
        damaged[frame_at(digest, 0, 0) + 50] ^= 1;
        assert!(mends(&damaged).list.is_empty());
    }
}

/// What follows the end is cut off, and the stream in front of it is judged as ever.
#[test]
fn what_stands_behind_the_end_is_cut_off_and_the_rest_put_back() {
    let wire = stream(LEN, DigestAlg::Sha256);
    let mut damaged = [&wire[..], &[7; 5000]].concat();
    damaged[HEADER_LEN + 3] ^= 1;
    damaged[wire.len() - 128 - 10] ^= 1;
    let found = mends(&damaged);
    assert_eq!(found.trailing.expect("it is found").len, 5000);
    assert!(mended(&damaged, &found) == wire);
}

/// Whatever ends a repair, torn writes included, a later one finds the rest.
#[test]
fn a_repair_that_was_cut_off_is_finished_by_the_next_one() {
    let digest = DigestAlg::Sha256;
    let wire = stream(LEN, digest);
    let places = places(&wire, digest);
    let mut damaged = wire.clone();
    let segment = HEADER_LEN + segment_wire(digest);
    for at in [100, segment + 9, segment - 3, places.index + 5, places.trailer + 45] {
        damaged[at] ^= 0x40;
    }
    let found = mends(&damaged);
    assert_eq!(found.list.len(), 5, "{:?}", found.list);
    let mut now = damaged;
    for mend in &found.list {
        let at = mend.offset as usize;
        let half = mend.bytes.len() / 2;
        now[at..at + half].copy_from_slice(&mend.bytes[..half]);
        now[at + half..at + mend.bytes.len()].fill(0x33);
        assert!(mended(&now, &mends(&now)) == wire, "torn in {}", mend.unit);
        now[at..at + mend.bytes.len()].copy_from_slice(&mend.bytes);
        assert!(mended(&now, &mends(&now)) == wire, "behind {}", mend.unit);
    }
}

/// Damage of everything costs no list of everything.
#[test]
fn a_stretch_of_damage_is_tried_at_its_ends_alone() {
    let digest = DigestAlg::None;
    let mut wire = stream(40 * SEGMENT, digest);
    let (first, last) = (frame_at(digest, 1, 1), frame_at(digest, 38, 2));
    wire[first..last].iter_mut().for_each(|byte| *byte ^= 0x11);
    let found = mends(&wire);
    let units: Vec<_> = found.list.iter().map(|mend| mend.unit).collect();
    let header = |segment| Unit::Segment { segment };
    assert_eq!(units, [Unit::Footer { segment: 1 }, header(38)]);
}

/// A list of damage has an end, and what is beyond it is put back all the same: every entry of an
/// index of more pages than are listed segment by segment.
#[test]
fn what_is_damaged_beyond_the_list_comes_back_as_well() {
    let segments = 11 * 1024;
    let wire = small_segments(segments);
    let index = wire.len() - 128 - 11 * 32 - segments * 32;
    let mut damaged = wire.clone();
    damaged[index..wire.len() - 128 - 11 * 32].fill(0);
    let run = RunOptions::automatic();
    let map = scrub(InputSource::Memory(&damaged), &run).expect("a stream");
    assert!(!map.beyond.is_empty(), "{} entries", map.damages.len());
    let found = find_mends(InputSource::Memory(&damaged), &map, &run).expect("a stream");
    assert!(!found.is_partial && put(&damaged, &found) == wire);
}

/// A stream of so many segments of 256 bytes.
fn small_segments(segments: usize) -> Vec<u8> {
    let mut options = EncryptOptions::standard();
    options.geometry = Geometry::new(8, 0).expect("a legal geometry");
    let (plaintext, mut wire) = (paint(256 * segments), Vec::new());
    let output = OutputSink::Memory(&mut wire);
    encrypt_stream_v2(InputSource::Memory(&plaintext), output, &key(), &options).expect("sealed");
    wire
}

/// Bytes in which the reads of pages of the index are counted, and which cancel at the first of them.
struct Cancelling<'a> {
    bytes: &'a [u8],
    index: Range<u64>,
    reads: &'a AtomicUsize,
    run: RunOptions,
}

impl ReadAt for Cancelling<'_> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> std::io::Result<usize> {
        // A search for the end of the stream looks at a few bytes here and there as well.
        if self.index.contains(&offset) && buffer.len() >= 32 << 10 {
            self.reads.fetch_add(1, Ordering::Relaxed);
            self.run.cancel.cancel();
        }
        self.bytes.read_at(buffer, offset)
    }

    fn len(&self) -> std::io::Result<u64> {
        Ok(self.bytes.len() as u64)
    }
}

#[test]
fn a_repair_that_is_cancelled_in_the_index_reads_no_more_of_it() {
    let segments = 40 * 1024;
    let mut wire = small_segments(segments);
    let table = (wire.len() - 128 - 40 * 32) as u64;
    let index = table - 32 * segments as u64..table;
    wire[index.start as usize] ^= 1;
    let map = scrub(InputSource::Memory(&wire), &RunOptions::automatic()).expect("a stream");
    assert!(map.beyond.is_empty());
    let (reads, run) = (AtomicUsize::new(0), RunOptions::automatic());
    let source = Cancelling { bytes: &wire, index, reads: &reads, run: run.clone() };
    let ended = find_mends(InputSource::ReadAt(Box::new(source)), &map, &run);
    assert!(matches!(ended, Err(StreamError::Cancelled { .. })), "{ended:?}");
    let reads = reads.load(Ordering::Relaxed);
    assert!(reads < 4, "{reads} reads");
}
