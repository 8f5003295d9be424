//! Streams of many segments, written as a line that says how to make them.

use super::base::{expect, sound, stream_salt};
use super::model::{Mode, Named, StreamCase, Vector, Verdict};
use crate::mutate::swap;
use crate::reference::{FailureKind, Params};

/// The smallest geometry: one frame of 256 bytes to a segment.
fn params(suite: u8, digest: u8) -> Params {
    Params { stream_salt: stream_salt(3), ..Params::tiny(suite, digest, 0) }
}

/// 257, 1025 and 65,537 segments, and two index pages exchanged.
pub(super) fn vectors() -> Vec<Vector> {
    let mut vectors = Vec::new();
    for (suite, digest, segments) in [(1, 0, 257), (2, 1, 1025), (1, 0, 65_537)] {
        let len = 256 * (segments - 1) + 1;
        let mut case = sound(&params(suite, digest), len);
        case.read(Mode::Pipe).read(Mode::Seekable);
        for (offset, len) in [(0, 1), (len as u64 - 2, 10), (256 * 256 - 3, 6)] {
            case.read(Mode::Range { offset, len, trailer_now: None });
        }
        for reading in &case.readings {
            expect("a sound stream", &reading.verdict, "success");
        }
        let name = format!("sound-segments-{segments}");
        vectors.push(case.named(name, "sound", format!("{segments} segments of 256 bytes.")));
    }
    vectors.push(swapped_pages());
    vectors.push(bad_last_page());
    vectors
}

/// The last of two pages is wrong: a whole decrypt checks it before it releases anything (F-810), a
/// range only where it uses it (F-823), and looks at the trailer again then (F-824).
fn bad_last_page() -> Vector {
    let params = params(2, 1);
    let len = 1026 * 256;
    let sound = sound(&params, len);
    let at = params.layout().index_offset(len as u64) + 1024 * 64;
    let [first, second] = [(at, at + 64), (at + 64, at + 128)];
    let range = |(start, end): (u64, u64)| start as usize..end as usize;
    let stream = swap(&sound.stream, range(first), range(second));
    let trailer = stream[stream.len() - 128..].to_vec();
    let mut case = StreamCase { stream, swaps: vec![[first, second]], ..sound };
    case.read(Mode::Pipe).read(Mode::Seekable);
    let mut other = trailer.clone();
    other[23] = 1;
    for (offset, now) in [(0, None), (1024 * 256 - 9, None), (1024 * 256, Some(trailer))] {
        case.read(Mode::Range { offset, len: 9, trailer_now: now });
    }
    case.read(Mode::Range { offset: 1024 * 256, len: 9, trailer_now: Some(other) });
    let failed = "AuthenticationFailed index";
    for (reading, written) in
        case.readings.iter().zip([failed, failed, "success", "success", failed, failed])
    {
        expect("a bad last page", &reading.verdict, written);
    }
    assert!(case.readings[1].released.is_empty(), "F-810");
    if let Some(last) = case.readings.last_mut() {
        last.verdict = Verdict::Failed(FailureKind::StaleIndex, Named::NOTHING, None);
    }
    let scenario = "Two entries of the last of two pages are exchanged.";
    case.named("index-last-page-wrong", "index", scenario)
}

/// The index of 2048 segments has two full pages; the page table stays.
fn swapped_pages() -> Vector {
    let params = params(1, 0);
    let sound = sound(&params, 2048 * 256);
    let at = params.layout().index_offset(2048 * 256);
    let [first, second] = [(at, at + 32_768), (at + 32_768, at + 65_536)];
    let range = |(start, end): (u64, u64)| start as usize..end as usize;
    let stream = swap(&sound.stream, range(first), range(second));
    let mut case = StreamCase { stream, swaps: vec![[first, second]], ..sound };
    case.read(Mode::Pipe).read(Mode::Seekable);
    case.read(Mode::Range { offset: 0, len: 1, trailer_now: None });
    for reading in &case.readings {
        expect("swapped pages", &reading.verdict, "AuthenticationFailed index");
    }
    case.named("index-pages-swapped", "index", "Two full pages of the index are exchanged.")
}
