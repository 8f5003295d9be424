//! A stream of more than 4 GiB, of which only the units that some ranges need are there.

use super::base::{KEY, expect, painted_salt, sound, stream_salt};
use super::model::{Body, Mode, SparseCase, StreamCase, Vector};
use crate::reference::forge::{reseal_trailer, sealed_frame};
use crate::reference::primitives::sha256;
use crate::reference::segment::segment_header;
use crate::reference::{Layout, Params};

/// P: 65 segments of 64 MiB and five bytes, so that P, N and the index lie beyond 2^32.
const LEN: u64 = 65 * (64 << 20) + 5;

/// Frames of 4 KiB, 2^14 to a segment.
fn params() -> Params {
    Params { frame_log2: 12, frames_log2: 14, stream_salt: stream_salt(5), ..Params::tiny(1, 0, 0) }
}

/// Ranges on both sides of 2^31 and 2^32, in the plaintext and on the wire.
pub(super) fn vectors() -> Vec<Vector> {
    let layout = params().layout();
    let beyond = |wire: u64| {
        let full = layout.segment_len(layout.segment_size());
        let (segment, within) = ((wire - 256) / full, (wire - 256) % full);
        segment * layout.segment_size() + (within - 64) / (4096 + 32) * 4096
    };
    let ranges = [
        (0, 5),
        ((1 << 31) - 10, 20),
        (beyond(1 << 31), 4096),
        (beyond(1 << 32), 4096),
        ((1 << 32) - 10, 20),
        (LEN - 5, 100),
        (LEN, 1),
        (u64::MAX, 1),
    ];
    let mut wanted: Vec<u64> = Vec::new();
    for (offset, len) in ranges.into_iter().filter(|(offset, _)| *offset < LEN) {
        let end = (offset + len).min(LEN);
        wanted.extend((offset / 4096..end.div_ceil(4096)).map(|frame| frame * 4096));
    }
    wanted.sort_unstable();
    wanted.dedup();
    let (len, pieces) = pieces(&layout, &wanted);

    let mut whole = vec![0; len as usize];
    for (at, bytes) in &pieces {
        whole[*at as usize..][..bytes.len()].copy_from_slice(bytes);
    }
    let empty = sound(&params(), 0);
    let mut case = empty.with_stream(whole);
    for (offset, len) in ranges {
        case.read(Mode::Range { offset, len, trailer_now: None });
        let reading = case.readings.last().map(|reading| &reading.verdict);
        expect("a range of a sparse stream", reading.expect("it was read"), "success");
    }
    case.read(Mode::Range { offset: (1 << 32) + 8192, len: 1, trailer_now: None });
    case.read(Mode::Seekable).read(Mode::Metadata);
    let outcomes: Vec<String> =
        case.readings.iter().rev().take(3).map(|reading| reading.verdict.to_string()).collect();
    let hole = "ChecksumMismatch frame 64 2";
    assert_eq!(outcomes, ["success", "ChecksumMismatch frame 0 1", hole]);
    let case = StreamCase { stream: Vec::new(), origin: None, ..case };
    let sparse = SparseCase { case, len, plaintext_len: LEN, pieces };
    vec![Vector {
        name: "sparse-beyond-4-gib".to_owned(),
        layer: "sound",
        scenario: "Ranges of a stream of 4.1 GiB with holes where no range reads.".to_owned(),
        body: Body::Sparse(Box::new(sparse)),
    }]
}

/// The length of the stream, and header, wanted frames and tail with their offsets.
///
/// The index holds the salts of all segments and zeros for checksums, which no reader with the
/// key looks at.
fn pieces(layout: &Layout, wanted: &[u64]) -> (u64, Vec<(u64, Vec<u8>)>) {
    let params = params();
    let empty = sound(&params, 0);
    let Some(origin) = &empty.origin else { unreachable!("a sound stream has an origin") };
    let header = &origin.trace.header;
    let mut pieces = vec![(0, header.clone())];
    for &at in wanted {
        let (segment, frame) = (at / layout.segment_size(), at % layout.segment_size() / 4096);
        let p = layout.segment_plaintext_len(LEN, segment);
        let mut text = Vec::new();
        for x in at..at + layout.frame_plaintext_len(p, frame) {
            text.push((x % 251) as u8);
        }
        let (keys, salt) = (&origin.trace.keys, painted_salt(1, segment));
        let head = segment_header(segment, p as u32, &salt, &keys.commitment);
        let bytes = sealed_frame(&params, keys, &head, frame as u32, &text);
        pieces.push((layout.frame_offset(segment, frame), bytes));
    }
    let n = layout.segment_count(LEN);
    let entry = |index| [&painted_salt(1, index)[..], &[0; 8]].concat();
    let index: Vec<u8> = (0..n).flat_map(entry).collect();
    let table = sha256(&index);
    let mut trailer = origin.trace.trailer;
    trailer[24..32].copy_from_slice(&n.to_be_bytes());
    trailer[32..40].copy_from_slice(&LEN.to_be_bytes());
    trailer[40..72].copy_from_slice(&sha256(&table));
    reseal_trailer(&KEY, &empty.context, header, &mut trailer);
    pieces.push((layout.tail_offset(LEN), [&header[..], &index, &table, &trailer].concat()));
    (layout.stream_len(LEN), pieces)
}
