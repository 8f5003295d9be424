//! The public services that seal and open the segments a program feeds in.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use crossbeam_channel::{Receiver, bounded, unbounded};
use sv2_crypto::{Backend, RandomSource, SegmentsKey};
use sv2_headers::{DigestAlg, Geometry, StreamHeader, Suite};
use sv2_pipeline::{
    Cancellation, DecryptPipeline, EncryptPipeline, PipelineOptions, Results, ServiceError,
};
use sv2_segment_worker::{
    DecryptSegmentWorker, EncryptSegmentWorker, EncryptedSegment, SegmentCryptoContext,
    SegmentWire, SegmentWorkerError,
};

/// Long enough for any machine; a test that waits so long has hung.
const WATCHDOG: Duration = Duration::from_secs(60);
/// Plaintext bytes of a full segment: four frames of 256 bytes.
const SEGMENT: usize = 1024;

fn context() -> Arc<SegmentCryptoContext> {
    let header = StreamHeader {
        suite: Suite::Aes256Gcm,
        digest: DigestAlg::Sha256,
        geometry: Geometry::new(8, 2).expect("a legal geometry"),
        slotted: false,
        stream_salt: [3; 32],
        commitment: [4; 32],
        header_len: 1024,
        revision: 0,
        sections: Vec::new(),
        mac: [0; 32],
    };
    let key = SegmentsKey::from_bytes([5; 32]);
    SegmentCryptoContext::new(&header, key, Backend::Ring, RandomSource::System)
}

fn options(threads: usize) -> PipelineOptions {
    PipelineOptions::for_threads(NonZeroUsize::new(threads).expect("at least one"))
}

fn sealer(threads: usize) -> EncryptPipeline {
    EncryptPipeline::new(EncryptSegmentWorker::new(context()), options(threads))
}

fn opener(threads: usize) -> DecryptPipeline {
    DecryptPipeline::new(DecryptSegmentWorker::new(context()), options(threads))
}

fn plaintexts(count: usize) -> Vec<Bytes> {
    (0..count)
        .map(|segment| {
            let len = if segment + 1 == count { SEGMENT / 3 } else { SEGMENT };
            (0..len).map(|at| (segment * 31 + at % 251) as u8).collect()
        })
        .collect()
}

/// Everything that a service hands out, by a receiver that gives up on a hang.
fn collect<T>(results: &Results<T>) -> Vec<Result<T, ServiceError>> {
    let mut all = Vec::new();
    loop {
        match results.receiver().recv_timeout(WATCHDOG) {
            Ok(result) => all.push(result),
            Err(crossbeam_channel::RecvTimeoutError::Disconnected) => return all,
            Err(crossbeam_channel::RecvTimeoutError::Timeout) => panic!("the service hangs"),
        }
    }
}

fn feed<T>(items: impl IntoIterator<Item = T>) -> Receiver<T> {
    let (sender, receiver) = unbounded();
    for item in items {
        sender.send(item).expect("the receiver is in scope");
    }
    receiver
}

fn seal_all(threads: usize, first: u64, plaintexts: &[Bytes]) -> Vec<EncryptedSegment> {
    let results = sealer(threads).resume_at(first).process_stream(feed(plaintexts.iter().cloned()));
    collect(&results).into_iter().map(|result| result.expect("a segment")).collect()
}

#[test]
fn segments_come_back_in_order_with_any_number_of_threads() {
    let plaintexts = plaintexts(17);
    for threads in [1, 2, 3, 7] {
        let sealed = seal_all(threads, 0, &plaintexts);
        let numbers: Vec<u64> = sealed.iter().map(|segment| segment.index.0).collect();
        assert_eq!(numbers, (0..17).collect::<Vec<_>>());
        let wire = feed(sealed.iter().map(|segment| segment.wire.clone()));
        let opened = collect(&opener(threads).process_stream(wire));
        let opened: Vec<Bytes> =
            opened.into_iter().map(|result| result.expect("opens").into_plaintext()).collect();
        assert_eq!(opened, plaintexts);
    }
}

#[test]
fn a_job_resumes_at_any_segment() {
    let plaintexts = plaintexts(5);
    let sealed = seal_all(2, 40, &plaintexts);
    assert_eq!(sealed[0].index.0, 40);
    let wire = || feed(sealed.iter().map(|segment| segment.wire.clone()));
    let opened = collect(&opener(2).resume_at(40).process_stream(wire()));
    assert_eq!(opened.len(), 5);
    assert!(opened.iter().all(Result::is_ok));
    // The same segments at another place are refused: their number is in their key.
    let refused = collect(&opener(2).resume_at(41).process_stream(wire()));
    assert!(
        matches!(&refused[..], [Err(ServiceError::Segment(SegmentWorkerError::Header { segment, .. }))]
            if segment.0 == 41)
    );
}

