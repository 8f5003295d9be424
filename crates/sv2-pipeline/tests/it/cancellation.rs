//! Cancellation is seen between callbacks and names the next item that was not delivered.

use std::sync::Mutex;
use std::sync::mpsc::sync_channel;
use std::thread;

use sv2_pipeline::{Cancellation, Fed, PipelineError, run_inline, run_ordered};

use crate::support::{End, Event, Outcome, Stage, THREADS, event, options, run_events};
use crate::watchdog::watched;

#[test]
fn a_token_cancelled_before_the_run_starts_no_item() {
    watched(|| {
        let cancel = Cancellation::new();
        cancel.clone().cancel();
        let source = |_, ()| -> Result<Fed<(), ()>, ()> { panic!("the source was called") };
        for threads in THREADS {
            let result = run_ordered(
                options(threads, 4),
                &cancel,
                || (),
                source,
                |_, ()| Ok(()),
                |_, ()| Ok(()),
            );
            assert!(matches!(result, Err(PipelineError::Cancelled { segment: 0 })), "{result:?}");
        }
        let result = run_inline(&cancel, (), source, |_, ()| Ok(()), |_, ()| Ok(()));
        assert!(matches!(result, Err(PipelineError::Cancelled { segment: 0 })), "{result:?}");
    });
}

#[test]
fn the_sink_cancels_after_its_own_item() {
    watched(|| {
        for item in 0..6 {
            let events = event(item, Stage::Sink, Event::Cancel);
            let expected = Outcome::after(item + 1, End::Cancelled { segment: item + 1 });
            assert_eq!(run_events(None, 6, &events), expected);
            for threads in THREADS {
                assert_eq!(run_events(Some(options(threads, 4)), 6, &events), expected);
            }
        }
    });
}

#[test]
fn source_and_work_cancel_at_their_own_item_or_before() {
    watched(|| {
        for stage in [Stage::Source, Stage::Work] {
            for item in 0..6 {
                let events = event(item, stage, Event::Cancel);
                let exact = Outcome::after(item, End::Cancelled { segment: item });
                assert_eq!(run_events(None, 6, &events), exact);
                for threads in THREADS {
                    let outcome = run_events(Some(options(threads, 4)), 6, &events);
                    let End::Cancelled { segment } = outcome.end else {
                        panic!("{outcome:?}");
                    };
                    assert!(segment <= item);
                    assert_eq!(outcome.delivered, (0..segment).collect::<Vec<_>>());
                }
            }
        }
    });
}

#[test]
fn another_thread_cancels_while_an_item_is_being_worked_on() {
    for threads in THREADS {
        watched(move || {
            let cancel = Cancellation::new();
            let (begun, has_begun) = sync_channel(0);
            let (go_on, may_go_on) = sync_channel(0);
            let may_go_on = Mutex::new(may_go_on);
            let outside = thread::spawn({
                let cancel = cancel.clone();
                move || {
                    has_begun.recv().expect("item 2 is begun");
                    cancel.cancel();
                    go_on.send(()).expect("item 2 waits");
                }
            });
            let mut delivered = Vec::new();
            let result = run_ordered::<_, _, _, ()>(
                options(threads, 4),
                &cancel,
                || (),
                |_, ()| Ok(Fed::Job(())),
                |item, ()| {
                    if item == 2 {
                        begun.send(()).expect("the outside thread waits");
                        let wait = may_go_on.lock().expect("no panic holds the lock");
                        wait.recv().expect("the outside thread answers");
                    }
                    Ok(())
                },
                |item, ()| {
                    delivered.push(item);
                    Ok(())
                },
            );
            outside.join().expect("it does not panic");
            let Err(PipelineError::Cancelled { segment }) = result else {
                panic!("{result:?}");
            };
            assert!(segment <= 2);
            assert_eq!(delivered, (0..segment).collect::<Vec<_>>());
        });
    }
}

#[test]
fn a_clone_shares_the_flag() {
    let cancel = Cancellation::new();
    let clone = cancel.clone();
    assert!(!clone.is_cancelled());
    cancel.cancel();
    assert!(clone.is_cancelled());
}
