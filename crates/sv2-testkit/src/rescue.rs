//! What a salvage can get out of a damaged file: random damage, and an exhaustive search by the
//! reference that says which frames lie in it whole (format.md section 8.6).

mod damage;

use crate::reference::primitives::aead_open;
use crate::reference::{Layout, Params, SegmentTrace, Trace, encrypt_traced};

pub use damage::{Damaged, damaged};

/// A stream as it was written, with what the search needs to know of it.
pub struct Original {
    /// The stream key.
    pub key: [u8; 32],
    /// Its bytes.
    pub stream: Vec<u8>,
    /// Its plaintext.
    pub plaintext: Vec<u8>,
    layout: Layout,
    suite: u8,
    trace: Trace,
}

/// What an exhaustive search can open.
#[derive(Debug, PartialEq, Eq)]
pub struct Openable {
    /// Whether a seal holds.
    pub sealed: bool,
    /// Segment and frame of each frame that opens somewhere.
    pub frames: Vec<(u64, u32)>,
}

impl Original {
    /// Writes a stream.
    pub fn write(key: [u8; 32], params: &Params, salt: u8, plaintext: Vec<u8>) -> Original {
        let mut salts = |index: u64| {
            let mut bytes = [salt; 24];
            bytes[..8].copy_from_slice(&index.to_be_bytes());
            bytes
        };
        let (stream, trace) = encrypt_traced(&key, params, &mut salts, &plaintext);
        let (layout, suite) = (params.layout(), params.suite);
        Original { key, stream, plaintext, layout, suite, trace }
    }

    fn header(&self) -> &[u8] {
        &self.trace.header
    }

    fn header_len(&self) -> usize {
        self.header().len()
    }

    /// The bytes behind the header copy: index, page table, trailer.
    fn tail(&self) -> &[u8] {
        let index = self.layout.index_offset(self.plaintext.len() as u64) as usize;
        &self.stream[index..]
    }

    /// The plaintext of a frame, as a range.
    pub fn place(&self, segment: u64, frame: u32) -> std::ops::Range<usize> {
        let start =
            segment * self.layout.segment_size() + u64::from(frame) * self.layout.frame_size();
        let end = (start + self.layout.frame_size()).min(self.plaintext.len() as u64);
        let segment_end = ((segment + 1) * self.layout.segment_size()).min(end);
        start as usize..segment_end as usize
    }

    /// Segment and number of every frame.
    pub fn frames(&self) -> Vec<(u64, u32)> {
        let segments = (0..).zip(&self.trace.segments);
        let of = |(segment, trace): (u64, &SegmentTrace)| {
            (0..trace.frames.len() as u32).map(move |frame| (segment, frame)).collect::<Vec<_>>()
        };
        segments.flat_map(of).collect()
    }

    /// Where a usable tail ends in `file`: the trailer is whole, and a header opens that is at the
    /// front or where the tail has its copy. The last one counts, one at the end before all others.
    fn tail_end(&self, file: &[u8]) -> Option<usize> {
        let copy_to_end = self.header_len() + self.tail().len();
        let usable = |end: &usize| {
            let copy = end.checked_sub(copy_to_end).filter(|at| *at >= self.header_len());
            let has = |at: usize| file[at..].starts_with(self.header());
            has(0) || copy.is_some_and(has)
        };
        // The checksum of a trailer decides nothing.
        let ends = positions(file, &self.trace.trailer[..120]).into_iter().map(|at| at + 128);
        ends.filter(|end| *end <= file.len()).rfind(usable)
    }

    /// Whether the salt of a segment is to be had: from the index, whole or not, or from a header
    /// of the segment that lies somewhere.
    fn salt_is_known(&self, file: &[u8], tail_end: Option<usize>, segment: u64) -> bool {
        let entry_len = self.layout.entry_len() as usize;
        let salt = &self.trace.segments[segment as usize].header[24..48];
        let in_index = |index: usize| {
            file.get(index + segment as usize * entry_len..)
                .is_some_and(|bytes| bytes.starts_with(salt))
        };
        let by_index = match tail_end {
            Some(end) => end.checked_sub(self.tail().len()).is_some_and(in_index),
            // Behind the last header that is no front, if that is a copy.
            None => {
                let headers = positions(file, &self.header()[..80]);
                let copy = headers.into_iter().rfind(|at| *at > 0);
                copy.is_some_and(|at| in_index(at + self.header_len()))
            }
        };
        // Without seal and header nothing tells the length of a segment that is not full.
        let start = segment * self.layout.segment_size();
        let is_full = start + self.layout.segment_size() <= self.plaintext.len() as u64;
        let by_index = by_index && (tail_end.is_some() || is_full);
        by_index || !positions(file, &self.trace.segments[segment as usize].header).is_empty()
    }

    /// Everything of this stream that opens in `file`, or `None` where no header does.
    ///
    /// # Panics
    /// Where bytes that are those of a frame do not open as that frame.
    pub fn openable(&self, file: &[u8]) -> Option<Openable> {
        let tail_end = self.tail_end(file);
        if tail_end.is_none() && positions(file, self.header()).is_empty() {
            return None;
        }
        let mut frames = Vec::new();
        for (segment, trace) in (0..).zip(&self.trace.segments) {
            if !self.salt_is_known(file, tail_end, segment) {
                continue;
            }
            for (frame, nonce) in (0..).zip(&trace.frames) {
                let place = self.layout.frame_offset(segment, u64::from(frame)) as usize + 8;
                let len = self.place(segment, frame).len();
                let sealed = &self.stream[place..place + len + 16];
                let Some(&at) = positions(file, sealed).first() else { continue };
                let found = &file[at..at + len + 16];
                let opened = aead_open(self.suite, &trace.key, &nonce.nonce, found);
                let plaintext = &self.plaintext[self.place(segment, frame)];
                assert_eq!(opened.as_deref(), Some(plaintext), "the reference opens it");
                frames.push((segment, frame));
            }
        }
        Some(Openable { sealed: tail_end.is_some(), frames })
    }

    /// Whether a usable tail of this stream ends the file, and where else the last one ends.
    pub fn rank(&self, file: &[u8]) -> (bool, Option<usize>, Option<usize>) {
        let end = self.tail_end(file);
        let first = positions(file, self.header()).first().copied();
        (end == Some(file.len()), end, first)
    }
}

/// Every place at which `needle` lies whole.
fn positions(file: &[u8], needle: &[u8]) -> Vec<usize> {
    let fits = file.len().saturating_sub(needle.len() - 1);
    (0..fits).filter(|&at| file[at] == needle[0] && file[at..].starts_with(needle)).collect()
}
