//! Giving back what was lost (parity.md section 8).

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::source::{len_of, write_to};
use crate::window::{Copies, Losses, load_parity};
use crate::{Findings, ParityError, Part, Sidecar, Source, Target, WindowState, Work, code, work};

/// Restored blocks of an in-place repair that are kept between the proof that all can be restored
/// and the first write; what does not fit is computed twice.
pub(crate) const KEPT: u64 = 64 << 20;

/// What a repair gave back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repaired {
    /// Blocks that were computed from parity.
    pub computed: u64,
    /// Blocks that came from the other copy.
    pub borrowed: u64,
    /// Bytes that were cut off behind the end.
    pub cut: u64,
}

/// Writes to `target`, which is empty, the whole file as it was when it was protected.
///
/// # Errors
/// `BeyondRepair` before anything is written; `Contradiction`, `Changed` where more is lost than
/// `findings` knows of, `Write` and `Cancelled`: `target` is of no use then.
pub fn repair_copy(
    file: &dyn Source,
    other: Option<&dyn Source>,
    sidecar: &Sidecar<'_>,
    findings: &Findings,
    target: &dyn Target,
    work: &Work<'_>,
) -> Result<Repaired, ParityError> {
    findings.require_repairable()?;
    let file_len = sidecar.directory().file_len;
    target.set_len(file_len).map_err(|source| ParityError::Write {
        part: Part::Output,
        offset: 0,
        source,
    })?;
    let (computed, borrowed) = (AtomicU64::new(0), AtomicU64::new(0));
    for (number, area) in sidecar.directory().areas.iter().enumerate() {
        let threads = work.threads_for(std::slice::from_ref(area));
        work::run(threads, area.windows(), Restorer::default, |restorer, window| {
            let losses = restorer.restore(Copies { file, other }, sidecar, number, window)?;
            computed.fetch_add(losses.lost.len() as u64, Ordering::Relaxed);
            borrowed.fetch_add(losses.borrowed.len() as u64, Ordering::Relaxed);
            for piece in area.pieces(window) {
                let start = piece.index * area.geometry().block_len();
                let bytes = &restorer.data[start..start + piece.len()];
                write_to(target, Part::Output, bytes, piece.range.start)?;
                work.tell(piece.len() as u64)?;
            }
            Ok(())
        })?;
    }
    target.sync().map_err(|source| ParityError::Write { part: Part::Output, offset: 0, source })?;
    Ok(Repaired {
        computed: computed.into_inner(),
        borrowed: borrowed.into_inner(),
        cut: findings.found_len.saturating_sub(file_len),
    })
}

/// Writes the blocks of `file` that are lost, and no others, and cuts what stands behind its end.
///
/// Everything is computed and compared with its checksum before the first block is written, so
/// that a repair that cannot succeed writes nothing.
/// A crash leaves at worst the blocks lost that were lost before.
///
/// # Errors
/// `BeyondRepair`, `Contradiction`, `Changed`: nothing was written.
/// `Write`, `Cancelled`: some blocks may have been written, and a later call goes on.
pub fn repair_in_place(
    file: &dyn Target,
    other: Option<&dyn Source>,
    sidecar: &Sidecar<'_>,
    findings: &Findings,
    work: &Work<'_>,
) -> Result<Repaired, ParityError> {
    findings.require_repairable()?;
    let damaged: Vec<&WindowState> = findings.damaged().collect();
    let as_source: &dyn Source = file;
    let copies = Copies { file: as_source, other };
    let (computed, borrowed) = (AtomicU64::new(0), AtomicU64::new(0));
    let (kept_len, kept) = (AtomicU64::new(0), Mutex::new(Vec::new()));
    let threads = work.threads_for(&sidecar.directory().areas);
    work::run(threads, damaged.len() as u64, Restorer::default, |restorer, item| {
        let state = damaged[item as usize];
        let losses = restorer.restore(copies, sidecar, state.area, state.window)?;
        computed.fetch_add(losses.lost.len() as u64, Ordering::Relaxed);
        borrowed.fetch_add(losses.borrowed.len() as u64, Ordering::Relaxed);
        let blocks = restorer.restored(sidecar, state, &losses);
        let len = blocks.iter().map(|(_, bytes)| bytes.len() as u64).sum();
        let is_kept = kept_len.fetch_add(len, Ordering::Relaxed) + len <= KEPT;
        let blocks = is_kept.then_some(blocks);
        kept.lock().unwrap_or_else(PoisonError::into_inner).push((item, blocks));
        work.tell(0)
    })?;

    let mut restorer = Restorer::default();
    let mut kept = kept.into_inner().unwrap_or_else(PoisonError::into_inner);
    kept.sort_by_key(|(item, _)| *item);
    for (item, blocks) in kept {
        let state = damaged[item as usize];
        let blocks = match blocks {
            Some(blocks) => blocks,
            None => {
                let losses = restorer.restore(copies, sidecar, state.area, state.window)?;
                restorer.restored(sidecar, state, &losses)
            }
        };
        for (offset, bytes) in blocks {
            write_to(file, Part::Data, &bytes, offset)?;
            work.tell(bytes.len() as u64)?;
        }
    }
    let failed = |offset| move |source| ParityError::Write { part: Part::Data, offset, source };
    let file_len = sidecar.directory().file_len;
    let now = len_of(file, Part::Data)?;
    if now != file_len {
        file.sync().map_err(failed(0))?;
        file.set_len(file_len).map_err(failed(file_len))?;
    }
    file.sync().map_err(failed(0))?;
    Ok(Repaired {
        computed: computed.into_inner(),
        borrowed: borrowed.into_inner(),
        cut: findings.found_len.saturating_sub(file_len),
    })
}

