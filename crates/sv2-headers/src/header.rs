//! The stream header (format.md section 3).

use alloc::vec;
use alloc::vec::Vec;

use crate::section::{self, SECTION_SLOT, Section, sections_len};
use crate::{DigestAlg, Geometry, HeaderError, Suite, checksum};

/// The first eight bytes of every stream.
pub const HEADER_MAGIC: [u8; 8] = [0x89, 0x53, 0x56, 0x32, 0x0D, 0x0A, 0x1A, 0x0A];
/// The version of the format that this crate encodes and decodes.
pub const VERSION: u16 = 1;
/// Bytes of a header that are bound into every key.
pub const HEADER_CORE_LEN: usize = 48;
/// Bytes of a header before its sections; from them the header's length is known.
pub const HEADER_PREFIX_LEN: usize = 96;
/// Bytes of a header behind its sections: MAC and checksum.
pub const HEADER_TRAILING_LEN: usize = MAC_LEN + checksum::CRC_LEN;
/// The shortest header, in bytes.
pub const MIN_HEADER_LEN: u32 = 256;
/// The longest header, in bytes.
pub const MAX_HEADER_LEN: u32 = 65_536;
/// Header length that writers use for a stream without key slots.
pub const DEFAULT_HEADER_LEN: u32 = 1024;
/// The least header length that writers use for a stream with key slots.
pub const DEFAULT_SLOTTED_HEADER_LEN: u32 = 4096;

/// Slots of the largest size in use that a new header has room for beyond those that it begins with.
const SPARE_SLOTS: usize = 4;
const MAC_LEN: usize = 32;
const HEADER_LEN_STEP: u32 = 64;
const FLAG_SLOTTED: u16 = 1;

/// A well-formed stream header; whether it is authentic, its MAC tells whoever has the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamHeader {
    /// The AEAD.
    pub suite: Suite,
    /// The segment digest.
    pub digest: DigestAlg,
    /// Frame and segment sizes.
    pub geometry: Geometry,
    /// Whether the stream key was drawn for this stream alone, so that slots may hold it.
    pub slotted: bool,
    /// Random for each stream.
    pub stream_salt: [u8; 32],
    /// Commitment over key, core and context.
    pub commitment: [u8; 32],
    /// Length of the header in bytes: a multiple of 64 in 256..=65536.
    pub header_len: u32,
    /// 0, plus 1 at each rewrite of the header.
    pub revision: u64,
    /// Slots, metadata and sections that may be skipped, in order.
    pub sections: Vec<Section>,
    /// HMAC over all before it.
    pub mac: [u8; 32],
}

impl StreamHeader {
    /// The 48 bytes that are bound into the keys.
    #[must_use]
    pub fn core(&self) -> [u8; HEADER_CORE_LEN] {
        let mut core = [0; HEADER_CORE_LEN];
        core[0..8].copy_from_slice(&HEADER_MAGIC);
        core[8..10].copy_from_slice(&VERSION.to_be_bytes());
        core[10] = self.suite.id();
        core[11] = self.digest.id();
        core[12] = self.geometry.frame_log2();
        core[13] = self.geometry.frames_log2();
        let flags = if self.slotted { FLAG_SLOTTED } else { 0 };
        core[14..16].copy_from_slice(&flags.to_be_bytes());
        core[16..48].copy_from_slice(&self.stream_salt);
        core
    }

