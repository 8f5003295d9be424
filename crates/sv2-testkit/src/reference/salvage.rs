//! A salvage that looks everywhere: each frame under each salt at each place (section 8.6).

use std::ops::Range;

use super::header::{Header, check_structure, declared_len, open_header};
use super::keys::{Keys, frame_nonce};
use super::outcome::{Failure, FailureKind, Limits};
use super::pipe::front_alone;
use super::primitives::{aead_open, all_zero, array, crc_holds, sha256, u32_at, u64_at};
use super::seekable::Opened;
use super::segment::segment_header;
use super::trailer::Trailer;
use super::{HEADER_MAGIC, SEGMENT_MAGIC, TRAILER_MAGIC};

/// What was got out of a damaged stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Salvaged {
    /// Whether a seal holds.
    pub sealed: bool,
    /// P, or without a seal the end of the last segment of which a frame opens.
    pub plaintext_len: u64,
    /// The plaintext, with zeros where it is lost.
    pub plaintext: Vec<u8>,
    /// Plaintext of which no frame opens, joined where ranges touch.
    pub lost: Vec<Range<u64>>,
    /// Plaintext whose version no page of the index confirms, joined where ranges touch.
    pub unconfirmed: Vec<Range<u64>>,
}

impl Salvaged {
    /// The plaintext with what is lost left out.
    pub fn closed_up(&self) -> Vec<u8> {
        let mut at = 0;
        let mut kept = Vec::new();
        for lost in self.lost.iter().chain([&(self.plaintext_len..self.plaintext_len)]) {
            kept.extend(&self.plaintext[at as usize..lost.start as usize]);
            at = lost.end;
        }
        kept
    }
}

/// Everything of the stream that opens (F-833).
///
/// # Errors
///
/// `NoKeyFits` and `WrongKeyOrContext` of a source that ends in a tail; where no header opens, the
/// error of the front header as on a pipe, or where it lacks the magic that of a seekable reader.
pub fn salvage(key: &[u8; 32], context: &[u8], source: &[u8]) -> Result<Salvaged, Failure> {
    let (header, keys, tail) = locate(key, context, source)?;
    let mut search = Search { source, header: &header, keys: &keys, tail: tail.as_ref() };
    Ok(search.run())
}

/// A tail whose seal holds: where it ends in the source, and P.
struct Tail {
    end: usize,
    plaintext_len: u64,
    index_root: [u8; 32],
}

/// The header, and the tail where there is one: at the end of the source, or else the last one.
fn locate(
    key: &[u8; 32],
    context: &[u8],
    source: &[u8],
) -> Result<(Header, Keys, Option<Tail>), Failure> {
    let open = |end: usize| {
        let opened = Opened::of_any_length(key, context, &source[..end], &Limits::FORMAT)?;
        let Opened { header, keys, trailer, .. } = opened;
        let Trailer { plaintext_len, index_root, .. } = trailer;
        Ok((header, keys, Some(Tail { end, plaintext_len, index_root })))
    };
    let error: Failure = match open(source.len()) {
        Ok(found) => return Ok(found),
        Err(error) => error,
    };
    if matches!(error.kind, FailureKind::NoKeyFits | FailureKind::WrongKeyOrContext) {
        return Err(error);
    }
    let ends = positions(source, &TRAILER_MAGIC).into_iter().rev().map(|at| at + 128);
    if let Some(found) = ends.filter(|end| *end <= source.len()).find_map(|end| open(end).ok()) {
        return Ok(found);
    }
    let front = match front_alone(key, context, source, &Limits::FORMAT) {
        Ok((header, keys)) => return Ok((header, keys, None)),
        Err(error) => error,
    };
    for at in positions(source, &HEADER_MAGIC) {
        let bytes = declared_len(&source[at..]).and_then(|len| source[at..].get(..len));
        let Some(bytes) = bytes else { continue };
        if check_structure(bytes, &Limits::FORMAT).is_ok()
            && let Ok((header, keys)) = open_header(bytes, key, context, &Limits::FORMAT)
        {
            return Ok((header, keys, None));
        }
    }
    Err(if front.kind == FailureKind::NotAStream { error } else { front })
}

