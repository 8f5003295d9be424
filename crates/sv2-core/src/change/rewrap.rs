//! Rewriting the header of a sealed stream: other recipients, the same segments (format.md
//! section 11.1, F-1107 and F-1108).
//!
//! A recipient who is removed is not locked out of what he could read: who had the stream key
//! keeps it.

use std::path::Path;
use std::time::{Duration, Instant};

use sv2_crypto::StreamKey;
use sv2_headers::{
    SECTION_METADATA, SECTION_SLOT, Section, StreamHeader, TRAILER_LEN, Trailer, sections_len,
};

use sv2_stream::{open_metadata, seal_metadata};

use crate::change::record::{Direction, Plan};
use crate::change::storage::FileStorage;
use crate::change::{ChangeOptions, ChangeStorage, replay, stream_source};
use crate::header::{KeyedHeader, check_slots, room_of, signed_in};
use crate::io::PositionedInput;
use crate::key::KeyRing;
use crate::tail::SealedStream;
use crate::{KeySource, StreamError};

/// What a header holds that a rewrite may change.
#[non_exhaustive]
pub struct HeaderContent<'a> {
    /// The stream key, for wrapping it into slots.
    pub key: &'a StreamKey,
    /// The key slots, in order.
    pub slots: &'a [Section],
    /// The metadata as [`read_metadata`](crate::read_metadata) gives them, or why they do not
    /// open.
    pub metadata: Result<Option<Vec<u8>>, StreamError>,
    /// Bytes that the header has for sections: each takes its body and 6 more.
    pub available: u64,
}

/// What a header shall hold.
#[non_exhaustive]
pub struct HeaderChange {
    /// The key slots, in order; at least one.
    pub slots: Vec<Section>,
    /// The metadata.
    pub metadata: MetadataChange,
}

impl HeaderChange {
    /// These slots, in this order, and what becomes of the metadata.
    pub fn new(slots: Vec<Section>, metadata: MetadataChange) -> Self {
        Self { slots, metadata }
    }
}

/// What becomes of the metadata (F-331).
#[non_exhaustive]
pub enum MetadataChange {
    /// They stay as they are, byte for byte.
    Keep,
    /// This UTF-8 JSON object takes their place, sealed under a fresh salt; its `slots` member
    /// names the slots in their new order.
    Replace(Vec<u8>),
    /// There are none any more.
    Remove,
}

/// What a rewrite of a header did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RewrapReport {
    /// Slots before.
    pub slots_before: usize,
    /// Slots now.
    pub slots: usize,
    /// The header's new revision.
    pub revision: u64,
    /// The stream's generation, which stays.
    pub generation: u64,
    /// The stream's fingerprint, which stays.
    pub fingerprint: [u8; 32],
    /// Bytes that the sections take in the header.
    pub used: u64,
    /// Bytes that the header has for them.
    pub available: u64,
    /// Time from call to return.
    pub wall: Duration,
}

