//! Decryption from a seekable source: the tail first, then segments by computed offsets, whose
//! headers and footers are never read (section 8).

use super::header::{Header, declared_len, open_header, sealed_metadata};
use super::keys::{Keys, fingerprint};
use super::outcome::{Failure, FailureKind, Limits, Outcome, Summary, Unit};
use super::pipe::front_alone;
use super::primitives::{array, crc_holds};
use super::segment::{digest_of, open_frame, open_frames, segment_header, split_frames};
use super::trailer::{Trailer, check_page, check_pages};
use super::{HEADER_MAGIC, TRAILER_MAGIC};

/// Decrypts all of `stream` as a reader of a file does; what is released are the whole segments,
/// in order, before the first one that fails.
pub fn decrypt_seekable(key: &[u8; 32], context: &[u8], stream: &[u8], limits: &Limits) -> Outcome {
    let mut released = Vec::new();
    let result = Opened::open(key, context, stream, limits).and_then(|opened| {
        opened.check_pages()?;
        for index in 0..opened.trailer.segments {
            released.extend(opened.segment(index)?);
        }
        Ok(opened.summary())
    });
    Outcome { released, result }
}

/// Reads the plaintext bytes `offset .. offset + len`, cut at the end of the plaintext, opening
/// only the index pages and frames that hold them. After a failure, what is released is what the
/// frames before the failing one gave.
pub fn read_range(key: &[u8; 32], context: &[u8], stream: &[u8], offset: u64, len: u64) -> Outcome {
    let mut released = Vec::new();
    let result = Opened::open(key, context, stream, &Limits::FORMAT).and_then(|opened| {
        let layout = &opened.header.layout;
        let end = offset.saturating_add(len).min(opened.trailer.plaintext_len);
        let mut at = offset;
        while at < end {
            let index = at / layout.segment_size();
            let within = at % layout.segment_size();
            opened.check_page_of(index)?;
            let frame = within / layout.frame_size();
            let plaintext = opened.frame(index, frame as u32)?;
            let start = within % layout.frame_size();
            let stop = (plaintext.len() as u64).min(start + (end - at));
            released.extend(&plaintext[start as usize..stop as usize]);
            at += stop - start;
        }
        Ok(opened.summary())
    });
    Outcome { released, result }
}

/// The sealed metadata of `stream`, padding included, as bytes that are not parsed; `None` where
/// there is none. They are those of the chosen header, or of the front header where the source
/// is unsealed (F-339, F-340).
pub fn open_metadata(
    key: &[u8; 32],
    context: &[u8],
    stream: &[u8],
) -> Result<Option<Vec<u8>>, Failure> {
    let (header, keys, offset) = match Opened::up_to_lengths(key, context, stream, &Limits::FORMAT)
    {
        Ok(opened) => {
            let offset = match opened.used {
                Unit::HeaderCopy => opened.header.layout.tail_offset(opened.trailer.plaintext_len),
                _ => 0,
            };
            (opened.header, opened.keys, offset)
        }
        Err(failure) if failure.kind == FailureKind::Unsealed => {
            let (header, keys) = front_alone(key, context, stream, &Limits::FORMAT)?;
            (header, keys, 0)
        }
        Err(failure) => return Err(failure),
    };
    sealed_metadata(&header, &keys).map_err(|kind| Failure::new(kind, Unit::Metadata, offset))
}

/// What a stream says of itself, judged up to its lengths.
pub fn summary(key: &[u8; 32], context: &[u8], stream: &[u8]) -> Result<Summary, Failure> {
    Opened::up_to_lengths(key, context, stream, &Limits::FORMAT).map(|opened| opened.summary())
}

/// The metadata of the front header, as a pipe has it (F-340).
pub fn open_pipe_metadata(
    key: &[u8; 32],
    context: &[u8],
    stream: &[u8],
) -> Result<Option<Vec<u8>>, Failure> {
    let (header, keys) = front_alone(key, context, stream, &Limits::FORMAT)?;
    sealed_metadata(&header, &keys).map_err(|kind| Failure::new(kind, Unit::Metadata, 0))
}

/// A stream whose trailer, header, lengths and page table hold.
pub(super) struct Opened<'a> {
    pub(super) stream: &'a [u8],
    pub(super) header: Header,
    pub(super) keys: Keys,
    pub(super) trailer: Trailer,
    /// Whether front or copy was used.
    pub(super) used: Unit,
}

