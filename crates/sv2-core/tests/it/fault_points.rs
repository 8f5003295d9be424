//! Every positioned read of every job is made to fail, to stop short, to be interrupted, to claim the
//! end, and to stall: typed errors at the right place, the same result where the fault is harmless,
//! nothing left behind, no thread and no hang.

#![expect(clippy::print_stdout, reason = "counts of fault points")]

mod jobs;
mod source;
mod threads;

use std::io::ErrorKind;
use std::sync::Arc;

use sv2_core::{Cancellation, StreamError};

use crate::harness::watched;

use self::jobs::{JOBS, Job, Outcome};
use self::source::{Plan, Source, Trouble};
use self::threads::no_thread_is_left;

/// Errors that a source gives up with.
const KINDS: [ErrorKind; 4] = [
    ErrorKind::ConnectionReset,
    ErrorKind::PermissionDenied,
    ErrorKind::UnexpectedEof,
    ErrorKind::WouldBlock,
];

fn perform(job: &Job, source: &Source) -> Result<Outcome, StreamError> {
    job.run(source, &Cancellation::new())
}

/// The calls of a sound run, and what comes out of it.
fn sound(job: &Job) -> (u64, Outcome) {
    let source = Source::new(job.input(), Plan::sound());
    let outcome = perform(job, &source).unwrap_or_else(|error| panic!("{job:?}: {error}"));
    assert!(source.calls() > 0, "{job:?}: a run without a read proves nothing");
    (source.calls(), outcome)
}

/// Makes each call of each job meet `trouble` and says how many that were.
fn every_call(trouble: Trouble, look: impl Fn(&Job, &Source, &Outcome, &str)) -> u64 {
    let mut points = 0;
    for job in JOBS {
        let (calls, whole) = sound(&job);
        for call in 0..calls {
            let source = Source::new(job.input(), Plan::at(call, trouble));
            look(&job, &source, &whole, &format!("{job:?}, {trouble:?} at read {call}"));
            no_thread_is_left();
        }
        points += calls;
    }
    points
}

/// Workers that want the same page of the index wait for the one that reads it.
#[test]
fn a_part_that_several_workers_want_is_read_once() {
    watched(|| {
        for job in JOBS {
            let (calls, _) = sound(&job);
            for _ in 0..20 {
                assert_eq!(sound(&job).0, calls, "{job:?}");
            }
        }
    });
}

/// F-904: a read that fails is the error of the call, with the place that was being read.
#[test]
fn a_positioned_read_that_fails_ends_the_call_at_its_position() {
    watched(|| {
        let mut points = 0;
        for kind in KINDS {
            points += every_call(Trouble::Error(kind), |job, source, whole, case| {
                let result = perform(job, source);
                if job.reads_again() && result.is_ok() {
                    assert!(result.is_ok_and(|outcome| outcome == *whole), "{case}");
                    return;
                }
                let Err(StreamError::Read { offset, source: cause }) = result else {
                    panic!("{case}: {result:?}");
                };
                assert_eq!(cause.kind(), kind, "{case}");
                let (at, len) = source.struck().expect("the planned call was made");
                // A unit that is read in several calls is named by its start.
                assert!(offset <= at && at - offset <= job.unit(), "{case}: {offset}, {at}, {len}");
            });
        }
        println!("failing positioned reads: {points} fault points");
    });
}

/// F-105: interrupted and short reads change nothing.
#[test]
fn an_interrupted_or_short_positioned_read_changes_nothing() {
    watched(|| {
        let mut points = 0;
        for trouble in [Trouble::Error(ErrorKind::Interrupted), Trouble::Short] {
            points += every_call(trouble, |job, source, whole, case| {
                let outcome =
                    perform(job, source).unwrap_or_else(|error| panic!("{case}: {error}"));
                assert!(outcome == *whole, "{case}: {outcome:?}");
            });
        }
        println!("harmless positioned reads: {points} fault points");
    });
}

/// F-901: an input that claims to end where it does not is never taken for a whole one.
#[test]
fn a_positioned_read_that_claims_the_end_is_an_error() {
    watched(|| {
        let points = every_call(Trouble::Zero, |job, source, whole, case| {
            match perform(job, source) {
                // The last read of a job may ask whether anything follows, and nothing does.
                Ok(outcome) => assert!(outcome == *whole, "{case}: {outcome:?}"),
                Err(StreamError::Read { source, .. }) => {
                    assert_eq!(source.kind(), ErrorKind::UnexpectedEof, "{case}");
                }
                Err(StreamError::InputChanged { .. } | StreamError::Unsealed { .. }) => {}
                Err(error) => panic!("{case}: {error:?}"),
            }
        });
        println!("premature ends: {points} fault points");
    });
}

/// A read that stalls delays the call and nothing else; a call that is cancelled meanwhile ends when
/// the read does, as if it had been cancelled between two segments.
#[test]
fn a_positioned_read_that_stalls_delays_and_a_cancelled_call_ends_behind_it() {
    watched(|| {
        let mut points = 0;
        let mut cancelled = 0;
        for job in JOBS {
            let (calls, whole) = sound(&job);
            for call in 0..calls {
                for cancels in [false, true] {
                    let case = format!("{job:?}, stall at read {call}, cancelled {cancels}");
                    let cancel = Cancellation::new();
                    let token = cancels.then(|| cancel.clone());
                    let source = Source::new(job.input(), Plan::stalling(call));
                    let result = std::thread::scope(|scope| {
                        let waiter = source.clone();
                        scope.spawn(move || {
                            waiter.until_stalled();
                            if let Some(token) = token {
                                token.cancel();
                            }
                            waiter.go_on();
                        });
                        job.run(&source, &cancel)
                    });
                    match result {
                        Ok(outcome) => assert!(outcome == whole, "{case}: {outcome:?}"),
                        Err(StreamError::Cancelled { .. }) if cancels => cancelled += 1,
                        Err(error) => panic!("{case}: {error:?}"),
                    }
                    no_thread_is_left();
                }
            }
            points += 2 * calls;
        }
        assert!(cancelled > points / 8, "hardly any call was cancelled: {cancelled} of {points}");
        println!("stalls: {points} fault points, {cancelled} cancelled");
    });
}

/// An input whose length cannot be told is not read.
#[test]
fn an_input_whose_length_cannot_be_told_is_a_read_error_at_its_start() {
    watched(|| {
        for job in JOBS {
            let source = Source::new(job.input(), Plan::without_len());
            let result = perform(&job, &source);
            assert!(matches!(result, Err(StreamError::Read { offset: 0, .. })), "{job:?}");
            assert_eq!(source.calls(), 0);
        }
    });
}

/// A source that panics is a defect of its own: the panic reaches the caller, and nothing is left.
#[test]
fn a_panic_of_a_source_reaches_the_caller_from_every_read() {
    watched(|| {
        let points = every_call(Trouble::Panic, |job, source, _, case| {
            let call = std::panic::AssertUnwindSafe(|| perform(job, source));
            let payload = std::panic::catch_unwind(call).expect_err(case);
            assert_eq!(payload.downcast_ref(), Some(&"the source panics"), "{case}");
            assert_eq!(Arc::strong_count(source.shared()), 1, "{case}: a source is left");
        });
        println!("panics: {points} fault points");
    });
}
