//! Reading any range of a sealed stream (format.md sections 8.2 and 8.5).

mod cache;

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use sv2_framing::{FrameIndex, PlaintextPosition, SegmentIndex, SegmentLayout};
use sv2_headers::{DigestAlg, IndexEntry, PAGE_ENTRIES, Trailer, checksum};
use sv2_segment_worker::DecryptSegmentWorker;
use sv2_stream::FormatError;

use crate::decrypt::DecryptJob;
use crate::io::{Input, PositionedInput};
use crate::key::KeyRing;
use crate::random::cache::{Frame, FrameCache, PageCache};
use crate::tail::{SealedStream, read_trailer};
use crate::{DecryptOptions, InputSource, KeySource, StreamError, Unit};

/// Frames that stay opened for small reads that follow one another.
const CACHED_FRAMES: usize = 32;
/// The most wire bytes that one positioned read fetches.
const RUN_LEN: usize = 4 << 20;

/// Reads ranges of a sealed stream, from one thread or many.
///
/// The seal and the page table are checked when it is opened, each page of the index before an
/// entry of it is used, and each frame before a byte of it is handed out.
/// Sizes come from the sealed trailer alone.
pub struct StreamReader<'a> {
    source: PositionedInput<'a>,
    stream: SealedStream,
    worker: DecryptSegmentWorker,
    page_table: Vec<u8>,
    pages: PageCache,
    frames: FrameCache,
    position: u64,
}

impl<'a> StreamReader<'a> {
    /// Opens a stream that can be read at any offset.
    ///
    /// # Errors
    /// Those of header, trailer and page table (format.md section 9), `WrongFingerprint`,
    /// `Read`; `Usage` for an input that cannot seek.
    pub fn open(
        input: InputSource<'a>,
        keys: &KeySource<'_>,
        options: &DecryptOptions,
    ) -> Result<Self, StreamError> {
        let Input::Positioned(source) = input.open()? else {
            return Err(StreamError::Usage("ranges cannot be read from a pipe, only from a file"));
        };
        let mut ring = KeyRing::new(keys, &options.context, options.max_segment_size);
        let stream = SealedStream::open(&source, &mut ring)?;
        options.check_fingerprint(stream.fingerprint())?;
        let job = DecryptJob::new(&stream.keyed, options)?;
        let page_table = stream.read_page_table(&source)?;
        Ok(Self {
            source,
            stream,
            worker: job.worker().clone(),
            page_table,
            pages: PageCache::new(),
            frames: FrameCache::new(CACHED_FRAMES),
            position: 0,
        })
    }

