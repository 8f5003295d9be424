//! Replaying the record of a change that was cut off (local-files.md section 1.1).
//!
//! Whatever the record says is judged under the stream's key before the first byte of the stream
//! is written.

use sv2_framing::StreamLayout;
use sv2_headers::{StreamHeader, TRAILER_LEN, TRAILER_MAGIC, Trailer};

use crate::change::found::{Found, refused};
use crate::change::record::Direction;
use crate::change::{ChangeClaim, ChangeFault, ChangeFile, ChangeStorage, Recovery, stream_source};
use crate::header::KeyedHeader;
use crate::inspect::inspect_input;
use crate::io::PositionedInput;
use crate::key::KeyRing;
use crate::tail::{SealedStream, judge_trailer};
use crate::{ErrorKind, StreamError, Unit};

/// Bytes of a header that no rewrite of it changes: up to the revision.
const HEADER_KEPT_LEN: usize = 88;
/// The revision in a trailer.
const REVISION: std::ops::Range<usize> = 72..80;

/// Removes the record of a change that is on stable storage.
pub(super) fn remove(storage: &dyn ChangeStorage) -> Result<(), StreamError> {
    let removed = storage.remove_record().and_then(|()| storage.sync_folder());
    removed.map_err(StreamError::ChangeRecord)
}

/// Looks for a change record and does what it says (F-1206, F-1207, F-1210, F-1212, F-1214).
pub(super) fn recover(
    storage: &dyn ChangeStorage,
    ring: &mut KeyRing<'_>,
) -> Result<Recovery, StreamError> {
    let Some(len) = storage.len(ChangeFile::Record).map_err(StreamError::ChangeRecord)? else {
        return Ok(Recovery::Nothing);
    };
    let source = stream_source(storage)?;
    let Some(found) = Found::open(storage, len)? else {
        if !is_sealed(&source)? {
            return Err(refused(ChangeFault::Incomplete));
        }
        SealedStream::open(&source, ring)?;
        remove(storage)?;
        return Ok(Recovery::Discarded);
    };
    if !found.names(&source)? {
        return Err(refused(ChangeFault::OtherStream));
    }
    let keyed = open_header(&found, &source, ring)?;
    let change = Change::judge(&found, &keyed)?;
    if change.is_done(&source, ring)? {
        // The new end was complete when its writer died, but perhaps not yet on stable storage.
        let offset = change.stream_len;
        let synced = storage.sync(ChangeFile::Stream);
        synced.map_err(|source| StreamError::Write { offset, source })?;
        remove(storage)?;
        return Ok(Recovery::Finished);
    }
    change.settle()?;
    Ok(match found.direction {
        Direction::Redo => Recovery::Finished,
        Direction::Undo => Recovery::TakenBack,
    })
}

/// Does what the record says that this very call has stored.
pub(super) fn settle_own(
    storage: &dyn ChangeStorage,
    keyed: &KeyedHeader,
) -> Result<(), StreamError> {
    let len = storage.len(ChangeFile::Record).map_err(StreamError::ChangeRecord)?.unwrap_or(0);
    let found = Found::open(storage, len)?.ok_or_else(|| refused(ChangeFault::Incomplete))?;
    Change::judge(&found, keyed)?.settle()
}

/// What a change record says of itself, without a key.
pub(super) fn claim(storage: &dyn ChangeStorage) -> Result<Option<ChangeClaim>, StreamError> {
    let Some(len) = storage.len(ChangeFile::Record).map_err(StreamError::ChangeRecord)? else {
        return Ok(None);
    };
    let source = stream_source(storage)?;
    let claim = match Found::open(storage, len) {
        Ok(Some(found)) => match found.names(&source) {
            Ok(false) => Ok(ChangeClaim::Unfit(ChangeFault::OtherStream)),
            Ok(true) => is_other_state(&found, &source).map(|is_other| match found.direction {
                _ if is_other => ChangeClaim::Unfit(ChangeFault::OtherState),
                Direction::Redo => ChangeClaim::Rewrite,
                Direction::Undo => ChangeClaim::Append,
            }),
            Err(error) => Err(error),
        },
        Ok(None) => Ok(ChangeClaim::Unfit(ChangeFault::Incomplete)),
        Err(error) => Err(error),
    };
    match claim {
        Ok(claim) => Ok(Some(claim)),
        Err(StreamError::RefusedChange(fault)) => Ok(Some(ChangeClaim::Unfit(fault))),
        Err(error) => Err(error),
    }
}

