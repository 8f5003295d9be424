//! Which segments are looked at once more, for what of them follows from the rest.

use sv2_headers::PAGE_ENTRIES;

use crate::damage::{Damage, DamageMap};
use crate::io::PositionedInput;
use crate::scrub::scrub_source;
use crate::{RunOptions, StreamError, Unit};

/// Segments with damage that is not damage of all of them: of a stretch of damage the first and
/// the last.
#[derive(Debug, Default)]
pub(super) struct Damaged {
    /// In rising order.
    segments: Vec<u64>,
    has_index: bool,
}

impl Damaged {
    /// What a map lists, which is all where it counts nothing beyond.
    pub(super) fn listed(map: &DamageMap) -> Self {
        let mut damaged = Self::default();
        map.damages.iter().for_each(|damage| damaged.push(damage));
        damaged.ordered()
    }

    /// What a scrub finds, however much that is.
    ///
    /// # Errors
    /// As [`crate::scrub`].
    pub(super) fn found_in(
        source: &PositionedInput<'_>,
        run: &RunOptions,
    ) -> Result<Self, StreamError> {
        let (mut damaged, mut stretch) = (Self::default(), None::<Damage>);
        scrub_source(source, run, &mut |damage| match &mut stretch {
            Some(before) if before.joins(damage) => before.extend(damage),
            before => {
                let before = before.replace(damage.clone());
                before.iter().for_each(|before| damaged.push(before));
            }
        })?;
        stretch.iter().for_each(|last| damaged.push(last));
        Ok(damaged.ordered())
    }

    fn push(&mut self, damage: &Damage) {
        self.has_index |= damage.unit == Unit::Index;
        for unit in [damage.unit, damage.last] {
            let (Unit::Segment { segment }
            | Unit::Footer { segment }
            | Unit::Frame { segment, .. }) = unit
            else {
                continue;
            };
            if self.segments.last() != Some(&segment) {
                self.segments.push(segment);
            }
        }
    }

    fn ordered(mut self) -> Self {
        self.segments.sort_unstable();
        self.segments.dedup();
        self
    }

    /// Whether something of the index is damaged.
    pub(super) fn has_index(&self) -> bool {
        self.has_index
    }

    /// The damaged segments whose entries are on a page.
    pub(super) fn segments_of(&self, page: u64) -> &[u64] {
        let place = |page: u64| {
            let first = page.saturating_mul(PAGE_ENTRIES);
            self.segments.partition_point(|&segment| segment < first)
        };
        &self.segments[place(page)..place(page + 1)]
    }

    /// The pages of all damaged segments, each once or several times in a row.
    pub(super) fn pages(&self) -> impl Iterator<Item = u64> {
        self.segments.iter().map(|segment| segment / PAGE_ENTRIES)
    }
}
