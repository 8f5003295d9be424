//! A bounded channel with many senders and many receivers, by a mutex and a condition.
//!
//! It keeps what was sent to it when its receivers go, which is the harder of the two behaviours
//! that a channel may have.

use std::collections::VecDeque;

use shuttle::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// A channel for at most `capacity` values, which is not zero.
pub fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    assert!(capacity > 0, "the pipeline makes no channel without room");
    let state = State { queue: VecDeque::new(), capacity, senders: 1, receivers: 1 };
    let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
    (Sender { shared: Arc::clone(&shared) }, Receiver { shared })
}

struct Shared<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    queue: VecDeque<T>,
    capacity: usize,
    senders: usize,
    receivers: usize,
}

/// A lock that is let go while some thread unwinds counts as poisoned, and a channel end may be
/// dropped then. Nothing here panics under the lock, so its state is sound.
impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `condition` no longer holds.
    fn wait_while(&self, condition: impl FnMut(&mut State<T>) -> bool) -> MutexGuard<'_, State<T>> {
        let guard = self.lock();
        self.changed.wait_while(guard, condition).unwrap_or_else(PoisonError::into_inner)
    }
}

/// The value that found no receiver.
#[derive(Debug)]
pub struct SendError<T>(pub T);

/// The value that was not taken, and why.
#[derive(Debug)]
pub enum TrySendError<T> {
    /// There is no room.
    Full(T),
    /// There is no receiver.
    Disconnected(T),
}

/// All senders are gone and nothing is left.
#[derive(Debug)]
pub struct RecvError;

/// Why there is no value now.
#[derive(Debug)]
pub enum TryRecvError {
    /// One may come.
    Empty,
    /// None will come.
    Disconnected,
}

/// The sending end.
pub struct Sender<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Sender<T> {
    /// Sends where there is room and a receiver.
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        let mut state = self.shared.lock();
        if state.receivers == 0 {
            return Err(TrySendError::Disconnected(value));
        }
        if state.queue.len() == state.capacity {
            return Err(TrySendError::Full(value));
        }
        state.queue.push_back(value);
        drop(state);
        self.shared.changed.notify_all();
        Ok(())
    }

    /// Waits for room.
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        let full =
            |state: &mut State<T>| state.receivers > 0 && state.queue.len() == state.capacity;
        let mut state = self.shared.wait_while(full);
        if state.receivers == 0 {
            return Err(SendError(value));
        }
        state.queue.push_back(value);
        drop(state);
        self.shared.changed.notify_all();
        Ok(())
    }
}

impl<T> Sender<T> {
    /// Whether all receivers are gone.
    pub fn is_disconnected(&self) -> bool {
        self.shared.lock().receivers == 0
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.shared.lock().senders += 1;
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.shared.lock().senders -= 1;
        self.shared.changed.notify_all();
    }
}

/// The receiving end.
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Receiver<T> {
    /// Waits for a value, or for the last sender to go.
    pub fn recv(&self) -> Result<T, RecvError> {
        let idle = |state: &mut State<T>| state.senders > 0 && state.queue.is_empty();
        let value = self.shared.wait_while(idle).queue.pop_front();
        self.shared.changed.notify_all();
        value.ok_or(RecvError)
    }

    /// Takes a value that is there.
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        let mut state = self.shared.lock();
        let value = state.queue.pop_front();
        let gone = state.senders == 0;
        drop(state);
        self.shared.changed.notify_all();
        value.ok_or(if gone { TryRecvError::Disconnected } else { TryRecvError::Empty })
    }
}

/// Waits for a value of `input`; `None` once `input` has ended or `gone` has lost its last sender.
pub fn recv_unless<T>(input: &Receiver<T>, gone: &Receiver<()>) -> Option<T> {
    loop {
        if matches!(gone.try_recv(), Err(TryRecvError::Disconnected)) {
            return None;
        }
        match input.try_recv() {
            Ok(value) => return Some(value),
            Err(TryRecvError::Disconnected) => return None,
            Err(TryRecvError::Empty) => shuttle::thread::yield_now(),
        }
    }
}

impl<T> std::fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sender")
    }
}

impl<T> std::fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Receiver")
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        self.shared.lock().receivers += 1;
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.shared.lock().receivers -= 1;
        self.shared.changed.notify_all();
    }
}
