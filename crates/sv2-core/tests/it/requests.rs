//! What reading over a store costs: round trips, requests and bytes, counted at the source.

use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::{Arc, Barrier, LazyLock, Mutex, PoisonError};

use sv2_core::{
    Backend, DecryptOptions, InputSource, KeySource, RandomSource, ReadAt, ReadPart, StreamKey,
    StreamReader,
};
use sv2_stream::{NewHeader, StreamSealer};
use sv2_testkit::paint::paint;

const MIB: u64 = 1 << 20;
const SEGMENT: u64 = 4 * MIB;
const KEY: [u8; 32] = [7; 32];

/// The plaintext of every segment.
static PLAINTEXT: LazyLock<Vec<u8>> = LazyLock::new(|| paint(SEGMENT as usize));

/// What was asked of a store: one entry for each round trip, with its requests.
type Trips = Vec<Vec<Range<u64>>>;

/// An object of which only some bytes are there, since the others are never asked for.
#[derive(Clone)]
struct Store {
    len: u64,
    pieces: Arc<Vec<(u64, Vec<u8>)>>,
    trips: Arc<Mutex<Trips>>,
}

impl Store {
    /// A stream of `segments` full segments, of which the first `real` ones can be read; the index
    /// has made-up entries for the others.
    fn new(segments: u64, real: u64) -> Self {
        let key = StreamKey::from_bytes(KEY);
        let (new, random) = (NewHeader::standard(), RandomSource::System);
        let sealer = StreamSealer::begin(&key, &new, &random, Backend::Ring).expect("a header");
        let layout = sealer.layout();
        let mut pieces = vec![(0, sealer.header().to_vec())];
        let mut receipts = Vec::new();
        for segment in 0..real {
            let (wire, receipt) = sealer.seal(segment, &PLAINTEXT).expect("a segment");
            pieces.push((u64::from(layout.header_len) + segment * wire.len() as u64, wire));
            receipts.push(receipt);
        }
        for segment in real..segments {
            let mut receipt = receipts[0];
            receipt.segment = segment;
            receipt.entry.salt[..8].copy_from_slice(&segment.to_be_bytes());
            receipts.push(receipt);
        }
        let (tail, _) = sealer.finish(receipts).expect("all segments");
        let tail_offset = layout.tail_offset(segments * SEGMENT);
        let len = tail_offset + tail.len() as u64;
        pieces.push((tail_offset, tail));
        Self { len, pieces: Arc::new(pieces), trips: Arc::default() }
    }

    fn open(&self) -> StreamReader<'static> {
        let key = StreamKey::from_bytes(KEY);
        let input = InputSource::ReadAt(Box::new(self.clone()));
        let options = DecryptOptions::standard();
        StreamReader::open(input, &KeySource::Key(&key), &options).expect("a sound stream")
    }

    /// What was asked since the last call.
    fn taken(&self) -> Trips {
        std::mem::take(&mut self.trips.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn fill(&self, part: &mut ReadPart<'_>) {
        for (start, piece) in self.pieces.iter() {
            let from = part.offset.max(*start);
            let to = (part.offset + part.buffer.len() as u64).min(start + piece.len() as u64);
            if from < to {
                part.buffer[(from - part.offset) as usize..(to - part.offset) as usize]
                    .copy_from_slice(&piece[(from - start) as usize..(to - start) as usize]);
            }
        }
    }
}

impl ReadAt for Store {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let count = buffer.len().min(self.len.saturating_sub(offset) as usize);
        self.read_many(&mut [ReadPart { offset, buffer: &mut buffer[..count] }])?;
        Ok(count)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.len)
    }

    fn read_many(&self, parts: &mut [ReadPart<'_>]) -> io::Result<()> {
        let asked = parts.iter().map(|part| part.offset..part.offset + part.buffer.len() as u64);
        self.trips.lock().unwrap_or_else(PoisonError::into_inner).push(asked.collect());
        parts.iter_mut().for_each(|part| self.fill(part));
        Ok(())
    }
}

fn requests(trips: &Trips) -> usize {
    trips.iter().map(Vec::len).sum()
}

fn bytes(trips: &Trips) -> u64 {
    trips.iter().flatten().map(|range| range.end - range.start).sum()
}

/// `read_at` of this many bytes, which must be the plaintext.
fn read(reader: &StreamReader<'_>, offset: u64, len: usize) {
    let mut out = vec![0; len];
    assert_eq!(reader.read_at(&mut out, offset).expect("sound frames"), len);
    let mut rest = &out[..];
    let mut within = (offset % SEGMENT) as usize;
    while !rest.is_empty() {
        let (here, more) = rest.split_at(rest.len().min(PLAINTEXT.len() - within));
        assert!(PLAINTEXT[within..].starts_with(here), "{offset} {len}");
        (rest, within) = (more, 0);
    }
}

#[test]
fn opening_takes_one_round_trip_of_two_requests_up_to_8_gib() {
    for segments in [1, 16, 256, 2048] {
        let store = Store::new(segments, 1);
        store.open();
        let trips = store.taken();
        assert_eq!((trips.len(), requests(&trips)), (1, 2), "{segments} segments: {trips:?}");
        assert!(bytes(&trips) < 256 << 10, "{segments} segments: {} bytes", bytes(&trips));
    }
}

