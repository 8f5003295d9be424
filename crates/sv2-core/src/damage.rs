//! What a scrub or a verification found (format.md section 8.7).
//!
//! Damaged units that follow each other are one entry, and a list has an end, so that what is kept
//! and printed never grows beyond what was read.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

use crate::{Trailing, Unit};

/// Entries that a [`DamageMap`] lists one by one; what is beyond is counted by its fault.
pub const MAX_DAMAGES: usize = 10_000;

/// What is wrong with a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// Its checksum does not match its bytes.
    Checksum,
    /// Its checksum does not match, but with the key its bytes are authentic: a damaged checksum
    /// over good data.
    ChecksumOnly,
    /// Its bytes are consistent, but not authentic.
    Authentication,
    /// A field is not what its place demands.
    Malformed(&'static str),
    /// It differs from what another part of the stream says of it.
    Disagrees(&'static str),
    /// It is not there.
    Missing,
}

/// A damaged unit, or several that follow each other without a gap.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Damage {
    /// The unit, or the first of several.
    pub unit: Unit,
    /// The last of the units; the same where there is one.
    pub last: Unit,
    /// How many units they are.
    pub units: u64,
    /// What is wrong with it, and with each of several.
    pub fault: Fault,
    /// Where it begins, in bytes from the start of the stream.
    pub offset: u64,
    /// Its length in bytes.
    pub len: u64,
    /// The plaintext that it carries, as offsets into the whole plaintext; `None` where it
    /// carries none.
    pub plaintext: Option<Range<u64>>,
}

impl Damage {
    /// A damaged unit that carries no plaintext.
    pub(crate) fn bare(unit: Unit, fault: Fault, offset: u64, len: u64) -> Self {
        Self { unit, last: unit, units: 1, fault, offset, len, plaintext: None }
    }

    /// Takes in the damage that follows, where both are parts of segments or pages of the index
    /// that touch and have the same fault; a footer that differs from the index behind damaged frames says no more than
    /// these do.
    pub(crate) fn joins(&self, next: &Self) -> bool {
        let in_segments =
            |unit| matches!(unit, Unit::Segment { .. } | Unit::Footer { .. } | Unit::Frame { .. });
        let same = self.fault == next.fault
            || (self.fault == Fault::Checksum
                && matches!(next.unit, Unit::Footer { .. })
                && matches!(next.fault, Fault::Disagrees(_)));
        let alike = in_segments(self.last) && in_segments(next.unit)
            || (self.last, next.unit) == (Unit::Index, Unit::Index);
        same && alike && self.offset + self.len == next.offset
    }

    pub(crate) fn extend(&mut self, next: &Self) {
        self.last = next.last;
        self.units += next.units;
        self.len += next.len;
        if let Some(more) = &next.plaintext {
            match &mut self.plaintext {
                Some(range) => range.end = more.end,
                plaintext => *plaintext = Some(more.clone()),
            }
        }
    }

    /// Takes in another damage, wherever it is, and reaches from the first of both to the last.
    fn cover(&mut self, other: &Self) {
        let (end, other_end) = (self.offset + self.len, other.offset + other.len);
        if other.offset < self.offset {
            (self.unit, self.offset) = (other.unit, other.offset);
        }
        if other_end > end {
            self.last = other.last;
        }
        self.len = end.max(other_end) - self.offset;
        self.units += other.units;
        if let Some(more) = &other.plaintext {
            let range = self.plaintext.get_or_insert_with(|| more.clone());
            *range = range.start.min(more.start)..range.end.max(more.end);
        }
    }

    /// Plaintext bytes that are lost with it.
    fn lost(&self) -> u64 {
        match &self.plaintext {
            Some(range) if self.fault != Fault::ChecksumOnly => range.end - range.start,
            _ => 0,
        }
    }
}

/// Damage as it is found, joined and counted.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    listed: VecDeque<Damage>,
    beyond: Vec<Damage>,
    units: u64,
    lost: u64,
}

impl Tally {
    /// Takes in a damage. Those that touch are one entry where they come in order of their offsets,
    /// and the list has those that came first.
    pub(crate) fn push(&mut self, damage: Damage) {
        self.units += damage.units;
        self.lost += damage.lost();
        self.place(damage);
    }

    /// Takes in the entries that another one lists in front of an offset, which it then has no more
    /// in its list; they count once the rest of it is absorbed.
    pub(crate) fn absorb_before(&mut self, other: &mut Self, offset: u64) {
        while other.listed.front().is_some_and(|damage| damage.offset < offset)
            && let Some(damage) = other.listed.pop_front()
        {
            self.place(damage);
        }
    }

    /// Takes in what another one did, which comes behind it.
    pub(crate) fn absorb(&mut self, other: Self) {
        self.units += other.units;
        self.lost += other.lost;
        other.listed.into_iter().chain(other.beyond).for_each(|damage| self.place(damage));
    }

    fn place(&mut self, damage: Damage) {
        if self.beyond.is_empty() {
            if let Some(last) = self.listed.back_mut().filter(|last| last.joins(&damage)) {
                last.extend(&damage);
                return;
            }
            if self.listed.len() < MAX_DAMAGES {
                self.listed.push_back(damage);
                return;
            }
        }
        match self.beyond.iter_mut().find(|of_fault| of_fault.fault == damage.fault) {
            Some(of_fault) => of_fault.cover(&damage),
            None => self.beyond.push(damage),
        }
    }

    /// Everything that was taken in, for the map.
    pub(crate) fn finish(self) -> (Vec<Damage>, Vec<Damage>, u64, u64) {
        let mut listed = Vec::from(self.listed);
        listed.sort_by_key(|damage| damage.offset);
        (listed, self.beyond, self.units, self.lost)
    }
}

