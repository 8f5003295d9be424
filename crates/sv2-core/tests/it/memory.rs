//! The memory of the ordered driver: the bytes between both ends never exceed its buffers.

use std::io::{self, Read, Write};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use sv2_core::{Driver, InputSource, OutputSink, decrypt_stream_v2, encrypt_stream_v2};
use sv2_testkit::paint::PaintReader;
use sv2_testkit::reference::Params;

use crate::harness::{decrypt_options, encrypt_options, key, run, stream, watched};

const THREADS: usize = 2;
/// What the pipeline documents for its ordered driver.
const BUFFERS: u64 = 2 * THREADS as u64 + 2;
const SEGMENTS: u64 = 40;
const SEGMENT: u64 = 512;

/// Both ends of a run, which count in bytes.
#[derive(Default)]
struct Ends {
    progress: Mutex<Progress>,
    changed: Condvar,
}

#[derive(Default)]
struct Progress {
    read: u64,
    written: u64,
    /// The most that was read and not written, in the units of `in_flight`.
    most: u64,
}

/// A reader that tells how far it came.
struct Counted<R> {
    inner: R,
    ends: Arc<Ends>,
    /// Bytes that are in flight after so many were read and written.
    in_flight: fn(u64, u64) -> u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let mut progress = self.ends.progress.lock().unwrap_or_else(PoisonError::into_inner);
        progress.read += count as u64;
        let in_flight = (self.in_flight)(progress.read, progress.written);
        progress.most = progress.most.max(in_flight);
        self.ends.changed.notify_all();
        Ok(count)
    }
}

/// A writer that takes no byte of the first segment before the reader has come as far as it may.
struct HeldBack {
    ends: Arc<Ends>,
    /// Bytes that may be written at once, and bytes that must have been read after that.
    free: u64,
    awaited: u64,
}

impl Write for HeldBack {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut progress = self.ends.progress.lock().unwrap_or_else(PoisonError::into_inner);
        while progress.written >= self.free && progress.read < self.awaited {
            progress = self.ends.changed.wait(progress).unwrap_or_else(PoisonError::into_inner);
        }
        progress.written += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// While the writer stands still, the reader fills every buffer and then waits: were there fewer,
/// the run would hang, and were there more, more bytes would be in flight.
#[test]
fn an_encrypt_holds_at_most_its_buffers() {
    let most = watched(|| {
        let ends = Arc::new(Ends::default());
        let params = Params::tiny(1, 0, 1);
        let mut options = encrypt_options(&params);
        options.run = run(Driver::Ordered, THREADS);
        // Wire bytes of the header, and of a segment with two frames.
        let in_flight = |read, written: u64| {
            let segments = written.saturating_sub(256) / (SEGMENT + 72 + 64);
            read - SEGMENT * segments.min(SEGMENTS)
        };
        let inner = PaintReader::new(SEGMENT * SEGMENTS);
        let reader = Counted { inner, ends: ends.clone(), in_flight };
        let writer = HeldBack { ends: ends.clone(), free: 256, awaited: BUFFERS * SEGMENT };
        let input = InputSource::Reader(Box::new(reader));
        encrypt_stream_v2(input, OutputSink::Writer(Box::new(writer)), &key(), &options)
            .expect("a sound encryption");
        ends.progress.lock().expect("no panic").most
    });
    assert_eq!(most, BUFFERS * SEGMENT);
}

/// The same for a pipe that is decrypted, F-820.
#[test]
fn a_decrypt_holds_at_most_its_buffers() {
    const WIRE: u64 = SEGMENT + 72 + 64;
    let most = watched(|| {
        let ends = Arc::new(Ends::default());
        let wire = stream(&Params::tiny(1, 0, 1), (SEGMENT * SEGMENTS) as usize);
        // The tail is read when all segments were written.
        let in_flight = |read: u64, written| {
            let segments = (read.saturating_sub(256)).min(WIRE * SEGMENTS);
            segments - WIRE * (written / SEGMENT)
        };
        let inner = io::Cursor::new(wire);
        let reader = Counted { inner, ends: ends.clone(), in_flight };
        let awaited = 256 + BUFFERS * WIRE;
        let writer = HeldBack { ends: ends.clone(), free: 0, awaited };
        let options = decrypt_options(Driver::Ordered, THREADS);
        let input = InputSource::Reader(Box::new(reader));
        decrypt_stream_v2(input, OutputSink::Writer(Box::new(writer)), &key(), &options)
            .expect("a sound stream");
        ends.progress.lock().expect("no panic").most
    });
    assert_eq!(most, BUFFERS * WIRE);
}
