//! Sizes without reading the plaintext: lists and `head` (F-212).

use std::future::ready;

use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, stream};
use sv2_headers::{TRAILER_LEN, Trailer};
use sv2_stream::{
    KeyRing, KeyedHeader, OpeningOptions, copy_offset, judge_revision, judge_trailer,
};

use super::fault::{Stop, of_object};
use super::object_store;
use super::request::{MAX_ATTEMPTS, body, wrong_answer};
use super::{Shared, Sv2Store, get_result};
use object_store::path::Path;
use object_store::{
    Error, GetOptions, GetRange, GetResult, GetResultPayload, ObjectMeta, ObjectStore, Result,
};

use crate::{Foreign, FormatError, ObjectError, ObjectFault, Sizes, Unit, task};

/// Bytes of the end that a sealed size takes: header copy, index and trailer of some gigabytes.
const SUFFIX_LEN: u64 = 64 << 10;

impl Shared {
    /// The entry of a list with the plaintext's size; `None` for one that is hidden.
    pub(super) fn plain(&self, mut meta: ObjectMeta) -> Result<Option<ObjectMeta>> {
        match (self.layout.plaintext_len(meta.size), self.options.foreign) {
            (Some(len), _) => meta.size = len,
            (None, Foreign::PassUnauthenticated) => {}
            (None, Foreign::Hide) => return Ok(None),
            (None, Foreign::Refuse) => {
                let fault = ObjectFault::Foreign { len: meta.size };
                return Err(of_object(ObjectError::new(meta.location.to_string(), fault)));
            }
        }
        Ok(Some(meta))
    }
}

/// A result without a body.
fn without_body(meta: ObjectMeta, attributes: object_store::Attributes) -> GetResult {
    let payload = GetResultPayload::Stream(stream::empty().boxed());
    get_result(payload, meta, 0..0, attributes)
}

fn not_found(location: &Path) -> Error {
    let source = "the object is not a stream of this store, and such objects are hidden".into();
    Error::NotFound { path: location.to_string(), source }
}

impl<T: ObjectStore> Sv2Store<T> {
    pub(super) fn listed(
        &self,
        list: BoxStream<'static, Result<ObjectMeta>>,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        let shared = self.shared.clone();
        list.filter_map(move |meta| ready(meta.and_then(|meta| shared.plain(meta)).transpose()))
            .boxed()
    }

    /// Meta data and attributes, without a body.
    pub(super) async fn head(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        if self.shared.options.sizes == Sizes::Sealed {
            let mut attempts = 0;
            loop {
                attempts += 1;
                match self.sealed_head(location, &options).await {
                    Err(stop) if stop.is_stale() && attempts < MAX_ATTEMPTS => {}
                    Err(stop) if stop.is_foreign() => {
                        return self.foreign(location, options, stop.into()).await;
                    }
                    done => return Ok(done?),
                }
            }
        }
        let answer = self.inner.get_opts(location, options).await?;
        let (attributes, plain) = (answer.attributes, self.shared.plain(answer.meta)?);
        match plain {
            Some(meta) => Ok(without_body(meta, attributes)),
            None => Err(not_found(location)),
        }
    }

    /// The size that the seal has. One request where the end of the object has all that the seal
    /// needs; what does not judge there is opened as for a read.
    async fn sealed_head(&self, location: &Path, options: &GetOptions) -> Result<GetResult, Stop> {
        let range = Some(GetRange::Suffix(SUFFIX_LEN));
        let request = GetOptions { head: false, range, ..options.clone() };
        let answer = match self.inner.get_opts(location, request).await {
            Ok(answer) => Some(answer),
            // A store without ranges of the end, or an object without bytes.
            Err(Error::NotSupported { .. } | Error::Generic { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        if let Some(answer) = answer {
            let (mut meta, attributes) = (answer.meta.clone(), answer.attributes.clone());
            let range = meta.size.saturating_sub(SUFFIX_LEN)..meta.size;
            if answer.range != range {
                let found = answer.range.end.saturating_sub(answer.range.start);
                return Err(wrong_answer(location, &range, found).into());
            }
            let suffix = body(location, answer, &range).await?;
            let (shared, path) = (self.shared.clone(), location.to_string());
            let size = meta.size;
            let judged = task::start(move || shared.sealed_len(&path, size, &suffix));
            if let Some(len) = judged.await {
                meta.size = len;
                return Ok(without_body(meta, attributes));
            }
        }
        let options = GetOptions { head: false, range: None, ..options.clone() };
        let opened = self.open(location, &options).await?.opened;
        let mut meta = opened.pin.meta.clone();
        meta.size = opened.stream.len();
        Ok(without_body(meta, opened.attributes.clone()))
    }

    /// What a foreign object gets.
    pub(super) async fn foreign(
        &self,
        location: &Path,
        options: GetOptions,
        error: Error,
    ) -> Result<GetResult> {
        match self.shared.options.foreign {
            Foreign::Refuse => Err(error),
            Foreign::Hide => Err(not_found(location)),
            Foreign::PassUnauthenticated => self.inner.get_opts(location, options).boxed().await,
        }
    }
}

impl Shared {
    /// The plaintext's length from the end of an object, under header copy and seal; `None` where
    /// anything is amiss, for which an opening then has the right error.
    fn sealed_len(&self, path: &str, object_len: u64, suffix: &[u8]) -> Option<u64> {
        let start = object_len.checked_sub(suffix.len() as u64)?;
        let (_, bytes) = suffix.split_last_chunk::<TRAILER_LEN>()?;
        let trailer = Trailer::decode(bytes).ok()?;
        let at = copy_offset(object_len, &trailer)?;
        let from = usize::try_from(at.checked_sub(start)?).ok()?;
        let copy = suffix.get(from..from.checked_add(trailer.header_len as usize)?)?;
        let key = self.keys.read_key(path).ok()?;
        let source = key.source();
        let max = OpeningOptions::standard().max_segment_size;
        let mut ring = KeyRing::new(&source, &self.options.context, max);
        let mut judged = || -> Result<u64, FormatError> {
            let keyed = KeyedHeader::open(copy.to_vec(), &mut ring, Unit::HeaderCopy, at)?;
            let offset = object_len - TRAILER_LEN as u64;
            judge_trailer(&trailer, bytes, &keyed.header, &keyed.keys, offset)?;
            judge_revision(&trailer, &keyed.header)?;
            let is_own = self.check_profile(path, keyed.layout()).is_ok();
            let is_exact = keyed.layout().stream_len(trailer.plaintext_len) == Some(object_len);
            match is_own && is_exact {
                true => Ok(trailer.plaintext_len),
                false => Err(FormatError::Misuse("the length is not the sealed one")),
            }
        };
        judged().ok()
    }
}
