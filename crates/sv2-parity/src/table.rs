//! The table of a window: the checksum of each of its blocks (parity.md section 5.2).

use sv2_crc::CRC_LEN;

use crate::{Area, Geometry};

const HEAD_LEN: usize = 16;

/// The checksums of a window's data blocks, then of its parity blocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) crcs: Vec<u64>,
}

/// Length of an encoded table.
pub(crate) fn table_len(geometry: Geometry) -> usize {
    let blocks = usize::from(geometry.data()) + usize::from(geometry.parity());
    HEAD_LEN + blocks * CRC_LEN + CRC_LEN
}

impl Table {
    /// A table of zeros, which is what blocks have that lie behind the end of their area.
    pub(crate) fn new(geometry: Geometry) -> Self {
        let blocks = usize::from(geometry.data()) + usize::from(geometry.parity());
        Self { crcs: vec![0; blocks] }
    }

    /// Head, checksums, and the checksum of both.
    pub(crate) fn encode(&self, area: &Area, window: u64) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(table_len(area.geometry()));
        bytes.extend_from_slice(&area.start().to_be_bytes());
        bytes.extend_from_slice(&window.to_be_bytes());
        for crc in &self.crcs {
            bytes.extend_from_slice(&crc.to_be_bytes());
        }
        bytes.resize(bytes.len() + CRC_LEN, 0);
        sv2_crc::store(&mut bytes);
        bytes
    }

    /// `None` where the checksum is wrong or the table is that of another window.
    pub(crate) fn decode(bytes: &[u8], area: &Area, window: u64) -> Option<Self> {
        let is_whole = bytes.len() == table_len(area.geometry()) && sv2_crc::holds(bytes);
        let (head, rest) = bytes.split_at_checked(HEAD_LEN)?;
        let is_own = head[..8] == area.start().to_be_bytes() && head[8..] == window.to_be_bytes();
        if !is_whole || !is_own {
            return None;
        }
        let (crcs, _) = rest[..rest.len() - CRC_LEN].as_chunks::<CRC_LEN>();
        Some(Self { crcs: crcs.iter().map(|crc| u64::from_be_bytes(*crc)).collect() })
    }

    /// The checksum of a data block.
    pub(crate) fn data(&self, index: usize) -> u64 {
        self.crcs[index]
    }

    /// The checksums of the parity blocks.
    pub(crate) fn parity(&self, geometry: Geometry) -> &[u64] {
        &self.crcs[usize::from(geometry.data())..]
    }
}
