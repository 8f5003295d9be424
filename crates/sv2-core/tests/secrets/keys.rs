//! Key types: their bytes are in memory while they live, and nowhere afterwards.

use sv2_crypto::{RootKeys, StreamKey};

use sv2_testkit::memory::Needle;

use crate::places;

fn assert_gone(what: &str, needle: &Needle) {
    let places = places(needle);
    assert!(places.is_empty(), "{what} is still there, by pad and address: {places:x?}");
}

/// Neither where the key was before it was moved nor where it was dropped.
#[test]
fn a_stream_key_is_gone_when_it_is_dropped() {
    let key = StreamKey::generate().expect("random bytes");
    let needle = Needle::of(key.expose());
    assert_eq!(needle.places().len(), 1, "{:x?}", needle.places());
    let moved = Some(key);
    assert_eq!(
        needle.places().len(),
        1,
        "a copy is left where the key was: {:x?}",
        needle.places()
    );
    drop(moved);
    assert_gone("the stream key", &needle);
}

#[test]
fn derived_keys_are_gone_when_they_are_dropped() {
    let key = StreamKey::generate().expect("random bytes");
    let roots = RootKeys::derive(&key, &[7; 48], b"tenant");
    let segments = roots.segments_key();
    let material = sv2_core::hazmat::segment_material(&segments, &[5; 56]);
    let needles = [
        ("the stream key", Needle::of(key.expose())),
        ("the key of the segments", Needle::of(segments.expose())),
        ("the key of a segment", Needle::of(&material[..32])),
    ];
    let _ = (roots.header_key().sign(&[b"a"]), roots.seal_key().sign(&[b"b"]));
    for (what, needle) in &needles {
        assert!(!needle.places().is_empty(), "{what} is found while it lives");
    }
    drop((material, segments, roots, key));
    for (what, needle) in &needles {
        assert_gone(what, needle);
    }
}

/// Nothing of a key is in what is printed of it.
#[test]
fn keys_are_printed_as_their_names() {
    let key = StreamKey::from_bytes([0xAB; 32]);
    let roots = RootKeys::derive(&key, &[7; 48], b"");
    let shown = format!("{key:?} {roots:?} {:?} {:?}", roots.segments_key(), roots.seal_key());
    assert_eq!(shown, "StreamKey(..) RootKeys(..) SegmentsKey(..) MacKey(..)");
}
