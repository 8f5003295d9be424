//! The checksum of the whole file, from those of its blocks in any order: what stands at a place
//! counts by its checksum shifted by all that follows (parity.md sections 5.1 and 6).

use std::sync::atomic::{AtomicU64, Ordering};

use sv2_crc::Shift;

use crate::table::Table;
use crate::{Area, ParityError, Sidecar, Work};

/// Fails where the tables of a parity file are not all of the file that it names; one that
/// is lost cannot be judged.
pub(crate) fn require_one_file(sidecar: &Sidecar<'_>, work: &Work<'_>) -> Result<(), ParityError> {
    let (directory, sum) = (sidecar.directory(), AtomicU64::new(0));
    for (number, area) in directory.areas.iter().enumerate() {
        let total = Total::new(area, directory.file_len, &sum);
        for window in 0..area.windows() {
            work.tell(0)?;
            let table = sidecar.table(number, window).table;
            total.add(&table.ok_or(ParityError::Damaged(area.start()))?, window);
        }
    }
    if sum.into_inner() == directory.crc { Ok(()) } else { Err(ParityError::Mixed) }
}

/// What the windows of one area add to the checksum of their file; threads share the sum.
pub(crate) struct Total<'s> {
    area: Area,
    file_len: u64,
    block: Shift,
    sum: &'s AtomicU64,
}

impl<'s> Total<'s> {
    pub(crate) fn new(area: &Area, file_len: u64, sum: &'s AtomicU64) -> Self {
        let block = Shift::new(area.geometry().block_len() as u64);
        Self { area: *area, file_len, block, sum }
    }

    /// Takes in the data blocks of a window, which is done once for each.
    pub(crate) fn add(&self, table: &Table, window: u64) {
        let block_len = self.area.geometry().block_len() as u64;
        for piece in self.area.pieces(window) {
            let mut crc = 0;
            let mut left = piece.range.end - piece.range.start;
            for index in piece.index..piece.index + piece.count {
                let part = table.data(index);
                crc = if left >= block_len {
                    self.block.apply(crc) ^ part
                } else {
                    sv2_crc::combine(crc, part, left)
                };
                left = left.saturating_sub(block_len);
            }
            let shifted = sv2_crc::combine(crc, 0, self.file_len - piece.range.end);
            self.sum.fetch_xor(shifted, Ordering::Relaxed);
        }
    }
}
