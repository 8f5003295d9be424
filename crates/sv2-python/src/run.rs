//! Work without the interpreter's lock: interrupts, progress, panics.
//!
//! A signal's handler runs on the main thread alone, and only where that thread holds the
//! interpreter's lock; so the work goes to a thread of its own, and the calling thread looks for
//! signals and calls the progress callback. The engine stops between two segments.

use std::any::Any;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use pyo3::prelude::*;
use sv2_core::{Cancellation, Observer, RunOptions, StreamError};

use crate::error::{Names, Trouble};

/// How long an interrupt may wait until it is seen.
const LOOK_AFTER: Duration = Duration::from_millis(50);

/// Is told of bytes that are done, and in all where that is known; from any thread.
pub(crate) type Tell = Arc<dyn Fn(u64, Option<u64>) + Send + Sync>;

/// How a caller wants a call to run.
#[derive(Default)]
pub(crate) struct Wishes<'py> {
    /// Worker threads; `None` is one for each processor.
    pub(crate) threads: Option<usize>,
    /// Called with bytes of plaintext that are done, and in all or `None`.
    pub(crate) progress: Option<Bound<'py, PyAny>>,
    /// Whether the work is too short to be interrupted.
    pub(crate) is_short: bool,
}

/// Runs `act` without the interpreter's lock.
pub(crate) fn run<T: Send>(
    py: Python<'_>,
    wishes: Wishes<'_>,
    names: &Names,
    act: impl FnOnce(RunOptions) -> Result<T, Trouble> + Send,
) -> PyResult<T> {
    run_telling(py, wishes, names, |options, _| act(options))
}

/// As [`run`], for work that no observer of the engine's sees.
pub(crate) fn run_telling<T: Send>(
    py: Python<'_>,
    wishes: Wishes<'_>,
    names: &Names,
    act: impl FnOnce(RunOptions, Tell) -> Result<T, Trouble> + Send,
) -> PyResult<T> {
    let mut options = RunOptions::automatic();
    if let Some(threads) = wishes.threads {
        options.threads = Some(NonZeroUsize::new(threads).ok_or_else(|| {
            Trouble::Usage("threads must be at least 1".into()).into_py(py, names)
        })?);
    }
    let done = match (wishes.is_short, wishes.progress) {
        (true, None) => py.detach(|| act(options, Arc::new(|_, _| {}))),
        (_, progress) => {
            let progress = progress.map(Bound::unbind);
            py.detach(|| watched(options, progress, act))
        }
    };
    done.map_err(|trouble| trouble.into_py(py, names))
}

/// Runs `act` on a thread of its own, and looks after it on this one.
fn watched<T: Send>(
    mut options: RunOptions,
    progress: Option<Py<PyAny>>,
    act: impl FnOnce(RunOptions, Tell) -> Result<T, Trouble> + Send,
) -> Result<T, Trouble> {
    let (sender, receiver) = mpsc::channel::<(u64, Option<u64>)>();
    let cancel: Cancellation = options.cancel.clone();
    let is_told = progress.is_some();
    // The last sender goes with the work.
    let tell: Tell = Arc::new(move |done, total| {
        if is_told {
            // Nobody listens any more where the callback failed.
            let _ = sender.send((done, total));
        }
    });
    if is_told {
        let tell = tell.clone();
        let observer: Observer = Arc::new(move |now| tell(now.done, now.total));
        options.observer = Some(observer);
    }
    thread::scope(|scope| {
        let spawned = thread::Builder::new().spawn_scoped(scope, move || act(options, tell));
        let worker = spawned.map_err(StreamError::Spawn)?;
        let mut stopped: Option<PyErr> = None;
        let mut shown = 0;
        loop {
            let news = receiver.recv_timeout(LOOK_AFTER);
            let is_over = news == Err(RecvTimeoutError::Disconnected);
            // Whatever came meanwhile is told in one call, so that a slow callback holds nothing up.
            let latest = receiver.try_iter().chain(news.ok()).max_by_key(|now| now.0);
            if stopped.is_none() {
                let looked = Python::attach(|py| {
                    py.check_signals()?;
                    match (&progress, latest) {
                        (Some(callback), Some((done, total))) if done > shown => {
                            shown = done;
                            callback.call1(py, (done, total)).map(drop)
                        }
                        _ => Ok(()),
                    }
                });
                if let Err(error) = looked {
                    cancel.cancel();
                    stopped = Some(error);
                }
            }
            if is_over {
                break;
            }
        }
        let outcome = worker.join().unwrap_or_else(|panic| Err(defect(panic.as_ref())));
        match stopped {
            Some(error) => Err(error.into()),
            None => outcome,
        }
    })
}

/// What a panic said.
pub(crate) fn defect(panic: &(dyn Any + Send)) -> Trouble {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    Trouble::Defect(text.unwrap_or_else(|| "a panic".into()))
}
