//! An open parity file: its directory from either end, and the tables of its windows.

use crate::directory::{END_LEN, MAGIC, PREFIX_LEN};
use crate::source::{can_read, len_of};
use crate::table::{Table, table_len};
use crate::window::read_lossy;
use crate::{Area, Directory, ParityError, Part, Source};

/// A parity file whose directory was found.
pub struct Sidecar<'s> {
    source: &'s dyn Source,
    directory: Directory,
    bodies: Vec<u64>,
    /// Copies of the directory that are sound.
    copies: u8,
    /// Its length, and the length that it should have.
    len: u64,
    full_len: u64,
}

/// How many of a window's two tables are sound, and what they say.
pub(crate) struct FoundTable {
    pub(crate) table: Option<Table>,
    pub(crate) copies: u8,
}

impl<'s> Sidecar<'s> {
    /// Finds the directory, at the front or at the end.
    ///
    /// # Errors
    /// `NotParity` of a file that neither begins nor ends as one; `Destroyed` where no copy of the
    /// directory is sound, or less than half of the file is there; `Unsupported` and
    /// `Malformed` where a copy is sound and says what cannot be; `Read`.
    pub fn open(source: &'s dyn Source) -> Result<Self, ParityError> {
        let len = len_of(source, Part::Parity)?;
        let front = front_len(source).and_then(|(dir_len, _)| copy(source, 0, dir_len));
        let magic = front_len(source).is_some_and(|(_, magic)| magic);
        let at_end = |end: u64| {
            let mut bytes = [0; END_LEN];
            if !can_read(source, &mut bytes, end.checked_sub(END_LEN as u64)?) {
                return None;
            }
            let dir_len = Directory::len_from_end(&bytes)?;
            copy(source, end.checked_sub(dir_len as u64)?, dir_len)
        };
        let (bytes, mut copies) = match (front, at_end(len)) {
            (Some(front), back) => (front, 1 + u8::from(back.is_some())),
            (None, Some(back)) => (back, 1),
            (None, None) if magic => {
                return Err(ParityError::Destroyed("neither copy of its directory is sound"));
            }
            (None, None) => return Err(ParityError::NotParity),
        };
        let (directory, full_len) = Directory::decode(&bytes)?;
        // A parity file with something behind it still has its second copy.
        if len > full_len && copies == 1 && at_end(full_len).is_some() {
            copies = 2;
        }
        if len < full_len / 2 {
            return Err(ParityError::Destroyed("more than half of it is missing"));
        }
        let bodies = directory.bodies();
        Ok(Self { source, directory, bodies, copies, len, full_len })
    }

    /// What it says of itself and of its file.
    #[must_use]
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// Sound copies of the directory: 1 or 2.
    #[must_use]
    pub fn directories(&self) -> u8 {
        self.copies
    }

    /// Whether it has another length than it was written with.
    #[must_use]
    pub fn is_cut_or_extended(&self) -> bool {
        self.len != self.full_len
    }

    /// Length of the parity file as it was written.
    #[must_use]
    pub fn full_len(&self) -> u64 {
        self.full_len
    }

    pub(crate) fn source(&self) -> &'s dyn Source {
        self.source
    }

    /// Where the record of a window begins.
    pub(crate) fn record(&self, area: usize, window: u64) -> u64 {
        self.bodies[area] + window * self.directory.areas[area].record_len()
    }

    /// Where the parity blocks of a window begin.
    pub(crate) fn parity(&self, area: usize, window: u64) -> u64 {
        self.record(area, window) + table_len(self.directory.areas[area].geometry()) as u64
    }

    /// The table of a window, from either place.
    pub(crate) fn table(&self, number: usize, window: u64) -> FoundTable {
        let area = &self.directory.areas[number];
        let places = table_places(area, window);
        let mut found = FoundTable { table: None, copies: 0 };
        let mut bytes = vec![0; table_len(area.geometry())];
        for place in places {
            let read = read_lossy(self.source, &mut bytes, self.bodies[number] + place);
            if let Some(table) = Table::decode(&bytes[..read], area, window) {
                found.copies += 1;
                found.table.get_or_insert(table);
            }
        }
        found
    }
}

/// Offsets of both tables of a window, from the beginning of its area's records.
pub(crate) fn table_places(area: &Area, window: u64) -> [u64; 2] {
    let behind_parity = table_len(area.geometry()) as u64 + area.parity_len() as u64;
    [window * area.record_len(), area.second_home(window) * area.record_len() + behind_parity]
}

/// The length of the directory at the front, and whether the file begins with the magic.
fn front_len(source: &dyn Source) -> Option<(usize, bool)> {
    let mut prefix = [0; PREFIX_LEN];
    if !can_read(source, &mut prefix, 0) {
        return None;
    }
    let is_magic = prefix[..MAGIC.len()] == MAGIC;
    Some((Directory::len_from_prefix(&prefix).unwrap_or(END_LEN), is_magic))
}

/// A copy of the directory whose checksum holds.
fn copy(source: &dyn Source, at: u64, len: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0; len];
    let is_sound =
        can_read(source, &mut bytes, at) && sv2_crc::holds(&bytes) && bytes[..MAGIC.len()] == MAGIC;
    is_sound.then_some(bytes)
}
