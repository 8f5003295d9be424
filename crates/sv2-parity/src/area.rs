//! An area: bytes of the file that one set of windows covers, and where its blocks are (parity.md
//! section 3).

use std::ops::Range;

use crate::Geometry;
use crate::table::table_len;

/// The most bytes that are read at once.
const PIECE_BYTES: u64 = 2 << 20;
/// The most blocks that are read at once.
const PIECE_BLOCKS: u64 = 64;

/// A range of the file that is cut into blocks and windows of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Area {
    start: u64,
    end: u64,
    blocks: u64,
    geometry: Geometry,
}

/// What an area survives, whatever is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Promise {
    /// So many lost blocks of a window, its parity blocks included.
    pub blocks: u64,
    /// Length of a block in bytes.
    pub block_len: u64,
    /// Data of a window in bytes.
    pub window_len: u64,
    /// The longest gap in the data, in bytes, that is filled wherever it begins.
    pub gap: u64,
}

/// Neighbouring blocks of a window that are read at once.
#[derive(Debug, Clone)]
pub(crate) struct Piece {
    /// Number of the first one in the window.
    pub(crate) index: usize,
    pub(crate) count: usize,
    /// Their bytes in the file; the last block may be short.
    pub(crate) range: Range<u64>,
}

impl Area {
    /// The bytes `start..end` as the first of `blocks` blocks; `None` where R-204 forbids it.
    #[must_use]
    pub fn new(start: u64, end: u64, blocks: u64, geometry: Geometry) -> Option<Self> {
        let used = end.checked_sub(start)?.div_ceil(geometry.block_len() as u64);
        let is_used = used > 0 && used <= blocks && blocks - used <= used;
        let area = Self { start, end, blocks, geometry };
        // No offset of a block overflows.
        blocks.checked_mul(geometry.block_len() as u64)?.checked_add(start)?;
        let is_dense = u64::from(geometry.data()) <= 2 * area.least_data();
        (is_used && is_dense).then_some(area)
    }

    /// The data blocks that the windows need at least, rounded up to runs.
    fn least_data(&self) -> u64 {
        let runs = self.blocks.div_ceil(self.geometry.run().into());
        runs.div_ceil(self.windows()) * u64::from(self.geometry.run())
    }

    /// Offset of the first byte in the file.
    #[must_use]
    pub fn start(&self) -> u64 {
        self.start
    }

    /// Offset behind the last byte in the file.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Blocks that the layout counts; those that begin at or behind the end are zero.
    #[must_use]
    pub fn blocks(&self) -> u64 {
        self.blocks
    }

    /// Sizes of blocks, runs and windows.
    #[must_use]
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// Number of windows.
    #[must_use]
    pub fn windows(&self) -> u64 {
        self.blocks.div_ceil(self.geometry.run().into()).div_ceil(self.geometry.runs())
    }

    /// The window of a block and its number in that window.
    #[must_use]
    pub fn place(&self, block: u64) -> (u64, u16) {
        let run = u64::from(self.geometry.run());
        let windows = self.windows();
        let (number, inside) = (block / run, block % run);
        // Below the number of data blocks of a window, so it fits.
        (number % windows, (number / windows * run + inside) as u16)
    }

    /// The block with this number in a window; `None` where there is none.
    #[must_use]
    pub fn block(&self, window: u64, index: u16) -> Option<u64> {
        let run = self.geometry.run();
        let number = u64::from(index / run) * self.windows() + window;
        let block = number * u64::from(run) + u64::from(index % run);
        (block < self.blocks && self.offset(block) < self.end).then_some(block)
    }

    /// The bytes of a block in the file.
    #[must_use]
    pub fn bytes(&self, block: u64) -> Range<u64> {
        let start = self.offset(block).min(self.end);
        start..(start + self.geometry.block_len() as u64).min(self.end)
    }

    fn offset(&self, block: u64) -> u64 {
        self.start + block * self.geometry.block_len() as u64
    }

    /// What is promised of this area.
    #[must_use]
    pub fn promise(&self) -> Promise {
        let (run, parity) = (u64::from(self.geometry.run()), u64::from(self.geometry.parity()));
        let block_len = self.geometry.block_len() as u64;
        // So many neighbouring blocks take at most `parity` of one window (parity.md section 4).
        let neighbours = match self.windows() {
            1 => parity,
            windows => parity / run * windows * run + parity % run,
        };
        Promise {
            blocks: parity,
            block_len,
            window_len: u64::from(self.geometry.data()) * block_len,
            gap: ((neighbours - 1) * block_len + 1).min(self.end - self.start),
        }
    }

