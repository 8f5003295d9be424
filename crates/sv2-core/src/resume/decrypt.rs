//! A decrypt that can be resumed, by a journal beside its output (local-files.md section 3,
//! F-1106).

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::Instant;

use sv2_pipeline::{PipelineError, run_positional};

use crate::changed::or_changed;
use crate::decrypt::DecryptJob;
use crate::drive::{Drive, Ends};
use crate::error::pipeline_error;
use crate::io::{PositionedInput, PositionedOutput};
use crate::key::KeyRing;
use crate::report::Effort;
use crate::resume::checkpoint::{CheckpointStorage, Frontier, with_checkpoints};
use crate::resume::files::{Held, check_target};
use crate::resume::journal::Chain;
use crate::resume::mark::{Kind, Mark, others_can_rename};
use crate::resume::{CheckpointError, CheckpointFile, ResumableOutput};
use crate::system::{self, FileExt};
use crate::tail::{Index, SealedStream};
use crate::{DecryptOptions, Driver, InputSource, KeySource, StreamError, StreamReport, Tail};

/// Decrypts the sealed stream `input` to a named output, as
/// [`decrypt_stream_with`](crate::decrypt_stream_with) does with the positional driver, and goes
/// on where an earlier call was interrupted.
///
/// Where the call fails, or its process dies, the plaintext so far stays beside the output,
/// readable for this user alone, with a journal of how much of it is on stable storage.
/// The journal is bound to the seal of the stream; what it counts is compared with the stream
/// again, unless an earlier call of this user left a mark of it and nobody else can rename files
/// there (F-1118).
///
/// # Errors
/// Those of `decrypt_stream_with`; `Usage` where the input cannot be read at offsets, the output
/// is no file, or a stream is accepted without its tail.
/// `Checkpoint` where the files of an earlier call are not this user's alone, do not belong to
/// this stream, contradict themselves or each other, or are being worked on: nothing was changed
/// then; and where a checkpoint fails.
///
/// # Panics
/// As `decrypt_stream_with`.
pub fn decrypt_resumable(
    input: InputSource<'_>,
    output: &ResumableOutput,
    keys: &KeySource<'_>,
    options: &DecryptOptions,
) -> Result<StreamReport, StreamError> {
    let begun = Instant::now();
    if options.tail != Tail::Required {
        return Err(StreamError::Usage("only a sealed stream has a seal to resume by"));
    }
    check_target(&output.path, output.existing)?;
    let source = input.open_positioned()?;
    let mut ring = KeyRing::new(keys, &options.context, options.max_segment_size);
    let stream = or_changed(&source, None, SealedStream::open(&source, &mut ring))?;
    options.check_fingerprint(stream.fingerprint())?;
    let index = or_changed(&source, Some(&stream), stream.read_index(&source))?;
    let job = DecryptJob::new(&stream.keyed, options);

    let found = Files::open(output, &stream)?;
    let mark = found.mark(output, &stream)?;
    let is_ours = mark.as_ref().is_some_and(Mark::is_there) && !others_can_rename(&output.path)?;
    if !is_ours {
        let count = found.chain.count();
        let checked = job.check(count, &source, &stream, &index, &found.plaintext.file);
        or_changed(&source, Some(&stream), checked)?;
        // Where it cannot be left, the next call reads again too.
        mark.iter().for_each(|mark| drop(mark.leave()));
    }
    found.cut(&stream)?;
    let Files { plaintext, journal, mut chain } = found;
    let kept = chain.count();
    let distance = output.checkpoint_distance / stream.layout.geometry.segment_size();
    let files = OnDisk { plaintext: &plaintext.file, journal: &journal.file };
    let effort =
        job.watch.ended(with_checkpoints(&files, &mut chain, distance.max(1), |frontier| {
            let done = job.from(kept, &source, &stream, &index, &plaintext.file, frontier);
            or_changed(&source, Some(&stream), done)
        }))?;
    plaintext.finish(output, None)?;
    journal.remove()?;
    mark.iter().for_each(Mark::remove);
    let report = job.report(&source, &stream, effort).since(begun);
    Ok(StreamReport { kept_segments: kept, ..report })
}

/// The files of a decrypt, and the end of its journal.
struct Files {
    plaintext: Held,
    journal: Held,
    chain: Chain,
}

impl Files {
    /// Opens what an earlier call left, or makes both files.
    fn open(output: &ResumableOutput, stream: &SealedStream) -> Result<Self, CheckpointError> {
        let path = &output.path;
        let key = || stream.keyed.keys.journal_key();
        let plaintext = Held::open(path, CheckpointFile::Output)?;
        let journal = match Held::open(path, CheckpointFile::Journal)? {
            Some(journal) => Some((Chain::read(key(), &stream.trailer, &journal)?, journal)),
            None => None,
        };
        let (plaintext, chain, journal) = match (plaintext, journal) {
            (Some(plaintext), Some((chain, journal))) => (plaintext, chain, journal),
            // A call that died between making the one file and the other.
            (Some(plaintext), None) if plaintext.len()? == 0 => {
                Self::with_journal(plaintext, path, stream)?
            }
            (Some(_), None) => return Err(CheckpointError::NoJournal),
            (None, journal) => {
                // A call that died between renaming the one file and removing the other.
                if let Some((_, journal)) = journal {
                    journal.remove()?;
                }
                let plaintext = Held::create(path, CheckpointFile::Output, &[])?;
                Self::with_journal(plaintext, path, stream)?
            }
        };
        let files = Self { plaintext, journal, chain };
        let (len, counted) = (files.plaintext.len()?, files.counted(stream));
        match len < counted {
            true => Err(CheckpointError::Shorter { len, counted }),
            false => Ok(files),
        }
    }

