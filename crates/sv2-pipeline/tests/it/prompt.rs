//! After a stop nothing more is begun: known work behind a stopped item is dropped.
//!
//! That a thread knows of a stop is seen from values that it drops: a job that is skipped, a
//! closure or a state whose owner has returned.

use std::sync::Mutex;

use crossbeam_channel::{Receiver, Sender, bounded};
use sv2_pipeline::{Cancellation, Fed, PipelineError, run_inline, run_ordered, run_positional};

use crate::support::options;
use crate::watchdog::watched;

/// Sends a message when it is dropped.
struct Signal(Sender<()>);

impl Drop for Signal {
    fn drop(&mut self) {
        let _ = self.0.try_send(());
    }
}

fn signal() -> (Signal, Receiver<()>) {
    let (sender, receiver) = bounded(1);
    (Signal(sender), receiver)
}

#[test]
fn after_a_work_error_the_worker_skips_later_items_and_the_source_is_not_asked_again() {
    watched(|| {
        let (skip, is_skipped) = signal();
        let (source_life, source_ended) = signal();
        let mut skip = Some(skip);
        let mut asked = Vec::new();
        let asked_ref = &mut asked;
        let worked = Mutex::new(Vec::new());
        let result: Result<_, PipelineError<&str>> = run_ordered(
            options(1, 9),
            &Cancellation::new(),
            || (),
            move |item, ()| {
                let _alive = &source_life;
                asked_ref.push(item);
                if item == 3 {
                    is_skipped.recv().expect("item 2 is dropped");
                }
                Ok(Fed::Job(if item == 2 { skip.take() } else { None }))
            },
            |item, job| {
                worked.lock().expect("no panic holds the lock").push(item);
                drop(job);
                if item == 1 { Err("work 1") } else { Ok(()) }
            },
            // While the sink holds item 0 only the worker's error can stop the source, which has
            // buffers left.
            |_, ()| {
                source_ended.recv().expect("the source ends");
                Ok(())
            },
        );
        assert!(matches!(result, Err(PipelineError::Failed("work 1"))), "{result:?}");
        assert_eq!(worked.into_inner().expect("no panic holds the lock"), [0, 1]);
        assert_eq!(asked, [0, 1, 2, 3]);
    });
}

#[test]
fn after_a_sink_error_the_worker_skips_items_that_wait() {
    watched(|| {
        let (sink_life, sink_ended) = signal();
        let (fed, is_fed) = bounded(1);
        let worked = Mutex::new(Vec::new());
        let result: Result<_, PipelineError<&str>> = run_ordered(
            options(1, 4),
            &Cancellation::new(),
            || (),
            |item, ()| {
                if item == 3 {
                    fed.send(()).expect("item 1 waits");
                    return Ok(Fed::End(()));
                }
                Ok(Fed::Job(()))
            },
            |item, ()| {
                worked.lock().expect("no panic holds the lock").push(item);
                if item == 1 {
                    is_fed.recv().expect("item 2 is fed");
                    sink_ended.recv().expect("the sink fails");
                }
                Ok(())
            },
            move |_, ()| {
                let _alive = &sink_life;
                Err("disk full")
            },
        );
        assert!(matches!(result, Err(PipelineError::Failed("disk full"))), "{result:?}");
        let worked = worked.into_inner().expect("no panic holds the lock");
        assert!(!worked.contains(&2), "{worked:?}");
    });
}

#[test]
fn after_a_failure_other_positional_workers_take_no_later_item() {
    watched(|| {
        let (failed, has_failed) = bounded(2);
        let begun = Mutex::new(Vec::new());
        let result = run_positional(
            options(2, 1),
            &Cancellation::new(),
            100,
            || Signal(failed.clone()),
            |_, item| {
                begun.lock().expect("no panic holds the lock").push(item);
                if item > 0 {
                    return Err(item);
                }
                has_failed.recv().expect("the other worker drops its state");
                Ok(())
            },
        );
        assert!(matches!(result, Err(PipelineError::Failed(1))), "{result:?}");
        let mut begun = begun.into_inner().expect("no panic holds the lock");
        begun.sort_unstable();
        assert_eq!(begun, [0, 1]);
    });
}

#[test]
fn the_inline_driver_begins_no_work_after_the_source_cancelled() {
    watched(|| {
        let cancel = Cancellation::new();
        let mut worked = Vec::new();
        let result = run_inline::<_, _, _, ()>(
            &cancel,
            (),
            |item, ()| {
                if item == 2 {
                    cancel.cancel();
                }
                Ok(Fed::Job(()))
            },
            |item, ()| {
                worked.push(item);
                Ok(())
            },
            |_, ()| Ok(()),
        );
        assert!(matches!(result, Err(PipelineError::Cancelled { segment: 2 })), "{result:?}");
        assert_eq!(worked, [0, 1]);
    });
}
