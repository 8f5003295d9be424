//! The checksum of a whole stream without reading its segments (format.md section 6.1).

use sv2_stream::ObjectCrc;

use crate::extents::Holes;
use crate::inspect::inspect_input;
use crate::io::Input;
use crate::{InputSource, StreamError, Unit};

/// CRC-64/NVME of every byte of a sealed stream, computed from header, index and tail alone; it
/// is what S3 calls the full-object checksum.
///
/// It is that of the segments that the index describes: where the payload was damaged since, it
/// differs from the CRC of the bytes that are there, which is what it is good for.
/// Nothing of it is authentic.
/// It takes memory of about 1 MiB, and time that grows with the index.
///
/// # Errors
/// Those of [`inspect`](crate::inspect()); `Unsealed` for a stream without a trailer; `Malformed`
/// where trailer, header and the length of the input disagree, so that there is no index, and where
/// a part of the index was never written, as in a sparse file.
pub fn object_checksum(input: InputSource<'_>) -> Result<u64, StreamError> {
    let Input::Positioned(source) = input.open()? else {
        return Err(StreamError::Usage("a pipe cannot be inspected, only a file"));
    };
    let seen = inspect_input(&source)?;
    let Some(trailer) = seen.trailer else { return Err(StreamError::Unsealed { segments: 0 }) };
    if seen.len_matches != Some(true) {
        let what = "length of the stream";
        let offset = source.len().saturating_sub(sv2_headers::TRAILER_LEN as u64);
        return Err(StreamError::Malformed { unit: Unit::Trailer, what, offset });
    }
    let mut crc = ObjectCrc::new(seen.layout, trailer.plaintext_len)
        .ok_or(StreamError::Defect { segment: 0 })?;
    let index = seen.layout.index_offset(trailer.plaintext_len)..source.len();
    if Holes::of(&source).reach_into(&index, 64) {
        let (unit, what) = (Unit::Index, "entries that were never written");
        return Err(StreamError::Malformed { unit, what, offset: index.start });
    }
    while let Some(wanted) = crc.wants() {
        crc.supply(&source.read_vec(wanted.start, wanted.end - wanted.start)?)?;
    }
    Ok(crc.finish())
}
