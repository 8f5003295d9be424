//! How a store writes, what it keeps, and what it makes of objects that are not its own.

use sv2_core::{DigestAlg, FetchPolicy, Geometry, Suite};

/// What is done about an object that is no stream of this store: one that lies in the same bucket
/// for another reason, or that an attacker put there.
///
/// Reads always tell. Lists and derived sizes know the length alone, and of all lengths above the
/// shortest stream's about one in two thousand is that of no stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Foreign {
    /// It is an error, in a list as well.
    Refuse,
    /// It is not listed, and reading it finds nothing.
    Hide,
    /// It is listed and read as it is: whoever may write to the store can then put bytes before
    /// readers that nobody sealed.
    ///
    /// An object that begins as a stream and does not end as one is an error all the same.
    PassUnauthenticated,
}

/// Where `head` has the plaintext's size from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sizes {
    /// From the length of the object under the store's profile, as lists have it: one request
    /// without a body, and no key. A read has the size from the seal, and an object whose seal
    /// contradicts its length is an error there.
    Derived,
    /// From the seal: one read of the object's end, and the key.
    Sealed,
}

/// How a store writes and reads.
///
/// Suite, digest, geometry and header length are the store's profile. They decide how many bytes an
/// object of so much plaintext has, so that lists can tell sizes without reading: every object of
/// a store has the same, and one of another profile is an error when it is read.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct StoreOptions {
    /// The AEAD of new objects.
    pub suite: Suite,
    /// The segment digest.
    pub digest: DigestAlg,
    /// Frame and segment sizes.
    pub geometry: Geometry,
    /// Length of every header in bytes; `None` is what the key provider says.
    pub header_len: Option<u32>,
    /// The caller's own data, bound into every key and not stored. It is the same for all objects,
    /// since a copy or a rename keeps the bytes.
    pub context: Vec<u8>,
    /// Bytes of a part of a multipart upload, at least 5 MiB; one whose first part is longer has
    /// parts as long as that. All parts of an upload but the last are equally long.
    pub part_size: u64,
    /// Bytes of opened frames that are kept: those at the edges of ranges, and short ranges.
    pub frame_cache: u64,
    /// Objects that are kept open: about 1 KiB each, and the index pages that were read.
    pub kept_open: usize,
    /// How ranges are joined into requests.
    pub fetch: FetchPolicy,
    /// Where `head` has sizes from.
    pub sizes: Sizes,
    /// What is done about objects that are no streams of this store.
    pub foreign: Foreign,
}

impl StoreOptions {
    /// AES-256-GCM in standard geometry without digest, an empty context, parts of 8 MiB, 16 MiB
    /// of frames, 256 objects, derived sizes; foreign objects are errors.
    #[must_use]
    pub fn standard() -> Self {
        Self {
            suite: Suite::Aes256Gcm,
            digest: DigestAlg::None,
            geometry: Geometry::STANDARD,
            header_len: None,
            context: Vec::new(),
            part_size: 8 << 20,
            frame_cache: 16 << 20,
            kept_open: 256,
            fetch: FetchPolicy::standard(),
            sizes: Sizes::Derived,
            foreign: Foreign::Refuse,
        }
    }

    /// The same with another AEAD.
    #[must_use]
    pub fn suite(self, suite: Suite) -> Self {
        Self { suite, ..self }
    }

    /// The same with a segment digest.
    #[must_use]
    pub fn digest(self, digest: DigestAlg) -> Self {
        Self { digest, ..self }
    }

    /// The same with other frames and segments.
    #[must_use]
    pub fn geometry(self, geometry: Geometry) -> Self {
        Self { geometry, ..self }
    }

    /// The same with headers of this many bytes.
    #[must_use]
    pub fn header_len(self, header_len: u32) -> Self {
        Self { header_len: Some(header_len), ..self }
    }

    /// The same under a context.
    #[must_use]
    pub fn context(self, context: impl Into<Vec<u8>>) -> Self {
        Self { context: context.into(), ..self }
    }

    /// The same with parts of this many bytes.
    #[must_use]
    pub fn part_size(self, part_size: u64) -> Self {
        Self { part_size, ..self }
    }

    /// The same, keeping this many bytes of opened frames.
    #[must_use]
    pub fn frame_cache(self, frame_cache: u64) -> Self {
        Self { frame_cache, ..self }
    }

    /// The same, keeping this many objects open.
    #[must_use]
    pub fn kept_open(self, kept_open: usize) -> Self {
        Self { kept_open, ..self }
    }

    /// The same with another way to join ranges.
    #[must_use]
    pub fn fetch(self, fetch: FetchPolicy) -> Self {
        Self { fetch, ..self }
    }

    /// The same with sizes of `head` from there.
    #[must_use]
    pub fn sizes(self, sizes: Sizes) -> Self {
        Self { sizes, ..self }
    }

    /// The same with another way to treat foreign objects.
    #[must_use]
    pub fn foreign(self, foreign: Foreign) -> Self {
        Self { foreign, ..self }
    }
}
