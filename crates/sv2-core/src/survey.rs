//! Finding the parts of a stream wherever they lie in a source, without a key.
//!
//! Nothing that is found is authentic: it says where to look.
//! Every byte is searched once; what a forger can make a search look at again is bounded by a
//! multiple of the source, and what lies in holes is not looked at.

mod owner;

use sv2_framing::crc::CRC_LEN;
use sv2_framing::{
    FRAME_HEADER_LEN, SEGMENT_HEADER_LEN, SEGMENT_MAGIC, SegmentHeader, SegmentIndex, StreamLayout,
    TAG_LEN, decode_segment_header, footer_len,
};
use sv2_headers::{HEADER_MAGIC, MAX_SEGMENTS, TRAILER_LEN, TRAILER_MAGIC, checksum};
use sv2_pipeline::Cancellation;

use crate::StreamError;
use crate::extents::Holes;
use crate::io::PositionedInput;

/// Bytes that are read at a time.
const WINDOW: usize = 4 << 20;

/// Bytes of would-be frames whose checksum is computed in vain, for each byte of the source.
const VAIN_WORK: u64 = 8;

/// Bytes around a frame's plaintext.
pub(crate) const FRAME_OVERHEAD: u64 = (FRAME_HEADER_LEN + TAG_LEN + CRC_LEN) as u64;

/// What to do about bytes that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// They end the search.
    Fail,
    /// They are taken for zeros: a bad sector is a gap, not the end.
    Skip,
}

/// A segment header of the stream, with a checksum that holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FoundHeader {
    pub(crate) offset: u64,
    pub(crate) header: SegmentHeader,
}

/// Frames of one segment that follow each other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    /// Where the first of them begins.
    pub(crate) offset: u64,
    /// Its number in its segment.
    pub(crate) first: u16,
    pub(crate) count: u16,
    /// Plaintext bytes of the last one.
    pub(crate) last_len: u32,
    /// Whether their checksums hold; without, it is one frame header and no more is known.
    pub(crate) sound: bool,
    /// The segment that they belong to, where that follows from what lies around them.
    pub(crate) segment: Option<u64>,
}

impl Run {
    /// Where the segment of these frames would begin, which may be in front of the source.
    pub(crate) fn start(&self, layout: &StreamLayout) -> i64 {
        let frame_len = i64::from(layout.geometry.frame_size()) + FRAME_OVERHEAD as i64;
        self.offset as i64 - SEGMENT_HEADER_LEN as i64 - i64::from(self.first) * frame_len
    }

    /// Where the last frame ends.
    pub(crate) fn end(&self, layout: &StreamLayout) -> u64 {
        let full = u64::from(layout.geometry.frame_size()) + FRAME_OVERHEAD;
        self.offset
            + u64::from(self.count.saturating_sub(1)) * full
            + u64::from(self.last_len)
            + FRAME_OVERHEAD
    }
}

/// What was found in a source, each list by offset.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    pub(crate) headers: Vec<FoundHeader>,
    pub(crate) runs: Vec<Run>,
    /// Where a trailer's magic stands.
    pub(crate) trailers: Vec<u64>,
    /// Where the magic of a stream header stands.
    pub(crate) streams: Vec<u64>,
}

/// Searches a source for the parts of the stream with this layout and tag.
pub(crate) fn survey(
    source: &PositionedInput<'_>,
    layout: &StreamLayout,
    stream_tag: &[u8],
    unreadable: Unreadable,
    cancel: &Cancellation,
) -> Result<Survey, StreamError> {
    let mut scan = Scan {
        window: Window {
            source,
            holes: Holes::of(source),
            bytes: Vec::new(),
            start: 0,
            unreadable,
        },
        layout: *layout,
        stream_tag,
        vain: 0,
        found: Survey::default(),
    };
    scan.vain =
        scan.window.holes.data_len().saturating_mul(VAIN_WORK).saturating_add(WINDOW as u64);
    scan.run(cancel)?;
    let mut found = scan.found;
    found.find_owners(layout);
    Ok(found)
}

/// A part of the source that is in memory.
struct Window<'s> {
    source: &'s PositionedInput<'s>,
    holes: Holes,
    bytes: Vec<u8>,
    start: u64,
    unreadable: Unreadable,
}

impl Window<'_> {
    /// The bytes from `offset` on, at least `want` of them where the source has as many.
    fn at(&mut self, offset: u64, want: usize) -> Result<&[u8], StreamError> {
        let left = self.source.len().saturating_sub(offset);
        let want = left.min(want as u64);
        let end = self.start + self.bytes.len() as u64;
        if offset < self.start || offset + want > end {
            // No more of a hole than is wanted; at most a window, or that, so it fits.
            let run = self.holes.end_of_run(offset) - offset;
            let len = left.min((WINDOW as u64).min(run).max(want)) as usize;
            self.bytes.resize(len, 0);
            match self.unreadable {
                Unreadable::Fail => self.source.read_exact_at(&mut self.bytes, offset)?,
                Unreadable::Skip => read_lossy(self.source, &mut self.bytes, offset),
            }
            self.start = offset;
        }
        Ok(&self.bytes[(offset - self.start) as usize..])
    }
}

/// Reads bytes of which some may not be readable; those are zeros then.
pub(crate) fn read_lossy(source: &PositionedInput<'_>, buffer: &mut [u8], offset: u64) {
    const SECTOR: usize = 4096;
    if source.read_exact_at(buffer, offset).is_ok() {
        return;
    }
    for (number, part) in buffer.chunks_mut(SECTOR).enumerate() {
        if source.read_exact_at(part, offset + (number * SECTOR) as u64).is_err() {
            part.fill(0);
        }
    }
}

