//! Decrypting a whole stream (format.md section 8).

mod pipe;
mod seekable;

use std::time::Instant;

use sv2_framing::StreamLayout;
use sv2_segment_worker::{DecryptSegmentWorker, SegmentCryptoContext};
use sv2_stream::Depth;

use crate::header::KeyedHeader;
use crate::io::{Input, Output, PositionedOutput, Secrecy, SequentialOutput};
use crate::key::KeyRing;
use crate::report::StageTimes;
use crate::tail::SealedStream;
use crate::{
    DecryptOptions, Driver, ErrorKind, InputSource, KeySource, OutputSink, RandomSource,
    StreamError, StreamKey, StreamReport, Tail, fastest_backend,
};

pub(crate) use pipe::{Next, Opened, PipeSource, read_header};

/// Decrypts the stream `input` to `output` under its key.
///
/// An input that can seek is opened from its seal, and nothing is released before the seal, the
/// lengths and the index hold; on a pipe whole segments are released as they open, and an error
/// at the end says that what was released is not one sealed version.
///
/// # Errors
/// Those of section 9 of the format, in its order; `Read`, `Write`, `OutputExists`, `Cancelled`,
/// `Spawn`, `Defect`.
/// A named output does not appear then; any other holds authenticated plaintext of an
/// unspecified part of the stream.
///
/// # Panics
/// A panic of an observer, a reader or a writer goes on on this thread once all threads of the
/// call have ended.
pub fn decrypt_stream_v2(
    input: InputSource<'_>,
    output: OutputSink<'_>,
    key: &StreamKey,
    options: &DecryptOptions,
) -> Result<StreamReport, StreamError> {
    decrypt_stream_with(input, output, &KeySource::Key(key), options)
}

/// As [`decrypt_stream_v2`], with a key that may come out of the stream's own key slots.
///
/// # Errors
/// As [`decrypt_stream_v2`], and `NoKeyFits` where no slot opens.
pub fn decrypt_stream_with(
    input: InputSource<'_>,
    mut output: OutputSink<'_>,
    keys: &KeySource<'_>,
    options: &DecryptOptions,
) -> Result<StreamReport, StreamError> {
    let begun = Instant::now();
    output.clear();
    let mut ring = KeyRing::new(keys, &options.context, options.max_segment_size);
    let done = match input.open()? {
        Input::Positioned(source) => {
            let sealed = SealedStream::open_to(Depth::PageTable, &source, &mut ring)
                .and_then(|stream| stream.read_index(&source).map(|index| (stream, index)));
            match sealed {
                Ok((stream, index)) => {
                    let job = DecryptJob::new(&stream.keyed, options)?;
                    options.check_fingerprint(stream.fingerprint())?;
                    let opened = output.open(Secrecy::Plaintext)?;
                    let positional =
                        job.wants_positional(source.len()).then_some(stream.trailer.plaintext_len);
                    job.to_output(opened, positional, |job, output| match output {
                        Target::Positioned(output) => {
                            job.positional(&source, &stream, &index, output)
                        }
                        Target::Sequential(output) => job.ordered(&source, &stream, &index, output),
                    })?
                }
                // Whoever takes a stream without its tail reads it from the front.
                Err(error) if options.accepts_unsealed(&error) => {
                    let input = Input::Positioned(source).into_sequential();
                    pipe::decrypt(input, output, &mut ring, options)?
                }
                Err(error) => return Err(error),
            }
        }
        Input::Sequential(input) => pipe::decrypt(input, output, &mut ring, options)?,
    };
    Ok(done.report(begun))
}

impl DecryptOptions {
    /// Whether a stream that ends in this error is read as an unsealed one: the caller asked for
    /// it, pinned no sealed stream, and the error is about the bytes of the stream, rather than
    /// about the world (F-826).
    pub(crate) fn accepts_unsealed(&self, error: &StreamError) -> bool {
        self.tail == Tail::MayBeMissing
            && self.expected_fingerprint.is_none()
            && matches!(
                error.kind(),
                ErrorKind::NotAStream
                    | ErrorKind::Malformed
                    | ErrorKind::Unauthentic
                    | ErrorKind::Damaged
                    | ErrorKind::Unsealed
            )
    }

    /// Refuses a stream that is not the pinned one.
    pub(crate) fn check_fingerprint(&self, found: [u8; 32]) -> Result<(), StreamError> {
        match self.expected_fingerprint {
            Some(expected) if expected != found => Err(StreamError::WrongFingerprint),
            _ => Ok(()),
        }
    }
}

/// What all drivers of one decrypt share.
pub(crate) struct DecryptJob {
    worker: DecryptSegmentWorker,
    pub(crate) layout: StreamLayout,
    options: DecryptOptions,
}

