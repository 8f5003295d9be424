//! Whole calls: what of a stream's keys is in memory when they have returned.

use std::io;

use sv2_core::{
    Backend, DecryptOptions, Driver, EncryptOptions, Geometry, InputSource, OutputSink, RunOptions,
    StreamKey, Suite, decrypt_stream_v2, encrypt_stream_v2,
};
use sv2_crypto::RootKeys;
use sv2_testkit::memory::Needle;
use sv2_testkit::paint::paint;

use crate::places;

/// Bytes of plaintext.
const LEN: usize = 2500;
/// Plaintext of a segment of four frames, and its bytes in the stream.
const SEGMENT: usize = 1024;
const WIRE: usize = 64 + 4 * (256 + 32) + 8;

/// Needles for all keys of a stream: they are derived again from its bytes, and gone when this
/// returns.
fn needles(key: &StreamKey, stream: &[u8]) -> Vec<(String, Needle)> {
    let core = stream[..48].try_into().expect("a header");
    let roots = RootKeys::derive(key, &core, &[]);
    let segments = roots.segments_key();
    let mut needles = vec![
        ("stream key".to_owned(), Needle::of(key.expose())),
        ("key of the segments".to_owned(), Needle::of(segments.expose())),
    ];
    for segment in 0..LEN.div_ceil(SEGMENT) {
        let at = 1024 + segment * WIRE;
        let keyed = stream[at..at + 56].try_into().expect("a segment header");
        let material = sv2_core::hazmat::segment_material(&segments, &keyed);
        // In halves, as AES uses it: an allocator writes into what it was given back.
        for (half, bytes) in [("first", &material[..16]), ("second", &material[16..32])] {
            let what = format!("{half} half of the key of segment {segment}");
            needles.push((what, Needle::of(bytes)));
        }
    }
    needles
}

/// Both ciphers of each library, on the caller's thread and on others: the stream's key, the key of
/// its segments and that of each segment, with which also the key that AES expands begins.
#[test]
fn after_an_encrypt_and_a_decrypt_no_key_is_in_memory() {
    let mut left = Vec::new();
    for backend in Backend::available() {
        for suite in [Suite::Aes256Gcm, Suite::ChaCha20Poly1305] {
            for driver in [Driver::Inline, Driver::Ordered] {
                let key = StreamKey::generate().expect("random bytes");
                let run = || RunOptions::automatic().threads(2).backend(*backend).driver(driver);
                let mut options = EncryptOptions::standard();
                options.geometry = Geometry::new(8, 2).expect("a legal geometry");
                (options.suite, options.run) = (suite, run());
                let plaintext = paint(LEN);
                let mut stream = Vec::new();
                let output = OutputSink::Memory(&mut stream);
                encrypt_stream_v2(InputSource::Memory(&plaintext), output, &key, &options)
                    .expect("a stream");
                let mut options = DecryptOptions::standard();
                options.run = run();
                let output = OutputSink::Writer(Box::new(io::sink()));
                decrypt_stream_v2(InputSource::Memory(&stream), output, &key, &options)
                    .expect("a sound stream");
                let needles = needles(&key, &stream);
                assert_eq!(needles[0].1.places().len(), 1, "the key itself, which still lives");
                drop(key);
                for (what, needle) in &needles {
                    // No HMAC is keyed with the key of a segment.
                    let is_segment = what.contains("half");
                    let bare = || needle.places().into_iter().map(|at| (0, at)).collect();
                    let found: Vec<_> = if is_segment { bare() } else { places(needle) };
                    for (pad, place) in found {
                        left.push(format!(
                            "{} {suite:?} {driver:?}: {what}, pad {pad:#x}, at {place:x?}",
                            backend.name()
                        ));
                    }
                }
            }
        }
    }
    assert!(left.is_empty(), "{} places\n{}", left.len(), left.join("\n"));
}
