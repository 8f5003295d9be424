//! The ordered driver: a source, workers and a sink.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

use sv2_model::sync::{Threads, started};
use sv2_model::{Cancellation, Fed, PipelineOptions, run_ordered};

use crate::explore::Explorer;
use crate::jobs::{
    Census, Counted, End, Event, Events, STAGES, Stage, all_events, end_of, options, plain_loop,
    strike,
};

/// Runs a job and looks at everything but its end: the sink sees the right values in order, no
/// more buffers than allowed are made, and nothing is left.
fn job(options: PipelineOptions, items: u64, events: &Events, cancel: &Cancellation) -> (u64, End) {
    let census = Census::default();
    let made = AtomicUsize::new(0);
    let mut delivered = 0;
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        run_ordered(
            options,
            cancel,
            || {
                made.fetch_add(1, Ordering::SeqCst);
                census.admit()
            },
            |item, buffer| {
                strike(events, Stage::Source, item)?;
                let job = |buffer| Fed::Job((buffer, item + 100));
                Ok(if item < items { job(buffer) } else { Fed::End(buffer) })
            },
            |item, (buffer, value): (Counted, u64)| {
                strike(events, Stage::Work, item)?;
                assert_eq!(value, item + 100, "the job of another item");
                Ok((buffer, value * 2))
            },
            |item, (buffer, value)| {
                strike(events, Stage::Sink, item)?;
                assert_eq!((item, value), (delivered, item * 2 + 200), "out of order");
                delivered += 1;
                Ok(buffer)
            },
        )
    }));
    assert_eq!(census.live(), 0, "a buffer is left");
    assert!(made.into_inner() <= options.buffers.get(), "too many buffers");
    (delivered, end_of(outcome))
}

/// One failure or panic, and each two of them, at every stage of every item: the first in stream
/// order decides, everything before it is delivered and nothing behind.
#[test]
fn the_first_failure_in_stream_order_decides_in_every_schedule() {
    let mut explorer = Explorer::new("ordered, failures");
    for (threads, buffers) in [(1, 1), (2, 2), (2, 3)] {
        for events in all_events(3, &STAGES) {
            explorer.model(6, Threads::default, move || {
                let outcome = job(options(threads, buffers), 3, &events, &Cancellation::new());
                assert_eq!(outcome, plain_loop(3, &events), "{events:?}");
            });
        }
    }
}

/// More items than buffers and more threads than items: all is delivered, and the source's end or
/// its error in place of the end is told from a loss.
#[test]
fn nothing_is_lost_and_nothing_waits_forever() {
    let mut explorer = Explorer::new("ordered, whole");
    for (threads, buffers, items) in [(1, 1, 4), (2, 1, 3), (3, 2, 2), (3, 4, 5), (2, 4, 0)] {
        for events in [Events::new(), Events::from([((items, Stage::Source), Event::Fail)])] {
            explorer.model(100, Threads::default, move || {
                let outcome = job(options(threads, buffers), items, &events, &Cancellation::new());
                assert_eq!(outcome, plain_loop(items, &events));
            });
        }
    }
}

/// Another thread cancels at any moment: the run is whole, or it ends with what came first, and the
/// position of a cancellation is the number of items delivered.
#[test]
fn a_cancellation_at_any_moment_names_the_first_item_that_was_not_delivered() {
    let mut explorer = Explorer::new("ordered, cancelled");
    for fail_at in [None, Some((2, Stage::Work)), Some((1, Stage::Sink))] {
        let events: Events = fail_at.map(|at| (at, Event::Fail)).into_iter().collect();
        for (threads, buffers) in [(1, 1), (2, 3)] {
            let events = events.clone();
            explorer.model(150, Threads::default, move || {
                let cancel = Cancellation::new();
                let token = cancel.clone();
                let canceller = shuttle::thread::spawn(move || token.cancel());
                let (delivered, end) = job(options(threads, buffers), 3, &events, &cancel);
                let (most, whole) = plain_loop(3, &events);
                match end {
                    End::Cancelled(segment) => {
                        assert_eq!(segment, delivered);
                        assert!(delivered <= most);
                    }
                    end => assert_eq!((delivered, end), (most, whole)),
                }
                canceller.join().expect("it only sets a flag");
            });
        }
    }
}

/// The system refuses the thread with each number: the others do the work, or the caller's does.
#[test]
fn a_refused_thread_leaves_the_work_to_the_others() {
    let mut explorer = Explorer::new("ordered, refused");
    explorer.model(50, || Threads::refusing(0), refused);
    explorer.model(50, || Threads::refusing(1), refused);
    explorer.model(50, || Threads::refusing(2), refused);
}

fn refused() {
    let outcome = job(options(2, 2), 3, &Events::new(), &Cancellation::new());
    assert_eq!(outcome, (3, End::Complete));
}

/// A job whose drop panics on a worker, because an earlier item has failed: that failure is still
/// the one reported, and the worker's tasks are still taken.
#[test]
fn a_panic_outside_the_callbacks_neither_hangs_nor_hides_an_earlier_failure() {
    struct Grenade(bool);
    impl Drop for Grenade {
        fn drop(&mut self) {
            if self.0 && !std::thread::panicking() {
                std::panic::resume_unwind(Box::new("stray"));
            }
        }
    }
    let mut explorer = Explorer::new("ordered, stray panics");
    explorer.model(300, Threads::default, || {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            run_ordered(
                options(2, 4),
                &Cancellation::new(),
                || (),
                |item, ()| Ok(if item < 4 { Fed::Job(Grenade(item > 0)) } else { Fed::End(()) }),
                |item, mut job| {
                    job.0 = false;
                    if item == 0 { Err("first") } else { Ok(()) }
                },
                |_, ()| Ok(()),
            )
        }));
        let Ok(Err(sv2_model::PipelineError::Failed("first"))) = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!(started().live(), 0, "a thread is left when the driver returns");
    });
}

/// Every schedule of the smallest job whose threads meet: one item, one worker, one buffer.
#[test]
fn the_smallest_job_holds_in_the_schedules_that_come_first() {
    let mut explorer = Explorer::new("ordered, depth first");
    for events in all_events(1, &STAGES) {
        explorer.exhaust(500, Threads::default, move || {
            let outcome = job(options(1, 1), 1, &events, &Cancellation::new());
            assert_eq!(outcome, plain_loop(1, &events));
        });
    }
}
