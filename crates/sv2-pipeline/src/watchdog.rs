//! A watchdog for tests, shared by the unit tests and the integration tests: a body that hangs is
//! a failure.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::channel;
use std::thread::spawn;
use std::time::Duration;

/// Runs `body` on a thread of its own and fails if it has not ended after a minute.
pub(crate) fn watched<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = channel();
    let thread = spawn(move || {
        let _ = sender.send(catch_unwind(AssertUnwindSafe(body)));
    });
    let outcome = receiver.recv_timeout(Duration::from_secs(60)).expect("the run hangs");
    thread.join().expect("the body's panics are caught");
    outcome.unwrap_or_else(|payload| resume_unwind(payload))
}
