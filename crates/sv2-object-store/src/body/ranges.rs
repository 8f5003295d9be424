//! Ranges that are fetched and opened at once.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};

use super::fault::Stop;
use super::object_store;
use super::open::Fresh;
use super::opened::{Opened, OpenedKey};
use super::request::body;
use super::{Sv2Store, range_of};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore};

use crate::frames::Found;

/// Requests of one call that run at the same time.
const PARALLEL: usize = 10;

/// An object that is ready to be read.
pub(super) enum Ready {
    /// It was opened by this call; the caller's conditions are met.
    Fresh(Fresh),
    /// It was opened by an earlier call: the next request says whether it is still the same, under
    /// the caller's conditions.
    Kept(Arc<Opened>),
}

impl Ready {
    pub(super) fn opened(&self) -> &Arc<Opened> {
        match self {
            Self::Fresh(fresh) => &fresh.opened,
            Self::Kept(opened) => opened,
        }
    }

    /// The plaintext range of a request. One that a kept object does not have may be one of the
    /// object that is there now.
    pub(super) fn range(&self, location: &Path, range: &GetRange) -> Result<Range<u64>, Stop> {
        range_of(location, range, self.opened().stream.len()).map_err(|error| match self {
            Self::Fresh(_) => error.into(),
            Self::Kept(_) => Stop::Stale(error),
        })
    }
}

impl<T: ObjectStore> Sv2Store<T> {
    /// The object that a request names: kept open, or opened now.
    pub(super) async fn ready(&self, location: &Path, options: &GetOptions) -> Result<Ready, Stop> {
        match self.shared.opened.get(&OpenedKey::of(location, options)) {
            Some(opened) => Ok(Ready::Kept(opened)),
            None => Ok(Ready::Fresh(self.open(location, options).await?)),
        }
    }

    /// The plaintext of ranges, all of one object.
    pub(super) async fn read_ranges(
        &self,
        location: &Path,
        ranges: &[GetRange],
        options: &GetOptions,
    ) -> Result<(Arc<Opened>, Vec<Bytes>), Stop> {
        if ranges.is_empty() {
            let ready = self.ready(location, options).await?;
            return Ok((ready.opened().clone(), Vec::new()));
        }
        let ready = self.ready(location, options).await?;
        let ranges = ranges.iter().map(|range| ready.range(location, range));
        let ranges = ranges.collect::<Result<Vec<_>, _>>()?;
        let bytes = self.open_ranges(location, options, &ready, &ranges).await?;
        Ok((ready.opened().clone(), bytes))
    }

    /// The same from an object that is ready.
    pub(super) async fn open_ranges(
        &self,
        location: &Path,
        options: &GetOptions,
        ready: &Ready,
        ranges: &[Range<u64>],
    ) -> Result<Vec<Bytes>, Stop> {
        let opened = ready.opened();
        let frame_size = self.shared.layout.geometry.frame_size();
        let stream = opened.stream.fingerprint();
        let found = Found::look(&self.shared.frames, stream, frame_size, ranges);
        let mut plan = opened.plan(found.missing(), &self.shared.options.fetch);
        let wire: Vec<_> = plan.wire().collect();
        if wire.is_empty() && matches!(ready, Ready::Kept(_)) {
            self.still_there(location, options, opened).await?;
        }
        let fetches: Vec<_> =
            wire.iter().map(|range| self.fetch(location, options, ready, range)).collect();
        let fetched: Vec<Vec<u8>> = stream::iter(fetches).buffered(PARALLEL).try_collect().await?;
        for (range, bytes) in wire.iter().zip(fetched) {
            plan.supply(range.start, bytes);
        }
        let plaintext = match found.missing() {
            [] => None,
            runs => {
                let len = runs.iter().map(|run| run.end - run.start).sum();
                match opened.open(plan, len).await {
                    Ok(plaintext) => Some(plaintext),
                    Err(error) => return Err(opened.explain(&*self.inner, location, error).await),
                }
            }
        };
        if let Some(plaintext) = &plaintext {
            found.keep(&self.shared.frames, plaintext);
        }
        let pieces = ranges.iter().map(|range| found.copy(range, plaintext.as_ref()));
        pieces.collect::<Option<_>>().ok_or_else(|| {
            let error = crate::FormatError::Misuse("a range was not opened");
            Stop::stream(location.to_string(), error)
        })
    }

    /// Bytes of the object, from what came when it was opened or from the store below.
    async fn fetch(
        &self,
        location: &Path,
        options: &GetOptions,
        ready: &Ready,
        range: &Range<u64>,
    ) -> Result<Vec<u8>, Stop> {
        let (inner, pin) = (&*self.inner, &ready.opened().pin);
        let bytes = match ready {
            Ready::Fresh(fresh) => match fresh.held(range) {
                Some(bytes) => bytes,
                None => pin.fetch(inner, location, range.clone()).await?,
            },
            Ready::Kept(_) => {
                let request = pin.first_request(options, range.clone());
                let answer = pin.ask(inner, location, request, range).await?;
                body(location, answer, range).await?
            }
        };
        // A plan opens its frames where they lie, so it has to own them alone.
        Ok(bytes.into())
    }

    /// Asks whether an object that was kept open is still the one that is there.
    async fn still_there(
        &self,
        location: &Path,
        options: &GetOptions,
        opened: &Opened,
    ) -> Result<(), Stop> {
        let request = GetOptions { head: true, range: None, ..options.clone() };
        let answer = self.inner.get_opts(location, request).await?;
        match opened.pin.is_of(&answer.meta) {
            true => Ok(()),
            false => Err(Stop::replaced(location.to_string())),
        }
    }
}
