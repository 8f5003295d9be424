//! Progress on standard error: a bar with rate and time left, or lines of JSON.

use std::collections::VecDeque;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use sv2_core::{Observer, Progress};

use crate::console::{Console, ProgressMode};
use crate::size::readable;

/// Work that is done before this much time has passed shows no bar.
const QUIET_TIME: Duration = Duration::from_millis(500);
/// The least time between two lines of JSON.
const LINE_TIME: Duration = Duration::from_millis(100);

/// The rate is that of the last few seconds, so that what was kept of an earlier run and went by
/// fast is soon forgotten.
const WINDOW: Duration = Duration::from_secs(5);
/// The least time between two looks at the rate.
const SAMPLE_TIME: Duration = Duration::from_millis(100);
/// A terminal narrower than this gets no bar, and an unknown one is taken to be so wide.
const WIDE: usize = 60;

/// What is shown while a command runs; it vanishes when dropped.
pub(crate) struct Display(Option<Arc<Mutex<State>>>);

struct State {
    /// When the first step was done: what passes before, such as a question for a passphrase, is no
    /// work.
    begun: Option<Instant>,
    /// The furthest step so far: segments may end out of order.
    reached: u64,
    /// The most of it that an earlier run had done.
    kept: u64,
    rate: Rate,
    shape: Shape,
}

/// How fast the work goes.
#[derive(Default)]
struct Rate(VecDeque<(Duration, u64)>);

impl Rate {
    /// Takes note of how far the work had come after a time.
    fn note(&mut self, after: Duration, done: u64) {
        if self.0.back().is_some_and(|last| after.saturating_sub(last.0) < SAMPLE_TIME) {
            return;
        }
        self.0.push_back((after, done));
        // The one before the window is its beginning.
        while self.0.get(1).is_some_and(|second| after.saturating_sub(second.0) >= WINDOW) {
            self.0.pop_front();
        }
    }

    /// Bytes a second, once two looks tell.
    fn per_second(&self, after: Duration, done: u64) -> Option<f64> {
        let (since, before) = self.0.front()?;
        let seconds = after.saturating_sub(*since).as_secs_f64();
        (seconds > 0.0 && done > *before).then(|| (done - before) as f64 / seconds)
    }
}

enum Shape {
    Bar { after: Duration, bar: Option<ProgressBar> },
    Lines { last: Option<Instant>, latest: Option<Step> },
}

/// How far the work has come, in bytes of plaintext.
#[derive(Clone, Copy)]
struct Step {
    done: u64,
    /// Of these, bytes that an earlier run had done.
    kept: u64,
    total: Option<u64>,
}

impl Display {
    /// What the user asked for.
    pub(crate) fn new(console: &Console) -> Self {
        let on_terminal = io::stderr().is_terminal() && !console.quiet;
        let shape = match console.progress {
            ProgressMode::Never => None,
            ProgressMode::Auto if !on_terminal => None,
            ProgressMode::Auto => Some(Shape::Bar { after: QUIET_TIME, bar: None }),
            ProgressMode::Always => Some(Shape::Bar { after: Duration::ZERO, bar: None }),
            ProgressMode::Json => Some(Shape::Lines { last: None, latest: None }),
        };
        Self(shape.map(|shape| Arc::new(Mutex::new(State::new(shape)))))
    }

    /// Nothing, for work that goes on beside other work.
    pub(crate) fn none() -> Self {
        Self(None)
    }

    /// The observer to hand to the engine.
    pub(crate) fn observer(&self) -> Option<Observer> {
        let state = Arc::clone(self.0.as_ref()?);
        Some(Arc::new(move |progress: Progress| {
            // Whoever finds the display busy has work to do, and the next segment tells as well;
            // only the end has no next one.
            let at_end = progress.total == Some(progress.done);
            let state = if at_end { state.lock().ok() } else { state.try_lock().ok() };
            if let Some(mut state) = state {
                state.show(Step {
                    done: progress.done,
                    kept: progress.kept,
                    total: progress.total,
                });
            }
        }))
    }

    /// Shows that `done` of `total` bytes are done, for commands that do the work themselves.
    pub(crate) fn advance(&self, done: u64, total: u64) {
        if let Some(Ok(mut state)) = self.0.as_ref().map(|state| state.lock()) {
            state.show(Step { done, kept: 0, total: Some(total) });
        }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        let Some(state) = &self.0 else { return };
        let Ok(mut state) = state.lock() else { return };
        let begun = state.begun.unwrap_or_else(Instant::now);
        match &mut state.shape {
            Shape::Bar { bar, .. } => {
                if let Some(bar) = bar {
                    bar.finish_and_clear();
                }
            }
            Shape::Lines { latest, .. } => {
                if let Some(progress) = latest.take() {
                    write_line(progress, begun);
                }
            }
        }
    }
}

