//! The names of the pipeline's `sync`, over primitives that the model checker schedules.

mod channel;
mod thread;

pub use self::channel::{
    Receiver, SendError, Sender, TryRecvError, TrySendError, bounded, recv_unless,
};
pub use self::thread::{
    Builder, JoinHandle, Scope, ScopedJoinHandle, Threads, scope, started, with_threads,
};
pub use shuttle::sync::Arc;
pub use shuttle::sync::atomic::{AtomicBool, AtomicU64, Ordering};
