//! Memory for scrypt, asked for before it is used: the library that derives keys ends the process
//! where it gets none.

use std::sync::{Condvar, Mutex, PoisonError};

use crate::KeysError;

/// What scrypt takes for each unit of N with the block size of age, in bytes.
const PER_UNIT: u64 = 128 * 8;
/// What it takes besides, and as much again for everything else that goes on.
const BESIDES: u64 = 1 << 20;

/// What the derivations of this process take.
static ALL: Budget = Budget::new(fits);

/// Memory that is promised to derivations which have not taken it, or not all of it.
struct Budget {
    promised: Mutex<u64>,
    given_back: Condvar,
    /// Whether so many bytes are to be had now.
    fits: fn(u64) -> bool,
}

/// Memory for one derivation, promised as long as this lives.
pub(crate) struct Promise {
    budget: &'static Budget,
    bytes: u64,
}

/// Promises the memory for deriving a key with N = 2^`log_n`; waits for derivations of other threads
/// where there is enough for them, and not for this one as well.
///
/// # Errors
/// `Memory`.
pub(crate) fn promise(log_n: u8) -> Result<Promise, KeysError> {
    let needed = PER_UNIT.checked_shl(log_n.into()).filter(|needed| needed >> log_n == PER_UNIT);
    ALL.promise(needed.unwrap_or(u64::MAX))
}

fn fits(bytes: u64) -> bool {
    let mut room: Vec<u8> = Vec::new();
    usize::try_from(bytes).is_ok_and(|bytes| room.try_reserve_exact(bytes).is_ok())
}

impl Budget {
    const fn new(fits: fn(u64) -> bool) -> Self {
        Self { promised: Mutex::new(0), given_back: Condvar::new(), fits }
    }

    fn promise(&'static self, needed: u64) -> Result<Promise, KeysError> {
        let mut promised = self.promised.lock().unwrap_or_else(PoisonError::into_inner);
        // What others were promised may not have been taken yet.
        while !(self.fits)(needed.saturating_add(*promised).saturating_add(BESIDES)) {
            if *promised == 0 {
                return Err(KeysError::Memory { needed });
            }
            promised = self.given_back.wait(promised).unwrap_or_else(PoisonError::into_inner);
        }
        *promised = promised.saturating_add(needed);
        Ok(Promise { budget: self, bytes: needed })
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        let mut promised = self.budget.promised.lock().unwrap_or_else(PoisonError::into_inner);
        *promised = promised.saturating_sub(self.bytes);
        self.budget.given_back.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn memory_that_is_not_there_is_an_error() {
        drop(promise(1).expect("two KiB"));
        // More than a process can address.
        for (log_n, needed) in [(50, 1 << 60), (63, u64::MAX)] {
            let Err(error) = promise(log_n) else { panic!("too much") };
            assert!(matches!(error, KeysError::Memory { needed: told } if told == needed));
        }
    }

    /// Threads that derive side by side never believe in the same memory.
    #[test]
    fn what_is_enough_for_one_is_promised_to_one_at_a_time() {
        static ONE: Budget = Budget::new(|bytes| bytes <= BESIDES + 100);
        static AT_ONCE: AtomicU64 = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let promise = ONE.promise(60).expect("it comes back");
                        assert_eq!(AT_ONCE.fetch_add(1, Ordering::SeqCst), 0);
                        std::thread::yield_now();
                        AT_ONCE.fetch_sub(1, Ordering::SeqCst);
                        drop(promise);
                    }
                });
            }
        });
        let (one, other) = (ONE.promise(40).expect("free"), ONE.promise(60).expect("both fit"));
        drop((one, other));
        assert!(ONE.promise(101).is_err());
    }
}
