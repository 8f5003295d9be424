//! One frame: the worker beside the AEAD that it calls, by backend and frame size.
//!
//! Sealing adds a header, a tag and a checksum over the frame; opening adds a comparison, and the
//! checksum only where a failure must be explained from bytes that cannot be read again.

use std::time::Duration;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput};
use sv2_crypto::hazmat::{SegmentCipher, rewind, segment_cipher, segment_sealer};
use sv2_crypto::{Backend, SegmentOpener, SegmentSealer, SegmentsKey};
use sv2_frame_worker::{DecryptFrameWorker, EncryptFrameWorker, Explain, FrameInput};
use sv2_framing::{FRAME_HEADER_LEN, FrameIndex, SegmentLayout};
use sv2_headers::{DigestAlg, Geometry, Suite};

/// Binary logarithms of the frame sizes.
const FRAMES: [u8; 3] = [14, 16, 18];
/// Frames that are sealed before the clock starts, for one batch of openings.
const BATCH: BatchSize = BatchSize::NumIterations(16);
const FIRST: FrameIndex = FrameIndex(0);

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .sample_size(30)
        .configure_from_args();
    for &backend in Backend::available() {
        for frame_log2 in FRAMES {
            let geometry = Geometry::new(frame_log2, 0).expect("within limits");
            let layout = SegmentLayout::full(geometry, DigestAlg::None);
            seal(&mut criterion, backend, layout);
            open(&mut criterion, backend, layout);
        }
    }
    criterion.final_summary();
}

fn cipher(backend: Backend) -> SegmentCipher {
    let key = SegmentsKey::from_bytes([7; 32]);
    segment_cipher(&key, &[0; 56], Suite::Aes256Gcm, backend).expect("a backend of this build")
}

fn sealer(backend: Backend) -> SegmentSealer {
    let key = SegmentsKey::from_bytes([7; 32]);
    segment_sealer(&key, &[0; 56], Suite::Aes256Gcm, backend).expect("a backend of this build")
}

fn opener(backend: Backend) -> SegmentOpener {
    let key = SegmentsKey::from_bytes([7; 32]);
    key.segment_opener(&[0; 56], Suite::Aes256Gcm, backend).expect("a backend of this build")
}

/// A frame's place in a wire buffer, with painted plaintext in it.
fn painted(layout: SegmentLayout) -> Vec<u8> {
    (0..layout.frame(FIRST).len()).map(|at| (at % 251) as u8).collect()
}

fn id(what: &str, backend: Backend, layout: SegmentLayout) -> BenchmarkId {
    BenchmarkId::new(format!("{}/{what}", backend.name()), layout.frame_size() >> 10)
}

fn seal(criterion: &mut Criterion, backend: Backend, layout: SegmentLayout) {
    let mut group = criterion.benchmark_group("frame/seal");
    group.throughput(Throughput::Bytes(layout.frame_size().into()));
    let cipher = cipher(backend);
    let mut record = painted(layout);
    let slot = FRAME_HEADER_LEN..FRAME_HEADER_LEN + layout.frame_size() as usize;
    group.bench_function(id("aead", backend, layout), |bencher| {
        bencher.iter(|| cipher.seal(0, &mut record[slot.clone()]).expect("a frame"));
    });
    let mut sealer = sealer(backend);
    group.bench_function(id("worker", backend, layout), |bencher| {
        bencher.iter(|| {
            rewind(&mut sealer);
            let mut worker = EncryptFrameWorker::new(&mut sealer, layout);
            worker.encrypt(FrameInput { index: FIRST, record: &mut record }).expect("a frame")
        });
    });
}

fn open(criterion: &mut Criterion, backend: Backend, layout: SegmentLayout) {
    let mut group = criterion.benchmark_group("frame/open");
    group.throughput(Throughput::Bytes(layout.frame_size().into()));
    let (cipher, opener) = (cipher(backend), opener(backend));
    let mut sealed = painted(layout);
    let mut sealer = sealer(backend);
    let mut sealer = EncryptFrameWorker::new(&mut sealer, layout);
    sealer.encrypt(FrameInput { index: FIRST, record: &mut sealed }).expect("a frame");
    let slot = FRAME_HEADER_LEN..FRAME_HEADER_LEN + layout.frame_size() as usize;
    let mut tag = [0; 16];
    tag.copy_from_slice(&sealed[slot.end..slot.end + 16]);
    group.bench_function(id("aead", backend, layout), |bencher| {
        bencher.iter_batched_ref(
            || sealed.clone(),
            |record| cipher.open(0, &mut record[slot.clone()], &tag).expect("as sealed"),
            BATCH,
        );
    });
    for (what, explain) in
        [("worker-of-a-file", Explain::CallerRereads), ("worker-of-a-pipe", Explain::Now)]
    {
        let worker = DecryptFrameWorker::new(&opener, layout, explain);
        group.bench_function(id(what, backend, layout), |bencher| {
            bencher.iter_batched_ref(
                || sealed.clone(),
                |record| worker.decrypt(FrameInput { index: FIRST, record }).expect("as sealed"),
                BATCH,
            );
        });
    }
}
