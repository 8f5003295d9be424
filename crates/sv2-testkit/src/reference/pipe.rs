//! Decryption from a pipe: front to back, one look at each byte, each segment released as soon as
//! its last frame has opened (section 8).

use super::header::{Header, declared_len, open_header};
use super::keys::{Keys, fingerprint};
use super::outcome::{Failure, FailureKind, Limits, Outcome, Summary, Unit};
use super::primitives::{all_zero, array, crc_holds, u32_at, u64_at};
use super::segment::{digest_of, open_frames, split_frames};
use super::trailer::{Trailer, check_pages};
use super::{HEADER_MAGIC, SEGMENT_MAGIC};

/// Decrypts `stream` as a reader of a pipe does.
pub fn decrypt_pipe(key: &[u8; 32], context: &[u8], stream: &[u8], limits: &Limits) -> Outcome {
    let (outcome, end) = decrypt_followed_pipe(key, context, stream, limits);
    let is_followed = (end as usize) < stream.len();
    let result = outcome.result.and_then(|summary| match is_followed {
        true => Err(Failure::new(FailureKind::TrailingData, Unit::Stream, end)),
        false => Ok(summary),
    });
    Outcome { released: outcome.released, result }
}

/// As [`decrypt_pipe`], without a look at what follows the trailer (F-839); also tells how much of
/// the input was read.
pub fn decrypt_followed_pipe(
    key: &[u8; 32],
    context: &[u8],
    stream: &[u8],
    limits: &Limits,
) -> (Outcome, u64) {
    let mut pipe = Pipe { stream, at: 0 };
    let mut body = Body::default();
    let result = read_header(&mut pipe, key, context, limits).and_then(|(header, keys)| {
        read_body(&mut pipe, &header, &keys, &mut body)?;
        read_tail(&mut pipe, &header, &keys, &body)
    });
    (Outcome { released: body.plaintext, result }, pipe.offset())
}

/// As [`decrypt_pipe`], but whatever fails after the header ends an unsealed stream: a success that
/// released the whole segments before that place (F-826). A failure of the header stays one.
pub fn decrypt_unsealed_pipe(
    key: &[u8; 32],
    context: &[u8],
    stream: &[u8],
    limits: &Limits,
) -> Outcome {
    decrypt_unsealed(key, context, stream, limits).0
}

/// As [`decrypt_unsealed_pipe`], with the failure that ended an unsealed stream.
pub fn decrypt_unsealed(
    key: &[u8; 32],
    context: &[u8],
    stream: &[u8],
    limits: &Limits,
) -> (Outcome, Option<Failure>) {
    let mut pipe = Pipe { stream, at: 0 };
    let mut body = Body::default();
    let mut end = None;
    let result = read_header(&mut pipe, key, context, limits).and_then(|(header, keys)| {
        let sealed = read_body(&mut pipe, &header, &keys, &mut body)
            .and_then(|()| read_tail(&mut pipe, &header, &keys, &body))
            .and_then(|summary| match pipe.at < stream.len() {
                true => Err(Failure::new(FailureKind::TrailingData, Unit::Stream, pipe.offset())),
                false => Ok(summary),
            });
        end = sealed.err();
        match sealed {
            Err(_) => Ok(Summary {
                plaintext_len: body.plaintext.len() as u64,
                segments: body.segments,
                revision: header.revision,
                generation: 0,
                fingerprint: None,
                header: Unit::Header,
            }),
            sealed => sealed,
        }
    });
    (Outcome { released: body.plaintext, result }, end)
}

/// The header at the front, judged as on a pipe.
pub(super) fn front_alone(
    key: &[u8; 32],
    context: &[u8],
    stream: &[u8],
    limits: &Limits,
) -> Result<(Header, Keys), Failure> {
    read_header(&mut Pipe { stream, at: 0 }, key, context, limits)
}

/// The input and how far it was read.
struct Pipe<'a> {
    stream: &'a [u8],
    at: usize,
}

impl<'a> Pipe<'a> {
    fn offset(&self) -> u64 {
        self.at as u64
    }

    /// The next `len` bytes. A unit that the input ends in is not judged: the stream is unsealed.
    fn take(&mut self, len: u64) -> Result<&'a [u8], Failure> {
        let rest = &self.stream[self.at..];
        if len > rest.len() as u64 {
            let end = self.stream.len() as u64;
            return Err(Failure::new(FailureKind::Unsealed, Unit::Stream, end));
        }
        self.at += len as usize;
        Ok(&rest[..len as usize])
    }
}

/// What was read and released of the segments.
#[derive(Default)]
struct Body {
    plaintext: Vec<u8>,
    segments: u64,
    /// Salt and recomputed digest of each segment, as the index must repeat them.
    seen: Vec<u8>,
}

fn read_header(
    pipe: &mut Pipe<'_>,
    key: &[u8; 32],
    context: &[u8],
    limits: &Limits,
) -> Result<(Header, Keys), Failure> {
    if !pipe.stream.starts_with(&HEADER_MAGIC) {
        return Err(Failure::new(FailureKind::NotAStream, Unit::Stream, 0));
    }
    let prefix = pipe.take(96)?;
    pipe.at = 0;
    let Some(header_len) = declared_len(prefix) else {
        return Err(Failure::new(FailureKind::ChecksumMismatch, Unit::Header, 0));
    };
    let source = pipe.take(header_len as u64)?;
    open_header(source, key, context, limits).map_err(|kind| Failure::new(kind, Unit::Header, 0))
}