impl State {
    fn new(shape: Shape) -> Self {
        Self { begun: None, reached: 0, kept: 0, rate: Rate::default(), shape }
    }

    /// Takes note of how far the work had come after a time.
    fn note(&mut self, progress: Step, after: Duration) {
        // What an earlier run did goes by fast and says nothing of the rest, so time counts from
        // its end.
        if progress.kept > self.kept {
            self.kept = progress.kept;
            self.rate = Rate::default();
        }
        self.rate.note(after, progress.done - progress.kept);
    }

    fn show(&mut self, progress: Step) {
        if progress.done < self.reached {
            return;
        }
        self.reached = progress.done;
        let begun = *self.begun.get_or_insert_with(Instant::now);
        self.note(progress, begun.elapsed());
        match &mut self.shape {
            Shape::Bar { after, bar } => {
                if begun.elapsed() < *after {
                    return;
                }
                let bar = bar.get_or_insert_with(new_bar);
                let rate = self.rate.per_second(begun.elapsed(), progress.done - progress.kept);
                let width = terminal_width();
                bar.set_message(line(progress, rate, begun.elapsed(), width));
                if progress.total == Some(progress.done) {
                    // What follows may take as long as the disk needs, and says nothing by itself.
                    bar.tick();
                }
            }
            Shape::Lines { last, latest } => {
                *latest = Some(progress);
                if last.is_none_or(|last| last.elapsed() >= LINE_TIME) {
                    *last = Some(Instant::now());
                    *latest = None;
                    write_line(progress, begun);
                }
            }
        }
    }
}

