//! Recovering one segment, frame by frame, from wherever its frames may lie.

use std::collections::BTreeMap;
use std::ops::Range;

use sv2_framing::{
    FRAME_HEADER_LEN, FrameIndex, SEGMENT_HEADER_LEN, SegmentHeader, SegmentIndex, SegmentLayout,
    TAG_LEN,
};
use sv2_segment_worker::Explain;

use crate::StreamError;
use crate::decrypt::DecryptJob;
use crate::io::PositionedInput;
use crate::salvage::map::Map;
use crate::survey::read_lossy;

/// What is left of a segment.
pub(super) struct Recovered {
    buffer: Vec<u8>,
    layout: SegmentLayout,
    /// Where the segment begins, if it opened as a whole.
    whole: Option<i64>,
    /// Frames that opened, if it did not.
    parts: BTreeMap<u16, Part>,
    /// Whether the index confirms the version of every frame.
    pub(super) confirmed: bool,
}

/// A frame that opened.
#[derive(Debug, Clone, Copy)]
struct Part {
    /// Where its segment begins, seen from it.
    start: i64,
    /// Where its plaintext is in the buffer.
    at: usize,
}

/// Frames that follow each other and lie where they do in one copy of their segment.
pub(super) struct Piece<'r> {
    /// Their plaintext's place in the segment's plaintext.
    pub(super) range: Range<u64>,
    /// Where their segment begins in the source, which may be in front of it.
    pub(super) start: i64,
    pub(super) frame: u16,
    pub(super) plaintext: &'r [u8],
}

impl Recovered {
    /// Frames that opened, in order.
    pub(super) fn pieces(&self) -> impl Iterator<Item = Piece<'_>> {
        let whole = self.whole.into_iter().flat_map(move |start| {
            (0..self.layout.frame_count()).map(move |frame| {
                let slot = self.layout.plaintext_slot(FrameIndex(frame));
                (frame, start, slot)
            })
        });
        let parts = self.parts.iter().map(|(&frame, part)| {
            let len = self.layout.plaintext_slot(FrameIndex(frame)).len();
            (frame, part.start, part.at..part.at + len)
        });
        let frame_size = u64::from(self.layout.frame_size());
        whole.chain(parts).map(move |(frame, start, slot)| {
            let at = u64::from(frame) * frame_size;
            let range = at..at + slot.len() as u64;
            Piece { range, start, frame, plaintext: &self.buffer[slot] }
        })
    }

    /// Whether any frame opened.
    pub(super) fn has_any(&self) -> bool {
        self.whole.is_some() || !self.parts.is_empty()
    }

    /// Frames that did not open.
    pub(super) fn missing(&self) -> impl Iterator<Item = u16> {
        let all = if self.whole.is_some() { 0 } else { self.layout.frame_count() };
        (0..all).filter(|frame| !self.parts.contains_key(frame))
    }

    pub(super) fn layout(&self) -> SegmentLayout {
        self.layout
    }

    pub(super) fn into_buffer(self) -> Vec<u8> {
        self.buffer
    }
}

/// Opens what opens of a segment, wherever it is.
pub(super) fn recover(
    source: &PositionedInput<'_>,
    map: &Map,
    job: &DecryptJob,
    segment: u64,
    buffer: Vec<u8>,
) -> Result<Recovered, StreamError> {
    let layout = map.keyed.layout();
    let Some(layout) = layout.segment_layout(map.plaintext_len, SegmentIndex(segment)) else {
        return Err(StreamError::Defect { segment });
    };
    let mut recovered =
        Recovered { buffer, layout, whole: None, parts: BTreeMap::new(), confirmed: true };
    recovered.buffer.clear();
    let starts = map.places(segment);
    for attempt in map.attempts(source, segment, layout.plaintext_len()) {
        if !recovered.has_any()
            && let Some(&start) = starts.first()
            && open_whole(source, map, job, &attempt.header, start, &mut recovered)
        {
            recovered.confirmed = attempt.confirmed;
            return Ok(recovered);
        }
        let before = recovered.parts.len();
        for &start in &starts {
            let reach = map.reach(start).min(source.len());
            let within = frames_within(layout, start, reach);
            let written = written_frames(map, layout, start, within);
            for frame in written {
                if !recovered.parts.contains_key(&frame) {
                    open_part(source, job, &attempt.header, start, frame, &mut recovered);
                }
            }
        }
        recovered.confirmed &= attempt.confirmed || recovered.parts.len() == before;
    }
    Ok(recovered)
}

