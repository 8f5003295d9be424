//! How the segments of a call are moved: driver, threads and buffers are decided here and nowhere
//! else.

use std::num::NonZeroUsize;

use sv2_framing::StreamLayout;
use sv2_pipeline::{Cancellation, Fed, PipelineOptions, RunStats, run_inline, run_ordered};

use crate::error::pipeline_error;
use crate::pool::Lease;
use crate::{Driver, IoThreads, RunOptions, StreamError};

/// The segments that threads work on at the same time take at most this many bytes, or one thread
/// works alone: the header of a stream, which anybody can write, says how long segments are.
const WORKING_LEN: u64 = 1 << 30;
/// Buffers beyond one for each thread, the reader and the writer are only worth this much memory.
const SPARE_BUFFERS_LEN: u64 = 256 << 20;

/// What the two ends of a call allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ends {
    /// Both have offsets, so that segments are moved in any order.
    Places,
    /// At least one is read or written from front to back.
    Sequence,
    /// Workers read for themselves, and what they find is taken in order.
    Findings,
}

/// What a call may use, and its part of a pool where it shares one.
pub(crate) struct Drive<'r> {
    run: &'r RunOptions,
    layout: StreamLayout,
    buffer_len: u64,
    lease: Option<Lease>,
}

/// How the segments of a call are moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) driver: Driver,
    /// Threads and buffers, of which the inline driver needs none.
    pub(crate) options: PipelineOptions,
}

impl<'r> Drive<'r> {
    /// Waits for the memory of a segment, where the call shares a pool.
    pub(crate) fn begin(
        run: &'r RunOptions,
        layout: StreamLayout,
        plaintext_len: Option<u64>,
    ) -> Result<Self, StreamError> {
        Self::holding(1, run, layout, plaintext_len)
    }

    /// The same for a call that holds so many segments where others hold one.
    pub(crate) fn holding(
        segments: u64,
        run: &'r RunOptions,
        layout: StreamLayout,
        plaintext_len: Option<u64>,
    ) -> Result<Self, StreamError> {
        let full = layout.full_segment_len();
        // No stream that is too long for its geometry has come so far as to be measured.
        let max = layout.geometry.max_plaintext_len();
        let buffer_len =
            plaintext_len.map_or(full, |len| full.min(layout.segments_len(len.min(max))));
        let buffer_len = buffer_len.saturating_mul(segments);
        let lease =
            run.pool.as_ref().map(|pool| pool.lease(buffer_len, &run.cancel)).transpose()?;
        Ok(Self { run, layout, buffer_len, lease })
    }

    /// Decides how so many segments are moved; `None` is more than one, as far as is known.
    pub(crate) fn plan(&mut self, ends: Ends, segments: Option<u64>) -> Plan {
        let several = segments.is_none_or(|segments| segments > 1);
        let wish = self.run.driver;
        let one = PipelineOptions::for_threads(NonZeroUsize::MIN);
        let mut options = match several && wish != Some(Driver::Inline) {
            true => pipeline_options(self.run, &self.layout, segments),
            false => one,
        };
        if ends == Ends::Findings {
            // Nothing is read ahead, so a buffer more would only be memory to find.
            options.buffers = options.threads.saturating_add(1);
        }
        let wants_places = wish.map_or(several, |driver| driver == Driver::Positional);
        if ends == Ends::Places && wants_places {
            let options = self.share(options, Driver::Positional).unwrap_or(one);
            return Plan { driver: Driver::Positional, options };
        }
        // A single worker is mostly not worth the thread that its reader would be.
        let alone = match wish {
            Some(Driver::Ordered) => false,
            Some(Driver::Inline) => true,
            _ => {
                options.threads == NonZeroUsize::MIN
                    && (ends == Ends::Findings || self.run.io_threads == IoThreads::BesideSeveral)
            }
        };
        match self.share(options, Driver::Ordered) {
            Some(options) if several && !alone => Plan { driver: Driver::Ordered, options },
            _ => Plan { driver: Driver::Inline, options: one },
        }
    }

