//! Long ranges: one request, opened segment by segment as its bytes come.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt, stream};
use sv2_framing::FrameIndex;
use sv2_stream::{FetchPolicy, Plan};

use super::fault::Stop;
use super::object_store;
use super::opened::Opened;
use super::ranges::Ready;
use super::request::wrong_answer;
use super::{Sv2Store, WHOLE_LEN, get_result};
use object_store::path::Path;
use object_store::{GetOptions, GetResult, GetResultPayload, ObjectStore, Result};

use crate::FormatError;

/// Windows that are opened at the same time.
const PARALLEL: usize = 4;

/// What is left of a range, and the bytes of the request that brings it.
struct Scan<T> {
    inner: Arc<T>,
    location: Path,
    opened: Arc<Opened>,
    /// The plaintext that was not opened yet.
    left: Range<u64>,
    body: BoxStream<'static, Result<Bytes>>,
    /// Where in the object the next byte of the body is, and what of the body came too early.
    at: u64,
    chunk: Bytes,
}

impl<T: ObjectStore> Sv2Store<T> {
    /// A read of one range, or of the whole object.
    pub(super) async fn read(
        &self,
        location: &Path,
        options: &GetOptions,
    ) -> Result<GetResult, Stop> {
        let ready = self.ready(location, options).await?;
        let opened = ready.opened().clone();
        let range = match &options.range {
            Some(range) => ready.range(location, range)?,
            None => 0..opened.stream.len(),
        };
        let payload = if range.end - range.start <= WHOLE_LEN {
            let ranges = std::slice::from_ref(&range);
            let bytes = self.open_ranges(location, options, &ready, ranges).await?;
            stream::iter(bytes.into_iter().map(Ok)).boxed()
        } else {
            self.scan(location, options, &ready, range.clone()).await?
        };
        let mut meta = opened.pin.meta.clone();
        meta.size = opened.stream.len();
        let payload = GetResultPayload::Stream(payload);
        Ok(get_result(payload, meta, range, opened.attributes.clone()))
    }

    /// Sends the request for a long range, and opens what comes as it is asked for.
    async fn scan(
        &self,
        location: &Path,
        options: &GetOptions,
        ready: &Ready,
        range: Range<u64>,
    ) -> Result<BoxStream<'static, Result<Bytes>>, Stop> {
        let opened = ready.opened().clone();
        let wire = wire_of(&opened, &range);
        let request = match ready {
            // The conditions were met when it was opened.
            Ready::Fresh(_) => {
                let version = options.version.clone();
                let caller = GetOptions { version, ..GetOptions::default() };
                opened.pin.first_request(&caller, wire.clone())
            }
            Ready::Kept(_) => opened.pin.first_request(options, wire.clone()),
        };
        let answer = opened.pin.ask(&*self.inner, location, request, &wire).await?;
        let scan = Scan {
            inner: self.inner.clone(),
            location: location.clone(),
            opened,
            left: range,
            body: answer.into_stream(),
            at: wire.start,
            chunk: Bytes::new(),
        };
        let windows = stream::try_unfold(scan, |mut scan| async move {
            let Some(window) = scan.next_window() else { return Ok(None) };
            let plan = scan.fetched(&window).await?;
            let (opened, inner) = (scan.opened.clone(), scan.inner.clone());
            let location = scan.location.clone();
            let open = async move { open(&*inner, &location, &opened, window, plan).await };
            Ok::<_, object_store::Error>(Some((open, scan)))
        });
        Ok(windows.try_buffered(PARALLEL).boxed())
    }
}

/// Where in the object the frames of a plaintext range are, from the first to the last.
fn wire_of(opened: &Opened, range: &Range<u64>) -> Range<u64> {
    let (layout, len) = (opened.stream.layout, opened.stream.len());
    let frame = |offset| {
        let at = layout.position(offset);
        let start = layout.segment_offset(at.segment);
        let segment = layout.segment_layout(len, at.segment);
        let within = segment.map_or(0..0, |segment| segment.frame(FrameIndex(at.frame.0)));
        start + within.start as u64..start + within.end as u64
    };
    frame(range.start).start..frame(range.end - 1).end
}

/// Opens a window; the bytes of its frames are there.
async fn open<T: ObjectStore>(
    inner: &T,
    location: &Path,
    opened: &Arc<Opened>,
    window: Range<u64>,
    plan: Plan,
) -> Result<Bytes> {
    let plaintext = match opened.open(plan, window.end - window.start).await {
        Ok(plaintext) => plaintext,
        Err(error) => return Err(opened.explain(inner, location, error).await.into()),
    };
    // A window is no longer than a segment.
    let mut bytes = vec![0; (window.end - window.start) as usize];
    match plaintext.copy_to(window.start, &mut bytes) == bytes.len() {
        true => Ok(bytes.into()),
        false => {
            let error = FormatError::Misuse("a window was not opened");
            Err(Stop::stream(location.to_string(), error).into())
        }
    }
}

impl<T: ObjectStore> Scan<T> {
    /// The plaintext up to the end of the next segment.
    fn next_window(&mut self) -> Option<Range<u64>> {
        let start = self.left.start;
        if start >= self.left.end {
            return None;
        }
        let segment_size = self.opened.stream.layout.geometry.segment_size();
        let end = (start / segment_size + 1).saturating_mul(segment_size).min(self.left.end);
        self.left.start = end;
        Some(start..end)
    }

    /// The plan of a window with its bytes: the frames from the body, and a page of the index that
    /// is not known yet by a request of its own.
    async fn fetched(&mut self, window: &Range<u64>) -> Result<Plan, Stop> {
        let policy = FetchPolicy::standard().max_len(u64::MAX).join_gap(0);
        let mut plan = self.opened.plan(std::slice::from_ref(window), &policy);
        let frames = wire_of(&self.opened, window);
        for range in plan.wire().collect::<Vec<_>>() {
            let bytes = if range == frames {
                self.next_of_body(&range).await?
            } else {
                self.opened.pin.fetch(&*self.inner, &self.location, range.clone()).await?.into()
            };
            plan.supply(range.start, bytes);
        }
        Ok(plan)
    }

    /// Takes a range from the body, which brings all of them in order.
    async fn next_of_body(&mut self, range: &Range<u64>) -> Result<Vec<u8>, Stop> {
        // As long as a segment at most.
        let len = (range.end - range.start) as usize;
        let mut bytes = Vec::with_capacity(len);
        while bytes.len() < len {
            if self.chunk.is_empty() {
                match self.body.try_next().await? {
                    Some(chunk) => self.chunk = chunk,
                    None => {
                        let found = bytes.len() as u64;
                        return Err(wrong_answer(&self.location, range, found).into());
                    }
                }
                continue;
            }
            let skip = (range.start.saturating_sub(self.at)).min(self.chunk.len() as u64) as usize;
            let count = (self.chunk.len() - skip).min(len - bytes.len());
            bytes.extend_from_slice(&self.chunk[skip..skip + count]);
            self.chunk = self.chunk.split_off(skip + count);
            self.at += (skip + count) as u64;
        }
        Ok(bytes)
    }
}
