//! Requests to the store below, each pinned to the object that was opened.

use std::ops::Range;

use bytes::Bytes;

use super::fault::Stop;
use super::object_store;
use object_store::path::Path;
use object_store::{Error, GetOptions, GetRange, GetResult, ObjectMeta, ObjectStore};

use crate::{ObjectError, ObjectFault};

/// How often an object that is being replaced is opened anew before that is an error.
pub(super) const MAX_ATTEMPTS: usize = 4;

/// Which object it is that was opened.
#[derive(Debug, Clone)]
pub(super) struct Pin {
    pub(super) meta: ObjectMeta,
    /// The version that the caller asked for.
    version: Option<String>,
}

impl Pin {
    pub(super) fn new(meta: ObjectMeta, version: Option<String>) -> Self {
        Self { meta, version }
    }

    /// Whether an answer speaks of this object.
    pub(super) fn is_of(&self, meta: &ObjectMeta) -> bool {
        let same_time = || self.meta.last_modified == meta.last_modified;
        self.meta.size == meta.size
            && self.meta.e_tag == meta.e_tag
            && (self.meta.e_tag.is_some() || same_time())
    }

    /// A request that only this object answers.
    fn request(&self, range: Range<u64>) -> GetOptions {
        GetOptions {
            if_match: self.e_tag(),
            version: self.version.clone(),
            range: Some(GetRange::Bounded(range)),
            ..GetOptions::default()
        }
    }

    /// The tag to match; a weak one matches nothing where the store is strict.
    fn e_tag(&self) -> Option<String> {
        self.meta.e_tag.clone().filter(|tag| !tag.starts_with("W/"))
    }

    /// The caller's own request for these bytes, which only this object should answer. Where the
    /// caller has conditions that a tag would take the place of, the answer alone tells.
    pub(super) fn first_request(&self, caller: &GetOptions, range: Range<u64>) -> GetOptions {
        let has_own = caller.if_match.is_some() || caller.if_unmodified_since.is_some();
        let if_match = if has_own { caller.if_match.clone() } else { self.e_tag() };
        GetOptions { range: Some(GetRange::Bounded(range)), if_match, ..caller.clone() }
    }

    /// Fetches bytes of this object.
    pub(super) async fn fetch<T: ObjectStore>(
        &self,
        inner: &T,
        location: &Path,
        range: Range<u64>,
    ) -> Result<Bytes, Stop> {
        let request = self.request(range.clone());
        let answer = self.ask(inner, location, request, &range).await?;
        body(location, answer, &range).await
    }

    /// Sends a request for a range, and looks whether the answer is from this object.
    pub(super) async fn ask<T: ObjectStore>(
        &self,
        inner: &T,
        location: &Path,
        request: GetOptions,
        range: &Range<u64>,
    ) -> Result<GetResult, Stop> {
        let is_pinned = request.if_match.is_some() && request.if_match == self.meta.e_tag;
        let answer = inner.get_opts(location, request).await.map_err(|error| match error {
            Error::Precondition { .. } if is_pinned => Stop::replaced(location.to_string()),
            other => other.into(),
        })?;
        if !self.is_of(&answer.meta) {
            return Err(Stop::replaced(location.to_string()));
        }
        if answer.range != *range {
            return Err(wrong_answer(location, range, answer.range.end - answer.range.start).into());
        }
        Ok(answer)
    }
}

/// The bytes of an answer, which are as many as were asked for.
pub(super) async fn body(
    location: &Path,
    answer: GetResult,
    range: &Range<u64>,
) -> Result<Bytes, Stop> {
    let bytes = answer.bytes().await?;
    match bytes.len() as u64 == range.end - range.start {
        true => Ok(bytes),
        false => Err(wrong_answer(location, range, bytes.len() as u64).into()),
    }
}

pub(super) fn wrong_answer(location: &Path, range: &Range<u64>, found: u64) -> ObjectError {
    let wanted = range.end - range.start;
    ObjectError::new(location.to_string(), ObjectFault::Answer { wanted, found })
}
