//! Streams without an end: nothing that is done to one seals it (format.md sections 8.6 and 11).

use std::fs;
use std::path::{Path, PathBuf};

use sv2_core::{
    ChangeOptions, DecryptOptions, Existing, Gaps, HeaderChange, HeaderContent, InputSource,
    KeySource, MetadataChange, OutputSink, RunOptions, StreamError, StreamReader, Tail, append,
    decrypt_stream_with, inspect, object_checksum, recover, rewrap, salvage, scrub, verify,
};
use sv2_testkit::paint::paint;

use crate::support::{DIGESTS, HEADER_LEN, SEGMENT, key, segment_wire, slot, stream};

/// A call on the stream at a path, and whether it has to fail.
type Call = (&'static str, fn(&Path) -> Result<(), StreamError>, bool);

const CALLS: [Call; 12] = [
    ("append", |path| appended(path, b"more"), true),
    ("append of nothing", |path| appended(path, b""), true),
    ("rewrap", rewrapped, true),
    (
        "recover",
        |path| {
            let (key, options) = (key(), ChangeOptions::standard());
            recover(path, &KeySource::Key(&key), &options).map(|_| ())
        },
        false,
    ),
    ("decrypt", |path| decrypted(path, Tail::Required), true),
    ("decrypt without an end", |path| decrypted(path, Tail::MayBeMissing), false),
    (
        "ranges",
        |path| {
            with_options(|keys, options| StreamReader::open(file(path), keys, options).map(|_| ()))
        },
        true,
    ),
    ("salvage", salvaged, false),
    ("scrub", |path| scrub(file(path), &RunOptions::automatic()).map(|_| ()), false),
    (
        "verify",
        |path| with_options(|keys, options| verify(file(path), keys, options).map(|_| ())),
        true,
    ),
    ("inspect", |path| inspect(file(path)).map(|_| ()), false),
    ("checksum", |path| object_checksum(file(path)).map(|_| ()), true),
];

fn file(path: &Path) -> InputSource<'static> {
    InputSource::Path(path.to_owned())
}

fn with_options<T>(call: impl FnOnce(&KeySource<'_>, &DecryptOptions) -> T) -> T {
    let key = key();
    call(&KeySource::Key(&key), &DecryptOptions::standard())
}

fn appended(path: &Path, more: &[u8]) -> Result<(), StreamError> {
    let (key, options) = (key(), ChangeOptions::standard());
    append(path, InputSource::Memory(more), &KeySource::Key(&key), &options).map(|_| ())
}

fn rewrapped(path: &Path) -> Result<(), StreamError> {
    let change = |_: HeaderContent<'_>| {
        let slots = vec![slot(2)];
        Ok::<_, StreamError>(HeaderChange::new(slots, MetadataChange::Keep))
    };
    let key = key();
    rewrap(path, &KeySource::Key(&key), change, &ChangeOptions::standard()).map(|_| ())
}

fn output(path: &Path) -> OutputSink<'static> {
    OutputSink::Path { path: path.with_extension("out"), existing: Existing::Replace }
}

fn decrypted(path: &Path, tail: Tail) -> Result<(), StreamError> {
    let (key, options) = (key(), DecryptOptions::standard().tail(tail));
    let report = decrypt_stream_with(file(path), output(path), &KeySource::Key(&key), &options)?;
    assert!(!report.sealed && report.fingerprint.is_none(), "F-826: it says so");
    Ok(())
}

fn salvaged(path: &Path) -> Result<(), StreamError> {
    let report =
        with_options(|keys, options| salvage(file(path), output(path), keys, options, Gaps::Zero))?;
    assert!(!report.sealed, "it says so");
    Ok(())
}

/// Whether some file in the folder is a sealed stream.
fn holds_a_sealed_stream(folder: &Path) -> bool {
    let paths = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("a file").path());
    let sealed = |path: PathBuf| inspect(file(&path)).is_ok_and(|found| found.trailer.is_some());
    paths.into_iter().any(sealed)
}

// F-827, F-826, F-1112
#[test]
fn whatever_is_done_to_an_unsealed_stream_leaves_it_unsealed_and_as_it_is() {
    for digest in DIGESTS {
        let whole = stream(3 * SEGMENT, digest);
        let segments_end = HEADER_LEN + 3 * segment_wire(digest);
        for len in [segments_end, segments_end - 100, whole.len() - 1] {
            let unsealed = &whole[..len];
            for (what, call, fails) in CALLS {
                let folder = tempfile::tempdir().expect("a temporary folder");
                let path = folder.path().join("stream.sv2");
                fs::write(&path, unsealed).expect("a small file");
                let result = call(&path);
                if fails {
                    let error = result.expect_err(what);
                    let is_unsealed = matches!(error, StreamError::Unsealed { .. });
                    assert!(is_unsealed, "{what} of {len} bytes: {error}");
                } else {
                    result.expect(what);
                }
                assert_eq!(fs::read(&path).expect("a file"), unsealed, "{what}");
                assert!(!holds_a_sealed_stream(folder.path()), "{what}");
                let beside = path.with_extension("sv2.sv2-change");
                assert!(!beside.exists(), "{what} leaves no record");
                if what == "decrypt without an end" {
                    let plaintext = fs::read(path.with_extension("out")).expect("a file");
                    let kept = if len < segments_end { 2 } else { 3 };
                    assert!(plaintext == paint(kept * SEGMENT), "whole segments");
                }
            }
        }
    }
}