#[test]
fn opening_a_stream_of_1_tib_takes_two_round_trips() {
    let store = Store::new(1 << 18, 1);
    let reader = store.open();
    let trips = store.taken();
    assert_eq!(reader.len(), 1 << 40);
    assert_eq!(trips.len(), 2, "{trips:?}");
    assert!(bytes(&trips) < 256 << 10, "{} bytes", bytes(&trips));

    read(&reader, 1234, 100);
    let trips = store.taken();
    assert_eq!((trips.len(), requests(&trips)), (1, 2), "page and frame together: {trips:?}");
    assert_eq!(bytes(&trips), 1024 * 32 + 65_536 + 32);
    read(&reader, 50_000, 100);
    assert_eq!(store.taken().len(), 0, "the frame is kept");
}

#[test]
fn small_and_large_ranges_of_64_mib_take_one_request_each() {
    let store = Store::new(16, 16);
    let reader = store.open();
    store.taken();
    // (offset, length, requests, wire bytes)
    let frame = 65_536 + 32;
    let cold = (5 * SEGMENT + 70_000, 100, 1, frame);
    let kept = (5 * SEGMENT + 70_100, 100, 0, 0);
    let unaligned = (3 * SEGMENT + 1000, MIB as usize, 1, 17 * frame);
    let across = (2 * SEGMENT - 1000, MIB as usize, 1, 17 * frame + 64 + 8);
    let two_runs = (0, 32 * MIB as usize, 2, 512 * frame + 6 * 72);
    for (offset, len, count, wire_len) in [cold, kept, unaligned, across, two_runs] {
        read(&reader, offset, len);
        let trips = store.taken();
        assert!(trips.len() <= 1, "{trips:?}");
        assert_eq!((requests(&trips), bytes(&trips)), (count, wire_len), "{offset} {len}");
    }
}

#[test]
fn reading_64_mib_from_front_to_back_takes_at_most_12_requests() {
    let store = Store::new(16, 16);
    for buffer in [8 << 10, 1 << 20, 64 << 20] {
        let mut reader = store.open();
        store.taken();
        let mut all = vec![0; 64 << 20];
        for part in all.chunks_mut(buffer) {
            reader.read_exact(part).expect("sound frames");
        }
        assert_eq!(reader.read(&mut [0]).expect("the end"), 0);
        assert!(all.chunks(SEGMENT as usize).all(|part| part == *PLAINTEXT));
        let trips = store.taken();
        assert!(requests(&trips) <= 12, "{buffer}: {trips:?}");
        // Nothing twice, and nothing that is no frame but between segments.
        assert!(bytes(&trips) <= 16 * 4_196_424, "{buffer}: {} bytes", bytes(&trips));
    }
}

#[test]
fn a_cursor_that_jumps_about_fetches_the_frames_it_reads_alone() {
    let store = Store::new(16, 16);
    let reader = store.open();
    store.taken();
    let mut cursor = reader.cursor();
    for offset in [9 * SEGMENT, 70_000, SEGMENT + 5, 70_100, 9 * SEGMENT] {
        cursor.seek(SeekFrom::Start(offset)).expect("a place in the stream");
        cursor.read_exact(&mut [0; 100]).expect("a sound frame");
    }
    let trips = store.taken();
    assert_eq!((requests(&trips), bytes(&trips)), (3, 3 * (65_536 + 32)), "{trips:?}");
}

/// F-704: whoever waits for a page that another reader fetches uses it only when it was checked.
#[test]
fn many_ranges_take_one_round_trip_and_open_each_frame_once() {
    let store = Store::new(16, 16);
    let reader = store.open();
    store.taken();
    let ranges =
        [40 * MIB..40 * MIB + 10, 5..9, 7..100, 40 * MIB + 5..40 * MIB + 20, 64 * MIB..u64::MAX];
    let opened = reader.read_ranges(&ranges).expect("sound frames");
    let frames: Vec<u64> = opened.frames().map(|(offset, _)| offset).collect();
    assert_eq!(frames, [0, 40 * MIB]);
    let mut out = [0; 95];
    assert_eq!(opened.copy_to(5, &mut out), 95);
    assert_eq!(out[..], PLAINTEXT[5..100]);
    let trips = store.taken();
    assert_eq!((trips.len(), requests(&trips)), (1, 2));
}

#[test]
fn a_shared_cursor_reads_what_a_borrowing_one_reads() {
    let reader = Arc::new(Store::new(2, 2).open());
    let mut shared = reader.shared_cursor();
    shared.seek(SeekFrom::Start(SEGMENT - 3)).expect("a place within");
    drop(reader);
    let mut out = [0; 6];
    shared.read_exact(&mut out).expect("sound frames");
    assert_eq!(out[..3], PLAINTEXT[PLAINTEXT.len() - 3..]);
    assert_eq!(out[3..], PLAINTEXT[..3]);
    assert!(shared.seek(SeekFrom::Current(-i64::MAX)).is_err());
}

#[test]
fn a_page_is_fetched_once_by_512_readers_that_start_together() {
    let store = Store::new(1 << 18, 8);
    let reader = store.open();
    store.taken();
    let start = Barrier::new(512);
    std::thread::scope(|scope| {
        for thread in 0..512 {
            let (reader, start) = (&reader, &start);
            scope.spawn(move || {
                start.wait();
                read(reader, thread * 65_536, 100);
            });
        }
    });
    let trips = store.taken();
    let page = trips.iter().flatten().filter(|range| range.end - range.start == 32 << 10).count();
    assert_eq!((page, requests(&trips)), (1, 513), "one page and 512 frames");
}
