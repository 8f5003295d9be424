//! Checking one segment: headers, checksums, digest, index entry, and with a key every frame.

use std::ops::Range;

use sv2_crypto::SegmentDigest;
use sv2_framing::crc::{CRC_LEN, SegmentCrc, combine, crc64};
use sv2_framing::{
    FRAME_HEADER_LEN, FrameIndex, SEGMENT_HEADER_LEN, SEGMENT_KEYED_LEN, SegmentHeader,
    SegmentIndex, SegmentLayout, StreamLayout, TAG_LEN, decode_footer, decode_segment_header,
};
use sv2_headers::{DigestAlg, IndexEntry, StreamHeader, checksum};
use sv2_segment_worker::Explain;

use crate::damage::{Damage, Fault};
use crate::decrypt::DecryptJob;
use crate::extents::Holes;
use crate::inspect::Look;
use crate::io::PositionedInput;
use crate::scrub::Checked;
use crate::tail::SealedStream;
use crate::{StreamError, Unit};

/// What is common to the segments of one scrub.
pub(crate) struct SegmentScrub<'s> {
    source: &'s PositionedInput<'s>,
    layout: StreamLayout,
    stream_tag: [u8; 8],
    plaintext_len: u64,
    opener: Option<Opener<'s>>,
    joins: SegmentCrc,
}

/// What opens the frames of a verification.
pub(crate) struct Opener<'s> {
    pub(super) job: &'s DecryptJob,
}

/// What was found in a segment, and the buffer for the next one.
pub(crate) struct Scrubbed {
    pub(crate) damages: Vec<Damage>,
    pub(crate) buffer: Vec<u8>,
}

impl<'s> SegmentScrub<'s> {
    /// A check without a key.
    pub(super) fn of_look(
        source: &'s PositionedInput<'s>,
        look: &Look,
        plaintext_len: u64,
    ) -> Self {
        Self::new(source, &look.header, look.layout, plaintext_len, None)
    }

    /// A check without a key of segments whose stream begins with this header.
    pub(crate) fn of_header(
        source: &'s PositionedInput<'s>,
        header: &StreamHeader,
        layout: StreamLayout,
        plaintext_len: u64,
    ) -> Self {
        Self::new(source, header, layout, plaintext_len, None)
    }

    /// A check under the lengths of a sealed stream, whose frames are opened.
    pub(super) fn of_sealed(
        source: &'s PositionedInput<'s>,
        sealed: &SealedStream,
        opener: Opener<'s>,
    ) -> Self {
        let plaintext_len = sealed.trailer.plaintext_len;
        Self::new(source, &sealed.keyed.header, sealed.layout, plaintext_len, Some(opener))
    }

    fn new(
        source: &'s PositionedInput<'s>,
        header: &StreamHeader,
        layout: StreamLayout,
        plaintext_len: u64,
        opener: Option<Opener<'s>>,
    ) -> Self {
        let frame_size = u64::from(layout.geometry.frame_size());
        let joins = SegmentCrc::new(frame_size + (FRAME_HEADER_LEN + TAG_LEN) as u64);
        let stream_tag = std::array::from_fn(|at| header.commitment[at]);
        Self { source, layout, stream_tag, plaintext_len, opener, joins }
    }

    /// What is looked at.
    pub(super) fn as_checked(&self) -> Checked {
        Checked {
            authenticated: self.opener.is_some(),
            by_place: true,
            end_is_known: true,
            unplaced: 0,
            plaintext_len: self.plaintext_len,
            segments: self.segments(),
        }
    }

    pub(super) fn layout(&self) -> StreamLayout {
        self.layout
    }

    pub(super) fn plaintext_len(&self) -> u64 {
        self.plaintext_len
    }

    pub(super) fn segments(&self) -> u64 {
        self.layout.geometry.segment_count(self.plaintext_len)
    }

    /// Where the run ends that begins with a segment in front of `end`: behind it, or in front of the
    /// last segment of which no byte was ever written, which are not read one by one. The holes are
    /// those of a source that begins at `base` of the stream.
    pub(crate) fn end_of_run(&self, first: u64, end: u64, holes: &Holes, base: u64) -> u64 {
        let start = self.layout.segment_offset(SegmentIndex(first)) - base;
        let len = holes.end_of_hole(start).saturating_sub(start);
        match len / self.layout.full_segment_len() {
            0 | 1 => first + 1,
            // The last segment of all may be short.
            several => (first + several).min(end - 1).max(first + 1),
        }
    }

    /// What is wrong with full segments of which no byte was ever written: everything.
    pub(crate) fn hole(&self, run: &Range<u64>) -> Option<Damage> {
        let (first, last) = (run.start, run.end.checked_sub(1)?);
        let offset = self.layout.segment_offset(SegmentIndex(first));
        let end = self.layout.segment_offset(SegmentIndex(run.end));
        let (size, count) = (self.layout.geometry.segment_size(), run.end - first);
        let frames = size / u64::from(self.layout.geometry.frame_size());
        Some(Damage {
            last: Unit::Footer { segment: last },
            units: count * (frames + 2),
            plaintext: Some(first * size..run.end * size),
            ..Damage::bare(Unit::Segment { segment: first }, Fault::Checksum, offset, end - offset)
        })
    }