struct Scan<'s> {
    window: Window<'s>,
    layout: StreamLayout,
    stream_tag: &'s [u8],
    /// Bytes of would-be frames that may still be looked at in vain.
    vain: u64,
    found: Survey,
}

/// What stands at a place.
enum Seen {
    Nothing,
    Header(FoundHeader),
    Trailer,
    Stream,
    Frame { frame: u16, len: u32, sound: bool },
}

impl Scan<'_> {
    fn run(&mut self, cancel: &Cancellation) -> Result<(), StreamError> {
        let end = self.window.source.len();
        let mut at = 0;
        let mut asked = 0;
        while at < end {
            if at - asked >= WINDOW as u64 {
                asked = at;
                if cancel.is_cancelled() {
                    return Err(StreamError::Cancelled { segment: 0 });
                }
            }
            let data = self.window.holes.end_of_hole(at);
            if data > at {
                // A part may begin with zeros of a hole; none of its magics does.
                at = data;
                continue;
            }
            let bytes = self.window.at(at, 16)?;
            let next = bytes.iter().position(|byte| matches!(byte, b'S' | 0x89 | 0x01));
            let Some(skip) = next else {
                at += bytes.len() as u64;
                continue;
            };
            at += skip as u64;
            at += match self.seen(at)? {
                Seen::Nothing => 1,
                Seen::Header(header) => {
                    self.found.headers.push(header);
                    SEGMENT_HEADER_LEN as u64
                }
                Seen::Trailer => {
                    self.found.trailers.push(at);
                    TRAILER_MAGIC.len() as u64
                }
                Seen::Stream => {
                    self.found.streams.push(at);
                    HEADER_MAGIC.len() as u64
                }
                Seen::Frame { frame, len, sound } => {
                    self.push_frame(at, frame, len, sound);
                    if sound { u64::from(len) + FRAME_OVERHEAD } else { 1 }
                }
            };
        }
        Ok(())
    }

    fn seen(&mut self, at: u64) -> Result<Seen, StreamError> {
        let left = self.window.source.len() - at;
        let bytes = self.window.at(at, SEGMENT_HEADER_LEN)?;
        Ok(match bytes.first() {
            Some(b'S') if bytes.starts_with(&TRAILER_MAGIC) => {
                let whole = left >= TRAILER_LEN as u64;
                if whole { Seen::Trailer } else { Seen::Nothing }
            }
            Some(b'S') if bytes.starts_with(&SEGMENT_MAGIC) => {
                let bytes = bytes.get(..SEGMENT_HEADER_LEN);
                let header = bytes.and_then(|it| segment_header(it, &self.layout, self.stream_tag));
                header.map_or(Seen::Nothing, |header| {
                    Seen::Header(FoundHeader { offset: at, header })
                })
            }
            Some(0x89) if bytes.starts_with(&HEADER_MAGIC) => Seen::Stream,
            Some(0x01) => self.frame(at)?,
            _ => Seen::Nothing,
        })
    }

    fn frame(&mut self, at: u64) -> Result<Seen, StreamError> {
        let geometry = self.layout.geometry;
        let frames = geometry.segment_size() / u64::from(geometry.frame_size());
        let head: Option<[u8; FRAME_HEADER_LEN]> =
            self.window.at(at, FRAME_HEADER_LEN)?.first_chunk().copied();
        let Some([1, 0, j0, j1, l0, l1, l2, l3]) = head else { return Ok(Seen::Nothing) };
        let frame = u16::from_be_bytes([j0, j1]);
        let len = u32::from_be_bytes([l0, l1, l2, l3]);
        if u64::from(frame) >= frames || len == 0 || len > geometry.frame_size() {
            return Ok(Seen::Nothing);
        }
        let record_len = u64::from(len) + FRAME_OVERHEAD;
        let Some(vain) = self.vain.checked_sub(record_len) else { return Ok(Seen::Nothing) };
        let record = self.window.at(at, record_len as usize)?;
        // At most a frame, so it fits.
        let sound = record.get(..record_len as usize).is_some_and(checksum::holds);
        if !sound {
            self.vain = vain;
        }
        Ok(Seen::Frame { frame, len, sound })
    }

    fn push_frame(&mut self, at: u64, frame: u16, len: u32, sound: bool) {
        let (layout, full) = (self.layout, self.layout.geometry.frame_size());
        if let Some(last) = self.found.runs.last_mut()
            && sound
            && last.sound
            && last.end(&layout) == at
            && last.first.checked_add(last.count) == Some(frame)
            && last.last_len == full
        {
            last.count += 1;
            last.last_len = len;
            return;
        }
        let run = Run { offset: at, first: frame, count: 1, last_len: len, sound, segment: None };
        self.found.runs.push(run);
    }
}

/// The bytes as a segment header of the stream, if they are one under a checksum that holds.
fn segment_header(bytes: &[u8], layout: &StreamLayout, stream_tag: &[u8]) -> Option<SegmentHeader> {
    let index = u64::from_be_bytes(std::array::from_fn(|at| bytes[8 + at]));
    if index >= MAX_SEGMENTS || bytes[48..56] != *stream_tag || !checksum::holds(bytes) {
        return None;
    }
    decode_segment_header(bytes, layout.geometry, SegmentIndex(index)).ok()
}

/// Bytes from the end of the last frame of a segment to the next one.
fn behind_frames(layout: &StreamLayout) -> u64 {
    footer_len(layout.digest) as u64
}
