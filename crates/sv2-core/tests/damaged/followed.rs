//! Sealed streams that something follows (format.md section 8.9).

use sv2_core::{
    DecryptOptions, DigestAlg, InputSource, KeySource, OutputSink, RunOptions, StreamError,
    StreamReader, Tail, Unit, decrypt_stream_with, scrub, scrub_followed, trailing, verify,
};
use sv2_testkit::mutate;
use sv2_testkit::paint::paint;

use crate::support::{FRAME, HEADER_LEN, SEGMENT, frame_at, key, segment_wire, stream};

const DIGEST: DigestAlg = DigestAlg::None;

/// What may stand behind a stream, by what it is.
fn followers() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("a newline", b"\n".to_vec()),
        ("padding of a tape", vec![0; 10_240]),
        ("the rest of a device", vec![0; 3 << 20]),
        ("text", b"-----END-----".to_vec()),
        ("another stream", stream(700, DIGEST)),
        ("bytes of erased flash", vec![0xFF; 5000]),
    ]
}

fn options() -> DecryptOptions {
    let mut options = DecryptOptions::standard();
    options.tail = Tail::MayBeFollowed;
    options
}

fn decrypted(input: InputSource<'_>) -> Result<Vec<u8>, StreamError> {
    let key = key();
    let mut out = Vec::new();
    let output = OutputSink::Memory(&mut out);
    decrypt_stream_with(input, output, &KeySource::Key(&key), &options())?;
    Ok(out)
}

/// F-839, F-840: the end is found, the seal is checked, and what follows is left alone.
#[test]
fn a_stream_that_something_follows_is_read_up_to_its_end() {
    for len in [0, 1, FRAME, SEGMENT, 3 * SEGMENT, 7 * SEGMENT + FRAME + 9] {
        let wire = stream(len, DIGEST);
        assert!(trailing(InputSource::Memory(&wire)).expect("it is read").is_none(), "{len}");
        for (what, bytes) in followers() {
            let file = [&wire[..], &bytes].concat();
            let found = trailing(InputSource::Memory(&file)).expect("it is read");
            let found = found.unwrap_or_else(|| panic!("{len}, {what}: nothing was found"));
            assert_eq!((found.offset, found.len), (wire.len() as u64, bytes.len() as u64));
            assert_eq!(found.zeros, bytes.iter().all(|byte| *byte == 0), "{what}");

            let plaintext = paint(len);
            assert_eq!(decrypted(InputSource::Memory(&file)).expect("sealed"), plaintext);
            let pipe = InputSource::Reader(Box::new(&file[..]));
            assert_eq!(decrypted(pipe).expect("sealed"), plaintext, "{len}, {what}");

            let run = RunOptions::automatic();
            let map = scrub(InputSource::Memory(&file), &run).expect("it is read");
            assert!(map.trailing == Some(found) && !map.is_undamaged(), "{what}");
            assert!(map.damages.iter().all(|damage| damage.unit == Unit::Trailer), "{what}");
            let map = scrub_followed(InputSource::Memory(&file), &run).expect("it is read");
            assert!(map.is_undamaged() && map.trailing == Some(found), "{:?}", map.damages);
            let key = key();
            let keys = KeySource::Key(&key);
            let map = verify(InputSource::Memory(&file), &keys, &options()).expect("sealed");
            assert!(map.is_undamaged() && map.authenticated && map.trailing == Some(found));

            let reader = StreamReader::open(InputSource::Memory(&file), &keys, &options());
            let mut out = vec![0; len];
            let read = reader.expect("sealed").read_at(&mut out, 0).expect("a range");
            assert!((read, &out) == (len, &plaintext), "{len}, {what}");
        }
    }
}

/// F-839: without the request it is refused, from a file and from a pipe.
#[test]
fn what_follows_is_refused_without_the_request() {
    let file = [&stream(3 * SEGMENT, DIGEST)[..], b"\n"].concat();
    let key = key();
    let keys = KeySource::Key(&key);
    let read = |input| {
        let output = OutputSink::Writer(Box::new(std::io::sink()));
        decrypt_stream_with(input, output, &keys, &DecryptOptions::standard()).map(drop)
    };
    assert!(matches!(read(InputSource::Memory(&file)), Err(StreamError::Unsealed { .. })));
    let pipe = InputSource::Reader(Box::new(&file[..]));
    assert!(matches!(read(pipe), Err(StreamError::TrailingData { .. })));
}

/// F-840: the end that is found is a claim, and the seal there decides.
#[test]
fn an_end_that_is_not_sealed_is_refused() {
    let wire = stream(3 * SEGMENT, DIGEST);
    let mut shorter = stream(2 * SEGMENT, DIGEST);
    // A tail of another stream behind two segments of this one, and padding.
    shorter[..HEADER_LEN + 2 * segment_wire(DIGEST)]
        .copy_from_slice(&wire[..HEADER_LEN + 2 * segment_wire(DIGEST)]);
    let file = [&shorter[..], &[0; 600]].concat();
    assert!(decrypted(InputSource::Memory(&file)).is_err());
    // A flipped frame is found in this mode as in any other.
    let damaged = mutate::flip(&wire, frame_at(DIGEST, 1, 1) + 30, 1);
    let file = [&damaged[..], &[0; 600]].concat();
    let refused = decrypted(InputSource::Memory(&file));
    assert!(matches!(refused, Err(StreamError::ChecksumMismatch { .. })), "{refused:?}");
}

/// F-839: some damaged segment headers do not hide the end, and where all do, a trailer near the
/// end of the source is found by its lengths.
#[test]
fn damaged_segment_headers_do_not_hide_the_end() {
    let wire = stream(9 * SEGMENT, DIGEST);
    let header = |segment: usize| HEADER_LEN + segment * segment_wire(DIGEST);
    let cases: [&[usize]; 5] = [&[0], &[3], &[0, 1, 2], &[8], &[0, 1, 2, 3, 4, 5, 6, 7, 8]];
    for segments in cases {
        let mut damaged = wire.clone();
        segments.iter().for_each(|&segment| damaged[header(segment) + 30] ^= 1);
        let file = [&damaged[..], &[0; 5000]].concat();
        let found = trailing(InputSource::Memory(&file)).expect("it is read").expect("an end");
        assert_eq!(found.offset, wire.len() as u64, "{segments:?}");
        assert_eq!(decrypted(InputSource::Memory(&file)).expect("sealed"), paint(9 * SEGMENT));
    }
    let cut = &wire[..header(5) + 100];
    for rest in [&b""[..], &[0; 500]] {
        let file = [cut, rest].concat();
        assert!(trailing(InputSource::Memory(&file)).expect("it is read").is_none());
    }
}
