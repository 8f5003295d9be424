//! An encrypt that can be resumed (local-files.md section 2, F-1104 and F-1105).
//!
//! The unfinished stream holds its header from the moment it has a name.
//! Its segments come in any order, and a later call looks at each: it keeps what opens and equals
//! the source, and writes everything else anew under a fresh salt.

use std::fs::File;
use std::time::Instant;

use sv2_headers::checksum;
use sv2_headers::{
    HEADER_PREFIX_LEN, HeaderError, IndexEntry, Section, StreamHeader, TRAILER_LEN, TRAILER_MAGIC,
};

use crate::drive::{Drive, Ends};
use crate::header::{HeaderStart, KeyedHeader};
use crate::io::{PositionedInput, PositionedOutput, Stamp};
use crate::key::KeyRing;
use crate::resume::files::{Held, check_target, stream_permissions};
use crate::resume::kept::Unfinished;
use crate::resume::mark::{Kind, Mark, others_can_rename};
use crate::resume::{CheckpointError, CheckpointFile, ResumableOutput};
use crate::seal::{Place, SealJob};
use crate::system::FileExt;
use crate::{EncryptOptions, InputSource, KeySource, StreamError, StreamKey, StreamReport, Unit};

/// Encrypts `input` to a named output, as [`encrypt_stream_v2`](crate::encrypt_stream_v2) does
/// with the positional driver, so that [`resume_encrypt`] can go on where this call is interrupted.
///
/// Where the call fails, or its process dies, the unfinished stream stays beside the output with
/// all segments that were written; it holds no plaintext.
/// Whoever resumes it needs a key that opens one of its slots, or the key itself.
///
/// # Errors
/// Those of `encrypt_stream_v2`; `Usage` where the input cannot be read at offsets, where the
/// output is no file, or where an unfinished output lies there already; `Checkpoint` where the
/// unfinished output cannot be made, or is not this user's alone on this file system.
///
/// # Panics
/// As `encrypt_stream_v2`.
pub fn encrypt_resumable(
    input: InputSource<'_>,
    output: &ResumableOutput,
    key: &StreamKey,
    options: &EncryptOptions,
) -> Result<StreamReport, StreamError> {
    let begun = Instant::now();
    check_target(&output.path, output.existing)?;
    if output.is_unfinished() {
        let why = "an unfinished output is there, which is to be resumed or removed first";
        return Err(StreamError::Usage(why));
    }
    let input = input.open_positioned()?;
    let job = SealJob::begin(key, options)?;
    job.check_len(input.len())?;
    let mark = Mark::of(
        output.state.as_deref(),
        &output.path,
        Kind::Encrypt,
        name_of(job.sealer.header()),
    );
    // Not before the mark: what has a name and no mark is not continued.
    let mark = mark.filter(|mark| mark.leave().is_ok());
    if mark.is_none() && others_can_rename(&output.path)? {
        return Err(CheckpointError::Unmarkable.into());
    }
    // No segment is worth anything without the header: it is on stable storage before the first.
    let held = Held::create(&output.path, CheckpointFile::Output, job.sealer.header())?;
    let report = job.watch.ended(job.complete(1, &input, &held.file, |_, _, _| Ok(None)))?;
    held.finish(output, Some(permissions(output)?))?;
    mark.iter().for_each(Mark::remove);
    Ok(report.since(begun))
}

