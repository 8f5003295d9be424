//! Continuing a sealed stream with more plaintext (format.md section 11, F-1109 and F-1110).
//!
//! Full segments stay where they are, byte for byte; a short last one is opened and written anew
//! under a fresh salt.
//! What is overwritten is a segment and the tail at most, and the change record holds just that, so an
//! append that is cut off is taken back, however much it had written.

mod write;

use std::path::Path;
use std::time::Instant;

use sv2_framing::{SegmentIndex, SegmentLayout, StreamLayout};
use sv2_headers::Trailer;
use sv2_segment_worker::{EncryptSegmentWorker, SegmentCryptoContext};

use crate::change::append::write::Filled;
use crate::change::record::{Direction, Plan};
use crate::change::storage::FileStorage;
use crate::change::{ChangeOptions, ChangeStorage, replay, stream_source};
use crate::decrypt::DecryptJob;
use crate::io::{Input, PositionedInput, SequentialInput};
use crate::key::KeyRing;
use crate::report::{StageClock, StageTimes};
use crate::tail::{Index, SealedStream};
use crate::{Driver, InputSource, KeySource, StreamError, StreamReport, fastest_backend};

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
/// A panic of an observer or of a reader goes on on this thread once all threads of the call have
/// ended; the next change takes back what was written.
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
    let index = stream.read_index(&source)?;
    let job = AppendJob::begin(storage, &source, &stream, &index, options)?;
    let done = job.run(input.open()?)?;
    Ok(StreamReport {
        bytes_in: done.plaintext_len - stream.trailer.plaintext_len,
        bytes_out: done.bytes_out,
        plaintext_len: done.plaintext_len,
        segments: done.trailer.segments,
        frames: done.plaintext_len.div_ceil(job.layout.geometry.frame_size().into()),
        kept_segments: 0,
        wall: begun.elapsed(),
        stages: done.stages,
        threads: done.threads,
        driver: done.driver,
        backend: job.worker.context().backend(),
        sealed: true,
        unsealed_end: None,
        fingerprint: Some(stream.keyed.fingerprint(&done.trailer)),
        revision: stream.keyed.header.revision,
        generation: done.trailer.generation,
    })
}

/// What is known before the input is read.
struct AppendJob<'a> {
    storage: &'a dyn ChangeStorage,
    stream: &'a SealedStream,
    index: &'a Index,
    options: &'a ChangeOptions,
    worker: EncryptSegmentWorker,
    layout: StreamLayout,
    /// Full segments, which stay.
    kept: u64,
    /// Plaintext of the short last segment.
    rest: Vec<u8>,
    stream_len: u64,
    generation: u64,
}

/// What was done.
struct Done {
    plaintext_len: u64,
    bytes_out: u64,
    trailer: Trailer,
    stages: StageTimes,
    threads: usize,
    driver: Driver,
}

impl<'a> AppendJob<'a> {
    fn begin(
        storage: &'a dyn ChangeStorage,
        source: &PositionedInput<'_>,
        stream: &'a SealedStream,
        index: &'a Index,
        options: &'a ChangeOptions,
    ) -> Result<Self, StreamError> {
        let header = &stream.keyed.header;
        let backend = options.run.backend.unwrap_or_else(|| fastest_backend(header.suite));
        let key = stream.keyed.segments_key();
        let context = SegmentCryptoContext::new(header, key, backend, options.random.clone());
        let generation = stream.trailer.generation.checked_add(1).ok_or(StreamError::Limit {
            what: "generation",
            value: u64::MAX,
            max: u64::MAX - 1,
        })?;
        let kept = stream.trailer.plaintext_len / stream.layout.geometry.segment_size();
        let rest = if kept < stream.trailer.segments {
            let job = DecryptJob::new(&stream.keyed, &options.for_reading())?;
            let (mut wire, clock) = (Vec::new(), StageClock::default());
            let layout = job.open_segment(source, stream, index, kept, &mut wire, &clock)?;
            layout.plaintext_slots().flat_map(|slot| &wire[slot]).copied().collect()
        } else {
            Vec::new()
        };
        Ok(Self {
            storage,
            stream,
            index,
            options,
            worker: EncryptSegmentWorker::new(context),
            layout: stream.layout,
            kept,
            rest,
            stream_len: source.len(),
            generation,
        })
    }

    fn run(&self, input: Input<'_>) -> Result<Done, StreamError> {
        let total = match &input {
            Input::Positioned(input) => Some(input.len()),
            Input::Sequential(_) => None,
        };
        self.check_len(self.stream.trailer.plaintext_len.saturating_add(total.unwrap_or(0)))?;
        let mut input = input.into_sequential();

        // The first segment is filled before anything is changed. An input of known length gets a
        // buffer of its size, and one byte more to notice that it grew.
        let full = SegmentLayout::full(self.layout.geometry, self.layout.digest);
        let segment_size = self.layout.geometry.segment_size();
        let wanted = total.map(|total| (self.rest.len() as u64).saturating_add(total));
        let room = wanted.map_or(segment_size, |len| segment_size.min(len.saturating_add(1)));
        let room = self.worker.context().layout(room).unwrap_or(full);
        let mut wire = vec![0; room.wire_len()];
        let plaintext_len = self.fill_first(&mut input, &mut wire, room)?;
        let small = u64::from(plaintext_len) < segment_size;
        if small && total.is_some_and(|total| total != input.offset()) {
            return Err(StreamError::InputChanged { offset: input.offset() });
        }
        if input.offset() == 0 {
            return Ok(self.unchanged());
        }

        let mut plan = Plan::new(Direction::Undo, self.stream);
        plan.keep(self.layout.segment_offset(SegmentIndex(self.kept)), self.stream_len);
        plan.store(self.storage)?;
        let done = self.write(input, total, Filled { wire, plaintext_len }, small);
        let done =
            done.map_err(|error| match replay::settle_own(self.storage, &self.stream.keyed) {
                Ok(()) => error,
                Err(_) => StreamError::UnfinishedChange {
                    what: "the next change takes it back",
                    source: Box::new(error),
                },
            })?;
        replay::remove(self.storage)?;
        Ok(done)
    }

    /// What is reported where the input is empty.
    fn unchanged(&self) -> Done {
        Done {
            plaintext_len: self.stream.trailer.plaintext_len,
            bytes_out: 0,
            trailer: self.stream.trailer.clone(),
            stages: StageTimes::default(),
            threads: 1,
            driver: Driver::Inline,
        }
    }

    /// Fills the slots of the first segment with the rest of the old last one and with input.
    fn fill_first(
        &self,
        input: &mut SequentialInput<'_>,
        wire: &mut [u8],
        layout: SegmentLayout,
    ) -> Result<u32, StreamError> {
        let mut rest = &self.rest[..];
        let mut filled = 0;
        for slot in layout.plaintext_slots() {
            let slot = &mut wire[slot];
            let (old, more) = rest.split_at(rest.len().min(slot.len()));
            slot[..old.len()].copy_from_slice(old);
            rest = more;
            let wanted = slot.len() - old.len();
            let read = input.read_up_to(&mut slot[old.len()..])?;
            filled += (old.len() + read) as u32;
            if read < wanted {
                break;
            }
        }
        Ok(filled)
    }

    /// Refuses a plaintext that this geometry cannot hold (F-204).
    fn check_len(&self, value: u64) -> Result<(), StreamError> {
        let max = self.layout.geometry.max_plaintext_len();
        if value > max {
            return Err(StreamError::Limit { what: "plaintext length", value, max });
        }
        Ok(())
    }
}
