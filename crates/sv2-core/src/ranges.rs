//! Reading any range of a sealed stream (format.md sections 8.2 and 8.5).

mod cache;
mod cursor;

use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::Arc;

use sv2_headers::{DigestAlg, StreamHeader};
use sv2_segment_worker::DecryptSegmentWorker;
use sv2_stream::{Depth, FetchPolicy, FormatError, OpenedStream, Page, PageState, Plaintext};

use crate::changed::{is_replaced, or_changed, unless_changed};
use crate::decrypt::DecryptJob;
use crate::end::cut_to_end;
use crate::io::{Input, PositionedInput};
use crate::key::KeyRing;
use crate::ranges::cache::{FrameCache, PageCache};
use crate::ranges::cursor::Position;
use crate::report::timed;
use crate::tail::{SealedStream, explain_frame};
use crate::watch::{Lap, Watch};
use crate::{DecryptOptions, InputSource, KeySource, StreamError, Tail};

pub use cursor::{SharedCursor, StreamCursor};

/// What one read of a local file or of memory fetches at most: large enough that system calls do
/// not count, small enough that what was read is still in the processor's cache when it is opened.
const LOCAL_LEN: u64 = 1 << 20;
/// Wire ranges that a read of a store has under way at the same time.
const PARALLEL_FETCHES: u64 = 4;

/// What a [`StreamReader`] fetches at once and what it keeps.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ReaderOptions {
    /// How requests are cut and joined. For files and memory the standard is a request of 1 MiB
    /// at most, for a source of the caller's that of [`FetchPolicy::standard`].
    pub fetch: Option<FetchPolicy>,
    /// The most plaintext bytes that `Read` fetches ahead while one read follows the other; the
    /// standard is 512 KiB for files and memory and 16 MiB for a source of the caller's.
    pub read_ahead: Option<u64>,
    /// Opened frames that are kept for small reads that come back; up to twice their memory, since
    /// two that were read together go together.
    pub cached_frames: usize,
    /// Checked pages of the index that are kept; each is at most 64 KiB.
    pub cached_pages: usize,
}

impl ReaderOptions {
    /// Requests by the kind of source, 32 frames and 64 pages: 2 to 4 MiB and at most 4 MiB.
    #[must_use]
    pub fn standard() -> Self {
        Self { fetch: None, read_ahead: None, cached_frames: 32, cached_pages: 64 }
    }

    /// The same, but with these requests.
    #[must_use]
    pub fn fetch(self, policy: FetchPolicy) -> Self {
        Self { fetch: Some(policy), ..self }
    }

    /// The same, but with another maximum of plaintext bytes that are read ahead.
    #[must_use]
    pub fn read_ahead(self, len: u64) -> Self {
        Self { read_ahead: Some(len), ..self }
    }
}

/// Reads ranges of a sealed stream, from one thread or many.
///
/// The seal and the page table are checked when it is opened, each page of the index before an
/// entry of it is used, and each frame before a byte of it is handed out.
/// Sizes come from the sealed trailer alone.
///
/// Of the options of a run it takes the cipher library, the token, which it looks at before each
/// fetch, and the observer, which is told of each fetch and of its first segment.
///
/// Over a source of the caller's, opening asks for the stream's first bytes and its last in one
/// [`ReadAt::read_many`](crate::ReadAt::read_many), and a read for the frames it needs together
/// with the page of the index that they need; a page is fetched once, whoever asks for it.
pub struct StreamReader<'a> {
    source: PositionedInput<'a>,
    stream: OpenedStream,
    worker: DecryptSegmentWorker,
    watch: Watch,
    pages: PageCache,
    frames: FrameCache,
    policy: FetchPolicy,
    read_ahead: u64,
    position: Position,
}

impl<'a> StreamReader<'a> {
    /// Opens a stream that can be read at any offset; where its tail may be followed, what follows
    /// is left alone (F-839).
    ///
    /// # Errors
    /// Those of header, trailer and page table (format.md section 9), `WrongFingerprint`,
    /// `Read`; `Usage` for an input that cannot seek.
    pub fn open(
        input: InputSource<'a>,
        keys: &KeySource<'_>,
        options: &DecryptOptions,
    ) -> Result<Self, StreamError> {
        Self::open_with(input, keys, options, &ReaderOptions::standard())
    }

