//! The positional driver: workers that take item numbers.

use std::panic::{AssertUnwindSafe, catch_unwind};

use sv2_model::sync::Threads;
use sv2_model::{Cancellation, run_positional};

use crate::explore::Explorer;
use crate::jobs::{
    Census, End, Event, Events, Here, Stage, all_events, end_of, options, plain_loop, strike,
};

/// Runs a job. Complete means that each item has its result, in order.
fn job(threads: usize, items: u64, events: &Events, cancel: &Cancellation) -> End {
    let census = Census::default();
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        run_positional(
            options(threads, 1),
            cancel,
            items,
            || census.admit(),
            |_, item| strike(events, Stage::Work, item).map(|()| item * 3),
        )
    }));
    assert_eq!(census.live(), 0, "a worker's state is left");
    if let Ok(Ok((results, stats))) = &outcome {
        assert_eq!(*results, (0..items).map(|item| item * 3).collect::<Vec<_>>());
        assert_eq!(stats.items, items);
    }
    end_of(outcome)
}

#[test]
fn the_lowest_failure_decides_in_every_schedule() {
    let mut explorer = Explorer::new("positional, failures");
    for threads in [1, 2, 3] {
        for events in all_events(4, &[Stage::Work]) {
            explorer.model(20, Threads::default, move || {
                let end = job(threads, 4, &events, &Cancellation::new());
                assert_eq!(end, plain_loop(4, &events).1, "{events:?}");
            });
        }
    }
}

/// Every schedule there is, for two workers with two items.
#[test]
fn two_workers_agree_with_a_plain_loop_in_all_schedules() {
    let mut explorer = Explorer::new("positional, all schedules");
    for events in all_events(2, &[Stage::Work]) {
        let all = explorer.exhaust(20_000, Threads::without_anchor, move || {
            let end = job(2, 2, &events, &Cancellation::new());
            assert_eq!(end, plain_loop(2, &events).1, "{events:?}");
        });
        assert!(all, "there are more schedules than were allowed");
    }
}

/// A cancelled run names an item before which all are finished; a failure before it comes first.
#[test]
fn a_cancellation_at_any_moment_never_hides_an_earlier_failure() {
    let mut explorer = Explorer::new("positional, cancelled");
    for fail_at in [None, Some(0), Some(2)] {
        explorer.model(300, Threads::default, move || {
            let events: Events =
                fail_at.map(|at| ((at, Stage::Work), Event::Fail)).into_iter().collect();
            let cancel = Cancellation::new();
            let token = cancel.clone();
            let canceller = shuttle::thread::spawn(move || token.cancel());
            match job(2, 4, &events, &cancel) {
                End::Complete => assert_eq!(fail_at, None),
                End::Failed(here) => {
                    assert_eq!(Some(here), fail_at.map(|at| Here(Stage::Work, at)))
                }
                End::Cancelled(segment) => {
                    assert!(fail_at.is_none_or(|at| segment < at || segment < 4))
                }
                end => panic!("{end:?}"),
            }
            canceller.join().expect("it only sets a flag");
        });
    }
}

/// What was taken before a cancellation is finished, so nothing is missing in front of the item that
/// cancelled the run.
#[test]
fn a_run_that_an_item_cancels_stops_behind_it() {
    let mut explorer = Explorer::new("positional, cancelled by an item");
    for by in 0..3 {
        explorer.model(300, Threads::default, move || {
            let cancel = Cancellation::new();
            let token = cancel.clone();
            let work = |(): &mut (), item| {
                if item == by {
                    token.cancel();
                }
                Ok::<_, Here>(item)
            };
            let outcome = run_positional(options(2, 1), &cancel, 4, || (), work);
            match end_of(Ok(outcome)) {
                End::Complete => {}
                End::Cancelled(item) => assert!(item > by, "{item} is missing, {by} is not"),
                end => panic!("{end:?}"),
            }
        });
    }
}

#[test]
fn a_refused_thread_leaves_the_work_to_the_others() {
    let mut explorer = Explorer::new("positional, refused");
    let refused = || {
        let end = job(3, 4, &Events::new(), &Cancellation::new());
        assert_eq!(end, End::Complete);
    };
    explorer.model(100, || Threads::refusing(0), refused);
    explorer.model(100, || Threads::refusing(1), refused);
}
