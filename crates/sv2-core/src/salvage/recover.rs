//! Recovering one segment, frame by frame.

use std::ops::Range;

use sv2_framing::{FrameIndex, SEGMENT_HEADER_LEN, SegmentHeader, SegmentIndex, SegmentLayout};
use sv2_segment_worker::Explain;

use crate::StreamError;
use crate::decrypt::DecryptJob;
use crate::io::PositionedInput;
use crate::salvage::Salt;
use crate::salvage::map::Map;

/// What is left of a segment.
pub(crate) struct Recovered {
    buffer: Vec<u8>,
    /// Bytes that the buffer needs; it gets them when something is read.
    needed: usize,
    layout: SegmentLayout,
    opened: Vec<bool>,
    /// Whether the index confirms the version of the segment.
    pub(crate) confirmed: bool,
}

/// One frame of a segment, as it goes out.
pub(crate) struct RecoveredFrame<'r> {
    /// Its plaintext's place in the segment's plaintext.
    pub(crate) range: Range<u64>,
    /// Its plaintext, or `None` where it is lost.
    pub(crate) plaintext: Option<&'r [u8]>,
}

impl Recovered {
    pub(crate) fn frames(&self) -> impl Iterator<Item = RecoveredFrame<'_>> {
        let frame_size = u64::from(self.layout.frame_size());
        self.layout.plaintext_slots().zip(0u64..).map(move |(slot, frame)| {
            let start = frame * frame_size;
            let range = start..start + slot.len() as u64;
            let opened = self.opened.get(frame as usize).copied().unwrap_or(false);
            RecoveredFrame { range, plaintext: opened.then(|| &self.buffer[slot]) }
        })
    }

    /// Whether any frame opened.
    pub(crate) fn has_any(&self) -> bool {
        self.opened.contains(&true)
    }

    pub(crate) fn into_buffer(self) -> Vec<u8> {
        self.buffer
    }
}

/// Opens what opens of a segment, wherever it is.
pub(crate) fn recover(
    source: &PositionedInput<'_>,
    map: &Map,
    job: &DecryptJob,
    segment: u64,
    buffer: Vec<u8>,
) -> Result<Recovered, StreamError> {
    let index = SegmentIndex(segment);
    let layout = map.keyed.layout();
    let Some(segment_layout) = layout.segment_layout(map.plaintext_len, index) else {
        return Err(StreamError::Defect { segment });
    };
    // A frame that does not lie within the source is not opened, so no more is ever needed (F-802).
    let there = usize::try_from(source.len()).unwrap_or(usize::MAX);
    let needed = segment_layout.wire_len().min(there);
    let frames = segment_layout.frame_count();
    let mut recovered = Recovered {
        buffer,
        needed,
        layout: segment_layout,
        opened: vec![false; frames.into()],
        confirmed: true,
    };
    let context = job.worker().context();
    let plaintext_len = segment_layout.plaintext_len();
    let found = map.found(segment);
    let header = match map.salt(segment) {
        Salt::Sealed(entry) => context.sealed_header(index, plaintext_len, entry.salt),
        Salt::OwnHeader => {
            recovered.confirmed = false;
            match found {
                Some(found) if found.header.plaintext_len == plaintext_len => found.header,
                _ => return Ok(recovered),
            }
        }
    };

    let mut starts = map.places(segment);
    if let Some(&start) = starts.first()
        && open_whole(source, job, &header, start, map.reach(start), &mut recovered)?
    {
        return Ok(recovered);
    }
    // Bytes that went missing inside the segment moved the frames behind them towards the next
    // segment, so frames are looked for from both ends.
    starts.extend(map.place_from_behind(segment).filter(|place| !starts.contains(place)));
    for frame in (0..frames).map(FrameIndex) {
        for &start in &starts {
            let end = map.reach(start);
            if open_frame(source, job, &header, (start, end), frame, &mut recovered)? {
                break;
            }
        }
    }
    Ok(recovered)
}

/// Opens all frames at once, which is what an undamaged segment needs.
fn open_whole(
    source: &PositionedInput<'_>,
    job: &DecryptJob,
    header: &SegmentHeader,
    start: u64,
    end: u64,
    recovered: &mut Recovered,
) -> Result<bool, StreamError> {
    let body = SEGMENT_HEADER_LEN..recovered.layout.body_len();
    let offset = start + SEGMENT_HEADER_LEN as u64;
    if !fits(source, offset, body.len(), end) {
        return Ok(false);
    }
    recovered.buffer.resize(recovered.needed, 0);
    read_lossy(source, &mut recovered.buffer[body], offset)?;
    let opened =
        job.worker().decrypt_in_place(header, &mut recovered.buffer, Explain::CallerRereads);
    if opened.is_ok() {
        recovered.opened.fill(true);
    }
    Ok(opened.is_ok())
}

/// Opens one frame out of bytes that no failed attempt has touched.
fn open_frame(
    source: &PositionedInput<'_>,
    job: &DecryptJob,
    header: &SegmentHeader,
    (start, end): (u64, u64),
    frame: FrameIndex,
    recovered: &mut Recovered,
) -> Result<bool, StreamError> {
    let range = recovered.layout.frame(frame);
    let offset = start + range.start as u64;
    if !fits(source, offset, range.len(), end) {
        return Ok(false);
    }
    recovered.buffer.resize(recovered.needed, 0);
    let record = &mut recovered.buffer[range];
    read_lossy(source, record, offset)?;
    let opened = job.worker().decrypt_frames(header, frame, record).is_ok();
    recovered.opened[frame.0 as usize] = opened;
    Ok(opened)
}

/// Whether so many bytes lie within the source and in front of `limit`.
fn fits(source: &PositionedInput<'_>, offset: u64, len: usize, limit: u64) -> bool {
    offset.checked_add(len as u64).is_some_and(|end| end <= source.len().min(limit))
}

/// Reads bytes of which some may not be readable: a bad sector is a gap, not the end.
fn read_lossy(
    source: &PositionedInput<'_>,
    buffer: &mut [u8],
    offset: u64,
) -> Result<(), StreamError> {
    const SECTOR: usize = 4096;
    if source.read_exact_at(buffer, offset).is_ok() {
        return Ok(());
    }
    for (number, part) in buffer.chunks_mut(SECTOR).enumerate() {
        if source.read_exact_at(part, offset + (number * SECTOR) as u64).is_err() {
            part.fill(0);
        }
    }
    Ok(())
}