/// Goes on with an encrypt that was interrupted, and ends as a whole one does.
///
/// `input` is read from its start, and each segment of the unfinished stream is read too: one that
/// opens under the stream's key and holds what the input holds there stays as it is, byte for
/// byte; every other one is written anew under a fresh salt (F-1104).
/// So an input that changed meanwhile costs time and nothing else.
/// The key comes out of the slots of the unfinished header.
/// The finished stream has the slots that `slots` makes for this key, and the metadata of
/// `options`, sealed anew: it opens for whom this call names, and not for whom the interrupted one
/// named.
/// Who could open the unfinished header knows the stream key all the same.
///
/// `options` must say what the interrupted call said of suite, digest, geometry, context and
/// length of the header, and must have slots where that one had; which they were is not compared,
/// and `options.slots` is not used.
///
/// # Errors
/// `Checkpoint` where the unfinished output is not there, is not this user's alone, was not left by
/// an earlier call of this user for this output, is no unfinished stream, was begun with other options, or is being worked on: nothing was changed
/// then.
/// `NoKeyFits` where no slot opens (F-1105), `HeaderFull` where the new slots and metadata do not
/// fit into the header that was begun, and the error of `slots` as it is: nothing was changed
/// either.
/// Everything else as with [`encrypt_resumable`], and it can be resumed again.
///
/// # Panics
/// As `encrypt_stream_v2`.
pub fn resume_encrypt<E: From<StreamError>>(
    input: InputSource<'_>,
    output: &ResumableOutput,
    keys: &KeySource<'_>,
    slots: impl FnOnce(&StreamKey) -> Result<Vec<Section>, E>,
    options: &EncryptOptions,
) -> Result<StreamReport, E> {
    let begun = Instant::now();
    check_target(&output.path, output.existing)?;
    let input = input.open_positioned()?;
    let held = Held::open(&output.path, CheckpointFile::Output)
        .and_then(|held| held.ok_or(CheckpointError::Missing))
        .map_err(StreamError::from)?;
    let bytes = header_bytes(&held)?;
    let mark = require_mark(&held, output, &bytes).map_err(StreamError::from)?;
    let mut ring = KeyRing::new(keys, &options.context, options.geometry.segment_size());
    let (old, key) = open_header(bytes, keys, &mut ring, options)?;
    let slots = slots(key)?;
    if old.header.slotted == slots.is_empty() {
        return Err(StreamError::from(CheckpointError::Differs { option: "kind of key" }).into());
    }
    let found = old.bytes.clone();
    let keyed = old.renewed(slots, options.metadata.as_deref(), &options.random);
    let keyed = keyed.map_err(StreamError::from)?;
    let job = SealJob::under(keyed, &options.random, &options.run, 0);
    let report = job.watch.ended(job.go_on(&input, &held))?;

    // The new header comes last: until then the old one opens what there is.
    if job.sealer.header() != found {
        write_header(&held.file, job.sealer.header()).map_err(StreamError::from)?;
    }
    held.finish(output, Some(permissions(output)?))?;
    mark.iter().for_each(Mark::remove);
    Ok(report.since(begun))
}

impl SealJob {
    /// Does what is left to do of a stream, up to its tail, and counts the segments that it kept.
    fn go_on(&self, input: &PositionedInput<'_>, held: &Held) -> Result<StreamReport, StreamError> {
        self.check_len(input.len())?;
        let len = held.len()?;
        let tail_offset = self.layout().tail_offset(input.len());
        // A tail that was not finished, or segments of a longer source.
        if len > tail_offset {
            let failed = CheckpointError::file(CheckpointFile::Output);
            held.file.set_len(tail_offset).map_err(failed)?;
        }
        let unfinished = Unfinished::new(self, &held.file, len.min(tail_offset))?;
        // What is sealed, and what an earlier call left in its place.
        self.complete(2, input, &held.file, |buffer, place, source| {
            unfinished.entry(buffer, place, source)
        })
    }

    /// Seals each segment that `keep` does not know, and brings all of them and then the tail to
    /// stable storage (F-1006). `held` is the segments that each buffer has room for.
    fn complete(
        &self,
        held: u64,
        input: &PositionedInput<'_>,
        file: &File,
        keep: impl Fn(&mut Vec<u8>, Place, &[u8]) -> Result<Option<IndexEntry>, StreamError> + Sync,
    ) -> Result<StreamReport, StreamError> {
        let layout = self.layout();
        self.watch.expect(Some(input.len()));
        let mut drive = Drive::holding(held, &self.watch.run, layout, Some(input.len()))?;
        let plan = drive.plan(Ends::Places, Some(layout.geometry.segment_count(input.len())));
        let output = PositionedOutput::File { file, base: 0 };
        let moved = self.at_offsets(plan, input, &output, keep)?;
        let report = self.finish_at_offsets(moved, &output)?;
        output.barrier()?;
        Ok(report)
    }
}

fn write_header(file: &File, bytes: &[u8]) -> Result<(), CheckpointError> {
    let written = file.write_all_at(bytes, 0);
    written.map_err(CheckpointError::file(CheckpointFile::Output))
}

fn permissions(output: &ResumableOutput) -> Result<std::fs::Permissions, StreamError> {
    let failed = CheckpointError::file(CheckpointFile::Output);
    Ok(stream_permissions(&output.path).map_err(failed)?)
}

