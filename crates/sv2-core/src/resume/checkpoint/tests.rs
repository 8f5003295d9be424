//! The order of a checkpoint's steps, and what is left where one of them fails.

use std::io;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use sv2_crypto::{RootKeys, StreamKey};
use sv2_headers::{DigestAlg, Trailer};

use super::{CheckpointStorage, with_checkpoints};
use crate::StreamError;
use crate::resume::CheckpointError;
use crate::resume::journal::Chain;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// A segment was written.
    Segment(u64),
    SyncOutput,
    /// A record with this count was written.
    Record(u64),
    SyncJournal,
}

/// Two files that write down what is done to them, and refuse one step.
struct Log {
    steps: Mutex<Vec<Step>>,
    refused: Option<fn(Step) -> bool>,
}

impl Log {
    fn new(refused: Option<fn(Step) -> bool>) -> Self {
        Self { steps: Mutex::new(Vec::new()), refused }
    }

    fn add(&self, step: Step) -> io::Result<()> {
        if self.refused.is_some_and(|refused| refused(step)) {
            return Err(io::Error::other("the disk refuses"));
        }
        self.steps.lock().expect("no panic while it is held").push(step);
        Ok(())
    }

    fn steps(&self) -> Vec<Step> {
        self.steps.lock().expect("no panic while it is held").clone()
    }
}

impl CheckpointStorage for Log {
    fn sync_output(&self) -> io::Result<()> {
        self.add(Step::SyncOutput)
    }

    fn write_record(&self, record: &[u8], _: u64) -> io::Result<()> {
        self.add(Step::Record(u64::from_be_bytes(record[..8].try_into().expect("8 bytes"))))
    }

    fn sync_journal(&self) -> io::Result<()> {
        self.add(Step::SyncJournal)
    }
}

fn chain() -> Chain {
    let trailer = Trailer {
        digest: DigestAlg::None,
        header_len: 256,
        generation: 0,
        segments: 100,
        plaintext_len: 100,
        index_root: [0; 32],
        revision: 0,
        seal: [1; 32],
    };
    let keys = RootKeys::derive(&StreamKey::from_bytes([1; 32]), &[0; 48], b"");
    Chain::begin(keys.journal_key(), &trailer).1
}

/// Writes segments in this order, and fails at the end where that is wished.
fn run(log: &Log, order: &[u64], distance: u64, fails: bool) -> Result<u64, StreamError> {
    let mut chain = chain();
    let done = with_checkpoints(log, &mut chain, distance, |frontier| {
        for &segment in order {
            log.add(Step::Segment(segment)).expect("a log");
            frontier.finish(segment)?;
        }
        if fails { Err(StreamError::Usage("the end")) } else { Ok(()) }
    });
    done.map(|()| chain.count())
}

/// F-1201: a record counts nothing that was not written before a sync that came before it, and
/// each record is on stable storage before the next sync begins.
fn judge(steps: &[Step]) {
    let mut written = Vec::new();
    let (mut at_sync, mut last) = (0, 0);
    let mut expects = Step::SyncOutput;
    for &step in steps {
        match step {
            Step::Segment(segment) => {
                written.push(segment);
                continue;
            }
            Step::SyncOutput => at_sync = (0..).take_while(|s| written.contains(s)).count() as u64,
            Step::Record(count) => {
                assert!(count <= at_sync, "{count} are counted, {at_sync} synced: {steps:?}");
                assert!(count > last, "F-1202: {steps:?}");
                last = count;
            }
            Step::SyncJournal => {}
        }
        let kind = std::mem::discriminant::<Step>;
        assert_eq!(kind(&step), kind(&expects), "{steps:?}");
        expects = match step {
            Step::SyncOutput => Step::Record(0),
            Step::Record(_) => Step::SyncJournal,
            _ => Step::SyncOutput,
        };
    }
}

#[test]
fn a_record_follows_the_sync_of_what_it_counts() {
    let orders: [&[u64]; 3] = [&[0, 1, 2, 3, 4, 5], &[3, 1, 0, 2, 5, 4], &[5, 4, 3, 2, 1, 0]];
    for order in orders {
        for distance in [1, 2, 4, u64::MAX] {
            let log = Log::new(None);
            run(&log, order, distance, true).expect_err("it fails at the end");
            let steps = log.steps();
            judge(&steps);
            // The last one counts all, since nothing is being written any more.
            assert_eq!(steps[steps.len() - 2..], [Step::Record(6), Step::SyncJournal]);
        }
    }
}

