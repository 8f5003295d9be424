//! What of a damaged stream follows from the rest of it, without a key and without parity
//! (format.md section 8.10).
//!
//! Everything here is judged by checksums and hashes alone, so nothing is authenticated by it, and
//! nothing is put back of which two versions are there that both agree with themselves.

mod headers;
mod index;
mod segment;
mod trailer;

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use sv2_headers::checksum;

use crate::damage::DamageMap;
use crate::end::find_trailing;
use crate::extents::Holes;
use crate::inspect::look;
use crate::io::{PositionedInput, ReadAt};
use crate::mend::index::Entries;
use crate::scrub::{positioned, scrub_whole};
use crate::{InputSource, RunOptions, StreamError, Trailing, Unit};

/// Bytes of a source for each that was ever written, beyond which nothing is looked for: what
/// follows from the rest of a stream is not in a file that is holes.
const SPARSE: u64 = 16;
/// Bytes up to which a source is looked at whatever was written of it.
const SMALL: u64 = 4 << 20;

/// Bytes that are put back at a time; what is beyond, a later call finds.
const MOST: usize = 64 << 20;

/// Bytes of a stream that follow from other bytes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mend {
    /// The unit that they are, or that they are a part of.
    pub unit: Unit,
    /// Where they belong, in bytes from the start of the stream.
    pub offset: u64,
    /// What belongs there.
    pub bytes: Vec<u8>,
}

/// What can be put back of a stream, and what stands behind its end.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mends {
    /// What can be put back, each on its own and in any order.
    pub list: Vec<Mend>,
    /// What follows the sealed end; [`Mends::write`] cuts it off where it is asked to.
    pub trailing: Option<Trailing>,
    /// Whether there may be more to put back when these are there.
    pub is_partial: bool,
}

/// Looks for what can be put back of a stream in which `map` lists the damage.
///
/// `map` is what [`crate::scrub`] or [`crate::verify`] found in this stream; where it could not
/// look at everything by its place, the stream is scrubbed here as far as that helps. The front
/// header follows from its copy and the copy from it (F-841), an entry of the index from its
/// segment (F-842), the header and the footer of a segment from its entry (F-843), and the trailer
/// from the length of the stream, its header and the page table (F-844). Reads what is damaged once
/// more, and no other segment; in a sparse file of more than 16 times what was ever written of it
/// nothing is looked for.
///
/// # Errors
/// As [`crate::scrub`].
pub fn find_mends(
    input: InputSource<'_>,
    map: &DamageMap,
    run: &RunOptions,
) -> Result<Mends, StreamError> {
    let whole = positioned(input)?;
    let trailing = find_trailing(&whole)?;
    let cut = trailing.map(|trailing| whole.start(trailing.offset));
    let source = cut.as_ref().unwrap_or(&whole);
    let mut found = Found { list: Vec::new(), len: 0 };
    if source.len() > Holes::of(source).data_len().saturating_mul(SPARSE).saturating_add(SMALL) {
        return Ok(found.finish(trailing));
    }
    let mut seen = look(source)?;
    let is_sound = seen.trailer.as_ref().is_some_and(|trailer| checksum::holds(&trailer.bytes));
    let rebuilt = match is_sound {
        true => None,
        false => trailer::rebuilt(source, &seen)?,
    };
    let patched =
        rebuilt.as_ref().map(|mend| Patched::of(source, std::slice::from_ref(mend), source.len()));
    if let (Some(patched), Some(mend)) = (&patched, &rebuilt) {
        found.push(mend.clone());
        seen = look(patched)?;
    } else if !is_sound {
        return Ok(found.finish(trailing));
    }
    let source = patched.as_ref().unwrap_or(source);
    // What everything follows from has to be whole itself.
    let Some(trailer) = seen.fitting().filter(|_| seen.header_is_sound()) else {
        return Ok(found.finish(trailing));
    };
    let own = match map.by_place && patched.is_none() {
        true => None,
        false => Some(scrub_whole(source, run)?),
    };
    let map = own.as_ref().unwrap_or(map);

    if let Some(mend) = headers::mend(source, &seen, trailer)? {
        found.push(mend);
    }
    let damaged = damaged_segments(map);
    let segments = segment::Segments::new(source, &seen.layout, &seen.header, trailer);
    let entries = if map.entries().any(|damage| damage.unit == Unit::Index) {
        index::mend(&segments, trailer, &damaged, &mut found)?
    } else {
        Entries::AsStored
    };
    for &number in &damaged {
        if run.cancel.is_cancelled() {
            return Err(StreamError::Cancelled { segment: 0 });
        }
        if found.is_full() {
            break;
        }
        if let Some(entry) = entries.entry(&segments, number)? {
            segments.mend(number, &entry, &mut found)?;
        }
    }
    Ok(found.finish(trailing))
}