    /// The blocks of a window, piece by piece in the order of the file.
    pub(crate) fn pieces(&self, window: u64) -> impl Iterator<Item = Piece> {
        let area = *self;
        let run = u64::from(area.geometry.run());
        let block_len = area.geometry.block_len() as u64;
        let step = (PIECE_BYTES / block_len).clamp(1, PIECE_BLOCKS);
        let windows = area.windows();
        (0..area.geometry.runs()).flat_map(move |number| {
            let first = (number * windows + window) * run;
            let end = (first + run).min(area.blocks);
            (first..end).step_by(step as usize).filter_map(move |block| {
                let start = area.offset(block);
                if start >= area.end {
                    return None;
                }
                let stop = area.offset((block + step).min(end)).min(area.end);
                let count = (stop - start).div_ceil(block_len) as usize;
                let index = (number * run + block - first) as usize;
                Some(Piece { index, count, range: start..stop })
            })
        })
    }

    /// Length of the record of one window in the parity file.
    pub(crate) fn record_len(&self) -> u64 {
        2 * table_len(self.geometry) as u64 + self.parity_len() as u64
    }

    /// Length of the parity blocks of a window.
    pub(crate) fn parity_len(&self) -> usize {
        usize::from(self.geometry.parity()) * self.geometry.block_len()
    }

    /// Length of all records; `None` where it overflows.
    pub(crate) fn body_len(&self) -> Option<u64> {
        self.windows().checked_mul(self.record_len())
    }

    /// The window at whose record the second table of `window` stands.
    pub(crate) fn second_home(&self, window: u64) -> u64 {
        let windows = self.windows();
        (window + windows.div_ceil(2)) % windows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn areas() -> Vec<Area> {
        let mut areas = Vec::new();
        for (run, data, parity) in [(1, 4, 2), (2, 6, 2), (3, 9, 5), (5, 5, 2), (4, 16, 7)] {
            let geometry = Geometry::new(6, run, data, parity).unwrap();
            for blocks in 1..70u64 {
                for end in [blocks * 64, blocks * 64 - 63, blocks.div_ceil(2) * 64] {
                    areas.extend(Area::new(128, 128 + end, blocks, geometry));
                }
            }
        }
        assert!(areas.len() > 100);
        areas
    }

    ///
    #[test]
    fn every_block_has_one_place_and_every_place_one_block() {
        for area in areas() {
            let mut seen = std::collections::BTreeSet::new();
            for block in 0..area.blocks() {
                let (window, index) = area.place(block);
                assert!(window < area.windows() && index < area.geometry().data());
                assert!(seen.insert((window, index)));
                let is_used = area.start() + block * 64 < area.end();
                assert_eq!(area.block(window, index), is_used.then_some(block));
            }
            let mut read = Vec::new();
            for window in 0..area.windows() {
                for piece in area.pieces(window) {
                    for i in 0..piece.count {
                        let block = area.block(window, (piece.index + i) as u16).unwrap();
                        let start = piece.range.start + i as u64 * 64;
                        assert_eq!(area.bytes(block), start..(start + 64).min(piece.range.end));
                        read.push(block);
                    }
                }
            }
            read.sort_unstable();
            let used = (area.end() - area.start()).div_ceil(64);
            assert_eq!(read, (0..used).collect::<Vec<_>>());
        }
    }

    ///
    #[test]
    fn a_gap_as_long_as_promised_takes_no_more_than_the_parity_of_any_window() {
        for area in areas() {
            let promise = area.promise();
            for start in area.start()..=area.end() - promise.gap {
                let mut lost = vec![0; area.windows() as usize];
                for block in 0..area.blocks() {
                    let bytes = area.bytes(block);
                    if bytes.start < start + promise.gap && start < bytes.end {
                        lost[area.place(block).0 as usize] += 1;
                    }
                }
                assert!(lost.iter().all(|&lost| lost <= promise.blocks), "{area:?} {start}");
            }
        }
    }

    ///
    #[test]
    fn areas_that_waste_blocks_or_windows_are_refused() {
        let geometry = Geometry::new(6, 2, 6, 2).unwrap();
        assert!(Area::new(0, 64 * 3, 6, geometry).is_some());
        assert!(Area::new(0, 64 * 2, 6, geometry).is_none());
        assert!(Area::new(0, 64 * 7, 6, geometry).is_none());
        assert!(Area::new(0, 0, 6, geometry).is_none());
        assert!(Area::new(7, 6, 6, geometry).is_none());
        assert!(Area::new(0, 64 * 3, 3, geometry).is_some(), "two of three runs");
        assert!(Area::new(0, 64 * 2, 2, geometry).is_none(), "one of three runs");
        assert!(Area::new(u64::MAX - 64, u64::MAX, 1, geometry).is_none());
        assert!(Area::new(0, u64::MAX, u64::MAX / 64 + 1, geometry).is_none());
    }
}
