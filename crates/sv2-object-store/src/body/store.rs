//! The store: every method of the trait, each a few lines over the modules below.

mod fault;
mod meta;
mod open;
mod opened;
mod ranges;
mod request;
mod scan;
mod upload;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use quick_cache::sync::Cache;
use sv2_core::StreamLayout;

use super::{get_result, object_store};
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetRange, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result,
};

use crate::frames::FrameCache;
use crate::{KeyProvider, ObjectError, ObjectFault, StoreOptions, sealing, task};
use fault::of_object;
use opened::{Opened, OpenedKey};
use request::MAX_ATTEMPTS;
use upload::Upload;

/// Ranges of no more bytes than this are fetched and opened at once; longer ones as a stream.
const WHOLE_LEN: u64 = 4 << 20;

/// A store whose objects are sealed streams, over any other store.
///
/// Sizes, ranges and contents are those of the plaintext; paths, times, tags, attributes and
/// versions are those of the other store, and so are copies, renames and deletions, which need no
/// key. Cheap to clone.
pub struct Sv2Store<T> {
    inner: Arc<T>,
    shared: Arc<Shared>,
}

/// What all clones of a store have in common.
struct Shared {
    keys: Arc<dyn KeyProvider>,
    options: StoreOptions,
    layout: StreamLayout,
    opened: Cache<OpenedKey, Arc<Opened>>,
    frames: FrameCache,
}

impl<T: ObjectStore> Sv2Store<T> {
    /// A store over `inner` with these keys.
    #[must_use]
    pub fn new(inner: T, keys: impl KeyProvider, options: StoreOptions) -> Self {
        Self::shared(Arc::new(inner), Arc::new(keys), options)
    }

    /// The same from parts that others hold as well.
    #[must_use]
    pub fn shared(inner: Arc<T>, keys: Arc<dyn KeyProvider>, mut options: StoreOptions) -> Self {
        let header_len = options.header_len.unwrap_or_else(|| keys.header_len());
        options.header_len = Some(header_len);
        let layout =
            StreamLayout { geometry: options.geometry, digest: options.digest, header_len };
        let opened = Cache::new(options.kept_open);
        let frames = FrameCache::new(options.frame_cache, options.geometry.frame_size());
        let shared = Arc::new(Shared { keys, options, layout, opened, frames });
        Self { inner, shared }
    }

    /// The store below, which holds ciphertext.
    #[must_use]
    pub fn inner(&self) -> &T {
        &self.inner
    }

    /// Plaintext bytes of an object of `len` bytes under this store's profile; `None` where no
    /// stream has that length.
    #[must_use]
    pub fn plaintext_len(&self, len: u64) -> Option<u64> {
        self.shared.layout.plaintext_len(len)
    }

    /// What was known of the object at this path no longer holds.
    fn forget(&self, location: &Path) {
        self.shared.opened.remove(&OpenedKey::current(location));
    }
}

impl<T> Clone for Sv2Store<T> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), shared: self.shared.clone() }
    }
}

impl<T: fmt::Display> fmt::Display for Sv2Store<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sv2Store({})", self.inner)
    }
}

impl<T: fmt::Debug> fmt::Debug for Sv2Store<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sv2Store")
            .field("inner", &self.inner)
            .field("keys", &self.shared.keys)
            .field("layout", &self.shared.layout)
            .finish_non_exhaustive()
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<T: ObjectStore> ObjectStore for Sv2Store<T> {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> Result<PutResult> {
        let (shared, path) = (self.shared.clone(), location.to_string());
        let plaintext = payload.into_iter().collect();
        let sealed =
            task::start(move || sealing::whole(&path, &*shared.keys, &shared.options, plaintext));
        let object = sealed.await.map_err(of_object)?;
        let done = self.inner.put_opts(location, PutPayload::from_iter(object), opts).await;
        self.forget(location);
        done
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let (shared, path) = (self.shared.clone(), location.to_string());
        let begun = task::start(move || sealing::begin(&path, &*shared.keys, &shared.options));
        let sealer = begun.await.map_err(of_object)?;
        let upload = self.inner.put_multipart_opts(location, opts).await?;
        let part_size = self.shared.options.part_size;
        Ok(Box::new(Upload::new(location.to_string(), sealer, upload, part_size)))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        if options.head {
            return self.head(location, options).await;
        }
        let mut attempts = 0;
        loop {
            attempts += 1;
            match self.read(location, &options).await {
                Err(error) if error.is_stale() && attempts < MAX_ATTEMPTS => self.forget(location),
                Err(error) if error.is_foreign() => {
                    return self.foreign(location, options, error.into()).await;
                }
                done => return Ok(done?),
            }
        }
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let wanted: Vec<_> = ranges.iter().cloned().map(GetRange::Bounded).collect();
        let options = GetOptions::default();
        let mut attempts = 0;
        loop {
            attempts += 1;
            match self.read_ranges(location, &wanted, &options).await {
                Err(error) if error.is_stale() && attempts < MAX_ATTEMPTS => self.forget(location),
                Err(error) if error.is_foreign() => {
                    // Whether the bytes may be seen at all, `foreign` decides.
                    self.foreign(location, GetOptions { head: true, ..options }, error.into())
                        .await?;
                    return self.inner.get_ranges(location, ranges).await;
                }
                done => return Ok(done?.1),
            }
        }
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let shared = self.shared.clone();
        let locations = locations.inspect(move |location| {
            if let Ok(location) = location {
                shared.opened.remove(&OpenedKey::current(location));
            }
        });
        self.inner.delete_stream(locations.boxed())
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.listed(self.inner.list(prefix))
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.listed(self.inner.list_with_offset(prefix, offset))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let mut list = self.inner.list_with_delimiter(prefix).await?;
        let objects = std::mem::take(&mut list.objects).into_iter();
        let objects = objects.filter_map(|meta| self.shared.plain(meta).transpose());
        list.objects = objects.collect::<Result<_>>()?;
        Ok(list)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let done = self.inner.copy_opts(from, to, options).await;
        self.forget(to);
        done
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        let done = self.inner.rename_opts(from, to, options).await;
        self.forget(from);
        self.forget(to);
        done
    }
}

/// The fault of a range that is not one of the plaintext.
fn range_of(
    location: &Path,
    range: &GetRange,
    len: u64,
) -> std::result::Result<Range<u64>, ObjectError> {
    range
        .as_range(len)
        .map_err(|error| ObjectError::new(location.to_string(), ObjectFault::Range(error.into())))
}
