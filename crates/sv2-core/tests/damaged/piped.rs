//! A scrub of a pipe beside one of the same bytes as a file (format.md section 8.7).

use std::io::Read;
use std::iter;

use sv2_core::{
    Cancellation, DamageMap, DigestAlg, InputSource, Pool, RunOptions, StreamError, Tail, scrub,
    scrub_followed, scrub_pipe,
};

use crate::support::{HEADER_LEN, frame_at, segment_wire, stream};

/// Bytes that come a few at a time.
struct Trickle<'b>(&'b [u8], usize);

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let len = buffer.len().min(self.1);
        self.0.read(&mut buffer[..len])
    }
}

fn piped(bytes: &[u8], tail: Tail) -> Result<DamageMap, StreamError> {
    let input = InputSource::Reader(Box::new(Trickle(bytes, 777)));
    scrub_pipe(input, tail, &RunOptions::automatic())
}

/// What is compared: everything but how long it took, and entries in the order of their places.
fn said(map: &DamageMap) -> String {
    let mut map = map.clone();
    map.wall = std::time::Duration::ZERO;
    map.damages.sort_by_key(|damage| (damage.offset, damage.len));
    format!("{map:?}")
}

/// Streams of no, one, several and a whole number of segments.
fn streams() -> Vec<Vec<u8>> {
    [
        (0, DigestAlg::None),
        (300, DigestAlg::None),
        (2048, DigestAlg::Sha256),
        (2700, DigestAlg::None),
    ]
    .map(|(len, digest)| stream(len, digest))
    .to_vec()
}

/// F-828: whichever byte rots, a pipe says what a file says, but where the front header is what is
/// damaged so that it cannot be read: its copy comes last.
#[test]
fn a_pipe_with_a_flipped_byte_says_what_a_file_says() {
    let mut refused = 0;
    for wire in streams() {
        for at in 0..wire.len() {
            let mut bad = wire.clone();
            bad[at] ^= 0x10;
            let file = scrub(InputSource::Memory(&bad), &RunOptions::automatic()).expect("read");
            match piped(&bad, Tail::Required) {
                Ok(map) if map.unsearched == 0 => assert_eq!(said(&map), said(&file), "byte {at}"),
                // Sizes in the header, which place all that follows; and lengths in the trailer.
                Ok(map) => {
                    let from_end = wire.len() - at;
                    assert!((8..88).contains(&at) || from_end <= 128, "byte {at}: {map:?}");
                    assert!(!map.is_undamaged() && map.unsearched <= map.stream_len);
                }
                Err(_) => {
                    refused += 1;
                    assert!(at < 96, "byte {at}");
                }
            }
        }
    }
    assert!(refused > 0);
}

/// A cut stream is not sealed, and what is not known of it is said.
#[test]
fn a_pipe_that_is_cut_says_that_it_is_not_sealed() {
    for wire in streams() {
        let whole = piped(&wire, Tail::Required).expect("a stream");
        assert!(whole.is_undamaged() && whole.sealed && whole.by_place, "{whole:?}");
        for len in 0..wire.len() {
            let cut = &wire[..len];
            match piped(cut, Tail::Required) {
                Ok(map) => {
                    assert!(!map.sealed && !map.by_place && !map.is_undamaged(), "{len}: {map:?}");
                    let file = scrub(InputSource::Memory(cut), &RunOptions::automatic());
                    let file = file.expect("the header is there");
                    assert!(!file.sealed && map.plaintext_len <= file.plaintext_len, "{len}");
                }
                Err(error) => assert!(
                    matches!(error, StreamError::NotAStream | StreamError::Unsealed { .. }),
                    "{len}: {error:?}"
                ),
            }
        }
    }
}

/// F-839, F-840: what follows the end is told, and left alone where that was asked.
#[test]
fn a_pipe_says_what_follows_a_stream_as_a_file_does() {
    let run = RunOptions::automatic();
    for wire in streams() {
        for tail in [&[0][..], b"\n", &[0; 5000], &[7; 3000], &streams()[1]] {
            let file = [&wire[..], tail].concat();
            let map = piped(&file, Tail::Required).expect("a stream");
            assert_eq!(said(&map), said(&scrub(InputSource::Memory(&file), &run).expect("read")));
            let map = piped(&file, Tail::MayBeFollowed).expect("a stream");
            let of_file = scrub_followed(InputSource::Memory(&file), &run).expect("read");
            assert_eq!(said(&map), said(&of_file));
            assert!(map.is_undamaged() && map.trailing.is_some());
        }
        let map = piped(&wire, Tail::MayBeFollowed).expect("a stream");
        assert!(map.is_undamaged() && map.trailing.is_none());
    }
}

