//! How a call is run: threads, driver, cipher library, observation.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::ThreadId;

use sv2_crypto::Backend;
use sv2_headers::Suite;
use sv2_pipeline::Cancellation;

use crate::{ErrorKind, Pool, StageTimes};

/// How a stream is moved; the bytes are the same with each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Driver {
    /// Each worker reads, seals or opens, and writes at computed offsets; both ends are regular
    /// files or memory.
    Positional,
    /// One reader, several workers, one ordered writer.
    Ordered,
    /// One thread; for inputs of about a segment.
    Inline,
}

impl Driver {
    /// The name that reports print.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Positional => "positional",
            Self::Ordered => "ordered",
            Self::Inline => "inline",
        }
    }
}

/// When a call has threads for reading and writing beside those that seal or open.
///
/// It is about calls with an end that has no offsets, such as a pipe: where both ends have them,
/// each worker reads and writes for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IoThreads {
    /// Beside several workers. A single worker does everything on the caller's thread, and the
    /// call starts none.
    BesideSeveral,
    /// Beside a single worker as well, so that the caller's thread writes and another one reads
    /// while it seals: faster for one large stream, two threads more for each of many small ones.
    BesideAny,
}

/// How far a call has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Bytes of plaintext that are done.
    pub done: u64,
    /// Of these, bytes that an earlier call had done: a resumed call looks at them and writes
    /// nothing.
    pub kept: u64,
    /// Bytes of plaintext in all, where that is known.
    pub total: Option<u64>,
    /// The segment that was finished just now; `None` where a failed call says what it did, and
    /// where segments are looked at in groups.
    pub segment: Option<u64>,
    /// Where the time of that segment went; of a failed call, that of all its segments.
    pub stages: StageTimes,
    /// The thread that sealed or opened the segment.
    pub thread: ThreadId,
    /// Why the call failed. This is then its last word: `done` and `stages` say what it did.
    pub failed: Option<ErrorKind>,
}

/// Is told of progress, after each segment and on any thread: the place from which segments,
/// times and failures go into logs, metrics or traces. The example `telemetry` sends them to
/// `tracing`. Segments may be reported out of
/// order, and from several threads at the same time; `done` never shrinks on one thread.
pub type Observer = Arc<dyn Fn(Progress) + Send + Sync>;

/// Threads, backend and observation; none of them changes a byte of the result.
#[derive(Clone)]
#[non_exhaustive]
pub struct RunOptions {
    /// Threads that seal or open; `None` is one for each processor that the system grants.
    pub threads: Option<NonZeroUsize>,
    /// When there are threads for reading and writing beside those.
    pub io_threads: IoThreads,
    /// The cipher library; `None` is the fastest of this build on this processor.
    pub backend: Option<Backend>,
    /// The driver; `None` is the fastest that both ends allow. Inputs that rule a driver out get
    /// the next one.
    pub driver: Option<Driver>,
    /// Stops the call between segments when set.
    pub cancel: Cancellation,
    /// Is told of progress.
    pub observer: Option<Observer>,
    /// Bounds threads and memory of all calls that share it; `None` bounds each call alone.
    pub pool: Option<Pool>,
}

impl RunOptions {
    /// All processors, the fastest backend, the fastest driver.
    #[must_use]
    pub fn automatic() -> Self {
        Self {
            threads: None,
            io_threads: IoThreads::BesideSeveral,
            backend: None,
            driver: None,
            cancel: Cancellation::new(),
            observer: None,
            pool: None,
        }
    }

    /// The same with so many worker threads; 0 is one for each processor.
    #[must_use]
    pub fn threads(self, threads: usize) -> Self {
        Self { threads: NonZeroUsize::new(threads), ..self }
    }

    /// The same with another rule for the threads that read and write.
    #[must_use]
    pub fn io_threads(self, io_threads: IoThreads) -> Self {
        Self { io_threads, ..self }
    }

    /// The same with a cipher library.
    #[must_use]
    pub fn backend(self, backend: Backend) -> Self {
        Self { backend: Some(backend), ..self }
    }

    /// The same with a driver.
    #[must_use]
    pub fn driver(self, driver: Driver) -> Self {
        Self { driver: Some(driver), ..self }
    }

    /// The same with a token.
    #[must_use]
    pub fn cancel(self, cancel: &Cancellation) -> Self {
        Self { cancel: cancel.clone(), ..self }
    }

    /// The same with an observer.
    #[must_use]
    pub fn observer(self, observer: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        Self { observer: Some(Arc::new(observer)), ..self }
    }

    /// The same within a pool.
    #[must_use]
    pub fn pool(self, pool: &Pool) -> Self {
        Self { pool: Some(pool.clone()), ..self }
    }

    pub(crate) fn worker_threads(&self) -> NonZeroUsize {
        self.threads
            .or_else(|| std::thread::available_parallelism().ok())
            .unwrap_or(NonZeroUsize::MIN)
    }

    pub(crate) fn observe(&self, done: u64, total: Option<u64>) {
        if let Some(observer) = &self.observer {
            let (stages, thread) = (StageTimes::default(), std::thread::current().id());
            observer(Progress {
                done,
                kept: 0,
                total,
                segment: None,
                stages,
                thread,
                failed: None,
            });
        }
    }
}

impl fmt::Debug for RunOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunOptions")
            .field("threads", &self.threads)
            .field("io_threads", &self.io_threads)
            .field("backend", &self.backend)
            .field("driver", &self.driver)
            .finish_non_exhaustive()
    }
}

/// The backend that is fastest on this processor, of those in this build.
#[must_use]
pub fn fastest_backend(suite: Suite) -> Backend {
    let aws_lc = Backend::available().contains(&Backend::AwsLc);
    if aws_lc && suite == Suite::Aes256Gcm && wide_aes() { Backend::AwsLc } else { Backend::Ring }
}

/// Whether the processor has the instructions by which AWS-LC overtakes `ring`.
#[cfg(target_arch = "x86_64")]
fn wide_aes() -> bool {
    std::arch::is_x86_feature_detected!("avx512f")
        && std::arch::is_x86_feature_detected!("avx512bw")
        && std::arch::is_x86_feature_detected!("vaes")
        && std::arch::is_x86_feature_detected!("vpclmulqdq")
}

#[cfg(not(target_arch = "x86_64"))]
fn wide_aes() -> bool {
    false
}
