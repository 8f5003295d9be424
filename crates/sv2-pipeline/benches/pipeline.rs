//! The drivers on null work: what threads, hand-over and order cost for one item.
//!
//! An item is a number; the buffers that go round hold nothing. What is left is the driver.

use std::convert::Infallible;
use std::num::NonZeroUsize;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput};
use sv2_pipeline::{Cancellation, Fed, PipelineOptions, run_inline, run_ordered, run_positional};

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let is_smoke =
        args.iter().any(|arg| arg == "--test") || !args.iter().any(|arg| arg == "--bench");
    // So many that the start of the threads does not show.
    let items = if is_smoke { 10 } else { 20_000 };
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3))
        .sample_size(20)
        .configure_from_args();
    inline(&mut criterion, items);
    for threads in [1, 2, 4] {
        let options = options(threads);
        ordered(&mut criterion, options, items);
        positional(&mut criterion, options, items);
        start(&mut criterion, options);
    }
    criterion.final_summary();
}

fn options(threads: usize) -> PipelineOptions {
    PipelineOptions::for_threads(NonZeroUsize::new(threads).expect("a thread"))
}

fn inline(criterion: &mut Criterion, items: u64) {
    let mut group = criterion.benchmark_group("null-work");
    group.throughput(Throughput::Elements(items));
    group.bench_function("inline", |bencher| {
        bencher.iter(|| {
            run_inline::<_, _, _, Infallible>(
                &Cancellation::new(),
                (),
                |item, ()| Ok(fed(item, items)),
                |_, item| Ok(item),
                |_, _| Ok(()),
            )
            .expect("nothing fails")
        });
    });
}

fn ordered(criterion: &mut Criterion, options: PipelineOptions, items: u64) {
    let mut group = criterion.benchmark_group("null-work");
    group.throughput(Throughput::Elements(items));
    group.bench_function(BenchmarkId::new("ordered", options.threads), |bencher| {
        bencher.iter(|| run_ordered_items(options, items));
    });
}

fn run_ordered_items(options: PipelineOptions, items: u64) -> sv2_pipeline::RunStats {
    run_ordered::<_, _, _, Infallible>(
        options,
        &Cancellation::new(),
        || (),
        |item, ()| Ok(fed(item, items)),
        |_, item| Ok(item),
        |_, _| Ok(()),
    )
    .expect("nothing fails")
}

fn positional(criterion: &mut Criterion, options: PipelineOptions, items: u64) {
    let mut group = criterion.benchmark_group("null-work");
    group.throughput(Throughput::Elements(items));
    group.bench_function(BenchmarkId::new("positional", options.threads), |bencher| {
        bencher.iter(|| {
            run_positional::<_, _, Infallible>(
                options,
                &Cancellation::new(),
                items,
                || (),
                |(), item| Ok(item),
            )
            .expect("nothing fails")
        });
    });
}

/// A job of two items: what it costs to start the threads and to join them.
fn start(criterion: &mut Criterion, options: PipelineOptions) {
    let mut group = criterion.benchmark_group("two-items");
    group.bench_function(BenchmarkId::new("ordered", options.threads), |bencher| {
        bencher.iter(|| run_ordered_items(options, 2));
    });
}

fn fed(item: u64, items: u64) -> Fed<(), u64> {
    if item < items { Fed::Job(item) } else { Fed::End(()) }
}
