//! Streams to change, recipients whose slots are toys, and judgement by the reference.

use sv2_core::{
    ChangeOptions, DigestAlg, Driver, EncryptOptions, Geometry, HeaderChange, HeaderContent,
    InputSource, KeySource, MetadataChange, OutputSink, Recovery, RewrapReport, RunOptions,
    Section, StreamError, StreamKey, StreamReport, append_on, encrypt_stream_v2, recover_on,
    rewrap_on,
};
use sv2_testkit::paint::paint;
use sv2_testkit::reference::{Limits, Summary, decrypt_pipe, decrypt_seekable, scrub};

use crate::disk::Disk;

pub(crate) const KEY: [u8; 32] = [9; 32];
/// Plaintext bytes of a frame and of a segment of two frames.
pub(crate) const FRAME: usize = 256;
pub(crate) const SEGMENT: usize = 512;
/// Room for a few toy slots and little else.
pub(crate) const HEADER_LEN: usize = 320;
pub(crate) const DIGESTS: [DigestAlg; 3] = [DigestAlg::None, DigestAlg::Sha256, DigestAlg::Blake3];

/// A slot kind for private use.
const TOY: u16 = 0x8001;

pub(crate) fn key() -> StreamKey {
    StreamKey::from_bytes(KEY)
}

/// A slot that whoever knows the recipient's number can open.
pub(crate) fn slot(recipient: u8) -> Section {
    let mut bytes = vec![recipient];
    bytes.extend(KEY.map(|byte| byte ^ recipient));
    Section::slot(TOY, &bytes)
}

/// The key as one recipient finds it.
pub(crate) fn with_recipient<T>(recipient: u8, call: impl FnOnce(&KeySource<'_>) -> T) -> T {
    let open = move |slots: &[Section], fits: &mut dyn FnMut(&StreamKey) -> bool| {
        let candidates = slots.iter().filter_map(|slot| match slot.as_slot() {
            Some((TOY, [number, wrapped @ ..])) if *number == recipient => wrapped.try_into().ok(),
            _ => None,
        });
        for wrapped in candidates {
            let wrapped: [u8; 32] = wrapped;
            let key = StreamKey::from_bytes(wrapped.map(|byte| byte ^ recipient));
            if fits(&key) {
                return Ok(key);
            }
        }
        Err("no slot for this recipient".into())
    };
    call(&KeySource::Slots(&open))
}

/// A slotted stream of `len` painted bytes for recipient 1, with metadata where they fit.
pub(crate) fn stream(len: usize, digest: DigestAlg) -> Vec<u8> {
    stream_with(len, digest, None)
}

pub(crate) fn stream_with(len: usize, digest: DigestAlg, metadata: Option<&[u8]>) -> Vec<u8> {
    let mut options = EncryptOptions::standard();
    options.geometry = Geometry::new(8, 1).expect("a legal geometry");
    options.digest = digest;
    options.slots = vec![slot(1)];
    options.metadata = metadata.map(<[u8]>::to_vec);
    options.header_len = Some(HEADER_LEN as u32);
    let (plaintext, mut wire) = (paint(len), Vec::new());
    let output = OutputSink::Memory(&mut wire);
    encrypt_stream_v2(InputSource::Memory(&plaintext), output, &key(), &options).expect("a stream");
    wire
}

/// Wire bytes of a full segment.
pub(crate) fn segment_wire(digest: DigestAlg) -> usize {
    64 + 2 * (FRAME + 32) + 8 + digest.len()
}

/// What an append adds to `paint(old)`: other bytes than those.
pub(crate) fn addition(len: usize) -> Vec<u8> {
    paint(len).iter().map(|byte| byte ^ 0x5A).collect()
}

/// Options by which the same calls come in the same order each time.
pub(crate) fn inline() -> ChangeOptions {
    ChangeOptions::standard().run(RunOptions::automatic().driver(Driver::Inline))
}

pub(crate) fn append_to(disk: &Disk, plaintext: &[u8]) -> Result<StreamReport, StreamError> {
    let key = key();
    append_on(disk, InputSource::Memory(plaintext), &KeySource::Key(&key), &inline())
}

/// Settles what a change left on a disk.
pub(crate) fn settle(disk: &Disk) -> Result<Recovery, StreamError> {
    let key = key();
    recover_on(disk, &KeySource::Key(&key), &inline())
}

/// Gives a stream these recipients and keeps its metadata.
pub(crate) fn readdress(disk: &Disk, recipients: &[u8]) -> Result<RewrapReport, StreamError> {
    let change = |_: HeaderContent<'_>| {
        let slots = recipients.iter().copied().map(slot).collect();
        Ok::<_, StreamError>(HeaderChange::new(slots, MetadataChange::Keep))
    };
    with_recipient(1, |keys| rewrap_on(disk, keys, change, &inline()))
}

/// The plaintext and the summary of a stream that the reference accepts in both modes and finds
/// no damage in; `None` where it does not.
pub(crate) fn judge(stream: &[u8]) -> Option<(Vec<u8>, Summary)> {
    let seekable = decrypt_seekable(&KEY, &[], stream, &Limits::FORMAT);
    let pipe = decrypt_pipe(&KEY, &[], stream, &Limits::FORMAT);
    let summary = seekable.result.ok()?;
    let same = pipe.released == seekable.released && pipe.result.ok()? == summary;
    (same && scrub(stream) == Ok(Vec::new())).then_some((seekable.released, summary))
}