/// Whether the stream is sealed in a state that a change neither comes from nor leads to, as far as
/// that is seen without a key.
fn is_other_state(found: &Found<'_>, source: &PositionedInput<'_>) -> Result<bool, StreamError> {
    let (Ok(old), Ok(header)) =
        (Trailer::decode(&found.trailer), StreamHeader::decode(&found.header))
    else {
        return Ok(false);
    };
    let Some(at) = source.len().checked_sub(TRAILER_LEN as u64) else { return Ok(false) };
    if !is_sealed(source)? {
        return Ok(false);
    }
    let mut bytes = [0; TRAILER_LEN];
    source.read_exact_at(&mut bytes, at)?;
    let Ok(now) = Trailer::decode(&bytes) else { return Ok(false) };
    let next = match found.direction {
        Direction::Redo => {
            header.revision.checked_add(1) == Some(now.revision)
                && Trailer::content(&bytes) == Trailer::content(&found.trailer)
        }
        Direction::Undo => {
            old.generation.checked_add(1) == Some(now.generation) && header.revision == now.revision
        }
    };
    Ok(now.seal != old.seal && !next)
}

/// Whether the stream is in a sealed state, as far as that is seen without a key: then a change of
/// it had not begun, or it is as good as done (F-1206).
fn is_sealed(source: &PositionedInput<'_>) -> Result<bool, StreamError> {
    let seen = match inspect_input(source) {
        Err(error @ StreamError::Read { .. }) => return Err(error),
        Err(_) => return Ok(false),
        Ok(seen) => seen,
    };
    let has_header = seen.front_intact || seen.copy_intact == Some(true);
    let has_tail = seen.trailer_intact == Some(true) && seen.len_matches == Some(true);
    // A rewrite of the header passes through states in which the trailer is that of another one.
    let is_own = seen.trailer.is_some_and(|trailer| trailer.revision == seen.header.revision);
    Ok(has_header && has_tail && is_own)
}

/// Opens the header in a record, which says that it is that of the stream.
fn open_header(
    found: &Found<'_>,
    source: &PositionedInput<'_>,
    ring: &mut KeyRing<'_>,
) -> Result<KeyedHeader, StreamError> {
    let error = match KeyedHeader::open(found.header.clone(), ring, Unit::Header, 0) {
        Ok(keyed) => return Ok(keyed),
        Err(error) => StreamError::from(error),
    };
    let is_callers = matches!(error.kind(), ErrorKind::Key | ErrorKind::Malformed);
    // Where the stream opens, the key is at hand and the record is at fault.
    if is_callers && SealedStream::open(source, ring).is_err() {
        return Err(error);
    }
    Err(refused(ChangeFault::Forged))
}

/// A change that a holder of the key made, and that is one of the two kinds that there are.
struct Change<'f> {
    found: &'f Found<'f>,
    keyed: &'f KeyedHeader,
    /// The trailer before the change.
    old: Trailer,
    /// The trailer after a rewrite of the header.
    new: Option<[u8; TRAILER_LEN]>,
    /// Bytes of the stream after a replay.
    stream_len: u64,
}

