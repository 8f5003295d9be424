//! What goes into a frame worker and what comes out.

use sv2_framing::FrameIndex;

/// A frame to seal or to open.
#[derive(Debug)]
pub struct FrameInput<'a> {
    /// The frame's number in its segment.
    pub index: FrameIndex,
    /// The frame's place in the wire buffer: header, plaintext or ciphertext, tag, checksum;
    /// exactly as long as the layout says.
    pub record: &'a mut [u8],
}

/// A frame that was sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameOutput {
    /// The frame's number in its segment.
    pub index: FrameIndex,
    /// Bytes of plaintext, `1..=F`.
    pub plaintext_len: u32,
    /// The frame's checksum: as written by a sealer, as stored for an opener.
    pub crc: u64,
}
