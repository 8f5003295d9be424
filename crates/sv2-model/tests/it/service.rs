//! The segment services: the ordered driver between two channels, on a thread of its own.

use std::panic::resume_unwind;

use sv2_framing::SegmentIndex;
use sv2_model::sync::{Threads, bounded};
use sv2_model::{Cancellation, Results, ServiceError, start_service};
use sv2_segment_worker::SegmentWorkerError;

use crate::explore::Explorer;
use crate::jobs::options;

const FIRST: u64 = 40;
const ITEMS: u64 = 3;

/// What a work does at one item.
#[derive(Clone, Copy, Debug)]
enum Trouble {
    Error(u64),
    Panic(u64),
}

fn work(item: u64, value: u64, trouble: Option<Trouble>) -> Result<u64, SegmentWorkerError> {
    assert_eq!(item, FIRST + value, "the input of another item");
    match trouble {
        Some(Trouble::Error(at)) if at == value => {
            Err(SegmentWorkerError::DigestMismatch { segment: SegmentIndex(item + 1000) })
        }
        Some(Trouble::Panic(at)) if at == value => resume_unwind(Box::new("broken")),
        _ => Ok(value * 2),
    }
}

/// Feeds the items from a thread of its own and gives what `look` makes of the results.
fn serve<T>(
    trouble: Option<Trouble>,
    cancel: &Cancellation,
    look: impl FnOnce(Results<u64>) -> T,
) -> T {
    let (sender, input) = bounded(1);
    let feeder = shuttle::thread::spawn(move || {
        // A service that has ended takes no more.
        for item in 0..ITEMS {
            if sender.send(item).is_err() {
                return;
            }
        }
    });
    let work = move |item, value| work(item, value, trouble);
    let results = start_service(options(2, 2), FIRST, cancel.clone(), input, work);
    let value = look(results);
    feeder.join().expect("it does not wait for a service that has ended");
    value
}

/// All results until the service hangs up.
fn all(results: Results<u64>) -> (u64, Option<ServiceError>) {
    let mut count = 0;
    while let Some(result) = results.recv() {
        match result {
            Ok(value) => {
                assert_eq!(value, count * 2, "out of order");
                count += 1;
            }
            Err(error) => {
                assert!(results.recv().is_none(), "something follows the error");
                return (count, Some(error));
            }
        }
    }
    (count, None)
}

/// The results come in order, and the first error of a worker or its panic ends them.
#[test]
fn results_come_in_order_and_end_with_the_first_error() {
    let mut explorer = Explorer::new("service, results");
    let troubles = (0..ITEMS).flat_map(|at| [Trouble::Error(at), Trouble::Panic(at)]);
    for trouble in troubles.map(Some).chain([None]) {
        explorer.model(60, Threads::default, move || {
            let (count, error) = serve(trouble, &Cancellation::new(), all);
            match (trouble, error) {
                (None, None) => assert_eq!(count, ITEMS),
                (Some(Trouble::Error(at)), Some(ServiceError::Segment(error))) => {
                    assert_eq!((count, error.segment().0), (at, FIRST + at + 1000));
                }
                (Some(Trouble::Panic(at)), Some(ServiceError::Panicked { segment, .. })) => {
                    assert_eq!((count, segment), (at, FIRST + at));
                }
                other => panic!("{other:?}"),
            }
        });
    }
}

/// Whoever drops the results ends the service, and with it those who feed it.
#[test]
fn a_dropped_receiver_ends_the_service_quietly() {
    let mut explorer = Explorer::new("service, dropped");
    for taken in 0..ITEMS {
        explorer.model(100, Threads::default, move || {
            serve(None, &Cancellation::new(), |results| {
                for item in 0..taken {
                    let result = results.recv().expect("a result").expect("no trouble");
                    assert_eq!(result, item * 2);
                }
            });
        });
    }
}

/// No thread waits for an input that may never come once nobody wants the results.
#[test]
fn a_dropped_receiver_ends_a_service_whose_input_is_idle() {
    let mut explorer = Explorer::new("service, idle");
    explorer.model(100, Threads::default, move || {
        let (sender, input) = bounded::<u64>(1);
        let work = |item, value| work(item, value, None);
        drop(start_service(options(2, 2), FIRST, Cancellation::new(), input, work));
        while sender.try_send(0).is_ok() || !sender.is_disconnected() {
            shuttle::thread::yield_now();
        }
    });
}

#[test]
fn a_cancelled_service_ends_with_an_error_at_the_next_result() {
    let mut explorer = Explorer::new("service, cancelled");
    explorer.model(300, Threads::default, || {
        let cancel = Cancellation::new();
        let token = cancel.clone();
        let canceller = shuttle::thread::spawn(move || token.cancel());
        match serve(None, &cancel, all) {
            (count, None) => assert_eq!(count, ITEMS),
            (count, Some(ServiceError::Cancelled { segment })) => {
                assert_eq!(segment, FIRST + count);
            }
            (_, Some(error)) => panic!("{error}"),
        }
        canceller.join().expect("it only sets a flag");
    });
}

/// Where the system refuses the thread of the service itself, the results say so; where it refuses
/// one of its workers, the others do the work.
#[test]
fn only_a_service_without_any_thread_is_lost() {
    let mut explorer = Explorer::new("service, refused");
    let lost = || match serve(None, &Cancellation::new(), all) {
        (0, Some(ServiceError::WorkerLost { segment })) => assert_eq!(segment, FIRST),
        other => panic!("{other:?}"),
    };
    explorer.model(50, || Threads::refusing(0), lost);
    let whole = || assert!(matches!(serve(None, &Cancellation::new(), all), (ITEMS, None)));
    for refused in 1..=3 {
        explorer.model(50, move || Threads::refusing(refused), whole);
    }
}
