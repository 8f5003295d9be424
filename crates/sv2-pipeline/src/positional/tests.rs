//! Failures that no callback can bring about: lost results, dying workers, refused threads.

use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Barrier;
use std::sync::atomic::AtomicUsize;

use super::*;
use crate::watchdog::watched;

const COUNT: u64 = 8;

fn options(threads: usize) -> PipelineOptions {
    PipelineOptions {
        threads: NonZeroUsize::new(threads).expect("not zero"),
        buffers: NonZeroUsize::MIN,
    }
}

fn ordinary(name: String) -> Builder {
    Builder::new().name(name)
}

/// A worker that does its items and loses the result of one.
fn lose(counter: &Counter, lost: u64) -> WorkerReport<u64, ()> {
    let mut report = take_items(counter, &Cancellation::new(), || (), |(), item| Ok::<_, ()>(item));
    report.results.retain(|(item, _)| *item != lost);
    report
}

#[test]
fn a_missing_result_is_a_lost_worker() {
    watched(|| {
        for threads in [1, 2, 3] {
            for lost in 0..COUNT {
                let result =
                    run_with(options(threads), COUNT, ordinary, |counter| lose(counter, lost));
                let Err(PipelineError::WorkerLost { segment }) = result else {
                    panic!("{result:?}");
                };
                assert_eq!(segment, lost);
            }
        }
    });
}

#[test]
fn a_result_given_twice_is_not_taken_for_two() {
    assert_eq!(in_order(vec![(1, 'b'), (0, 'a')], 2), Ok(vec!['a', 'b']));
    assert_eq!(in_order(vec![(0, 'a'), (0, 'a')], 2), Err(1));
    assert_eq!(in_order::<()>(vec![], 1), Err(0));
}

#[test]
fn a_panic_outside_the_callbacks_goes_on() {
    watched(|| {
        // Both workers hold an item at once, so the started one cannot miss its turn.
        let meeting = Barrier::new(2);
        let caller = std::thread::current().id();
        let payload = catch_unwind(AssertUnwindSafe(|| {
            run_with::<u64, ()>(options(2), 2, ordinary, |counter| {
                meeting.wait();
                if std::thread::current().id() != caller {
                    resume_unwind(Box::new("stray"));
                }
                lose(counter, COUNT)
            })
        }))
        .expect_err("the panic goes on");
        assert_eq!(payload.downcast_ref(), Some(&"stray"));
    });
}

#[test]
fn a_refused_thread_leaves_the_work_to_the_others() {
    watched(|| {
        for refused in 0..3 {
            let asked = AtomicUsize::new(0);
            let builder = |name| {
                let index = asked.fetch_add(1, Ordering::SeqCst);
                // No system grants a stack of half the address space.
                let builder = ordinary(name);
                if index == refused { builder.stack_size(usize::MAX / 2) } else { builder }
            };
            let result = run_with(options(4), 20, builder, |counter| {
                take_items(counter, &Cancellation::new(), || (), |(), item| Ok::<_, ()>(item))
            });
            let (results, stats) = result.expect("no failure");
            assert_eq!(results, (0..20).collect::<Vec<_>>());
            assert_eq!(stats.threads, refused + 1);
        }
    });
}

#[test]
fn a_failure_withdraws_the_numbers_behind_it_and_none_before() {
    let counter = Counter::new(COUNT);
    let fail_at_3 = |(): &mut (), item| if item == 3 { Err(()) } else { Ok(item) };
    let report = take_items(&counter, &Cancellation::new(), || (), fail_at_3);
    assert_eq!(report.results, [(0, 0), (1, 1), (2, 2)]);
    assert!(matches!(report.stop, Some((3, Stop::Failed(())))));
    assert!(!counter.horizon.is_before(3) && counter.horizon.is_before(4));
    assert_eq!(counter.take(), None);

    let counter = Counter::new(COUNT);
    counter.horizon.lower(1);
    assert_eq!([counter.take(), counter.take(), counter.take()], [Some(0), Some(1), None]);
}
