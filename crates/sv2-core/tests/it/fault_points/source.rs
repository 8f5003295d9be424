//! A source of positioned reads that misbehaves once, as planned.

use std::io::{Error, ErrorKind, Result};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier, Mutex};

use sv2_core::ReadAt;

/// What happens instead of an ordinary read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It fails.
    Error(ErrorKind),
    /// It yields one byte.
    Short,
    /// It yields nothing, as at the end.
    Zero,
    /// It panics.
    Panic,
    /// It blocks until it is told to go on.
    Stall,
}

/// Which call is troubled, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    at: Option<(u64, Trouble)>,
    has_len: bool,
}

impl Plan {
    pub(crate) fn sound() -> Self {
        Self { at: None, has_len: true }
    }

    pub(crate) fn at(call: u64, trouble: Trouble) -> Self {
        Self { at: Some((call, trouble)), has_len: true }
    }

    pub(crate) fn stalling(call: u64) -> Self {
        Self::at(call, Trouble::Stall)
    }

    pub(crate) fn without_len() -> Self {
        Self { at: None, has_len: false }
    }
}

/// Bytes with a plan. Clones share the count of calls.
#[derive(Clone)]
pub(crate) struct Source(Arc<Shared>);

pub(crate) struct Shared {
    bytes: Vec<u8>,
    plan: Plan,
    calls: AtomicU64,
    struck: Mutex<Option<(u64, u64)>>,
    stalled: Barrier,
    resumed: Barrier,
}

impl Source {
    pub(crate) fn new(bytes: Vec<u8>, plan: Plan) -> Self {
        Self(Arc::new(Shared {
            bytes,
            plan,
            calls: AtomicU64::new(0),
            struck: Mutex::new(None),
            stalled: Barrier::new(2),
            resumed: Barrier::new(2),
        }))
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0
    }

    /// Reads so far, the troubled one included.
    pub(crate) fn calls(&self) -> u64 {
        self.0.calls.load(Ordering::SeqCst)
    }

    /// Offset and length of the troubled read.
    pub(crate) fn struck(&self) -> Option<(u64, u64)> {
        *self.0.struck.lock().expect("no panic holds it")
    }

    /// Waits until the read that stalls is made.
    pub(crate) fn until_stalled(&self) {
        self.0.stalled.wait();
    }

    /// Lets the read that stalls go on.
    pub(crate) fn go_on(&self) {
        self.0.resumed.wait();
    }
}

impl ReadAt for Source {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize> {
        let call = self.0.calls.fetch_add(1, Ordering::SeqCst);
        let trouble = self.0.plan.at.filter(|(at, _)| *at == call).map(|(_, trouble)| trouble);
        if trouble.is_some() {
            *self.0.struck.lock().expect("no panic holds it") = Some((offset, buffer.len() as u64));
        }
        let len = match trouble {
            None => buffer.len(),
            Some(Trouble::Error(kind)) => return Err(Error::new(kind, "planned by the test")),
            Some(Trouble::Short) => buffer.len().min(1),
            Some(Trouble::Zero) => return Ok(0),
            Some(Trouble::Panic) => std::panic::resume_unwind(Box::new("the source panics")),
            Some(Trouble::Stall) => {
                self.0.stalled.wait();
                self.0.resumed.wait();
                buffer.len()
            }
        };
        self.0.bytes.read_at(&mut buffer[..len], offset)
    }

    fn len(&self) -> Result<u64> {
        if self.0.plan.has_len {
            Ok(self.0.bytes.len() as u64)
        } else {
            Err(ErrorKind::Other.into())
        }
    }
}
