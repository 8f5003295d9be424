//! Everything that reads at offsets, as one kind of job with one kind of outcome.

use std::fmt;

use sv2_core::{
    Cancellation, Driver, Existing, Gaps, InputSource, KeySource, OutputSink, RunOptions,
    StreamError, StreamReader, decrypt_stream_v2, encrypt_stream_v2, inspect, read_metadata,
    salvage, scrub, verify,
};
use sv2_testkit::faulty::SharedSink;
use sv2_testkit::paint::paint;
use sv2_testkit::reference::{Limits, Params, decrypt_pipe};

use super::source::Source;
use crate::harness::{KEY, decrypt_options, encrypt_options, key, names_in, run, stream};

/// Four segments of 512 bytes and a short one.
const LEN: usize = 512 * 4 + 100;
/// Wire bytes of more than a segment, and of more than the header or the tail of such a stream.
const UNIT: u64 = 2048;

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Task {
    Encrypt,
    Decrypt,
    Ranges,
    Scrub,
    Verify,
    Salvage,
    Inspect,
    Metadata,
}

/// Where the result goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum To {
    Memory,
    File,
    Writer,
}

/// One job.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Job {
    task: Task,
    to: To,
    driver: Driver,
    threads: usize,
}

const fn job(task: Task, to: To, driver: Driver, threads: usize) -> Job {
    Job { task, to, driver, threads }
}

/// Every job, with every driver that it can have.
pub(crate) const JOBS: [Job; 21] = [
    job(Task::Encrypt, To::Memory, Driver::Positional, 1),
    job(Task::Encrypt, To::Memory, Driver::Positional, 3),
    job(Task::Encrypt, To::File, Driver::Positional, 2),
    job(Task::Encrypt, To::File, Driver::Ordered, 2),
    job(Task::Encrypt, To::Writer, Driver::Ordered, 1),
    job(Task::Encrypt, To::Writer, Driver::Inline, 1),
    job(Task::Decrypt, To::Memory, Driver::Positional, 1),
    job(Task::Decrypt, To::Memory, Driver::Positional, 3),
    job(Task::Decrypt, To::File, Driver::Positional, 2),
    job(Task::Decrypt, To::File, Driver::Ordered, 2),
    job(Task::Decrypt, To::Writer, Driver::Ordered, 3),
    job(Task::Decrypt, To::Writer, Driver::Inline, 1),
    job(Task::Ranges, To::Memory, Driver::Inline, 1),
    job(Task::Scrub, To::Memory, Driver::Positional, 1),
    job(Task::Scrub, To::Memory, Driver::Positional, 3),
    job(Task::Verify, To::Memory, Driver::Positional, 1),
    job(Task::Verify, To::Memory, Driver::Positional, 3),
    job(Task::Salvage, To::Writer, Driver::Ordered, 1),
    job(Task::Salvage, To::File, Driver::Ordered, 3),
    job(Task::Inspect, To::Memory, Driver::Inline, 1),
    job(Task::Metadata, To::Memory, Driver::Inline, 1),
];

/// What came out: the bytes, or what is said of the input.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Outcome(Vec<u8>);

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

