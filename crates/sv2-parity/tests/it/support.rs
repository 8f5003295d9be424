//! Files, streams and parity files of the tests.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use sv2_framing::StreamLayout;
use sv2_headers::{DigestAlg, StreamHeader, Suite, Trailer};
use sv2_parity::{
    Area, Findings, Geometry, Memory, ParityError, Repaired, Request, Sidecar, Spread, Work,
    protect_with, repair_copy, repair_in_place, scan,
};

/// Numbers that look random and follow from a seed.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `end`, which is not 0.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(len + 8);
        while bytes.len() < len {
            bytes.extend_from_slice(&self.next().to_le_bytes());
        }
        bytes.truncate(len);
        bytes
    }
}

pub(crate) fn two_threads() -> Work<'static> {
    Work { threads: NonZeroUsize::new(2).unwrap(), observer: &|_| ControlFlow::Continue(()) }
}

pub(crate) fn request() -> Request {
    Request::new(500, Spread::Runs).unwrap()
}

/// An area from the front with as few blocks as `len` bytes need.
pub(crate) fn area(len: u64, geometry: Geometry) -> Area {
    let blocks = len.div_ceil(geometry.block_len() as u64);
    Area::new(0, len, blocks, geometry).unwrap()
}

/// The parity file of `file` in one area of this geometry.
pub(crate) fn parity_of(file: &[u8], geometry: Geometry) -> Vec<u8> {
    let (source, target) = (Memory::new(file.to_vec()), Memory::default());
    let areas = vec![area(file.len() as u64, geometry)];
    protect_with(&source, &target, request(), areas, &two_threads()).unwrap();
    target.bytes()
}

/// What becomes of a damaged file: compared, and repaired both ways, which must agree.
///
/// Where nothing can be done, nothing may be written.
pub(crate) fn repaired(file: &[u8], parity: &[u8]) -> Result<(Vec<u8>, Findings), ParityError> {
    let (file, parity) = (Memory::new(file.to_vec()), Memory::new(parity.to_vec()));
    let before = file.bytes();
    let sidecar = Sidecar::open(&parity)?;
    let findings = scan(&file, None, &sidecar, &Work::alone())?;
    let copy = Memory::default();
    let copied = repair_copy(&file, None, &sidecar, &findings, &copy, &Work::alone());
    let in_place = repair_in_place(&file, None, &sidecar, &findings, &Work::alone());
    match (copied, in_place) {
        (Ok(copied), Ok(in_place)) => {
            assert_eq!(copied, in_place);
            assert_eq!(copy.bytes(), file.bytes());
            let Repaired { computed, .. } = copied;
            assert_eq!(computed, findings.bad_blocks());
            Ok((copy.bytes(), findings))
        }
        (Err(error), Err(_)) => {
            assert_eq!(file.bytes(), before, "something was written in place");
            assert!(copy.bytes().is_empty(), "something was written");
            Err(error)
        }
        (copied, in_place) => panic!("{copied:?} and {in_place:?}"),
    }
}

/// Something with the outside of a sealed stream: lengths, header, copy and trailer are right, and
/// what lies between is random.
#[derive(Clone)]
pub(crate) struct Stream {
    pub(crate) bytes: Vec<u8>,
    pub(crate) header: StreamHeader,
    pub(crate) trailer: Trailer,
}

impl Stream {
    pub(crate) fn new(plaintext_len: u64, dice: &mut Dice) -> Self {
        let header = StreamHeader {
            suite: Suite::Aes256Gcm,
            digest: DigestAlg::None,
            geometry: sv2_headers::Geometry::new(10, 2).unwrap(),
            slotted: false,
            stream_salt: [7; 32],
            commitment: [8; 32],
            header_len: 256,
            revision: 0,
            sections: Vec::new(),
            mac: [9; 32],
        };
        let trailer = Trailer {
            digest: DigestAlg::None,
            header_len: 256,
            generation: 0,
            segments: 0,
            plaintext_len: 0,
            index_root: [0; 32],
            revision: 0,
            seal: [1; 32],
        };
        let mut stream = Self { bytes: Vec::new(), header, trailer };
        stream.seal(plaintext_len, 0, dice);
        stream
    }

    pub(crate) fn layout(&self) -> StreamLayout {
        let StreamHeader { geometry, digest, header_len, .. } = self.header;
        StreamLayout { geometry, digest, header_len }
    }

    /// More plaintext, as an append writes it: full segments stay.
    pub(crate) fn append(&mut self, more: u64, dice: &mut Dice) {
        let full = self.trailer.plaintext_len / self.header.geometry.segment_size();
        let cut = self.layout().segment_offset(sv2_framing::SegmentIndex(full));
        self.trailer.generation += 1;
        self.seal(self.trailer.plaintext_len + more, cut as usize, dice);
    }

    /// Another header, as a change of the recipients writes it.
    pub(crate) fn rewrite(&mut self) {
        self.header.revision += 1;
        self.header.mac[0] ^= 0xFF;
        self.trailer.revision += 1;
        self.trailer.seal[0] ^= 0xFF;
        self.put_ends();
    }

    fn seal(&mut self, plaintext_len: u64, keep: usize, dice: &mut Dice) {
        let len = self.layout().stream_len(plaintext_len).unwrap() as usize;
        self.bytes.truncate(keep);
        let more = dice.bytes(len - self.bytes.len());
        self.bytes.extend_from_slice(&more);
        self.trailer.plaintext_len = plaintext_len;
        self.trailer.segments = self.header.geometry.segment_count(plaintext_len);
        self.trailer.seal = dice.bytes(32).try_into().unwrap();
        self.put_ends();
    }

    fn put_ends(&mut self) {
        let header = self.header.encode().unwrap();
        let copy = self.layout().tail_offset(self.trailer.plaintext_len) as usize;
        self.bytes[..header.len()].copy_from_slice(&header);
        self.bytes[copy..copy + header.len()].copy_from_slice(&header);
        let end = self.bytes.len() - sv2_headers::TRAILER_LEN;
        self.bytes[end..].copy_from_slice(&self.trailer.encode());
    }
}
