//! What docs/parity.md promises, counted a second time from its text and from the bytes that
//! differ, without a line of the crate's own placement.

use std::ops::Range;

/// One area that begins at the front of the file.
pub(crate) struct Model {
    pub(crate) block: usize,
    pub(crate) run: usize,
    pub(crate) data: usize,
    pub(crate) parity: usize,
    pub(crate) file_len: usize,
}

/// What is damaged, and what the promise says about it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The file must come back bit for bit.
    Covered,
    /// More is lost than is promised.
    Lost,
}

impl Model {
    fn blocks(&self) -> usize {
        self.file_len.div_ceil(self.block)
    }

    pub(crate) fn windows(&self) -> usize {
        self.blocks().div_ceil(self.run).div_ceil(self.data / self.run)
    }

    fn table_len(&self) -> usize {
        16 + 8 * (self.data + self.parity) + 8
    }

    fn record_len(&self) -> usize {
        2 * self.table_len() + self.parity * self.block
    }

    pub(crate) fn directory_len(&self) -> usize {
        168 + 24 + 16
    }

    pub(crate) fn parity_len(&self) -> usize {
        2 * self.directory_len() + self.windows() * self.record_len()
    }

    /// Judges damage by comparing files with what they were; a file that was cut is filled up, and
    /// what is missing counts as damaged.
    pub(crate) fn judge(&self, file: [&[u8]; 2], sidecar: [&[u8]; 2]) -> Verdict {
        let differs = |[before, now]: [&[u8]; 2], range: Range<usize>| {
            now.get(range.clone()).is_none_or(|now| *now != before[range])
        };
        let sidecar_len = sidecar[0].len();
        let directory = self.directory_len();
        // The second copy is found at the end as it is now, or where the first says that it was.
        let front = differs(sidecar, 0..directory);
        let back = differs(sidecar, sidecar_len - directory..sidecar_len)
            || sidecar[1].len() != sidecar_len;
        if front && back || sidecar[1].len() < sidecar_len / 2 {
            return Verdict::Lost;
        }
        let windows = self.windows();
        let mut lost = vec![0; windows];
        for block in 0..self.blocks() {
            let range = block * self.block..((block + 1) * self.block).min(self.file_len);
            if differs(file, range) {
                lost[block / self.run % windows] += 1;
            }
        }
        for (window, lost) in lost.into_iter().enumerate() {
            let record = directory + window * self.record_len();
            let home = (window + windows.div_ceil(2)) % windows;
            let second = directory + (home + 1) * self.record_len() - self.table_len();
            let both =
                [record, second].iter().all(|&at| differs(sidecar, at..at + self.table_len()));
            let first = record + self.table_len();
            let blocks = (0..self.parity).map(|i| first + i * self.block);
            let bad = blocks.filter(|&at| differs(sidecar, at..at + self.block)).count();
            if both || lost + bad > self.parity && lost > 0 {
                return Verdict::Lost;
            }
        }
        Verdict::Covered
    }
}
