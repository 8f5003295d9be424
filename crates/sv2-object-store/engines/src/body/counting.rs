//! A store that counts what it is asked to read.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;

use super::object_store;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result,
};

/// What was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// Requests without a body.
    pub heads: u64,
    /// Ranges and whole objects.
    pub reads: u64,
    /// Bytes of their bodies.
    pub bytes: u64,
}

/// The store; clones count together.
#[derive(Debug, Clone)]
pub struct Counting<T> {
    inner: Arc<T>,
    counts: Arc<[AtomicU64; 3]>,
}

impl<T> Counting<T> {
    /// Counts what is read of `inner`.
    pub fn new(inner: T) -> Self {
        Self { inner: Arc::new(inner), counts: Arc::default() }
    }

    /// The store below.
    pub fn inner(&self) -> &T {
        &self.inner
    }

    /// What was read since the last call of this.
    pub fn take(&self) -> Cost {
        let [heads, reads, bytes] = &*self.counts;
        let taken = |count: &AtomicU64| count.swap(0, Relaxed);
        Cost { heads: taken(heads), reads: taken(reads), bytes: taken(bytes) }
    }

    fn count(&self, reads: u64, bytes: u64) {
        self.counts[1].fetch_add(reads, Relaxed);
        self.counts[2].fetch_add(bytes, Relaxed);
    }
}

impl<T: fmt::Display> fmt::Display for Counting<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Counting({})", self.inner)
    }
}

#[async_trait]
impl<T: ObjectStore> ObjectStore for Counting<T> {
    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        if options.head {
            self.counts[0].fetch_add(1, Relaxed);
            return self.inner.get_opts(location, options).await;
        }
        let result = self.inner.get_opts(location, options).await;
        self.count(1, result.as_ref().map_or(0, |result| result.range.end - result.range.start));
        result
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let bytes = ranges.iter().map(|range| range.end - range.start).sum();
        self.count(ranges.len() as u64, bytes);
        self.inner.get_ranges(location, ranges).await
    }

    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> Result<PutResult> {
        self.inner.put_opts(location, payload, opts).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, opts).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.inner.rename_opts(from, to, options).await
    }
}