impl<'f> Change<'f> {
    /// Checks the MAC and then everything that the record says of itself (F-1212, F-1214).
    fn judge(found: &'f Found<'f>, keyed: &'f KeyedHeader) -> Result<Self, StreamError> {
        let broken = || refused(ChangeFault::Malformed);
        let vouched = keyed.keys.change_key().verify(&found.hash, &found.mac);
        vouched.map_err(|_| refused(ChangeFault::Forged))?;
        let old = Trailer::decode(&found.trailer).map_err(|_| broken())?;
        judge_trailer(&old, &found.trailer, &keyed.header, &keyed.keys, 0).map_err(|_| broken())?;
        old.check_counts(keyed.header.geometry).map_err(|_| broken())?;
        let layout = keyed.layout();
        let stream_len = layout.stream_len(old.plaintext_len).ok_or_else(broken)?;
        if keyed.header.revision < old.revision {
            return Err(broken());
        }
        let mut change = Self { found, keyed, old, new: None, stream_len };
        match found.direction {
            Direction::Redo => change.new = Some(change.judge_redo(&layout)?),
            Direction::Undo => change.judge_undo()?,
        }
        Ok(change)
    }

    /// A rewrite of the header: the same new header as copy and front, and a trailer that seals it
    /// over the old content (F-1107).
    fn judge_redo(&self, layout: &StreamLayout) -> Result<[u8; TRAILER_LEN], StreamError> {
        let broken = || refused(ChangeFault::Malformed);
        let mut writes = Vec::new();
        self.found.for_each(|write| {
            if writes.len() == 3 {
                return Err(broken());
            }
            writes.push((write.offset, write.bytes.to_vec()));
            Ok(())
        })?;
        let trailer_at = self.stream_len - TRAILER_LEN as u64;
        let places = [layout.tail_offset(self.old.plaintext_len), 0, trailer_at];
        let [(copy_at, copy), (front_at, front), (at, new)] = &writes[..] else {
            return Err(broken());
        };
        let kept = self.found.header.get(..HEADER_KEPT_LEN);
        let is_placed = [*copy_at, *front_at, *at] == places;
        let is_own = front.len() == self.found.header.len() && front.get(..HEADER_KEPT_LEN) == kept;
        if !is_placed || copy != front || !is_own {
            return Err(broken());
        }
        let header = StreamHeader::decode(front).map_err(|_| broken())?;
        let (key, signed) = (self.keyed.keys.header_key(), StreamHeader::authenticated(front));
        key.verify(signed, &header.mac).map_err(|_| broken())?;
        let new: [u8; TRAILER_LEN] = new[..].try_into().map_err(|_| broken())?;
        let trailer = Trailer::decode(&new).map_err(|_| broken())?;
        judge_trailer(&trailer, &new, &self.keyed.header, &self.keyed.keys, *at)
            .map_err(|_| broken())?;
        let same_content = Trailer::content(&new) == Trailer::content(&self.found.trailer);
        let next = self.keyed.header.revision.checked_add(1);
        let is_next = Some(header.revision) == next && Some(trailer.revision) == next;
        if same_content && is_next { Ok(new) } else { Err(broken()) }
    }

    /// An append: what stood between some segment and the end, the old trailer included.
    fn judge_undo(&self) -> Result<(), StreamError> {
        let broken = || refused(ChangeFault::Malformed);
        let trailer_at = self.stream_len - TRAILER_LEN as u64;
        let header_len = self.found.header.len() as u64;
        let mut next = None;
        self.found.for_each(|write| {
            let end = write.offset + write.bytes.len() as u64;
            let follows = next.is_none_or(|next| next == write.offset);
            if !follows || write.offset < header_len || end > self.stream_len {
                return Err(broken());
            }
            // Where the write reaches into the trailer; both within the write, so they fit.
            let from = trailer_at.max(write.offset);
            if from < end {
                let found = &write.bytes[(from - write.offset) as usize..];
                let wanted = &self.found.trailer[(from - trailer_at) as usize..];
                if !wanted.starts_with(found) {
                    return Err(broken());
                }
            }
            next = Some(end);
            Ok(())
        })?;
        if next == Some(self.stream_len) { Ok(()) } else { Err(broken()) }
    }

