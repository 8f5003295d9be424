//! Which file a parity file is of, and whether that file is still the same (parity.md section 6).

use sv2_headers::{
    HEADER_PREFIX_LEN, IndexShape, PAGE_ENTRIES, StreamHeader, TRAILER_LEN, Trailer,
    peek_header_len,
};

use crate::source::{can_read, len_of};
use crate::{Directory, ParityError, Part, Source};

/// What a file was when it was protected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// A sealed stream, named by its whole trailer: seal, revision and generation.
    Stream {
        /// The trailer as it is stored.
        trailer: [u8; TRAILER_LEN],
    },
    /// Anything else, named by its length and the checksum of all its bytes alone.
    Other,
}

impl Identity {
    /// A trailer whose fields can be those of a stream and whose checksum holds.
    pub(crate) fn sound_trailer(bytes: &[u8; TRAILER_LEN]) -> Option<Trailer> {
        if sv2_crc::holds(bytes) { Trailer::decode(bytes).ok() } else { None }
    }
}

/// The trailer at the end of a sealed stream; `None` of any other file.
///
/// # Errors
/// `Read` where the length cannot be told; a place that cannot be read is no trailer.
pub fn identify(source: &dyn Source) -> Result<Option<[u8; TRAILER_LEN]>, ParityError> {
    let len = len_of(source, Part::Data)?;
    Ok(trailer_at_end(source, len).map(|(bytes, _)| bytes))
}

/// The sound trailer that ends at offset `end`.
pub(crate) fn trailer_at_end(
    source: &dyn Source,
    end: u64,
) -> Option<([u8; TRAILER_LEN], Trailer)> {
    let mut bytes = [0; TRAILER_LEN];
    let at = end.checked_sub(TRAILER_LEN as u64)?;
    if !can_read(source, &mut bytes, at) {
        return None;
    }
    Identity::sound_trailer(&bytes).map(|trailer| (bytes, trailer))
}

/// What vouches for a parity file being of the present version of its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// The named trailer, or a header of its revision, is still in the file; or it is no stream, which
    /// has no versions.
    Confirmed,
    /// Nothing: trailer, front header and header copy are all lost, so that what comes back of them
    /// may be of an earlier version.
    Unconfirmed,
}

/// Refuses a file that is sound in itself and not what was protected, so that nothing is put back
/// that was changed on purpose.
pub(crate) fn judge(source: &dyn Source, directory: &Directory) -> Result<Version, ParityError> {
    let len = len_of(source, Part::Data)?;
    let ends = [len, directory.file_len];
    let Identity::Stream { trailer: named } = &directory.identity else {
        if len > directory.file_len {
            return Err(ParityError::Stale("the file has grown since"));
        }
        // It was none when it was protected, and what was changed since may be its slots.
        if ends.iter().any(|end| trailer_at_end(source, *end).is_some()) {
            return Err(ParityError::Stale("the file is a sealed stream now"));
        }
        return Ok(Version::Confirmed);
    };
    let [at_end, at_named] = ends.map(|end| trailer_at_end(source, end).map(|(found, _)| found));
    if [at_end, at_named].into_iter().flatten().any(|found| found != *named) {
        return Err(ParityError::Stale("the stream was sealed anew since"));
    }
    if len > directory.file_len && at_end.is_some() && at_named.is_none() {
        return Err(ParityError::Stale("the stream ends behind the place that it names"));
    }
    let Some(trailer) = Identity::sound_trailer(named) else { return Ok(Version::Unconfirmed) };
    let copy = copy_offset(directory.file_len, &trailer);
    let mut confirmed = at_named.is_some();
    for at in [Some(0), copy].into_iter().flatten() {
        let Some(header) = sound_header(source, at) else { continue };
        if header.revision > trailer.revision {
            return Err(ParityError::Stale("the stream's header was rewritten since"));
        }
        confirmed |= header.revision == trailer.revision;
    }
    Ok(if confirmed { Version::Confirmed } else { Version::Unconfirmed })
}

/// A header whose checksum holds.
pub(crate) fn sound_header(source: &dyn Source, at: u64) -> Option<StreamHeader> {
    let mut prefix = [0; HEADER_PREFIX_LEN];
    if !can_read(source, &mut prefix, at) {
        return None;
    }
    // At most 64 KiB, so it fits.
    let mut bytes = vec![0; peek_header_len(&prefix)? as usize];
    if !can_read(source, &mut bytes, at) || !sv2_crc::holds(&bytes) {
        return None;
    }
    StreamHeader::decode(&bytes).ok()
}

/// Where the header copy lies (F-809).
pub(crate) fn copy_offset(stream_len: u64, trailer: &Trailer) -> Option<u64> {
    let entry_len = IndexShape::new(0, trailer.digest).entry_len();
    let pages = trailer.segments.div_ceil(PAGE_ENTRIES);
    let tail = trailer
        .segments
        .checked_mul(entry_len)?
        .checked_add(pages.checked_mul(32)?)?
        .checked_add(TRAILER_LEN as u64 + u64::from(trailer.header_len))?;
    stream_len.checked_sub(tail)
}