fn new_bar() -> ProgressBar {
    let target = ProgressDrawTarget::stderr_with_hz(10);
    let bar = ProgressBar::with_draw_target(None, target);
    let style = ProgressStyle::with_template("{msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

fn terminal_width() -> usize {
    let size = rustix::termios::tcgetwinsize(io::stderr());
    size.map_or(0, |size| usize::from(size.ws_col)).clamp(0, 1000)
}

/// What is shown: never wider than the terminal, so that nothing of it stays on the screen.
fn line(step: Step, rate: Option<f64>, after: Duration, width: usize) -> String {
    let width = if width == 0 { WIDE } else { width };
    let speed = rate.map_or_else(String::new, |rate| format!("{}/s", readable(rate as u64)));
    let Some(total) = step.total else {
        return joined(&[readable(step.done), speed, clock(after.as_secs())], width);
    };
    let percent = match total {
        0 => 100,
        _ => (u128::from(step.done.min(total)) * 100 / u128::from(total)) as u64,
    };
    let left = match rate {
        _ if step.done >= total => "flushing".to_owned(),
        Some(rate) => format!("{} left", clock(((total - step.done) as f64 / rate).ceil() as u64)),
        None => String::new(),
    };
    if width < WIDE {
        return joined(&[format!("{percent:>3}%"), speed, left], width);
    }
    let amount = format!("{percent:>3}% {} of {}", readable(step.done), readable(total));
    let kept = match step.kept {
        0 => String::new(),
        kept => format!("{} kept", readable(kept)),
    };
    let full = joined(&[amount.clone(), kept, speed.clone(), left.clone()], usize::MAX);
    // What was kept is left out where there is no room for it and a bar.
    let text = match full.chars().count() + 10 > width {
        true => joined(&[amount, speed, left], width),
        false => full,
    };
    // A space on either side, and one column free for the cursor.
    let cells = 30.min(width.saturating_sub(text.chars().count() + 4));
    if cells < 5 {
        return text;
    }
    let full = cells * percent as usize / 100;
    let kept = match total {
        0 => 0,
        // At most the cells, which are few.
        _ => (cells as u128 * u128::from(step.kept.min(total)) / u128::from(total)) as usize,
    };
    let head = if full < cells { ">" } else { "" };
    let bar = format!("{}{}{head}", "#".repeat(kept), "=".repeat(full.saturating_sub(kept)));
    format!("[{bar:cells$}] {text}")
}

/// Parts with commas between, cut to the width.
fn joined(parts: &[String], width: usize) -> String {
    let parts: Vec<&str> =
        parts.iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
    parts.join(", ").chars().take(width.saturating_sub(1)).collect()
}

/// A time for people.
fn clock(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

fn write_line(progress: Step, begun: Instant) {
    let line = json!({
        "progress": {
            "done": progress.done,
            "kept": progress.kept,
            "total": progress.total,
            "seconds": begun.elapsed().as_secs_f64(),
        }
    });
    let _ = writeln!(io::stderr(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_counted_from_the_first_step() {
        let shape = Shape::Bar { after: Duration::MAX, bar: None };
        let mut state = State::new(shape);
        let before = Instant::now();
        state.show(Step { done: 6, kept: 0, total: Some(6) });
        assert!(state.begun.is_some_and(|begun| begun >= before));
    }

    #[test]
    fn the_rate_is_that_of_the_last_seconds() {
        let mut rate = Rate::default();
        let mut done = 0;
        // A second in which kept segments fly by, and then 100 bytes each tenth of a second.
        for tenth in 0..=100u64 {
            done += if tenth < 10 { 1_000_000 } else { 100 };
            rate.note(Duration::from_millis(100 * tenth), done);
            if tenth == 80 {
                let seen = rate.per_second(Duration::from_millis(8000), done).unwrap();
                assert!((800.0..1200.0).contains(&seen), "{seen}");
            }
        }
        assert!(rate.0.len() < 60, "{}", rate.0.len());
        assert!(Rate::default().per_second(Duration::from_secs(1), 5).is_none());
    }

    /// A run that goes on where another was cut off: what that one did goes by in a second, and from
    /// then on a steady disk takes 100 MiB each second.
    #[test]
    fn a_resumed_run_tells_the_rate_and_the_time_of_what_is_left() {
        const MIB: u64 = 1 << 20;
        let mut state = State::new(Shape::Bar { after: Duration::MAX, bar: None });
        let total = 10_000 * MIB;
        let step = |done, kept| Step { done, kept, total: Some(total) };
        let seen = |state: &State, step: Step, after| {
            let rate = state.rate.per_second(after, step.done - step.kept);
            line(step, rate, after, 90)
        };
        for tenth in 0..10u64 {
            let kept = step(500 * MIB * (tenth + 1), 500 * MIB * (tenth + 1));
            state.note(kept, Duration::from_millis(100 * tenth));
            let text = seen(&state, kept, Duration::from_millis(100 * tenth + 99));
            assert!(!text.contains("/s") && !text.contains("left"), "{text}");
        }
        for tenth in 10..=130u64 {
            let after = Duration::from_millis(100 * tenth);
            let now = step(5000 * MIB + 10 * MIB * (tenth - 10), 5000 * MIB);
            state.note(now, after);
            let (rate, left) =
                (state.rate.per_second(after, now.done - now.kept), total - now.done);
            if tenth >= 40 {
                let (rate, truth) = (rate.unwrap(), left as f64 / (100 * MIB) as f64);
                assert!((rate / (100 * MIB) as f64 - 1.0).abs() < 0.2, "{rate} after {tenth}");
                assert!((left as f64 / rate / truth - 1.0).abs() < 0.2, "{rate} after {tenth}");
            }
            if tenth == 60 {
                assert_eq!(
                    seen(&state, now, after),
                    "[#############=>           ]  55% 5.4 GiB of 9.8 GiB, 4.9 GiB kept, 100.0 MiB/s, 45s left"
                );
            }
        }
    }

    #[test]
    fn the_line_fits_the_terminal_and_says_when_it_flushes() {
        let half = Step { done: 3 << 30, kept: 0, total: Some(4 << 30) };
        let rate = Some(f64::from(300 << 20));
        let at = |step, width| line(step, rate, Duration::from_secs(9), width);
        assert_eq!(
            at(half, 80),
            "[======================>       ]  75% 3.0 GiB of 4.0 GiB, 300.0 MiB/s, 4s left"
        );
        assert_eq!(at(half, 40), " 75%, 300.0 MiB/s, 4s left");
        let resumed = Step { kept: 1 << 30, ..half };
        assert_eq!(
            at(resumed, 90),
            "[######==============>      ]  75% 3.0 GiB of 4.0 GiB, 1.0 GiB kept, 300.0 MiB/s, 4s left"
        );
        assert_eq!(
            at(resumed, 80),
            "[####========>    ]  75% 3.0 GiB of 4.0 GiB, 1.0 GiB kept, 300.0 MiB/s, 4s left"
        );
        assert_eq!(at(resumed, 40), " 75%, 300.0 MiB/s, 4s left");
        let end = Step { done: 4 << 30, kept: 0, total: Some(4 << 30) };
        assert!(at(end, 80).ends_with("100% 4.0 GiB of 4.0 GiB, 300.0 MiB/s, flushing"));
        let unknown = Step { done: 3 << 30, kept: 0, total: None };
        assert_eq!(at(unknown, 80), "3.0 GiB, 300.0 MiB/s, 9s");
        for width in 1..200 {
            for step in [half, resumed, end, unknown, Step { done: 0, kept: 0, total: Some(0) }] {
                assert!(at(step, width).chars().count() <= width.max(1), "{width}");
            }
        }
        assert_eq!((clock(61), clock(3661)), ("1m01s".to_owned(), "1h01m".to_owned()));
    }
}
