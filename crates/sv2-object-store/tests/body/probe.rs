//! A store in memory that counts what it is asked, and does what a test wants it to do.

use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};

use crate::{Sv2Store, object_store};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetRange, GetResult, GetResultPayload, ListResult,
    MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt, PutMultipartOptions, PutOptions,
    PutPayload, PutResult, RenameOptions, Result, UploadPart,
};
use sv2_object_store::{RawKey, StoreOptions, StreamKey};

/// A request that was made.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Asked {
    pub(crate) head: bool,
    pub(crate) range: Option<GetRange>,
    pub(crate) if_match: Option<String>,
    /// Bytes of the body.
    pub(crate) len: u64,
}

type Before = Box<dyn FnMut(usize) -> Option<Bytes> + Send>;
type Answer = Box<dyn FnMut(&mut ObjectMeta, &mut Bytes) + Send>;

/// The store; clones share everything.
#[derive(Clone, Default)]
pub(crate) struct Probe {
    pub(crate) memory: InMemory,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    log: Mutex<Vec<Asked>>,
    parts: Mutex<Vec<usize>>,
    in_flight: AtomicUsize,
    rounds: AtomicUsize,
    before: Mutex<Option<Before>>,
    answer: Mutex<Option<Answer>>,
    ignores_tags: AtomicBool,
    has_suffixes: AtomicBool,
    failing_part: AtomicUsize,
    aborted: AtomicBool,
}

impl Probe {
    pub(crate) fn new() -> Self {
        let probe = Self::default();
        probe.state.has_suffixes.store(true, SeqCst);
        probe
    }

    /// The requests since the last call of this, and the round trips that they took.
    pub(crate) fn take(&self) -> (usize, Vec<Asked>) {
        let rounds = self.state.rounds.swap(0, SeqCst);
        (rounds, std::mem::take(&mut *self.state.log.lock().unwrap()))
    }

    /// Bytes of the parts that were uploaded.
    pub(crate) fn parts(&self) -> Vec<usize> {
        self.state.parts.lock().unwrap().clone()
    }

    pub(crate) fn was_aborted(&self) -> bool {
        self.state.aborted.load(SeqCst)
    }

    /// Before the request of this number, from 0, the object's content becomes what is returned.
    pub(crate) fn before(&self, act: impl FnMut(usize) -> Option<Bytes> + Send + 'static) {
        *self.state.before.lock().unwrap() = Some(Box::new(act));
    }

    /// Changes what is answered.
    pub(crate) fn answer(&self, act: impl FnMut(&mut ObjectMeta, &mut Bytes) + Send + 'static) {
        *self.state.answer.lock().unwrap() = Some(Box::new(act));
    }

    /// Takes every object for the one that was asked for.
    pub(crate) fn ignore_tags(&self) {
        self.state.ignores_tags.store(true, SeqCst);
    }

    /// Refuses ranges of the end, as some stores do.
    pub(crate) fn refuse_suffixes(&self) {
        self.state.has_suffixes.store(false, SeqCst);
    }

    /// Fails the part of this number, from 1.
    pub(crate) fn fail_part(&self, part: usize) {
        self.state.failing_part.store(part, SeqCst);
    }

    /// The bytes of an object as they are stored.
    pub(crate) async fn stored(&self, path: &str) -> Bytes {
        self.memory.get(&Path::from(path)).await.unwrap().bytes().await.unwrap()
    }

    pub(crate) async fn store(&self, path: &str, bytes: impl Into<Bytes>) {
        self.memory.put(&Path::from(path), bytes.into().into()).await.unwrap();
    }
}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Probe")
    }
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Probe")
    }
}

#[async_trait]
impl ObjectStore for Probe {
    async fn get_opts(&self, location: &Path, mut options: GetOptions) -> Result<GetResult> {
        let state = &self.state;
        // What is asked for while nothing is under way begins a round trip.
        if state.in_flight.fetch_add(1, SeqCst) == 0 {
            state.rounds.fetch_add(1, SeqCst);
        }
        tokio::task::yield_now().await;
        let number = state.log.lock().unwrap().len();
        let new = state.before.lock().unwrap().as_mut().and_then(|act| act(number));
        if let Some(new) = new {
            self.memory.put(location, new.into()).await?;
        }
        let mut asked = Asked {
            head: options.head,
            range: options.range.clone(),
            if_match: options.if_match.clone(),
            len: 0,
        };
        if state.ignores_tags.load(SeqCst) {
            options.if_match = None;
        }
        let is_suffix = matches!(options.range, Some(GetRange::Suffix(_)));
        let done = if is_suffix && !state.has_suffixes.load(SeqCst) {
            Err(Error::NotSupported { source: "no ranges of the end".into() })
        } else {
            self.memory.get_opts(location, options).await
        };
        state.in_flight.fetch_sub(1, SeqCst);
        let mut result = match done {
            Ok(result) => result,
            Err(error) => {
                state.log.lock().unwrap().push(asked);
                return Err(error);
            }
        };
        let payload = std::mem::replace(
            &mut result.payload,
            GetResultPayload::Stream(stream::empty().boxed()),
        );
        let GetResultPayload::Stream(mut body) = payload else { unreachable!() };
        let mut bytes = if asked.head { Bytes::new() } else { body.next().await.unwrap()? };
        asked.len = bytes.len() as u64;
        state.log.lock().unwrap().push(asked);
        if state.ignores_tags.load(SeqCst) {
            result.meta.e_tag = Some("always".into());
        }
        if let Some(act) = state.answer.lock().unwrap().as_mut() {
            act(&mut result.meta, &mut bytes);
        }
        // In pieces, as a network brings them.
        let pieces: Vec<_> =
            bytes.chunks(100_000).map(|piece| Ok(bytes.slice_ref(piece))).collect();
        result.payload = GetResultPayload::Stream(stream::iter(pieces).boxed());
        Ok(result)
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.memory.get_ranges(location, ranges).await
    }

    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> Result<PutResult> {
        self.memory.put_opts(location, payload, opts).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let upload = self.memory.put_multipart_opts(location, opts).await?;
        Ok(Box::new(ProbeUpload { upload, state: self.state.clone() }))
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.memory.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.memory.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.memory.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.memory.copy_opts(from, to, options).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.memory.rename_opts(from, to, options).await
    }
}

struct ProbeUpload {
    upload: Box<dyn MultipartUpload>,
    state: Arc<State>,
}

impl fmt::Debug for ProbeUpload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProbeUpload")
    }
}

#[async_trait]
impl MultipartUpload for ProbeUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let mut parts = self.state.parts.lock().unwrap();
        parts.push(data.content_length());
        if parts.len() == self.state.failing_part.load(SeqCst) {
            let error = Error::Generic { store: "Probe", source: "the network is gone".into() };
            return Box::pin(async { Err(error) });
        }
        self.upload.put_part(data)
    }

    async fn complete(&mut self) -> Result<PutResult> {
        self.upload.complete().await
    }

    async fn abort(&mut self) -> Result<()> {
        self.state.aborted.store(true, SeqCst);
        self.upload.abort().await
    }
}

pub(crate) fn key(byte: u8) -> RawKey {
    RawKey(StreamKey::from_bytes([byte; 32]))
}

/// A store over a probe, under key 1.
pub(crate) fn store(probe: &Probe, options: StoreOptions) -> Sv2Store<Probe> {
    Sv2Store::new(probe.clone(), key(1), options)
}

/// Plaintext in which every place looks different.
pub(crate) fn painted(len: usize) -> Bytes {
    let word = |at: usize| (at as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes();
    (0..len.div_ceil(8)).flat_map(word).take(len).collect()
}
