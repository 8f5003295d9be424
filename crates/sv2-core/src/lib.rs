//! Parallel, seekable, authenticated streaming encryption: the `stream_v2` facade.
//!
//! [`encrypt_stream_v2`] and [`decrypt_stream_v2`] do whole streams from any input to any
//! output; [`EncryptWriter`] and [`DecryptReader`] put a stream behind `Write` and `Read`.
//! The format is `docs/format.md`; the rules of failure are in `docs/architecture.md`.
//! Nothing is printed here, and nothing is released before it was authenticated.

#![doc = include_str!("../README.md")]

mod change;
mod changed;
mod damage;
mod decrypt;
mod drive;
mod encrypt;
mod end;
mod error;
mod extents;
mod header;
mod inspect;
mod io;
mod key;
mod mend;
mod metadata;
mod options;
pub mod parts;
mod pool;
mod ranges;
mod reader;
mod report;
mod resume;
mod salvage;
mod scrub;
mod seal;
mod survey;
mod system;
mod tail;
mod watch;
mod writer;

/// The format, as `docs/format.md` of the project: what numbers such as F-707 refer to.
#[cfg(all(doc, not(doctest)))]
#[allow(rustdoc::broken_intra_doc_links, reason = "brackets of the text are offsets")]
#[doc = include_str!("../format.md")]
pub mod format {}

/// The files beside a stream, as `docs/local-files.md` of the project: what numbers such as F-1207
/// refer to.
#[cfg(all(doc, not(doctest)))]
#[allow(rustdoc::broken_intra_doc_links, reason = "brackets of the text are offsets")]
#[doc = include_str!("../local-files.md")]
pub mod local_files {}

pub use change::{
    ChangeClaim, ChangeFault, ChangeFile, ChangeOptions, ChangeStorage, HeaderChange,
    HeaderContent, MetadataChange, Recovery, RecoveryObserver, RewrapReport, append, append_on,
    inspect_change, inspect_change_on, name_beside, open_beside, recover, recover_on, rewrap,
    rewrap_on, unfinished_change,
};
pub use damage::{Damage, DamageMap, Fault, MAX_DAMAGES};
pub use decrypt::{decrypt_stream_v2, decrypt_stream_with};
pub use encrypt::{encrypt_for, encrypt_stream_v2};
pub use end::{Trailing, trailing};
pub use error::{ErrorKind, StreamError, Unit};
pub use inspect::{Inspection, inspect, object_checksum};
pub use io::{
    Existing, FileAttributes, HeldFolder, HeldOutput, InputSource, NamedOutput, OutputBatch,
    OutputFault, OutputPlace, OutputSink, OutputWriter, ReadAt, ReadPart, Waiting, WriteAt,
    descriptor_number, open_descriptor, remove_unfinished_outputs,
};
pub use key::KeySource;
pub use mend::{Mend, Mends, find_mends};
pub use metadata::{OpenedHeader, open_header, read_metadata};
pub use options::{
    DecryptOptions, Driver, EncryptOptions, IoThreads, Observer, Progress, RunOptions, Tail,
    fastest_backend,
};
pub use pool::Pool;
pub use ranges::{ReaderOptions, SharedCursor, StreamCursor, StreamReader};
pub use reader::DecryptReader;
pub use report::{StageTimes, StreamReport};
pub use resume::{
    CheckpointError, CheckpointFile, FileFault, ResumableOutput, decrypt_resumable,
    encrypt_resumable, resume_encrypt,
};
pub use salvage::{Gaps, SalvageReport, salvage};
pub use scrub::{
    scrub, scrub_followed, scrub_followed_with, scrub_pipe, scrub_with, verify, verify_with,
};
pub use writer::EncryptWriter;

#[cfg(feature = "hazmat")]
pub use sv2_crypto::hazmat;
pub use sv2_crypto::{
    Backend, CryptoError, KeyOpener, RandomSource, SegmentsKey, SlotError, StreamKey,
};
pub use sv2_framing::{FrameIndex, PlaintextPosition, SegmentIndex, SegmentLayout, StreamLayout};
pub use sv2_headers::{DigestAlg, Geometry, HeaderError, Section, StreamHeader, Suite, Trailer};
pub use sv2_pipeline::Cancellation;
pub use sv2_stream::{FetchPolicy, Plaintext};
