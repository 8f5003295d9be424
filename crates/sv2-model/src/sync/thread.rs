//! Threads: those of the model checker, with panics that reach the join, and with a roll.
//!
//! The roll counts the threads that live and can refuse one, as a system without resources would.

use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::channel::bounded;

/// The outcome of a thread: what it gave, or the payload of its panic.
type Outcome<T> = Result<T, Box<dyn Any + Send + 'static>>;

/// The threads of one schedule. The primitives here are the system's own, so that looking at them
/// is no step that the model checker could schedule.
#[derive(Clone, Debug, Default)]
pub struct Threads {
    asked: Arc<AtomicUsize>,
    live: Arc<AtomicUsize>,
    refused: Option<usize>,
    without_anchor: bool,
}

impl Threads {
    /// A roll that refuses the thread with this number, counted from 0.
    pub fn refusing(number: usize) -> Self {
        Self { refused: Some(number), ..Self::default() }
    }

    /// A roll for drivers whose callers wait for nothing but the end of their threads, which makes
    /// fewer schedules; see [`scope`].
    pub fn without_anchor() -> Self {
        Self { without_anchor: true, ..Self::default() }
    }

    /// Threads that were started and have not ended.
    pub fn live(&self) -> usize {
        self.live.load(Ordering::SeqCst)
    }

    /// Threads that were asked for, the refused one included.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn admit(&self) -> io::Result<Entry> {
        let number = self.asked.fetch_add(1, Ordering::SeqCst);
        if self.refused == Some(number) {
            return Err(io::Error::from(io::ErrorKind::WouldBlock));
        }
        self.live.fetch_add(1, Ordering::SeqCst);
        Ok(Entry(Arc::clone(&self.live)))
    }
}

/// A live thread, until it is dropped.
struct Entry(Arc<AtomicUsize>);

impl Drop for Entry {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The handles of threads that nobody joins.
type Detached = Vec<shuttle::thread::JoinHandle<()>>;

std::thread_local! {
    /// The roll of the schedule at hand: the model checker runs a schedule on one system thread.
    static ROLL: Mutex<(Threads, Detached)> = Mutex::default();
}

fn roll<T>(look: impl FnOnce(&mut (Threads, Detached)) -> T) -> T {
    ROLL.with(|roll| look(&mut roll.lock().unwrap_or_else(PoisonError::into_inner)))
}

/// The threads of the schedule at hand.
pub fn started() -> Threads {
    roll(|(threads, _)| threads.clone())
}

/// Runs `body` with a roll of its own and then waits for the threads that nobody joined.
pub fn with_threads<T>(threads: Threads, body: impl FnOnce() -> T) -> T {
    roll(|all| *all = (threads, Vec::new()));
    let value = body();
    for handle in roll(|(_, detached)| std::mem::take(detached)) {
        assert!(handle.join().is_ok(), "a detached thread has panicked");
    }
    value
}

/// A thread to be.
#[derive(Debug, Default)]
pub struct Builder(());

impl Builder {
    pub fn new() -> Self {
        Self(())
    }

    /// The name is of no use to the model.
    pub fn name(self, _: String) -> Self {
        self
    }

    /// The size of the stack is of no use to the model.
    pub fn stack_size(self, _: usize) -> Self {
        self
    }

    /// Starts a thread that lives in a scope.
    pub fn spawn_scoped<'scope, T: Send + 'scope>(
        self,
        scope: &'scope Scope<'scope, '_>,
        body: impl FnOnce() -> T + Send + 'scope,
    ) -> io::Result<ScopedJoinHandle<'scope, T>> {
        let entry = started().admit()?;
        Ok(ScopedJoinHandle(scope.spawn(move || run(entry, body))))
    }

    /// Starts a thread that nobody joins but [`with_threads`].
    pub fn spawn(self, body: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle> {
        let entry = started().admit()?;
        let handle = shuttle::thread::spawn(move || {
            run(entry, body).unwrap_or_else(|payload| resume_unwind(payload));
        });
        roll(|(_, detached)| detached.push(handle));
        Ok(JoinHandle(()))
    }
}

fn run<T>(entry: Entry, body: impl FnOnce() -> T) -> Outcome<T> {
    let outcome = catch_unwind(AssertUnwindSafe(body));
    drop(entry);
    outcome
}

pub use shuttle::thread::Scope;

/// Runs `body` with a scope and joins the threads that it leaves, also when it panics.
///
/// The model checker wakes the thread of a scope whenever its last thread ends, even if it waits
/// for something else. A thread that lasts as long as `body` keeps the last one from ending early.
pub fn scope<'env, T>(body: impl for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T) -> T {
    let (body_runs, anchored) = bounded::<()>(1);
    let outcome = shuttle::thread::scope(|scope| {
        if !started().without_anchor {
            scope.spawn(move || drop(anchored.recv()));
        }
        let outcome = catch_unwind(AssertUnwindSafe(|| body(scope)));
        drop(body_runs);
        outcome
    });
    outcome.unwrap_or_else(|payload| resume_unwind(payload))
}

/// A thread of a scope.
#[derive(Debug)]
pub struct ScopedJoinHandle<'scope, T>(shuttle::thread::ScopedJoinHandle<'scope, Outcome<T>>);

impl<T> ScopedJoinHandle<'_, T> {
    /// Waits for the thread and gives what it gave, or the payload of its panic.
    pub fn join(self) -> Outcome<T> {
        self.0.join().unwrap_or_else(Err)
    }
}

/// A thread without a scope.
#[derive(Debug)]
pub struct JoinHandle(());