    /// Whether the stream is in the state that the change was to bring about, which nothing but
    /// the removal of its record is missing to.
    ///
    /// # Errors
    /// `OtherState` where it is in a state that this change does not come from or pass through.
    fn is_done(
        &self,
        source: &PositionedInput<'_>,
        ring: &mut KeyRing<'_>,
    ) -> Result<bool, StreamError> {
        let other = || refused(ChangeFault::OtherState);
        let Some(at) = source.len().checked_sub(TRAILER_LEN as u64) else { return Err(other()) };
        let mut bytes = [0; TRAILER_LEN];
        source.read_exact_at(&mut bytes, at)?;
        let now = match bytes[..8] == TRAILER_MAGIC {
            true => Trailer::decode(&bytes).ok(),
            false => None,
        };
        let sealed = now.as_ref().filter(|now| {
            judge_trailer(now, &bytes, &self.keyed.header, &self.keyed.keys, at).is_ok()
        });
        if let Some(new) = &self.new {
            // A rewrite keeps the length and all of the trailer but revision, seal and checksum.
            let is_sealed = |by| sealed.is_none() || Trailer::sealed(&bytes) == Trailer::sealed(by);
            let revisions = bytes[REVISION].iter().zip(&new[REVISION]);
            let mut revisions = revisions.zip(&self.found.trailer[REVISION]);
            let possible = source.len() == self.stream_len
                && Trailer::content(&bytes) == Trailer::content(new)
                && revisions.all(|((now, new), old)| now == new || now == old)
                && (is_sealed(new) || is_sealed(&self.found.trailer));
            return if possible { Ok(false) } else { Err(other()) };
        }
        // What is taken back only grew.
        if source.len() < self.stream_len {
            return Err(other());
        }
        let next = self.old.generation.checked_add(1);
        match (&now, sealed) {
            (None, _) => Ok(false),
            (Some(_), Some(sealed)) if sealed.seal == self.old.seal => Ok(false),
            (Some(_), Some(sealed))
                if Some(sealed.generation) == next
                    && sealed.revision == self.keyed.header.revision =>
            {
                self.is_whole(source, ring)
            }
            // A tail that was torn, or that rotted since.
            (Some(now), None)
                if now.generation == self.old.generation || Some(now.generation) == next =>
            {
                Ok(false)
            }
            _ => Err(other()),
        }
    }

    /// Whether the new tail of an append is there: the segments were on stable storage before it.
    fn is_whole(
        &self,
        source: &PositionedInput<'_>,
        ring: &mut KeyRing<'_>,
    ) -> Result<bool, StreamError> {
        let mut read = || {
            let stream = SealedStream::open(source, ring)?;
            stream.read_index(source)?;
            let copy = stream.layout.tail_offset(stream.trailer.plaintext_len);
            source.read_vec(copy, self.found.header.len() as u64)
        };
        match read() {
            Ok(copy) => Ok(copy == self.found.header),
            Err(error @ StreamError::Read { .. }) => Err(error),
            Err(_) => Ok(false),
        }
    }

    /// Replays the record and removes it.
    fn settle(&self) -> Result<(), StreamError> {
        let storage = self.found.storage;
        // Whoever wrote the record may have been killed before it was on stable storage (F-1101).
        let synced = storage.sync(ChangeFile::Record).and_then(|()| storage.sync_folder());
        synced.map_err(StreamError::ChangeRecord)?;
        self.replay()?;
        remove(storage)
    }

    /// Writes every write in its place and brings all to stable storage; a redo after each, so
    /// that the steps of F-1107 follow one another.
    fn replay(&self) -> Result<(), StreamError> {
        let storage = self.found.storage;
        let failed = |offset| move |source| StreamError::Write { offset, source };
        self.found.for_each(|write| {
            let written = storage.write_all_at(ChangeFile::Stream, write.bytes, write.offset);
            written.map_err(failed(write.offset))?;
            match self.found.direction {
                Direction::Redo => storage.sync(ChangeFile::Stream).map_err(failed(write.offset)),
                Direction::Undo => Ok(()),
            }
        })?;
        if self.found.direction == Direction::Undo {
            let len = self.stream_len;
            let cut = storage.cut_stream(len);
            cut.and_then(|()| storage.sync(ChangeFile::Stream)).map_err(failed(len))?;
        }
        Ok(())
    }
}
