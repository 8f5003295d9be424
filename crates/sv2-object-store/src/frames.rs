//! Opened frames that are kept, within a bound.

use std::ops::Range;

use bytes::Bytes;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use sv2_stream::Plaintext;

/// A run of no more frames than this is kept whole; of a longer one, the frames at its edges,
/// which the ranges beside it share.
const SHORT_RUN: u64 = 8;

/// A frame: the fingerprint of its stream, which names one content of one object, and its number
/// in the stream.
type FrameKey = ([u8; 32], u64);

#[derive(Debug, Clone)]
struct Weight;

impl Weighter<FrameKey, Bytes> for Weight {
    fn weight(&self, _: &FrameKey, frame: &Bytes) -> u64 {
        frame.len() as u64
    }
}

/// The frames that a store keeps.
#[derive(Debug)]
pub(crate) struct FrameCache(Option<Cache<FrameKey, Bytes, Weight>>);

impl FrameCache {
    /// A cache of at most so many bytes; none where no frame would fit.
    pub(crate) fn new(bytes: u64, frame_size: u32) -> Self {
        let frames = usize::try_from(bytes / u64::from(frame_size)).unwrap_or(usize::MAX);
        Self((frames > 0).then(|| Cache::with_weighter(frames, bytes, Weight)))
    }

    fn get(&self, stream: &[u8; 32], frame: u64) -> Option<Bytes> {
        self.0.as_ref()?.get(&(*stream, frame))
    }

    fn insert(&self, stream: &[u8; 32], frame: u64, plaintext: &[u8]) {
        if let Some(cache) = &self.0 {
            cache.insert((*stream, frame), Bytes::copy_from_slice(plaintext));
        }
    }
}

/// The frames of some ranges: which were kept, and which have to be fetched.
pub(crate) struct Found {
    frame_size: u64,
    stream: [u8; 32],
    kept: Vec<(u64, Bytes)>,
    /// Plaintext ranges of whole frames that were not kept, in order, none touching another.
    missing: Vec<Range<u64>>,
}

impl Found {
    /// Looks for the frames of these ranges, which lie in the plaintext.
    pub(crate) fn look(
        cache: &FrameCache,
        stream: [u8; 32],
        frame_size: u32,
        ranges: &[Range<u64>],
    ) -> Self {
        let frame_size = u64::from(frame_size);
        let mut frames: Vec<Range<u64>> = ranges
            .iter()
            .filter(|range| range.start < range.end)
            .map(|range| range.start / frame_size..range.end.div_ceil(frame_size))
            .collect();
        frames.sort_by_key(|range| range.start);
        let (mut kept, mut missing): (Vec<(u64, Bytes)>, Vec<Range<u64>>) = Default::default();
        let mut next = 0;
        for range in frames {
            for frame in range.start.max(next)..range.end {
                next = frame + 1;
                match (cache.get(&stream, frame), missing.last_mut()) {
                    (Some(plaintext), _) => kept.push((frame, plaintext)),
                    (None, Some(run)) if run.end == frame * frame_size => run.end += frame_size,
                    (None, _) => missing.push(frame * frame_size..(frame + 1) * frame_size),
                }
            }
        }
        Self { frame_size, stream, kept, missing }
    }

    /// What has to be fetched.
    pub(crate) fn missing(&self) -> &[Range<u64>] {
        &self.missing
    }

    /// Keeps of what was fetched what may be asked for again.
    pub(crate) fn keep(&self, cache: &FrameCache, opened: &Plaintext) {
        if cache.0.is_none() {
            return;
        }
        for run in &self.missing {
            let frames = run.start / self.frame_size..run.end / self.frame_size;
            let count = frames.end - frames.start;
            for frame in frames.clone() {
                let at_edge = frame == frames.start || frame + 1 == frames.end;
                if count <= SHORT_RUN || at_edge {
                    cache.insert(&self.stream, frame, opened.at(frame * self.frame_size));
                }
            }
        }
    }

    /// The plaintext of a range, from both; `None` where a part of it was not opened.
    pub(crate) fn copy(&self, range: &Range<u64>, opened: Option<&Plaintext>) -> Option<Bytes> {
        let len = usize::try_from(range.end - range.start).ok()?;
        let mut out = vec![0; len];
        let mut done = 0;
        while done < len {
            let at = range.start + done as u64;
            let frame = at / self.frame_size;
            let kept = self.kept.binary_search_by_key(&frame, |(number, _)| *number);
            let found = match (kept, opened) {
                (Ok(nth), _) => self.kept[nth].1.get((at % self.frame_size) as usize..)?,
                (Err(_), Some(opened)) => opened.at(at),
                (Err(_), None) => return None,
            };
            let count = found.len().min(len - done);
            if count == 0 {
                return None;
            }
            out[done..done + count].copy_from_slice(&found[..count]);
            done += count;
        }
        Some(Bytes::from(out))
    }
}
