//! Everything that decides the bytes of a stream besides key, segment salts and plaintext.

use super::Layout;

/// The parameters of one stream. They are written as they are, sound or not, so that tests can
/// make streams that a reader must refuse.
#[derive(Clone, Debug)]
pub struct Params {
    /// 1 = AES-256-GCM, 2 = ChaCha20-Poly1305; nothing else can be encrypted with.
    pub suite: u8,
    /// 0 = none, 1 = SHA-256, 2 = BLAKE3-256.
    pub digest: u8,
    /// Binary logarithm of the frame size in bytes.
    pub frame_log2: u8,
    /// Binary logarithm of the number of frames in a full segment.
    pub frames_log2: u8,
    /// Bit 0 of the header's flags.
    pub slotted: bool,
    /// Length of the header in bytes; it must hold the sections.
    pub header_len: u32,
    /// Header revision, in the header and under the seal.
    pub revision: u64,
    /// Generation, under the seal.
    pub generation: u64,
    /// Random for each stream; fixed here so that streams can be repeated.
    pub stream_salt: [u8; 32],
    /// The caller's own data that keys are bound to; not stored.
    pub context: Vec<u8>,
    /// Sections as (type, body), written in this order before the metadata.
    pub sections: Vec<(u16, Vec<u8>)>,
    /// JSON text, padded here to a multiple of 64 and sealed, with the salt to seal it under.
    pub metadata: Option<(Vec<u8>, [u8; 24])>,
}

impl Params {
    /// The defaults of a writer without slots: 64 KiB frames, 4 MiB segments, 1024-byte header.
    pub fn new(suite: u8, digest: u8) -> Params {
        Params {
            suite,
            digest,
            frame_log2: 16,
            frames_log2: 6,
            slotted: false,
            header_len: 1024,
            revision: 0,
            generation: 0,
            stream_salt: [0x5A; 32],
            context: Vec::new(),
            sections: Vec::new(),
            metadata: None,
        }
    }

    /// The smallest geometry: 256-byte frames, 2^frames_log2 of them to a segment, and a
    /// 256-byte header.
    pub fn tiny(suite: u8, digest: u8, frames_log2: u8) -> Params {
        Params { frame_log2: 8, frames_log2, header_len: 256, ..Params::new(suite, digest) }
    }

    /// The layout that these parameters give.
    pub fn layout(&self) -> Layout {
        Layout {
            frame_log2: self.frame_log2,
            frames_log2: self.frames_log2,
            digest: self.digest,
            header_len: self.header_len,
        }
    }
}
