//! Making and judging the stream header (format.md section 3).

use sv2_crypto::{RandomSource, RootKeys, SegmentsKey, StreamKey};
use sv2_framing::StreamLayout;
use sv2_headers::{
    HEADER_PREFIX_LEN, HEADER_TRAILING_LEN, Section, StreamHeader, checksum, fitting_header_len,
    sections_len,
};

use crate::key::KeyRing;
use crate::metadata::seal_metadata;
use crate::resume::CheckpointError;
use crate::{EncryptOptions, StreamError, Unit};

/// The bytes of a header, with its MAC and checksum.
fn signed(header: &mut StreamHeader, keys: &RootKeys) -> Result<Vec<u8>, StreamError> {
    let refused = |error| StreamError::from_header(error, Unit::Header, 0);
    let mut bytes = header.encode().map_err(refused)?;
    header.mac = keys.header_key().sign(&[StreamHeader::authenticated(&bytes)]);
    StreamHeader::finish(&mut bytes, &header.mac);
    Ok(bytes)
}

/// Bytes that a header of `len` bytes has for sections.
pub(crate) fn room_of(len: usize) -> u64 {
    (len - HEADER_PREFIX_LEN - HEADER_TRAILING_LEN) as u64
}

/// The bytes of a header that has to keep its `len` bytes, with its MAC and checksum.
///
/// # Errors
/// `HeaderFull` where the sections do not fit; `Malformed` and `Limit` for slots that break a rule
/// of F-316 to F-321.
pub(crate) fn signed_in(
    len: usize,
    header: &mut StreamHeader,
    keys: &RootKeys,
) -> Result<Vec<u8>, StreamError> {
    let (needed, available) = (sections_len(&header.sections) as u64, room_of(len));
    if needed > available {
        return Err(StreamError::HeaderFull { needed, available });
    }
    signed(header, keys)
}

/// A header with its bytes and the keys that follow from it.
pub(crate) struct KeyedHeader {
    pub(crate) header: StreamHeader,
    pub(crate) bytes: Vec<u8>,
    /// Where it begins in the stream.
    pub(crate) offset: u64,
    pub(crate) keys: RootKeys,
}

impl KeyedHeader {
    /// Draws a new stream's header.
    pub(crate) fn create(key: &StreamKey, options: &EncryptOptions) -> Result<Self, StreamError> {
        let refused = |error| StreamError::from_header(error, Unit::Header, 0);
        let mut header = StreamHeader {
            suite: options.suite,
            digest: options.digest,
            geometry: options.geometry,
            slotted: !options.slots.is_empty(),
            stream_salt: [0; 32],
            commitment: [0; 32],
            header_len: 0,
            revision: 0,
            sections: options.slots.clone(),
            mac: [0; 32],
        };
        options.random.fill(&mut header.stream_salt)?;
        let keys = RootKeys::derive(key, &header.core(), &options.context);
        header.commitment = *keys.commitment();
        if let Some(json) = &options.metadata {
            header.sections.push(seal_metadata(json, &keys, &header, &options.random)?);
        }
        let fitting = fitting_header_len(&header.sections, header.slotted).map_err(refused)?;
        header.header_len = options.header_len.unwrap_or(fitting);
        let bytes = signed(&mut header, &keys)?;
        Ok(Self { header, bytes, offset: 0, keys })
    }

    /// The header of the same stream with other slots and metadata, of the same length; it is one
    /// that was not sealed yet, so its revision stays.
    ///
    /// # Errors
    /// `Differs` where one has slots and the other has none, which the keys depend on; `HeaderFull`
    /// where the sections do not fit; `Malformed` and `Limit` for slots that break a rule of F-316
    /// to F-321.
    pub(crate) fn renewed(
        self,
        slots: Vec<Section>,
        metadata: Option<&[u8]>,
        random: &RandomSource,
    ) -> Result<Self, StreamError> {
        let Self { mut header, bytes, keys, offset } = self;
        if header.slotted == slots.is_empty() {
            return Err(CheckpointError::Differs { option: "kind of key" }.into());
        }
        header.sections = slots;
        if let Some(json) = metadata {
            header.sections.push(seal_metadata(json, &keys, &header, random)?);
        }
        let bytes = signed_in(bytes.len(), &mut header, &keys)?;
        Ok(Self { header, bytes, keys, offset })
    }

    /// Judges the bytes of a header, which are exactly `header_len` bytes (F-335).
    ///
    /// Without `F-335`'s checks nothing of the header is used, and a wrong checksum takes the
    /// place of every failure but a missing magic.
    pub(crate) fn open(
        bytes: Vec<u8>,
        ring: &mut KeyRing<'_>,
        context: &[u8],
        unit: Unit,
        offset: u64,
    ) -> Result<Self, StreamError> {
        match Self::judge(&bytes, ring, context, unit, offset) {
            Ok((header, keys)) => Ok(Self { header, bytes, offset, keys }),
            Err(error) => Err(explain(error, &bytes, unit, offset)),
        }
    }

    fn judge(
        bytes: &[u8],
        ring: &mut KeyRing<'_>,
        context: &[u8],
        unit: Unit,
        offset: u64,
    ) -> Result<(StreamHeader, RootKeys), StreamError> {
        if bytes.starts_with(&sv2_headers::HEADER_MAGIC) {
            ring.check_segment_size(bytes)?;
        }
        let header = StreamHeader::decode(bytes)
            .map_err(|error| StreamError::from_header(error, unit, offset))?;
        let keys = ring.root_keys(&header, context)?;
        keys.header_key()
            .verify(StreamHeader::authenticated(bytes), &header.mac)
            .map_err(|_| StreamError::AuthenticationFailed { unit, offset })?;
        Ok((header, keys))
    }

    pub(crate) fn layout(&self) -> StreamLayout {
        StreamLayout {
            geometry: self.header.geometry,
            digest: self.header.digest,
            header_len: self.header.header_len,
        }
    }

    pub(crate) fn segments_key(&self) -> SegmentsKey {
        self.keys.segments_key()
    }
}

/// The error as it stands, or `ChecksumMismatch` where the unit's checksum is wrong (F-905).
pub(crate) fn explain(
    error: StreamError,
    unit_bytes: &[u8],
    unit: Unit,
    offset: u64,
) -> StreamError {
    if error.yields_to_checksum() && !checksum::holds(unit_bytes) {
        StreamError::ChecksumMismatch { unit, offset }
    } else {
        error
    }
}

/// What the first bytes of a header say about its length.
pub(crate) enum HeaderStart {
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
    pub(crate) fn of(prefix: &[u8]) -> Self {
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
