//! The blocks of one window, read and compared with their checksums.

use crate::area::Piece;
use crate::source::{can_read, read_up_to};
use crate::table::Table;
use crate::{Area, Source};

/// Where data blocks are read from: the file, and for what is lost there another copy of it.
#[derive(Clone, Copy)]
pub(crate) struct Copies<'s> {
    pub(crate) file: &'s dyn Source,
    pub(crate) other: Option<&'s dyn Source>,
}

/// Which blocks of a window are not what they were.
#[derive(Debug, Default)]
pub(crate) struct Losses {
    /// Numbers of data blocks that no copy has.
    pub(crate) lost: Vec<u16>,
    /// Numbers of data blocks that only the other copy has.
    pub(crate) borrowed: Vec<u16>,
}

impl Copies<'_> {
    /// Fills `buffer` with the blocks of a piece, compares each with its checksum, and notes those
    /// that are not sound; what stands in the buffer at a lost one is of no use.
    ///
    /// `buffer` has room for all blocks of the piece; a short last block is filled up with zeros.
    pub(crate) fn load(
        self,
        piece: &Piece,
        table: &Table,
        block_len: usize,
        buffer: &mut [u8],
        losses: &mut Losses,
    ) {
        let len = piece.len();
        buffer[len..].fill(0);
        let is_read = can_read(self.file, &mut buffer[..len], piece.range.start);
        for (i, block) in buffer.chunks_mut(block_len).enumerate() {
            let index = piece.index + i;
            let inside = i * block_len;
            let block = &mut block[..(len - inside).min(block_len)];
            let offset = piece.range.start + inside as u64;
            let is_sound = |block: &[u8]| sv2_crc::crc64(block) == table.data(index);
            // Below the number of data blocks of a window, so it fits.
            let number = index as u16;
            if (is_read || can_read(self.file, block, offset)) && is_sound(block) {
                continue;
            }
            match self.other {
                Some(other) if can_read(other, block, offset) && is_sound(block) => {
                    losses.borrowed.push(number);
                }
                _ => losses.lost.push(number),
            }
        }
    }
}

impl Piece {
    /// Its bytes in the file.
    pub(crate) fn len(&self) -> usize {
        (self.range.end - self.range.start) as usize
    }
}

/// Numbers of the parity blocks of a window that are sound, in order; `buffer` gets all of them,
/// with zeros for what the parity file no longer has.
pub(crate) fn load_parity(
    sidecar: &dyn Source,
    offset: u64,
    area: &Area,
    table: &Table,
    buffer: &mut Vec<u8>,
) -> Vec<u16> {
    let block_len = area.geometry().block_len();
    buffer.clear();
    buffer.resize(area.parity_len(), 0);
    let is_read = can_read(sidecar, buffer, offset);
    let blocks = buffer.chunks_mut(block_len).zip(table.parity(area.geometry())).zip(0u16..);
    let sound = blocks.filter_map(|((block, crc), number)| {
        let at = offset + u64::from(number) * block_len as u64;
        let is_there = is_read || can_read(sidecar, block, at);
        (is_there && sv2_crc::crc64(block) == *crc).then_some(number)
    });
    sound.collect()
}

/// Reads what there is of a range; anything that cannot be read is missing.
pub(crate) fn read_lossy(source: &dyn Source, buffer: &mut [u8], offset: u64) -> usize {
    read_up_to(source, buffer, offset).unwrap_or(0)
}
