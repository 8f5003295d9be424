//! Opening a stream and planning a range without IO: bytes come in any order and cut, and the end is
//! the reference's.

use std::ops::Range;

use crate::stream::reseal;
use crate::{KEY, Verdict, split};
use sv2_crypto::{Backend, StreamKey};
use sv2_stream::{
    FetchPolicy, FormatError, OpenedStream, Opening, OpeningOptions, PageState, Step,
};
use sv2_testkit::reference::read_range;

/// Round trips of an opening: the ends, the whole header, copy, table, and as many again.
const MOST_ROUNDS: usize = 16;

/// Opens a stream and reads a range of it.
///
/// The selector's low bit makes commitment, MAC, seal and checksums right first, the next asks for no
/// byte that is not needed, two more say how bytes are handed in, and the rest where the range
/// begins.
///
/// # Panics
///
/// Where bytes beyond the stream are asked for, where an opening takes too many round trips, and
/// where it ends otherwise than the reference or yields other plaintext.
pub fn opening(data: &[u8]) -> Verdict {
    let Some((selector, stream)) = split(data) else { return Verdict::Refused };
    let mut stream = stream.to_vec();
    if selector & 1 != 0 {
        reseal(&mut stream);
    }
    let feed = selector >> 2 & 3;
    let offset = u64::from(selector >> 4) * 100;
    let range = offset..offset + 700;
    let options = match selector & 2 {
        0 => OpeningOptions::standard(),
        _ => OpeningOptions::sparing(),
    };
    let read = open(&stream, options, feed)
        .and_then(|opened| read(&stream, &opened, range.clone(), feed).map(|out| (opened, out)));
    let expected = read_range(&KEY, &[], &stream, range.start, range.end - range.start);
    assert_eq!(read.is_ok(), expected.result.is_ok(), "{:?}, {:?}", read, expected.result);
    if let Ok((opened, out)) = &read {
        assert_eq!(*out, expected.released);
        let summary = expected.result.ok();
        assert_eq!(Some(opened.fingerprint()), summary.and_then(|it| it.fingerprint));
    }
    Verdict::of(&read)
}

fn open(stream: &[u8], options: OpeningOptions, feed: u8) -> Result<OpenedStream, FormatError> {
    let mut opening = Opening::new(stream.len() as u64, options);
    for _ in 0..MOST_ROUNDS {
        match opening.step()? {
            Step::Bytes(ranges) => {
                for piece in pieces(&ranges, feed) {
                    opening.supply(piece.start, &bytes(stream, &piece));
                }
            }
            Step::Key(_) => {
                opening.supply_key(&StreamKey::from_bytes(KEY), &[])?;
            }
            _ => return opening.finish(),
        }
    }
    panic!("an opening takes more than {MOST_ROUNDS} round trips")
}

fn read(
    stream: &[u8],
    opened: &OpenedStream,
    range: Range<u64>,
    feed: u8,
) -> Result<Vec<u8>, FormatError> {
    let mut plan =
        opened.plan(std::slice::from_ref(&range), &FetchPolicy::standard(), |_| PageState::Missing);
    loop {
        let missing = plan.missing();
        if missing.is_empty() {
            break;
        }
        for piece in pieces(&missing, feed) {
            plan.supply(piece.start, bytes(stream, &piece));
        }
    }
    let plaintext = plan.open(opened, &opened.worker(Backend::Ring))?;
    let left = opened.len().saturating_sub(range.start).min(range.end - range.start);
    let mut out = vec![0; left as usize];
    assert_eq!(plaintext.copy_to(range.start, &mut out), out.len(), "all that was planned");
    Ok(out)
}

/// The pieces in which the bytes of these ranges come.
fn pieces(ranges: &[Range<u64>], feed: u8) -> Vec<Range<u64>> {
    let cut = |len: u64| {
        ranges.iter().flat_map(move |range| {
            let end = range.end;
            range.clone().step_by(len as usize).map(move |at| at..end.min(at + len))
        })
    };
    match feed {
        0 => ranges.to_vec(),
        1 => ranges.iter().rev().cloned().collect(),
        2 => cut(37).collect(),
        _ => {
            let all: Vec<_> = cut(101).collect();
            all.iter().skip(1).step_by(2).chain(all.iter().step_by(2)).cloned().collect()
        }
    }
}

fn bytes(stream: &[u8], range: &Range<u64>) -> Vec<u8> {
    stream[range.start as usize..range.end as usize].to_vec()
}
