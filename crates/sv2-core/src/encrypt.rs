//! Encrypting a whole stream (format.md section 10).

mod ordered;
mod positional;
mod sequential;

use std::num::NonZeroUsize;
use std::time::Instant;

use sv2_framing::StreamLayout;
use sv2_headers::Trailer;
use sv2_pipeline::PipelineOptions;
use sv2_segment_worker::{EncryptSegmentWorker, SegmentCryptoContext};

use crate::header::{KeyedHeader, new_header};
use crate::io::{Input, Output, PositionedOutput, Secrecy, SequentialOutput};
use crate::report::StageTimes;
use crate::tail::IndexBuilder;
pub(crate) use positional::SealedSegments;

use crate::{
    Driver, EncryptOptions, InputSource, OutputSink, RunOptions, StreamError, StreamKey,
    StreamReport, fastest_backend,
};

/// Encrypts `input` to `output` as one sealed stream.
///
/// The driver follows from what both ends can do; the bytes do not depend on it (F-105).
/// A named output appears under its name only when the whole stream is on stable storage.
///
/// # Errors
/// `Read`, `Write`, `OutputExists`, `InputChanged` from the two ends; `Limit` for an input longer
/// than the geometry allows, `Usage` for options that contradict each other; `Cancelled`,
/// `Spawn`, `Defect`, `Crypto`.
/// Of several, the one earliest in the stream.
/// An output that is no name holds an unspecified part of an unsealed stream then.
///
/// # Panics
/// A panic of an observer, a reader or a writer goes on on this thread once all threads of the
/// call have ended.
pub fn encrypt_stream_v2(
    input: InputSource<'_>,
    mut output: OutputSink<'_>,
    key: &StreamKey,
    options: &EncryptOptions,
) -> Result<StreamReport, StreamError> {
    let begun = Instant::now();
    output.clear();
    let input = input.open()?;
    let job = EncryptJob::begin(key, options)?;
    let written = match output.open(Secrecy::Stream)? {
        Output::Sequential(mut output) => {
            let written = job.sequential(input, &mut output)?;
            output.flush()?;
            written
        }
        Output::File { file, base, end, positional } => {
            let written = job.to_file(input, &file, base, positional)?;
            end.finish(file, base + written.stream_len, &job.run.cancel)?;
            written
        }
        Output::Memory(bytes) => {
            let written = job.to_memory(input, bytes);
            if written.is_err() {
                bytes.clear();
            }
            written?
        }
    };
    Ok(job.report(&written, begun))
}

/// Everything about a new stream that is known before its first byte of plaintext.
pub(crate) struct EncryptJob {
    pub(crate) keyed: KeyedHeader,
    pub(crate) worker: EncryptSegmentWorker,
    pub(crate) layout: StreamLayout,
    pub(crate) run: RunOptions,
}

/// What a driver did.
pub(crate) struct Written {
    pub(crate) plaintext_len: u64,
    pub(crate) stream_len: u64,
    pub(crate) trailer: Trailer,
    pub(crate) stages: StageTimes,
    pub(crate) threads: usize,
    pub(crate) driver: Driver,
}

impl EncryptJob {
    pub(crate) fn begin(key: &StreamKey, options: &EncryptOptions) -> Result<Self, StreamError> {
        let keyed = KeyedHeader::create(key, &new_header(options), &options.random)?;
        Ok(Self::under(keyed, options))
    }

    /// A job under a header that exists already.
    pub(crate) fn under(keyed: KeyedHeader, options: &EncryptOptions) -> Self {
        let backend = options.run.backend.unwrap_or_else(|| fastest_backend(options.suite));
        let context = SegmentCryptoContext::new(
            &keyed.header,
            keyed.segments_key(),
            backend,
            options.random.clone(),
        );
        let layout = keyed.layout();
        let worker = EncryptSegmentWorker::new(context);
        Self { keyed, worker, layout, run: options.run.clone() }
    }

    fn to_file(
        &self,
        input: Input<'_>,
        file: &std::fs::File,
        base: u64,
        positional: bool,
    ) -> Result<Written, StreamError> {
        match input {
            Input::Positioned(input) if positional && self.wants_positional(input.len()) => {
                self.positional(&input, &PositionedOutput::File { file, base })
            }
            input => self.sequential(input, &mut SequentialOutput::new(Box::new(file))),
        }
    }

    fn to_memory(&self, input: Input<'_>, bytes: &mut Vec<u8>) -> Result<Written, StreamError> {
        match input {
            Input::Positioned(input) if self.wants_positional(input.len()) => {
                self.positional_to_memory(&input, bytes)
            }
            input => {
                let mut output = SequentialOutput::new(Box::new(bytes));
                self.sequential(input, &mut output)
            }
        }
    }

