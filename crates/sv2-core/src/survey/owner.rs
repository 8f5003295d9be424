//! Whose frames they are: what lies around a run of frames says which segment it belongs to.

use sv2_framing::{SEGMENT_HEADER_LEN, SegmentIndex, StreamLayout};

use super::{FoundHeader, Run, Survey, behind_frames};

impl Survey {
    /// Gives every run of frames its segment, where what lies around it says so.
    pub(super) fn find_owners(&mut self, layout: &StreamLayout) {
        let headers = &self.headers;
        let mut before: Option<Run> = None;
        for run in &mut self.runs {
            let at = headers.partition_point(|header| header.offset < run.offset);
            let previous = at.checked_sub(1).and_then(|at| headers.get(at));
            run.segment = owner(run, previous, headers.get(at), before.as_ref(), layout);
            if run.segment.is_some() {
                before = Some(*run);
            }
        }
    }

    /// Runs whose segment is known, sound ones alone.
    pub(crate) fn placed(&self) -> impl Iterator<Item = (u64, &Run)> {
        self.runs.iter().filter(|run| run.sound).filter_map(|run| Some((run.segment?, run)))
    }
}

/// The segment of a run, from the header in front of it, the header behind it, the run in front of
/// it, or the place where it belongs.
fn owner(
    run: &Run,
    previous: Option<&FoundHeader>,
    next: Option<&FoundHeader>,
    before: Option<&Run>,
    layout: &StreamLayout,
) -> Option<u64> {
    let start = run.start(layout);
    let full = layout.full_segment_len() as i64;
    let steps = |from: i64| ((start - from) % full == 0).then(|| (start - from) / full);
    let of = |index: u64, steps: i64| index.checked_add_signed(steps);
    let from_next = next.and_then(|next| {
        let steps = steps(next.offset as i64)?;
        (steps < 0).then(|| of(next.header.index.0, steps)).flatten()
    });
    let from_previous = previous.and_then(|previous| {
        let steps = steps(previous.offset as i64)?;
        (steps >= 0).then(|| of(previous.header.index.0, steps)).flatten()
    });
    from_next
        .filter(|&segment| previous.is_none_or(|it| it.header.index.0 <= segment))
        .or(from_previous)
        .or_else(|| {
            let first = layout.segment_offset(SegmentIndex(0)) as i64;
            let steps = steps(first)?;
            (previous.is_none() && steps >= 0).then_some(steps as u64)
        })
        .or_else(|| {
            // Bytes came in or went missing within a segment.
            let before = before.filter(|before| before.first + before.count <= run.first)?;
            let same_side = previous.is_none_or(|header| header.offset < before.offset);
            same_side.then_some(before.segment).flatten()
        })
        .or_else(|| {
            // The same, behind a header whose first frames are gone.
            let previous = previous?;
            let near = before.is_none_or(|before| before.offset < previous.offset);
            let reach = previous.offset + SEGMENT_HEADER_LEN as u64 + full as u64;
            let within = run.offset <= reach + behind_frames(layout);
            (near && within).then_some(previous.header.index.0)
        })
}
