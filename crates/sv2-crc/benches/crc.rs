//! Each kernel of this processor, by length of the message.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput};
use sv2_crc::Kernel;

/// Header fields, a small frame, a frame, and what no cache of a core holds.
const LENGTHS: [usize; 4] = [56, 4 << 10, 65_560, 4 << 20];

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(30)
        .configure_from_args();
    for len in LENGTHS {
        let message: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
        let mut group = criterion.benchmark_group("crc");
        group.throughput(Throughput::Bytes(len as u64));
        for kernel in Kernel::available() {
            let id = BenchmarkId::new(format!("{kernel:?}").to_lowercase(), len);
            group.bench_function(id, |bencher| {
                bencher.iter(|| kernel.crc64(black_box(&message)));
            });
        }
        group.finish();
    }
    criterion.final_summary();
}