    /// Reads a segment into `wire` and lists what is wrong with it.
    pub(crate) fn check(
        &self,
        segment: u64,
        entry: Option<IndexEntry>,
        mut wire: Vec<u8>,
    ) -> Result<Scrubbed, StreamError> {
        let place = self.place(segment)?;
        wire.resize(place.layout.wire_len(), 0);
        self.source.read_exact_at(&mut wire, place.offset)?;
        let mut damages = self.check_bytes(&place, entry, &wire);
        if let (Some(opener), Some(entry)) = (&self.opener, entry) {
            self.authenticate(opener.job, &place, &mut wire, entry, &mut damages)?;
        }
        Ok(Scrubbed { damages, buffer: wire })
    }

    /// Lists what is wrong with a segment without its entry of the index and without a key, where
    /// `wire` begins with it.
    pub(super) fn check_held(&self, segment: u64, wire: &[u8]) -> Result<Vec<Damage>, StreamError> {
        let place = self.place(segment)?;
        let wire = wire.get(..place.layout.wire_len());
        let wire = wire.ok_or(StreamError::Defect { segment })?;
        Ok(self.check_bytes(&place, None, wire))
    }

    fn place(&self, segment: u64) -> Result<Place, StreamError> {
        let index = SegmentIndex(segment);
        let layout = self.layout.segment_layout(self.plaintext_len, index);
        let layout = layout.ok_or(StreamError::Defect { segment })?;
        Ok(Place { segment: index, offset: self.layout.segment_offset(index), layout })
    }

    fn check_bytes(&self, place: &Place, entry: Option<IndexEntry>, wire: &[u8]) -> Vec<Damage> {
        let mut damages = Vec::new();
        let header = self.check_header(place, wire, &mut damages);
        if let (Some(header), Some(entry)) = (header, entry)
            && header.salt != entry.salt
        {
            let (offset, len) = (place.offset, SEGMENT_HEADER_LEN as u64);
            let fault = Fault::Disagrees("salt of segment and index");
            damages.push(Damage::bare(place.unit(), fault, offset, len));
        }
        let frames_from = damages.len();
        let (crc, digest) = self.check_frames(place, wire, &mut damages);
        let body_sound = header.is_some() && damages.len() == frames_from;
        self.check_footer(place, wire, (crc, digest), body_sound, entry, &mut damages);
        damages
    }

    fn check_header(
        &self,
        place: &Place,
        wire: &[u8],
        damages: &mut Vec<Damage>,
    ) -> Option<SegmentHeader> {
        let bytes = &wire[..SEGMENT_HEADER_LEN];
        let decoded = decode_segment_header(bytes, self.layout.geometry, place.segment);
        let fault = if !checksum::holds(bytes) {
            Fault::Checksum
        } else {
            match decoded {
                Err(_) => Fault::Malformed("segment header"),
                Ok(header) if header.plaintext_len != place.layout.plaintext_len() => {
                    Fault::Disagrees("length of segment and stream")
                }
                Ok(header) if header.stream_tag != self.stream_tag => {
                    Fault::Disagrees("stream of the segment")
                }
                Ok(header) => return Some(header),
            }
        };
        damages.push(Damage::bare(place.unit(), fault, place.offset, SEGMENT_HEADER_LEN as u64));
        None
    }

    /// Checks frame headers and checksums; returns checksum and digest of the segment as read.
    fn check_frames(
        &self,
        place: &Place,
        wire: &[u8],
        damages: &mut Vec<Damage>,
    ) -> (u64, [u8; 32]) {
        let alg = self.layout.digest;
        let mut segment_crc = crc64(&wire[..SEGMENT_HEADER_LEN]);
        let mut digest = SegmentDigest::new(alg);
        digest.update(&wire[..SEGMENT_KEYED_LEN]);
        for frame in (0..place.layout.frame_count()).map(FrameIndex) {
            let record = &wire[place.layout.frame(frame)];
            let (covered, stored) = record.split_at(record.len() - CRC_LEN);
            let crc = crc64(covered);
            let stored = u64::from_be_bytes(std::array::from_fn(|at| stored[at]));
            let header = place.layout.frame_header(frame).encode();
            if crc != stored {
                damages.push(place.frame(frame, Fault::Checksum, self));
            } else if covered[..FRAME_HEADER_LEN] != header {
                damages.push(place.frame(frame, Fault::Malformed("frame header"), self));
            }
            digest.update(covered);
            segment_crc = self.joins.append(segment_crc, crc, covered.len() as u64);
            segment_crc = self.joins.append_stored(segment_crc, stored);
        }
        (segment_crc, digest.finish())
    }