impl<'a> Opened<'a> {
    pub(super) fn open(
        key: &[u8; 32],
        context: &[u8],
        stream: &'a [u8],
        limits: &Limits,
    ) -> Result<Opened<'a>, Failure> {
        let opened = Opened::up_to_lengths(key, context, stream, limits)?;
        let table_offset = opened.header.layout.page_table_offset(opened.trailer.plaintext_len);
        opened.trailer.check_page_table(opened.page_table(), table_offset)?;
        Ok(opened)
    }

    /// All of F-707 up to the length of the stream.
    pub(super) fn up_to_lengths(
        key: &[u8; 32],
        context: &[u8],
        stream: &'a [u8],
        limits: &Limits,
    ) -> Result<Opened<'a>, Failure> {
        let opened = Opened::of_any_length(key, context, stream, limits)?;
        let len = opened.header.layout.stream_len(opened.trailer.plaintext_len);
        if len != stream.len() as u64 {
            return Err(opened.trailer.failure(FailureKind::Malformed, Unit::Trailer));
        }
        Ok(opened)
    }

    /// As [`Opened::up_to_lengths`], but the length of the source is not looked at: of the tail
    /// it is known where it ends, and nothing of the rest.
    pub(super) fn of_any_length(
        key: &[u8; 32],
        context: &[u8],
        stream: &'a [u8],
        limits: &Limits,
    ) -> Result<Opened<'a>, Failure> {
        let Some((_, last)) =
            stream.split_last_chunk::<128>().filter(|(_, last)| last.starts_with(&TRAILER_MAGIC))
        else {
            return Err(if stream.starts_with(&HEADER_MAGIC) {
                Failure::new(FailureKind::Unsealed, Unit::Stream, stream.len() as u64)
            } else {
                Failure::new(FailureKind::NotAStream, Unit::Stream, 0)
            });
        };
        let trailer = Trailer::parse(*last, stream.len() as u64 - 128)?;
        let (header, keys, used) = choose_header(key, context, stream, limits, &trailer)?;
        trailer.check_counts(&header.layout)?;
        Ok(Opened { stream, header, keys, trailer, used })
    }

    pub(super) fn bytes(&self, start: u64, end: u64) -> &'a [u8] {
        &self.stream[start as usize..end as usize]
    }

    pub(super) fn index(&self) -> &'a [u8] {
        let (layout, p) = (&self.header.layout, self.trailer.plaintext_len);
        self.bytes(layout.index_offset(p), layout.page_table_offset(p))
    }

    pub(super) fn page_table(&self) -> &'a [u8] {
        let (layout, p) = (&self.header.layout, self.trailer.plaintext_len);
        self.bytes(layout.page_table_offset(p), layout.trailer_offset(p))
    }

    /// All pages of the index.
    pub(super) fn check_pages(&self) -> Result<(), Failure> {
        let layout = &self.header.layout;
        let index_offset = layout.index_offset(self.trailer.plaintext_len);
        check_pages(layout, self.page_table(), self.index(), index_offset)
    }

    fn check_page_of(&self, index: u64) -> Result<(), Failure> {
        let page_len = 1024 * self.header.layout.entry_len();
        let number = index / 1024;
        let start = self.header.layout.index_offset(self.trailer.plaintext_len) + number * page_len;
        match self.index().chunks(page_len as usize).nth(number as usize) {
            Some(page) => check_page(self.page_table(), number as usize, page, start),
            None => Ok(()),
        }
    }

    /// Header and index entry of a segment: both come from the index, not from the segment.
    pub(super) fn expected(&self, index: u64) -> ([u8; 64], &'a [u8]) {
        let layout = &self.header.layout;
        let entry_len = layout.entry_len() as usize;
        let entry = &self.index()[index as usize * entry_len..][..entry_len];
        let p = layout.segment_plaintext_len(self.trailer.plaintext_len, index);
        let salt = array(entry, 0);
        (segment_header(index, p as u32, &salt, &self.keys.commitment), entry)
    }

    pub(super) fn frames(&self, index: u64) -> Vec<&'a [u8]> {
        let layout = &self.header.layout;
        let p = layout.segment_plaintext_len(self.trailer.plaintext_len, index);
        let start = layout.frame_offset(index, 0);
        split_frames(layout, self.bytes(start, start + layout.frames_len(p)))
    }

    /// The plaintext of a whole segment, its digest compared where the stream has digests.
    pub(super) fn segment(&self, index: u64) -> Result<Vec<u8>, Failure> {
        let layout = &self.header.layout;
        let (header, entry) = self.expected(index);
        let frames = self.frames(index);
        let plaintext = open_frames(self.header.suite, &self.keys, &header, &frames)
            .map_err(|(frame, kind)| self.frame_failure(index, frame, kind))?;
        if digest_of(layout.digest, &header, &frames) != entry[24..entry.len() - 8] {
            let offset = layout.segment_offset(index);
            let kind = FailureKind::DigestMismatch;
            return Err(Failure::in_segment(kind, Unit::Segment, index, offset));
        }
        Ok(plaintext)
    }

    /// The plaintext of one frame.
    fn frame(&self, index: u64, frame: u32) -> Result<Vec<u8>, Failure> {
        let (header, _) = self.expected(index);
        let (key, base_nonce) = self.keys.segment(&array(&header, 0));
        let wire = self.frames(index)[frame as usize];
        open_frame(self.header.suite, &key, &base_nonce, frame, wire)
            .map_err(|kind| self.frame_failure(index, frame, kind))
    }

    fn frame_failure(&self, index: u64, frame: u32, kind: FailureKind) -> Failure {
        let kind = kind.judged(crc_holds(self.frames(index)[frame as usize]));
        let offset = self.header.layout.frame_offset(index, u64::from(frame));
        let failure = Failure::in_segment(kind, Unit::Frame, index, offset);
        Failure { frame: Some(frame), ..failure }
    }

    fn summary(&self) -> Summary {
        Summary {
            plaintext_len: self.trailer.plaintext_len,
            segments: self.trailer.segments,
            revision: self.header.revision,
            generation: self.trailer.generation,
            fingerprint: Some(fingerprint(&self.header.bytes, &self.trailer.bytes)),
            header: self.used,
        }
    }
}

