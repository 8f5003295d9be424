//! Failures that no callback can bring about: lost results, dying workers, refused threads.

use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::ring::{Outcome, Ring};
use super::*;
use crate::fate::Stop;
use crate::watchdog::watched;

const ITEMS: u64 = 6;

/// A run of [`ITEMS`] items with the given body of a worker thread, and the items delivered.
fn run_worker<'r>(
    ring: &'r Ring<u64, ()>,
    threads: usize,
    builder: impl Fn(String) -> Builder,
    worker: impl Fn(&Receiver<Task<'r, u64, u64, ()>>) -> WorkerReport + Sync,
) -> (Result<RunStats, PipelineError<()>>, Vec<u64>) {
    let mut delivered = Vec::new();
    let result = run_with(
        ring,
        number(4),
        &Cancellation::new(),
        Crew { threads: number(threads), builder },
        &mut Some((|| 0, |item, _| Ok(if item < ITEMS { Fed::Job(item) } else { Fed::End(0) }))),
        worker,
        &mut Some(|item, buffer| {
            delivered.push(item);
            Ok(buffer)
        }),
    );
    (result, delivered)
}

fn number(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).expect("not zero")
}

fn ordinary(name: String) -> Builder {
    Builder::new().name(name)
}

#[test]
fn a_dropped_item_is_a_lost_worker_and_never_the_end() {
    watched(|| {
        for threads in [1, 2, 3, 7] {
            for lost in 0..ITEMS {
                let ring = Ring::new(number(4));
                let (result, delivered) = run_worker(&ring, threads, ordinary, |tasks| {
                    for task in tasks {
                        if task.promise.item() != lost {
                            task.promise.keep(Outcome::Done(task.job));
                        }
                    }
                    WorkerReport::default()
                });
                let Err(PipelineError::WorkerLost { segment }) = result else {
                    panic!("{result:?}");
                };
                assert_eq!(segment, lost);
                assert_eq!(delivered, (0..lost).collect::<Vec<_>>());
            }
        }
    });
}

#[test]
fn workers_that_all_leave_lose_the_items_that_wait() {
    watched(|| {
        for threads in [1, 3] {
            for done in 0..ITEMS {
                let ring = Ring::new(number(4));
                let stay = AtomicBool::new(true);
                let (result, delivered) = run_worker(&ring, threads, ordinary, |tasks| {
                    while stay.load(Ordering::SeqCst) {
                        let Ok(task) = tasks.recv() else { break };
                        // The last item that is done sends every worker home after its next task at most.
                        if task.promise.item() + 1 >= done {
                            stay.store(false, Ordering::SeqCst);
                        }
                        if task.promise.item() < done {
                            task.promise.keep(Outcome::Done(task.job));
                        }
                    }
                    WorkerReport::default()
                });
                let Err(PipelineError::WorkerLost { segment }) = result else {
                    panic!("{result:?}");
                };
                assert_eq!(segment, done);
                assert_eq!(delivered, (0..done).collect::<Vec<_>>());
            }
        }
    });
}

#[test]
fn a_panic_outside_the_callbacks_goes_on_in_place_of_the_loss_it_caused() {
    watched(|| {
        let ring = Ring::new(number(4));
        let payload = catch_unwind(AssertUnwindSafe(|| {
            run_worker(&ring, 2, ordinary, |tasks| {
                for task in tasks {
                    if task.promise.item() == 3 {
                        resume_unwind(Box::new("stray"));
                    }
                    task.promise.keep(Outcome::Done(task.job));
                }
                WorkerReport::default()
            })
        }))
        .expect_err("the panic goes on");
        assert_eq!(payload.downcast_ref(), Some(&"stray"));
    });
}

#[test]
fn an_error_before_a_stray_panic_is_the_one_reported() {
    watched(|| {
        let ring = Ring::new(number(4));
        let (result, delivered) = run_worker(&ring, 1, ordinary, |tasks| {
            for task in tasks {
                match task.promise.item() {
                    1 => task.promise.keep(Outcome::Stopped(Stop::Failed(()))),
                    2.. => resume_unwind(Box::new("stray")),
                    _ => task.promise.keep(Outcome::Done(task.job)),
                }
            }
            WorkerReport::default()
        });
        assert!(matches!(result, Err(PipelineError::Failed(()))), "{result:?}");
        assert_eq!(delivered, [0]);
    });
}

