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
/// After an error every further read fails, also after one that says `WouldBlock`: a reader that
/// may say so is to be waited for below. An error is a [`StreamError`] in an `io::Error` of a
/// fitting kind.
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
        let source = PipeSource::new(input, &job);
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
        let state = std::mem::replace(&mut self.state, State::Failed);
        self.state = match self.job.watch.ended(self.next(state)) {
            Err(error) if self.job.options().accepts_unsealed(&error) => State::Unsealed,
            next => next?,
        };
        Ok(())
    }

    /// Reads and opens the next segment, or reads and judges the tail.
    fn next(&self, state: State<'a>) -> Result<State<'a>, StreamError> {
        let State::Reading { mut source, mut index, segment, .. } = state else {
            return Ok(state);
        };
        let number = index.segments();
        self.job.watch.check_cancelled(number)?;
        let buffer = segment.map(|opened| opened.wire).unwrap_or_default();
        let (next, read) = timed(|| source.read(buffer));
        match next? {
            Next::Segment(received) => {
                let (opened, time) = timed(|| self.job.open(received));
                let opened = opened?;
                index.push(&opened.header.salt, &opened.digest);
                let lap = Lap::new(number).read(read).cipher(time);
                self.job.watch.segment(opened.layout.plaintext_len().into(), lap);
                Ok(State::Reading { source, index, segment: Some(opened), taken: 0 })
            }
            Next::Tail(_) => {
                let sealed = source.read_tail(&self.keyed, index)?;
                let fingerprint = self.keyed.fingerprint(&sealed.trailer);
                self.job.options().check_fingerprint(fingerprint)?;
                Ok(State::Sealed)
            }
        }
    }
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