/// Reads and releases segments until the tail begins; the first bytes of the tail stay unread.
fn read_body(
    pipe: &mut Pipe<'_>,
    header: &Header,
    keys: &Keys,
    body: &mut Body,
) -> Result<(), Failure> {
    let layout = &header.layout;
    let mut ended = false;
    loop {
        let offset = pipe.offset();
        let index = body.segments;
        let segment_header = pipe.take(64)?;
        if segment_header[..4] == HEADER_MAGIC[..4] {
            pipe.at -= 64;
            return Ok(());
        }
        let bounds = (layout.segment_size(), layout.max_plaintext_len());
        check_segment_header(segment_header, keys, body, bounds, ended).map_err(|kind| {
            let kind = kind.judged(crc_holds(segment_header));
            Failure::in_segment(kind, Unit::SegmentHeader, index, offset)
        })?;
        let plaintext_len = u64::from(u32_at(segment_header, 16));
        let frames = split_frames(layout, pipe.take(layout.frames_len(plaintext_len))?);
        let header_bytes: [u8; 64] = array(segment_header, 0);
        let opened = open_frames(header.suite, keys, &header_bytes, &frames);
        let plaintext = opened.map_err(|(frame, kind)| {
            if !crc_holds(segment_header) {
                let kind = kind.judged(false);
                return Failure::in_segment(kind, Unit::SegmentHeader, index, offset);
            }
            let kind = kind.judged(crc_holds(frames[frame as usize]));
            let offset = offset + 64 + u64::from(frame) * (layout.frame_size() + 32);
            let failure = Failure::in_segment(kind, Unit::Frame, index, offset);
            Failure { frame: Some(frame), ..failure }
        })?;
        body.plaintext.extend(plaintext);
        body.segments += 1;
        body.seen.extend(&segment_header[24..48]);
        body.seen.extend(digest_of(layout.digest, &header_bytes, &frames));
        ended = plaintext_len < layout.segment_size();
        pipe.take(layout.digest_len() + 8)?;
    }
}

/// The checks of a segment header in their order; `bounds` are S and the greatest P.
fn check_segment_header(
    header: &[u8],
    keys: &Keys,
    body: &Body,
    (segment_size, max_plaintext_len): (u64, u64),
    ended: bool,
) -> Result<(), FailureKind> {
    if header[..4] != SEGMENT_MAGIC {
        return Err(FailureKind::Malformed);
    }
    if body.segments == 1 << 32 {
        return Err(FailureKind::Limit);
    }
    if !all_zero(&header[4..8]) || !all_zero(&header[20..24]) {
        return Err(FailureKind::Malformed);
    }
    if u64_at(header, 8) != body.segments {
        return Err(FailureKind::Malformed);
    }
    let plaintext_len = u64::from(u32_at(header, 16));
    if plaintext_len == 0 || plaintext_len > segment_size || ended {
        return Err(FailureKind::Malformed);
    }
    let total = body.plaintext.len() as u64 + plaintext_len;
    if total > max_plaintext_len {
        return Err(FailureKind::Limit);
    }
    if header[48..56] != keys.commitment[..8] {
        return Err(FailureKind::AuthenticationFailed);
    }
    Ok(())
}

/// Reads the tail and checks everything before it against it; what follows is not looked at.
fn read_tail(
    pipe: &mut Pipe<'_>,
    header: &Header,
    keys: &Keys,
    body: &Body,
) -> Result<Summary, Failure> {
    let layout = &header.layout;
    pipe.take(u64::from(layout.header_len))?;
    let index_offset = pipe.offset();
    let index = pipe.take(body.segments * layout.entry_len())?;
    let table_offset = pipe.offset();
    let table = pipe.take(32 * body.segments.div_ceil(1024))?;
    let trailer_offset = pipe.offset();
    let trailer = Trailer::parse(array(pipe.take(128)?, 0), trailer_offset)?;

    trailer.check_against(header, keys, Unit::Header, 0)?;
    trailer.check_counts(layout)?;
    let plaintext_len = body.plaintext.len() as u64;
    if (trailer.segments, trailer.plaintext_len) != (body.segments, plaintext_len) {
        return Err(trailer.failure(FailureKind::Malformed, Unit::Trailer));
    }
    trailer.check_page_table(table, table_offset)?;
    // In constant memory the pages are compared as a whole, so the failure names where they begin.
    check_pages(layout, table, index, index_offset)
        .map_err(|failure| Failure { offset: Some(index_offset), ..failure })?;
    let without_crc = layout.entry_len() as usize - 8;
    let sealed: Vec<u8> = index
        .chunks(layout.entry_len() as usize)
        .flat_map(|entry| &entry[..without_crc])
        .copied()
        .collect();
    if sealed != body.seen {
        let kind = FailureKind::AuthenticationFailed;
        return Err(Failure::new(kind, Unit::Index, index_offset));
    }
    Ok(Summary {
        plaintext_len,
        segments: body.segments,
        revision: header.revision,
        generation: trailer.generation,
        fingerprint: Some(fingerprint(&header.bytes, &trailer.bytes)),
        header: Unit::Header,
    })
}
