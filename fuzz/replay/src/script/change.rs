//! The changes of a script: to a field that has a name, to any place, and to whole units.

use super::bytes::Bytes;
use super::{Base, MAX_STREAM_LEN};
use std::ops::Range;
use sv2_testkit::mutate;

/// Numbers at which something is compared, written over fields.
const NUMBERS: [u64; 16] = [
    0,
    1,
    2,
    3,
    255,
    256,
    257,
    512,
    1024,
    1025,
    1 << 16,
    1 << 30,
    1 << 32,
    (1 << 32) + 1,
    1 << 56,
    u64::MAX,
];

/// Does one change; `None` where the script has ended.
pub(super) fn apply(base: &Base, stream: &mut Vec<u8>, script: &mut Bytes<'_>) -> Option<()> {
    match script.byte()? % 13 {
        0 => {
            let at = field_place(base, script)?;
            let mask = script.byte()?.max(1);
            change(stream, at, |byte| byte ^ mask);
        }
        1 => {
            let at = script.short()?;
            let mask = script.byte()?.max(1);
            change(stream, at, |byte| byte ^ mask);
        }
        2 => {
            let field = field(base, script)?;
            let choice = script.byte()?;
            let number = NUMBERS[usize::from(choice & 15)].wrapping_sub(u64::from(choice >> 4 & 1));
            let number = number.to_be_bytes();
            let len = field.len().min(8);
            put(stream, field.end - len, &number[8 - len..]);
        }
        3 => {
            let at = field_place(base, script)?;
            let len = script.byte()?;
            put(stream, at, script.take(usize::from(len % 64)));
        }
        4 => stream.truncate(script.short()? % (stream.len() + 1)),
        5 => stream.truncate(field_place(base, script)?),
        6 => {
            let Some(range) = unit(base, stream, script)? else { return Some(()) };
            stream.drain(range);
        }
        7 => {
            let Some(range) = unit(base, stream, script)? else { return Some(()) };
            let end = range.end;
            let copied = stream[range].to_vec();
            stream.splice(end..end, copied);
        }
        8 => {
            let ranges = (unit(base, stream, script)?, unit(base, stream, script)?);
            let (Some(one), Some(other)) = ranges else { return Some(()) };
            let (first, second) = if one.start < other.start { (one, other) } else { (other, one) };
            if first.end <= second.start {
                *stream = mutate::swap(stream, first, second);
            }
        }
        9 => {
            let at = field_place(base, script)?.min(stream.len());
            let len = usize::from(script.byte()?);
            let filling = script.byte()?;
            stream.splice(at..at, std::iter::repeat_n(filling, len));
        }
        10 => splice(stream, &base.earlier_attempt(), unit(base, &base.stream, script)?),
        11 => splice(stream, &base.foreign(), unit(base, &base.stream, script)?),
        _ => {
            let at = field_place(base, script)?.min(stream.len());
            let end = (at + script.short()?).min(stream.len());
            let filling = script.byte()?;
            stream[at..end].fill(filling);
        }
    }
    stream.truncate(2 * MAX_STREAM_LEN);
    Some(())
}

/// A field of the sound stream.
fn field(base: &Base, script: &mut Bytes<'_>) -> Option<Range<usize>> {
    let number = script.short()?;
    Some(base.regions[number % base.regions.len()].range())
}

/// A place in a field of the sound stream.
fn field_place(base: &Base, script: &mut Bytes<'_>) -> Option<usize> {
    let field = field(base, script)?;
    Some(field.start + usize::from(script.byte()?) % field.len())
}

/// A frame or a segment of the sound stream or, where it has none, its header copy, as far as it
/// lies within `stream`; the inner `None` where it does not.
fn unit(base: &Base, stream: &[u8], script: &mut Bytes<'_>) -> Option<Option<Range<usize>>> {
    let number = script.byte()?;
    let segments = base.params.layout().segment_count(base.plaintext.len() as u64);
    let range = if segments == 0 {
        mutate::find(&base.regions, "copy.magic", None, None).start..base.stream.len() - 128
    } else {
        let segment = u64::from(number & 15) % segments;
        let whole = mutate::segment_range(&base.regions, segment);
        let frames = (whole.len() - 72).div_ceil(288).max(1);
        match number >> 4 & 7 {
            0..4 => whole,
            frame => {
                let start = whole.start + 64 + usize::from(frame - 4) % frames * 288;
                start..(start + 288).min(whole.end)
            }
        }
    };
    Some((range.end <= stream.len()).then_some(range))
}

/// Puts the unit of another stream in its place in this one.
fn splice(stream: &mut [u8], other: &[u8], unit: Option<Range<usize>>) {
    if let Some(unit) = unit
        && let Some(place) = stream.get_mut(unit.clone())
    {
        place.copy_from_slice(&other[unit]);
    }
}

fn change(stream: &mut [u8], at: usize, change: impl FnOnce(u8) -> u8) {
    let len = stream.len().max(1);
    if let Some(byte) = stream.get_mut(at % len) {
        *byte = change(*byte);
    }
}

/// Overwrites what of `bytes` finds place.
fn put(stream: &mut [u8], at: usize, bytes: &[u8]) {
    let Some(place) = stream.get_mut(at..) else { return };
    let len = place.len().min(bytes.len());
    place[..len].copy_from_slice(&bytes[..len]);
}