/// Where the plaintext goes, as a driver sees it.
enum Target<'t, 'w> {
    Positioned(PositionedOutput<'t>),
    Sequential(&'t mut SequentialOutput<'w>),
}

/// Makes an empty vector `len` zero bytes long; what it has room for is used again, since new
/// memory has to be found page by page.
fn zeroed(bytes: &mut Vec<u8>, len: u64) -> Result<(), StreamError> {
    let max = usize::MAX as u64;
    let fits = usize::try_from(len);
    let len = fits.map_err(|_| StreamError::Limit { what: "plaintext length", value: len, max })?;
    if bytes.capacity() < len {
        *bytes = vec![0; len];
    } else {
        bytes.resize(len, 0);
    }
    Ok(())
}

impl DecryptJob {
    pub(crate) fn new(keyed: &KeyedHeader, options: &DecryptOptions) -> Result<Self, StreamError> {
        let backend = options.run.backend.unwrap_or_else(|| fastest_backend(keyed.header.suite));
        let key = keyed.segments_key();
        let context = SegmentCryptoContext::new(&keyed.header, key, backend, RandomSource::System);
        Ok(Self {
            worker: DecryptSegmentWorker::new(context),
            layout: keyed.layout(),
            options: options.clone(),
        })
    }

    /// Whether the positional driver is the one for a source of this length.
    fn wants_positional(&self, stream_len: u64) -> bool {
        match self.options.run.driver {
            Some(driver) => driver == Driver::Positional,
            None => stream_len > self.layout.full_segment_len(),
        }
    }

    /// Runs a driver on an output, and finishes the output when it succeeded.
    ///
    /// `positional` is the sealed length of a plaintext that is to be written at offsets where the
    /// output can.
    fn to_output(
        &self,
        output: Output<'_>,
        positional: Option<u64>,
        drive: impl FnOnce(&Self, Target<'_, '_>) -> Result<Done, StreamError>,
    ) -> Result<Done, StreamError> {
        match output {
            Output::Sequential(mut output) => {
                let done = drive(self, Target::Sequential(&mut output))?;
                output.flush()?;
                Ok(done)
            }
            Output::File { file, base, end, positional: any_order } => {
                let done = if positional.is_some() && any_order {
                    drive(self, Target::Positioned(PositionedOutput::File { file: &file, base }))?
                } else {
                    let mut output = SequentialOutput::new(Box::new(&file));
                    drive(self, Target::Sequential(&mut output))?
                };
                end.finish(file, base + done.plaintext_len, &self.options.run.cancel)?;
                Ok(done)
            }
            Output::Memory(bytes) => {
                // A call that fails leaves the caller's vector empty.
                let mut plaintext = std::mem::take(bytes);
                let done = if let Some(len) = positional {
                    zeroed(&mut plaintext, len)?;
                    let part_len = self.layout.geometry.segment_size() as usize;
                    let output = PositionedOutput::memory(&mut plaintext, part_len);
                    drive(self, Target::Positioned(output))?
                } else {
                    let mut output = SequentialOutput::new(Box::new(&mut plaintext));
                    drive(self, Target::Sequential(&mut output))?
                };
                *bytes = plaintext;
                Ok(done)
            }
        }
    }

    pub(crate) fn options(&self) -> &DecryptOptions {
        &self.options
    }

    pub(crate) fn worker(&self) -> &DecryptSegmentWorker {
        &self.worker
    }

    fn backend(&self) -> sv2_crypto::Backend {
        self.worker.context().backend()
    }
}

/// What a driver did.
pub(crate) struct Done {
    stream_len: u64,
    plaintext_len: u64,
    segments: u64,
    frames: u64,
    stages: StageTimes,
    threads: usize,
    driver: Driver,
    backend: sv2_crypto::Backend,
    revision: u64,
    /// Fingerprint and generation, where the stream is sealed.
    seal: Option<([u8; 32], u64)>,
    /// What ended the reading, where it is not.
    unsealed_end: Option<ErrorKind>,
}

impl Done {
    pub(crate) fn report(self, begun: Instant) -> StreamReport {
        StreamReport {
            bytes_in: self.stream_len,
            bytes_out: self.plaintext_len,
            plaintext_len: self.plaintext_len,
            segments: self.segments,
            frames: self.frames,
            kept_segments: 0,
            wall: begun.elapsed(),
            stages: self.stages,
            threads: self.threads,
            driver: self.driver,
            backend: self.backend,
            sealed: self.seal.is_some(),
            unsealed_end: self.unsealed_end,
            fingerprint: self.seal.map(|(fingerprint, _)| fingerprint),
            revision: self.revision,
            generation: self.seal.map_or(0, |(_, generation)| generation),
        }
    }
}
