//! The numbers and bytes of one case, in order.

use crate::reference::primitives::sha256;

/// SHA-256(`stream_v2 accumulated` || case || block), block after block.
#[derive(Clone, Debug)]
pub(crate) struct Draw {
    case: u64,
    block: u64,
    left: Vec<u8>,
}

impl Draw {
    pub(crate) fn new(case: u64) -> Draw {
        Draw { case, block: 0, left: Vec::new() }
    }

    /// The next `len` bytes.
    pub(crate) fn take(&mut self, len: u64) -> Vec<u8> {
        let len = len as usize;
        while self.left.len() < len {
            let (case, block) = (self.case.to_be_bytes(), self.block.to_be_bytes());
            self.left.extend(sha256(&[&b"stream_v2 accumulated"[..], &case, &block].concat()));
            self.block += 1;
        }
        self.left.drain(..len).collect()
    }

    /// The next `N` bytes.
    pub(crate) fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        array.copy_from_slice(&self.take(N as u64));
        array
    }

    /// The next eight bytes as an integer, modulo `below`.
    pub(crate) fn pick(&mut self, below: u64) -> u64 {
        u64::from_be_bytes(self.array()) % below
    }
}