/// Every place at which `needle` stands.
fn positions(source: &[u8], needle: &[u8]) -> Vec<usize> {
    let fits = source.len().saturating_sub(needle.len() - 1);
    (0..fits).filter(|at| source[*at..].starts_with(needle)).collect()
}

/// A salt that a segment may have.
struct Attempt {
    header: [u8; 64],
    confirmed: bool,
}

struct Search<'a> {
    source: &'a [u8],
    header: &'a Header,
    keys: &'a Keys,
    tail: Option<&'a Tail>,
}

impl Search<'_> {
    fn run(&mut self) -> Salvaged {
        let layout = &self.header.layout;
        let heads = self.segment_headers();
        let known = self.tail.map(|tail| tail.plaintext_len);
        let mut plaintext_len = known.unwrap_or_else(|| self.most(&heads));
        loop {
            let segments = layout.segment_count(plaintext_len);
            let found: Vec<Found> =
                (0..segments).map(|index| self.segment(&heads, plaintext_len, index)).collect();
            // Without a seal nobody can tell what is behind the last segment that is there.
            let opened = found.iter().rposition(Found::has_any).map_or(0, |last| last as u64 + 1);
            if known.is_some() || opened == segments {
                return self.salvaged(plaintext_len, &found);
            }
            let size = layout.segment_size();
            let last = opened.checked_sub(1);
            plaintext_len = last.map_or(0, |last| last * size + self.len_of(&heads, last));
        }
    }

    /// Segment headers of the stream wherever they stand, each under a right CRC.
    fn segment_headers(&self) -> Vec<[u8; 64]> {
        let sound = |bytes: &[u8; 64]| {
            let len = u64::from(u32_at(bytes, 16));
            crc_holds(bytes)
                && all_zero(&bytes[4..8])
                && all_zero(&bytes[20..24])
                && (1..=self.header.layout.segment_size()).contains(&len)
                && u64_at(bytes, 8) < 1 << 32
                && bytes[48..56] == self.keys.commitment[..8]
        };
        let places = positions(self.source, &SEGMENT_MAGIC).into_iter();
        let whole = places.filter(|at| at + 64 <= self.source.len());
        whole.map(|at| array(self.source, at)).filter(sound).collect()
    }

    /// The plaintext of a segment of an unsealed stream: as its headers have it, else S.
    fn len_of(&self, heads: &[[u8; 64]], index: u64) -> u64 {
        let own = heads.iter().filter(|head| u64_at(&head[..], 8) == index);
        let longest = own.map(|head| u64::from(u32_at(head, 16))).max();
        longest.unwrap_or(self.header.layout.segment_size())
    }

    /// The most plaintext that an unsealed stream can have: up to the last segment that has a
    /// header, or, where that is full, an entry in an index.
    fn most(&self, heads: &[[u8; 64]]) -> u64 {
        let size = self.header.layout.segment_size();
        let last = heads.iter().map(|head| u64_at(&head[..], 8)).max();
        let by_header = last.map_or(0, |last| last * size + self.len_of(heads, last));
        if by_header % size != 0 {
            return by_header;
        }
        let room = self.source.len() as u64 / (size + 32) + 1;
        let entries = (0..room).take_while(|index| self.loose_salt(*index).is_some()).count();
        by_header.max(entries as u64 * size)
    }

    /// The salt in an index that nothing confirms: that of the tail, or what stands behind the
    /// last copy of the header.
    fn loose_salt(&self, index: u64) -> Option<[u8; 24]> {
        let entry_len = self.header.layout.entry_len();
        let start = match self.tail {
            Some(tail) => self.index_at(tail)?,
            None => {
                let len = self.header.bytes.len();
                let copies = positions(self.source, &self.header.bytes[..80]);
                let copy = copies.into_iter().rfind(|at| *at > 0 && at + len <= self.source.len());
                copy? + len
            }
        };
        let at = start + usize::try_from(index * entry_len).ok()?;
        (at + 24 <= self.source.len()).then(|| array(self.source, at))
    }

    /// Where the index of a tail begins, counted from its end.
    fn index_at(&self, tail: &Tail) -> Option<usize> {
        let layout = &self.header.layout;
        let behind =
            layout.stream_len(tail.plaintext_len) - layout.index_offset(tail.plaintext_len);
        tail.end.checked_sub(behind as usize)
    }

    /// Whether the page that holds a segment's entry is the sealed one.
    fn page_holds(&self, tail: &Tail, index: u64) -> bool {
        let layout = &self.header.layout;
        let Some(start) = self.index_at(tail) else { return false };
        let segments = layout.segment_count(tail.plaintext_len) as usize;
        let entry_len = layout.entry_len() as usize;
        let table_at = start + segments * entry_len;
        let table = &self.source[table_at..tail.end - 128];
        let page = index as usize / 1024;
        let entries = page * 1024..segments.min((page + 1) * 1024);
        let bytes =
            &self.source[start + entries.start * entry_len..start + entries.end * entry_len];
        sha256(table) == tail.index_root && table[32 * page..][..32] == sha256(bytes)
    }

    /// The salts that a segment may have, in the order in which they are tried.
    fn attempts(&self, heads: &[[u8; 64]], index: u64, p: u64) -> Vec<Attempt> {
        let of = |salt: [u8; 24], confirmed| Attempt {
            header: segment_header(index, p as u32, &salt, &self.keys.commitment),
            confirmed,
        };
        let entry = self.loose_salt(index);
        if let (Some(tail), Some(salt)) = (self.tail, entry)
            && self.page_holds(tail, index)
        {
            return vec![of(salt, true)];
        }
        let fits = |head: &&[u8; 64]| {
            u64_at(&head[..], 8) == index && u64::from(u32_at(&head[..], 16)) == p
        };
        let own = heads.iter().filter(fits).map(|head| of(array(head, 24), false));
        own.chain(entry.map(|salt| of(salt, false))).collect()
    }

    fn segment(&self, heads: &[[u8; 64]], plaintext_len: u64, index: u64) -> Found {
        let layout = &self.header.layout;
        let p = layout.segment_plaintext_len(plaintext_len, index);
        let count = layout.frame_count(p);
        let mut found = Found { frames: vec![None; count as usize], confirmed: true };
        for attempt in self.attempts(heads, index, p) {
            let (key, base_nonce) = self.keys.segment(&array(&attempt.header, 0));
            for frame in 0..count {
                let slot = &mut found.frames[frame as usize];
                if slot.is_some() {
                    continue;
                }
                let len = (layout.frame_plaintext_len(p, frame) + 16) as usize;
                let nonce = frame_nonce(&base_nonce, frame as u32);
                let open = |at: usize| {
                    let sealed = self.source.get(at..at + len)?;
                    aead_open(self.header.suite, &key, &nonce, sealed)
                };
                // Where it belongs comes first, since that costs nothing.
                let home = layout.frame_offset(index, frame) as usize + 8;
                let places = 0..(self.source.len() + 1).saturating_sub(len);
                *slot = open(home).or_else(|| places.into_iter().find_map(open));
                found.confirmed &= slot.is_none() || attempt.confirmed;
            }
        }
        found
    }

    fn salvaged(&self, plaintext_len: u64, found: &[Found]) -> Salvaged {
        let layout = &self.header.layout;
        let (mut lost, mut unconfirmed) = (Vec::new(), Vec::new());
        let mut plaintext = Vec::new();
        for (index, segment) in (0..).zip(found) {
            let p = layout.segment_plaintext_len(plaintext_len, index);
            for (frame, opened) in (0..).zip(&segment.frames) {
                let start = plaintext.len() as u64;
                let range = start..start + layout.frame_plaintext_len(p, frame);
                match opened {
                    Some(opened) => plaintext.extend(opened),
                    None => plaintext.resize(range.end as usize, 0),
                }
                if opened.is_none() {
                    push(&mut lost, range);
                } else if !segment.confirmed {
                    push(&mut unconfirmed, range);
                }
            }
        }
        Salvaged { sealed: self.tail.is_some(), plaintext_len, plaintext, lost, unconfirmed }
    }
}

/// The frames of a segment that opened.
struct Found {
    frames: Vec<Option<Vec<u8>>>,
    confirmed: bool,
}

impl Found {
    fn has_any(&self) -> bool {
        self.frames.iter().any(Option::is_some)
    }
}

/// Appends a range, joined to the last one where they touch.
fn push(ranges: &mut Vec<Range<u64>>, range: Range<u64>) {
    match ranges.last_mut() {
        Some(last) if last.end == range.start => last.end = range.end,
        _ => ranges.push(range),
    }
}
