//! One segment of 4 MiB: the worker beside the AEAD alone, over the same buffers.
//!
//! Criterion gives each its own figure; a table at the end gives the ratio of the two, taken in turns
//! so that a change of the processor's clock meets both sides.
//! Opening destroys the ciphertext, so every operation gets a buffer that was filled from a sealed
//! segment outside of the timed part: one buffer again and again is warm, a row of buffers larger
//! than the caches is cold.

#![allow(clippy::print_stdout, reason = "a program for a terminal")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput};
use sv2_crypto::hazmat::{SegmentCipher, segment_cipher};
use sv2_crypto::{Backend, RandomSource, RootKeys, SegmentsKey, StreamKey};
use sv2_framing::{SegmentHeader, SegmentIndex, SegmentLayout, TAG_LEN};
use sv2_headers::{DigestAlg, Geometry, StreamHeader, Suite};
use sv2_segment_worker::{
    DecryptSegmentWorker, EncryptSegmentWorker, Explain, SegmentCryptoContext,
};

/// Binary logarithms of the frame sizes.
const FRAMES: [u8; 3] = [14, 16, 18];
/// Buffers of a cold row: 64 MiB and more.
const COLD: usize = 16;
/// Turns that the medians of the ratios are taken over.
const ROUNDS: usize = 31;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let has = |flag: &str| args.iter().any(|arg| arg == flag);
    let is_smoke = has("--test") || !has("--bench");
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2))
        .sample_size(20)
        .configure_from_args();
    // Ratios stand in no file; they are printed where no single bench was asked for.
    let wants_ratios = !has("--list") && !args[1..].iter().any(|arg| !arg.starts_with('-'));
    let segment_log2 = if is_smoke { 19 } else { 22 };
    let mut lines = Vec::new();
    for &backend in Backend::available() {
        for frame_log2 in FRAMES {
            let geometry = Geometry::new(frame_log2, segment_log2 - frame_log2);
            let bed = Bed::new(backend, geometry.expect("within limits"));
            for (warmth, buffers) in [("warm", 1), ("cold", if is_smoke { 2 } else { COLD })] {
                let mut row = Row::new(&bed, buffers);
                measure(&mut criterion, &bed, &mut row, warmth);
                if wants_ratios {
                    let rounds = if is_smoke { 1 } else { ROUNDS };
                    lines.push(ratios(&bed, &mut row, warmth, rounds));
                }
            }
        }
    }
    criterion.final_summary();
    if wants_ratios {
        println!("\nGB/s of plaintext: worker / AEAD alone = ratio");
        println!("{:8} {:>8} {:4} {:>22} {:>22} {:>22}", "backend", "frame", "", SEAL, FILE, PIPE);
        print!("{}", lines.concat());
    }
}

const SEAL: &str = "seal";
const FILE: &str = "open, file";
const PIPE: &str = "open, pipe";

/// What is done to a buffer.
#[derive(Debug, Clone, Copy)]
enum Operation {
    AeadSeal,
    WorkerSeal,
    AeadOpen,
    WorkerOpen(Explain),
}

const OPERATIONS: [(&str, Operation); 5] = [
    ("seal/aead", Operation::AeadSeal),
    ("seal/worker", Operation::WorkerSeal),
    ("open/aead", Operation::AeadOpen),
    ("open/worker-of-a-file", Operation::WorkerOpen(Explain::CallerRereads)),
    ("open/worker-of-a-pipe", Operation::WorkerOpen(Explain::Now)),
];

/// A sealed segment and everything that seals and opens it.
struct Bed {
    backend: Backend,
    layout: SegmentLayout,
    sealer: EncryptSegmentWorker,
    opener: DecryptSegmentWorker,
    header: SegmentHeader,
    cipher: SegmentCipher,
    wire: Vec<u8>,
}

impl Bed {
    fn new(backend: Backend, geometry: Geometry) -> Self {
        let mut header = StreamHeader {
            suite: Suite::Aes256Gcm,
            digest: DigestAlg::None,
            geometry,
            slotted: false,
            stream_salt: [0x55; 32],
            commitment: [0; 32],
            header_len: 1024,
            revision: 0,
            sections: Vec::new(),
            mac: [0; 32],
        };
        let keys = RootKeys::derive(&StreamKey::from_bytes([7; 32]), &header.core(), b"");
        header.commitment = *keys.commitment();
        let key = keys.segments_key();
        let own_key = SegmentsKey::from_bytes(*key.expose());
        let context = SegmentCryptoContext::new(&header, key, backend, RandomSource::System);
        let layout = SegmentLayout::full(geometry, DigestAlg::None);
        let sealer = EncryptSegmentWorker::new(Arc::clone(&context));
        let opener = DecryptSegmentWorker::new(Arc::clone(&context));
        let mut wire: Vec<u8> = (0..layout.wire_len()).map(|at| (at % 251) as u8).collect();
        let (index, plaintext_len) = (SegmentIndex(0), layout.plaintext_len());
        let entry = sealer.encrypt_in_place(index, plaintext_len, &mut wire).expect("a segment");
        let header = context.sealed_header(index, plaintext_len, entry.salt);
        let cipher = segment_cipher(&own_key, &header.keyed(), Suite::Aes256Gcm, backend);
        let cipher = cipher.expect("a backend of this build");
        Self { backend, layout, sealer, opener, header, cipher, wire }
    }