    /// Plaintext bytes of the stream.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.stream.trailer.plaintext_len
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
        self.stream.keyed.header.digest
    }

    /// The revision of the header that opened the stream.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.stream.keyed.header.revision
    }

    /// The stream's generation.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.stream.trailer.generation
    }

    /// Reads at most `out.len()` bytes of plaintext from `offset` on and returns their number:
    /// fewer only at the end of the stream, none at or beyond it (F-822).
    ///
    /// # Errors
    /// `AuthenticationFailed`, `ChecksumMismatch` and `Malformed` for a frame or page that fails,
    /// `StaleIndex` where the stream was replaced since it was opened, `Read`.
    /// `out` then holds nothing but authenticated plaintext and what it held before.
    pub fn read_at(&self, out: &mut [u8], offset: u64) -> Result<usize, StreamError> {
        let left = self.len().saturating_sub(offset);
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(out.len());
        let mut done = 0;
        while done < wanted {
            let at = self.stream.layout.position(offset + done as u64);
            let part = &mut out[done..wanted];
            done += self.read_run(at, part).map_err(|error| self.explain(error))?;
        }
        Ok(wanted)
    }

    /// Reads one run of frames of one segment: from the cache, or by one positioned read.
    fn read_run(&self, at: PlaintextPosition, out: &mut [u8]) -> Result<usize, StreamError> {
        let PlaintextPosition { segment, frame, offset } = at;
        if let Some(cached) = self.frames.get(segment.0, frame.0) {
            return Ok(copy_from(&cached, offset as usize, out));
        }
        let layout = self
            .stream
            .layout
            .segment_layout(self.len(), segment)
            .ok_or(StreamError::Usage("a range beyond the end"))?;
        let entry = self.entry(segment)?;
        let header =
            self.worker.context().sealed_header(segment, layout.plaintext_len(), entry.salt);

        // As many frames as the request covers, up to a bound on memory.
        let last_byte = (offset as usize + out.len() - 1) / layout.frame_size() as usize;
        let most = (RUN_LEN / layout.frame(FrameIndex(0)).len()).max(1);
        let last = (frame.0 as usize + last_byte.min(most - 1))
            .min(layout.frame_count() as usize - 1) as u16;
        let start = layout.frame(frame).start;
        let end = layout.frame(FrameIndex(last)).end;
        let wire_offset = self.stream.layout.segment_offset(segment) + start as u64;
        let mut records = vec![0; end - start];
        self.source.read_exact_at(&mut records, wire_offset)?;
        self.worker
            .decrypt_frames(&header, frame, &mut records)
            .map_err(|error| StreamError::from_segment(&error, &self.stream.layout))?;

        let mut done = 0;
        for index in (frame.0..=last).map(FrameIndex) {
            let slot = layout.plaintext_slot(index);
            let plaintext = &records[slot.start - start..slot.end - start];
            let skip = if index == frame { offset as usize } else { 0 };
            let count = copy_from(plaintext, skip, &mut out[done..]);
            done += count;
            if count < plaintext.len() {
                // Whoever wants a part of a frame is likely to want its neighbourhood.
                self.frames.put(segment.0, index.0, Frame::from(plaintext));
            }
        }
        Ok(done)
    }

    /// The index entry of a segment, out of a page that was checked.
    fn entry(&self, segment: SegmentIndex) -> Result<IndexEntry, StreamError> {
        let page = self.stream.shape.page_of(segment.0);
        let bytes = match self.pages.get(page) {
            Some(bytes) => bytes,
            None => {
                let bytes: Arc<[u8]> =
                    self.stream.read_page(&self.source, &self.page_table, page)?.into();
                self.pages.put(page, Arc::clone(&bytes));
                bytes
            }
        };
        let digest = self.stream.trailer.digest;
        let len = IndexEntry::len(digest);
        let at = (segment.0 % PAGE_ENTRIES) as usize * len;
        let missing = StreamError::WorkerLost { segment: segment.0 };
        let entry = bytes.get(at..at + len).ok_or(missing)?;
        IndexEntry::decode(digest, entry)
            .map_err(|error| FormatError::from_header(error, Unit::Index, at as u64).into())
    }

    /// Names the failure of a page or frame: the stream was replaced (F-824), or a frame's own
    /// checksum is wrong.
    fn explain(&self, error: StreamError) -> StreamError {
        if self.was_replaced() {
            return StreamError::StaleIndex;
        }
        let StreamError::AuthenticationFailed { unit, offset } = error else { return error };
        let Unit::Frame { segment, frame } = unit else { return error };
        let segment = self.stream.layout.segment_layout(self.len(), SegmentIndex(segment));
        let record_len =
            segment.map_or(0, |layout: SegmentLayout| layout.frame(FrameIndex(frame as u16)).len());
        match self.source.read_vec(offset, record_len as u64) {
            Ok(record) if !checksum::holds(&record) => {
                StreamError::ChecksumMismatch { unit, offset }
            }
            _ => error,
        }
    }

    fn was_replaced(&self) -> bool {
        match self.source.current_len() {
            Ok(len) if len == self.source.len() => match read_trailer(&self.source) {
                Ok((bytes, _)) => {
                    Trailer::content(&bytes) != Trailer::content(&self.stream.trailer_bytes)
                }
                Err(StreamError::Read { .. }) => false,
                Err(_) => true,
            },
            Ok(_) => true,
            Err(_) => false,
        }
    }
}

impl Read for StreamReader<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.read_at(out, self.position).map_err(io::Error::other)?;
        self.position += count as u64;
        Ok(count)
    }
}

impl Seek for StreamReader<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::End(delta) => self.len().checked_add_signed(delta),
            SeekFrom::Current(delta) => self.position.checked_add_signed(delta),
        };
        self.position = target.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

/// Copies from `offset` in `plaintext` on, as much as fits.
fn copy_from(plaintext: &[u8], offset: usize, out: &mut [u8]) -> usize {
    let from = plaintext.get(offset..).unwrap_or_default();
    let count = from.len().min(out.len());
    out[..count].copy_from_slice(&from[..count]);
    count
}
