//! What hostile input costs: memory, counted by the allocator, and work, counted by the source.
//!
//! No clock decides: a limit that holds for bytes read and bytes allocated holds on any machine.

mod many;
mod memory;
mod proportion;
mod slots;
mod sparse;
mod work;

use std::alloc::System;
use std::sync::{Mutex, PoisonError};

use peakmem_alloc::{INSTRUMENTED_SYSTEM, PeakMemAlloc, PeakMemAllocTrait};

#[global_allocator]
static ALLOCATOR: &PeakMemAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Held while something is measured: the allocator counts for the whole process.
static MEASURING: Mutex<()> = Mutex::new(());

/// The most bytes that were allocated at a time while this ran, on top of what was there before.
fn peak_of(run: impl FnOnce()) -> usize {
    let _measuring = MEASURING.lock().unwrap_or_else(PoisonError::into_inner);
    ALLOCATOR.reset_peak_memory();
    run();
    ALLOCATOR.get_peak_memory()
}
