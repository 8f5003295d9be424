//! What a caller may choose.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::ThreadId;

use sv2_crypto::{Backend, RandomSource};
use sv2_headers::{DigestAlg, Geometry, MAX_SEGMENT_SIZE, Section, Suite};
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

/// How far a call has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Bytes of plaintext that are done.
    pub done: u64,
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

/// Is told of progress, after each segment and on any thread. Segments may be reported out of
/// order, and from several threads at the same time; `done` never shrinks on one thread.
pub type Observer = Arc<dyn Fn(Progress) + Send + Sync>;

/// Threads, backend and observation; none of them changes a byte of the result.
#[derive(Clone)]
pub struct RunOptions {
    /// Worker threads; `None` is one for each processor that the system grants.
    pub threads: Option<NonZeroUsize>,
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
            observer(Progress { done, total, segment: None, stages, thread, failed: None });
        }
    }
}

impl fmt::Debug for RunOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunOptions")
            .field("threads", &self.threads)
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

/// The parameters of a new stream (format.md sections 2 and 3).
#[derive(Debug, Clone)]
pub struct EncryptOptions {
    /// The AEAD.
    pub suite: Suite,
    /// The segment digest.
    pub digest: DigestAlg,
    /// Frame and segment sizes.
    pub geometry: Geometry,
    /// The caller's own data, bound into every key and not stored; empty by default.
    pub context: Vec<u8>,
    /// Key slots that hold the stream key. With any, the key must have been drawn for this
    /// stream alone, and the stream is marked so.
    pub slots: Vec<Section>,
    /// Metadata as a UTF-8 JSON object, sealed into the header; a text that F-332 refuses is
    /// `Malformed`.
    pub metadata: Option<Vec<u8>>,
    /// Length of the header in bytes; `None` is the default or what the sections need.
    pub header_len: Option<u32>,
    /// Where salts come from: the operating system, except for vectors and tests.
    pub random: RandomSource,
    /// Threads, backend and observation.
    pub run: RunOptions,
}

impl EncryptOptions {
    /// AES-256-GCM, 64 KiB frames, 4 MiB segments, no digest, no slots, no metadata.
    #[must_use]
    pub fn standard() -> Self {
        Self {
            suite: Suite::Aes256Gcm,
            digest: DigestAlg::None,
            geometry: Geometry::STANDARD,
            context: Vec::new(),
            slots: Vec::new(),
            metadata: None,
            header_len: None,
            random: RandomSource::System,
            run: RunOptions::automatic(),
        }
    }
}

/// Whether a stream must be sealed to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// Anything but a sealed stream is an error.
    Required,
    /// A sealed stream that anything may follow, such as the padding of a tape or the rest of a
    /// device: its end is found, its seal is checked, and what follows is not looked at (F-839).
    MayBeFollowed,
    /// A stream without a trailer is read from the front up to its last whole segment; the
    /// report says so. Nothing is proved about its completeness or version (F-826).
    MayBeMissing,
}

/// How a stream is read.
#[derive(Debug, Clone)]
pub struct DecryptOptions {
    /// The context that the stream was written with.
    pub context: Vec<u8>,
    /// Whether the stream must be sealed.
    pub tail: Tail,
    /// The largest segment that is accepted, in plaintext bytes; bounds memory.
    pub max_segment_size: u64,
    /// The fingerprint that the stream must have, where the caller pinned one.
    pub expected_fingerprint: Option<[u8; 32]>,
    /// Threads, backend and observation.
    pub run: RunOptions,
}

impl DecryptOptions {
    /// Sealed streams of any legal segment size under an empty context.
    #[must_use]
    pub fn standard() -> Self {
        Self {
            context: Vec::new(),
            tail: Tail::Required,
            max_segment_size: MAX_SEGMENT_SIZE,
            expected_fingerprint: None,
            run: RunOptions::automatic(),
        }
    }
}
