//! A panic takes its place in stream order and goes on with its own payload.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::sync_channel;

use sv2_pipeline::{Cancellation, Fed, PipelineError, run_ordered};

use crate::support::{
    Census, End, Event, Here, Outcome, Roll, STAGES, Stage, THREADS, event, options, raise,
    run_events,
};
use crate::watchdog::watched;

#[test]
fn a_panic_at_any_item_and_stage_goes_on_after_the_items_before_it() {
    watched(|| {
        let items = 6;
        for stage in STAGES {
            for item in 0..items {
                let events = event(item, stage, Event::Panic);
                let expected = Outcome::after(item, End::Panicked(Here(stage, item)));
                assert_eq!(run_events(None, items, &events), expected);
                for threads in THREADS {
                    for buffers in [1, 2, 4, 16] {
                        let outcome = run_events(Some(options(threads, buffers)), items, &events);
                        assert_eq!(outcome, expected, "{threads} threads, {buffers} buffers");
                    }
                }
            }
        }
    });
}

#[test]
fn a_panic_while_making_a_buffer_goes_on() {
    watched(|| {
        let roll = Roll::new();
        let values = Census::default();
        let (panicking, is_panicking) = sync_channel(1);
        let mut made = 0;
        let mut delivered = Vec::new();
        let result = catch_unwind(AssertUnwindSafe(|| {
            run_ordered::<_, _, _, ()>(
                options(2, 4),
                &Cancellation::new(),
                || {
                    roll.sign();
                    made += 1;
                    if made == 2 {
                        panicking.send(()).expect("the sink waits");
                        raise(Here(Stage::Source, 1))
                    }
                    values.admit()
                },
                |_, buffer| Ok(Fed::Job(buffer)),
                |_, buffer| Ok(buffer),
                |item, buffer| {
                    // Item 1 needs a second buffer, since the first is not returned before.
                    is_panicking.recv().expect("a second buffer is made");
                    delivered.push(item);
                    Ok(buffer)
                },
            )
        }));
        let payload = result.expect_err("the panic goes on");
        assert!(payload.is::<Here>());
        assert_eq!((roll.signed(), roll.live(), values.live()), (1, 0, 0));
        assert_eq!(delivered, [0]);
    });
}

/// A job whose drop panics.
struct Grenade;

impl Drop for Grenade {
    fn drop(&mut self) {
        raise(Here(Stage::Work, 99))
    }
}

#[test]
fn jobs_that_panic_when_they_are_skipped_neither_hang_the_run_nor_hide_its_error() {
    for threads in THREADS {
        watched(move || {
            let result = catch_unwind(|| {
                run_ordered(
                    options(threads, 9),
                    &Cancellation::new(),
                    || (),
                    |item, ()| {
                        if item < 8 {
                            Ok(Fed::Job((item > 0).then(|| Grenade)))
                        } else {
                            Err("source")
                        }
                    },
                    |item, grenade| {
                        std::mem::forget(grenade);
                        if item == 0 { Err("work 0") } else { Ok(()) }
                    },
                    |_, ()| Ok(()),
                )
            });
            match result {
                Ok(Err(PipelineError::Failed(error))) => assert_eq!(error, "work 0"),
                Ok(other) => panic!("{other:?}"),
                Err(payload) => panic!("{:?}", payload.downcast_ref::<Here>()),
            }
        });
    }
}
