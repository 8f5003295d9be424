//! What hostile streams make a reader read: at most a multiple of what is there.
//!
//! Every byte that is hashed, searched or opened was read for it, and no derivation from a
//! passphrase is begun without a header that was read, so the reads bound the work.

#![expect(clippy::print_stdout, reason = "what was counted is printed")]

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sv2_core::{
    DecryptOptions, Gaps, InputSource, KeySource, OutputSink, ReadAt, RunOptions, StreamKey,
    decrypt_stream_v2, inspect, salvage, scrub, trailing, verify,
};
use sv2_testkit::paint::paint;
use sv2_testkit::reference::forge::refresh_crc;
use sv2_testkit::reference::primitives::crc64;
use sv2_testkit::reference::{self, Params};

/// Bytes that may be read for each byte that is there.
const FACTOR: u64 = 24;
/// Bytes that may be read however little is there: a salvage tries what is missing everywhere.
const BASE: u64 = 6 << 20;

const KEY: [u8; 32] = [0x42; 32];

/// A source that counts what is read.
#[derive(Clone)]
pub(crate) struct Counting {
    bytes: Arc<Vec<u8>>,
    read: Arc<AtomicU64>,
}

impl Counting {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        Self { bytes: Arc::new(bytes.to_vec()), read: Arc::default() }
    }

    pub(crate) fn input(&self) -> InputSource<'static> {
        self.read.store(0, Ordering::SeqCst);
        InputSource::ReadAt(Box::new(self.clone()))
    }
}

impl Counting {
    /// Bytes that were read since the last input was handed out.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.read.load(Ordering::SeqCst)
    }
}

impl ReadAt for Counting {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let count = self.bytes.read_at(buffer, offset)?;
        self.read.fetch_add(count as u64, Ordering::SeqCst);
        Ok(count)
    }

    fn len(&self) -> io::Result<u64> {
        self.bytes.len()
    }
}

fn options() -> DecryptOptions {
    let mut options = DecryptOptions::standard();
    options.run = RunOptions::automatic().threads(2);
    options
}

/// Reads a stream in every way that looks at offsets, and compares what was read with its length.
fn assert_linear(what: &str, stream: &[u8]) {
    let source = Counting::new(stream);
    let key = StreamKey::from_bytes(KEY);
    let keys = KeySource::Key(&key);
    let options = options();
    let sink = || OutputSink::Writer(Box::new(io::sink()));
    let most = BASE + FACTOR * stream.len() as u64;
    let judge = |way: &str| {
        let read = source.read.load(Ordering::SeqCst);
        println!("{what}, {way}: {read} bytes read of {}", stream.len());
        assert!(read > 0, "{what}, {way}: nothing was counted");
        assert!(read <= most, "{what}, {way}: {read} bytes read of {}", stream.len());
    };
    // How each ends is judged elsewhere.
    let _ = decrypt_stream_v2(source.input(), sink(), &key, &options).map(drop);
    judge("decrypt");
    let _ = scrub(source.input(), &options.run).map(drop);
    judge("scrub");
    let _ = verify(source.input(), &keys, &options).map(drop);
    judge("verify");
    let _ = inspect(source.input()).map(drop);
    judge("inspect");
    for gaps in [Gaps::Zero, Gaps::Skip] {
        let _ = salvage(source.input(), sink(), &keys, &options, gaps).map(drop);
        judge("salvage");
    }
}

/// Frames of 4 KiB, segments of 256 KiB.
fn params() -> Params {
    let mut params = Params::tiny(1, 0, 0);
    (params.frame_log2, params.frames_log2) = (12, 6);
    params
}

const SEGMENT: usize = 256 << 10;

fn sealed(len: usize) -> Vec<u8> {
    reference::encrypt(&KEY, &params(), &mut |index| [index as u8; 24], &paint(len))
}

/// A segment header that everybody can make who has seen the stream.
fn segment_header(stream: &[u8], index: u64, plaintext_len: usize) -> [u8; 64] {
    let mut header = [0; 64];
    header[..4].copy_from_slice(b"SV2S");
    header[8..16].copy_from_slice(&index.to_be_bytes());
    header[16..20].copy_from_slice(&(plaintext_len as u32).to_be_bytes());
    header[24..48].fill(index as u8);
    // The commitment's first bytes are the stream's tag.
    header[48..56].copy_from_slice(&stream[48..56]);
    let crc = crc64(&header[..56]);
    header[56..].copy_from_slice(&crc.to_be_bytes());
    header
}

