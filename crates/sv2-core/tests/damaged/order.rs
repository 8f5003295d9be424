//! In which order readers of a seekable source read it: what vouches for bytes comes first.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use sv2_core::{
    DigestAlg, Driver, InputSource, OutputSink, ReadAt, StreamError, StreamReader, Unit,
    decrypt_stream_with,
};
use sv2_testkit::mutate::{self, find, regions};
use sv2_testkit::paint::paint;
use sv2_testkit::reference::forge::reseal_trailer;
use sv2_testkit::reference::primitives::sha256;

use crate::support::{SEGMENT, key, stream, with_key};

/// The parts of a stream in the order in which they were first read.
type Parts = Arc<Mutex<Vec<&'static str>>>;

/// A source that tells what is read of it.
struct Watched {
    bytes: Vec<u8>,
    /// The part that begins at each offset, in rising order.
    starts: Vec<(usize, &'static str)>,
    parts: Parts,
}

impl ReadAt for Watched {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let part = self.starts.iter().rev().find(|(start, _)| *start as u64 <= offset);
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        // The end of the stream is asked for in one piece, since a round trip costs more.
        let end = offset + buffer.len() as u64 == self.bytes.len() as u64;
        parts.extend(if end { Some(&"end") } else { part.map(|(_, part)| part) });
        self.bytes.read_at(buffer, offset)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.bytes.len() as u64)
    }
}

/// `wire`, which has the layout of `sound`, as a source, and where it notes what is read.
fn watched(wire: &[u8], sound: &[u8]) -> (InputSource<'static>, Parts) {
    let all = regions(sound);
    let start = |name, segment| find(&all, name, segment, None).start;
    let starts = vec![
        (0, "header"),
        (start("segment.magic", Some(0)), "segments"),
        (start("index.salt", Some(0)), "page 0"),
        (start("index.salt", Some(1024)), "page 1"),
        (start("page_table.hash", None), "page table"),
        (start("trailer.magic", None), "trailer"),
    ];
    let parts = Parts::default();
    let source = Watched { bytes: wire.to_vec(), starts, parts: Arc::clone(&parts) };
    (InputSource::ReadAt(Box::new(source)), parts)
}

/// What was read since the last call, each part once for each run of reads.
fn taken(parts: &Parts) -> Vec<&'static str> {
    let mut taken = std::mem::take(&mut *parts.lock().unwrap_or_else(PoisonError::into_inner));
    taken.dedup();
    taken
}

/// Two pages, which come with the end of the stream.
const LEN: usize = 1030 * SEGMENT;

fn decrypt(input: InputSource<'_>) -> Result<(), StreamError> {
    with_key(|keys, options| {
        let mut options = options.clone();
        options.run.driver = Some(Driver::Inline);
        let output = OutputSink::Writer(Box::new(io::sink()));
        decrypt_stream_with(input, output, keys, &options).map(|_| ())
    })
}

/// F-804, F-810.
#[test]
fn a_whole_decrypt_reads_the_tail_and_judges_its_pages_before_segments() {
    let wire = stream(LEN, DigestAlg::None);
    let (input, parts) = watched(&wire, &wire);
    decrypt(input).expect("a sound stream");
    let read = taken(&parts);
    assert_eq!(read, ["header", "end", "segments"]);

    let page = find(&regions(&wire), "index.salt", Some(1025), None).start;
    let (input, parts) = watched(&mutate::flip(&wire, page, 1), &wire);
    assert!(decrypt(input).is_err());
    assert!(!taken(&parts).contains(&"segments"), "the last page is judged before any segment");
}

/// F-823, F-704: the tail once, and each page before one of its entries is used.
#[test]
fn a_range_reader_reads_the_tail_once_and_judges_a_page_when_it_is_asked_for() {
    let wire = stream(LEN, DigestAlg::None);
    let page = find(&regions(&wire), "index.salt", Some(1025), None).start;
    let (input, parts) = watched(&mutate::flip(&wire, page, 1), &wire);
    let reader = with_key(|keys, options| StreamReader::open(input, keys, options));
    let reader = reader.expect("the damaged page was not asked for");
    assert_eq!(taken(&parts), ["header", "end"]);

    let mut out = [0; 300];
    reader.read_at(&mut out, 100).expect("page 0 is sound");
    assert_eq!(out[..], paint(400)[100..]);
    assert_eq!(taken(&parts), ["segments"], "page 0 came with the end of the stream");
    reader.read_at(&mut out, 9 * SEGMENT as u64).expect("page 0 is sound");
    assert_eq!(taken(&parts), ["segments"]);
    let error = reader.read_at(&mut out, 1026 * SEGMENT as u64).expect_err("page 1 is damaged");
    assert!(matches!(error, StreamError::AuthenticationFailed { unit: Unit::Index, .. }));
    reader.read_at(&mut out, 9 * SEGMENT as u64).expect("page 0 is still sound");

    let table = find(&regions(&wire), "page_table.hash", None, None).start;
    let (input, _) = watched(&mutate::flip(&wire, table, 1), &wire);
    let error = with_key(|keys, options| StreamReader::open(input, keys, options).err());
    assert!(matches!(error, Some(StreamError::AuthenticationFailed { unit: Unit::Index, .. })));
}

/// F-825: a digest that was sealed wrongly is for a whole decrypt to find.
#[test]
fn ranges_are_read_without_a_look_at_digests() {
    let len = 3 * SEGMENT;
    let mut wire = stream(len, DigestAlg::Sha256);
    let all = regions(&wire);
    let digest = find(&all, "index.digest", Some(1), None).start;
    wire[digest] ^= 1;
    let index = find(&all, "index.salt", Some(0), None).start;
    let table = find(&all, "page_table.hash", None, None).range();
    let page = sha256(&wire[index..table.start]);
    wire[table.clone()].copy_from_slice(&page);
    let root = sha256(&wire[table.clone()]);
    wire[table.end + 40..table.end + 72].copy_from_slice(&root);
    let header = wire[..1024].to_vec();
    reseal_trailer(&[9; 32], b"", &header, &mut wire[table.end..]);

    let error = decrypt(InputSource::Memory(&wire)).expect_err("the digest is another");
    assert!(matches!(error, StreamError::DigestMismatch { segment: 1 }), "{error:?}");
    let key = key();
    let keys = sv2_core::KeySource::Key(&key);
    let options = sv2_core::DecryptOptions::standard();
    let reader = StreamReader::open(InputSource::Memory(&wire), &keys, &options).expect("opens");
    let mut out = vec![0; len];
    assert_eq!(reader.read_at(&mut out, 0).expect("every frame opens"), len);
    assert_eq!(out, paint(len));
}
