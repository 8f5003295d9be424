//! Making and judging the stream header (format.md section 3).

use alloc::vec::Vec;

use sv2_crypto::{RandomSource, RootKeys, SegmentsKey, StreamKey};
use sv2_framing::StreamLayout;
use sv2_headers::{
    DigestAlg, Geometry, HEADER_PREFIX_LEN, HEADER_TRAILING_LEN, SECTION_SLOT, Section,
    StreamHeader, Suite, Trailer, fitting_header_len, sections_len,
};

use crate::metadata::seal_metadata;
use crate::{FormatError, KeyRing, Unit, fingerprint_of};

/// What the header of a new stream says.
#[derive(Debug, Clone)]
pub struct NewHeader<'a> {
    /// The AEAD.
    pub suite: Suite,
    /// The segment digest.
    pub digest: DigestAlg,
    /// Frame and segment sizes.
    pub geometry: Geometry,
    /// The caller's own data, bound into every key and not stored.
    pub context: &'a [u8],
    /// Key slots; with any, the key must have been drawn for this stream alone (F-317).
    pub slots: &'a [Section],
    /// Metadata as a UTF-8 JSON object.
    pub metadata: Option<&'a [u8]>,
    /// Length of the header in bytes; `None` is the default or what the sections need.
    pub header_len: Option<u32>,
}

impl NewHeader<'_> {
    /// AES-256-GCM, 64 KiB frames, 4 MiB segments, no digest, no slots, no metadata, an empty
    /// context.
    #[must_use]
    pub fn standard() -> Self {
        Self {
            suite: Suite::Aes256Gcm,
            digest: DigestAlg::None,
            geometry: Geometry::STANDARD,
            context: &[],
            slots: &[],
            metadata: None,
            header_len: None,
        }
    }
}

/// The bytes of a header, with its MAC and checksum.
fn signed(header: &mut StreamHeader, keys: &RootKeys) -> Result<Vec<u8>, FormatError> {
    let refused = |error| FormatError::from_header(error, Unit::Header, 0);
    let mut bytes = header.encode().map_err(refused)?;
    header.mac = keys.header_key().sign(&[StreamHeader::authenticated(&bytes)]);
    StreamHeader::finish(&mut bytes, &header.mac);
    Ok(bytes)
}

/// Bytes that a header of `len` bytes has for sections.
#[must_use]
pub fn room_of(len: usize) -> u64 {
    (len - HEADER_PREFIX_LEN - HEADER_TRAILING_LEN) as u64
}

/// The bytes of a header that has to keep its `len` bytes, with its MAC and checksum.
///
/// # Errors
/// `HeaderFull` where the sections do not fit; `Malformed` and `Limit` for slots that break a rule
/// of F-316 to F-321.
pub fn signed_in(
    len: usize,
    header: &mut StreamHeader,
    keys: &RootKeys,
) -> Result<Vec<u8>, FormatError> {
    let (needed, available) = (sections_len(&header.sections) as u64, room_of(len));
    if needed > available {
        return Err(FormatError::HeaderFull { needed, available });
    }
    signed(header, keys)
}

/// Whether these sections are key slots, which metadata and sections of later versions are not.
///
/// # Errors
/// `Misuse`.
pub fn check_slots(slots: &[Section]) -> Result<(), FormatError> {
    match slots.iter().all(|slot| slot.kind == SECTION_SLOT) {
        true => Ok(()),
        false => Err(FormatError::Misuse("only key slots can be given as slots")),
    }
}

/// A header with its bytes and the keys that follow from it.
#[derive(Debug)]
#[non_exhaustive]
pub struct KeyedHeader {
    /// The header, authentic.
    pub header: StreamHeader,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Where it begins in the stream.
    pub offset: u64,
    /// The keys that it commits to.
    pub keys: RootKeys,
}

impl KeyedHeader {
    /// Draws a new stream's header.
    ///
    /// # Errors
    /// `Limit` and `Malformed` for sections that do not fit or break a rule, metadata that F-332
    /// refuses, or a header length that F-306 does; `Crypto` where there is no random source.
    pub fn create(
        key: &StreamKey,
        new: &NewHeader<'_>,
        random: &RandomSource,
    ) -> Result<Self, FormatError> {
        check_slots(new.slots)?;
        let refused = |error| FormatError::from_header(error, Unit::Header, 0);
        let mut header = StreamHeader {
            suite: new.suite,
            digest: new.digest,
            geometry: new.geometry,
            slotted: !new.slots.is_empty(),
            stream_salt: [0; 32],
            commitment: [0; 32],
            header_len: 0,
            revision: 0,
            sections: new.slots.to_vec(),
            mac: [0; 32],
        };
        random.fill(&mut header.stream_salt)?;
        let keys = RootKeys::derive(key, &header.core(), new.context);
        header.commitment = *keys.commitment();
        if let Some(json) = new.metadata {
            header.sections.push(seal_metadata(json, &keys, header.suite, random)?);
        }
        let fitting = fitting_header_len(&header.sections, header.slotted).map_err(refused)?;
        header.header_len = new.header_len.unwrap_or(fitting);
        let bytes = signed(&mut header, &keys)?;
        Ok(Self { header, bytes, offset: 0, keys })
    }

