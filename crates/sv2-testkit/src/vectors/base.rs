//! What vectors are built from: key, salts, small streams, and the readings of a stream.

use super::model::{Body, Ends, Mode, Origin, Reading, StreamCase, Vector, Verdict};
use crate::paint::paint;
use crate::reference::primitives::sha256;
use crate::reference::{
    Limits, Params, decrypt_pipe, decrypt_seekable, encrypt_traced, open_metadata, read_range,
    scrub,
};

/// The stream key of all vectors that do not say otherwise: that of appendix B.
pub(super) const KEY: [u8; 32] = {
    let mut key = [0; 32];
    let mut at = 0;
    while at < 32 {
        key[at] = at as u8;
        at += 1;
    }
    key
};

/// The plaintext length of the stream that most negative vectors start from.
pub(super) const LEN: usize = 1300;

/// The salt of segment `index`: the first 24 bytes of
/// SHA-256(`stream_v2 vector salt` || seed || index as 8 bytes).
pub fn painted_salt(seed: u8, index: u64) -> [u8; 24] {
    let hash = sha256(&[&b"stream_v2 vector salt"[..], &[seed], &index.to_be_bytes()].concat());
    let mut salt = [0; 24];
    salt.copy_from_slice(&hash[..24]);
    salt
}

/// A stream salt: SHA-256(`stream_v2 vector stream` || seed).
pub fn stream_salt(seed: u8) -> [u8; 32] {
    sha256(&[&b"stream_v2 vector stream"[..], &[seed]].concat())
}

/// The parameters that most negative vectors start from: frames of 256 bytes, two to a segment,
/// AES-256-GCM, SHA-256 digests, a context.
pub(super) fn tiny() -> Params {
    let context = b"vectors".to_vec();
    Params { stream_salt: stream_salt(1), context, ..Params::tiny(1, 1, 1) }
}

/// A sound stream of painted bytes.
pub(super) fn sound(params: &Params, len: usize) -> StreamCase {
    sound_with(params, &mut |index| painted_salt(1, index), &paint(len))
}

/// A sound stream under these segment salts; no readings yet.
pub(super) fn sound_with(
    params: &Params,
    salts: &mut dyn FnMut(u64) -> [u8; 24],
    plaintext: &[u8],
) -> StreamCase {
    let mut drawn = Vec::new();
    let mut draw = |index| {
        let salt = salts(index);
        drawn.push(salt);
        salt
    };
    let (stream, trace) = encrypt_traced(&KEY, params, &mut draw, plaintext);
    StreamCase {
        key: KEY,
        context: params.context.clone(),
        stream,
        plaintext: plaintext.to_vec(),
        origin: Some(Origin { params: params.clone(), salts: drawn, trace }),
        swaps: Vec::new(),
        max_segment: None,
        opener: None,
        notes: Vec::new(),
        readings: Vec::new(),
    }
}

impl StreamCase {
    /// The same case with another stream, which no writer makes.
    pub(super) fn with_stream(&self, stream: Vec<u8>) -> StreamCase {
        StreamCase { stream, origin: None, readings: Vec::new(), ..self.clone() }
    }

    /// Adds the reading in this mode as the reference does it.
    pub(super) fn read(&mut self, mode: Mode) -> &mut StreamCase {
        let limits = Limits {
            max_segment_size: self.max_segment.unwrap_or(Limits::FORMAT.max_segment_size),
        };
        let (key, context, stream) = (&self.key, &self.context[..], &self.stream[..]);
        let (verdict, released) = match &mode {
            Mode::Pipe => {
                let outcome = decrypt_pipe(key, context, stream, &limits);
                (Verdict::of(&outcome.result), outcome.released)
            }
            Mode::Seekable => {
                let outcome = decrypt_seekable(key, context, stream, &limits);
                (Verdict::of(&outcome.result), outcome.released)
            }
            Mode::Range { offset, len, .. } => {
                let outcome = read_range(key, context, stream, *offset, *len);
                (Verdict::of(&outcome.result), outcome.released)
            }
            Mode::Metadata => {
                (Verdict::of_metadata(open_metadata(key, context, stream)), Vec::new())
            }
            Mode::Scrub => (Verdict::of_scrub(scrub(stream)), Vec::new()),
        };
        self.readings.push(Reading { mode, verdict, released });
        self
    }

    /// Adds the readings of a sound stream: whole, the ranges where layouts change, a scrub.
    pub(super) fn read_sound(&mut self) -> &mut StreamCase {
        self.read(Mode::Pipe).read(Mode::Seekable);
        for (offset, len) in ranges(self) {
            self.read(Mode::Range { offset, len, trailer_now: None });
        }
        self.read(Mode::Scrub);
        for reading in &self.readings {
            expect("a sound stream", &reading.verdict, "success");
        }
        self
    }

    /// How both whole decrypts of this case with another stream end, informative offsets left out.
    ///
    /// # Panics
    ///
    /// Where a reader would release anything but the first bytes of the plaintext.
    pub(super) fn ends_with(&self, stream: Vec<u8>) -> Ends {
        let mut changed = self.with_stream(stream);
        changed.read(Mode::Pipe).read(Mode::Seekable);
        let [pipe, seekable] = &changed.readings[..] else { unreachable!("two readings") };
        for reading in [pipe, seekable] {
            assert!(self.plaintext.starts_with(&reading.released), "only a prefix is released");
        }
        Ends {
            pipe: pipe.verdict.clone().binding(),
            pipe_released: pipe.released.len() as u64,
            seekable: seekable.verdict.clone().binding(),
            seekable_released: seekable.released.len() as u64,
        }
    }

    /// Finishes a vector.
    pub(super) fn named(
        self,
        name: impl Into<String>,
        layer: &'static str,
        scenario: impl Into<String>,
    ) -> Vector {
        let body = Body::Stream(Box::new(self));
        Vector { name: name.into(), layer, scenario: scenario.into(), body }
    }
}

/// Ranges around the borders of frames and segments, at the end and beyond it.
fn ranges(case: &StreamCase) -> Vec<(u64, u64)> {
    let Some(origin) = &case.origin else { return Vec::new() };
    let layout = origin.params.layout();
    let (frame, segment) = (layout.frame_size(), layout.segment_size());
    let p = case.plaintext.len() as u64;
    let mut ranges = vec![(p, 1), (u64::MAX, u64::MAX)];
    if p > 0 {
        ranges.push((p - 1, 100));
    }
    ranges.extend([(frame - 1, 2), (segment - 1, segment + 2)].iter().filter(|(at, _)| *at < p));
    ranges
}

/// A vector of a bad stream: both whole readings and, where plaintext is left, a range; the
/// outcomes of pipe and seekable reader must be those that the caller wrote down.
pub(super) fn bad(
    mut case: StreamCase,
    name: &str,
    layer: &'static str,
    scenario: &str,
    [pipe, seekable]: [&str; 2],
) -> Vector {
    case.read(Mode::Pipe).read(Mode::Seekable);
    expect(name, &case.readings[0].verdict, pipe);
    expect(name, &case.readings[1].verdict, seekable);
    case.named(name, layer, scenario)
}

/// # Panics
///
/// Where the verdict is not the one that was written down.
pub(super) fn expect(name: &str, verdict: &Verdict, written: &str) {
    assert_eq!(verdict.to_string(), written, "{name}");
}
