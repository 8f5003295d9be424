//! Random damage of the kinds that happen to files.

use super::Original;
use crate::accumulated::draw::Draw;
use crate::paint::paint;
use crate::reference::Params;

/// A damaged file and the streams that are in it.
pub struct Damaged {
    /// What happened, in words.
    pub what: Vec<String>,
    /// The file.
    pub file: Vec<u8>,
    /// The stream, and another one where two were joined.
    pub streams: Vec<Original>,
}

/// The file of a case: up to three damages of one stream, from its number alone.
pub fn damaged(case: u64) -> Damaged {
    let mut draw = Draw::new(1 << 32 | case);
    let key = draw.array();
    let one = original(&mut draw, key, 1);
    let mut file = one.stream.clone();
    let mut streams = vec![one];
    let mut what = Vec::new();
    for _ in 0..1 + draw.pick(3) {
        let done = damage(&mut draw, &mut file, &mut streams, key);
        what.push(done);
    }
    Damaged { what, file, streams }
}

fn original(draw: &mut Draw, key: [u8; 32], salt: u8) -> Original {
    let mut params = Params::tiny(1 + draw.pick(2) as u8, draw.pick(2) as u8, 0);
    params.frames_log2 = [0, 1, 2, 4][draw.pick(4) as usize];
    params.stream_salt = draw.array();
    let segment = 256 << params.frames_log2;
    let len = match draw.pick(4) {
        // A stream of one segment, which most files are.
        0 => 1 + draw.pick(segment),
        _ => 1 + draw.pick(12 * segment),
    };
    Original::write(key, &params, salt, paint(len.min(16 << 10) as usize))
}

/// A length of sectors, or an odd one.
fn len(draw: &mut Draw) -> usize {
    match draw.pick(4) {
        0 => 512,
        1 => 512 * (1 + draw.pick(4) as usize),
        2 => 1 + draw.pick(40) as usize,
        _ => 1 + draw.pick(3000) as usize,
    }
}

/// A range of the file, at a sector half of the time.
fn range(draw: &mut Draw, file: &[u8]) -> std::ops::Range<usize> {
    let mut at = draw.pick(file.len().max(1) as u64) as usize;
    if draw.pick(2) == 0 {
        at -= at % 512;
    }
    let len = len(draw);
    at..(at + len).min(file.len())
}

fn damage(
    draw: &mut Draw,
    file: &mut Vec<u8>,
    streams: &mut Vec<Original>,
    key: [u8; 32],
) -> String {
    let kind = draw.pick(12);
    let range = range(draw, file);
    match kind {
        0 | 1 => {
            file.drain(range.clone());
            format!("cut {range:?}")
        }
        2 => {
            let value = [0, 0, 0xFF, 0x53][draw.pick(4) as usize];
            file[range.clone()].fill(value);
            format!("hole {range:?} of {value}")
        }
        3 => {
            let len = len(draw);
            let bytes = match draw.pick(2) {
                0 => vec![0; len],
                _ => draw.take(len as u64),
            };
            file.splice(range.start..range.start, bytes);
            format!("insertion of {len} at {}", range.start)
        }
        4 => {
            let moved: Vec<u8> = file.drain(range.clone()).collect();
            let to = draw.pick(file.len() as u64 + 1) as usize;
            file.splice(to..to, moved);
            format!("move of {range:?} to {to}")
        }
        5 => {
            let copy = file[range.clone()].to_vec();
            let to = draw.pick(file.len() as u64 + 1) as usize;
            file.splice(to..to, copy);
            format!("copy of {range:?} to {to}")
        }
        6 => {
            let copy = file[range.clone()].to_vec();
            let to = draw.pick((file.len() - copy.len()) as u64 + 1) as usize;
            file[to..to + copy.len()].copy_from_slice(&copy);
            format!("{range:?} written over {to}")
        }
        7 if streams.len() == 1 => {
            let other = original(draw, key, 2);
            let to = match draw.pick(3) {
                0 => 0,
                1 => file.len(),
                _ => range.start,
            };
            file.splice(to..to, other.stream.iter().copied());
            let len = other.stream.len();
            streams.push(other);
            format!("another stream of {len} at {to}")
        }
        8 => {
            let len = len(draw).min(file.len());
            file.drain(..len);
            format!("first {len} lost")
        }
        9 => {
            let len = len(draw).min(file.len());
            file.truncate(file.len() - len);
            format!("last {len} lost")
        }
        10 => {
            let at = range.start.min(file.len().saturating_sub(1));
            if let Some(byte) = file.get_mut(at) {
                *byte ^= 1 << draw.pick(8);
            }
            format!("bit of {at}")
        }
        _ => {
            let len = len(draw);
            file.splice(0..0, vec![0; len]);
            format!("{len} zeros in front")
        }
    }
}
