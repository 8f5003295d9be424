//! Rates of whole streams in memory, by suite, backend, driver and number of threads.

use std::io;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use sv2_core::{
    Backend, Cancellation, DecryptOptions, Driver, EncryptOptions, InputSource, OutputSink,
    RunOptions, StreamError, StreamKey, StreamReport, Suite, decrypt_stream_v2, encrypt_stream_v2,
};

use crate::failure::Failure;
use crate::names::{Name, Names};

/// Time that all runs together may take; what prepares them comes on top.
const BUDGET: Duration = Duration::from_secs(7);
/// Runs of one setting and direction, at most.
const MOST_RUNS: usize = 7;
/// Plaintext that a first look at the machine's speed takes, in bytes.
const FIRST_LOOK: usize = 8 << 20;
/// Plaintext for each processor, so that every thread has several segments; in bytes.
const FOR_EACH: usize = 16 << 20;
/// Plaintext at least and at most, in bytes.
const BOUNDS: (usize, usize) = (8 << 20, 512 << 20);
const NAMES: Names<'static> = Names { input: &Name::Memory, output: &Name::Memory };

/// What was measured.
pub(super) struct Figures {
    /// Processors that the system grants to the program.
    pub(super) processors: usize,
    /// Bytes of plaintext of a run.
    pub(super) bytes: u64,
    pub(super) all: Vec<Figure>,
}

/// The rates of one setting, in bytes of plaintext a second.
pub(super) struct Figure {
    pub(super) suite: Suite,
    pub(super) backend: Backend,
    pub(super) driver: Driver,
    pub(super) threads: usize,
    pub(super) encrypt: f64,
    pub(super) decrypt: f64,
}

impl Figure {
    /// The rate of somebody who encrypts and decrypts equally much.
    pub(super) fn mean(&self) -> f64 {
        2.0 / (1.0 / self.encrypt + 1.0 / self.decrypt)
    }
}

/// A setting to measure.
#[derive(Clone, Copy)]
struct Setting {
    suite: Suite,
    backend: Backend,
    driver: Driver,
    threads: NonZeroUsize,
}

/// Measures every setting.
pub(super) fn all(cancel: &Cancellation) -> Result<Figures, Failure> {
    let processors = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let settings = settings(processors);
    let share = BUDGET / u32::try_from(2 * settings.len()).unwrap_or(u32::MAX);
    let len = plaintext_len(processors, share, cancel)?;
    let mut bench = Bench::new(len, cancel);
    let mut all = Vec::new();
    for setting in settings {
        all.push(bench.figure(setting, share)?);
    }
    Ok(Figures { processors: processors.get(), bytes: len as u64, all })
}

/// Each backend with each driver and number of threads; the other suite where it is fastest.
fn settings(processors: NonZeroUsize) -> Vec<Setting> {
    let mut settings = Vec::new();
    for &backend in Backend::available() {
        let suite = Suite::Aes256Gcm;
        let one = NonZeroUsize::MIN;
        settings.push(Setting { suite, backend, driver: Driver::Inline, threads: one });
        for driver in [Driver::Positional, Driver::Ordered] {
            for threads in thread_counts(processors) {
                settings.push(Setting { suite, backend, driver, threads });
            }
        }
        let (suite, driver) = (Suite::ChaCha20Poly1305, Driver::Positional);
        settings.push(Setting { suite, backend, driver, threads: processors });
    }
    settings
}

/// 1, 2, 4, .. and all processors.
fn thread_counts(processors: NonZeroUsize) -> Vec<NonZeroUsize> {
    let mut counts: Vec<_> = (0..usize::BITS)
        .map(|log2| NonZeroUsize::MIN.saturating_mul(power(log2)))
        .take_while(|&count| count < processors)
        .collect();
    counts.push(processors);
    counts
}

fn power(log2: u32) -> NonZeroUsize {
    NonZeroUsize::new(1 << log2).unwrap_or(NonZeroUsize::MIN)
}

/// As much plaintext as one thread does in half of a setting's share of the time.
fn plaintext_len(
    processors: NonZeroUsize,
    share: Duration,
    cancel: &Cancellation,
) -> Result<usize, Failure> {
    let mut look = Bench::new(FIRST_LOOK, cancel);
    let setting = Setting {
        suite: Suite::Aes256Gcm,
        backend: Backend::Ring,
        driver: Driver::Inline,
        threads: NonZeroUsize::MIN,
    };
    let (time, _) = look.encrypt(setting)?;
    let (least, most) = BOUNDS;
    let wanted = FOR_EACH.saturating_mul(processors.get()).max(64 << 20);
    let affordable = FIRST_LOOK as f64 / time.as_secs_f64() * share.as_secs_f64() / 2.0;
    // Whole segments, so that every thread does the same; a float too large becomes the largest.
    let len = wanted.min(affordable as usize).clamp(least, most);
    Ok(len - len % BOUNDS.0)
}

/// The material of all runs; output in memory is used again.
struct Bench<'a> {
    key: StreamKey,
    plaintext: Vec<u8>,
    stream: Vec<u8>,
    out: Vec<u8>,
    cancel: &'a Cancellation,
}

