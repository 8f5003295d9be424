//! Work that takes a processor for a while, kept off the threads that drive a runtime.

use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

/// Starts `work` at once: beside the runtime where there is one, and on this thread otherwise.
///
/// The future is only its end; a panic of the work goes on where that is awaited.
pub(crate) fn start<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> BoxFuture<'static, T> {
    if Handle::try_current().is_err() {
        return ready(work()).boxed();
    }
    let task = spawn_blocking(work);
    async move {
        match task.await {
            Ok(done) => done,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime is going down, and with it whoever waits here.
                Err(_) => std::future::pending().await,
            },
        }
    }
    .boxed()
}
