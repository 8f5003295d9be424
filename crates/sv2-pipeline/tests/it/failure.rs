//! The first error in stream order wins, with every item before it delivered and none after.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;

use sv2_pipeline::{Cancellation, Fed, PipelineError, run_ordered};

use crate::support::{
    End, Event, Here, Outcome, STAGES, Stage, THREADS, event, model, options, run_events,
};
use crate::watchdog::watched;

#[test]
fn an_error_at_any_item_and_stage_is_reported_after_the_items_before_it() {
    watched(|| {
        let items = 6;
        for stage in STAGES {
            for item in 0..items {
                let events = event(item, stage, Event::Fail);
                let expected = Outcome::after(item, End::Failed(Here(stage, item)));
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
fn a_source_error_in_place_of_the_end_is_an_error() {
    watched(|| {
        let events = event(4, Stage::Source, Event::Fail);
        let expected = Outcome::after(4, End::Failed(Here(Stage::Source, 4)));
        assert_eq!(run_events(Some(options(2, 6)), 4, &events), expected);
        assert_eq!(run_events(None, 4, &events), expected);
    });
}

#[test]
fn of_several_failures_the_earliest_in_the_stream_wins() {
    watched(|| {
        let all: Vec<(u64, Stage)> =
            (1..4).flat_map(|item| STAGES.map(|stage| (item, stage))).collect();
        for first in &all {
            for second in &all {
                for kinds in [(Event::Fail, Event::Panic), (Event::Panic, Event::Fail)] {
                    let mut events = event(first.0, first.1, kinds.0);
                    events.insert(*second, kinds.1);
                    let outcome = run_events(Some(options(3, 8)), 6, &events);
                    assert_eq!(outcome, model(6, &events), "{events:?}");
                }
            }
        }
    });
}

#[test]
fn an_earlier_failure_wins_even_if_it_happens_later() {
    watched(|| {
        let (later_failed, has_later_failed) = sync_channel(1);
        let has_later_failed = Mutex::new(has_later_failed);
        let mut delivered = Vec::new();
        let result = run_ordered(
            options(3, 8),
            &Cancellation::new(),
            || (),
            |item, ()| {
                if item < 6 { Ok(Fed::Job(())) } else { Err("source 6") }
            },
            |item, ()| match item {
                2 => {
                    let wait = has_later_failed.lock().expect("no panic holds the lock");
                    wait.recv().expect("item 4 fails");
                    Err("work 2")
                }
                4 => {
                    later_failed.send(()).expect("item 2 waits");
                    Err("work 4")
                }
                _ => Ok(()),
            },
            |item, ()| {
                delivered.push(item);
                Ok(())
            },
        );
        assert!(matches!(result, Err(PipelineError::Failed("work 2"))), "{result:?}");
        assert_eq!(delivered, [0, 1]);
    });
}

#[test]
fn a_sink_error_beats_an_earlier_happening_error_of_a_later_item() {
    watched(|| {
        let (later_failed, has_later_failed) = sync_channel(1);
        let result = run_ordered(
            options(2, 4),
            &Cancellation::new(),
            || (),
            |_, ()| Ok(Fed::Job(())),
            |item, ()| {
                if item == 2 {
                    later_failed.send(()).expect("the sink waits");
                    return Err("work 2");
                }
                Ok(())
            },
            |item, ()| {
                if item == 1 {
                    has_later_failed.recv().expect("item 2 fails");
                    return Err("sink 1");
                }
                Ok(())
            },
        );
        assert!(matches!(result, Err(PipelineError::Failed("sink 1"))), "{result:?}");
    });
}

#[test]
fn a_sink_error_frees_a_source_that_waits_for_a_buffer() {
    for buffers in 1..4_u64 {
        watched(move || {
            let (filled, is_filled) = sync_channel(1);
            let result: Result<_, PipelineError<&str>> = run_ordered(
                options(2, buffers as usize),
                &Cancellation::new(),
                || (),
                |item, ()| {
                    assert!(item < buffers, "there is no buffer for item {item}");
                    if item + 1 == buffers {
                        filled.send(()).expect("the sink waits");
                    }
                    Ok(Fed::Job(()))
                },
                |_, ()| Ok(()),
                |_, ()| {
                    is_filled.recv().expect("the source fills the last buffer");
                    Err("disk full")
                },
            );
            assert!(matches!(result, Err(PipelineError::Failed("disk full"))), "{result:?}");
        });
    }
}

#[test]
fn a_sink_error_waits_for_a_worker_that_is_busy() {
    watched(|| {
        let (busy, is_busy) = sync_channel(1);
        let (failing, is_failing) = sync_channel(1);
        let is_failing = Mutex::new(is_failing);
        let ended = AtomicBool::new(false);
        let result: Result<_, PipelineError<&str>> = run_ordered(
            options(2, 4),
            &Cancellation::new(),
            || (),
            |item, ()| Ok(if item < 2 { Fed::Job(()) } else { Fed::End(()) }),
            |item, ()| {
                if item == 1 {
                    busy.send(()).expect("the sink waits");
                    let wait = is_failing.lock().expect("no panic holds the lock");
                    wait.recv().expect("the sink fails");
                    ended.store(true, Ordering::SeqCst);
                }
                Ok(())
            },
            |_, ()| {
                is_busy.recv().expect("item 1 is worked on");
                failing.send(()).expect("item 1 waits");
                Err("disk full")
            },
        );
        assert!(matches!(result, Err(PipelineError::Failed("disk full"))), "{result:?}");
        assert!(ended.into_inner(), "the run left a busy worker behind");
    });
}

#[test]
fn the_source_is_not_asked_again_after_its_end_or_error() {
    watched(|| {
        for end_in_error in [false, true] {
            let mut asked = 0;
            let result = run_ordered(
                options(2, 9),
                &Cancellation::new(),
                || (),
                |item, ()| {
                    asked += 1;
                    match item {
                        0..3 => Ok(Fed::Job(())),
                        _ if end_in_error => Err("source"),
                        _ => Ok(Fed::End(())),
                    }
                },
                |_, ()| Ok(()),
                |_, ()| Ok(()),
            );
            assert_eq!(result.is_err(), end_in_error);
            assert_eq!(asked, 4);
        }
    });
}

#[test]
fn messages_name_the_position_and_leave_the_cause_to_the_source() {
    use std::error::Error;
    let failed = PipelineError::Failed(std::io::Error::other("disk full"));
    assert_eq!(failed.to_string(), "a pipeline callback failed");
    assert_eq!(failed.source().map(ToString::to_string), Some("disk full".to_owned()));
    let lost = PipelineError::<std::io::Error>::WorkerLost { segment: 7 };
    assert_eq!(lost.to_string(), "the result of segment 7 was lost");
    let cancelled = PipelineError::<std::io::Error>::Cancelled { segment: 8 };
    assert_eq!(cancelled.to_string(), "cancelled before segment 8");
}
