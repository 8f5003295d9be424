//! What the two ends of a pipe may know: a writer no more than it read, a reader no more than the
//! unit that it is in (format.md sections 8.4 and 10).

use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};

use sv2_core::{
    Backend, Driver, EncryptWriter, InputSource, OutputSink, StreamError, Unit, decrypt_stream_v2,
    encrypt_stream_v2,
};
use sv2_testkit::mutate::{find, frame_range, regions};
use sv2_testkit::paint::paint;
use sv2_testkit::reference::forge::refresh_crc;
use sv2_testkit::reference::{Params, encrypt};

use crate::harness::{KEY, decrypt_options, encrypt_options, key, run, salt, stream};

/// Plaintext bytes of a segment of two frames, and where its length stands in its header.
const SEGMENT: usize = 512;
const HEADER_LEN: usize = 256;

fn params() -> Params {
    Params::tiny(1, 0, 1)
}

/// Hands out a few bytes at a time and counts them.
struct Trickle<'a> {
    left: &'a [u8],
    step: usize,
    read: &'a AtomicUsize,
}

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(self.step);
        let count = (&self.left[..self.left.len().min(most)]).read(buffer)?;
        self.left = &self.left[count..];
        self.read.fetch_add(count, Ordering::SeqCst);
        Ok(count)
    }
}

/// Notes after each write how much was read until then.
struct Noting<'a> {
    wire: Vec<u8>,
    read: &'a AtomicUsize,
    /// Wire bytes, and plaintext bytes that were read when they came.
    notes: Vec<(usize, usize)>,
}

impl Write for &mut Noting<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.wire.extend_from_slice(bytes);
        self.notes.push((self.wire.len(), self.read.load(Ordering::SeqCst)));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// F-1004: however the input comes, a segment has the length that its header says, and it is
/// written before a byte of the next one is read.
#[test]
fn a_segment_is_sealed_when_it_is_full_and_without_a_look_beyond_it() {
    for len in [1, SEGMENT - 1, SEGMENT, SEGMENT + 1, 2 * SEGMENT, 3 * SEGMENT + 9] {
        for step in [1, 100, SEGMENT + 3, 10_000] {
            let plaintext = paint(len);
            let read = AtomicUsize::new(0);
            let reader = Trickle { left: &plaintext, step, read: &read };
            let mut writer = Noting { wire: Vec::new(), read: &read, notes: Vec::new() };
            let mut options = encrypt_options(&params());
            options.run = run(Driver::Inline, 1);
            let input = InputSource::Reader(Box::new(reader));
            let output = OutputSink::Writer(Box::new(&mut writer));
            encrypt_stream_v2(input, output, &key(), &options).expect("a sound encryption");
            assert_eq!(writer.wire, encrypt(&KEY, &params(), &mut salt, &plaintext));

            let segment_wire = 64 + 2 * (256 + 32) + 8;
            for full in 1..=len / SEGMENT {
                let end = HEADER_LEN + full * segment_wire;
                let seen = writer.notes.iter().find(|(wire, _)| *wire >= end);
                let (_, read) = seen.expect("all of it was written");
                assert_eq!(*read, full * SEGMENT, "{len} bytes by {step}");
            }
        }
    }
}

/// F-1004, for a caller who pushes: what was given is held until it is known to be a whole
/// segment, and one that is full needs no more.
#[test]
fn a_writer_holds_a_segment_until_it_is_full() {
    let mut options = encrypt_options(&params());
    options.run = run(Driver::Inline, 1);
    let plaintext = paint(2 * SEGMENT);
    let read = AtomicUsize::new(0);
    let mut noting = Noting { wire: Vec::new(), read: &read, notes: Vec::new() };
    let mut writer = EncryptWriter::new(&mut noting, &key(), &options).expect("legal options");
    for byte in &plaintext {
        read.fetch_add(1, Ordering::SeqCst);
        writer.write_all(std::slice::from_ref(byte)).expect("a sound writer");
    }
    writer.finish().expect("a sound end");
    assert_eq!(noting.wire, encrypt(&KEY, &params(), &mut salt, &plaintext));
    let before_full = noting.notes.iter().filter(|(_, read)| *read < SEGMENT);
    assert!(before_full.max().is_none_or(|(wire, _)| *wire <= HEADER_LEN), "{:?}", noting.notes);
}

