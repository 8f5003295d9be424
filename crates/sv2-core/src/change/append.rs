//! Continuing a sealed stream with more plaintext (format.md section 11.2, F-1109 and F-1110).
//!
//! Full segments stay where they are, byte for byte; a short last one is opened and written anew
//! under a fresh salt.
//! What is overwritten is a segment and the tail at most, and the change record holds just that, so
//! an append that is cut off is taken back, however much it had written.

use std::path::Path;
use std::time::Instant;

use sv2_framing::SegmentIndex;

use crate::change::record::{Direction, Plan};
use crate::change::storage::FileStorage;
use crate::change::{ChangeFile, ChangeOptions, ChangeStorage, replay, stream_source};
use crate::decrypt::DecryptJob;
use crate::drive::{self, Drive, Ends};
use crate::header::KeyedHeader;
use crate::io::{Input, PositionedInput};
use crate::key::KeyRing;
use crate::report::Effort;
use crate::seal::{Feed, Front, SealJob};
use crate::tail::{Index, IndexBuilder, SealedStream};
use crate::{InputSource, KeySource, StageTimes, StreamError, StreamReport, Unit};

/// Appends `input` to the plaintext of the sealed stream at `path`.
///
/// Seal, header and index are verified first; the generation grows by 1, the header's revision
/// stays.
/// An empty input changes nothing, the generation included.
/// The front header is left as it is, also where it is damaged and the copy was used.
///
/// The report counts in `bytes_in` what was appended and in `bytes_out` what was written to the
/// stream; everything else in it is about the stream after the call.
///
/// # Errors
/// Those of a stream that is opened for reading and of its last segment (format.md section 9);
/// `Limit` where the plaintext or the generation would pass its maximum; `Read` and `InputChanged`
/// from the input; `Cancelled`, `Spawn`, `Defect`, `Crypto`, `Write`; those of
/// [`recover`](crate::recover).
/// After each of them the stream is in its old state, with two exceptions: `UnfinishedChange` says
/// that it could not be restored yet, which the next change or [`recover`](crate::recover) does,
/// and after `ChangeRecord` it may be in its new one.
///
/// # Panics
/// A panic in an observer or a reader is resumed on this thread after all threads of the call have
/// been joined; the next change takes back what was written.
pub fn append(
    path: &Path,
    input: InputSource<'_>,
    keys: &KeySource<'_>,
    options: &ChangeOptions,
) -> Result<StreamReport, StreamError> {
    append_on(&FileStorage::open(path)?, input, keys, options)
}

/// As [`append`], on a storage of the caller's.
///
/// # Errors
/// As [`append`].
pub fn append_on(
    storage: &dyn ChangeStorage,
    input: InputSource<'_>,
    keys: &KeySource<'_>,
    options: &ChangeOptions,
) -> Result<StreamReport, StreamError> {
    let begun = Instant::now();
    let mut ring = KeyRing::new(keys, &options.context, options.max_segment_size);
    options.recover(storage, &mut ring)?;
    let source = stream_source(storage)?;
    let stream = SealedStream::open(&source, &mut ring)?;
    options.for_reading().check_fingerprint(stream.fingerprint())?;
    let index = stream.read_written_index(&source)?;
    // The keys once more: those of the stream judge the change record, these seal.
    let keyed = KeyedHeader::open(stream.keyed.bytes.clone(), &mut ring, Unit::Header, 0)?;
    let (job, kept) = AppendJob::begin(storage, &source, (&stream, keyed), &index, options)?;
    let report = job.sealing.watch.ended(job.run(kept, input.open()?))?;
    Ok(report.since(begun))
}

/// What is known before the input is read.
struct AppendJob<'a> {
    storage: &'a dyn ChangeStorage,
    sealing: SealJob,
    /// The stream as it was.
    stream: &'a SealedStream,
    /// Plaintext of the short last segment.
    rest: Vec<u8>,
    stream_len: u64,
}

