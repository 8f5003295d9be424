//! The directory, at both ends of a parity file (parity.md section 5.1).

use sv2_headers::TRAILER_LEN;

use crate::{Area, Geometry, Identity, ParityError, Request, Spread};

/// The most areas of a file; more are merged before.
pub const MAX_AREAS: usize = 64;

pub(crate) const MAGIC: [u8; 8] = *b"SV2PRTY\n";
const VERSION: u16 = 1;
const FIXED_LEN: usize = 168;
const AREA_LEN: usize = 24;
/// Length of the directory, zero bytes and the checksum.
pub(crate) const END_LEN: usize = 16;
/// The first bytes, from which the length of the whole follows.
pub(crate) const PREFIX_LEN: usize = 16;

const KIND_STREAM: u8 = 1;
const KIND_OTHER: u8 = 2;

/// What a parity file says of itself and of its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directory {
    /// What the file was when it was protected.
    pub identity: Identity,
    /// Length of the file.
    pub file_len: u64,
    /// CRC-64/NVME of the file, which the checksums of its blocks have to add up to.
    pub crc: u64,
    /// What the writer was asked for; an area that is added gets the same.
    pub request: Request,
    /// The areas, which cover the file without gap and overlap.
    pub areas: Vec<Area>,
}

impl Directory {
    /// Length of one copy.
    pub(crate) fn len(&self) -> u64 {
        (FIXED_LEN + AREA_LEN * self.areas.len() + END_LEN) as u64
    }

    /// Length of the whole parity file; `None` where it overflows.
    pub(crate) fn file_len_of_parity(&self) -> Option<u64> {
        let bodies =
            self.areas.iter().try_fold(0u64, |sum, area| sum.checked_add(area.body_len()?));
        bodies?.checked_add(2 * self.len())
    }