/// Replaces the key slots of the sealed stream at `path`, whatever the stream's length.
///
/// `change` is asked once, after seal and header were found right, and nothing is written where
/// it fails; its error comes back as it is.
/// Sections that are neither slots nor metadata stay as they are, behind the slots.
/// Header, header copy and trailer are written, and nothing else.
/// The plaintext, the generation and the fingerprint stay, the header's revision grows by 1.
///
/// # Errors
/// Those of a stream that is opened for reading (format.md section 9); `Usage` for a stream that
/// is not slotted, and for a change that leaves no slot; `HeaderFull` where the sections do not fit
/// into the header (F-1108); `Malformed` and `Limit` for slots that break a rule of F-316 to
/// F-321.
/// Those of [`recover`](crate::recover), and `UnfinishedChange`; after it, `ChangeRecord`, `Read`
/// and `Write` a change record may lie beside the stream, by which the next change or `recover`
/// finishes this one.
pub fn rewrap<E: From<StreamError>>(
    path: &Path,
    keys: &KeySource<'_>,
    change: impl FnOnce(HeaderContent<'_>) -> Result<HeaderChange, E>,
    options: &ChangeOptions,
) -> Result<RewrapReport, E> {
    rewrap_on(&FileStorage::open(path)?, keys, change, options)
}

/// As [`rewrap`], on a storage of the caller's.
///
/// # Errors
/// As [`rewrap`].
pub fn rewrap_on<E: From<StreamError>>(
    storage: &dyn ChangeStorage,
    keys: &KeySource<'_>,
    change: impl FnOnce(HeaderContent<'_>) -> Result<HeaderChange, E>,
    options: &ChangeOptions,
) -> Result<RewrapReport, E> {
    let begun = Instant::now();
    let mut ring = KeyRing::new(keys, &options.context, options.max_segment_size);
    options.recover(storage, &mut ring)?;
    let source = stream_source(storage)?;
    let stream = SealedStream::open(&source, &mut ring)?;
    options.for_reading().check_fingerprint(stream.fingerprint())?;
    let old = &stream.keyed;
    if !old.header.slotted {
        let why = "the stream was written without key slots and can get none";
        return Err(StreamError::Usage(why).into());
    }
    // The ring opened the header, so it has the key.
    let key = ring.key().ok_or(StreamError::WrongKeyOrContext)?;

    let slots = slots_of(&old.header.sections);
    let available = room_of(old.bytes.len());
    let metadata = open_metadata(old).map_err(StreamError::from);
    let wanted = change(HeaderContent { key, slots: &slots, metadata, available })?;
    let (header, header_bytes) = rewritten(old, wanted, options)?;
    let trailer_bytes = resealed(&stream, header.revision);
    write(storage, &source, &stream, &header_bytes, &trailer_bytes)?;

    Ok(RewrapReport {
        slots_before: slots.len(),
        slots: slots_of(&header.sections).len(),
        revision: header.revision,
        generation: stream.trailer.generation,
        fingerprint: stream.fingerprint(),
        used: sections_len(&header.sections) as u64,
        available,
        wall: begun.elapsed(),
    })
}

/// The header with what is wanted in it, and its bytes.
fn rewritten(
    old: &KeyedHeader,
    wanted: HeaderChange,
    options: &ChangeOptions,
) -> Result<(StreamHeader, Vec<u8>), StreamError> {
    let HeaderChange { slots, metadata } = wanted;
    check_slots(&slots).map_err(StreamError::from)?;
    if slots_of(&slots).is_empty() {
        return Err(StreamError::Usage("without a key slot nobody could open the stream"));
    }
    let mut header = old.header.clone();
    // F-310
    header.revision = old.header.revision.checked_add(1).ok_or(StreamError::Limit {
        what: "header revision",
        value: u64::MAX,
        max: u64::MAX - 1,
    })?;
    header.sections = slots;
    let keeps_metadata = matches!(metadata, MetadataChange::Keep);
    if let MetadataChange::Replace(json) = metadata {
        let sealed = seal_metadata(&json, &old.keys, old.header.suite, &options.random)?;
        header.sections.push(sealed);
    }
    let kept = old.header.sections.iter().filter(|section| match section.kind {
        SECTION_SLOT => false,
        SECTION_METADATA => keeps_metadata,
        _ => true,
    });
    header.sections.extend(kept.cloned());
    let bytes = signed_in(old.bytes.len(), &mut header, &old.keys)?;
    Ok((header, bytes))
}

/// The trailer with another revision under its seal.
fn resealed(stream: &SealedStream, revision: u64) -> [u8; TRAILER_LEN] {
    let mut bytes = Trailer { revision, ..stream.trailer.clone() }.encode();
    let seal = stream.keyed.keys.seal_key().sign(&[Trailer::sealed(&bytes)]);
    Trailer::finish(&mut bytes, &seal);
    bytes
}

/// Writes the change record and does what it says; a header that is damaged is mended by it.
fn write(
    storage: &dyn ChangeStorage,
    source: &PositionedInput<'_>,
    stream: &SealedStream,
    header: &[u8],
    trailer: &[u8; TRAILER_LEN],
) -> Result<(), StreamError> {
    let trailer_offset = source.len() - TRAILER_LEN as u64;
    let mut plan = Plan::new(Direction::Redo, stream);
    // F-1107: in this order.
    plan.write(stream.layout.tail_offset(stream.trailer.plaintext_len), header);
    plan.write(0, header);
    plan.write(trailer_offset, trailer);
    plan.store(storage)?;
    replay::settle_own(storage, &stream.keyed).map_err(|error| StreamError::UnfinishedChange {
        what: "the next change finishes it",
        source: Box::new(error),
    })
}

fn slots_of(sections: &[Section]) -> Vec<Section> {
    sections.iter().filter(|section| section.kind == SECTION_SLOT).cloned().collect()
}
