//! The counts and times of a run add up.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use sv2_pipeline::{Cancellation, Fed, RunStats, run_inline, run_ordered, run_positional};

use crate::support::options;
use crate::watchdog::watched;

/// Time that a callback measured itself, which the driver must have measured too.
#[derive(Default)]
struct Measured(Mutex<Duration>);

impl Measured {
    /// Does a little work, so that the time is not nothing.
    fn spend(&self) {
        let begun = Instant::now();
        let sum = (0..2000_u64).fold(0, |sum: u64, n| std::hint::black_box(sum.wrapping_add(n)));
        std::hint::black_box(sum);
        *self.0.lock().expect("no panic holds the lock") += begun.elapsed();
    }

    fn total(&self) -> Duration {
        *self.0.lock().expect("no panic holds the lock")
    }
}

fn check(stats: &RunStats, source: &Measured, work: &Measured, sink: &Measured, extra: u32) {
    assert_eq!(stats.items, 20);
    assert!(stats.source_time >= source.total() && stats.source_time <= stats.wall);
    assert!(stats.sink_time >= sink.total() && stats.sink_time <= stats.wall);
    let threads = u32::try_from(stats.threads).expect("a few threads");
    assert!(stats.work_time >= work.total() && stats.work_time <= stats.wall * threads);
    assert!(work.total() > Duration::ZERO, "the work was not measured at all");
    let sum = stats.source_time + stats.work_time + stats.sink_time + stats.waiting_time;
    assert!(sum <= stats.wall * (threads + extra), "{stats:?}");
}

#[test]
fn stage_times_cover_the_callbacks_and_fit_into_the_threads_wall_time() {
    watched(|| {
        for threads in [None, Some(1), Some(3)] {
            let (source, work, sink) = <(Measured, Measured, Measured)>::default();
            let cancel = Cancellation::new();
            let feed = |item, ()| -> Result<_, ()> {
                source.spend();
                Ok(if item < 20 { Fed::Job(()) } else { Fed::End(()) })
            };
            let labour = |_, ()| {
                work.spend();
                Ok(())
            };
            let drain = |_, ()| {
                sink.spend();
                Ok(())
            };
            let stats = match threads {
                Some(n) => run_ordered(options(n, 4), &cancel, || (), feed, labour, drain),
                None => run_inline(&cancel, (), feed, labour, drain),
            }
            .expect("nothing fails");
            assert_eq!(stats.threads, threads.unwrap_or(1));
            // The ordered driver has two threads more: the source's and the caller's.
            check(&stats, &source, &work, &sink, if threads.is_some() { 2 } else { 0 });
        }
    });
}

#[test]
fn positional_time_is_work_and_waiting_only() {
    watched(|| {
        for threads in [1, 3] {
            let (source, work, sink) = <(Measured, Measured, Measured)>::default();
            let labour = |(): &mut (), _| -> Result<(), ()> {
                work.spend();
                Ok(())
            };
            let cancel = Cancellation::new();
            let run = run_positional(options(threads, 1), &cancel, 20, || (), labour);
            let (_, stats) = run.expect("nothing fails");
            check(&stats, &source, &work, &sink, 0);
            assert_eq!(stats.source_time + stats.sink_time, Duration::ZERO);
        }
    });
}