/// Of front and copy the usable one, of two usable ones that with the higher revision, then the
/// front. Where neither is, the error of the front, or of the copy where the front has no magic.
fn choose_header(
    key: &[u8; 32],
    context: &[u8],
    stream: &[u8],
    limits: &Limits,
    trailer: &Trailer,
) -> Result<(Header, Keys, Unit), Failure> {
    let candidate = |unit, offset: u64| {
        let source = &stream[offset as usize..];
        let (header, keys) = open_header(source, key, context, limits)
            .map_err(|kind| Failure::new(kind, unit, offset))?;
        trailer.check_against(&header, &keys, unit, offset)?;
        Ok((header, keys, unit))
    };
    let front = candidate(Unit::Header, 0);
    let no_magic = |failure: &Failure| failure.kind == FailureKind::NotAStream;
    let Some(copy_offset) = copy_offset(trailer) else {
        return front.map_err(|failure| match no_magic(&failure) {
            true => trailer.failure(FailureKind::Malformed, Unit::Trailer),
            false => failure,
        });
    };
    // Unlike the front, the copy has its length from the trailer.
    let copy = {
        let bytes = &stream[copy_offset as usize..][..trailer.header_len as usize];
        let failed = |kind| Err(Failure::new(kind, Unit::HeaderCopy, copy_offset));
        if !bytes.starts_with(&HEADER_MAGIC) {
            failed(FailureKind::Malformed.judged(crc_holds(bytes)))
        } else if declared_len(bytes) != Some(bytes.len()) {
            failed(FailureKind::ChecksumMismatch)
        } else {
            candidate(Unit::HeaderCopy, copy_offset)
        }
    };
    match (front, copy) {
        (Ok(front), Ok(copy)) if copy.0.revision > front.0.revision => Ok(copy),
        (Ok(front), _) => Ok(front),
        (Err(_), Ok(copy)) => Ok(copy),
        (Err(front), Err(copy)) if no_magic(&front) => Err(copy),
        (Err(front), Err(_)) => Err(front),
    }
}

/// Where the copy is if the trailer, which nothing vouches for yet, tells the truth; `None` where
/// that would be before the end of a front header of the same length (F-809).
fn copy_offset(trailer: &Trailer) -> Option<u64> {
    let digest_len = if trailer.digest == 0 { 0 } else { 32 };
    let index_len = trailer.segments.checked_mul(32 + digest_len)?;
    let table_len = 32 * trailer.segments.div_ceil(1024);
    let tail_len = index_len.checked_add(table_len)?.checked_add(u64::from(trailer.header_len))?;
    let header_len = u64::from(trailer.header_len);
    trailer.offset.checked_sub(tail_len).filter(|offset| *offset >= header_len)
}