fn params() -> Params {
    let mut params = Params::tiny(1, 1, 1);
    params.metadata = Some((br#"{"name":"a"}"#.to_vec(), [9; 24]));
    params
}

impl Job {
    /// What the job reads.
    pub(crate) fn input(&self) -> Vec<u8> {
        if self.task == Task::Encrypt { paint(LEN) } else { stream(&params(), LEN) }
    }

    /// Whether a part of the input that cannot be read is a gap that is read again, and not the
    /// end of the job.
    pub(crate) fn reads_again(&self) -> bool {
        self.task == Task::Salvage
    }

    /// How far behind the start of what an error names the troubled read may lie.
    pub(crate) fn unit(&self) -> u64 {
        UNIT
    }

    /// Does the job. Where it fails, nothing that looks finished is left of it.
    pub(crate) fn run(
        &self,
        source: &Source,
        cancel: &Cancellation,
    ) -> Result<Outcome, StreamError> {
        let run = run(self.driver, self.threads).cancel(cancel);
        let input = InputSource::ReadAt(Box::new(source.clone()));
        match self.to {
            To::Memory if self.writes() => {
                let mut bytes = Vec::new();
                let result = self.transfer(input, OutputSink::Memory(&mut bytes), run);
                assert!(result.is_ok() || bytes.is_empty(), "a failed call left bytes in memory");
                result.map(|()| Outcome(bytes))
            }
            To::Memory => self.look(input, run).map(Outcome),
            To::File => {
                let folder = tempfile::tempdir().expect("a folder");
                let path = folder.path().join("output");
                let output = OutputSink::Path { path: path.clone(), existing: Existing::Refuse };
                let result = self.transfer(input, output, run);
                let expected: &[&str] = if result.is_ok() { &["output"] } else { &[] };
                assert_eq!(names_in(&folder), expected);
                result.map(|()| Outcome(std::fs::read(path).expect("the output")))
            }
            To::Writer => {
                let sink = SharedSink::default();
                let result = self.transfer(input, OutputSink::Writer(Box::new(sink.clone())), run);
                if self.task == Task::Encrypt {
                    // An input that ends early makes another last segment, but never a tail.
                    let read = decrypt_pipe(&KEY, b"", &sink.contents(), &Limits::FORMAT);
                    assert_eq!(read.result.is_ok(), result.is_ok(), "{self:?}: F-1005");
                } else {
                    assert!(paint(LEN).starts_with(&sink.contents()), "{self:?}: no prefix");
                }
                result.map(|()| Outcome(sink.contents()))
            }
        }
    }

    fn writes(&self) -> bool {
        matches!(self.task, Task::Encrypt | Task::Decrypt | Task::Salvage)
    }

    fn transfer(
        &self,
        input: InputSource<'_>,
        output: OutputSink<'_>,
        run: RunOptions,
    ) -> Result<(), StreamError> {
        let key = key();
        let mut options = decrypt_options(self.driver, self.threads);
        options.run = run;
        match self.task {
            Task::Encrypt => {
                let mut encrypt = encrypt_options(&params());
                encrypt.run = options.run;
                encrypt_stream_v2(input, output, &key, &encrypt).map(drop)
            }
            Task::Decrypt => decrypt_stream_v2(input, output, &key, &options).map(drop),
            _ => {
                let keys = KeySource::Key(&key);
                let report = salvage(input, output, &keys, &options, Gaps::Zero)?;
                assert!(report.is_complete(), "{report:?}");
                Ok(())
            }
        }
    }

    /// Jobs that write nothing.
    fn look(&self, input: InputSource<'_>, run: RunOptions) -> Result<Vec<u8>, StreamError> {
        let key = key();
        let keys = KeySource::Key(&key);
        let mut options = decrypt_options(self.driver, self.threads);
        options.run = run;
        let sound = |map: sv2_core::DamageMap| {
            assert!(map.damages.is_empty(), "{:?}", map.damages);
            format!("{} {} {}", map.sealed, map.plaintext_len, map.segments).into_bytes()
        };
        match self.task {
            Task::Ranges => ranges(&StreamReader::open(input, &keys, &options)?, &options.run),
            Task::Scrub => scrub(input, &options.run).map(sound),
            Task::Verify => verify(input, &keys, &options).map(sound),
            Task::Inspect => inspect(input).map(|found| format!("{found:?}").into_bytes()),
            _ => Ok(read_metadata(input, &keys, b"")?.expect("the stream has metadata")),
        }
    }
}

/// Ranges that lie in one frame, cross frames, cross segments, and reach the end.
fn ranges(reader: &StreamReader<'_>, run: &RunOptions) -> Result<Vec<u8>, StreamError> {
    let mut all = Vec::new();
    for (offset, len) in [(0, 10), (250, 20), (500, 600), (5, 5), (2000, 500)] {
        if run.cancel.is_cancelled() {
            return Err(StreamError::Cancelled { segment: 0 });
        }
        let mut part = vec![0; len];
        let count = reader.read_at(&mut part, offset)?;
        all.extend_from_slice(&part[..count]);
    }
    Ok(all)
}