impl Mend {
    /// Where they end.
    fn end(&self) -> u64 {
        self.offset + self.bytes.len() as u64
    }
}

impl Mends {
    /// Whether there is nothing to put back and nothing to cut off.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty() && self.trailing.is_none()
    }

    /// What a scrub will say of the stream when all of this is done; nothing is written.
    ///
    /// # Errors
    /// As [`crate::scrub`].
    pub fn scrub(
        &self,
        input: InputSource<'_>,
        run: &RunOptions,
    ) -> Result<DamageMap, StreamError> {
        let source = positioned(input)?;
        let len = self.trailing.map_or(source.len(), |trailing| trailing.offset);
        if self.list.is_empty() {
            // As it is, with the holes that it may have.
            return scrub_whole(&source.start(len), run);
        }
        scrub_whole(&Patched::of(&source, &self.list, len), run)
    }

    /// Puts everything back in `file`, which is the stream or a copy of it, and cuts off what
    /// follows the end where `cut` says so; all of it is on stable storage then.
    ///
    /// Whatever ends this, what was damaged is damaged or put back, and a later call finds the
    /// rest.
    ///
    /// # Errors
    /// Those of the file.
    pub fn write(&self, file: &File, cut: Option<Trailing>) -> io::Result<()> {
        for mend in &self.list {
            file.write_all_at(&mend.bytes, mend.offset)?;
        }
        if let Some(trailing) = cut {
            file.sync_all()?;
            file.set_len(trailing.offset)?;
        }
        file.sync_all()
    }
}

/// Segments with damage that is not damage of all of them: of a stretch of damage the first and
/// the last.
fn damaged_segments(map: &DamageMap) -> BTreeSet<u64> {
    let segment = |unit| match unit {
        Unit::Segment { segment } | Unit::Footer { segment } | Unit::Frame { segment, .. } => {
            Some(segment)
        }
        _ => None,
    };
    let ends = map.damages.iter().flat_map(|damage| [damage.unit, damage.last]);
    ends.filter_map(segment).collect()
}

/// What was found to put back.
struct Found {
    list: Vec<Mend>,
    len: usize,
}

impl Found {
    fn push(&mut self, mend: Mend) {
        self.len += mend.bytes.len();
        self.list.push(mend);
    }

    fn is_full(&self) -> bool {
        self.len >= MOST
    }

    fn finish(mut self, trailing: Option<Trailing>) -> Mends {
        let is_partial = self.is_full();
        self.list.sort_by_key(|mend| mend.offset);
        Mends { list: self.list, trailing, is_partial }
    }
}

/// A source as it is when these were put back.
struct Patched<'s> {
    source: &'s PositionedInput<'s>,
    /// In the order of their offsets.
    list: &'s [Mend],
    len: u64,
}

impl<'s> Patched<'s> {
    fn of(source: &'s PositionedInput<'s>, list: &'s [Mend], len: u64) -> PositionedInput<'s> {
        PositionedInput::Custom { source: Box::new(Self { source, list, len }), len }
    }
}

impl ReadAt for Patched<'_> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        // At most the buffer, so it fits.
        let count = self.len.saturating_sub(offset).min(buffer.len() as u64) as usize;
        let buffer = &mut buffer[..count];
        match self.source.read_exact_at(buffer, offset) {
            Ok(()) => {}
            Err(StreamError::Read { source, .. }) => return Err(source),
            Err(_) => return Err(io::ErrorKind::Other.into()),
        }
        let end = offset + count as u64;
        let first = self.list.partition_point(|mend| mend.end() <= offset);
        for mend in self.list[first..].iter().take_while(|mend| mend.offset < end) {
            let (from, to) = (mend.offset.max(offset), mend.end().min(end));
            let bytes = &mend.bytes[(from - mend.offset) as usize..(to - mend.offset) as usize];
            buffer[(from - offset) as usize..(to - offset) as usize].copy_from_slice(bytes);
        }
        Ok(count)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.len)
    }
}