fn piped(wire: &[u8], backend: Backend) -> Result<Vec<u8>, StreamError> {
    let mut options = decrypt_options(Driver::Inline, 1);
    options.run.backend = Some(backend);
    let mut out = Vec::new();
    let input = InputSource::Reader(Box::new(wire));
    decrypt_stream_v2(input, OutputSink::Memory(&mut out), &key(), &options)?;
    Ok(out)
}

/// F-815, F-814, F-210: 64 bytes are read where a segment or the tail may begin, and nothing is
/// said of fewer.
#[test]
fn sixty_four_bytes_decide_what_follows_a_segment() {
    let wire = stream(&params(), 2 * SEGMENT);
    let all = regions(&wire);
    let after_first = find(&all, "footer.crc", Some(0), None).end;
    let tail = find(&all, "copy.magic", None, None).start;
    for (place, segment) in [(HEADER_LEN, 0), (after_first, 1), (tail, 2)] {
        for magic in [*b"SV2S", *b"\x89SV2", *b"SV2X", [0; 4]] {
            let mut other = wire[..place].to_vec();
            other.extend(magic);
            // Were it judged, a header of zero bytes would be refused for its version.
            other.resize(place + 64, 0);
            for len in place..place + 64 {
                let error = piped(&other[..len], Backend::Ring).expect_err("a cut stream");
                let segments = segment;
                let cut =
                    matches!(error, StreamError::Unsealed { segments: found } if found == segments);
                assert!(cut, "{magic:?} and {} bytes: {error:?}", len - place);
            }
            let error = piped(&other, Backend::Ring).expect_err("no stream");
            let tail_may_begin = magic == *b"\x89SV2";
            let is_cut = matches!(error, StreamError::Unsealed { .. });
            assert_eq!(is_cut, tail_may_begin, "{place}, {magic:?}: {error:?}");
            if !is_cut {
                let unit = Unit::Segment { segment };
                let named = matches!(
                    error,
                    StreamError::Malformed { unit: found, .. }
                    | StreamError::ChecksumMismatch { unit: found, .. } if found == unit
                );
                assert!(named, "{place}, {magic:?}: {error:?}");
            }
        }
    }
}

/// F-908, F-602, F-905: on a pipe, too, a checksum decides nothing but the name of a failure,
/// whichever library opens the frames.
#[test]
fn the_checksum_of_a_frame_on_a_pipe_decides_nothing() {
    let plaintext = paint(2 * SEGMENT);
    let wire = stream(&params(), plaintext.len());
    let frame = frame_range(&regions(&wire), 1, 0);
    for &backend in Backend::available() {
        let mut checksum = wire.clone();
        checksum[frame.end - 1] ^= 1;
        assert_eq!(piped(&checksum, backend).expect("an authentic frame"), plaintext);

        let mut ciphertext = wire.clone();
        ciphertext[frame.start + 20] ^= 1;
        let error = piped(&ciphertext, backend).expect_err("a damaged frame");
        let unit = Unit::Frame { segment: 1, frame: 0 };
        let is_damage =
            matches!(error, StreamError::ChecksumMismatch { unit: found, .. } if found == unit);
        assert!(is_damage, "{backend:?}: {error:?}");

        refresh_crc(&mut ciphertext[frame.clone()]);
        let error = piped(&ciphertext, backend).expect_err("a forged frame");
        let is_forgery =
            matches!(error, StreamError::AuthenticationFailed { unit: found, .. } if found == unit);
        assert!(is_forgery, "{backend:?}: {error:?}");
    }
}
