//! Where the plaintext of segments comes from, one segment after the other.

use std::time::Duration;

use sv2_framing::{FrameIndex, SegmentIndex, SegmentLayout, StreamLayout};
use sv2_pipeline::Fed;

use crate::StreamError;
use crate::io::{Input, PositionedInput, SequentialInput};
use crate::report::timed;

/// A segment on its way to a worker: its buffer, and how much plaintext is in the slots.
pub(crate) struct Filled {
    pub(crate) wire: Vec<u8>,
    pub(crate) plaintext_len: u32,
    pub(crate) read: Duration,
}

impl Filled {
    /// A segment of a place, which its worker reads.
    pub(super) fn unread(wire: Vec<u8>, plaintext_len: u32) -> Self {
        Self { wire, plaintext_len, read: Duration::ZERO }
    }

    /// Reads the plaintext of segment number `segment` of the input into the slots.
    pub(super) fn read_at(
        &mut self,
        input: &PositionedInput<'_>,
        segment: u64,
        layout: &StreamLayout,
    ) -> Result<(), StreamError> {
        let number = SegmentIndex(segment);
        let place = layout.segment_layout(input.len(), number);
        let place = place.ok_or(StreamError::Defect { segment })?;
        self.wire.resize(self.wire.len().max(place.wire_len()), 0);
        let offset = layout.plaintext_offset(number);
        let (done, read) = timed(|| input.read_slots_at(&mut self.wire, place, offset));
        self.read = read;
        done
    }
}

/// What the segments of a stream are filled with.
pub(crate) enum Feed<'i> {
    /// Workers read, each its own segment.
    Places(PositionedInput<'i>),
    /// One thread reads, from front to back.
    Front(Front<'i>),
}

impl<'i> Feed<'i> {
    /// Segments that there are; `None` where that is more than one and not known.
    pub(crate) fn segments(&self, layout: &StreamLayout) -> Option<u64> {
        match self {
            Self::Places(input) => Some(layout.geometry.segment_count(input.len())),
            Self::Front(front) if front.ended => Some(1),
            Self::Front(front) => {
                let total = front.total?.checked_add(front.already)?;
                Some(layout.geometry.segment_count(total))
            }
        }
    }

    /// Plaintext in the first segment that does not come from the input.
    pub(super) fn already(&self) -> u64 {
        match self {
            Self::Places(_) => 0,
            Self::Front(front) => front.already,
        }
    }

    /// Whether the input still ends where it ended when it was opened.
    pub(super) fn check_end(&self) -> Result<(), StreamError> {
        match self {
            Self::Places(input) => input.check_end(),
            Self::Front(front) => front.check_end(),
        }
    }
}

/// An input that is read from front to back.
///
/// Its first segment is read at once, since it tells whether there is more than one, into a buffer
/// that grows by frames: most streams are short.
pub(crate) struct Front<'i> {
    input: SequentialInput<'i>,
    /// Bytes of the input, where that is known.
    total: Option<u64>,
    already: u64,
    ahead: Option<Filled>,
    ended: bool,
}

impl<'i> Front<'i> {
    /// Begins with plaintext that comes before the input's.
    pub(crate) fn begin(
        already: &[u8],
        input: Input<'i>,
        layout: &StreamLayout,
    ) -> Result<Self, StreamError> {
        let total = input.len();
        let mut front = Self {
            input: input.into_sequential(),
            total,
            already: already.len() as u64,
            ahead: None,
            ended: false,
        };
        let (first, read) = timed(|| front.fill_first(already, layout));
        let (wire, plaintext_len) = first?;
        front.ended = u64::from(plaintext_len) < layout.geometry.segment_size();
        if front.ended {
            front.check_end()?;
        }
        front.ahead = (plaintext_len > 0).then_some(Filled { wire, plaintext_len, read });
        Ok(front)
    }

    /// Bytes that were read of the input.
    pub(crate) fn offset(&self) -> u64 {
        self.input.offset()
    }

    fn fill_first(
        &mut self,
        mut already: &[u8],
        layout: &StreamLayout,
    ) -> Result<(Vec<u8>, u32), StreamError> {
        let full = layout.full_segment();
        // One byte more than there should be shows that an input of known length grew.
        let more = self.total.map_or(u64::MAX, |total| total.saturating_add(1));
        let most = u64::from(full.plaintext_len()).min(self.already.saturating_add(more));
        let room = SegmentLayout::new(layout.geometry, layout.digest, most).unwrap_or(full);
        let mut wire = Vec::new();
        if self.total.is_some() {
            wire.reserve_exact(room.wire_len());
        }
        let mut filled = 0;
        for frame in (0..room.frame_count()).map(FrameIndex) {
            let slot = room.plaintext_slot(frame);
            wire.resize(slot.end, 0);
            let slot = &mut wire[slot];
            let (old, rest) = already.split_at(already.len().min(slot.len()));
            slot[..old.len()].copy_from_slice(old);
            already = rest;
            let wanted = slot.len() - old.len();
            let read = self.input.read_up_to(&mut slot[old.len()..])?;
            filled += (old.len() + read) as u32;
            if read < wanted {
                break;
            }
        }
        Ok((wire, filled))
    }

    pub(super) fn next(
        &mut self,
        mut wire: Vec<u8>,
        full: SegmentLayout,
    ) -> Result<Fed<Vec<u8>, Filled>, StreamError> {
        if let Some(first) = self.ahead.take() {
            return Ok(Fed::Job(first));
        }
        if self.ended {
            return Ok(Fed::End(wire));
        }
        wire.resize(full.wire_len(), 0);
        let (done, read) = timed(|| self.input.read_slots(&mut wire, full));
        // At most a segment, so it fits.
        let plaintext_len = done? as u32;
        self.ended = plaintext_len < full.plaintext_len();
        Ok(match plaintext_len {
            0 => Fed::End(wire),
            _ => Fed::Job(Filled { wire, plaintext_len, read }),
        })
    }

    fn check_end(&self) -> Result<(), StreamError> {
        let read = self.input.offset();
        match self.total {
            Some(total) if total != read => {
                Err(StreamError::InputChanged { offset: total.min(read) })
            }
            _ => Ok(()),
        }
    }
}
