//! Where key bytes are kept: in one place, which no move copies and which is wiped.

use alloc::boxed::Box;
use core::hint::black_box;
use core::ops::{Deref, DerefMut};

use zeroize::{Zeroize, Zeroizing};

/// More than the functions that derive and expand keys use of the stack.
const SCRUBBED: usize = 16 << 10;

/// Key bytes on the heap: a move of the owner copies a pointer, and the drop wipes the only copy.
pub(crate) struct Secret<const N: usize>(Box<Zeroizing<[u8; N]>>);

impl<const N: usize> Secret<N> {
    /// Zero bytes, to be filled in place.
    pub(crate) fn zero() -> Self {
        Self(Box::new(Zeroizing::new([0; N])))
    }

    /// These bytes, wiped where they were handed over.
    pub(crate) fn take(mut bytes: [u8; N]) -> Self {
        let mut secret = Self::zero();
        secret.copy_from_slice(&bytes);
        bytes.zeroize();
        secret
    }
}

impl<const N: usize> Deref for Secret<N> {
    type Target = [u8; N];

    fn deref(&self) -> &[u8; N] {
        &self.0
    }
}

impl<const N: usize> DerefMut for Secret<N> {
    fn deref_mut(&mut self) -> &mut [u8; N] {
        &mut self.0
    }
}

/// Runs `work`, and then overwrites the stack that it used.
///
/// Cipher libraries leave expanded keys and padded HMAC keys in frames that they have left.
/// A result that holds key bytes must hold them on the heap.
#[inline(never)]
pub(crate) fn without_traces<T>(work: impl FnOnce() -> T) -> T {
    let result = apart(work);
    scrub_stack();
    result
}

#[inline(never)]
fn apart<T>(work: impl FnOnce() -> T) -> T {
    work()
}

/// Fills the frames below the caller's, which are dead, with zeros.
#[inline(never)]
pub(crate) fn scrub_stack() {
    black_box(&mut [0u8; SCRUBBED]);
}