    /// What a pool has left of what a driver wants; `None` where that is one thread's work.
    fn share(&mut self, wanted: PipelineOptions, driver: Driver) -> Option<PipelineOptions> {
        let Some(lease) = &mut self.lease else { return Some(wanted) };
        let workers = wanted.threads.get();
        // The caller's thread is one of the positional driver's workers; it is the ordered
        // driver's sink, and its source has a thread too.
        let (least, threads, buffers) = match driver {
            Driver::Positional => (1, workers - 1, workers - 1),
            _ => (2, workers + 1, wanted.buffers.get() - 1),
        };
        let (threads, buffers) = lease.take(least, threads, buffers, self.buffer_len)?;
        let threads = match driver {
            Driver::Positional => threads.min(buffers) + 1,
            _ => threads - 1,
        };
        let buffers = NonZeroUsize::MIN.saturating_add(buffers);
        Some(PipelineOptions::new(NonZeroUsize::new(threads)?, buffers))
    }
}

impl Plan {
    /// Moves segments whose source and sink see them in order.
    pub(crate) fn in_order<J: Send, R: Send>(
        self,
        cancel: &Cancellation,
        source: impl FnMut(u64, Vec<u8>) -> Result<Fed<Vec<u8>, J>, StreamError> + Send,
        work: impl Fn(u64, J) -> Result<R, StreamError> + Sync,
        sink: impl FnMut(u64, R) -> Result<Vec<u8>, StreamError>,
    ) -> Result<RunStats, StreamError> {
        let ran = match self.driver {
            Driver::Inline => run_inline(cancel, Vec::new(), source, work, sink),
            _ => run_ordered(self.options, cancel, Vec::new, source, work, sink),
        };
        ran.map_err(pipeline_error)
    }
}

/// Threads and buffers: no more threads than segments, and spare buffers only while they are
/// small.
fn pipeline_options(
    run: &RunOptions,
    layout: &StreamLayout,
    segments: Option<u64>,
) -> PipelineOptions {
    let affordable = WORKING_LEN / layout.geometry.segment_size();
    let most = segments.map_or(affordable, |segments| affordable.min(segments));
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let most = NonZeroUsize::new(most).unwrap_or(NonZeroUsize::MIN);
    let mut options = PipelineOptions::for_threads(run.worker_threads().min(most));
    if options.buffers.get() as u64 * layout.full_segment_len() > SPARE_BUFFERS_LEN {
        options.buffers = options.threads.saturating_add(2);
    }
    options
}

#[cfg(test)]
mod tests {
    use sv2_headers::{DigestAlg, Geometry};

    use super::*;
    use crate::Pool;

    fn layout(frames_log2: u8) -> StreamLayout {
        let geometry = Geometry::new(16, frames_log2).expect("a legal geometry");
        StreamLayout { geometry, digest: DigestAlg::None, header_len: 1024 }
    }

    fn run(threads: usize) -> RunOptions {
        RunOptions { threads: NonZeroUsize::new(threads), ..RunOptions::automatic() }
    }

    /// Memory is found page by page, so that a buffer that nothing fills ahead only costs time.
    #[test]
    fn workers_that_read_for_themselves_have_one_buffer_more_than_they_are() {
        let run = run(4);
        let mut drive = Drive::begin(&run, layout(6), None).expect("no pool, no wait");
        let plan = |drive: &mut Drive<'_>, ends| drive.plan(ends, Some(100)).options.buffers.get();
        assert_eq!(plan(&mut drive, Ends::Sequence), 10);
        assert_eq!(plan(&mut drive, Ends::Findings), 5);
    }

    /// F-802: what a header says of segments does not multiply by the caller's threads.
    #[test]
    fn threads_are_as_few_as_large_segments_need() {
        let threads = |frames_log2: u8| {
            let options = pipeline_options(&run(16), &layout(frames_log2), None);
            (options.threads.get(), options.buffers.get())
        };
        assert_eq!(threads(0), (16, 34), "64 KiB");
        assert_eq!(threads(6), (16, 34), "4 MiB");
        assert_eq!(threads(9), (16, 18), "32 MiB");
        assert_eq!(threads(12), (4, 6), "256 MiB");
        assert_eq!(threads(14), (1, 3), "1 GiB");
    }

