//! Uploads by parts: whole segments are sealed as their bytes come, and leave in equal parts.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::FutureExt;
use futures::future::{BoxFuture, try_join_all};
use sv2_stream::{Receipt, StreamSealer};
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::fault::{in_part, of_object};
use super::object_store;
use object_store::{MultipartUpload, PutPayload, PutResult, Result, UploadPart};

use crate::backlog::Backlog;
use crate::sealing::{Sealed, seal};
use crate::{FormatError, ObjectError, ObjectFault, task};

/// The least that a part may have in the stores that have parts.
const MIN_PART_SIZE: u64 = 5 << 20;

/// The segments of one of the caller's parts; sealing began when the part came.
type Job = BoxFuture<'static, std::result::Result<Sealed, FormatError>>;

/// An object that is being written.
///
/// Parts of the caller are sealed side by side and may be awaited in any order. Those of the store
/// below are cut from the stream by bytes, so that they are equally long whatever the caller's are.
pub(super) struct Upload {
    path: String,
    sealer: Arc<StreamSealer>,
    part_size: u64,
    /// Plaintext that is not a whole segment yet.
    plaintext: Backlog,
    /// The next segment, and the parts that came so far.
    segment: u64,
    parts: usize,
    jobs: UnboundedSender<Job>,
    line: Arc<Mutex<Line>>,
}

/// Where sealed segments stand in the order of the stream, on their way to the store below.
struct Line {
    upload: Box<dyn MultipartUpload>,
    jobs: UnboundedReceiver<Job>,
    /// The job that is awaited: here and not on a stack, since whoever awaits it may go away.
    current: Option<Job>,
    /// Parts of the caller that went through.
    done: usize,
    /// Wire bytes that are not a whole part yet.
    wire: Backlog,
    receipts: Vec<Receipt>,
    /// Parts of the store below that were not awaited yet, by the part of the caller that filled
    /// them.
    uploads: BTreeMap<usize, Vec<UploadPart>>,
    /// Parts of the caller of which everything that filled a part below is stored.
    stored: BTreeSet<usize>,
    is_over: bool,
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload")
            .field("path", &self.path)
            .field("parts", &self.parts)
            .finish_non_exhaustive()
    }
}

impl Upload {
    pub(super) fn new(
        path: String,
        sealer: StreamSealer,
        upload: Box<dyn MultipartUpload>,
        part_size: u64,
    ) -> Self {
        let (sender, jobs) = unbounded_channel();
        let mut line = Line {
            upload,
            jobs,
            current: None,
            done: 0,
            wire: Backlog::default(),
            receipts: Vec::new(),
            uploads: BTreeMap::new(),
            stored: BTreeSet::new(),
            is_over: false,
        };
        line.wire.push(Bytes::copy_from_slice(sealer.header()));
        Self {
            path,
            sealer: Arc::new(sealer),
            part_size: part_size.max(MIN_PART_SIZE),
            plaintext: Backlog::default(),
            segment: 0,
            parts: 0,
            jobs: sender,
            line: Arc::new(Mutex::new(line)),
        }
    }

    fn fault(&self, fault: ObjectFault) -> object_store::Error {
        of_object(ObjectError::new(self.path.clone(), fault))
    }

    /// Begins to seal plaintext from the next segment on.
    fn start(&self, plaintext: Vec<Bytes>) -> Job {
        let (sealer, first) = (self.sealer.clone(), self.segment);
        task::start(move || seal(&sealer, first, plaintext))
    }
}

#[async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.parts += 1;
        if self.parts == 1 {
            // Whoever makes long parts counts on few of them.
            self.part_size = self.part_size.max(data.content_length() as u64);
        }
        data.into_iter().for_each(|chunk| self.plaintext.push(chunk));
        let segments = self.plaintext.len() / self.sealer.layout().geometry.segment_size();
        let whole = self.plaintext.take(segments * self.sealer.layout().geometry.segment_size());
        let job = self.start(whole);
        self.segment += segments;
        // The line has the other end for as long as this has one.
        let _ = self.jobs.send(job);
        let (line, path) = (self.line.clone(), self.path.clone());
        let (part, part_size) = (self.parts, self.part_size);
        async move {
            let mut turn = line.lock().await;
            turn.advance(&path, part, part_size).await?;
            let uploads = turn.uploads.remove(&part).unwrap_or_default();
            drop(turn);
            try_join_all(uploads).await.map_err(|error| in_part(&path, part, error))?;
            line.lock().await.stored.insert(part);
            Ok(())
        }
        .boxed()
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let shared = self.line.clone();
        let mut line = shared.lock().await;
        if line.is_over {
            return Err(self.fault(ObjectFault::UploadOver));
        }
        if let Some(part) = (1..=self.parts).find(|part| !line.stored.contains(part)) {
            return Err(self.fault(ObjectFault::Part { part, source: None }));
        }
        // What fails from here on cannot be done again: segments leave once.
        line.is_over = true;
        let refused = |error| of_object(ObjectError::stream(self.path.clone(), error));
        let rest = self.plaintext.take(u64::MAX);
        let (wire, receipts) = self.start(rest).await.map_err(refused)?;
        line.receipts.extend(receipts);
        let receipts = std::mem::take(&mut line.receipts);
        let (tail, _) = self.sealer.finish(receipts).map_err(refused)?;
        wire.into_iter().chain([Bytes::from(tail)]).for_each(|chunk| line.wire.push(chunk));
        let mut uploads = line.cut(self.part_size);
        let last = line.wire.take(u64::MAX);
        if !last.is_empty() {
            uploads.push(line.upload.put_part(PutPayload::from_iter(last)));
        }
        let part = self.parts + 1;
        try_join_all(uploads).await.map_err(|error| in_part(&self.path, part, error))?;
        line.upload.complete().await
    }

    async fn abort(&mut self) -> Result<()> {
        let mut line = self.line.lock().await;
        line.is_over = true;
        line.current = None;
        line.jobs.close();
        line.uploads.clear();
        line.upload.abort().await
    }
}

impl Line {
    /// Hands what the first `until` parts of the caller filled to the store below.
    async fn advance(&mut self, path: &str, until: usize, part_size: u64) -> Result<()> {
        while self.done < until {
            if self.current.is_none() {
                self.current = self.jobs.try_recv().ok();
            }
            let Some(job) = self.current.as_mut().filter(|_| !self.is_over) else {
                let error = ObjectError::new(path, ObjectFault::UploadOver);
                return Err(of_object(error));
            };
            let sealed = job.await;
            self.current = None;
            self.done += 1;
            let (wire, receipts) = match sealed {
                Ok(sealed) => sealed,
                Err(error) => {
                    // The stream has a hole now.
                    self.is_over = true;
                    return Err(of_object(ObjectError::stream(path, error)));
                }
            };
            self.receipts.extend(receipts);
            wire.into_iter().for_each(|chunk| self.wire.push(chunk));
            let uploads = self.cut(part_size);
            self.uploads.insert(self.done, uploads);
        }
        Ok(())
    }

    /// Whole parts of what lies there; the tail comes behind them.
    fn cut(&mut self, part_size: u64) -> Vec<UploadPart> {
        let mut uploads = Vec::new();
        while self.wire.len() >= part_size {
            let part = PutPayload::from_iter(self.wire.take(part_size));
            uploads.push(self.upload.put_part(part));
        }
        uploads
    }
}