/// Everything that a scrub or a verification found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DamageMap {
    /// Whether a key authenticated what was read; without one only accidents are found.
    pub authenticated: bool,
    /// Whether the stream has a trailer.
    pub sealed: bool,
    /// Whether trailer and length agree, so that every unit was checked at its place. Otherwise
    /// segments and frames were looked for wherever they are, and `damages` names, as `Missing`,
    /// the frames of which none is there under a right checksum: what a salvage would not have.
    pub by_place: bool,
    /// Where a sealed stream ends that something follows; where that was not to be ignored, the
    /// stream in front of it was not looked at.
    pub trailing: Option<Trailing>,
    /// Whether the end of the plaintext is known; otherwise more may be missing behind it.
    pub end_is_known: bool,
    /// Bytes in sound frames of which nothing without a key says whose they are; a salvage may
    /// have them.
    pub unplaced: u64,
    /// Bytes of a pipe of which nothing is known, since lengths did not fit and what went by cannot
    /// be searched; 0 of a file.
    pub unsearched: u64,
    /// Bytes of the stream.
    pub stream_len: u64,
    /// Plaintext bytes, as the trailer says, or as the segments that are there make likely.
    pub plaintext_len: u64,
    /// Segments that were looked at.
    pub segments: u64,
    /// Frames that were looked at.
    pub frames: u64,
    /// Plaintext bytes of a frame, for drawing.
    pub frame_size: u32,
    /// What is damaged, by offset; at most [`MAX_DAMAGES`] entries.
    pub damages: Vec<Damage>,
    /// What is damaged beyond these, one entry for each fault, which reaches from the first such
    /// unit to the last and counts them.
    pub beyond: Vec<Damage>,
    /// Damaged units in all.
    pub damaged_units: u64,
    /// Plaintext bytes in damaged units in all; damaged checksums over good data not counted.
    pub damaged_plaintext: u64,
    /// Time that it took.
    pub wall: Duration,
}

impl DamageMap {
    /// Whether no damage was found; what that proves is said by [`DamageMap::authenticated`].
    #[must_use]
    pub fn is_undamaged(&self) -> bool {
        self.damages.is_empty()
    }

    /// All entries, those that stand for many included.
    pub fn entries(&self) -> impl Iterator<Item = &Damage> {
        self.damages.iter().chain(&self.beyond)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(segment: u64, frame: u32, offset: u64, fault: Fault) -> Damage {
        let at = offset * 10;
        let unit = Unit::Frame { segment, frame };
        Damage { plaintext: Some(at..at + 10), ..Damage::bare(unit, fault, offset, 1) }
    }

    #[test]
    fn units_that_touch_are_one_entry_and_a_gap_or_another_fault_begins_a_new_one() {
        let mut tally = Tally::default();
        for damage in [
            Damage::bare(Unit::Header, Fault::Checksum, 0, 10),
            frame(0, 0, 10, Fault::Checksum),
            frame(0, 1, 11, Fault::Checksum),
            Damage::bare(Unit::Footer { segment: 0 }, Fault::Disagrees("it"), 12, 8),
            frame(1, 0, 20, Fault::Checksum),
            frame(1, 1, 21, Fault::ChecksumOnly),
            frame(1, 3, 23, Fault::ChecksumOnly),
        ] {
            tally.push(damage);
        }
        let (listed, beyond, units, lost) = tally.finish();
        let lens: Vec<_> = listed.iter().map(|damage| (damage.offset, damage.len)).collect();
        assert_eq!(lens, [(0, 10), (10, 11), (21, 1), (23, 1)]);
        assert_eq!((listed[1].units, listed[1].plaintext.clone()), (4, Some(100..210)));
        assert_eq!((beyond.len(), units, lost), (0, 7, 30));
    }

    /// F-838: a list has an end, and counts what is beyond it.
    #[test]
    fn damage_beyond_the_list_is_counted_by_its_fault() {
        let mut tally = Tally::default();
        let most = MAX_DAMAGES as u64;
        for at in 0..most + 3 {
            tally.push(frame(at, 0, 2 * at, Fault::Checksum));
        }
        tally.push(frame(most + 3, 0, 2 * most + 6, Fault::Authentication));
        let (listed, beyond, units, lost) = tally.finish();
        assert_eq!((listed.len(), units, lost), (MAX_DAMAGES, most + 4, 10 * (most + 4)));
        let counts: Vec<_> = beyond.iter().map(|of| (of.fault, of.units, of.len)).collect();
        assert_eq!(counts, [(Fault::Checksum, 3, 5), (Fault::Authentication, 1, 1)]);
    }

    /// F-838: whatever the order in which it is found, an entry reaches from the first to the last.
    #[test]
    fn what_is_beyond_the_list_reaches_over_damage_that_is_found_late() {
        let mut tally = Tally::default();
        let most = MAX_DAMAGES as u64;
        (0..most).for_each(|at| tally.push(frame(at, 0, 100 + 2 * at, Fault::Checksum)));
        for offset in [70, 90, 50, 60] {
            tally.push(frame(offset, 0, offset, Fault::Authentication));
        }
        let (_, beyond, ..) = tally.finish();
        let [late] = &beyond[..] else { panic!("{beyond:?}") };
        assert_eq!((late.offset, late.len, late.units), (50, 41, 4));
        let unit = |segment| Unit::Frame { segment, frame: 0 };
        assert_eq!((late.unit, late.last), (unit(50), unit(90)));
        assert_eq!(late.plaintext, Some(500..910));
    }
}
