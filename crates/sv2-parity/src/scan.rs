//! Comparing a file with its parity file (parity.md section 8).

use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};

use crate::identity::{Version, judge};
use crate::repair::KEPT;
use crate::sidecar::FoundTable;
use crate::source::len_of;
use crate::total::Total;
use crate::window::{Copies, Losses, load_parity};
use crate::{Area, ParityError, Part, Sidecar, Source, Work, work};

/// How many of the two tables of a window are sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tables {
    /// Both.
    Both,
    /// One, which suffices.
    One,
    /// None: nobody can tell which blocks of the window are sound.
    None,
}

/// A window of which something is damaged, in the file or in the parity file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowState {
    /// Number of the area.
    pub area: usize,
    /// Number of the window in the area.
    pub window: u64,
    /// Its tables.
    pub tables: Tables,
    /// Numbers of data blocks that are lost, in order.
    pub lost: Vec<u16>,
    /// Numbers of data blocks that are lost in the file and sound in the other copy.
    pub borrowed: Vec<u16>,
    /// How many parity blocks are lost.
    pub lost_parity: u16,
}

/// What a comparison found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Findings {
    /// The areas of the file.
    pub areas: Vec<Area>,
    /// Windows that are not sound, in order.
    pub windows: Vec<WindowState>,
    /// Length that the file has.
    pub found_len: u64,
    /// Length that it had when it was protected.
    pub file_len: u64,
    /// Memory that the threads hold at most, in bytes.
    pub memory: u64,
    /// Whether what is left of the stream vouches for the parity file being of its present version.
    pub version: Version,
}

impl WindowState {
    /// Whether all data of the window is there or can be computed.
    #[must_use]
    pub fn is_repairable(&self, area: &Area) -> bool {
        let spare = area.geometry().parity().saturating_sub(self.lost_parity);
        self.tables != Tables::None && self.lost.len() <= usize::from(spare)
    }

    /// Data blocks that the file no longer has.
    #[must_use]
    pub fn bad(&self) -> usize {
        self.lost.len() + self.borrowed.len()
    }

    fn is_sound(&self) -> bool {
        self.bad() == 0 && self.lost_parity == 0 && self.tables == Tables::Both
    }
}

impl Findings {
    /// Data blocks that the file no longer has.
    #[must_use]
    pub fn bad_blocks(&self) -> u64 {
        self.windows.iter().map(|window| window.bad() as u64).sum()
    }

    /// Windows with such blocks.
    pub fn damaged(&self) -> impl Iterator<Item = &WindowState> {
        self.windows.iter().filter(|window| window.bad() > 0)
    }

    /// Windows whose data is lost for good, or cannot be judged.
    pub fn hopeless(&self) -> impl Iterator<Item = &WindowState> {
        self.windows.iter().filter(|window| !window.is_repairable(&self.areas[window.area]))
    }

    /// Whether the file is what it was, to the byte.
    #[must_use]
    pub fn is_file_sound(&self) -> bool {
        self.found_len == self.file_len
            && self.damaged().next().is_none()
            && self.hopeless().next().is_none()
    }

    /// Whether everything that is lost can be given back.
    #[must_use]
    pub fn is_repairable(&self) -> bool {
        self.hopeless().next().is_none()
    }

    /// Windows of which a part of the parity file is damaged.
    pub fn damaged_parity(&self) -> impl Iterator<Item = &WindowState> {
        let is_damaged =
            |window: &&WindowState| window.lost_parity > 0 || window.tables != Tables::Both;
        self.windows.iter().filter(is_damaged)
    }

    /// Windows of all areas.
    #[must_use]
    pub fn window_count(&self) -> u64 {
        self.areas.iter().map(Area::windows).sum()
    }

    /// Memory that a repair holds at most, in bytes: that of its threads, and what one in place
    /// keeps until it is known that all can be given back.
    #[must_use]
    pub fn repair_memory(&self) -> u64 {
        self.memory + KEPT
    }

    /// Fails where [`Findings::is_repairable`] does not hold.
    ///
    /// # Errors
    /// `BeyondRepair`.
    pub fn require_repairable(&self) -> Result<(), ParityError> {
        let windows = self.hopeless().count() as u64;
        let blocks = self.hopeless().map(|window| window.lost.len() as u64).sum();
        if windows == 0 { Ok(()) } else { Err(ParityError::BeyondRepair { windows, blocks }) }
    }
}

/// Compares every block of `file`, and of its parity file, with its checksum.
///
/// `other` is another copy of the file, from which a block that is lost may come.
/// Both files are read once.
///
/// # Errors
/// `Stale` where the file is sound in itself and another one, before anything else is read;
/// `Mixed` where its tables are not all of one file; `Read` of a length, and `Cancelled`.
/// A place that cannot be read is a lost block, and no error.
pub fn scan(
    file: &dyn Source,
    other: Option<&dyn Source>,
    sidecar: &Sidecar<'_>,
    work: &Work<'_>,
) -> Result<Findings, ParityError> {
    let version = judge(file, sidecar.directory())?;
    let found_len = len_of(file, Part::Data)?;
    let directory = sidecar.directory();
    let (found, sum) = (Mutex::new(Vec::new()), AtomicU64::new(0));
    for (number, area) in directory.areas.iter().enumerate() {
        let threads = work.threads_for(std::slice::from_ref(area));
        let total = Total::new(area, directory.file_len, &sum);
        work::run(threads, area.windows(), Vec::new, |buffer, window| {
            let table = sidecar.table(number, window);
            if let Some(table) = &table.table {
                total.add(table, window);
            }
            let copies = Copies { file, other };
            let state = scan_window(copies, sidecar, (number, &table), window, buffer, work)?;
            if !state.is_sound() {
                found.lock().unwrap_or_else(PoisonError::into_inner).push(state);
            }
            Ok(())
        })?;
    }
    let mut windows = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    windows.sort_by_key(|state| (state.area, state.window));
    // Where a table is lost, that window is beyond repair, and nothing is written anyway.
    let is_whole = windows.iter().all(|state: &WindowState| state.tables != Tables::None);
    if is_whole && sum.into_inner() != directory.crc {
        return Err(ParityError::Mixed);
    }
    Ok(Findings {
        areas: directory.areas.clone(),
        windows,
        found_len,
        file_len: directory.file_len,
        memory: work.memory(&directory.areas),
        version,
    })
}

pub(crate) fn scan_window(
    copies: Copies<'_>,
    sidecar: &Sidecar<'_>,
    (number, found): (usize, &FoundTable),
    window: u64,
    buffer: &mut Vec<u8>,
    work: &Work<'_>,
) -> Result<WindowState, ParityError> {
    // Of a window without a table nothing else is read.
    work.tell(0)?;
    let area = &sidecar.directory().areas[number];
    let block_len = area.geometry().block_len();
    let tables = match found.copies {
        0 => Tables::None,
        1 => Tables::One,
        _ => Tables::Both,
    };
    let mut losses = Losses::default();
    let mut lost_parity = area.geometry().parity();
    if let Some(table) = &found.table {
        for piece in area.pieces(window) {
            buffer.resize(piece.count * block_len, 0);
            copies.load(&piece, table, block_len, buffer, &mut losses);
            work.tell(piece.len() as u64)?;
        }
        let parity = sidecar.parity(number, window);
        let sound = load_parity(sidecar.source(), parity, area, table, buffer);
        // No more than there are.
        lost_parity -= sound.len() as u16;
    }
    let Losses { lost, borrowed } = losses;
    Ok(WindowState { area: number, window, tables, lost, borrowed, lost_parity })
}
