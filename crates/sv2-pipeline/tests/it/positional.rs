//! The positional driver: results in item order, the lowest failure wins.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Barrier, Mutex};
use std::thread;

use proptest::collection::btree_map;
use proptest::prelude::*;
use sv2_pipeline::{Cancellation, PipelineError, run_positional};

use crate::support::{Census, Event, Here, Roll, Stage, THREADS, options, raise};
use crate::watchdog::watched;

#[test]
fn results_come_in_item_order_whatever_the_threads() {
    watched(|| {
        for threads in THREADS {
            for count in [0, 1, 2, 3, 50] {
                let roll = Roll::new();
                let states = Census::default();
                let inits = AtomicUsize::new(0);
                let (results, stats) = run_positional::<_, _, ()>(
                    options(threads, 1),
                    &Cancellation::new(),
                    count,
                    || {
                        inits.fetch_add(1, Ordering::SeqCst);
                        states.admit()
                    },
                    |_, item| {
                        roll.sign();
                        Ok(item * 3)
                    },
                )
                .expect("nothing fails");
                assert_eq!(results, (0..count).map(|item| item * 3).collect::<Vec<_>>());
                assert_eq!((roll.live(), states.live()), (0, 0));
                assert!(roll.signed() < threads, "the caller's thread is one of the workers");
                let inits = inits.into_inner();
                assert!(inits <= threads.min(count as usize));
                assert_eq!((stats.items, stats.peak_buffers), (count, inits));
                assert_eq!(stats.threads, threads.min(count.max(1) as usize));
            }
        }
    });
}

#[test]
fn the_callers_thread_is_one_of_the_workers() {
    for threads in THREADS {
        watched(move || {
            // Passed only when all workers hold an item at once.
            let meeting = Barrier::new(threads);
            let (workers, _) = run_positional::<_, _, ()>(
                options(threads, 1),
                &Cancellation::new(),
                threads as u64,
                || (),
                |(), _| {
                    meeting.wait();
                    Ok(thread::current().id())
                },
            )
            .expect("nothing fails");
            assert!(workers.contains(&thread::current().id()));
            assert!((1..threads).all(|index| !workers[..index].contains(&workers[index])));
        });
    }
}

#[test]
fn items_that_finish_in_reverse_give_results_in_order() {
    watched(|| {
        let (finished, has_finished) = sync_channel(1);
        let has_finished = Mutex::new(has_finished);
        let (results, _) = run_positional::<_, _, ()>(
            options(2, 1),
            &Cancellation::new(),
            4,
            || (),
            |(), item| {
                match item {
                    0 => {
                        let wait = has_finished.lock().expect("no panic holds the lock");
                        wait.recv().expect("item 3 finishes");
                    }
                    3 => finished.send(()).expect("item 0 waits"),
                    _ => {}
                }
                Ok(item)
            },
        )
        .expect("nothing fails");
        assert_eq!(results, [0, 1, 2, 3]);
    });
}

#[test]
fn a_lower_failure_wins_even_if_it_happens_later_and_lower_items_are_finished() {
    watched(|| {
        let (failed, has_failed) = sync_channel(1);
        let has_failed = Mutex::new(has_failed);
        let finished = Mutex::new(BTreeSet::new());
        let result = run_positional::<_, (), _>(
            options(2, 1),
            &Cancellation::new(),
            100,
            || (),
            |(), item| {
                if item == 1 {
                    let wait = has_failed.lock().expect("no panic holds the lock");
                    wait.recv().expect("item 3 fails");
                    return Err("item 1");
                }
                if item == 3 {
                    failed.send(()).expect("item 1 waits");
                    return Err("item 3");
                }
                finished.lock().expect("no panic holds the lock").insert(item);
                Ok(())
            },
        );
        assert!(matches!(result, Err(PipelineError::Failed("item 1"))), "{result:?}");
        let finished = finished.into_inner().expect("no panic holds the lock");
        assert_eq!(finished, BTreeSet::from([0, 2]));
    });
}

