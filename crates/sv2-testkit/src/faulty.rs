//! Readers and writers that fail, fall short or dribble on demand, and count their calls.

use std::io::{Error, ErrorKind, Read, Result, Seek, SeekFrom, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The calls that are counted and can be made to fail, each kind by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// `Read::read`.
    Read,
    /// `Write::write`.
    Write,
    /// `Write::flush`.
    Flush,
    /// `Seek::seek`.
    Seek,
}

/// What happens instead of an ordinary call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The call fails with this kind and does nothing.
    Error(ErrorKind),
    /// The call moves at most this many bytes; only for reads and writes.
    Short(usize),
    /// The call returns `Ok(0)` and does nothing; only for reads and writes.
    Zero,
}

/// A reader or writer that does what `inner` does except where it was told otherwise.
#[derive(Debug)]
pub struct Faulty<T> {
    inner: T,
    plan: Vec<Planned>,
    pieces: Vec<usize>,
    counters: Counters,
}

#[derive(Clone, Copy, Debug)]
struct Planned {
    operation: Operation,
    first: u64,
    last: u64,
    fault: Fault,
}

impl<T> Faulty<T> {
    /// A wrapper without faults, which counts.
    pub fn new(inner: T) -> Faulty<T> {
        let counters = Counters(Arc::default());
        Faulty { inner, plan: Vec::new(), pieces: Vec::new(), counters }
    }

    /// Adds a fault in the call with this number, counted from 0 among calls of its kind.
    pub fn at(self, operation: Operation, call: u64, fault: Fault) -> Faulty<T> {
        self.plan(Planned { operation, first: call, last: call, fault })
    }

    /// Adds a fault in the call with this number and in every later one of its kind.
    pub fn from(self, operation: Operation, call: u64, fault: Fault) -> Faulty<T> {
        self.plan(Planned { operation, first: call, last: u64::MAX, fault })
    }

    /// Limits reads and writes to these sizes in turn, over and over; none may be zero.
    pub fn in_pieces(mut self, sizes: &[usize]) -> Faulty<T> {
        assert!(!sizes.contains(&0), "a piece of nothing would look like the end");
        self.pieces = sizes.to_vec();
        self
    }

    /// The counts, which stay readable when this value has been moved away.
    pub fn counters(&self) -> Counters {
        self.counters.clone()
    }

    /// What is wrapped.
    pub fn into_inner(self) -> T {
        self.inner
    }

    fn plan(mut self, planned: Planned) -> Faulty<T> {
        let moves_bytes = matches!(planned.operation, Operation::Read | Operation::Write);
        let is_error = matches!(planned.fault, Fault::Error(_));
        assert!(moves_bytes || is_error, "{:?} has no length to shorten", planned.operation);
        self.plan.push(planned);
        self
    }

    /// Counts the call and says how many of `len` bytes it may move, or that it fails.
    fn allow(&mut self, operation: Operation, len: usize) -> Result<usize> {
        let call = self.counters.0.count(operation);
        let hit = |planned: &&Planned| {
            planned.operation == operation && (planned.first..=planned.last).contains(&call)
        };
        match self.plan.iter().find(hit).map(|planned| planned.fault) {
            Some(Fault::Error(kind)) => Err(Error::new(kind, "planned by the test")),
            Some(Fault::Zero) => Ok(0),
            Some(Fault::Short(most)) => Ok(len.min(most)),
            None if self.pieces.is_empty() => Ok(len),
            None => Ok(len.min(self.pieces[call as usize % self.pieces.len()])),
        }
    }
}

impl<T: Read> Read for Faulty<T> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let len = self.allow(Operation::Read, buffer.len())?;
        let read = if len == 0 { 0 } else { self.inner.read(&mut buffer[..len])? };
        self.counters.0.add_bytes(Operation::Read, read);
        Ok(read)
    }
}

impl<T: Write> Write for Faulty<T> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        let len = self.allow(Operation::Write, bytes.len())?;
        let written = if len == 0 { 0 } else { self.inner.write(&bytes[..len])? };
        self.counters.0.add_bytes(Operation::Write, written);
        Ok(written)
    }

    fn flush(&mut self) -> Result<()> {
        self.allow(Operation::Flush, 0)?;
        self.inner.flush()
    }
}

