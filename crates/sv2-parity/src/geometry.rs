//! Sizes of blocks, runs and windows, and how a writer chooses them (parity.md sections 3 and 4).

use crate::ParityError;

/// The most data and parity blocks of a window, parity rounded up to a power of two.
///
/// It bounds the work area of the decoder, which has a power of two of blocks.
pub const MAX_CODE: u64 = 2048;

const MIN_BLOCK_LOG2: u8 = 6;
const MAX_BLOCK_LOG2: u8 = 16;
/// The smallest block that a writer chooses: a sector of the disks of today.
const SMALLEST_CHOICE_LOG2: u8 = 12;
/// The fewest parity blocks that a writer gives a window.
const FEWEST_PARITY: u64 = 2;
/// A share of parity is counted in so many parts.
const WHOLE_SHARE: u64 = 10_000;

/// The sizes of one area of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Geometry {
    block_log2: u8,
    run: u16,
    data: u16,
    parity: u16,
}

/// Where the blocks of a window lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spread {
    /// In short runs at equal distances over the whole file, so that one long gap takes little of
    /// each window.
    Runs,
    /// One behind the other.
    Consecutive,
}

/// What a parity file is to be able to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// Parity for each 10,000 parts of data: 500 is 5 %.
    share: u16,
    /// Where the blocks of a window lie.
    pub spread: Spread,
}

impl Request {
    /// The share that serves when nobody chooses: 5 %.
    pub const STANDARD_SHARE: u16 = 500;

    /// A request for `share` parts of parity to 10,000 of data.
    ///
    /// # Errors
    /// `Usage` below 10 (0.1 %) and above 10,000 (100 %).
    pub fn new(share: u16, spread: Spread) -> Result<Self, ParityError> {
        if (10..=WHOLE_SHARE as u16).contains(&share) {
            Ok(Self { share, spread })
        } else {
            Err(ParityError::Usage("a share of parity is from 0.1 % to 100 %"))
        }
    }

    /// Parity for each 10,000 parts of data.
    #[must_use]
    pub fn share(&self) -> u16 {
        self.share
    }

    fn parity_for(&self, data: u64) -> u64 {
        (data * u64::from(self.share)).div_ceil(WHOLE_SHARE).max(FEWEST_PARITY)
    }
}

impl Geometry {
    /// Blocks of 2^`block_log2` bytes, in windows of `data` data blocks, which come in runs of
    /// `run`, and `parity` parity blocks; `None` where no area may have these.
    #[must_use]
    pub fn new(block_log2: u8, run: u16, data: u16, parity: u16) -> Option<Self> {
        let is_block = (MIN_BLOCK_LOG2..=MAX_BLOCK_LOG2).contains(&block_log2);
        let is_run = run > 0 && data > 0 && data.is_multiple_of(run);
        let is_code = parity > 0 && code_len(data.into(), parity.into()) <= MAX_CODE;
        (is_block && is_run && is_code).then_some(Self { block_log2, run, data, parity })
    }

    /// What a writer takes for `len` bytes, at least 1, and the number of their blocks.
    ///
    /// Blocks are as small as a window of the greatest length allows, from 4 KiB to 64 KiB, so
    /// that a small file has blocks to lose.
    #[must_use]
    pub fn choose(len: u64, request: Request) -> (Self, u64) {
        let longest = longest_window(request);
        let fits = |log2: &u8| len.div_ceil(1 << log2) <= longest;
        let block_log2 =
            (SMALLEST_CHOICE_LOG2..=MAX_BLOCK_LOG2).find(fits).unwrap_or(MAX_BLOCK_LOG2);
        let blocks = len.div_ceil(1 << block_log2);
        let mut windows = blocks.div_ceil(longest);
        loop {
            if let Some(geometry) = Self::for_windows(block_log2, blocks, windows, request) {
                return (geometry, blocks);
            }
            windows += 1;
        }
    }

    fn for_windows(log2: u8, blocks: u64, windows: u64, request: Request) -> Option<Self> {
        let even = blocks.div_ceil(windows);
        let run = match request.spread {
            Spread::Runs if windows > 1 => (request.parity_for(even) / 3).max(1),
            _ => even,
        };
        let data = blocks.div_ceil(run).div_ceil(windows) * run;
        let parity = request.parity_for(data);
        let short = |value: u64| u16::try_from(value).ok();
        Self::new(log2, short(run)?, short(data)?, short(parity)?)
    }

    /// Binary logarithm of the length of a block in bytes.
    #[must_use]
    pub fn block_log2(&self) -> u8 {
        self.block_log2
    }

    /// Length of a block in bytes.
    #[must_use]
    pub fn block_len(&self) -> usize {
        1 << self.block_log2
    }

    /// Blocks of a run: neighbours in the file that are neighbours in a window.
    #[must_use]
    pub fn run(&self) -> u16 {
        self.run
    }

    /// Data blocks of a window.
    #[must_use]
    pub fn data(&self) -> u16 {
        self.data
    }

    /// Parity blocks of a window: so many of its blocks, of either kind, may be lost.
    #[must_use]
    pub fn parity(&self) -> u16 {
        self.parity
    }

    /// Runs of a window.
    #[must_use]
    pub fn runs(&self) -> u64 {
        u64::from(self.data / self.run)
    }
}

fn code_len(data: u64, parity: u64) -> u64 {
    data + parity.next_power_of_two()
}

/// The most data blocks of a window at this share.
fn longest_window(request: Request) -> u64 {
    let fits = |data: &u64| code_len(*data, request.parity_for(*data)) <= MAX_CODE;
    (1..MAX_CODE).rev().find(fits).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_share_gives_the_windows_of_the_document() {
        let request = Request::new(Request::STANDARD_SHARE, Spread::Runs).unwrap();
        let (geometry, blocks) = Geometry::choose(60 * (120 << 20), request);
        assert_eq!((geometry.block_len(), blocks), (64 << 10, 60 * 1920));
        assert_eq!((geometry.run(), geometry.data(), geometry.parity()), (32, 1920, 96));
    }

    ///
    #[test]
    fn every_length_and_share_gets_a_geometry_that_is_accepted_and_is_as_large_as_asked() {
        for share in [10, 99, 100, 500, 1000, 3333, 5000, 10_000] {
            for spread in [Spread::Runs, Spread::Consecutive] {
                let request = Request::new(share, spread).unwrap();
                let sizes = (0..48).flat_map(|log2| [1u64 << log2, (1 << log2) + 1, 3 << log2]);
                for len in sizes {
                    let (geometry, blocks) = Geometry::choose(len, request);
                    let parity = u64::from(geometry.parity()) * WHOLE_SHARE;
                    assert!(parity >= u64::from(geometry.data()) * u64::from(share));
                    assert_eq!(blocks, len.div_ceil(geometry.block_len() as u64));
                }
            }
        }
    }

    #[test]
    fn a_share_outside_of_its_range_is_refused() {
        for share in [0, 9, 10_001] {
            assert!(Request::new(share, Spread::Runs).is_err(), "{share}");
        }
    }
}
