//! What a call did.

use std::time::{Duration, Instant};

use sv2_crypto::Backend;
use sv2_headers::{StreamHeader, Trailer};

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

/// How the segments of a call were moved.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    pub(crate) stages: StageTimes,
    pub(crate) threads: usize,
    pub(crate) driver: Driver,
}

impl Effort {
    /// That of a call that moved nothing, or moves segments as its caller hands them in.
    pub(crate) fn inline(stages: StageTimes) -> Self {
        Self { stages, threads: 1, driver: Driver::Inline }
    }
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

impl StreamReport {
    /// The report on a sealed stream, of which nothing was read or written yet.
    pub(crate) fn sealed(
        header: &StreamHeader,
        trailer: &Trailer,
        fingerprint: [u8; 32],
        backend: Backend,
        effort: Effort,
    ) -> Self {
        Self {
            plaintext_len: trailer.plaintext_len,
            segments: trailer.segments,
            frames: trailer.plaintext_len.div_ceil(header.geometry.frame_size().into()),
            sealed: true,
            unsealed_end: None,
            fingerprint: Some(fingerprint),
            generation: trailer.generation,
            ..Self::unsealed(header, ErrorKind::Unsealed, backend, effort)
        }
    }

    /// The report on a stream that is not sealed, of which nothing was found yet.
    pub(crate) fn unsealed(
        header: &StreamHeader,
        end: ErrorKind,
        backend: Backend,
        effort: Effort,
    ) -> Self {
        Self {
            bytes_in: 0,
            bytes_out: 0,
            plaintext_len: 0,
            segments: 0,
            frames: 0,
            kept_segments: 0,
            wall: Duration::ZERO,
            stages: effort.stages,
            threads: effort.threads,
            driver: effort.driver,
            backend,
            sealed: false,
            unsealed_end: Some(end),
            fingerprint: None,
            revision: header.revision,
            generation: 0,
        }
    }

    /// The same, of a call that began then and ends now.
    pub(crate) fn since(self, begun: Instant) -> Self {
        Self { wall: begun.elapsed(), ..self }
    }
}

/// What a callback gave, and how long it took.
pub(crate) fn timed<T>(callback: impl FnOnce() -> T) -> (T, Duration) {
    let begun = Instant::now();
    let value = callback();
    (value, begun.elapsed())
}