/// A window with all of its data, as far as that can be had.
#[derive(Default)]
struct Restorer {
    data: Vec<u8>,
    parity: Vec<u8>,
}

impl Restorer {
    /// Reads a window and computes what is lost; nothing is kept that its checksum does not
    /// confirm.
    fn restore(
        &mut self,
        copies: Copies<'_>,
        sidecar: &Sidecar<'_>,
        number: usize,
        window: u64,
    ) -> Result<Losses, ParityError> {
        let area = &sidecar.directory().areas[number];
        let geometry = area.geometry();
        let block_len = geometry.block_len();
        let table = sidecar.table(number, window).table.ok_or(ParityError::Changed)?;
        self.data.clear();
        self.data.resize(usize::from(geometry.data()) * block_len, 0);
        let mut losses = Losses::default();
        for piece in area.pieces(window) {
            let start = piece.index * block_len;
            let buffer = &mut self.data[start..start + piece.count * block_len];
            copies.load(&piece, &table, block_len, buffer, &mut losses);
        }
        if losses.lost.is_empty() {
            return Ok(losses);
        }
        let at = sidecar.parity(number, window);
        let sound = load_parity(sidecar.source(), at, area, &table, &mut self.parity);
        if sound.len() < losses.lost.len() {
            return Err(ParityError::Changed);
        }
        let mut found = vec![0; losses.lost.len() * block_len];
        code::decode(geometry, &self.data, &losses.lost, &self.parity, &sound, |i, at, slice| {
            found[i * block_len + at..][..slice.len()].copy_from_slice(slice);
        });
        for (block, &index) in found.chunks(block_len).zip(&losses.lost) {
            let place = area.block(window, index).ok_or(ParityError::Changed)?;
            let bytes = area.bytes(place);
            let len = (bytes.end - bytes.start) as usize;
            if sv2_crc::crc64(&block[..len]) != table.data(index.into()) {
                return Err(ParityError::Contradiction { window });
            }
            self.data[usize::from(index) * block_len..][..block_len].copy_from_slice(block);
        }
        Ok(losses)
    }

    /// The blocks that the file lacks, with their offsets.
    fn restored(
        &self,
        sidecar: &Sidecar<'_>,
        state: &WindowState,
        losses: &Losses,
    ) -> Vec<(u64, Vec<u8>)> {
        let area = &sidecar.directory().areas[state.area];
        let block_len = area.geometry().block_len();
        let mut numbers: Vec<u16> = losses.lost.iter().chain(&losses.borrowed).copied().collect();
        numbers.sort_unstable();
        let blocks = numbers.into_iter().filter_map(|index| {
            let bytes = area.bytes(area.block(state.window, index)?);
            let start = usize::from(index) * block_len;
            let len = (bytes.end - bytes.start) as usize;
            Some((bytes.start, self.data[start..start + len].to_vec()))
        });
        blocks.collect()
    }
}