    /// Plaintext bytes that the journal counts.
    fn counted(&self, stream: &SealedStream) -> u64 {
        let counted = self.chain.count().saturating_mul(stream.layout.geometry.segment_size());
        counted.min(stream.trailer.plaintext_len)
    }

    /// Cuts both files to what counts.
    fn cut(&self, stream: &SealedStream) -> Result<(), CheckpointError> {
        let failed = CheckpointError::file(CheckpointFile::Output);
        self.plaintext.file.set_len(self.counted(stream)).map_err(failed)?;
        let failed = CheckpointError::file(CheckpointFile::Journal);
        self.journal.file.set_len(self.chain.len()).map_err(failed)
    }

    /// The mark of these very files.
    fn mark(
        &self,
        output: &ResumableOutput,
        stream: &SealedStream,
    ) -> Result<Option<Mark>, CheckpointError> {
        let mut about = stream.trailer.seal.to_vec();
        for held in [&self.plaintext, &self.journal] {
            let file = held.file.metadata().map_err(CheckpointError::file(held.which))?;
            let Some(identity) = system::identity(&file) else { return Ok(None) };
            identity.iter().for_each(|part| about.extend_from_slice(&part.to_be_bytes()));
        }
        Ok(Mark::of(output.state.as_deref(), &output.path, Kind::Decrypt, &about))
    }

    /// Makes the journal of a plaintext of which there is nothing yet.
    fn with_journal(
        plaintext: Held,
        path: &Path,
        stream: &SealedStream,
    ) -> Result<(Held, Chain, Held), CheckpointError> {
        let (head, chain) = Chain::begin(stream.keyed.keys.journal_key(), &stream.trailer);
        let journal = Held::create(path, CheckpointFile::Journal, &head)?;
        Ok((plaintext, chain, journal))
    }
}

struct OnDisk<'f> {
    plaintext: &'f File,
    journal: &'f File,
}

impl CheckpointStorage for OnDisk<'_> {
    fn sync_output(&self) -> io::Result<()> {
        self.plaintext.sync_data()
    }

    fn write_record(&self, record: &[u8], offset: u64) -> io::Result<()> {
        self.journal.write_all_at(record, offset)
    }

    fn sync_journal(&self) -> io::Result<()> {
        self.journal.sync_data()
    }
}

impl DecryptJob {
    /// Compares the plaintext of the first `count` segments with the stream (F-1118).
    fn check(
        &self,
        count: u64,
        source: &PositionedInput<'_>,
        stream: &SealedStream,
        index: &Index,
        plaintext: &File,
    ) -> Result<(), StreamError> {
        let segment_size = self.layout.geometry.segment_size();
        let work = |(wire, found): &mut (Vec<u8>, Vec<u8>), segment: u64| {
            let (layout, _) = self.open_segment(source, stream, index, segment, wire)?;
            found.resize(layout.plaintext_len() as usize, 0);
            let offset = segment * segment_size;
            plaintext
                .read_exact_at(found, offset)
                .map_err(CheckpointError::file(CheckpointFile::Output))?;
            let mut rest = &found[..];
            for slot in layout.plaintext_slots() {
                let (part, more) = rest.split_at(slot.len());
                if wire[slot] != *part {
                    return Err(CheckpointError::Changed { segment }.into());
                }
                rest = more;
            }
            Ok(())
        };
        let run = &self.options().run;
        // What opens, and what an earlier call wrote of it.
        let mut drive = Drive::holding(2, run, self.layout, Some(stream.trailer.plaintext_len))?;
        let plan = drive.plan(Ends::Places, Some(count));
        let checked = run_positional(plan.options, &run.cancel, count, Default::default, work);
        checked.map(|_| ()).map_err(pipeline_error)
    }

    /// Opens the segments from number `first` on and writes them in their places.
    fn from(
        &self,
        first: u64,
        source: &PositionedInput<'_>,
        stream: &SealedStream,
        index: &Index,
        plaintext: &File,
        frontier: &Frontier,
    ) -> Result<Effort, StreamError> {
        let total = stream.trailer.plaintext_len;
        let output = PositionedOutput::File { file: plaintext, base: 0 };
        let segment_size = self.layout.geometry.segment_size();
        self.watch.expect(Some(total));
        self.watch.skip(first.saturating_mul(segment_size).min(total));
        let work = |wire: &mut Vec<u8>, item: u64| {
            let segment = first + item;
            let (layout, lap) = self.open_segment(source, stream, index, segment, wire)?;
            let start = Instant::now();
            output.write_slots(wire, layout, segment * segment_size)?;
            frontier.finish(segment)?;
            self.watch.segment(layout.plaintext_len().into(), lap.write(start.elapsed()));
            Ok(())
        };
        let run = &self.options().run;
        let count = stream.trailer.segments - first;
        let mut drive = Drive::begin(run, self.layout, Some(total))?;
        let plan = drive.plan(Ends::Places, Some(count));
        let ran = run_positional(plan.options, &run.cancel, count, Vec::new, work);
        let (_, stats) = ran.map_err(|error| match error {
            PipelineError::Cancelled { segment } => {
                StreamError::Cancelled { segment: first + segment }
            }
            PipelineError::WorkerLost { segment } => {
                StreamError::Defect { segment: first + segment }
            }
            other => pipeline_error(other),
        })?;
        Ok(self.watch.effort(&stats, Driver::Positional))
    }
}
