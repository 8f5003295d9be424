//! Buffers are bounded in number, made only when needed, and come round again.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;

use crossbeam_channel::bounded;
use sv2_pipeline::{Cancellation, Fed, run_ordered};

use crate::support::{THREADS, options};
use crate::watchdog::watched;

#[test]
fn all_allowed_buffers_and_no_more_are_in_use_while_the_sink_is_busy() {
    for threads in THREADS {
        for buffers in 1..=5 {
            watched(move || saturate(threads, buffers));
        }
    }
}

/// The sink holds item 0 until the source has filled the last allowed buffer.
fn saturate(threads: usize, buffers: usize) {
    let items = 40;
    let made = AtomicUsize::new(0);
    let delivered = AtomicU64::new(0);
    let (saturated, is_saturated) = sync_channel(1);

    let stats = run_ordered::<usize, _, _, ()>(
        options(threads, buffers),
        &Cancellation::new(),
        || made.fetch_add(1, Ordering::SeqCst),
        |item, buffer| {
            assert!(buffer < buffers);
            let in_flight = item + 1 - delivered.load(Ordering::SeqCst);
            assert!(in_flight <= buffers as u64, "{in_flight} items in flight");
            if item + 1 == buffers as u64 {
                saturated.send(made.load(Ordering::SeqCst)).expect("the sink waits");
            }
            Ok(if item < items { Fed::Job(buffer) } else { Fed::End(buffer) })
        },
        |_, buffer| Ok(buffer),
        |item, buffer| {
            if item == 0 {
                assert_eq!(is_saturated.recv(), Ok(buffers));
            }
            delivered.fetch_add(1, Ordering::SeqCst);
            Ok(buffer)
        },
    )
    .expect("nothing fails");

    assert_eq!(made.load(Ordering::SeqCst), buffers);
    assert_eq!((stats.peak_buffers, stats.items), (buffers, items));
}

#[test]
fn a_returned_buffer_is_used_before_a_new_one_is_made() {
    watched(|| {
        // The source fills no buffer before the sink has accepted the item before. By then it
        // already holds the buffer, and the two items before that one may still be on their way
        // back, so three of the many allowed buffers are enough.
        let (accepted, is_accepted) = bounded(1);
        let mut made = 0;
        let stats = run_ordered::<u64, _, _, ()>(
            options(2, 50),
            &Cancellation::new(),
            || {
                made += 1;
                made
            },
            |item, buffer| {
                if item > 0 {
                    is_accepted.recv().expect("the sink lives");
                }
                Ok(if item < 30 { Fed::Job(buffer) } else { Fed::End(buffer) })
            },
            |_, buffer| Ok(buffer),
            |_, buffer| {
                accepted.send(()).expect("the source lives");
                Ok(buffer)
            },
        )
        .expect("nothing fails");
        assert!(stats.peak_buffers <= 3, "{} buffers", stats.peak_buffers);
    });
}
