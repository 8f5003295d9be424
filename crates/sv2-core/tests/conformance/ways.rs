//! The ways to call the engine, taken in turn so that many vectors together cover all of them.

use std::fs::File;
use std::io::{Read, Seek, Write};
#[cfg(unix)]
use std::os::fd::OwnedFd as Owned;
#[cfg(windows)]
use std::os::windows::io::OwnedHandle as Owned;

use sv2_core::{Backend, Driver, InputSource, OutputSink, RunOptions};
use sv2_testkit::faulty::Faulty;
use sv2_testkit::vectors::StreamCase;

/// Worker threads.
const THREADS: [usize; 4] = [1, 2, 3, 7];

/// Takes threads and backends in turn.
pub(crate) struct Ways {
    turn: usize,
}

impl Ways {
    pub(crate) fn new() -> Self {
        Self { turn: 0 }
    }

    /// The choices of threads and backend for one reading under this driver: the next one, or with
    /// `SV2_CONFORMANCE=full` in the environment all of them.
    pub(crate) fn each(&mut self, driver: Driver) -> Vec<(RunOptions, String)> {
        let is_full = std::env::var_os("SV2_CONFORMANCE").is_some_and(|value| value == "full");
        let all = THREADS.len() * Backend::available().len();
        (0..if is_full { all } else { 1 }).map(|_| self.next(driver)).collect()
    }

    /// The next choice of threads and backend under this driver, with its name.
    pub(crate) fn next(&mut self, driver: Driver) -> (RunOptions, String) {
        let threads = THREADS[self.turn % THREADS.len()];
        let backends = Backend::available();
        let backend = backends[self.turn / THREADS.len() % backends.len()];
        self.turn += 1;
        let run = RunOptions::automatic().threads(threads).backend(backend).driver(driver);
        (run, format!("{} {threads} {}", driver.name(), backend.name()))
    }
}

/// Streams above this length in bytes are read from one source of each kind only.
const LONG: usize = 4 << 20;

/// What a pipe reader reads from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Piped {
    /// A reader that gives all it is asked for.
    Whole,
    /// A reader that gives 1, 7 and 100 bytes in turn.
    Dribbling,
    /// A pipe of the operating system, filled by a thread.
    System,
}

impl Piped {
    /// The sources for the stream of a case.
    pub(crate) fn of(case: &StreamCase) -> &'static [Piped] {
        match case.stream.len() {
            0..LONG => &[Piped::Whole, Piped::Dribbling, Piped::System],
            _ => &[Piped::System],
        }
    }

    /// Hands the input to `read`.
    pub(crate) fn with<T>(self, stream: &[u8], read: impl FnOnce(InputSource<'_>) -> T) -> T {
        match self {
            Piped::Whole => read(InputSource::Reader(Box::new(stream))),
            Piped::Dribbling => {
                let reader = Faulty::new(stream).in_pieces(&[1, 7, 100]);
                read(InputSource::Reader(Box::new(reader)))
            }
            Piped::System => {
                let (reader, mut writer) = std::io::pipe().expect("a pipe");
                std::thread::scope(|scope| {
                    // A reader that stops early makes the write fail, which is its right.
                    scope.spawn(move || writer.write_all(stream).is_ok());
                    let file = File::from(Owned::from(reader));
                    read(InputSource::File(file))
                })
            }
        }
    }
}

/// What a decrypt in order writes to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Taken {
    /// A writer in memory.
    Writer,
    /// Memory that the engine may write to as it likes.
    Memory,
    /// A pipe of the operating system, emptied by a thread.
    System,
}

impl Taken {
    /// The output whose turn it is.
    pub(crate) fn turn(ways: &Ways) -> Taken {
        [Taken::Writer, Taken::Memory, Taken::System][ways.turn % 3]
    }

    /// What is in the output in the end: memory is emptied by a call that fails.
    pub(crate) fn left(self, is_sound: bool, released: &[u8]) -> &[u8] {
        match self {
            Taken::Memory if !is_sound => &[],
            _ => released,
        }
    }

    /// Hands the output to `write` and returns what came of it, and what was written.
    pub(crate) fn with<T>(self, write: impl FnOnce(OutputSink<'_>) -> T) -> (T, Vec<u8>) {
        let mut taken = Vec::new();
        match self {
            Taken::Writer => (write(OutputSink::Writer(Box::new(&mut taken))), taken),
            Taken::Memory => (write(OutputSink::Memory(&mut taken)), taken),
            Taken::System => {
                let (mut reader, writer) = std::io::pipe().expect("a pipe");
                std::thread::scope(|scope| {
                    let emptying = scope.spawn(move || {
                        reader.read_to_end(&mut taken).expect("a pipe can be read");
                        taken
                    });
                    let file = File::from(Owned::from(writer));
                    let done = write(OutputSink::File(file));
                    (done, emptying.join().expect("a thread that only reads"))
                })
            }
        }
    }
}

/// What a seekable reader reads from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Placed {
    /// Memory.
    Memory,
    /// A regular file.
    File,
    /// A source of positioned reads.
    ReadAt,
}

impl Placed {
    /// The sources for the stream of a case.
    pub(crate) fn of(case: &StreamCase) -> &'static [Placed] {
        match case.stream.len() {
            0..LONG => &[Placed::Memory, Placed::File, Placed::ReadAt],
            _ => &[Placed::File],
        }
    }

    /// Hands the input to `read`.
    ///
    /// An empty file is read as a pipe is, and ends alike.
    pub(crate) fn with<T>(self, stream: &[u8], read: impl FnOnce(InputSource<'_>) -> T) -> T {
        match self {
            Placed::Memory => read(InputSource::Memory(stream)),
            Placed::File => {
                let mut file = tempfile::tempfile().expect("a file");
                file.write_all(stream).expect("a short file");
                file.rewind().expect("a regular file");
                read(InputSource::File(file))
            }
            Placed::ReadAt => read(InputSource::ReadAt(Box::new(stream.to_vec()))),
        }
    }
}