    #[test]
    fn the_driver_follows_from_ends_segments_threads_and_wish() {
        use Driver::{Inline, Ordered, Positional};
        use Ends::{Findings, Places, Sequence};
        let driver_with = |io_threads, ends, segments, threads, wish| {
            let run = RunOptions { driver: wish, io_threads, ..run(threads) };
            let mut drive = Drive::begin(&run, layout(0), None).expect("no pool, no wait");
            drive.plan(ends, segments).driver
        };
        let driver = |ends, segments, threads, wish| {
            driver_with(IoThreads::BesideSeveral, ends, segments, threads, wish)
        };
        let beside_any =
            |ends, segments, wish| driver_with(IoThreads::BesideAny, ends, segments, 1, wish);
        assert_eq!(beside_any(Sequence, None, None), Ordered);
        assert_eq!(beside_any(Sequence, Some(1), None), Inline);
        assert_eq!(beside_any(Sequence, None, Some(Inline)), Inline);
        assert_eq!(beside_any(Places, Some(2), None), Positional);
        // There is nothing to read or write beside a worker that reads for itself.
        assert_eq!(beside_any(Findings, Some(2), None), Inline);
        for (ends, segments, threads, wish, expected) in [
            (Places, Some(2), 4, None, Positional),
            (Places, Some(2), 1, None, Positional),
            (Places, Some(1), 4, None, Inline),
            (Places, Some(1), 4, Some(Positional), Positional),
            (Places, Some(2), 4, Some(Ordered), Ordered),
            (Places, Some(2), 4, Some(Inline), Inline),
            (Sequence, None, 4, None, Ordered),
            (Sequence, None, 1, None, Inline),
            (Sequence, None, 1, Some(Ordered), Ordered),
            (Sequence, None, 4, Some(Positional), Ordered),
            (Sequence, Some(1), 4, Some(Ordered), Inline),
            (Findings, Some(2), 4, None, Ordered),
        ] {
            let found = driver(ends, segments, threads, wish);
            assert_eq!(found, expected, "{ends:?} {segments:?} {threads} {wish:?}");
        }
    }

    #[test]
    fn calls_that_share_a_pool_stay_within_it() {
        let len = layout(0).full_segment_len();
        let run = RunOptions { pool: Some(Pool::new(5, 8 * len)), ..run(4) };
        let begin = || Drive::begin(&run, layout(0), None).expect("there is memory left");
        let (mut first, mut second, mut third) = (begin(), begin(), begin());
        // Of eight buffers three are begun with: four workers and a reader, and all that is left.
        let plan = first.plan(Ends::Sequence, None);
        assert_eq!((plan.driver, plan.options.threads.get()), (Driver::Ordered, 4));
        assert_eq!(plan.options.buffers.get(), 6);
        assert_eq!(second.plan(Ends::Sequence, None).driver, Driver::Inline);
        drop(first);
        let plan = third.plan(Ends::Places, Some(9));
        assert_eq!((plan.driver, plan.options.threads.get()), (Driver::Positional, 4));
    }

    /// A resumed encrypt reads what is there beside what it would seal.
    #[test]
    fn a_call_that_holds_two_segments_at_once_takes_both_of_a_pool() {
        let len = layout(0).full_segment_len();
        let run = RunOptions { pool: Some(Pool::new(5, 5 * len)), ..run(4) };
        let mut drive = Drive::holding(2, &run, layout(0), None).expect("there is memory left");
        let plan = drive.plan(Ends::Places, Some(9));
        assert_eq!(plan.options.threads.get(), 2, "two pairs fit, three do not");
        drop(drive);
        let run = RunOptions { pool: Some(Pool::new(5, len)), ..run };
        assert!(Drive::holding(2, &run, layout(0), None).is_err(), "a pair never fits");
    }

    #[test]
    fn a_segment_that_a_pool_never_has_room_for_is_a_limit() {
        let len = layout(0).full_segment_len();
        let run = RunOptions { pool: Some(Pool::new(1, len - 1)), ..run(1) };
        let refused = Drive::begin(&run, layout(0), None).map(drop);
        assert!(matches!(refused, Err(StreamError::Limit { value, .. }) if value == len));
        assert!(Drive::begin(&run, layout(0), Some(10)).is_ok(), "a short stream has room");
    }
}
