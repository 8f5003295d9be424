//! Plaintext of ranges, frame by frame where it was opened.

use alloc::vec::Vec;
use core::fmt;
use core::ops::{Range, RangeInclusive};

use sv2_framing::{FrameIndex, SegmentLayout};

/// The plaintext of whole frames that a [`Plan`](crate::Plan) opened, in the order of the stream.
pub struct Plaintext {
    runs: Vec<OpenedRun>,
    /// What was fetched, its frames opened in place.
    buffers: Vec<Vec<u8>>,
}

/// Opened frames of one segment that follow one another.
pub(crate) struct OpenedRun {
    layout: SegmentLayout,
    /// The plaintext offset of the segment, and that of these frames.
    base: u64,
    plaintext: Range<u64>,
    frames: RangeInclusive<u16>,
    /// The buffer that holds them, and where in it the first frame begins.
    buffer: usize,
    start: usize,
}

impl OpenedRun {
    pub(crate) fn new(
        layout: SegmentLayout,
        base: u64,
        frames: RangeInclusive<u16>,
        buffer: usize,
        start: usize,
    ) -> Self {
        let frame_size = u64::from(layout.frame_size());
        let first = base + u64::from(*frames.start()) * frame_size;
        let end = (u64::from(*frames.end()) + 1) * frame_size;
        let plaintext = first..base + end.min(layout.plaintext_len().into());
        Self { layout, base, plaintext, frames, buffer, start }
    }
}

impl Plaintext {
    pub(crate) fn new(runs: Vec<OpenedRun>, buffers: Vec<Vec<u8>>) -> Self {
        Self { runs, buffers }
    }

    /// The plaintext frame by frame, each with its offset in the whole plaintext.
    pub fn frames(&self) -> impl Iterator<Item = (u64, &[u8])> {
        self.runs.iter().flat_map(move |run| {
            let frame_size = u64::from(run.layout.frame_size());
            run.frames.clone().map(move |frame| {
                (run.base + u64::from(frame) * frame_size, self.frame(run, FrameIndex(frame)))
            })
        })
    }

    /// The plaintext from `offset` up to the end of its frame; empty where that was not opened.
    #[must_use]
    pub fn at(&self, offset: u64) -> &[u8] {
        let nth = self.runs.partition_point(|run| run.plaintext.end <= offset);
        let Some(run) = self.runs.get(nth).filter(|run| run.plaintext.start <= offset) else {
            return &[];
        };
        let frame_size = u64::from(run.layout.frame_size());
        let within = offset - run.base;
        // A segment has at most 2^14 frames of at most 2^20 bytes.
        let frame = FrameIndex((within / frame_size) as u16);
        &self.frame(run, frame)[(within % frame_size) as usize..]
    }

    /// Copies plaintext from `offset` on into `out`, and returns the number of bytes: fewer than
    /// `out` holds where what follows was not opened.
    pub fn copy_to(&self, offset: u64, out: &mut [u8]) -> usize {
        let mut done = 0;
        while done < out.len() {
            let found = self.at(offset + done as u64);
            let count = found.len().min(out.len() - done);
            if count == 0 {
                break;
            }
            out[done..done + count].copy_from_slice(&found[..count]);
            done += count;
        }
        done
    }

    /// A frame of a run; the plan gave the run frames that lie in its buffer.
    fn frame(&self, run: &OpenedRun, frame: FrameIndex) -> &[u8] {
        let slot = run.layout.plaintext_slot(frame);
        let first = run.layout.frame(FrameIndex(*run.frames.start())).start;
        &self.buffers[run.buffer][run.start + slot.start - first..run.start + slot.end - first]
    }
}

impl fmt::Debug for Plaintext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ranges = self.runs.iter().map(|run| &run.plaintext);
        f.debug_list().entries(ranges).finish()
    }
}