/// The frames whose ciphertext and tag lie in front of `limit` where their segment begins at
/// `start`.
fn frames_within(layout: SegmentLayout, start: i64, limit: u64) -> Range<u16> {
    let stride = layout.frame(FrameIndex(0)).len().max(1) as i64;
    let first_ciphertext = start + (SEGMENT_HEADER_LEN + FRAME_HEADER_LEN) as i64;
    let count = i64::from(layout.frame_count());
    let first = if first_ciphertext >= 0 { 0 } else { (-first_ciphertext + stride - 1) / stride };
    let fits = |frame: i64| {
        let slot = layout.plaintext_slot(FrameIndex(frame as u16));
        start + (slot.end + TAG_LEN) as i64 <= limit as i64
    };
    // All frames but the last one are as long as the first.
    let room = limit as i64 - first_ciphertext - TAG_LEN as i64;
    let mut end = (room.max(0) / stride).clamp(0, count);
    while end < count && fits(end) {
        end += 1;
    }
    let first = first.clamp(0, count);
    // Both are at most the number of frames, which is a u16.
    first as u16..end.max(first) as u16
}

/// Bytes of a hole in a frame from which on it does not open: no ciphertext has as many zeros.
const HOLE: u64 = 64;

/// Those of a run of frames that lie in no hole of a sparse file, where their segment begins at
/// `start`.
fn written_frames(
    map: &Map,
    layout: SegmentLayout,
    start: i64,
    within: Range<u16>,
) -> impl Iterator<Item = u16> {
    let stride = layout.frame(FrameIndex(0)).len().max(1) as i64;
    let first = start.saturating_add(SEGMENT_HEADER_LEN as i64);
    let place = |frame: u16| first.saturating_add(i64::from(frame) * stride).max(0) as u64;
    let span = place(within.start)..place(within.end);
    let mut next = within.start;
    map.holes.data_in(span).flat_map(move |data| {
        let of = |offset: u64| (offset as i64).saturating_sub(first).max(0) / stride;
        // Both are at most the number of frames, which is a u16.
        let from = of(data.start).clamp(next.into(), within.end.into()) as u16;
        let to = (of(data.end - 1) + 1).clamp(from.into(), within.end.into()) as u16;
        next = to;
        from..to
    })
}

/// Opens all frames at once, which is what an undamaged segment needs.
fn open_whole(
    source: &PositionedInput<'_>,
    map: &Map,
    job: &DecryptJob,
    header: &SegmentHeader,
    start: i64,
    recovered: &mut Recovered,
) -> bool {
    let body = SEGMENT_HEADER_LEN..recovered.layout.body_len();
    let Ok(offset) = u64::try_from(start + SEGMENT_HEADER_LEN as i64) else { return false };
    let end = offset.saturating_add(body.len() as u64);
    if end > source.len().min(map.reach(start)) || map.holes.reach_into(&(offset..end), HOLE) {
        return false;
    }
    recovered.buffer.resize(body.end, 0);
    read_lossy(source, &mut recovered.buffer[body], offset);
    let wire = &mut recovered.buffer;
    if job.worker().decrypt_in_place(header, wire, Explain::CallerRereads).is_ok() {
        recovered.whole = Some(start);
        return true;
    }
    recovered.buffer.clear();
    false
}

/// Opens one frame behind those that opened before it.
fn open_part(
    source: &PositionedInput<'_>,
    job: &DecryptJob,
    header: &SegmentHeader,
    start: i64,
    frame: u16,
    recovered: &mut Recovered,
) {
    let at = recovered.buffer.len();
    let slot = recovered.layout.plaintext_slot(FrameIndex(frame));
    let place = start + slot.start as i64;
    let layout = recovered.layout;
    if open_at(source, job, header, layout, frame, place, &mut recovered.buffer) {
        recovered.parts.insert(frame, Part { start, at: at + FRAME_HEADER_LEN });
    } else {
        recovered.buffer.truncate(at);
    }
}

/// Appends the record of a frame whose ciphertext begins at `place` to `buffer` and opens it
/// there; its frame header and checksum are not looked at, since the key settles what it is.
pub(super) fn open_at(
    source: &PositionedInput<'_>,
    job: &DecryptJob,
    header: &SegmentHeader,
    layout: SegmentLayout,
    frame: u16,
    place: i64,
    buffer: &mut Vec<u8>,
) -> bool {
    let index = FrameIndex(frame);
    let at = buffer.len();
    let record_len = layout.frame(index).len();
    let sealed_len = layout.plaintext_slot(index).len() + TAG_LEN;
    let Ok(offset) = u64::try_from(place) else { return false };
    if offset.checked_add(sealed_len as u64).is_none_or(|end| end > source.len()) {
        return false;
    }
    buffer.resize(at + record_len, 0);
    let record = &mut buffer[at..];
    record[..FRAME_HEADER_LEN].copy_from_slice(&layout.frame_header(index).encode());
    read_lossy(source, &mut record[FRAME_HEADER_LEN..FRAME_HEADER_LEN + sealed_len], offset);
    job.worker().decrypt_frames(header, index, record).is_ok()
}
