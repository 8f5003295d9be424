//! Which segments of an unfinished stream stay (format.md section 11, F-1104).

use std::fs::File;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use sv2_framing::{SEGMENT_HEADER_LEN, SegmentIndex, SegmentLayout, decode_footer};
use sv2_headers::{IndexEntry, checksum};
use sv2_pipeline::run_positional;
use sv2_segment_worker::{DecryptSegmentWorker, Explain, SegmentWorkerError};

use crate::StreamError;
use crate::encrypt::{EncryptJob, SealedSegments};
use crate::error::pipeline_error;
use crate::io::{PositionedInput, PositionedOutput};
use crate::report::StageClock;
use crate::resume::{CheckpointError, CheckpointFile};
use crate::tail::IndexBuilder;

/// All segments of a stream, of which some were there before.
pub(super) struct Completed {
    pub(super) sealed: SealedSegments,
    pub(super) kept: u64,
}

/// What a worker has: the segment as the source has it, and as the unfinished stream does.
#[derive(Default)]
struct Buffers {
    source: Vec<u8>,
    found: Vec<u8>,
}

impl EncryptJob {
    /// Looks at each segment of `file`, which has `len` bytes, and seals those that are not what
    /// the source demands, at their offsets.
    pub(super) fn keep_or_seal(
        &self,
        input: &PositionedInput<'_>,
        file: &File,
        len: u64,
    ) -> Result<Completed, StreamError> {
        let plaintext_len = input.len();
        let segments = self.layout.geometry.segment_count(plaintext_len);
        let full = SegmentLayout::full(self.layout.geometry, self.layout.digest);
        let failed = CheckpointError::file(CheckpointFile::Output);
        let found = file.try_clone().map_err(failed)?;
        let found = PositionedInput::File { file: found, base: 0, len };
        let output = PositionedOutput::File { file, base: 0 };
        let opener = DecryptSegmentWorker::new(self.worker.context().clone());
        let (done, clock) = (AtomicU64::new(0), StageClock::default());

        let work = |buffers: &mut Buffers, segment: u64| {
            let index = SegmentIndex(segment);
            let layout = self.layout.segment_layout(plaintext_len, index).unwrap_or(full);
            let offset = self.layout.segment_offset(index);
            buffers.source.resize(full.wire_len(), 0);
            let source = &mut buffers.source[..layout.wire_len()];
            let start = Instant::now();
            input.read_slots_at(source, layout, segment * self.layout.geometry.segment_size())?;
            let there = Place { found: &found, index, layout, offset };
            let candidate = there.read(&opener, &mut buffers.found)?;
            let read = Instant::now();
            clock.read(read - start);
            let kept = match candidate {
                true => there.keep(&opener, &mut buffers.found, source)?,
                false => None,
            };
            let (entry, is_kept) = match kept {
                Some(entry) => (entry, true),
                None => {
                    let sealed =
                        self.worker.encrypt_in_place(index, layout.plaintext_len(), source);
                    (sealed.map_err(|e| StreamError::from_segment(&e, &self.layout))?, false)
                }
            };
            let sealed = Instant::now();
            clock.cipher(sealed - read);
            if !is_kept {
                output.write_all_at(source, offset)?;
                clock.write(sealed.elapsed());
            }
            let plaintext = u64::from(layout.plaintext_len());
            let now = done.fetch_add(plaintext, Ordering::Relaxed) + plaintext;
            self.run.observe(now, Some(plaintext_len));
            Ok((entry, layout.plaintext_len(), is_kept))
        };
        let options = self.pipeline(Some(segments));
        let (entries, stats) =
            run_positional(options, &self.run.cancel, segments, Buffers::default, work)
                .map_err(pipeline_error)?;
        let mut index = IndexBuilder::new(self.layout.digest);
        let mut kept = 0;
        for (entry, plaintext_len, is_kept) in &entries {
            index.push(entry, *plaintext_len);
            kept += u64::from(*is_kept);
        }
        let sealed = SealedSegments { index, stages: clock.times(&stats), threads: stats.threads };
        Ok(Completed { sealed, kept })
    }
}

/// Where a segment lies in the unfinished stream.
struct Place<'p> {
    found: &'p PositionedInput<'p>,
    index: SegmentIndex,
    layout: SegmentLayout,
    offset: u64,
}

impl Place<'_> {
    /// Reads what lies there, if its header is that of this segment.
    fn read(
        &self,
        opener: &DecryptSegmentWorker,
        found: &mut Vec<u8>,
    ) -> Result<bool, StreamError> {
        let len = self.layout.wire_len();
        if self.offset + len as u64 > self.found.len() {
            return Ok(false);
        }
        found.resize(len, 0);
        let (header, rest) = found.split_at_mut(SEGMENT_HEADER_LEN);
        self.found.read_exact_at(header, self.offset)?;
        let fits = opener
            .judge_header(self.index, header)
            .is_ok_and(|header| header.plaintext_len == self.layout.plaintext_len());
        if fits {
            self.found.read_exact_at(rest, self.offset + SEGMENT_HEADER_LEN as u64)?;
        }
        Ok(fits)
    }

    /// The index entry of the segment in `found`, if each of its bytes is what a writer wrote and
    /// its plaintext is that in the slots of `source`; `found` is opened on the way.
    fn keep(
        &self,
        opener: &DecryptSegmentWorker,
        found: &mut [u8],
        source: &[u8],
    ) -> Result<Option<IndexEntry>, StreamError> {
        let layout = self.layout;
        let frames = (0..layout.frame_count()).map(sv2_framing::FrameIndex);
        let mut units = frames.map(|frame| &found[layout.frame(frame)]);
        let sound = checksum::holds(&found[..SEGMENT_HEADER_LEN])
            && units.all(checksum::holds)
            && checksum::holds(found);
        let alg = opener.context().digest();
        let (true, Ok(header), Ok(footer)) = (
            sound,
            opener.judge_header(self.index, &found[..SEGMENT_HEADER_LEN]),
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
