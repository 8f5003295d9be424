//! What of a damaged stream follows from the rest of it, without a key and without parity
//! (format.md section 8.10).
//!
//! Everything here is judged by checksums and hashes alone, so nothing is authenticated by it, and
//! nothing is put back of which two versions are there that both agree with themselves.

mod damaged;
mod headers;
mod index;
mod segment;
mod trailer;

use std::fs::File;
use std::io;

use sv2_headers::checksum;
use sv2_pipeline::Cancellation;

use crate::damage::DamageMap;
use crate::end::find_trailing;
use crate::extents::Holes;
use crate::inspect::look;
use crate::io::{PositionedInput, ReadAt};
use crate::mend::damaged::Damaged;
use crate::mend::index::Index;
use crate::scrub::{positioned, scrub_whole};
use crate::system::FileExt;
use crate::{InputSource, RunOptions, StreamError, Trailing, Unit};

/// Bytes of a source for each that was ever written, beyond which nothing is looked for: what
/// follows from the rest of a stream is not in a file that is holes.
const SPARSE: u64 = 16;
/// Bytes up to which a source is looked at whatever was written of it.
const SMALL: u64 = 4 << 20;

/// Bytes that the list of what is put back takes, from which on it gets no longer; what is beyond,
/// a later call finds.
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
/// from the length of the stream, its header and the page table (F-844). Reads what is damaged up
/// to three times more, and no other segment, but that the stream is scrubbed here as well where
/// `map` does not list all that it counts; in a sparse file of more than 16 times what was ever
/// written of it nothing is looked for.
///
/// # Errors
/// As [`crate::scrub`].
pub fn find_mends(
    input: InputSource<'_>,
    map: &DamageMap,
    run: &RunOptions,
) -> Result<Mends, StreamError> {
    find_up_to(MOST, &positioned(input)?, map, run)
}

fn find_up_to(
    most: usize,
    whole: &PositionedInput<'_>,
    map: &DamageMap,
    run: &RunOptions,
) -> Result<Mends, StreamError> {
    let trailing = find_trailing(whole)?;
    let cut = trailing.map(|trailing| whole.start(trailing.offset));
    let source = cut.as_ref().unwrap_or(whole);
    let mut found = Found { list: Vec::new(), len: 0, most };
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
    let damaged = match map.by_place && map.beyond.is_empty() && patched.is_none() {
        true => Damaged::listed(map),
        false => Damaged::found_in(source, run)?,
    };
    if let Some(mend) = headers::mend(source, &seen, trailer)? {
        found.push(mend);
    }
    let segments = segment::Segments::new(source, &seen.layout, &seen.header, trailer);
    Index::new(&segments, &damaged, &run.cancel).mend(trailer, &mut found)?;
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

fn check_cancelled(cancel: &Cancellation) -> Result<(), StreamError> {
    if cancel.is_cancelled() { Err(StreamError::Cancelled { segment: 0 }) } else { Ok(()) }
}

/// What was found to put back.
struct Found {
    list: Vec<Mend>,
    /// Bytes that it takes.
    len: usize,
    /// Bytes from which on it is full.
    most: usize,
}

impl Found {
    fn push(&mut self, mend: Mend) {
        self.len += mend.bytes.len() + size_of::<Mend>();
        self.list.push(mend);
    }

    fn is_full(&self) -> bool {
        self.len >= self.most
    }

    fn finish(mut self, trailing: Option<Trailing>) -> Mends {
        let is_partial = self.is_full();
        self.list.sort_by_key(|mend| mend.offset);
        Mends { list: self.list, trailing, is_partial }
    }
}

/// A source as it is when these were put back.
struct Patched<'s> {
    source: PositionedInput<'s>,
    /// In the order of their offsets.
    list: &'s [Mend],
}

impl<'s> Patched<'s> {
    fn of(source: &'s PositionedInput<'s>, list: &'s [Mend], len: u64) -> PositionedInput<'s> {
        let source = source.start(len);
        PositionedInput::Custom { source: Box::new(Self { source, list }), len }
    }
}

impl ReadAt for Patched<'_> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let count = self.source.read_up_to_at(buffer, offset)?;
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
        Ok(self.source.len())
    }
}

#[cfg(test)]
mod tests {
    use sv2_crypto::StreamKey;
    use sv2_headers::Geometry;

    use super::*;
    use crate::{EncryptOptions, OutputSink, encrypt_stream_v2, scrub};

    /// However short the list may be, call after call puts back all of it: rows of the page table,
    /// entries, and what follows from them.
    #[test]
    fn what_a_list_has_no_room_for_is_put_back_by_later_calls() {
        let key = StreamKey::from_bytes([9; 32]);
        let mut options = EncryptOptions::standard();
        options.geometry = Geometry::new(8, 0).expect("legal sizes");
        let (plaintext, mut wire) = (vec![7; 256 * 3000], Vec::new());
        let output = OutputSink::Memory(&mut wire);
        encrypt_stream_v2(InputSource::Memory(&plaintext), output, &key, &options).expect("sealed");
        let (table, header) = (wire.len() - 128 - 3 * 32, 1024);
        let mut now = wire.clone();
        now[table..table + 3 * 32].fill(1);
        for segment in [1usize, 2, 1500, 2999] {
            now[table - (3000 - segment) * 32] ^= 1;
            now[header + segment * (64 + 288 + 8) + 64 + 288] ^= 1;
        }
        let run = RunOptions::automatic();
        let mut calls = 0;
        loop {
            let map = scrub(InputSource::Memory(&now), &run).expect("a stream");
            let copy = now.clone();
            let source = PositionedInput::Memory(&copy);
            let found = find_up_to(2 * size_of::<Mend>(), &source, &map, &run).expect("a stream");
            assert!(found.list.len() <= 3, "{}", found.list.len());
            calls += 1;
            for Mend { offset, bytes, .. } in &found.list {
                now[*offset as usize..][..bytes.len()].copy_from_slice(bytes);
            }
            if !found.is_partial {
                break;
            }
        }
        assert!(now == wire && calls > 4, "{calls} calls");
    }
}
