//! What a call did.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sv2_crypto::Backend;
use sv2_pipeline::RunStats;

use crate::{Driver, ErrorKind};

/// Where the time went, summed over the threads that did it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StageTimes {
    /// Reading the input.
    pub read: Duration,
    /// Sealing or opening, checksums and digests included.
    pub cipher: Duration,
    /// Writing the output.
    pub write: Duration,
    /// Threads with nothing to do.
    pub waiting: Duration,
}

impl StageTimes {
    /// The stages of a driver whose source reads, whose work seals or opens, whose sink writes.
    pub(crate) fn of(stats: &RunStats) -> Self {
        Self {
            read: stats.source_time,
            cipher: stats.work_time,
            write: stats.sink_time,
            waiting: stats.waiting_time,
        }
    }
}

/// Stage times that several workers add to.
#[derive(Debug, Default)]
pub(crate) struct StageClock {
    read: AtomicU64,
    cipher: AtomicU64,
    write: AtomicU64,
}

impl StageClock {
    pub(crate) fn read(&self, time: Duration) {
        add(&self.read, time);
    }

    pub(crate) fn cipher(&self, time: Duration) {
        add(&self.cipher, time);
    }

    pub(crate) fn write(&self, time: Duration) {
        add(&self.write, time);
    }

    /// The times, with the waiting that the pipeline saw.
    pub(crate) fn times(&self, stats: &RunStats) -> StageTimes {
        let load = |nanos: &AtomicU64| Duration::from_nanos(nanos.load(Ordering::Relaxed));
        StageTimes {
            read: load(&self.read),
            cipher: load(&self.cipher),
            write: load(&self.write),
            waiting: stats.waiting_time,
        }
    }
}

fn add(total: &AtomicU64, time: Duration) {
    // 2^64 nanoseconds are 584 years.
    total.fetch_add(time.as_nanos() as u64, Ordering::Relaxed);
}

/// What a call did, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamReport {
    /// Bytes that were read from the input and count for the result.
    pub bytes_in: u64,
    /// Bytes that were written.
    pub bytes_out: u64,
    /// Plaintext bytes of the stream; of one that is not sealed, those that were found.
    pub plaintext_len: u64,
    /// Segments of the stream.
    pub segments: u64,
    /// Frames of the stream.
    pub frames: u64,
    /// Segments that an interrupted call had finished and that this one did not do again; 0 for
    /// every call that resumes nothing.
    pub kept_segments: u64,
    /// Time from call to return.
    pub wall: Duration,
    /// Time by stage.
    pub stages: StageTimes,
    /// Worker threads that were at hand.
    pub threads: usize,
    /// The driver that was used.
    pub driver: Driver,
    /// The cipher library that was used.
    pub backend: Backend,
    /// Whether the stream is sealed; false only where the caller allowed it.
    pub sealed: bool,
    /// Why nothing more was read of a stream that is not sealed: `Unsealed` where its bytes end,
    /// and any other kind where what follows is damaged or altered.
    pub unsealed_end: Option<ErrorKind>,
    /// The stream's fingerprint; `None` where it is not sealed.
    pub fingerprint: Option<[u8; 32]>,
    /// The header's revision.
    pub revision: u64,
    /// The stream's generation; 0 where it is not sealed.
    pub generation: u64,
}
