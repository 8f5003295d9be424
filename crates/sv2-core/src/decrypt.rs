//! Decrypting a whole stream (format.md section 8).

mod pipe;
mod seekable;

use std::time::Instant;

use sv2_framing::StreamLayout;
use sv2_segment_worker::{DecryptSegmentWorker, SegmentCryptoContext};
use sv2_stream::Depth;

use crate::changed::{or_changed, unless_changed};
use crate::end::up_to_end;
use crate::header::KeyedHeader;
use crate::io::{Input, PositionedInput};
use crate::key::KeyRing;
use crate::tail::{Index, SealedStream};
use crate::watch::Watch;
use crate::{
    DecryptOptions, InputSource, KeySource, OutputSink, RandomSource, StreamError, StreamKey,
    StreamReport, Tail, fastest_backend,
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
/// `Spawn`, `Defect`; `InputChanged` in place of a verdict over bytes that somebody wrote to
/// meanwhile, where the input is read at offsets.
/// A named output does not appear then; any other holds authenticated plaintext of an
/// unspecified part of the stream.
///
/// # Panics
/// A panic in an observer, reader or writer is resumed on this thread after all threads of the
/// call have been joined.
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
    let report = match input.open()? {
        Input::Positioned(source) => {
            if options.tail == Tail::MayBeFollowed
                && let Some(source) = up_to_end(&source)?
            {
                let opened = or_changed(&source, None, open_sealed(&source, &mut ring));
                return Ok(sealed(&source, &opened?, output, options)?.since(begun));
            }
            match open_sealed(&source, &mut ring) {
                Ok(opened) => sealed(&source, &opened, output, options)?,
                // Whoever takes a stream without its tail reads it from the front.
                Err(error) if options.accepts_unsealed(&error) => {
                    let input = Input::Positioned(source).into_sequential();
                    pipe::decrypt(input, output, &mut ring, options)?
                }
                Err(error) => return Err(unless_changed(&source, None, error)),
            }
        }
        Input::Sequential(input) => pipe::decrypt(input, output, &mut ring, options)?,
    };
    Ok(report.since(begun))
}

/// Opens a stream from its seal, and reads its index.
fn open_sealed(
    source: &PositionedInput<'_>,
    ring: &mut KeyRing<'_>,
) -> Result<(SealedStream, Index), StreamError> {
    let stream = SealedStream::open_to(Depth::PageTable, source, ring)?;
    let index = stream.read_index(source)?;
    Ok((stream, index))
}

/// Decrypts a stream that was opened.
fn sealed(
    source: &PositionedInput<'_>,
    (stream, index): &(SealedStream, Index),
    output: OutputSink<'_>,
    options: &DecryptOptions,
) -> Result<StreamReport, StreamError> {
    let job = DecryptJob::new(&stream.keyed, options);
    options.check_fingerprint(stream.fingerprint())?;
    let done = or_changed(source, Some(stream), job.sealed(source, stream, index, output));
    job.watch.ended(done)
}

impl DecryptOptions {
    /// Whether a stream that ends in this error is read as an unsealed one: the caller asked for
    /// it, pinned no sealed stream, and the error is about the bytes of the stream, rather than
    /// about the world (F-826).
    pub(crate) fn accepts_unsealed(&self, error: &StreamError) -> bool {
        self.tail == Tail::MayBeMissing
            && self.expected_fingerprint.is_none()
            && error.kind().is_about_bytes()
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
    pub(crate) watch: Watch,
    options: DecryptOptions,
}

impl DecryptJob {
    pub(crate) fn new(keyed: &KeyedHeader, options: &DecryptOptions) -> Self {
        let backend = options.run.backend.unwrap_or_else(|| fastest_backend(keyed.header.suite));
        let key = keyed.segments_key();
        let context = SegmentCryptoContext::new(&keyed.header, key, backend, RandomSource::System);
        Self {
            worker: DecryptSegmentWorker::new(context),
            layout: keyed.layout(),
            watch: Watch::new(&options.run),
            options: options.clone(),
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
