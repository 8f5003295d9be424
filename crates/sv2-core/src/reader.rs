//! A stream behind `Read`, one segment at a time on the caller's thread.

use std::io::{self, Read};

use crate::decrypt::{DecryptJob, Next, Opened, PipeSource, read_header};
use crate::header::KeyedHeader;
use crate::io::SequentialInput;
use crate::key::KeyRing;
use crate::report::timed;
use crate::tail::PipeIndex;
use crate::watch::Lap;
use crate::{DecryptOptions, KeySource, StreamError};

/// Reads the plaintext of a stream that is read once, from front to back.
///
/// Plaintext is handed out by whole segments that opened.
/// `Ok(0)` is returned only when the stream's seal was checked, or at the end of an unsealed
/// stream where the options allow one; until then what was read may stem from an older version of
/// the stream.
/// An error is a [`StreamError`] in an `io::Error` of a fitting kind.
/// After `WouldBlock` and `TimedOut` of the reader below, a read goes on where it was, and no byte
/// is lost; after every other error each further read fails.
/// [`DecryptReader::new`] does not go on: a reader that may say so there needs the bytes of the
/// stream's header in front of it, by [`Read::chain`].
///
/// Of the options of a run it takes the cipher library, the token and the observer, which it looks
/// at before and after each segment; it works on the thread that reads.
pub struct DecryptReader<'a> {
    keyed: KeyedHeader,
    state: State<'a>,
    job: DecryptJob,
}

#[expect(clippy::large_enum_variant, reason = "one for each reader")]
enum State<'a> {
    Reading { source: PipeSource<'a>, index: PipeIndex, segment: Option<Opened>, taken: usize },
    Sealed,
    Unsealed,
    Failed,
}

impl<'a> DecryptReader<'a> {
    /// Reads and judges the header.
    ///
    /// # Errors
    /// Those of the header (format.md section 9), and `Read`.
    pub fn new(
        reader: impl Read + Send + 'a,
        keys: &KeySource<'_>,
        options: &DecryptOptions,
    ) -> Result<Self, StreamError> {
        let mut input = SequentialInput::new(Box::new(reader));
        let mut ring = KeyRing::new(keys, &options.context, options.max_segment_size);
        let keyed = read_header(&mut input, &mut ring)?;
        let job = DecryptJob::new(&keyed, options);
        let source = PipeSource::new(input, &job).patient();
        let index = PipeIndex::new(keyed.header.digest);
        let state = State::Reading { source, index, segment: None, taken: 0 };
        Ok(Self { keyed, state, job })
    }

    /// Whether the end of the stream was reached and its seal holds; false at the end of an
    /// unsealed stream.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        matches!(self.state, State::Sealed)
    }

    fn advance(&mut self) -> Result<(), StreamError> {
        let State::Reading { source, index, segment, taken } = &mut self.state else {
            return Ok(());
        };
        let next = next(&self.job, &self.keyed, source, index, segment);
        if next.as_ref().is_err_and(may_go_on) {
            return next;
        }
        *taken = 0;
        if matches!(next, Ok(())) && segment.is_some() {
            return Ok(());
        }
        self.state = match self.job.watch.ended(next) {
            Ok(()) => State::Sealed,
            Err(error) if self.job.options().accepts_unsealed(&error) => State::Unsealed,
            Err(error) => {
                self.state = State::Failed;
                return Err(error);
            }
        };
        Ok(())
    }
}

/// Whether the input only had nothing to read yet.
fn may_go_on(error: &StreamError) -> bool {
    use io::ErrorKind::{TimedOut, WouldBlock};
    matches!(error, StreamError::Read { source, .. } if matches!(source.kind(), WouldBlock | TimedOut))
}

/// Reads and opens the next segment, or reads and judges the tail, behind which there is none.
fn next(
    job: &DecryptJob,
    keyed: &KeyedHeader,
    source: &mut PipeSource<'_>,
    index: &mut PipeIndex,
    segment: &mut Option<Opened>,
) -> Result<(), StreamError> {
    let number = index.segments();
    job.watch.check_cancelled(number)?;
    let buffer = segment.take().map(|opened| opened.wire).unwrap_or_default();
    let (next, read) = timed(|| source.read(buffer));
    match next? {
        Next::Segment(received) => {
            let (opened, time) = timed(|| job.open(received));
            let opened = opened?;
            index.push(&opened.header.salt, &opened.digest);
            let lap = Lap::new(number).read(read).cipher(time);
            job.watch.segment(opened.layout.plaintext_len().into(), lap);
            *segment = Some(opened);
        }
        Next::Tail(_) => {
            let sealed = source.read_tail(keyed, index)?;
            job.options().check_fingerprint(keyed.fingerprint(&sealed.trailer))?;
        }
    }
    Ok(())
}

impl Read for DecryptReader<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        loop {
            match &mut self.state {
                State::Sealed | State::Unsealed => return Ok(0),
                State::Failed => return Err(io::Error::other("the stream failed before")),
                State::Reading { segment: Some(opened), taken, .. }
                    if *taken < opened.layout.plaintext_len() as usize =>
                {
                    let count = opened.copy_plaintext(*taken, out);
                    *taken += count;
                    return Ok(count);
                }
                State::Reading { .. } => {}
            }
            self.advance()?;
        }
    }
}
