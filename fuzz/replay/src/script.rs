//! Streams made by a script: a sound stream, a list of changes, and what is made right afterwards.
//!
//! An input of a few bytes becomes a stream that is wrong in one place and right in all others,
//! which a change of the stream's own bytes hardly ever is: checksums, MACs, the index and the
//! seal stand in the way of everything behind them.

mod bytes;
mod change;
mod repair;

use crate::KEY;
use bytes::Bytes;
use sv2_testkit::mutate::{self, Region};
use sv2_testkit::paint;
use sv2_testkit::reference::{self, Limits, Params};

/// A stream that a script made, and how a reader is called for it.
pub struct Case {
    /// The stream, sound or not.
    pub stream: Vec<u8>,
    /// What the caller brings.
    pub call: Call,
}

/// What a caller of a reader decides.
pub struct Call {
    /// The stream key, in one call of eight another one than the stream's.
    pub key: [u8; 32],
    /// The context, in one call of eight another one than the stream's.
    pub context: Vec<u8>,
    /// The maximum of the caller.
    pub limits: Limits,
    /// The sizes of the pieces that a pipe yields in turn; none for all at once.
    pub pieces: Vec<usize>,
    /// Where a range begins and how long it is.
    pub range: (u64, u64),
}

/// The stream that a script is about, before its changes.
struct Base {
    params: Params,
    plaintext: Vec<u8>,
    stream: Vec<u8>,
    regions: Vec<Region>,
}

/// Lengths at which layouts of 256-byte frames change, and some between.
const LENGTHS: [usize; 16] =
    [0, 1, 255, 256, 257, 511, 512, 513, 700, 1024, 1025, 1500, 2048, 2049, 2500, 3073];

/// The longest stream that a script can grow; further changes are left out.
const MAX_STREAM_LEN: usize = 1 << 16;

/// Makes the stream of a script; `None` where the script ends within its head.
///
/// The head is four bytes: the stream's parameters, its length and ornaments, the caller, and
/// what is made right after the changes.
/// Each change is one byte for what is done and the bytes that this takes; the last may be cut.
#[must_use]
pub fn case(script: &[u8]) -> Option<Case> {
    let mut script = Bytes(script);
    let (parameters, shape, call, repairs) =
        (script.byte()?, script.byte()?, script.byte()?, script.byte()?);
    let base = Base::new(params(parameters, shape), LENGTHS[usize::from(shape & 15)]);
    let mut stream = base.stream.clone();
    while stream.len() <= MAX_STREAM_LEN && change::apply(&base, &mut stream, &mut script).is_some()
    {
    }
    repair::apply(&base.params, repairs, &mut stream);
    Some(Case { call: caller(&base.params, call), stream })
}

impl Base {
    fn new(params: Params, len: usize) -> Self {
        let plaintext = paint::paint(len);
        let stream = encrypt(&params, 1, &plaintext);
        let regions = mutate::regions(&stream);
        Self { params, plaintext, stream, regions }
    }

    /// The same plaintext under other salts: an earlier attempt at every segment.
    fn earlier_attempt(&self) -> Vec<u8> {
        encrypt(&self.params, 101, &self.plaintext)
    }

    /// The same plaintext in another stream.
    fn foreign(&self) -> Vec<u8> {
        let params = Params { stream_salt: [0xA7; 32], ..self.params.clone() };
        encrypt(&params, 1, &self.plaintext)
    }
}

fn encrypt(params: &Params, first_salt: u8, plaintext: &[u8]) -> Vec<u8> {
    let mut salts = |index: u64| [(index as u8).wrapping_add(first_salt); 24];
    reference::encrypt(&KEY, params, &mut salts, plaintext)
}

/// Suite and digest, segments of one, two or four frames, and ornaments of the header.
fn params(parameters: u8, shape: u8) -> Params {
    let digest = (parameters >> 1 & 3) % 3;
    let mut params = Params::tiny(1 + (parameters & 1), digest, (parameters >> 3 & 3) % 3);
    params.revision = u64::from(parameters >> 5 & 1);
    params.generation = u64::from(parameters >> 6 & 1);
    if parameters & 0x80 != 0 {
        params.context = b"tenant".to_vec();
    }
    if shape & 0x10 != 0 {
        params.slotted = true;
        params.sections.push((1, [&[0, 1][..], crate::seeds::AGE_HEADER, &[0xEE; 64]].concat()));
        params.header_len += 320;
    }
    if shape & 0x20 != 0 {
        params.sections.push((0x8001, vec![7; 5]));
    }
    if shape & 0x40 != 0 {
        params.metadata = Some((br#"{"name":"a","user":{"b":"c"}}"#.to_vec(), [9; 24]));
        params.header_len += 128;
    }
    params
}

/// Mostly the caller that the stream was made for.
fn caller(params: &Params, call: u8) -> Call {
    let mut caller = Call {
        key: KEY,
        context: params.context.clone(),
        limits: Limits::FORMAT,
        pieces: Vec::new(),
        range: (u64::from(call) * 37 % 2600, u64::from(call) * 91 % 1900),
    };
    match call & 7 {
        0 => {}
        1 => caller.key[31] ^= 1,
        2 => caller.context.push(0),
        3 => caller.limits = Limits { max_segment_size: 256 },
        4 => caller.pieces = vec![1 + usize::from(call >> 3), 64, 7],
        _ => caller.pieces = vec![96, 1 + usize::from(call >> 3)],
    }
    caller
}