impl<'a> Bench<'a> {
    fn new(len: usize, cancel: &'a Cancellation) -> Self {
        let plaintext = (0..len).map(|at| (at % 251) as u8).collect();
        let key = StreamKey::from_bytes([0; 32]);
        Self { key, plaintext, stream: Vec::new(), out: Vec::new(), cancel }
    }

    fn figure(&mut self, setting: Setting, share: Duration) -> Result<Figure, Failure> {
        self.fill_stream(setting.suite)?;
        let bytes = self.plaintext.len() as f64;
        let (time, report) = fastest(share, || self.encrypt(setting))?;
        let encrypt = bytes / time.as_secs_f64();
        let (time, _) = fastest(share, || self.decrypt(setting))?;
        let decrypt = bytes / time.as_secs_f64();
        // What the engine used, which may be another driver or fewer threads than it was told.
        let (driver, threads) = (report.driver, report.threads);
        Ok(Figure {
            suite: setting.suite,
            backend: report.backend,
            driver,
            threads,
            encrypt,
            decrypt,
        })
    }

    /// A stream of the suite to decrypt, where there is none yet.
    fn fill_stream(&mut self, suite: Suite) -> Result<(), Failure> {
        let mut options = EncryptOptions::standard();
        options.suite = suite;
        options.run.cancel = self.cancel.clone();
        let output = OutputSink::Memory(&mut self.stream);
        let done =
            encrypt_stream_v2(InputSource::Memory(&self.plaintext), output, &self.key, &options);
        done.map(drop).map_err(failed)
    }

    fn encrypt(&mut self, setting: Setting) -> Result<(Duration, StreamReport), Failure> {
        let mut options = EncryptOptions::standard();
        options.suite = setting.suite;
        options.run = run_options(setting, self.cancel);
        let input = InputSource::Memory(&self.plaintext);
        let output = sink(setting.driver, &mut self.out);
        let begun = Instant::now();
        let report = encrypt_stream_v2(input, output, &self.key, &options).map_err(failed)?;
        Ok((begun.elapsed(), report))
    }

    fn decrypt(&mut self, setting: Setting) -> Result<(Duration, StreamReport), Failure> {
        let mut options = DecryptOptions::standard();
        options.run = run_options(setting, self.cancel);
        let input = InputSource::Memory(&self.stream);
        let output = sink(setting.driver, &mut self.out);
        let begun = Instant::now();
        let report = decrypt_stream_v2(input, output, &self.key, &options).map_err(failed)?;
        Ok((begun.elapsed(), report))
    }
}

fn failed(error: StreamError) -> Failure {
    Failure::stream(&error, NAMES)
}

fn run_options(setting: Setting, cancel: &Cancellation) -> RunOptions {
    let mut run = RunOptions::automatic();
    run.threads = Some(setting.threads);
    run.backend = Some(setting.backend);
    run.driver = Some(setting.driver);
    run.cancel = cancel.clone();
    run
}

/// Memory where output has offsets, and otherwise a writer that keeps nothing.
fn sink(driver: Driver, out: &mut Vec<u8>) -> OutputSink<'_> {
    match driver {
        Driver::Positional => OutputSink::Memory(out),
        _ => OutputSink::Writer(Box::new(io::sink())),
    }
}

/// The fastest of several runs: other work on the machine only ever makes a run slower.
fn fastest<T>(
    share: Duration,
    mut run: impl FnMut() -> Result<(Duration, T), Failure>,
) -> Result<(Duration, T), Failure> {
    let begun = Instant::now();
    let mut best = run()?;
    for _ in 1..MOST_RUNS {
        if begun.elapsed() >= share {
            break;
        }
        let next = run()?;
        if next.0 < best.0 {
            best = next;
        }
    }
    Ok(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_double_up_to_all_processors() {
        let counts = |processors: usize| -> Vec<usize> {
            let processors = NonZeroUsize::new(processors).unwrap_or(NonZeroUsize::MIN);
            thread_counts(processors).into_iter().map(NonZeroUsize::get).collect()
        };
        assert_eq!(counts(1), [1]);
        assert_eq!(counts(2), [1, 2]);
        assert_eq!(counts(6), [1, 2, 4, 6]);
        assert_eq!(counts(8), [1, 2, 4, 8]);
    }

    #[test]
    fn the_fastest_run_counts_and_runs_end_with_the_share() {
        let mut times = [3, 1, 2, 9, 9, 9, 9].map(Duration::from_secs).into_iter().enumerate();
        let next = || {
            let (run, time) = times.next().unwrap_or_default();
            Ok((time, run))
        };
        let best = fastest(Duration::MAX, next).map_err(|failure| failure.sentence);
        assert_eq!(best, Ok((Duration::from_secs(1), 1)));
        assert_eq!(times.next(), None);
        let mut runs = 0;
        let count = || {
            runs += 1;
            Ok((Duration::ZERO, ()))
        };
        assert!(fastest(Duration::ZERO, count).is_ok());
        assert_eq!(runs, 1);
    }
}