    /// Compares the footer with what was computed and with the index.
    fn check_footer(
        &self,
        place: &Place,
        wire: &[u8],
        (crc, digest): (u64, [u8; 32]),
        body_sound: bool,
        entry: Option<IndexEntry>,
        damages: &mut Vec<Damage>,
    ) {
        let alg = self.layout.digest;
        let bytes = &wire[place.layout.footer()];
        let Ok(footer) = decode_footer(bytes, alg) else { return };
        let mut expected = crc;
        if alg != DigestAlg::None {
            expected = combine(crc, crc64(&footer.digest), footer.digest.len() as u64);
        }
        let offset = place.offset + place.layout.footer().start as u64;
        let mut found = |fault| {
            let unit = Unit::Footer { segment: place.segment.0 };
            damages.push(Damage::bare(unit, fault, offset, bytes.len() as u64));
        };
        // A damaged frame makes the segment's checksum and digest wrong as well; that is not
        // said twice.
        if body_sound && footer.crc != expected {
            found(Fault::Checksum);
        } else if body_sound && footer.digest != digest {
            found(Fault::Disagrees("digest of segment and footer"));
        } else if entry.is_some_and(|entry| entry.crc != footer.crc) {
            found(Fault::Disagrees("checksum of footer and index"));
        } else if entry.is_some_and(|entry| entry.digest != footer.digest) {
            found(Fault::Disagrees("digest of footer and index"));
        }
    }

    /// Opens the frames under the sealed salt and settles with the key what the checksums said.
    fn authenticate(
        &self,
        job: &DecryptJob,
        place: &Place,
        wire: &mut [u8],
        entry: IndexEntry,
        damages: &mut Vec<Damage>,
    ) -> Result<(), StreamError> {
        let context = job.worker().context();
        let header = context.sealed_header(place.segment, place.layout.plaintext_len(), entry.salt);
        let opened = job.worker().decrypt_in_place(&header, wire, Explain::CallerRereads);
        if let Ok(digest) = opened {
            let sealed = digest == entry.digest;
            for damage in damages.iter_mut() {
                damage.settle(sealed);
            }
            if !sealed {
                let footer = place.layout.footer();
                let offset = place.offset + footer.start as u64;
                let unit = Unit::Footer { segment: place.segment.0 };
                damages.retain(|damage| damage.unit != unit);
                damages.push(Damage::bare(
                    unit,
                    Fault::Authentication,
                    offset,
                    footer.len() as u64,
                ));
            }
            return Ok(());
        }
        // Frame by frame, each out of bytes that no failed attempt has touched.
        let mut all_open = true;
        for frame in (0..place.layout.frame_count()).map(FrameIndex) {
            let range = place.layout.frame(frame);
            let offset = place.offset + range.start as u64;
            let record = &mut wire[range];
            self.source.read_exact_at(record, offset)?;
            let opens = job.worker().decrypt_frames(&header, frame, record).is_ok();
            all_open &= opens;
            let unit = place.frame_unit(frame);
            match damages.iter_mut().find(|damage| damage.unit == unit) {
                Some(damage) => damage.settle(opens),
                None if opens => {}
                None => damages.push(place.frame(frame, Fault::Authentication, self)),
            }
        }
        // Bytes that did not open and then did are not one stream.
        if all_open {
            return Err(StreamError::InputChanged { offset: place.offset });
        }
        damages.sort_by_key(|damage| damage.offset);
        Ok(())
    }
}

/// Where a segment is.
struct Place {
    segment: SegmentIndex,
    offset: u64,
    layout: SegmentLayout,
}

impl Place {
    fn unit(&self) -> Unit {
        Unit::Segment { segment: self.segment.0 }
    }

    fn frame_unit(&self, frame: FrameIndex) -> Unit {
        Unit::Frame { segment: self.segment.0, frame: frame.0.into() }
    }

    fn frame(&self, frame: FrameIndex, fault: Fault, scrub: &SegmentScrub<'_>) -> Damage {
        let range = self.layout.frame(frame);
        let geometry = scrub.layout.geometry;
        let start = self.segment.0 * geometry.segment_size()
            + u64::from(frame.0) * u64::from(geometry.frame_size());
        let len = u64::from(self.layout.frame_header(frame).ciphertext_len);
        let offset = self.offset + range.start as u64;
        Damage {
            plaintext: Some(start..start + len),
            ..Damage::bare(self.frame_unit(frame), fault, offset, range.len() as u64)
        }
    }
}

impl Damage {
    /// What a wrong checksum of a frame means once the key was asked (F-830).
    fn settle(&mut self, authentic: bool) {
        if authentic && self.fault == Fault::Checksum && matches!(self.unit, Unit::Frame { .. }) {
            self.fault = Fault::ChecksumOnly;
        }
    }
}