#[test]
fn the_first_error_in_stream_order_ends_the_results() {
    let sealed = seal_all(2, 0, &plaintexts(9));
    for (broken, also_broken) in [(0usize, 8usize), (3, 4), (5, 6), (8, 8)] {
        let wire = sealed.iter().enumerate().map(|(number, segment)| {
            let mut wire = segment.wire.to_vec();
            if number == broken || number == also_broken {
                wire[100] ^= 1;
            }
            Bytes::from(wire)
        });
        let results = collect(&opener(3).process_stream(feed(wire)));
        assert_eq!(results.len(), broken + 1, "everything before the error and the error");
        let error = results.into_iter().next_back().expect("one").expect_err("the last one");
        assert!(
            matches!(
                &error,
                ServiceError::Segment(SegmentWorkerError::Frame { segment, .. })
                    if segment.0 == broken as u64
            ),
            "{error:?}"
        );
    }
}

#[test]
fn a_digest_that_is_not_the_sealed_one_is_refused() {
    let sealed = seal_all(2, 0, &plaintexts(3));
    let with_entries = |wrong: usize| {
        feed(
            sealed
                .iter()
                .enumerate()
                .map(move |(number, segment)| {
                    let mut entry = segment.entry;
                    entry.digest[0] ^= u8::from(number == wrong);
                    SegmentWire {
                        index: segment.index,
                        wire: segment.wire.clone(),
                        sealed: Some(entry),
                    }
                })
                .collect::<Vec<_>>(),
        )
    };
    assert!(collect(&opener(2).process_sealed(with_entries(9))).iter().all(Result::is_ok));
    let results = collect(&opener(2).process_sealed(with_entries(1)));
    assert_eq!(results.len(), 2);
    assert!(
        matches!(&results[1], Err(ServiceError::Segment(SegmentWorkerError::DigestMismatch { segment }))
            if segment.0 == 1)
    );
}

#[test]
fn a_segment_that_is_too_long_or_empty_is_refused() {
    for len in [0, SEGMENT + 1] {
        let results = collect(&sealer(2).process_stream(feed([Bytes::from(vec![0; len])])));
        assert!(
            matches!(&results[..], [Err(ServiceError::Segment(SegmentWorkerError::Length { .. }))]),
            "{len}"
        );
    }
}

/// A service whose results were dropped leaves no thread behind, though its input is open and idle.
#[test]
fn dropped_results_end_the_threads_of_an_idle_service() {
    let context = context();
    let worker = EncryptSegmentWorker::new(Arc::clone(&context));
    let (_sender, input) = bounded(0);
    let results = EncryptPipeline::new(worker, options(2)).process_stream(input);
    drop(results);
    // Each thread of the service holds the context until it ends.
    let begun = std::time::Instant::now();
    while Arc::strong_count(&context) > 1 {
        assert!(begun.elapsed() < WATCHDOG, "a thread waits for an input that does not come");
        std::thread::yield_now();
    }
}

#[test]
fn a_dropped_receiver_ends_the_service() {
    let (sender, input) = bounded(0);
    let results = sealer(2).process_stream(input);
    drop(results);
    // The service takes what its buffers hold and then hangs up, which ends this loop.
    let mut fed = 0;
    while sender.send_timeout(Bytes::from_static(b"x"), WATCHDOG).is_ok() {
        fed += 1;
        assert!(fed < 1000, "nobody wants the results");
    }
}

#[test]
fn a_cancelled_service_says_so() {
    let cancel = Cancellation::new();
    let (sender, input) = bounded(0);
    let results = sealer(2).with_cancellation(cancel.clone()).process_stream(input);
    sender.send(Bytes::from_static(b"x")).expect("the service listens");
    assert!(results.receiver().recv_timeout(WATCHDOG).expect("a result").is_ok());
    cancel.cancel();
    // Taken or refused, depending on whether the service has noticed already.
    let _ = sender.send(Bytes::from_static(b"y"));
    let rest = collect(&results);
    assert!(matches!(&rest[..], [Err(ServiceError::Cancelled { segment: 1 })]), "{rest:?}");
}

#[test]
fn an_empty_input_gives_no_results() {
    assert!(collect(&sealer(3).process_stream(feed([]))).is_empty());
}
