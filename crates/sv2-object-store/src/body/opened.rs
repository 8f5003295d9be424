//! An object that was opened, and what is kept of it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use sv2_core::fastest_backend;
use sv2_segment_worker::DecryptSegmentWorker;
use sv2_stream::{FetchPolicy, OpenedStream, Page, PageState, Plaintext, Plan};

use super::fault::Stop;
use super::object_store;
use super::request::Pin;
use object_store::path::Path;
use object_store::{Attributes, GetOptions, ObjectStore};

use crate::{FormatError, task};

/// Pages of the index that are kept for an object; each is at most 64 KiB.
const MAX_PAGES: usize = 64;
/// Plaintext that is opened where it is awaited: what takes less time than going elsewhere.
const AT_ONCE_LEN: u64 = 128 << 10;

/// Under what an opened object is kept.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct OpenedKey {
    path: String,
    version: Option<String>,
}

impl OpenedKey {
    /// The object that a path names now.
    pub(super) fn current(location: &Path) -> Self {
        Self { path: location.to_string(), version: None }
    }

    /// The object that a request names.
    pub(super) fn of(location: &Path, options: &GetOptions) -> Self {
        Self { path: location.to_string(), version: options.version.clone() }
    }
}

/// A sealed object, opened.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) stream: OpenedStream,
    pub(super) pin: Pin,
    pub(super) attributes: Attributes,
    worker: DecryptSegmentWorker,
    pages: Mutex<BTreeMap<u64, Page>>,
}

impl Opened {
    pub(super) fn new(stream: OpenedStream, pin: Pin, attributes: Attributes) -> Self {
        let worker = stream.worker(fastest_backend(stream.header().suite));
        Self { stream, pin, attributes, worker, pages: Mutex::default() }
    }

    fn pages(&self) -> MutexGuard<'_, BTreeMap<u64, Page>> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A plan that fetches the pages of the index that are not known.
    pub(super) fn plan(&self, ranges: &[Range<u64>], policy: &FetchPolicy) -> Plan {
        let known = self.pages();
        self.stream.plan(ranges, policy, |number| match known.get(&number) {
            Some(page) => PageState::Known(page.clone()),
            None => PageState::Missing,
        })
    }

    fn keep_pages(&self, pages: Vec<Page>) {
        let mut known = self.pages();
        if known.len() + pages.len() > MAX_PAGES {
            known.clear();
        }
        known.extend(pages.into_iter().map(|page| (page.number(), page)));
    }

    /// Opens a plan whose bytes are all there.
    ///
    /// What fails as altered may be damaged, or of another object: see [`Opened::explain`].
    pub(super) async fn open(
        self: &Arc<Self>,
        mut plan: Plan,
        plaintext_len: u64,
    ) -> Result<Plaintext, FormatError> {
        let opened = self.clone();
        let work = move || {
            let pages = plan.take_pages(&opened.stream)?;
            opened.keep_pages(pages);
            plan.open(&opened.stream, &opened.worker)
        };
        if plaintext_len <= AT_ONCE_LEN { work() } else { task::start(work).await }
    }

    /// Names the failure of a frame by its bytes and the trailer, both fetched once more
    /// (F-824, F-906).
    pub(super) async fn explain<T: ObjectStore>(
        &self,
        inner: &T,
        location: &Path,
        error: FormatError,
    ) -> Stop {
        let Some(frame) = self.stream.doubtful_frame(&error) else {
            return Stop::stream(location.to_string(), error);
        };
        let trailer = self.stream.trailer_range();
        let fetched = futures::future::try_join(
            self.pin.fetch(inner, location, trailer),
            self.pin.fetch(inner, location, frame),
        );
        let (trailer, frame): (Bytes, Bytes) = match fetched.await {
            Ok(fetched) => fetched,
            Err(stop) if stop.is_stale() => return stop,
            // The frame did not open; that it cannot be read now takes nothing away from that.
            Err(_) => return Stop::stream(location.to_string(), error),
        };
        let object_len = self.stream.object_len();
        let is_replaced = trailer[..]
            .try_into()
            .is_ok_and(|trailer| self.stream.is_replaced_by(object_len, trailer));
        match is_replaced {
            true => Stop::replaced(location.to_string()),
            false => Stop::stream(location.to_string(), self.stream.explain(error, &frame)),
        }
    }
}