    /// Where the records of each area begin in the parity file.
    pub(crate) fn bodies(&self) -> Vec<u64> {
        let mut at = self.len();
        let mut bodies = Vec::with_capacity(self.areas.len());
        for area in &self.areas {
            bodies.push(at);
            // The sum was checked when the directory was.
            at = at.saturating_add(area.body_len().unwrap_or(u64::MAX));
        }
        bodies
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![0; FIXED_LEN];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..10].copy_from_slice(&VERSION.to_be_bytes());
        bytes[11] = u8::from(self.request.spread == Spread::Runs);
        bytes[12..14].copy_from_slice(&self.request.share().to_be_bytes());
        bytes[14..16].copy_from_slice(&(self.areas.len() as u16).to_be_bytes());
        bytes[16..24].copy_from_slice(&self.file_len.to_be_bytes());
        let whole = self.file_len_of_parity().unwrap_or(u64::MAX);
        bytes[24..32].copy_from_slice(&whole.to_be_bytes());
        match &self.identity {
            Identity::Stream { trailer } => {
                bytes[10] = KIND_STREAM;
                bytes[40..FIXED_LEN].copy_from_slice(trailer);
            }
            Identity::Other => bytes[10] = KIND_OTHER,
        }
        bytes[32..40].copy_from_slice(&self.crc.to_be_bytes());
        for area in &self.areas {
            let geometry = area.geometry();
            bytes.extend_from_slice(&area.end().to_be_bytes());
            bytes.extend_from_slice(&area.blocks().to_be_bytes());
            bytes.extend_from_slice(&[geometry.block_log2(), 0]);
            bytes.extend_from_slice(&geometry.run().to_be_bytes());
            bytes.extend_from_slice(&geometry.data().to_be_bytes());
            bytes.extend_from_slice(&geometry.parity().to_be_bytes());
        }
        let len = self.len() as u32;
        bytes.extend_from_slice(&len.to_be_bytes());
        bytes.resize(bytes.len() + 12, 0);
        sv2_crc::store(&mut bytes);
        bytes
    }

    /// Judges all fields of a copy whose checksum holds, and gives the length that it says the
    /// parity file has.
    pub(crate) fn decode(bytes: &[u8]) -> Result<(Self, u64), ParityError> {
        let malformed =
            |what, offset: usize| ParityError::Malformed { what, offset: offset as u64 };
        if bytes.len() < FIXED_LEN + END_LEN || bytes[..8] != MAGIC {
            return Err(ParityError::NotParity);
        }
        let version = be_u16(bytes, 8);
        if version != VERSION {
            return Err(ParityError::Unsupported(version));
        }
        let spread = match bytes[11] {
            0 => Spread::Consecutive,
            1 => Spread::Runs,
            _ => return Err(malformed("placement", 11)),
        };
        let request =
            Request::new(be_u16(bytes, 12), spread).map_err(|_| malformed("share", 12))?;
        let count = usize::from(be_u16(bytes, 14));
        if count > MAX_AREAS {
            return Err(malformed("number of areas", 14));
        }
        let end = FIXED_LEN + count * AREA_LEN;
        let is_len = bytes.len() == end + END_LEN && be_u32(bytes, end) as usize == bytes.len();
        if !is_len || be_u32(bytes, end + 4) != 0 {
            return Err(malformed("length of the directory", end));
        }
        let identity = Self::identity(bytes)?;
        let file_len = be_u64(bytes, 16);
        let mut areas = Vec::with_capacity(count);
        let mut start = 0;
        for at in (FIXED_LEN..end).step_by(AREA_LEN) {
            let geometry = Geometry::new(
                bytes[at + 16],
                be_u16(bytes, at + 18),
                be_u16(bytes, at + 20),
                be_u16(bytes, at + 22),
            );
            let geometry = geometry.filter(|_| bytes[at + 17] == 0);
            let geometry = geometry.ok_or_else(|| malformed("geometry of an area", at + 16))?;
            let area = Area::new(start, be_u64(bytes, at), be_u64(bytes, at + 8), geometry)
                .ok_or_else(|| malformed("range of an area", at))?;
            start = area.end();
            areas.push(area);
        }
        if start != file_len {
            return Err(malformed("length of the file", 16));
        }
        let directory = Self { identity, file_len, crc: be_u64(bytes, 32), request, areas };
        let whole = be_u64(bytes, 24);
        if directory.file_len_of_parity() != Some(whole) {
            return Err(malformed("length of the parity file", 24));
        }
        Ok((directory, whole))
    }

    fn identity(bytes: &[u8]) -> Result<Identity, ParityError> {
        let malformed = |what, offset| ParityError::Malformed { what, offset };
        let mut trailer = [0; TRAILER_LEN];
        trailer.copy_from_slice(&bytes[40..FIXED_LEN]);
        match bytes[10] {
            KIND_STREAM if Identity::sound_trailer(&trailer).is_none() => {
                Err(malformed("trailer of the stream", 40))
            }
            KIND_STREAM => Ok(Identity::Stream { trailer }),
            KIND_OTHER if trailer != [0; TRAILER_LEN] => Err(malformed("reserved bytes", 40)),
            KIND_OTHER => Ok(Identity::Other),
            _ => Err(malformed("kind of file", 10)),
        }
    }

    /// Length of the copy that begins with these bytes, as far as it can be one.
    pub(crate) fn len_from_prefix(prefix: &[u8; PREFIX_LEN]) -> Option<usize> {
        let count = usize::from(be_u16(prefix, 14));
        (count <= MAX_AREAS).then_some(FIXED_LEN + count * AREA_LEN + END_LEN)
    }

    /// Length of the copy that ends with these bytes, as far as it can be one.
    pub(crate) fn len_from_end(end: &[u8; END_LEN]) -> Option<usize> {
        let len = be_u32(end, 0) as usize;
        let most = FIXED_LEN + MAX_AREAS * AREA_LEN + END_LEN;
        (FIXED_LEN + END_LEN..=most).contains(&len).then_some(len)
    }
}

fn be_u16(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes(array(bytes, at))
}

fn be_u32(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(array(bytes, at))
}

fn be_u64(bytes: &[u8], at: usize) -> u64 {
    u64::from_be_bytes(array(bytes, at))
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}
