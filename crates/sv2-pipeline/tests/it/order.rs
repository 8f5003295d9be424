//! Items reach the sink in order whatever order the workers finish in.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use sv2_pipeline::{Cancellation, Fed, PipelineOptions, RunStats, run_ordered};

use crate::support::{End, Events, Outcome, THREADS, options, run_events};
use crate::watchdog::watched;

#[test]
fn every_thread_count_and_the_inline_driver_give_the_same_result() {
    watched(|| {
        for items in [0, 1, 2, 3, 50] {
            let expected = Outcome::after(items, End::Complete { items });
            assert_eq!(run_events(None, items, &Events::new()), expected);
            for threads in THREADS {
                for buffers in [1, 2, 2 * threads + 2] {
                    let outcome =
                        run_events(Some(options(threads, buffers)), items, &Events::new());
                    assert_eq!(outcome, expected, "{threads} threads, {buffers} buffers");
                }
            }
        }
    });
}

#[test]
fn items_that_finish_in_reverse_reach_the_sink_in_order() {
    for threads in [2, 3, 7] {
        watched(move || finish_in_reverse(threads));
    }
}

/// Items of a group of `threads` wait for their successor in the group to finish, so that each
/// group finishes last to first.
fn finish_in_reverse(threads: u64) {
    let items = 5 * threads;
    let (finished, successor_finished): (Vec<SyncSender<()>>, Vec<_>) =
        (0..items).map(|_| sync_channel(1)).unzip();
    let waits: Vec<Mutex<Receiver<()>>> = successor_finished.into_iter().map(Mutex::new).collect();
    let completion = Mutex::new(Vec::new());
    let mut delivered = Vec::new();

    let stats: RunStats = run_ordered::<_, _, _, ()>(
        options(threads as usize, 2 * threads as usize),
        &Cancellation::new(),
        || (),
        |item, ()| Ok(if item < items { Fed::Job(item) } else { Fed::End(()) }),
        |item, job| {
            if item % threads != threads - 1 {
                let wait = waits[item as usize + 1].lock().expect("no panic holds the lock");
                wait.recv().expect("the senders outlive the run");
            }
            completion.lock().expect("no panic holds the lock").push(item);
            finished[item as usize].send(()).expect("the receivers outlive the run");
            Ok(job)
        },
        |item, job| {
            assert_eq!(item, job);
            delivered.push(item);
            Ok(())
        },
    )
    .expect("nothing fails");

    assert_eq!(stats.items, items);
    assert_eq!(delivered, (0..items).collect::<Vec<_>>());
    let completion = completion.into_inner().expect("no panic holds the lock");
    let position = |item| completion.iter().position(|done| *done == item).expect("it is done");
    for item in (0..items).filter(|item| item % threads != threads - 1) {
        assert!(position(item) > position(item + 1), "the order was not forced: {completion:?}");
    }
}

#[test]
fn work_runs_on_as_many_threads_as_asked_for() {
    for threads in [2, 3, 7] {
        watched(move || {
            // Passed only when all workers are inside the work callback at once.
            let meeting = std::sync::Barrier::new(threads);
            let stats = run_ordered::<_, _, _, ()>(
                options(threads, threads),
                &Cancellation::new(),
                || (),
                |item, ()| Ok(if item < threads as u64 { Fed::Job(()) } else { Fed::End(()) }),
                |_, ()| {
                    meeting.wait();
                    Ok(())
                },
                |_, ()| Ok(()),
            );
            assert_eq!(stats.expect("nothing fails").threads, threads);
        });
    }
}

#[test]
fn the_sink_runs_on_the_callers_thread_and_the_source_does_not() {
    watched(|| {
        let caller = std::thread::current().id();
        run_ordered::<_, _, _, ()>(
            options(2, 3),
            &Cancellation::new(),
            || (),
            |item, ()| {
                assert_ne!(std::thread::current().id(), caller);
                Ok(if item < 9 { Fed::Job(()) } else { Fed::End(()) })
            },
            |_, ()| {
                assert_ne!(std::thread::current().id(), caller);
                Ok(())
            },
            |_, ()| {
                assert_eq!(std::thread::current().id(), caller);
                Ok(())
            },
        )
        .expect("nothing fails");
    });
}

#[test]
fn for_threads_gives_two_buffers_a_thread_and_two_more() {
    for threads in THREADS {
        let given = PipelineOptions::for_threads(options(threads, 1).threads);
        assert_eq!(given, options(threads, 2 * threads + 2));
    }
}
