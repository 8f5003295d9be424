//! A parity file that follows a change of its stream (parity.md section 9).
//!
//! Windows that hold what was changed are encoded anew, all others are taken over; what was
//! appended gets an area of its own, and small areas are merged.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::atomic::AtomicU64;

use sv2_framing::{SegmentIndex, StreamLayout};
use sv2_headers::Trailer;

use crate::identity::{copy_offset, sound_header, trailer_at_end};
use crate::protect::{Encoder, area_for, finish};
use crate::scan::scan_window;
use crate::source::{len_of, read_exact, write_to};
use crate::total::{Total, require_one_file};
use crate::window::Copies;
use crate::{
    Area, Directory, Identity, MAX_AREAS, ParityError, Part, Sidecar, Source, Tables, Target, Work,
    work,
};

/// Bytes that are copied at once.
const COPY_LEN: u64 = 1 << 20;

/// What became of the windows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renewal {
    /// What the new parity file says of itself.
    pub directory: Directory,
    /// Windows that were encoded.
    pub encoded: u64,
    /// Windows that were taken over.
    pub kept: u64,
}

/// What changed in a stream.
struct Change {
    /// Bytes of the new stream that the change may have written.
    ranges: Vec<Range<u64>>,
    /// Where everything behind is new; the length where nothing is.
    cut: u64,
    file_len: u64,
}

/// Where an area of the new parity file comes from.
enum Origin {
    /// The old area of this number, whose windows `touched` are encoded anew.
    Kept {
        number: usize,
        touched: BTreeSet<u64>,
    },
    New,
}

/// Writes to `target`, which is empty, a parity file for `file` as it is now, from the one that
/// was made before its header was rewritten or plaintext was appended.
///
/// # Errors
/// `Usage` where either is no stream, or the change is none of these; `Damaged` where what the
/// change left alone is not what the old parity file knows; `Read`, `Write`, `Cancelled`.
/// `target` is of no use then.
pub fn renew(
    file: &dyn Source,
    old: &Sidecar<'_>,
    target: &dyn Target,
    work: &Work<'_>,
) -> Result<Renewal, ParityError> {
    let file_len = len_of(file, Part::Data)?;
    let Some((bytes, trailer)) = trailer_at_end(file, file_len) else {
        return Err(ParityError::Usage("the file is no sealed stream, so protect it anew"));
    };
    require_one_file(old, work)?;
    let change = Change::between(old.directory(), &trailer, file, file_len)?;
    let (origins, areas) = change.plan(old.directory());
    let directory = Directory {
        identity: Identity::Stream { trailer: bytes },
        file_len,
        crc: 0,
        request: old.directory().request,
        areas,
    };
    let mut renewal = Renewal { directory, encoded: 0, kept: 0 };
    let (bodies, sum) = (renewal.directory.bodies(), AtomicU64::new(0));
    for ((origin, area), body) in origins.iter().zip(&renewal.directory.areas).zip(bodies) {
        let total = Total::new(area, file_len, &sum);
        let windows: Vec<u64> = match origin {
            Origin::Kept { number, touched } => {
                take_over(old, *number, area, target, body, work)?;
                for window in (0..area.windows()).filter(|window| !touched.contains(window)) {
                    work.tell(0)?;
                    let table = old.table(*number, window).table;
                    total.add(&table.ok_or(ParityError::Damaged(area.start()))?, window);
                }
                touched.iter().copied().collect()
            }
            Origin::New => {
                change.require_sound(file, old, area, work)?;
                (0..area.windows()).collect()
            }
        };
        renewal.encoded += windows.len() as u64;
        renewal.kept += area.windows() - windows.len() as u64;
        let threads = work.threads_for(std::slice::from_ref(area));
        let init = || Encoder::new(*area);
        work::run(threads, windows.len() as u64, init, |encoder, item| {
            let window = windows[item as usize];
            let before = match origin {
                Origin::Kept { number, .. } => {
                    let table = old.table(*number, window).table;
                    Some(table.ok_or(ParityError::Damaged(area.start()))?)
                }
                Origin::New => None,
            };
            encoder.read(file, window, &mut |index, crc| {
                let block = area.block(window, index).map(|block| area.bytes(block));
                let (Some(before), Some(bytes)) = (&before, block) else { return Ok(()) };
                if before.data(index.into()) == crc || change.touches(&bytes) {
                    Ok(())
                } else {
                    Err(ParityError::Damaged(bytes.start))
                }
            })?;
            total.add(encoder.table(), window);
            encoder.write(target, body, window)?;
            work.tell(encoder.bytes_read())
        })?;
    }
    renewal.directory.crc = sum.into_inner();
    finish(target, &renewal.directory)?;
    Ok(renewal)
}