/// F-833: each of the headers demands that a whole segment behind it is tried.
#[test]
fn a_carpet_of_segment_headers_is_not_tried_at_every_place() {
    let stream = sealed(3 * SEGMENT + 100);
    let header_len = params().header_len as usize;
    for step in [1, 2, 7] {
        let mut carpet = stream[..header_len].to_vec();
        for at in 0..8192 {
            carpet.extend_from_slice(&segment_header(&stream, at * step, SEGMENT));
        }
        carpet.resize(carpet.len() + 2 * SEGMENT, 0x55);
        assert_linear(&format!("headers of each {step}th segment"), &carpet);
        carpet.extend_from_slice(&stream[stream.len() - 1024..]);
        assert_linear(&format!("headers of each {step}th segment, and a tail"), &carpet);
    }
}

/// The same under a seal of many segments, whose bytes are gone: odd ones are guessed to lie
/// beside the planted headers of even ones.
#[test]
fn a_carpet_of_segment_headers_under_a_seal_is_not_tried_at_every_place() {
    let mut params = params();
    (params.frame_log2, params.frames_log2) = (8, 8);
    let segment = 64 << 10;
    let stream =
        reference::encrypt(&KEY, &params, &mut |index| [index as u8; 24], &paint(192 * segment));
    let header_len = params.header_len as usize;
    let tail = stream.len() - (header_len + 192 * 32 + 32 + 128);
    for step in [1, 2] {
        let mut carpet = stream[..header_len].to_vec();
        for at in 0..192 / step {
            carpet.extend_from_slice(&segment_header(&stream, at * step, segment));
        }
        carpet.resize(carpet.len() + 3 * segment, 0x55);
        carpet.extend_from_slice(&stream[tail..]);
        assert_linear(&format!("a sealed tail and headers of each {step}th segment"), &carpet);
    }
}

/// F-833: what looks like a header is read whole to be judged.
#[test]
fn a_carpet_of_stream_headers_is_not_read_whole_at_every_place() {
    let stream = sealed(1000);
    let mut prefix = stream[..96].to_vec();
    prefix[80..84].copy_from_slice(&65536u32.to_be_bytes());
    let mut carpet = b"no magic".to_vec();
    for _ in 0..8192 {
        carpet.extend_from_slice(&prefix);
    }
    carpet.resize(carpet.len() + 65536, 0);
    assert_linear("headers of 64 KiB each", &carpet);
}

/// F-707, F-809: a tail that claims what is not there.
#[test]
fn claims_of_a_tail_cost_no_reads() {
    let stream = sealed(3 * SEGMENT + 100);
    let trailer = stream.len() - 128;
    for at in (trailer..stream.len() - 8).step_by(4) {
        let mut claims = stream.clone();
        claims[at] ^= 0x7F;
        refresh_crc(&mut claims[trailer..]);
        let source = Counting::new(&claims);
        let _ = scrub(source.input(), &options().run).map(drop);
        let read = source.read.load(Ordering::SeqCst);
        // Each byte once, the index twice, and the end once more to look for what it hides.
        assert!(read <= 3 * claims.len() as u64 + 4096, "byte {at}: {read}");
    }
    assert_linear("a sound stream", &stream);
    assert_linear("a stream that is cut", &stream[..2 * SEGMENT]);
    assert_linear("a tail alone", &stream[stream.len() - 2048..]);
}

/// F-828: a scrub reads each byte once, and the index twice.
#[test]
fn a_scrub_reads_each_byte_once_and_the_index_twice() {
    let stream = sealed(16 * SEGMENT + 5);
    let source = Counting::new(&stream);
    scrub(source.input(), &RunOptions::automatic().threads(2)).expect("a stream");
    let index = 17 * 32 + 32;
    // Both headers and the trailer are judged before, and looked at again where they are.
    let most = (stream.len() + index + 4 * 1024) as u64;
    assert!(source.bytes_read() <= most, "{} of {most}", source.bytes_read());
}

/// F-839: whatever stands behind a stream, to find its end costs a few headers and the last 64 MiB
/// a few times.
#[test]
fn what_follows_a_stream_is_read_a_few_times_at_most() {
    let stream = sealed(3 * SEGMENT);
    let trailers = stream[stream.len() - 128..].repeat(1 << 14);
    for behind in [vec![0; 2 << 20], paint(2 << 20), trailers] {
        for damage in [false, true] {
            let mut file = [&stream[..], &behind].concat();
            if damage {
                // The end is not found by the segments then.
                file[300..stream.len() - 4000].fill(7);
            }
            let source = Counting::new(&file);
            let found = trailing(source.input()).expect("it is read");
            assert!(damage || found.is_some_and(|found| found.len == behind.len() as u64));
            let most = 17 * file.len() as u64;
            assert!(source.bytes_read() <= most, "{} of {most}", source.bytes_read());
        }
    }
}