/// Bytes that came in or are missing move what follows, and a pipe does not claim to know it.
#[test]
fn a_pipe_whose_parts_moved_says_of_how_much_nothing_is_known() {
    let wire = stream(2700, DigestAlg::None);
    let run = RunOptions::automatic();
    let (first, rest) = wire.split_at(2500);
    for bad in [[first, &rest[1..]].concat(), [first, b"more", rest].concat()] {
        let file = scrub(InputSource::Memory(&bad), &run).expect("read");
        let map = piped(&bad, Tail::Required).expect("read");
        assert_eq!((map.by_place, map.sealed), (false, file.sealed));
        assert!(map.unsearched > 0 && map.unsearched < bad.len() as u64, "{map:?}");
        assert!(!map.end_is_known && !map.is_undamaged());
    }
}

/// F-828: what the index says differently of a segment is told where that segment is, so that it joins
/// what is damaged in front of it, although a pipe learns it last.
#[test]
fn what_the_index_of_a_pipe_says_differently_stands_at_its_segment() {
    let digest = DigestAlg::None;
    let mut wire = stream(3072, digest);
    // The last frame of the first segment, which its footer touches, and one of the second.
    wire[frame_at(digest, 0, 3) + 20] ^= 1;
    wire[frame_at(digest, 1, 1) + 20] ^= 1;
    let mut joined = 0;
    for at in HEADER_LEN + 3 * segment_wire(digest)..wire.len() {
        let mut bad = wire.clone();
        bad[at] ^= 0x10;
        let map = piped(&bad, Tail::Required).expect("read");
        if map.unsearched == 0 {
            let file = scrub(InputSource::Memory(&bad), &RunOptions::automatic()).expect("read");
            let entries = |map: &DamageMap| format!("{:?}", map.damages);
            assert_eq!((said(&map), entries(&map)), (said(&file), entries(&file)), "byte {at}");
            joined += usize::from(map.damages.iter().any(|damage| damage.units == 2));
        }
    }
    assert!(joined > 0);
}

/// F-828: a sound segment of another stream is one that is damaged, also where it is the first one;
/// and a front header of another stream is one, also where it is all that is.
#[test]
fn a_segment_or_a_header_of_another_stream_costs_a_pipe_nothing_else() {
    for (len, digest) in
        [(1024, DigestAlg::None), (2048, DigestAlg::Sha256), (2700, DigestAlg::None)]
    {
        let (wire, other) = (stream(len, digest), stream(len, digest));
        let full = segment_wire(digest);
        let segment = |at: usize| HEADER_LEN + at * full..HEADER_LEN + (at + 1) * full;
        for place in (0..len / 1024).map(segment).chain(iter::once(0..HEADER_LEN)) {
            let mut bad = wire.clone();
            bad[place.clone()].copy_from_slice(&other[place.clone()]);
            let map = piped(&bad, Tail::Required).expect("read");
            let file = scrub(InputSource::Memory(&bad), &RunOptions::automatic()).expect("read");
            // A stream of one segment has nothing beside it but the header copy.
            assert_eq!(said(&map), said(&file), "{len}, {place:?}");
            assert!(map.by_place && !map.is_undamaged() && map.unsearched == 0, "{map:?}");
        }
    }
}

/// A scrub of a pipe takes of a pool what it holds, and gives it back.
#[test]
fn a_scrub_of_a_pipe_takes_the_memory_of_a_segment_of_a_pool() {
    let wire = stream(2700, DigestAlg::None);
    let full = segment_wire(DigestAlg::None) as u64;
    let scrubbed = |run: &RunOptions| {
        scrub_pipe(InputSource::Reader(Box::new(&wire[..])), Tail::Required, run)
    };
    let run = RunOptions::automatic().pool(&Pool::new(0, full));
    for _ in 0..2 {
        assert!(scrubbed(&run).is_ok_and(|map| map.is_undamaged()));
    }
    let run = RunOptions::automatic().pool(&Pool::new(0, full - 1));
    assert!(matches!(scrubbed(&run), Err(StreamError::Limit { .. })));
}

#[test]
fn a_scrub_of_a_pipe_ends_where_it_is_cancelled() {
    let wire = stream(2700, DigestAlg::None);
    let cancel = Cancellation::new();
    cancel.cancel();
    let mut run = RunOptions::automatic();
    run.cancel = cancel;
    let input = InputSource::Reader(Box::new(&wire[..]));
    let ended = scrub_pipe(input, Tail::Required, &run);
    assert!(matches!(ended, Err(StreamError::Cancelled { .. })));
}