    /// The header of the same stream with other slots and metadata, of the same length; it is one
    /// that was not sealed yet, so its revision stays.
    ///
    /// # Errors
    /// `HeaderFull` where the sections do not fit; `Malformed` and `Limit` for slots that break a
    /// rule of F-316 to F-321, `Malformed` for metadata that F-332 refuses; `Crypto`.
    pub fn renewed(
        self,
        slots: Vec<Section>,
        metadata: Option<&[u8]>,
        random: &RandomSource,
    ) -> Result<Self, FormatError> {
        check_slots(&slots)?;
        let Self { mut header, bytes, keys, offset } = self;
        header.sections = slots;
        if let Some(json) = metadata {
            header.sections.push(seal_metadata(json, &keys, header.suite, random)?);
        }
        let bytes = signed_in(bytes.len(), &mut header, &keys)?;
        Ok(Self { header, bytes, keys, offset })
    }

    /// Judges the bytes of a header, which are exactly `header_len` bytes (F-335).
    ///
    /// Without `F-335`'s checks nothing of the header is used, and a wrong checksum takes the
    /// place of every failure but a missing magic.
    ///
    /// # Errors
    /// Those of F-335 in its order.
    pub fn open(
        bytes: Vec<u8>,
        ring: &mut KeyRing<'_>,
        unit: Unit,
        offset: u64,
    ) -> Result<Self, FormatError> {
        let found = DecodedHeader::decode(bytes, ring.max_segment_size(), unit, offset)?;
        let keys = ring.root_keys(&found.header).map_err(|error| found.or_damaged(error))?;
        found.judge(&keys)?;
        Ok(found.under(keys))
    }

    /// Lengths and offsets of the stream.
    #[must_use]
    pub fn layout(&self) -> StreamLayout {
        StreamLayout {
            geometry: self.header.geometry,
            digest: self.header.digest,
            header_len: self.header.header_len,
        }
    }

    /// `K_segments`: enough to seal and open segments, not to forge header or seal.
    #[must_use]
    pub fn segments_key(&self) -> SegmentsKey {
        self.keys.segments_key()
    }

    /// The fingerprint of the stream that this trailer seals (F-604).
    #[must_use]
    pub fn fingerprint(&self, trailer: &Trailer) -> [u8; 32] {
        fingerprint_of(&self.header, trailer)
    }
}

/// A header that is well formed, before any key was tried.
#[derive(Debug)]
pub(crate) struct DecodedHeader {
    pub(crate) header: StreamHeader,
    bytes: Vec<u8>,
    unit: Unit,
    offset: u64,
}

impl DecodedHeader {
    /// The checks of F-335 that need no key; a wrong checksum takes the place of every failure
    /// but a missing magic.
    pub(crate) fn decode(
        bytes: Vec<u8>,
        max_segment_size: u64,
        unit: Unit,
        offset: u64,
    ) -> Result<Self, FormatError> {
        let judged = match sv2_headers::peek_geometry(&bytes) {
            // The caller's maximum stands beside F-304, so it is asked before the rest.
            Some(geometry) if geometry.segment_size() > max_segment_size => {
                let (value, max) = (geometry.segment_size(), max_segment_size);
                Err(FormatError::Limit { what: "segment size", value, max })
            }
            _ => StreamHeader::decode(&bytes)
                .map_err(|error| FormatError::from_header(error, unit, offset)),
        };
        match judged {
            Ok(header) => Ok(Self { header, bytes, unit, offset }),
            Err(error) => Err(error.or_damaged(&bytes, unit, offset)),
        }
    }

    /// Whether the header is authentic under keys that it commits to.
    pub(crate) fn judge(&self, keys: &RootKeys) -> Result<(), FormatError> {
        let (unit, offset) = (self.unit, self.offset);
        keys.header_key()
            .verify(StreamHeader::authenticated(&self.bytes), &self.header.mac)
            .map_err(|_| self.or_damaged(FormatError::AuthenticationFailed { unit, offset }))
    }

    /// The header with these keys, under which it was judged.
    pub(crate) fn under(self, keys: RootKeys) -> KeyedHeader {
        KeyedHeader { header: self.header, bytes: self.bytes, offset: self.offset, keys }
    }

    pub(crate) fn or_damaged(&self, error: FormatError) -> FormatError {
        error.or_damaged(&self.bytes, self.unit, self.offset)
    }
}

/// What the first bytes of a header say about its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderStart {
    /// The magic is absent or cut short.
    NoMagic,
    /// The input ends inside the first 96 bytes.
    Cut,
    /// The header has this many bytes.
    Len(usize),
    /// `header_len` is impossible, so that there is no place for a right checksum (F-907).
    ImpossibleLen,
}

impl HeaderStart {
    /// Reads them: 96 bytes tell everything, and fewer what they can.
    #[must_use]
    pub fn of(prefix: &[u8]) -> Self {
        if prefix.get(..8) != Some(&sv2_headers::HEADER_MAGIC[..]) {
            Self::NoMagic
        } else if prefix.len() < HEADER_PREFIX_LEN {
            Self::Cut
        } else {
            match sv2_headers::peek_header_len(prefix) {
                Some(len) => Self::Len(len as usize),
                None => Self::ImpossibleLen,
            }
        }
    }
}