/// Files whose first sync of the plaintext lasts until one more segment is finished.
struct SlowSync {
    log: Log,
    begun: SyncSender<()>,
    finished: Mutex<Receiver<()>>,
}

impl CheckpointStorage for SlowSync {
    fn sync_output(&self) -> io::Result<()> {
        // The second sync is that of the last checkpoint, when nobody listens any more.
        if self.begun.send(()).is_ok() {
            let finished = self.finished.lock().expect("no panic while it is held");
            finished.recv().expect("the work finishes a segment");
        }
        self.log.sync_output()
    }

    fn write_record(&self, record: &[u8], offset: u64) -> io::Result<()> {
        self.log.write_record(record, offset)
    }

    fn sync_journal(&self) -> io::Result<()> {
        self.log.sync_journal()
    }
}

/// F-1201: a segment that is finished while a sync runs may not be part of it, and is not counted
/// by its record.
#[test]
fn a_segment_that_is_finished_during_a_sync_is_not_counted() {
    let (begun, syncing) = sync_channel(0);
    let (tell, finished) = sync_channel(1);
    let storage = SlowSync { log: Log::new(None), begun, finished: Mutex::new(finished) };
    let mut chain = chain();
    let work = move |frontier: &super::Frontier| {
        frontier.finish(0)?;
        syncing.recv().expect("a checkpoint is begun");
        frontier.finish(1)?;
        tell.send(()).expect("the checkpoint waits");
        Ok(())
    };
    with_checkpoints(&storage, &mut chain, 1, work).expect("nothing fails");
    let records: Vec<Step> =
        storage.log.steps().into_iter().filter(|step| matches!(step, Step::Record(_))).collect();
    assert_eq!(records[0], Step::Record(1), "{records:?}");
}

/// A segment with a gap before it is not counted.
#[test]
fn only_segments_from_the_front_are_counted() {
    let log = Log::new(None);
    run(&log, &[0, 1, 3, 4], 1, true).expect_err("it fails at the end");
    judge(&log.steps());
    // Whether the last record comes before the segments behind the gap is for the threads to settle.
    let steps = log.steps();
    let last = steps.iter().rposition(|step| matches!(step, Step::Record(_)));
    let recorded = last.and_then(|last| steps.get(last..last + 2));
    assert_eq!(recorded, Some(&[Step::Record(2), Step::SyncJournal][..]));
    let log = Log::new(None);
    run(&log, &[1, 2], 1, true).expect_err("it fails at the end");
    assert_eq!(log.steps(), [Step::Segment(1), Step::Segment(2)]);
}

/// A checkpoint that fails ends the run with its own error, and nothing is counted after it.
#[test]
fn a_checkpoint_that_fails_is_the_error_of_the_run() {
    let refusals: [fn(Step) -> bool; 3] = [
        |step| step == Step::SyncOutput,
        |step| matches!(step, Step::Record(_)),
        |step| step == Step::SyncJournal,
    ];
    for refused in refusals {
        let log = Log::new(Some(refused));
        let error = run(&log, &[0, 1, 2, 3], 1, false).expect_err("the disk refuses");
        assert!(matches!(error, StreamError::Checkpoint(CheckpointError::File { .. })), "{error}");
        let records = log.steps().iter().filter(|step| matches!(step, Step::Record(_))).count();
        assert!(records <= 1, "{:?}", log.steps());
    }
}

/// A panic of the work ends the thread of the checkpoints, and goes on.
#[test]
fn a_panic_of_the_work_goes_on() {
    let log = Log::new(None);
    let mut chain = chain();
    let work = std::panic::AssertUnwindSafe(|| {
        with_checkpoints(&log, &mut chain, 1, |frontier| {
            frontier.finish(0)?;
            if log.steps().len() < 100 {
                panic!("mine")
            }
            Ok(())
        })
    });
    let payload = std::panic::catch_unwind(work).expect_err("it panicked");
    assert_eq!(payload.downcast_ref::<&str>(), Some(&"mine"));
}
