//! Which segments of an unfinished stream stay (local-files.md section 2, F-1104).

use std::fs::File;

use sv2_framing::{SEGMENT_HEADER_LEN, decode_footer};
use sv2_headers::{IndexEntry, checksum};
use sv2_segment_worker::{DecryptSegmentWorker, Explain, SegmentWorkerError};

use crate::StreamError;
use crate::io::{PositionedInput, Stamp};
use crate::resume::{CheckpointError, CheckpointFile};
use crate::seal::{Place, SealJob};

/// An unfinished stream, whose segments may stay.
pub(super) struct Unfinished {
    found: PositionedInput<'static>,
    opener: DecryptSegmentWorker,
}

impl Unfinished {
    /// The first `len` bytes of a file, which are a stream of this job's.
    pub(super) fn new(job: &SealJob, file: &File, len: u64) -> Result<Self, StreamError> {
        let failed = CheckpointError::file(CheckpointFile::Output);
        let file = file.try_clone().map_err(&failed)?;
        let stamp = Stamp::of(&file).map_err(&failed)?;
        let opener = DecryptSegmentWorker::new(job.sealer.worker().context().clone());
        Ok(Self { found: PositionedInput::File { file, base: 0, len, stamp }, opener })
    }

    /// The index entry of the segment that lies in its place, if it is sound and holds the
    /// plaintext in the slots of `source`.
    pub(super) fn entry(
        &self,
        found: &mut Vec<u8>,
        place: Place,
        source: &[u8],
    ) -> Result<Option<IndexEntry>, StreamError> {
        match self.read(place, found)? {
            true => self.keep(place, found, source),
            false => Ok(None),
        }
    }

    /// Reads what lies there, if its header is that of this segment.
    fn read(&self, place: Place, found: &mut Vec<u8>) -> Result<bool, StreamError> {
        let len = place.layout.wire_len();
        if place.offset + len as u64 > self.found.len() {
            return Ok(false);
        }
        found.resize(len, 0);
        let (header, rest) = found.split_at_mut(SEGMENT_HEADER_LEN);
        self.found.read_exact_at(header, place.offset)?;
        let fits = self
            .opener
            .judge_header(place.number, header)
            .is_ok_and(|header| header.plaintext_len == place.layout.plaintext_len());
        if fits {
            self.found.read_exact_at(rest, place.offset + SEGMENT_HEADER_LEN as u64)?;
        }
        Ok(fits)
    }

    /// The index entry of the segment in `found`, if each of its bytes is what a writer wrote and
    /// its plaintext is that in the slots of `source`; `found` is opened on the way.
    fn keep(
        &self,
        place: Place,
        found: &mut [u8],
        source: &[u8],
    ) -> Result<Option<IndexEntry>, StreamError> {
        let (layout, opener) = (place.layout, &self.opener);
        let frames = (0..layout.frame_count()).map(sv2_framing::FrameIndex);
        let mut units = frames.map(|frame| &found[layout.frame(frame)]);
        let sound = checksum::holds(&found[..SEGMENT_HEADER_LEN])
            && units.all(checksum::holds)
            && checksum::holds(found);
        let alg = opener.context().digest();
        let (true, Ok(header), Ok(footer)) = (
            sound,
            opener.judge_header(place.number, &found[..SEGMENT_HEADER_LEN]),
            decode_footer(&found[layout.footer()], alg),
        ) else {
            return Ok(None);
        };
        let digest = match opener.decrypt_in_place(&header, found, Explain::CallerRereads) {
            Ok(digest) => digest,
            Err(SegmentWorkerError::Crypto { source, .. }) => return Err(source.into()),
            Err(_) => return Ok(None),
        };
        let same = |slot: std::ops::Range<usize>| found[slot.clone()] == source[slot];
        let kept = digest == footer.digest && layout.plaintext_slots().all(same);
        Ok(kept.then_some(IndexEntry { salt: header.salt, digest, crc: footer.crc }))
    }
}