impl<T: Seek> Seek for Faulty<T> {
    fn seek(&mut self, position: SeekFrom) -> Result<u64> {
        self.allow(Operation::Seek, 0)?;
        self.inner.seek(position)
    }
}

/// How often a [`Faulty`] was called, planned failures included.
#[derive(Clone, Debug)]
pub struct Counters(Arc<Tallies>);

#[derive(Debug, Default)]
struct Tallies {
    calls: [AtomicU64; 4],
    bytes: [AtomicU64; 4],
}

impl Counters {
    /// The number of calls so far.
    pub fn calls(&self, operation: Operation) -> u64 {
        self.0.calls[operation as usize].load(Ordering::SeqCst)
    }

    /// The number of bytes that reads or writes have moved so far.
    pub fn bytes(&self, operation: Operation) -> u64 {
        self.0.bytes[operation as usize].load(Ordering::SeqCst)
    }
}

impl Tallies {
    fn count(&self, operation: Operation) -> u64 {
        self.calls[operation as usize].fetch_add(1, Ordering::SeqCst)
    }

    fn add_bytes(&self, operation: Operation, len: usize) {
        self.bytes[operation as usize].fetch_add(len as u64, Ordering::SeqCst);
    }
}

/// A sink in memory whose content stays readable after it was moved away.
#[derive(Clone, Debug, Default)]
pub struct SharedSink(Arc<Mutex<Vec<u8>>>);

impl SharedSink {
    /// What was written so far.
    pub fn contents(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Write for SharedSink {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    #[test]
    fn a_planned_error_hits_one_call_and_loses_no_bytes() {
        let mut reader = Faulty::new(&b"abcdef"[..]).in_pieces(&[2]).at(
            Operation::Read,
            1,
            Fault::Error(ErrorKind::Interrupted),
        );
        let mut buffer = [0; 6];
        assert_eq!(reader.read(&mut buffer).expect("call 0"), 2);
        let error = reader.read(&mut buffer).expect_err("call 1");
        assert_eq!(error.kind(), ErrorKind::Interrupted);
        assert_eq!(reader.read(&mut buffer).expect("call 2"), 2);
        assert_eq!(&buffer[..2], b"cd");
        assert_eq!(reader.counters().calls(Operation::Read), 3);
        assert_eq!(reader.counters().bytes(Operation::Read), 4);
    }

    #[test]
    fn a_lasting_error_hits_every_later_call() {
        let sink = SharedSink::default();
        let mut writer = Faulty::new(sink.clone())
            .at(Operation::Write, 0, Fault::Short(3))
            .from(Operation::Write, 1, Fault::Error(ErrorKind::StorageFull))
            .at(Operation::Flush, 0, Fault::Error(ErrorKind::BrokenPipe));
        assert_eq!(writer.write(b"abcdef").expect("call 0"), 3);
        for _ in 0..2 {
            let error = writer.write(b"def").expect_err("a full disk stays full");
            assert_eq!(error.kind(), ErrorKind::StorageFull);
        }
        assert_eq!(writer.flush().expect_err("flush 0").kind(), ErrorKind::BrokenPipe);
        writer.flush().expect("flush 1");
        assert_eq!(sink.contents(), b"abc");
    }

    #[test]
    fn zero_and_seek_faults_leave_the_position_alone() {
        let mut reader = Faulty::new(Cursor::new(b"abcdef"))
            .at(Operation::Read, 0, Fault::Zero)
            .at(Operation::Seek, 0, Fault::Error(ErrorKind::Other));
        let mut buffer = [0; 6];
        assert_eq!(reader.read(&mut buffer).expect("call 0"), 0);
        reader.seek(SeekFrom::End(0)).expect_err("seek 0");
        assert_eq!(reader.read(&mut buffer).expect("call 1"), 6);
        reader.seek(SeekFrom::Start(4)).expect("seek 1");
        assert_eq!(reader.read(&mut buffer).expect("call 2"), 2);
        assert_eq!(reader.counters().calls(Operation::Seek), 2);
    }

    #[test]
    fn pieces_take_turns() {
        let mut reader = Faulty::new(&b"abcdefgh"[..]).in_pieces(&[1, 3]);
        let mut lens = Vec::new();
        let mut buffer = [0; 8];
        while let Ok(len @ 1..) = reader.read(&mut buffer) {
            lens.push(len);
        }
        assert_eq!(lens, [1, 3, 1, 3]);
    }
}
