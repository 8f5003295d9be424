//! From plaintext to the bytes of an object (format.md sections 5 to 7).

use bytes::Bytes;
use sv2_core::{RandomSource, fastest_backend};
use sv2_framing::SegmentLayout;
use sv2_stream::{FormatError, NewHeader, Receipt, StreamSealer};

use crate::backlog::Backlog;
use crate::{KeyProvider, ObjectError, ObjectFault, StoreOptions};

/// A new object: its key, its header.
pub(crate) fn begin(
    path: &str,
    keys: &dyn KeyProvider,
    options: &StoreOptions,
) -> Result<StreamSealer, ObjectError> {
    let new =
        keys.new_key(path).map_err(|error| ObjectError::new(path, ObjectFault::Key(error)))?;
    let header = NewHeader {
        suite: options.suite,
        digest: options.digest,
        geometry: options.geometry,
        context: &options.context,
        slots: &new.slots,
        metadata: None,
        header_len: options.header_len,
    };
    let backend = fastest_backend(options.suite);
    StreamSealer::begin(&new.key, &header, &RandomSource::System, backend)
        .map_err(|error| ObjectError::stream(path, error))
}

/// Segments that follow one another, sealed, and what the tail needs of them.
pub(crate) type Sealed = (Vec<Bytes>, Vec<Receipt>);

/// Seals all of `plaintext` from segment `first` on.
pub(crate) fn seal(
    sealer: &StreamSealer,
    first: u64,
    plaintext: Vec<Bytes>,
) -> Result<Sealed, FormatError> {
    let mut left = Backlog::default();
    plaintext.into_iter().for_each(|chunk| left.push(chunk));
    let (geometry, digest) = (sealer.layout().geometry, sealer.layout().digest);
    let (mut wire, mut receipts) = (Vec::new(), Vec::new());
    for number in first.. {
        let chunks = left.take(geometry.segment_size());
        if chunks.is_empty() {
            break;
        }
        let len: u64 = chunks.iter().map(|chunk| chunk.len() as u64).sum();
        let layout = SegmentLayout::new(geometry, digest, len)
            .ok_or(FormatError::Misuse("no segment has so many bytes"))?;
        let mut segment = vec![0; layout.wire_len()];
        fill(layout, &chunks, &mut segment);
        receipts.push(sealer.seal_in_place(number, layout.plaintext_len(), &mut segment)?);
        wire.push(Bytes::from(segment));
    }
    Ok((wire, receipts))
}

/// Puts plaintext into the slots of its frames.
fn fill(layout: SegmentLayout, chunks: &[Bytes], segment: &mut [u8]) {
    let mut chunks = chunks.iter();
    let mut chunk: &[u8] = &[];
    for slot in layout.plaintext_slots() {
        let mut slot = &mut segment[slot];
        while !slot.is_empty() {
            while chunk.is_empty() {
                let Some(next) = chunks.next() else { return };
                chunk = next;
            }
            let count = slot.len().min(chunk.len());
            slot[..count].copy_from_slice(&chunk[..count]);
            (slot, chunk) = (&mut slot[count..], &chunk[count..]);
        }
    }
}

/// A whole object.
pub(crate) fn whole(
    path: &str,
    keys: &dyn KeyProvider,
    options: &StoreOptions,
    plaintext: Vec<Bytes>,
) -> Result<Vec<Bytes>, ObjectError> {
    let sealer = begin(path, keys, options)?;
    let refused = |error| ObjectError::stream(path, error);
    let (segments, receipts) = seal(&sealer, 0, plaintext).map_err(refused)?;
    let (tail, _) = sealer.finish(receipts).map_err(refused)?;
    let mut object = vec![Bytes::copy_from_slice(sealer.header())];
    object.extend(segments);
    object.push(Bytes::from(tail));
    Ok(object)
}
