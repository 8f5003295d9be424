//! The concurrency primitives of this crate, named in one place.
//!
//! Everything that another thread can observe goes through these names, so that a model checker
//! can stand in for them: `sv2-model` does. Channels are bounded, and only `try_send`, `send`,
//! `recv`, `try_recv`, `clone`, `drop` and [`recv_unless`] are used on them. A primitive that can hold more than a
//! fixed number of values does not belong here.

pub(crate) use crossbeam_channel::{Receiver, Sender, TryRecvError, bounded};
pub(crate) use std::sync::Arc;
pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
pub(crate) use std::thread::{Builder, ScopedJoinHandle, scope};

/// Waits for a value of `input`; `None` once `input` has ended or `gone` has lost its last sender.
pub(crate) fn recv_unless<T>(input: &Receiver<T>, gone: &Receiver<()>) -> Option<T> {
    crossbeam_channel::select! {
        recv(input) -> value => value.ok(),
        recv(gone) -> _ => None,
    }
}