    /// Whether the positional driver is the one for an input of this length.
    fn wants_positional(&self, plaintext_len: u64) -> bool {
        match self.run.driver {
            Some(driver) => driver == Driver::Positional,
            None => plaintext_len > self.layout.geometry.segment_size(),
        }
    }

    /// Threads for a job of so many segments, and buffers for them.
    pub(crate) fn pipeline(&self, segments: Option<u64>) -> PipelineOptions {
        pipeline_options(&self.run, &self.layout, segments)
    }

    /// The tail of a new stream with these segments.
    ///
    /// # Errors
    /// `Cancelled`: what interrupts a producer may end its output as well, and then what was read
    /// is not all that there was to seal.
    pub(crate) fn tail(&self, entries: IndexBuilder) -> Result<(Vec<u8>, Trailer), StreamError> {
        if self.run.cancel.is_cancelled() {
            return Err(StreamError::Cancelled { segment: 0 });
        }
        Ok(entries.into_tail(&self.keyed, 0))
    }

    /// Refuses a plaintext that this geometry cannot hold (F-204).
    pub(crate) fn check_len(&self, plaintext_len: u64) -> Result<(), StreamError> {
        let max = self.layout.geometry.max_plaintext_len();
        if plaintext_len > max {
            return Err(StreamError::Limit { what: "plaintext length", value: plaintext_len, max });
        }
        Ok(())
    }

    pub(crate) fn report(&self, written: &Written, begun: Instant) -> StreamReport {
        StreamReport {
            bytes_in: written.plaintext_len,
            bytes_out: written.stream_len,
            plaintext_len: written.plaintext_len,
            segments: written.trailer.segments,
            frames: written.plaintext_len.div_ceil(self.layout.geometry.frame_size().into()),
            kept_segments: 0,
            wall: begun.elapsed(),
            stages: written.stages,
            threads: written.threads,
            driver: written.driver,
            backend: self.worker.context().backend(),
            sealed: true,
            unsealed_end: None,
            fingerprint: Some(self.keyed.fingerprint(&written.trailer)),
            revision: self.keyed.header.revision,
            generation: written.trailer.generation,
        }
    }
}

/// The segments that threads work on at the same time take at most this many bytes, or one thread
/// works alone: the header of a stream, which anybody can write, says how long segments are.
const WORKING_LEN: u64 = 1 << 30;
/// Buffers beyond one for each thread, the reader and the writer are only worth this much memory.
const SPARE_BUFFERS_LEN: u64 = 256 << 20;

/// Threads and buffers: no more threads than segments, and spare buffers only while they are
/// small.
pub(crate) fn pipeline_options(
    run: &RunOptions,
    layout: &StreamLayout,
    segments: Option<u64>,
) -> PipelineOptions {
    let affordable =
        usize::try_from(WORKING_LEN / layout.geometry.segment_size()).unwrap_or(usize::MAX);
    let affordable = NonZeroUsize::new(affordable).unwrap_or(NonZeroUsize::MIN);
    let wanted = run.worker_threads().min(affordable);
    let threads = segments
        .and_then(|segments| usize::try_from(segments).ok())
        .and_then(NonZeroUsize::new)
        .map_or(wanted, |segments| wanted.min(segments));
    let mut options = PipelineOptions::for_threads(threads);
    let needed = threads.saturating_add(2);
    if options.buffers.get() as u64 * layout.full_segment_len() > SPARE_BUFFERS_LEN {
        options.buffers = needed;
    }
    options
}

#[cfg(test)]
mod tests {
    use sv2_headers::{DigestAlg, Geometry};

    use super::*;

    /// F-802: what a header says of segments does not multiply by the caller's threads.
    #[test]
    fn threads_are_as_few_as_large_segments_need() {
        let run = RunOptions { threads: NonZeroUsize::new(16), ..RunOptions::automatic() };
        let threads = |frames_log2: u8| {
            let geometry = Geometry::new(16, frames_log2).expect("a legal geometry");
            let layout = StreamLayout { geometry, digest: DigestAlg::None, header_len: 1024 };
            let options = pipeline_options(&run, &layout, None);
            (options.threads.get(), options.buffers.get())
        };
        assert_eq!(threads(0), (16, 34), "64 KiB");
        assert_eq!(threads(6), (16, 34), "4 MiB");
        assert_eq!(threads(9), (16, 18), "32 MiB");
        assert_eq!(threads(12), (4, 6), "256 MiB");
        assert_eq!(threads(14), (1, 3), "1 GiB");
    }
}
