//! A scrub of a stream whose lengths do not fit: its parts are looked for wherever they are, and
//! what is listed is the loss that a salvage would have (format.md section 8.7).

use std::ops::Range;

use sv2_framing::StreamLayout;

use crate::damage::{Damage, Fault};
use crate::inspect::Look;
use crate::io::PositionedInput;
use crate::scrub::Checked;
use crate::survey::{Survey, Unreadable, survey};
use crate::{RunOptions, StreamError, Unit};

/// What was found of the plaintext.
pub(super) struct Scattered {
    plaintext_len: u64,
    segments: u64,
    end_is_known: bool,
    unplaced: u64,
}

impl Scattered {
    pub(super) fn as_checked(&self) -> Checked {
        Checked {
            authenticated: false,
            by_place: false,
            end_is_known: self.end_is_known,
            unplaced: self.unplaced,
            plaintext_len: self.plaintext_len,
            segments: self.segments,
        }
    }
}

/// Looks for segments and frames, and hands what is missing to `lost`.
pub(super) fn look_for_parts(
    source: &PositionedInput<'_>,
    look: &Look,
    run: &RunOptions,
    lost: &mut dyn FnMut(Damage),
) -> Result<Scattered, StreamError> {
    let layout = look.layout;
    let tag = &look.header.commitment[..8];
    let found = survey(source, &layout, tag, Unreadable::Fail, &run.cancel)?;
    let claimed = look.trailer.as_ref().map(|seen| &seen.trailer).filter(|trailer| {
        trailer.check_counts(layout.geometry).is_ok()
            && (trailer.header_len, trailer.digest) == (layout.header_len, layout.digest)
    });
    let plaintext_len = claimed
        .map_or_else(|| end_of_what_was_found(&layout, &found), |trailer| trailer.plaintext_len);
    let (pieces, unplaced) = pieces(&layout, &found, plaintext_len);
    let mut at = 0;
    // Where the piece in front ends, in bytes of the source.
    let mut behind = u64::from(layout.header_len).min(source.len());
    for piece in pieces {
        if piece.plaintext.start > at {
            let wire = behind..piece.offset.max(behind);
            lost(missing(&layout, at..piece.plaintext.start, &wire));
        }
        if piece.plaintext.end > at {
            at = piece.plaintext.end;
            behind = piece.end;
        }
    }
    if plaintext_len > at {
        let end = if claimed.is_some() { behind } else { source.len() };
        lost(missing(&layout, at..plaintext_len, &(behind..end.max(behind))));
    }
    let segments = layout.geometry.segment_count(plaintext_len);
    Ok(Scattered { plaintext_len, segments, end_is_known: claimed.is_some(), unplaced })
}

/// Plaintext in sound frames, and where they lie.
struct Piece {
    plaintext: Range<u64>,
    offset: u64,
    end: u64,
}

/// The end of the last segment of which a header or a frame is there.
fn end_of_what_was_found(layout: &StreamLayout, found: &Survey) -> u64 {
    let size = layout.geometry.segment_size();
    let last = found.headers.iter().map(|it| it.header).max_by_key(|header| header.index.0);
    let by_header =
        last.map_or(0, |header| header.index.0 * size + u64::from(header.plaintext_len));
    let by_frame = found.placed().map(|(segment, run)| {
        let frame_size = u64::from(layout.geometry.frame_size());
        let last = u64::from(run.first + run.count - 1);
        segment.saturating_mul(size) + last * frame_size + u64::from(run.last_len)
    });
    by_frame.max().unwrap_or(0).max(by_header).min(layout.geometry.max_plaintext_len())
}

/// Sound frames by their plaintext, and the bytes in those that belong nowhere.
fn pieces(layout: &StreamLayout, found: &Survey, plaintext_len: u64) -> (Vec<Piece>, u64) {
    let geometry = layout.geometry;
    let frame_size = u64::from(geometry.frame_size());
    let mut pieces = Vec::new();
    let mut unplaced = 0;
    for run in found.runs.iter().filter(|run| run.sound) {
        let len = u64::from(run.count - 1) * frame_size + u64::from(run.last_len);
        let start = run.segment.and_then(|segment| {
            let in_segment = u64::from(run.first) * frame_size;
            segment.checked_mul(geometry.segment_size())?.checked_add(in_segment)
        });
        match start {
            Some(start) if start + len <= plaintext_len => {
                let plaintext = start..start + len;
                pieces.push(Piece { plaintext, offset: run.offset, end: run.end(layout) });
            }
            _ => unplaced += len,
        }
    }
    pieces.sort_by_key(|piece| (piece.plaintext.start, piece.plaintext.end));
    (pieces, unplaced)
}

/// Frames of which nothing is there, between two parts of the source.
fn missing(layout: &StreamLayout, plaintext: Range<u64>, wire: &Range<u64>) -> Damage {
    let unit = |offset: u64| {
        let place = layout.position(offset);
        Unit::Frame { segment: place.segment.0, frame: place.frame.0.into() }
    };
    let frame_size = u64::from(layout.geometry.frame_size());
    let units = (plaintext.end - 1) / frame_size - plaintext.start / frame_size + 1;
    Damage {
        last: unit(plaintext.end - 1),
        units,
        plaintext: Some(plaintext.clone()),
        ..Damage::bare(unit(plaintext.start), Fault::Missing, wire.start, wire.end - wire.start)
    }
}
