//! What the committed fuzz corpora cost in memory, counted by the allocator.
//!
//! The bodies run the engine and, where a target compares, the reference; the peak is that of both.

#![expect(clippy::print_stdout, reason = "figures of the documentation")]

use std::alloc::System;
use std::fs;
use std::path::Path;

use peakmem_alloc::{INSTRUMENTED_SYSTEM, PeakMemAlloc, PeakMemAllocTrait};
use sv2_fuzz_bodies::TARGETS;

#[global_allocator]
static ALLOCATOR: &PeakMemAlloc<System> = &INSTRUMENTED_SYSTEM;

/// What no input of a corpus may cost.
const MOST: usize = 64 << 20;

/// F-802: the only test of this binary, because the allocator counts for the whole process.
#[test]
fn no_input_of_a_corpus_costs_more_memory_than_its_limit() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus");
    let folders = fs::read_dir(&corpora).expect("the corpora are committed").count();
    assert_eq!(folders, TARGETS.len(), "each corpus has a body here");
    for (target, body) in TARGETS {
        let (mut most, mut of, mut inputs) = (0, String::new(), 0);
        for entry in fs::read_dir(corpora.join(target)).expect("the corpus is committed") {
            let path = entry.expect("the folder can be read").path();
            let input = fs::read(&path).expect("the file can be read");
            ALLOCATOR.reset_peak_memory();
            body(&input);
            let peak = ALLOCATOR.get_peak_memory();
            inputs += 1;
            if peak > most {
                (most, of) = (peak, path.display().to_string());
            }
        }
        println!("{target}: at most {} KiB in {inputs} inputs", most >> 10);
        assert!(inputs > 0 && most > 0, "{target} was not measured");
        assert!(most < MOST, "{target}: {most} bytes for {of}");
    }
}