    /// As [`StreamReader::open`], with a say in what is fetched at once and what is kept.
    ///
    /// # Errors
    /// As [`StreamReader::open`].
    pub fn open_with(
        input: InputSource<'a>,
        keys: &KeySource<'_>,
        options: &DecryptOptions,
        reader: &ReaderOptions,
    ) -> Result<Self, StreamError> {
        let Input::Positioned(source) = input.open()? else {
            return Err(StreamError::Usage("ranges cannot be read from a pipe, only from a file"));
        };
        let is_local = source.is_local();
        let source = match options.tail {
            Tail::MayBeFollowed => cut_to_end(source)?,
            Tail::Required | Tail::MayBeMissing => source,
        };
        let mut ring = KeyRing::new(keys, &options.context, options.max_segment_size);
        let opened = SealedStream::open_to(Depth::PageTable, &source, &mut ring);
        let stream = or_changed(&source, None, opened)?.into_opened();
        options.check_fingerprint(stream.fingerprint())?;
        let job = DecryptJob::new(&stream.keyed, options);
        let (policy, read_ahead) = match is_local {
            true => (FetchPolicy::standard().max_len(LOCAL_LEN), LOCAL_LEN / 2),
            false => (FetchPolicy::standard(), 16 << 20),
        };
        let read_ahead = reader.read_ahead.unwrap_or(read_ahead);
        let frame_size = stream.layout.geometry.frame_size().into();
        Ok(Self {
            source,
            stream,
            worker: job.worker().clone(),
            watch: job.watch,
            pages: PageCache::new(reader.cached_pages),
            frames: FrameCache::new(frame_size, reader.cached_frames),
            policy: reader.fetch.unwrap_or(policy),
            read_ahead,
            position: Position::new(read_ahead),
        })
    }

