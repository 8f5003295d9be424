//! What a call does, while it does it: bytes and times for the observer and for the report.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::ThreadId;
use std::time::Duration;

use sv2_pipeline::RunStats;

use crate::report::{Effort, StageTimes};
use crate::{Driver, Progress, RunOptions, StreamError};

/// Counts what the threads of a call do and tells its observer.
pub(crate) struct Watch {
    pub(crate) run: RunOptions,
    total: OnceLock<u64>,
    /// Bytes of plaintext that are done.
    done: AtomicU64,
    /// Of these, bytes that an earlier call had done.
    kept: AtomicU64,
    read: AtomicU64,
    cipher: AtomicU64,
    write: AtomicU64,
}

impl Watch {
    pub(crate) fn new(run: &RunOptions) -> Self {
        let (done, kept, read, cipher, write) = Default::default();
        Self { run: run.clone(), total: OnceLock::new(), done, kept, read, cipher, write }
    }

    /// Says how many bytes of plaintext the call is about, where that is known.
    pub(crate) fn expect(&self, total: Option<u64>) {
        if let Some(total) = total {
            self.total.get_or_init(|| total);
        }
    }

    /// Counts plaintext that was done by an earlier call.
    pub(crate) fn skip(&self, plaintext_len: u64) {
        self.done.fetch_add(plaintext_len, Ordering::Relaxed);
        self.keep(plaintext_len);
    }

    /// Says that plaintext which is counted besides was done by an earlier call.
    pub(crate) fn keep(&self, plaintext_len: u64) {
        self.kept.fetch_add(plaintext_len, Ordering::Relaxed);
    }

    /// Counts a segment that is done, of which so many bytes are this call's.
    pub(crate) fn segment(&self, plaintext_len: u64, lap: Lap) {
        // 2^64 nanoseconds are 584 years.
        let add = |total: &AtomicU64, time: Duration| {
            total.fetch_add(time.as_nanos() as u64, Ordering::Relaxed);
        };
        add(&self.read, lap.times.read);
        add(&self.cipher, lap.times.cipher);
        add(&self.write, lap.times.write);
        let done = self.done.fetch_add(plaintext_len, Ordering::Relaxed) + plaintext_len;
        if let Some(observer) = &self.run.observer {
            let Lap { segment, times: stages, thread } = lap;
            let total = self.total.get().copied();
            let segment = Some(segment);
            // Another thread may have counted what it kept and not yet that it is done.
            let kept = self.kept.load(Ordering::Relaxed).min(done);
            observer(Progress { done, kept, total, segment, stages, thread, failed: None });
        }
    }

    /// Tells the observer of a failed call what it did.
    pub(crate) fn ended<T>(&self, result: Result<T, StreamError>) -> Result<T, StreamError> {
        if let (Err(error), Some(observer)) = (&result, &self.run.observer) {
            observer(Progress {
                done: self.done.load(Ordering::Relaxed),
                kept: self.kept.load(Ordering::Relaxed).min(self.done.load(Ordering::Relaxed)),
                total: self.total.get().copied(),
                segment: None,
                stages: self.times(),
                thread: std::thread::current().id(),
                failed: Some(error.kind()),
            });
        }
        result
    }

    /// The times so far; who waited is not known here.
    pub(crate) fn times(&self) -> StageTimes {
        let load = |nanos: &AtomicU64| Duration::from_nanos(nanos.load(Ordering::Relaxed));
        StageTimes {
            read: load(&self.read),
            cipher: load(&self.cipher),
            write: load(&self.write),
            waiting: Duration::ZERO,
        }
    }

    /// What a driver did that came to its end.
    pub(crate) fn effort(&self, stats: &RunStats, driver: Driver) -> Effort {
        let stages = StageTimes { waiting: stats.waiting_time, ..self.times() };
        Effort { stages, threads: stats.threads, driver }
    }

    /// Whether the call is to end, before it does anything with segment number `segment`.
    ///
    /// # Errors
    /// `Cancelled`.
    pub(crate) fn check_cancelled(&self, segment: u64) -> Result<(), StreamError> {
        match self.run.cancel.is_cancelled() {
            true => Err(StreamError::Cancelled { segment }),
            false => Ok(()),
        }
    }
}

/// One segment, where its time went, and who sealed or opened it.
#[derive(Clone, Copy)]
pub(crate) struct Lap {
    segment: u64,
    times: StageTimes,
    thread: ThreadId,
}

impl Lap {
    /// A segment that this thread seals or opens.
    pub(crate) fn new(segment: u64) -> Self {
        Self { segment, times: StageTimes::default(), thread: std::thread::current().id() }
    }

    pub(crate) fn read(mut self, time: Duration) -> Self {
        self.times.read = time;
        self
    }

    pub(crate) fn cipher(mut self, time: Duration) -> Self {
        self.times.cipher = time;
        self
    }

    pub(crate) fn write(mut self, time: Duration) -> Self {
        self.times.write = time;
        self
    }
}