    /// The whole header with MAC and checksum.
    ///
    /// The MAC is written as the field holds it; the caller computes it over
    /// [`StreamHeader::authenticated`] of these bytes and puts it in with
    /// [`StreamHeader::finish`].
    ///
    /// # Errors
    /// What [`StreamHeader::decode`] would refuse: an impossible `header_len`, sections that do
    /// not fit or break a rule, and a section of type 0, which would end the list.
    pub fn encode(&self) -> Result<Vec<u8>, HeaderError> {
        check_header_len(self.header_len)?;
        let header_len = self.header_len as usize;
        let room = header_len - HEADER_PREFIX_LEN - HEADER_TRAILING_LEN;
        let need = section::sections_len(&self.sections);
        if need > room {
            return Err(HeaderError::Limit {
                what: "bytes of sections in the header",
                value: need as u64,
                max: room as u64,
            });
        }
        section::check(&self.sections, self.slotted, HEADER_PREFIX_LEN as u64)?;
        let mut bytes = vec![0; header_len];
        bytes[..HEADER_CORE_LEN].copy_from_slice(&self.core());
        bytes[48..80].copy_from_slice(&self.commitment);
        bytes[80..84].copy_from_slice(&self.header_len.to_be_bytes());
        bytes[88..96].copy_from_slice(&self.revision.to_be_bytes());
        section::encode(&self.sections, &mut bytes[HEADER_PREFIX_LEN..][..room]);
        Self::finish(&mut bytes, &self.mac);
        Ok(bytes)
    }

    /// Puts the MAC and then the checksum into the bytes of a header.
    ///
    /// `bytes` is what [`StreamHeader::encode`] returned; shorter bytes are left as they are.
    pub fn finish(bytes: &mut [u8], mac: &[u8; 32]) {
        let Some(mac_at) = bytes.len().checked_sub(HEADER_TRAILING_LEN) else { return };
        bytes[mac_at..mac_at + MAC_LEN].copy_from_slice(mac);
        checksum::store(bytes);
    }

    /// The bytes that the header's MAC covers: all but the last 40.
    #[must_use]
    pub fn authenticated(bytes: &[u8]) -> &[u8] {
        &bytes[..bytes.len().saturating_sub(HEADER_TRAILING_LEN)]
    }

    /// Decodes the header that `bytes` begins with; what follows it is not looked at, nor is the
    /// checksum (section 6).
    ///
    /// # Errors
    /// The first rule that is broken, in the order of F-335: `NotAStream`, then `Unsupported`,
    /// `Malformed` and `Limit` as each is met.
    /// `Truncated` where there are fewer than 96 bytes behind the magic, or fewer than a
    /// possible `header_len` says.
    pub fn decode(bytes: &[u8]) -> Result<Self, HeaderError> {
        let mut header = Self::decode_prefix(bytes)?;
        let header_len = header.header_len as usize;
        let Some(bytes) = bytes.get(..header_len) else {
            return Err(HeaderError::Truncated {
                need: header_len as u64,
                have: bytes.len() as u64,
            });
        };
        let mac_at = header_len - HEADER_TRAILING_LEN;
        let base = HEADER_PREFIX_LEN as u64;
        let area = &bytes[HEADER_PREFIX_LEN..mac_at];
        header.sections = section::decode(area, header.slotted, base)?;
        header.mac.copy_from_slice(&bytes[mac_at..mac_at + MAC_LEN]);
        Ok(header)
    }

    /// Decodes the first 96 bytes: everything but sections and MAC, which stay empty.
    ///
    /// # Errors
    /// As [`StreamHeader::decode`], up to the zero bytes at offset 84.
    pub fn decode_prefix(bytes: &[u8]) -> Result<Self, HeaderError> {
        if bytes.get(..8) != Some(&HEADER_MAGIC[..]) {
            return Err(HeaderError::NotAStream);
        }
        let Some(prefix) = bytes.first_chunk::<HEADER_PREFIX_LEN>() else {
            return Err(HeaderError::Truncated {
                need: HEADER_PREFIX_LEN as u64,
                have: bytes.len() as u64,
            });
        };
        let version = u16::from_be_bytes([prefix[8], prefix[9]]);
        if version != VERSION {
            return Err(HeaderError::Unsupported { what: "version", value: version.into() });
        }
        let suite = Suite::from_id(prefix[10])?;
        let digest = DigestAlg::from_id(prefix[11])?;
        let geometry = Geometry::new(prefix[12], prefix[13])?;
        let flags = u16::from_be_bytes([prefix[14], prefix[15]]);
        if flags & !FLAG_SLOTTED != 0 {
            return Err(HeaderError::Unsupported { what: "flag", value: flags.into() });
        }
        let header_len = be_u32(prefix, 80);
        check_header_len(header_len)?;
        if prefix[84..88] != [0; 4] {
            return Err(HeaderError::Malformed { what: "reserved bytes", offset: 84 });
        }
        Ok(Self {
            suite,
            digest,
            geometry,
            slotted: flags & FLAG_SLOTTED != 0,
            stream_salt: array(prefix, 16),
            commitment: array(prefix, 48),
            header_len,
            revision: u64::from_be_bytes(array(prefix, 88)),
            sections: Vec::new(),
            mac: [0; 32],
        })
    }
}