impl<'a> AppendJob<'a> {
    /// Opens what is written anew, and gives the index of what stays besides.
    fn begin(
        storage: &'a dyn ChangeStorage,
        source: &PositionedInput<'_>,
        (stream, keyed): (&'a SealedStream, KeyedHeader),
        index: &Index,
        options: &ChangeOptions,
    ) -> Result<(Self, IndexBuilder), StreamError> {
        let old = &stream.trailer;
        let generation = old.generation.checked_add(1).ok_or(StreamError::Limit {
            what: "generation",
            value: u64::MAX,
            max: u64::MAX - 1,
        })?;
        // The sealed entries of the segments that stay (F-1109).
        let full = stream.layout.full_segment().plaintext_len();
        let kept_segments = old.plaintext_len / u64::from(full);
        let mut kept = IndexBuilder::new(old.digest);
        for segment in 0..kept_segments {
            let entry = index.entry(segment).ok_or(StreamError::Defect { segment })?;
            kept.push(&entry, full);
        }
        let rest = if kept_segments < old.segments {
            let job = DecryptJob::new(&stream.keyed, &options.for_reading());
            let mut wire = Vec::new();
            let (layout, _) = job.open_segment(source, stream, index, kept_segments, &mut wire)?;
            layout.plaintext_slots().flat_map(|slot| &wire[slot]).copied().collect()
        } else {
            Vec::new()
        };
        let sealing = SealJob::under(keyed, &options.random, &options.run, generation);
        Ok((Self { storage, sealing, stream, rest, stream_len: source.len() }, kept))
    }

    fn run(&self, kept: IndexBuilder, input: Input<'_>) -> Result<StreamReport, StreamError> {
        let layout = self.sealing.layout();
        let watch = &self.sealing.watch;
        let total = input.len();
        self.sealing
            .check_len(self.stream.trailer.plaintext_len.saturating_add(total.unwrap_or(0)))?;
        watch.expect(total);

        // The first segment is filled before anything is changed.
        let sealed_len = total.map(|total| total.saturating_add(self.rest.len() as u64));
        let mut drive = Drive::begin(&watch.run, layout, sealed_len)?;
        let front = Front::begin(&self.rest, input, &layout)?;
        if front.offset() == 0 {
            return Ok(self.unchanged());
        }
        let feed = Feed::Front(front);
        let moves = drive.plan(Ends::Sequence, feed.segments(&layout));

        let first = kept.plaintext_len() / layout.geometry.segment_size();
        let mut plan = Plan::new(Direction::Undo, self.stream);
        plan.keep(layout.segment_offset(SegmentIndex(first)), self.stream_len);
        plan.store(self.storage)?;
        let report = self.write(moves, kept, feed);
        let report =
            report.map_err(|error| match replay::settle_own(self.storage, &self.stream.keyed) {
                Ok(()) => error,
                Err(_) => StreamError::UnfinishedChange {
                    what: "the next change takes it back",
                    source: Box::new(error),
                },
            })?;
        replay::remove(self.storage)?;
        Ok(report)
    }

    /// What is reported where the input is empty.
    fn unchanged(&self) -> StreamReport {
        self.sealing.report(&self.stream.trailer, Effort::inline(StageTimes::default()))
    }

    /// Writes segments and tail over the old tail, and brings them to stable storage.
    fn write(
        &self,
        moves: drive::Plan,
        kept: IndexBuilder,
        feed: Feed<'_>,
    ) -> Result<StreamReport, StreamError> {
        let first = kept.plaintext_len();
        let mut bytes_out = 0;
        let sink = |wire: &[u8], offset: u64| {
            bytes_out += wire.len() as u64;
            self.write_at(wire, offset)
        };
        let moved = self.sealing.front_to_back(moves, feed, kept, sink)?;
        let offset = self.sealing.layout().tail_offset(moved.index.plaintext_len());
        let report = self.sealing.finish(moved, |tail| {
            // F-1006: data, then the tail.
            self.sync(offset)?;
            bytes_out += tail.len() as u64;
            self.write_at(tail, offset)?;
            self.sync(offset)
        })?;
        // What interrupts a producer may end its output as well: until it counts, it is taken back.
        self.sealing
            .watch
            .check_cancelled(first / self.sealing.layout().geometry.segment_size())?;
        let bytes_in = report.plaintext_len - self.stream.trailer.plaintext_len;
        Ok(StreamReport { bytes_in, bytes_out, ..report })
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<(), StreamError> {
        self.storage
            .write_all_at(ChangeFile::Stream, bytes, offset)
            .map_err(|source| StreamError::Write { offset, source })
    }

    fn sync(&self, offset: u64) -> Result<(), StreamError> {
        let synced = self.storage.sync(ChangeFile::Stream);
        synced.map_err(|source| StreamError::Write { offset, source })
    }
}