impl Change {
    fn between(
        old: &Directory,
        new: &Trailer,
        file: &dyn Source,
        file_len: u64,
    ) -> Result<Self, ParityError> {
        let refused = |why| Err(ParityError::Usage(why));
        let Identity::Stream { trailer } = &old.identity else {
            return refused("the parity file is not one of a stream, so protect it anew");
        };
        // A directory with another trailer is refused when it is read.
        let before = Identity::sound_trailer(trailer).ok_or(ParityError::NotParity)?;
        let header = sound_header(file, 0);
        let header = header.filter(|header| {
            header.header_len == new.header_len
                && new.header_len == before.header_len
                && new.digest == before.digest
                && header.digest == new.digest
        });
        let Some(header) = header else {
            return refused("the stream has another header than before, so protect it anew");
        };
        let header_len = u64::from(header.header_len);
        let mut ranges = Vec::new();
        if new.revision != before.revision {
            ranges.push(0..header_len);
        }
        let cut = if new.generation == before.generation {
            if file_len != old.file_len || new.segments != before.segments {
                return refused("the stream is another one than before, so protect it anew");
            }
            let Some(copy) = copy_offset(file_len, new) else {
                return refused("the lengths of the stream are wrong, so verify it first");
            };
            ranges.push(copy..copy + header_len);
            ranges.push(file_len - sv2_headers::TRAILER_LEN as u64..file_len);
            file_len
        } else {
            let layout = StreamLayout {
                geometry: header.geometry,
                digest: header.digest,
                header_len: header.header_len,
            };
            // Full segments stay as they are, and all behind them is written.
            let full = before.plaintext_len / header.geometry.segment_size();
            let is_possible = before.check_counts(header.geometry).is_ok();
            let cut = is_possible.then(|| layout.segment_offset(SegmentIndex(full)));
            match cut {
                Some(cut) if cut <= old.file_len && cut <= file_len => cut,
                _ => return refused("the stream is another one than before, so protect it anew"),
            }
        };
        ranges.push(cut..file_len);
        Ok(Self { ranges, cut, file_len })
    }

    fn touches(&self, bytes: &Range<u64>) -> bool {
        self.ranges.iter().any(|range| range.start < bytes.end && bytes.start < range.end)
    }

    /// The areas of the new parity file; those that come together cost no more than the bytes
    /// that were appended, but for a constant.
    fn plan(&self, old: &Directory) -> (Vec<Origin>, Vec<Area>) {
        let mut kept: Vec<(Origin, Area)> = Vec::new();
        let mut start = 0;
        for (number, before) in old.areas.iter().enumerate() {
            let block_len = before.geometry().block_len() as u64;
            let end = match self.cut.checked_sub(before.start()) {
                _ if before.end() <= self.cut => before.end(),
                Some(rest) => before.start() + rest / block_len * block_len,
                None => break,
            };
            let area = Area::new(before.start(), end, before.blocks(), before.geometry());
            let Some(area) = area else { break };
            let touched = self.touched(before, &area);
            start = area.end();
            kept.push((Origin::Kept { number, touched }, area));
        }
        while let Some((_, last)) = kept.last() {
            let new_len = self.file_len - start;
            let window = last.promise().window_len;
            let is_small = last.end() - last.start() <= new_len.max(window);
            if new_len == 0 || !(is_small || kept.len() >= MAX_AREAS) {
                break;
            }
            start = last.start();
            kept.pop();
        }
        kept.extend(area_for(start, self.file_len, old.request).map(|area| (Origin::New, area)));
        kept.into_iter().unzip()
    }

    /// Windows of an area that hold a block that was changed or cut off.
    fn touched(&self, before: &Area, now: &Area) -> BTreeSet<u64> {
        let block_len = before.geometry().block_len() as u64;
        let mut windows = BTreeSet::new();
        for range in self.ranges.iter().cloned().chain(std::iter::once(now.end()..before.end())) {
            let start = range.start.max(before.start());
            let end = range.end.min(before.end());
            if start >= end {
                continue;
            }
            let blocks =
                (start - before.start()) / block_len..=(end - 1 - before.start()) / block_len;
            for block in blocks {
                windows.insert(before.place(block).0);
                if windows.len() as u64 == before.windows() {
                    return windows;
                }
            }
        }
        windows
    }

    /// Compares what the old areas know of the bytes of a new area with what the file holds, so
    /// that damage does not become what is protected.
    fn require_sound(
        &self,
        file: &dyn Source,
        old: &Sidecar<'_>,
        new: &Area,
        work: &Work<'_>,
    ) -> Result<(), ParityError> {
        for (number, area) in old.directory().areas.iter().enumerate() {
            if area.end() <= new.start() || area.start() >= self.cut {
                continue;
            }
            let copies = Copies { file, other: None };
            let threads = work.threads_for(std::slice::from_ref(area));
            work::run(threads, area.windows(), Vec::new, |buffer, window| {
                let table = old.table(number, window);
                let state = scan_window(copies, old, (number, &table), window, buffer, work)?;
                if state.tables == Tables::None {
                    return Err(ParityError::Damaged(area.start()));
                }
                let lost = state.lost.iter().filter_map(|&index| area.block(window, index));
                let is_untouched =
                    |bytes: &Range<u64>| bytes.start >= new.start() && !self.touches(bytes);
                match lost.map(|block| area.bytes(block)).find(is_untouched) {
                    Some(bytes) => Err(ParityError::Damaged(bytes.start)),
                    None => Ok(()),
                }
            })?;
        }
        Ok(())
    }
}

/// Copies all records of an area to their new place.
fn take_over(
    old: &Sidecar<'_>,
    number: usize,
    area: &Area,
    target: &dyn Target,
    body: u64,
    work: &Work<'_>,
) -> Result<(), ParityError> {
    let (from, len) = (old.record(number, 0), area.windows() * area.record_len());
    let mut bytes = Vec::new();
    let mut at = 0;
    while at < len {
        // At most a megabyte, so it fits.
        bytes.resize((len - at).min(COPY_LEN) as usize, 0);
        read_exact(old.source(), Part::Parity, &mut bytes, from + at)?;
        write_to(target, Part::Parity, &bytes, body + at)?;
        at += bytes.len() as u64;
        work.tell(0)?;
    }
    Ok(())
}