    /// Plaintext bytes of the stream.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.stream.len()
    }

    /// Whether the stream holds no plaintext.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The stream's fingerprint.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        self.stream.fingerprint()
    }

    /// The digest of the stream's segments; only with one does the fingerprint bind the content
    /// against holders of the key (F-605).
    #[must_use]
    pub fn digest(&self) -> DigestAlg {
        self.header().digest
    }

    /// The header that opened the stream, with its revision and its slots.
    #[must_use]
    pub fn header(&self) -> &StreamHeader {
        self.stream.header()
    }

    /// The metadata in that header: a UTF-8 JSON object with spaces behind it, or `None` where
    /// there are none.
    ///
    /// # Errors
    /// As [`read_metadata`](crate::read_metadata) for metadata that do not open or break a rule.
    pub fn metadata(&self) -> Result<Option<Vec<u8>>, StreamError> {
        Ok(self.stream.metadata()?)
    }

    /// The revision of the header that opened the stream.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.header().revision
    }

    /// The stream's generation.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.stream.trailer.generation
    }

    /// A reader with a position of its own, from the start of the plaintext on; any number of them
    /// may be in use at the same time.
    #[must_use]
    pub fn cursor(&self) -> StreamCursor<'_, 'a> {
        StreamCursor::new(self, Position::new(self.read_ahead))
    }

    /// As [`StreamReader::cursor`], but one that shares the reader instead of borrowing it.
    #[must_use]
    pub fn shared_cursor(self: &Arc<Self>) -> SharedCursor<'a> {
        SharedCursor::new(Arc::clone(self), Position::new(self.read_ahead))
    }

    /// Reads at most `out.len()` bytes of plaintext from `offset` on and returns their number:
    /// fewer only at the end of the stream, none at or beyond it (F-822).
    ///
    /// # Errors
    /// `AuthenticationFailed`, `ChecksumMismatch` and `Malformed` for a frame or page that fails,
    /// `StaleIndex` where the stream was replaced since it was opened, `InputChanged` where somebody
    /// is writing to it, `Read`.
    /// `out` then holds nothing but authenticated plaintext and what it held before.
    pub fn read_at(&self, out: &mut [u8], offset: u64) -> Result<usize, StreamError> {
        let left = self.len().saturating_sub(offset);
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(out.len());
        let out = &mut out[..wanted];
        let mut done = self.frames.copy_to(offset, out);
        // A local file gives nothing faster for being asked twice at once.
        let parallel = if self.source.is_local() { 1 } else { PARALLEL_FETCHES };
        let window = self.policy.max_len.saturating_mul(parallel);
        while done < wanted {
            let start = offset + done as u64;
            let end = (offset + wanted as u64).min(start.saturating_add(window));
            let segment = self.stream.layout.position(start).segment.0;
            self.watch.check_cancelled(segment)?;
            let plaintext = Arc::new(self.fetch(std::slice::from_ref(&(start..end)))?);
            let count = plaintext.copy_to(start, &mut out[done..][..(end - start) as usize]);
            if count == 0 {
                return Err(StreamError::Defect { segment });
            }
            self.frames.keep_ends(&plaintext, start..end);
            done += count;
        }
        Ok(wanted)
    }

    /// Opens every frame that holds a part of these ranges of plaintext, each frame once; the
    /// ranges may be in any order and overlap, and what is beyond the end is left out (F-822).
    ///
    /// All wire ranges are asked for at once, so what is held is the sum of them.
    ///
    /// # Errors
    /// As [`StreamReader::read_at`].
    pub fn read_ranges(&self, ranges: &[Range<u64>]) -> Result<Plaintext, StreamError> {
        self.fetch(ranges)
    }

    /// Fetches and opens the frames of ranges.
    fn fetch(&self, ranges: &[Range<u64>]) -> Result<Plaintext, StreamError> {
        self.open_frames(ranges).map_err(|failure| {
            // F-824: a replaced stream explains whatever failed.
            let error = match failure {
                _ if is_replaced(&self.source, &self.stream) => return StreamError::StaleIndex,
                Failure::Stream(error) => explain_frame(&self.source, &self.stream, error),
                Failure::Source(error) => error,
            };
            // Its tail may be the same while what lies in front of it is being written.
            unless_changed(&self.source, None, error)
        })
    }

    fn open_frames(&self, ranges: &[Range<u64>]) -> Result<Plaintext, Failure> {
        let within = |range: &Range<u64>| range.end.min(self.len()).saturating_sub(range.start);
        let len: u64 = ranges.iter().map(within).sum();
        let start = ranges.iter().map(|range| range.start).min().unwrap_or(0).min(self.len());
        let segment = self.stream.layout.position(start).segment.0;
        let mut claims = self.pages.claims();
        let mut plan = self.stream.plan(ranges, &self.policy, |number| claims.ask(number));
        let wire: Vec<_> = plan.wire().collect();
        let (fetched, read) = timed(|| self.source.read_ranges(&wire));
        for (range, bytes) in wire.iter().zip(fetched?) {
            plan.supply(range.start, bytes);
        }
        for page in plan.take_pages(&self.stream)? {
            self.pages.put(page);
        }
        // Whoever waits for a page that failed here fetches it for itself.
        drop(claims);
        for number in plan.pages_elsewhere().collect::<Vec<_>>() {
            plan.supply_page(self.page(number)?);
        }
        let (opened, time) = timed(|| plan.open(&self.stream, &self.worker));
        self.watch.segment(len, Lap::new(segment).read(read).cipher(time));
        Ok(opened?)
    }

    /// A page that somebody else was fetching.
    fn page(&self, number: u64) -> Result<Page, Failure> {
        loop {
            let mut claims = self.pages.claims();
            match claims.ask(number) {
                PageState::Known(page) => return Ok(page),
                PageState::Elsewhere => self.pages.wait_for(number),
                PageState::Missing => {
                    let range = self.stream.page_range(number);
                    let bytes = self.source.read_vec(range.start, range.end - range.start)?;
                    let page = self.stream.check_page(number, &bytes)?;
                    self.pages.put(page.clone());
                    return Ok(page);
                }
            }
        }
    }
}

/// Why frames were not opened.
enum Failure {
    /// The bytes of the stream are not what they must be.
    Stream(FormatError),
    /// They could not be read.
    Source(StreamError),
}

impl From<FormatError> for Failure {
    fn from(error: FormatError) -> Self {
        Self::Stream(error)
    }
}

impl From<StreamError> for Failure {
    fn from(error: StreamError) -> Self {
        Self::Source(error)
    }
}

impl Read for StreamReader<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut position = std::mem::take(&mut self.position);
        let read = position.read(self, out);
        self.position = position;
        read
    }
}

impl Seek for StreamReader<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let len = self.len();
        self.position.seek(len, to)
    }
}