/// The `header_len` field of a header's first 96 bytes, if it is a possible length.
///
/// For finding a header's checksum when something else in its prefix is wrong.
#[must_use]
pub fn peek_header_len(prefix: &[u8]) -> Option<u32> {
    let field = prefix.get(80..84)?;
    let header_len = u32::from_be_bytes([field[0], field[1], field[2], field[3]]);
    check_header_len(header_len).is_ok().then_some(header_len)
}

/// The geometry in the first 48 bytes of a header, if magic, version, suite and digest before it
/// are known and it is possible.
///
/// For a caller's own limit on segments, which is judged before the rest of the header (F-335).
#[must_use]
pub fn peek_geometry(prefix: &[u8]) -> Option<Geometry> {
    let core = prefix.first_chunk::<HEADER_CORE_LEN>()?;
    let known = core[..8] == HEADER_MAGIC
        && core[8..10] == VERSION.to_be_bytes()
        && Suite::from_id(core[10]).is_ok()
        && DigestAlg::from_id(core[11]).is_ok();
    Geometry::new(core[12], core[13]).ok().filter(|_| known)
}

/// The header length a writer uses (F-307).
///
/// Without slots it is the default or the next multiple of 64 that holds the sections; with them a
/// power of two that also has room for four more slots as large as the largest, as far as the
/// longest header has it.
///
/// # Errors
/// `Limit` where the sections do not fit the longest header.
pub fn fitting_header_len(sections: &[Section], slotted: bool) -> Result<u32, HeaderError> {
    let overhead = HEADER_PREFIX_LEN + HEADER_TRAILING_LEN;
    let need = sections_len(sections) + overhead;
    let limit = HeaderError::Limit {
        what: "bytes of sections in the header",
        value: (need - overhead) as u64,
        max: MAX_HEADER_LEN as u64 - overhead as u64,
    };
    let need = u32::try_from(need).map_err(|_| limit.clone())?;
    if need > MAX_HEADER_LEN {
        return Err(limit);
    }
    if !slotted {
        return Ok(DEFAULT_HEADER_LEN.max(need.next_multiple_of(HEADER_LEN_STEP)));
    }
    // The length is for ever, so recipients who come later need room from the start.
    let slots = sections.iter().filter(|section| section.kind == SECTION_SLOT);
    let largest = slots.map(|slot| sections_len(core::slice::from_ref(slot))).max().unwrap_or(0);
    let with_room = (need as usize).saturating_add(SPARE_SLOTS.saturating_mul(largest));
    let with_room = u32::try_from(with_room).unwrap_or(MAX_HEADER_LEN).min(MAX_HEADER_LEN);
    Ok(with_room.next_power_of_two().max(DEFAULT_SLOTTED_HEADER_LEN))
}

/// Whether a header or trailer may carry this header length.
pub(crate) fn check_header_len(header_len: u32) -> Result<(), HeaderError> {
    // F-306: a length that is no multiple of the step is malformed however large it is.
    if header_len < MIN_HEADER_LEN || !header_len.is_multiple_of(HEADER_LEN_STEP) {
        return Err(HeaderError::Malformed { what: "header_len", offset: 80 });
    }
    if header_len > MAX_HEADER_LEN {
        return Err(HeaderError::Limit {
            what: "header_len",
            value: header_len.into(),
            max: MAX_HEADER_LEN.into(),
        });
    }
    Ok(())
}

pub(crate) fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

pub(crate) fn be_u32(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(array(bytes, at))
}

pub(crate) fn be_u64(bytes: &[u8], at: usize) -> u64 {
    u64::from_be_bytes(array(bytes, at))
}
