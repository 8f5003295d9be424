//! Whether a call has left a thread of the engine.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sv2_core::{Driver, InputSource, OutputSink, encrypt_stream_v2};
use sv2_testkit::reference::Params;

use crate::harness::{encrypt_options, key, run};

/// Waits until no thread of this process bears a name of the engine's. A thread that was joined may
/// be listed for a moment longer; one that was not makes the watchdog bark.
pub(crate) fn no_thread_is_left() {
    while engine_threads() > 0 {
        std::thread::yield_now();
    }
}

/// Threads whose name begins as those of the pipeline do.
fn engine_threads() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").expect("a process has tasks");
    let names =
        tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.filter(|name| name.starts_with("sv2-")).count()
}

/// A name that is looked for is really given: without this the wait above would prove nothing.
#[test]
fn a_thread_of_the_engine_is_seen_while_it_lives() {
    // With more items than buffers the source is alive when the first one is observed.
    let plaintext = vec![0; 100 * 256];
    let seen = Arc::new(AtomicUsize::new(0));
    let most = seen.clone();
    let mut options = encrypt_options(&Params::tiny(1, 0, 0));
    options.run = run(Driver::Ordered, 2);
    options.run.observer = Some(Arc::new(move |_| {
        most.fetch_max(engine_threads(), Ordering::SeqCst);
    }));
    let mut wire = Vec::new();
    let (input, output) = (InputSource::Memory(&plaintext), OutputSink::Memory(&mut wire));
    encrypt_stream_v2(input, output, &key(), &options).expect("a stream");
    assert!(seen.load(Ordering::SeqCst) > 0);
    no_thread_is_left();
}
