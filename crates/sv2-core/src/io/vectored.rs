//! Vectored reads and writes between a stream of plaintext and the plaintext slots of a segment
//! buffer: the payload is not copied in user space.

use std::io::{self, IoSlice, IoSliceMut};

use sv2_framing::{FRAME_HEADER_LEN, FRAME_OVERHEAD, SEGMENT_HEADER_LEN, SegmentLayout};

/// Slots that one call moves; 4 MiB of 64 KiB frames.
const BATCH: usize = 64;

/// Fills the plaintext slots of `wire` by calling `read` with buffers and the number of bytes
/// that were read before, until all are full or `read` returns 0; returns the bytes read.
///
/// `wire` has at least the layout's length.
pub(crate) fn read_slots(
    wire: &mut [u8],
    layout: SegmentLayout,
    mut read: impl FnMut(&mut [IoSliceMut<'_>], u64) -> io::Result<usize>,
) -> io::Result<usize> {
    let total = layout.plaintext_len() as usize;
    let mut done = 0;
    while done < total {
        let mut batch: [IoSliceMut<'_>; BATCH] = std::array::from_fn(|_| IoSliceMut::new(&mut []));
        let body = &mut wire[SEGMENT_HEADER_LEN..layout.body_len()];
        let (first, inside) = place(layout, done);
        let mut used = 0;
        for (slot, record) in batch.iter_mut().zip(records_mut(body, layout).skip(first)) {
            let end = record.len() - (FRAME_OVERHEAD - FRAME_HEADER_LEN);
            let start = FRAME_HEADER_LEN + if used == 0 { inside } else { 0 };
            *slot = IoSliceMut::new(&mut record[start..end]);
            used += 1;
        }
        match read(&mut batch[..used], done as u64) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// Writes the plaintext slots of `wire` by calling `write` with buffers and the number of bytes
/// that were written before, until all are written.
pub(crate) fn write_slots(
    wire: &[u8],
    layout: SegmentLayout,
    mut write: impl FnMut(&[IoSlice<'_>], u64) -> io::Result<usize>,
) -> io::Result<()> {
    let total = layout.plaintext_len() as usize;
    let mut done = 0;
    while done < total {
        let mut batch: [IoSlice<'_>; BATCH] = [IoSlice::new(&[]); BATCH];
        let (first, inside) = place(layout, done);
        let mut used = 0;
        for (part, slot) in batch.iter_mut().zip(layout.plaintext_slots().skip(first)) {
            let start = slot.start + if used == 0 { inside } else { 0 };
            *part = IoSlice::new(&wire[start..slot.end]);
            used += 1;
        }
        match write(&batch[..used], done as u64) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The slot that a plaintext offset lies in, and how far into it.
fn place(layout: SegmentLayout, offset: usize) -> (usize, usize) {
    let frame_size = layout.frame_size() as usize;
    (offset / frame_size, offset % frame_size)
}

/// The frames of a segment's body, one after the other.
fn records_mut(body: &mut [u8], layout: SegmentLayout) -> impl Iterator<Item = &mut [u8]> {
    body.chunks_mut(layout.frame_size() as usize + FRAME_OVERHEAD)
}
