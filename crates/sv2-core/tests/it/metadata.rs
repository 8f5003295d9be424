//! Which of two headers the metadata of a stream are taken from (format.md section 3.4).

use sv2_core::{
    ErrorKind, InputSource, KeySource, OutputSink, StreamError, Unit, encrypt_stream_v2,
    read_metadata,
};
use sv2_testkit::mutate::{find, insert, regions};
use sv2_testkit::reference::Params;
use sv2_testkit::reference::forge::{refresh_crc, reseal_header};

use crate::harness::{KEY, encrypt_options, key, stream};

const HEADER_LEN: usize = 320;
const FRONT: &str = r#"{"name":"front"}"#;
const COPY: &str = r#"{"name":"copy"}"#;

/// A stream whose front header holds other metadata than its copy, which has a higher revision
/// where `revision` is one, as a header rewrite leaves it that was cut off.
fn half_rewritten(revision: u8) -> Vec<u8> {
    let params = |text: &str| Params {
        metadata: Some((text.as_bytes().to_vec(), [4; 24])),
        header_len: HEADER_LEN as u32,
        ..Params::tiny(1, 0, 0)
    };
    let mut wire = stream(&params(FRONT), 700);
    let other = stream(&params(COPY), 0);
    let copy = copy_at(&wire);
    let header = &mut wire[copy..copy + HEADER_LEN];
    header.copy_from_slice(&other[..HEADER_LEN]);
    header[95] = revision;
    reseal_header(&KEY, b"", header);
    wire
}

fn copy_at(wire: &[u8]) -> usize {
    find(&regions(wire), "copy.magic", None, None).start
}

fn read(input: InputSource<'_>) -> Result<Option<String>, StreamError> {
    let found = read_metadata(input, &KeySource::Key(&key()), b"")?;
    Ok(found.map(|text| String::from_utf8_lossy(&text).trim_end_matches(' ').to_owned()))
}

fn sought(wire: &[u8]) -> Result<Option<String>, StreamError> {
    read(InputSource::Memory(wire))
}

fn piped(wire: &[u8]) -> Result<Option<String>, StreamError> {
    read(InputSource::Reader(Box::new(wire)))
}

/// F-339, F-340: where headers differ, a seekable source gives those of the header that opens the
/// stream, and a pipe those of the front.
#[test]
fn metadata_are_those_of_the_header_that_opens_the_stream() {
    for (revision, chosen) in [(0, FRONT), (1, COPY)] {
        let wire = half_rewritten(revision);
        assert_eq!(sought(&wire).expect("a sound seal").as_deref(), Some(chosen));
        assert_eq!(piped(&wire).expect("a sound front").as_deref(), Some(FRONT));
        let mut damaged = wire.clone();
        damaged[100] ^= 1;
        assert_eq!(sought(&damaged).expect("a sound copy").as_deref(), Some(COPY));
        let refused = piped(&damaged);
        let front =
            matches!(refused, Err(StreamError::ChecksumMismatch { unit: Unit::Header, .. }));
        assert!(front, "{refused:?}");
    }
}

/// F-339: lengths and seal must hold, and page table and pages are not asked.
#[test]
fn metadata_need_the_seal_and_the_length_but_no_index() {
    let wire = half_rewritten(1);
    let regions = regions(&wire);
    let mut without_index = wire.clone();
    without_index[copy_at(&wire) + HEADER_LEN..wire.len() - 128].fill(0xEE);
    assert_eq!(sought(&without_index).expect("a sound seal").as_deref(), Some(COPY));

    let trailer = wire.len() - 128;
    let mut unsealed = wire.clone();
    unsealed[trailer + 100] ^= 1;
    refresh_crc(&mut unsealed[trailer..]);
    let refused = sought(&unsealed);
    let seal = matches!(refused, Err(StreamError::AuthenticationFailed { unit: Unit::Seal, .. }));
    assert!(seal, "{refused:?}");

    let first = find(&regions, "footer.crc", Some(0), None).end;
    let longer = insert(&wire, first, &[0; 64]);
    let refused = sought(&longer);
    let length = matches!(refused, Err(StreamError::Malformed { unit: Unit::Trailer, .. }));
    assert!(length, "{refused:?}");
}

/// F-340: without a trailer there is no copy that anybody could find.
#[test]
fn an_unsealed_stream_has_the_metadata_of_its_front_header() {
    let wire = half_rewritten(1);
    for len in [wire.len() - 1, copy_at(&wire) + HEADER_LEN, HEADER_LEN] {
        let unsealed = &wire[..len];
        assert_eq!(sought(unsealed).expect("a sound front").as_deref(), Some(FRONT), "{len}");
        assert_eq!(piped(unsealed).expect("a sound front").as_deref(), Some(FRONT), "{len}");
        let mut damaged = unsealed.to_vec();
        damaged[100] ^= 1;
        for refused in [sought(&damaged), piped(&damaged)] {
            let front = Unit::Header;
            let is_front =
                matches!(refused, Err(StreamError::ChecksumMismatch { unit, .. }) if unit == front);
            assert!(is_front, "{len}: {refused:?}");
        }
    }
}

/// F-341: what no reader would take is not sealed.
#[test]
fn metadata_that_readers_refuse_are_not_written() {
    let written = |text: &[u8]| {
        let mut options = encrypt_options(&Params::tiny(1, 0, 0));
        options.header_len = Some(1024);
        options.metadata = Some(text.to_vec());
        let mut wire = Vec::new();
        let output = OutputSink::Memory(&mut wire);
        let result = encrypt_stream_v2(InputSource::Memory(b"text"), output, &key(), &options);
        result.map(|_| sought(&wire)).map_err(|error| error.kind())
    };
    let sound = br#"{"name":"a"}"#;
    assert!(matches!(written(sound), Ok(Ok(Some(text))) if text.as_bytes() == sound));
    for text in [
        &b"[]"[..],
        b"",
        b"{\"name\":\"\xff\"}",
        "\u{feff}{}".as_bytes(),
        br#"{"name":"a","name":"a"}"#,
        br#"{"name":"../a"}"#,
        br#"{"user":{"a":"\ud800"}}"#,
    ] {
        assert!(matches!(written(text), Err(ErrorKind::Malformed)), "{text:?}");
    }
}
