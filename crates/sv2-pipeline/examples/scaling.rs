//! What the drivers make of more threads than this machine has processors.
//!
//!     cargo run --release -p sv2-pipeline --example scaling [READ WORK WRITE]
//!
//! The arguments are microseconds that a stage takes for a segment, as measured on one core; those of
//! a segment of 4 MiB stand in where there are none.
//! A stage is a wait, ten times as long, so that any number of them runs at the same time and what a
//! wait adds of its own stays small: what is left between the figure and the ideal is the driver,
//! its queues and its locks. What processors share beneath it, such as the bandwidth of memory, is not
//! in the figure.

#![allow(clippy::print_stdout, reason = "a program for a terminal")]

use std::convert::Infallible;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use sv2_pipeline::{Cancellation, Fed, PipelineOptions, run_ordered, run_positional};

/// Microseconds for 4 MiB: the kernel's copy at 7.7 GB/s, cipher and checksum at 4.4, the kernel's
/// copy into new pages at 2.6.
const STAGES: [u64; 3] = [545, 953, 1613];
/// How much longer a wait is than the stage that it stands for.
const SLOWER: u32 = 10;
/// Segments for each thread.
const ITEMS: u64 = 60;

fn main() {
    let given: Vec<u64> = std::env::args().skip(1).filter_map(|arg| arg.parse().ok()).collect();
    let stages: [u64; 3] = given.try_into().unwrap_or(STAGES);
    let [read, work, write] = stages.map(|micros| SLOWER * Duration::from_micros(micros));
    println!("read {read:?}, work {work:?}, write {write:?} a segment");
    println!(
        "| threads | by place, of the ideal | in order | in order to a sink that takes no time |"
    );
    println!("|---:|---:|---:|---:|");
    for threads in [1, 2, 4, 8, 16] {
        let places = positional(threads, read + work + write);
        let ordered = in_order(threads, [read, work, write]);
        let null = in_order(threads, [read, work, Duration::ZERO]);
        println!("| {threads} | {places} | {ordered} | {null} |");
    }
}

/// Segments a second, stretched back, and what part of the ideal that is.
fn told(items: u64, took: Duration, ideal: f64) -> String {
    let rate = items as f64 / took.as_secs_f64();
    format!("{:.0} /s, {:.2}", rate * f64::from(SLOWER), rate / ideal)
}

fn wait(stage: Duration) {
    if !stage.is_zero() {
        // The channel says when the stage is over.
        let _over = crossbeam_channel::after(stage).recv();
    }
}

/// Each worker reads, works and writes, and meets nobody.
fn positional(threads: usize, stage: Duration) -> String {
    let items = ITEMS * threads as u64;
    let begun = Instant::now();
    let step = |(): &mut (), item| {
        wait(stage);
        Ok(item)
    };
    run_positional::<_, _, Infallible>(options(threads), &Cancellation::new(), items, || (), step)
        .expect("nothing fails");
    told(items, begun.elapsed(), threads as f64 / stage.as_secs_f64())
}

/// One thread reads, one writes, and the slowest of the three stages is the limit.
fn in_order(threads: usize, [read, work, write]: [Duration; 3]) -> String {
    let items = ITEMS * threads as u64;
    let begun = Instant::now();
    let feed = |item, ()| {
        if item == items {
            return Ok(Fed::End(()));
        }
        wait(read);
        Ok(Fed::Job(item))
    };
    let job = |_, item: u64| {
        wait(work);
        Ok(item)
    };
    let sink = |_, _| {
        wait(write);
        Ok(())
    };
    run_ordered::<_, _, _, Infallible>(
        options(threads),
        &Cancellation::new(),
        || (),
        feed,
        job,
        sink,
    )
    .expect("nothing fails");
    let slowest = [read, work / threads as u32, write].into_iter().max().unwrap_or_default();
    told(items, begun.elapsed(), 1.0 / slowest.as_secs_f64())
}

fn options(threads: usize) -> PipelineOptions {
    PipelineOptions::for_threads(NonZeroUsize::new(threads).expect("a thread"))
}