#[test]
fn a_refused_thread_leaves_the_work_to_the_others() {
    watched(|| {
        let threads = 3;
        // The thread after the workers is the source's.
        for refused in 0..=threads {
            let asked = AtomicUsize::new(0);
            let builder = |name| {
                let index = asked.fetch_add(1, Ordering::SeqCst);
                // No system grants a stack of half the address space.
                let builder = ordinary(name);
                if index >= refused { builder.stack_size(usize::MAX / 2) } else { builder }
            };
            let mut delivered = Vec::new();
            let stats = run_or_inline(
                PipelineOptions { threads: number(threads), buffers: number(4) },
                builder,
                &Cancellation::new(),
                || 0,
                |item, _| Ok(if item < ITEMS { Fed::Job(item) } else { Fed::End(0) }),
                |_, job: u64| Ok::<_, ()>(job),
                |item, buffer| {
                    delivered.push(item);
                    Ok(buffer)
                },
            );
            // Without a worker or without the source's thread the caller's does it all.
            assert_eq!(stats.expect("no failure").threads, 1, "{refused}");
            assert_eq!(delivered, (0..ITEMS).collect::<Vec<_>>(), "{refused}");
        }
    });
}

#[test]
fn as_many_workers_as_were_granted_are_used() {
    watched(|| {
        let builder = |name: String| {
            // No system grants a stack of half the address space.
            let refused = name == "sv2-worker-2";
            let builder = ordinary(name);
            if refused { builder.stack_size(usize::MAX / 2) } else { builder }
        };
        let ring = Ring::new(number(4));
        let (result, delivered) = run_worker(&ring, 3, builder, |tasks| {
            for task in tasks {
                task.promise.keep(Outcome::Done(task.job));
            }
            WorkerReport::default()
        });
        assert_eq!(result.expect("no failure").threads, 2);
        assert_eq!(delivered, (0..ITEMS).collect::<Vec<_>>());
    });
}

#[test]
fn a_slot_takes_the_next_round_after_it_was_emptied() {
    watched(|| {
        let ring = Ring::<u64, ()>::new(number(3));
        for item in 0..10 {
            ring.promise(item).keep(Outcome::Done(item));
            assert!(matches!(ring.wait(item), Outcome::Done(value) if value == item));
        }
        assert!(!ring.horizon.is_before(u64::MAX - 1));
    });
}

#[test]
fn a_promise_is_moot_only_behind_a_stop() {
    watched(|| {
        let ring = Ring::<u64, ()>::new(number(8));
        let promises: Vec<_> = (0..5).map(|item| ring.promise(item)).collect();
        drop(ring.promise(6));
        assert!(promises.iter().all(|promise| !promise.is_moot()));
        ring.horizon.lower(2);
        ring.horizon.lower(4);
        let moot: Vec<u64> = promises.iter().filter(|p| p.is_moot()).map(|p| p.item()).collect();
        assert_eq!(moot, [3, 4]);
        assert!(matches!(ring.wait(6), Outcome::Stopped(Stop::Lost)));
    });
}

#[test]
fn a_source_that_sees_the_token_says_so_to_a_sink_that_waits() {
    watched(|| {
        let ring = Ring::<(), ()>::new(number(2));
        let cancel = Cancellation::new();
        cancel.cancel();
        let (_free, free) = bounded::<()>(2);
        let (tasks, _waiting) = bounded::<Task<'_, (), (), ()>>(2);
        let report = feed(&ring, number(2), &cancel, free, tasks, || (), |_, ()| Ok(Fed::Job(())));
        assert_eq!(report.buffers_made, 0);
        assert!(matches!(ring.wait(0), Outcome::Stopped(Stop::Cancelled)));
    });
}

#[test]
fn a_task_that_waits_when_the_last_worker_leaves_is_lost_at_once() {
    for leave in [WorkerReport::default, || resume_unwind(Box::new("stray"))] {
        watched(move || {
            let ring = Ring::<u64, ()>::new(number(4));
            let (sender, receiver) = bounded(4);
            for item in 0..3 {
                let task = Task { promise: ring.promise(item), job: item };
                assert!(sender.try_send(task).is_ok());
            }
            scope(|scope| {
                let worker = scope.spawn(|| {
                    catch_unwind(AssertUnwindSafe(|| until_closed(&receiver, |_| leave())))
                });
                // The source still holds its end, as it does while it waits for a buffer.
                for item in 0..3 {
                    assert!(matches!(ring.wait(item), Outcome::Stopped(Stop::Lost)));
                }
                drop(sender);
                if let Err(payload) = worker.join().expect("its panics are caught") {
                    assert_eq!(payload.downcast_ref(), Some(&"stray"));
                }
            });
        });
    }
}