    fn apply(&self, operation: Operation, wire: &mut [u8]) {
        match operation {
            Operation::AeadSeal => {
                for (frame, slot) in (0..).zip(self.layout.plaintext_slots()) {
                    let end = slot.end;
                    let tag = self.cipher.seal(frame, &mut wire[slot]).expect("a frame");
                    wire[end..end + TAG_LEN].copy_from_slice(&tag);
                }
            }
            Operation::AeadOpen => {
                for (frame, slot) in (0..).zip(self.layout.plaintext_slots()) {
                    let mut tag = [0; TAG_LEN];
                    tag.copy_from_slice(&wire[slot.end..slot.end + TAG_LEN]);
                    self.cipher.open(frame, &mut wire[slot], &tag).expect("as sealed");
                }
            }
            Operation::WorkerSeal => {
                let plaintext_len = self.layout.plaintext_len();
                let sealed = self.sealer.encrypt_in_place(self.header.index, plaintext_len, wire);
                sealed.expect("a segment");
            }
            Operation::WorkerOpen(explain) => {
                let opened = self.opener.decrypt_in_place(&self.header, wire, explain);
                opened.expect("as sealed");
            }
        }
    }
}

/// Buffers that are worked on one after the other.
struct Row {
    buffers: Vec<Vec<u8>>,
}

impl Row {
    fn new(bed: &Bed, buffers: usize) -> Self {
        Self { buffers: vec![bed.wire.clone(); buffers] }
    }

    /// The time of `count` operations, each on a buffer that holds the sealed segment.
    fn time(&mut self, bed: &Bed, operation: Operation, count: u64) -> Duration {
        let mut total = Duration::ZERO;
        let mut left = usize::try_from(count).unwrap_or(usize::MAX);
        while left > 0 {
            let used = left.min(self.buffers.len());
            // All of them, so that a short row is as cold as a full one.
            for buffer in &mut self.buffers {
                buffer.copy_from_slice(&bed.wire);
            }
            let start = Instant::now();
            for buffer in &mut self.buffers[..used] {
                bed.apply(operation, buffer);
            }
            total += start.elapsed();
            left -= used;
        }
        total
    }
}

fn measure(criterion: &mut Criterion, bed: &Bed, row: &mut Row, warmth: &str) {
    let mut group = criterion.benchmark_group(format!("segment/{}/{warmth}", bed.backend.name()));
    group.sampling_mode(SamplingMode::Flat);
    group.throughput(Throughput::Bytes(bed.layout.plaintext_len().into()));
    for (name, operation) in OPERATIONS {
        let id = BenchmarkId::new(name, bed.layout.frame_size() >> 10);
        group.bench_function(id, |bencher| {
            bencher.iter_custom(|count| row.time(bed, operation, count));
        });
    }
}

/// A line of the table: medians of rates taken in turns.
fn ratios(bed: &Bed, row: &mut Row, warmth: &str, rounds: usize) -> String {
    let mut times = [const { Vec::new() }; OPERATIONS.len()];
    for _ in 0..rounds {
        for (times, (_, operation)) in times.iter_mut().zip(OPERATIONS) {
            times.push(row.time(bed, operation, COLD as u64));
        }
    }
    let bytes = f64::from(bed.layout.plaintext_len()) * COLD as f64;
    let [aead_seal, seal, aead_open, file, pipe] = times.map(|mut times| {
        times.sort();
        bytes / times[times.len() / 2].as_secs_f64() / 1e9
    });
    let cell = |rate: f64, aead: f64| format!("{rate:.2} / {aead:.2} = {:.3}", rate / aead);
    format!(
        "{:8} {:>4} KiB {warmth} {:>22} {:>22} {:>22}\n",
        bed.backend.name(),
        bed.layout.frame_size() >> 10,
        cell(seal, aead_seal),
        cell(file, aead_open),
        cell(pipe, aead_open),
    )
}
