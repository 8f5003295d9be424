//! Streams of painted bytes, and calls with one key.

use std::sync::Arc;

use sv2_core::{
    DecryptOptions, DigestAlg, EncryptOptions, Geometry, InputSource, KeySource, OutputSink,
    StreamKey, encrypt_stream_v2,
};
use sv2_testkit::paint::paint;

/// Plaintext bytes of a frame and of a segment of four frames.
pub(crate) const FRAME: usize = 256;
pub(crate) const SEGMENT: usize = 1024;
/// Wire bytes of a whole frame.
pub(crate) const FRAME_WIRE: usize = FRAME + 32;
pub(crate) const HEADER_LEN: usize = 1024;

pub(crate) fn key() -> StreamKey {
    StreamKey::from_bytes([9; 32])
}

/// A stream of `len` painted bytes.
pub(crate) fn stream(len: usize, digest: DigestAlg) -> Vec<u8> {
    let mut options = EncryptOptions::standard();
    options.geometry = Geometry::new(8, 2).expect("a legal geometry");
    options.digest = digest;
    let plaintext = paint(len);
    let mut wire = Vec::new();
    let output = OutputSink::Memory(&mut wire);
    encrypt_stream_v2(InputSource::Memory(&plaintext), output, &key(), &options).expect("a stream");
    wire
}

/// Wire bytes of a full segment.
pub(crate) fn segment_wire(digest: DigestAlg) -> usize {
    64 + 4 * FRAME_WIRE + 8 + digest.len()
}

/// Where a frame of a full segment begins.
pub(crate) fn frame_at(digest: DigestAlg, segment: usize, frame: usize) -> usize {
    HEADER_LEN + segment * segment_wire(digest) + 64 + frame * FRAME_WIRE
}

pub(crate) fn with_key<T>(call: impl FnOnce(&KeySource<'_>, &DecryptOptions) -> T) -> T {
    let key = key();
    call(&KeySource::Key(&key), &DecryptOptions::standard())
}

/// A source whose bytes can be replaced while a reader holds it.
#[derive(Clone)]
pub(crate) struct Replaceable(pub(crate) Arc<std::sync::Mutex<Vec<u8>>>);

impl sv2_core::ReadAt for Replaceable {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> std::io::Result<usize> {
        self.0.lock().expect("no panic holds it").read_at(buffer, offset)
    }

    fn len(&self) -> std::io::Result<u64> {
        sv2_core::ReadAt::len(&*self.0.lock().expect("no panic holds it"))
    }
}
