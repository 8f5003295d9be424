//! What a caller may choose of a stream.

mod run;

use sv2_crypto::RandomSource;
use sv2_headers::{DigestAlg, Geometry, MAX_SEGMENT_SIZE, Section, Suite};

pub use run::{Driver, IoThreads, Observer, Progress, RunOptions, fastest_backend};

/// The parameters of a new stream (format.md sections 2 and 3).
#[derive(Debug, Clone)]
#[non_exhaustive]
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

    /// The same with another AEAD.
    #[must_use]
    pub fn suite(self, suite: Suite) -> Self {
        Self { suite, ..self }
    }

    /// The same with another segment digest.
    #[must_use]
    pub fn digest(self, digest: DigestAlg) -> Self {
        Self { digest, ..self }
    }

    /// The same with other sizes of frames and segments.
    #[must_use]
    pub fn geometry(self, geometry: Geometry) -> Self {
        Self { geometry, ..self }
    }

    /// The same with data of the caller's that are bound into every key.
    #[must_use]
    pub fn context(self, context: impl Into<Vec<u8>>) -> Self {
        Self { context: context.into(), ..self }
    }

    /// The same with key slots, in this order.
    #[must_use]
    pub fn slots(self, slots: impl Into<Vec<Section>>) -> Self {
        Self { slots: slots.into(), ..self }
    }

    /// The same with metadata.
    #[must_use]
    pub fn metadata(self, json: impl Into<Vec<u8>>) -> Self {
        Self { metadata: Some(json.into()), ..self }
    }

    /// The same with a header of so many bytes.
    #[must_use]
    pub fn header_len(self, len: u32) -> Self {
        Self { header_len: Some(len), ..self }
    }

    /// The same with another source of salts.
    #[cfg(feature = "hazmat")]
    #[must_use]
    pub fn random(self, random: RandomSource) -> Self {
        Self { random, ..self }
    }

    /// The same with other threads, backend and observation.
    #[must_use]
    pub fn run(self, run: RunOptions) -> Self {
        Self { run, ..self }
    }
}

/// Whether a stream must be sealed to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
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
#[non_exhaustive]
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

    /// The same with the context that the stream was written with.
    #[must_use]
    pub fn context(self, context: impl Into<Vec<u8>>) -> Self {
        Self { context: context.into(), ..self }
    }

    /// The same with another rule for the stream's end.
    #[must_use]
    pub fn tail(self, tail: Tail) -> Self {
        Self { tail, ..self }
    }

    /// The same with another largest segment, in plaintext bytes.
    #[must_use]
    pub fn max_segment_size(self, max: u64) -> Self {
        Self { max_segment_size: max, ..self }
    }

    /// The same for the stream with this fingerprint only.
    #[must_use]
    pub fn expected_fingerprint(self, fingerprint: [u8; 32]) -> Self {
        Self { expected_fingerprint: Some(fingerprint), ..self }
    }

    /// The same with other threads, backend and observation.
    #[must_use]
    pub fn run(self, run: RunOptions) -> Self {
        Self { run, ..self }
    }
}
