//! Headers and footers of segments from the index, and what segments say that the index should
//! (F-842, F-843).

use sv2_crypto::SegmentDigest;
use sv2_framing::crc::{CRC_LEN, combine, crc64};
use sv2_framing::{
    FRAME_HEADER_LEN, FrameIndex, SEGMENT_HEADER_LEN, SEGMENT_KEYED_LEN, SegmentFooter,
    SegmentHeader, SegmentIndex, SegmentLayout, StreamLayout, decode_segment_header, encode_footer,
    encode_segment_header,
};
use sv2_headers::{IndexEntry, StreamHeader, Trailer, checksum};

use crate::io::PositionedInput;
use crate::mend::{Found, Mend};
use crate::{StreamError, Unit};

/// The segments of a stream whose header and trailer agree with its length.
pub(super) struct Segments<'s> {
    pub(super) source: &'s PositionedInput<'s>,
    pub(super) layout: StreamLayout,
    pub(super) plaintext_len: u64,
    pub(super) count: u64,
    stream_tag: [u8; 8],
}

/// A segment as it is stored.
struct Stored {
    wire: Vec<u8>,
    layout: SegmentLayout,
    offset: u64,
    /// The header, where its checksum holds and its fields are those of its place.
    header: Option<SegmentHeader>,
}

impl<'s> Segments<'s> {
    pub(super) fn new(
        source: &'s PositionedInput<'s>,
        layout: &StreamLayout,
        header: &StreamHeader,
        trailer: &Trailer,
    ) -> Self {
        Self {
            source,
            layout: *layout,
            plaintext_len: trailer.plaintext_len,
            count: trailer.segments,
            stream_tag: std::array::from_fn(|at| header.commitment[at]),
        }
    }

    fn read(&self, number: u64) -> Result<Option<Stored>, StreamError> {
        let index = SegmentIndex(number);
        let Some(layout) = self.layout.segment_layout(self.plaintext_len, index) else {
            return Ok(None);
        };
        let offset = self.layout.segment_offset(index);
        let wire = self.source.read_vec(offset, layout.wire_len() as u64)?;
        let bytes = &wire[..SEGMENT_HEADER_LEN];
        let decoded = decode_segment_header(bytes, self.layout.geometry, index).ok();
        let header = decoded.filter(|header| {
            checksum::holds(bytes)
                && header.plaintext_len == layout.plaintext_len()
                && header.stream_tag == self.stream_tag
        });
        Ok(Some(Stored { wire, layout, offset, header }))
    }

    /// The entry of a segment as far as the segment says it itself; of the rest, as `stored`.
    pub(super) fn entry(
        &self,
        number: u64,
        stored: &IndexEntry,
    ) -> Result<IndexEntry, StreamError> {
        let mut entry = *stored;
        let Some(segment) = self.read(number)? else { return Ok(entry) };
        let Some(header) = segment.header else { return Ok(entry) };
        entry.salt = header.salt;
        let layout = segment.layout;
        let mut digest = SegmentDigest::new(self.layout.digest);
        digest.update(&segment.wire[..SEGMENT_KEYED_LEN]);
        for frame in (0..layout.frame_count()).map(FrameIndex) {
            let record = &segment.wire[layout.frame(frame)];
            let is_sound =
                checksum::holds(record) && record.starts_with(&layout.frame_header(frame).encode());
            if !is_sound {
                return Ok(entry);
            }
            digest.update(&record[..record.len() - CRC_LEN]);
        }
        let footer = layout.footer();
        entry.digest = digest.finish();
        let stored = &entry.digest[..self.layout.digest.len()];
        let body = crc64(&segment.wire[..footer.start]);
        entry.crc = combine(body, crc64(stored), stored.len() as u64);
        Ok(entry)
    }

    /// Puts back what of a segment follows from its place and from its entry of the index: its
    /// header where that is not whole, its footer, and headers of frames where the checksum of the
    /// frame then holds.
    ///
    /// The checksum of a frame is put back by nobody: that of the segment is no proof of the bytes
    /// under it, since a frame's checksum is among the bytes that it covers.
    pub(super) fn mend(
        &self,
        number: u64,
        entry: &IndexEntry,
        found: &mut Found,
    ) -> Result<(), StreamError> {
        let Some(segment) = self.read(number)? else { return Ok(()) };
        // A whole header with another salt is one of another attempt, and so may the rest be.
        if segment.header.is_some_and(|header| header.salt != entry.salt) {
            return Ok(());
        }
        let layout = segment.layout;
        let mut put = |unit, at: usize, bytes: &[u8]| {
            if segment.wire[at..at + bytes.len()] != *bytes {
                let offset = segment.offset + at as u64;
                found.push(Mend { unit, offset, bytes: bytes.to_vec() });
            }
        };
        let header = SegmentHeader {
            index: SegmentIndex(number),
            plaintext_len: layout.plaintext_len(),
            salt: entry.salt,
            stream_tag: self.stream_tag,
        };
        put(Unit::Segment { segment: number }, 0, &encode_segment_header(&header));
        for frame in (0..layout.frame_count()).map(FrameIndex) {
            let place = layout.frame(frame);
            let header = layout.frame_header(frame).encode();
            let mut record = segment.wire[place.clone()].to_vec();
            record[..FRAME_HEADER_LEN].copy_from_slice(&header);
            if checksum::holds(&record) {
                let unit = Unit::Frame { segment: number, frame: frame.0.into() };
                put(unit, place.start, &header);
            }
        }
        let place = layout.footer();
        let mut footer = vec![0; place.len()];
        let content = SegmentFooter { digest: entry.digest, crc: entry.crc };
        if encode_footer(&content, self.layout.digest, &mut footer).is_ok() {
            put(Unit::Footer { segment: number }, place.start, &footer);
        }
        Ok(())
    }
}