/// Opens the header of an unfinished stream, compared with the options before any key is tried.
fn open_header<'r>(
    bytes: Vec<u8>,
    keys: &KeySource<'_>,
    ring: &'r mut KeyRing<'_>,
    options: &EncryptOptions,
) -> Result<(KeyedHeader, &'r StreamKey), StreamError> {
    let refused = |error| match error {
        HeaderError::Unsupported { what, .. } | HeaderError::Malformed { what, .. } => {
            foreign(what)
        }
        HeaderError::Limit { what, .. } => foreign(what),
        _ => foreign("header"),
    };
    let header = StreamHeader::decode(&bytes).map_err(refused)?;
    if matches!(keys, KeySource::Slots(_)) && !header.slotted {
        return Err(CheckpointError::Differs { option: "kind of key" }.into());
    }
    compare(&header, options)?;
    let keyed = KeyedHeader::open(bytes, ring, Unit::Header, 0);
    let keyed = keyed.map_err(|error| match error.into() {
        error @ StreamError::NoKeyFits { .. } => error,
        // The key of a slot is that of its stream, so it is the context that differs.
        StreamError::WrongKeyOrContext => {
            CheckpointError::Differs { option: "key or context" }.into()
        }
        _ => foreign("header").into(),
    })?;
    // The ring opened the header, so it has the key.
    let key = ring.key().ok_or(StreamError::WrongKeyOrContext)?;
    Ok((keyed, key))
}

/// The part of a header that a mark names: core and commitment, and so the key too.
fn name_of(header: &[u8]) -> &[u8] {
    &header[..header.len().min(80)]
}

/// Whether an earlier call of this user left this file for this output (F-1116).
///
/// The mark says so; where none can be kept, that nobody else can have put the file there has to
/// do, and that it is no finished stream.
fn require_mark(
    held: &Held,
    output: &ResumableOutput,
    header: &[u8],
) -> Result<Option<Mark>, CheckpointError> {
    let (state, path) = (output.state.as_deref(), &output.path);
    match Mark::of(state, path, Kind::Encrypt, name_of(header)) {
        Some(mark) if mark.is_there() => Ok(Some(mark)),
        Some(_) => Err(CheckpointError::NotMarked { file: CheckpointFile::Output }),
        None if others_can_rename(path)? => Err(CheckpointError::Unmarkable),
        None if has_sealed_end(held)? => Err(CheckpointError::Sealed),
        None => Ok(None),
    }
}

/// Whether a file ends in a trailer whose checksum is right.
fn has_sealed_end(held: &Held) -> Result<bool, CheckpointError> {
    let Some(offset) = held.len()?.checked_sub(TRAILER_LEN as u64) else { return Ok(false) };
    let mut end = [0; TRAILER_LEN];
    let read = held.file.read_exact_at(&mut end, offset);
    read.map_err(CheckpointError::file(CheckpointFile::Output))?;
    Ok(end[..8] == TRAILER_MAGIC && checksum::holds(&end))
}

fn header_bytes(held: &Held) -> Result<Vec<u8>, StreamError> {
    let failed = CheckpointError::file(CheckpointFile::Output);
    let file = held.file.try_clone().map_err(&failed)?;
    let stamp = Stamp::of(&file).map_err(&failed)?;
    let source = PositionedInput::File { file, base: 0, len: held.len()?, stamp };
    let prefix = source.read_vec(0, source.len().min(HEADER_PREFIX_LEN as u64))?;
    match HeaderStart::of(&prefix) {
        HeaderStart::Len(len) if len as u64 <= source.len() => source.read_vec(0, len as u64),
        HeaderStart::NoMagic => Err(foreign("magic").into()),
        _ => Err(foreign("header").into()),
    }
}

/// Whether a call with these options writes the stream that was begun (F-1114).
fn compare(header: &StreamHeader, options: &EncryptOptions) -> Result<(), CheckpointError> {
    let wanted_len = options.header_len.unwrap_or(header.header_len);
    let option = if header.suite != options.suite {
        "suite"
    } else if header.digest != options.digest {
        "digest"
    } else if header.geometry.frame_size() != options.geometry.frame_size() {
        "frame size"
    } else if header.geometry != options.geometry {
        "segment size"
    } else if header.header_len != wanted_len {
        "length of the header"
    } else if header.revision != 0 {
        return Err(foreign("header revision"));
    } else {
        return Ok(());
    };
    Err(CheckpointError::Differs { option })
}

fn foreign(what: &'static str) -> CheckpointError {
    CheckpointError::Foreign { file: CheckpointFile::Output, what }
}