#[test]
fn a_panic_in_the_making_of_a_state_goes_on() {
    for threads in THREADS {
        watched(move || {
            let roll = Roll::new();
            let payload = catch_unwind(AssertUnwindSafe(|| {
                run_positional::<(), (), ()>(
                    options(threads, 1),
                    &Cancellation::new(),
                    9,
                    || {
                        roll.sign();
                        raise(Here(Stage::Source, 0))
                    },
                    |(), _| Ok(()),
                )
            }))
            .expect_err("the panic goes on");
            assert!(payload.is::<Here>());
            assert_eq!(roll.live(), 0);
        });
    }
}

#[test]
fn cancellation_names_the_lowest_unfinished_item() {
    watched(|| {
        for threads in THREADS {
            for at in 0..8 {
                let cancel = Cancellation::new();
                let finished = Mutex::new(BTreeSet::new());
                let result = run_positional::<_, _, ()>(
                    options(threads, 1),
                    &cancel,
                    1000,
                    || (),
                    |(), item| {
                        if item == at {
                            cancel.cancel();
                        }
                        finished.lock().expect("no panic holds the lock").insert(item);
                        Ok(())
                    },
                );
                let finished = finished.into_inner().expect("no panic holds the lock");
                let lowest = (0..).find(|item| !finished.contains(item)).expect("one is left");
                match result {
                    Err(PipelineError::Cancelled { segment }) => assert_eq!(segment, lowest),
                    // The other workers may be done with everything before they see the token.
                    Ok((results, _)) => assert!(threads > 1 && results.len() == 1000),
                    Err(other) => panic!("{other}"),
                }
                if threads == 1 {
                    assert_eq!(lowest, at + 1);
                }
            }
        }
    });
}

#[test]
fn a_token_cancelled_before_the_run_starts_no_item() {
    watched(|| {
        for threads in THREADS {
            let cancel = Cancellation::new();
            cancel.cancel();
            let run = |count| {
                run_positional::<_, (), ()>(
                    options(threads, 1),
                    &cancel,
                    count,
                    || panic!("a state was made"),
                    |(), _| panic!("an item was begun"),
                )
            };
            assert!(matches!(run(5), Err(PipelineError::Cancelled { segment: 0 })));
            assert!(run(0).is_ok(), "a job without items has nothing to cancel");
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 200, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn the_lowest_stop_decides(
        count in 0_u64..30,
        threads in 1_usize..6,
        events in btree_map(0_u64..33, prop_oneof![Just(Event::Fail), Just(Event::Panic)], 0..5),
    ) {
        watched(move || {
            let roll = Roll::new();
            let finished = Mutex::new(BTreeSet::new());
            let result = catch_unwind(AssertUnwindSafe(|| run_positional(
                options(threads, 1),
                &Cancellation::new(),
                count,
                || (),
                |(), item| {
                    roll.sign();
                    match events.get(&item) {
                        Some(Event::Fail) => return Err(Here(Stage::Work, item)),
                        Some(_) => raise(Here(Stage::Work, item)),
                        None => {}
                    }
                    finished.lock().expect("no panic holds the lock").insert(item);
                    Ok(item)
                },
            )));
            assert_eq!(roll.live(), 0);
            let stop = events.iter().find(|(item, _)| **item < count);
            let finished = finished.into_inner().expect("no panic holds the lock");
            match (stop, result) {
                (None, Ok(Ok((results, _)))) => {
                    assert_eq!(results, (0..count).collect::<Vec<_>>());
                }
                (Some((item, Event::Fail)), Ok(Err(PipelineError::Failed(here)))) => {
                    assert_eq!(here, Here(Stage::Work, *item));
                }
                (Some((item, Event::Panic)), Err(payload)) => {
                    assert_eq!(payload.downcast_ref(), Some(&Here(Stage::Work, *item)));
                }
                (stop, result) => panic!("{stop:?} gave {result:?}"),
            }
            let lower = stop.map_or(count, |(item, _)| *item);
            assert!((0..lower).all(|item| finished.contains(&item)));
        });
    }
}
