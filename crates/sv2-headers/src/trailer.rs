//! The trailer, the last 128 bytes of a sealed stream (format.md section 7).

use crate::header::{array, be_u32, be_u64, check_header_len};
use crate::{DigestAlg, Geometry, HeaderError, MAX_SEGMENTS, VERSION, checksum};

/// Length of the trailer in bytes.
pub const TRAILER_LEN: usize = 128;
/// The first eight bytes of a trailer.
pub const TRAILER_MAGIC: [u8; 8] = *b"SV2TAIL\n";

const SEALED_LEN: usize = 88;
/// The part of the trailer that a fingerprint binds and that a change of content changes.
const CONTENT_LEN: usize = 72;

/// A well-formed trailer; whether it is authentic, its seal tells whoever has the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trailer {
    /// The segment digest, as in the header.
    pub digest: DigestAlg,
    /// Length of the header and of its copy, in bytes.
    pub header_len: u32,
    /// 0, plus 1 at each new sealing of changed content.
    pub generation: u64,
    /// `n`: the number of segments.
    pub segments: u64,
    /// `P`: plaintext bytes of the stream.
    pub plaintext_len: u64,
    /// Hash of the page table.
    pub index_root: [u8; 32],
    /// Revision of the header when the stream was sealed.
    pub revision: u64,
    /// HMAC over all before it.
    pub seal: [u8; 32],
}

impl Trailer {
    /// The trailer's bytes with seal and checksum.
    ///
    /// The seal is written as the field holds it; the caller computes it over
    /// [`Trailer::sealed`] of these bytes and sets it with [`Trailer::finish`].
    #[must_use]
    pub fn encode(&self) -> [u8; TRAILER_LEN] {
        let mut bytes = [0; TRAILER_LEN];
        bytes[0..8].copy_from_slice(&TRAILER_MAGIC);
        bytes[8..10].copy_from_slice(&VERSION.to_be_bytes());
        bytes[10] = self.digest.id();
        bytes[12..16].copy_from_slice(&self.header_len.to_be_bytes());
        bytes[16..24].copy_from_slice(&self.generation.to_be_bytes());
        bytes[24..32].copy_from_slice(&self.segments.to_be_bytes());
        bytes[32..40].copy_from_slice(&self.plaintext_len.to_be_bytes());
        bytes[40..72].copy_from_slice(&self.index_root);
        bytes[72..80].copy_from_slice(&self.revision.to_be_bytes());
        Self::finish(&mut bytes, &self.seal);
        bytes
    }

    /// Puts the seal and then the checksum into the bytes of a trailer.
    pub fn finish(bytes: &mut [u8; TRAILER_LEN], seal: &[u8; 32]) {
        bytes[SEALED_LEN..SEALED_LEN + 32].copy_from_slice(seal);
        checksum::store(bytes);
    }

    /// The bytes that the seal covers.
    #[must_use]
    pub fn sealed(bytes: &[u8; TRAILER_LEN]) -> &[u8] {
        &bytes[..SEALED_LEN]
    }

    /// The bytes that the fingerprint covers and by which a reader tells a replaced stream.
    #[must_use]
    pub fn content(bytes: &[u8; TRAILER_LEN]) -> &[u8] {
        &bytes[..CONTENT_LEN]
    }

    /// Decodes a trailer; the checksum is not looked at (section 6), and the counts are not
    /// judged before the seal is (F-707): see [`Trailer::check_counts`].
    ///
    /// # Errors
    /// `Malformed` for a wrong magic, reserved bytes or an impossible header length;
    /// `Unsupported` for version and digest; `Limit` for a header length above the maximum.
    pub fn decode(bytes: &[u8; TRAILER_LEN]) -> Result<Self, HeaderError> {
        if bytes[0..8] != TRAILER_MAGIC {
            return Err(HeaderError::Malformed { what: "trailer magic", offset: 0 });
        }
        let version = u16::from_be_bytes([bytes[8], bytes[9]]);
        if version != VERSION {
            return Err(HeaderError::Unsupported { what: "version", value: version.into() });
        }
        if bytes[11] != 0 {
            return Err(HeaderError::Malformed { what: "reserved bytes", offset: 11 });
        }
        if bytes[80..88] != [0; 8] {
            return Err(HeaderError::Malformed { what: "reserved bytes", offset: 80 });
        }
        let digest = DigestAlg::from_id(bytes[10])?;
        let header_len = be_u32(bytes, 12);
        check_header_len(header_len).map_err(|error| match error {
            HeaderError::Malformed { what, .. } => HeaderError::Malformed { what, offset: 12 },
            other => other,
        })?;
        Ok(Self {
            digest,
            header_len,
            generation: be_u64(bytes, 16),
            segments: be_u64(bytes, 24),
            plaintext_len: be_u64(bytes, 32),
            index_root: array(bytes, 40),
            revision: be_u64(bytes, 72),
            seal: array(bytes, SEALED_LEN),
        })
    }

    /// Whether the counts can be those of a stream of this geometry.
    ///
    /// # Errors
    /// `Limit` where there are more segments or more plaintext than a stream may have,
    /// `Malformed` where the two disagree.
    pub fn check_counts(&self, geometry: Geometry) -> Result<(), HeaderError> {
        if self.segments > MAX_SEGMENTS {
            return Err(HeaderError::Limit {
                what: "number of segments",
                value: self.segments,
                max: MAX_SEGMENTS,
            });
        }
        if self.plaintext_len > geometry.max_plaintext_len() {
            return Err(HeaderError::Limit {
                what: "plaintext length",
                value: self.plaintext_len,
                max: geometry.max_plaintext_len(),
            });
        }
        if self.segments != geometry.segment_count(self.plaintext_len) {
            return Err(HeaderError::Malformed { what: "number of segments", offset: 24 });
        }
        Ok(())
    }
}
