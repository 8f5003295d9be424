//! Progress on standard error: a bar with rate and time left, or lines of JSON.

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use sv2_core::{Observer, Progress};

use crate::console::{Console, ProgressMode};

/// Work that is done before this much time has passed shows no bar.
const QUIET_TIME: Duration = Duration::from_millis(500);
/// The least time between two lines of JSON.
const LINE_TIME: Duration = Duration::from_millis(100);

const KNOWN: &str =
    "{bar:30} {percent:>3}% {bytes} of {total_bytes}, {binary_bytes_per_sec}, {eta} left";
const UNKNOWN: &str = "{spinner} {bytes}, {binary_bytes_per_sec}, {elapsed}";

/// What is shown while a command runs; it vanishes when dropped.
pub(crate) struct Display(Option<Arc<Mutex<State>>>);

struct State {
    /// When the first step was done: what passes before, such as a question for a passphrase, is no
    /// work.
    begun: Option<Instant>,
    /// The furthest step so far: segments may end out of order.
    reached: u64,
    shape: Shape,
}

enum Shape {
    Bar { after: Duration, bar: Option<ProgressBar> },
    Lines { last: Option<Instant>, latest: Option<Step> },
}

/// How far the work has come, in bytes of plaintext.
#[derive(Clone, Copy)]
struct Step {
    done: u64,
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
        Self(shape.map(|shape| Arc::new(Mutex::new(State { begun: None, reached: 0, shape }))))
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
                state.show(Step { done: progress.done, total: progress.total });
            }
        }))
    }

    /// Shows that `done` of `total` bytes are done, for commands that do the work themselves.
    pub(crate) fn advance(&self, done: u64, total: u64) {
        if let Some(Ok(mut state)) = self.0.as_ref().map(|state| state.lock()) {
            state.show(Step { done, total: Some(total) });
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
    fn show(&mut self, progress: Step) {
        if progress.done < self.reached {
            return;
        }
        self.reached = progress.done;
        let begun = *self.begun.get_or_insert_with(Instant::now);
        match &mut self.shape {
            Shape::Bar { after, bar } => {
                if begun.elapsed() < *after {
                    return;
                }
                let bar = bar.get_or_insert_with(|| new_bar(progress.total, begun));
                bar.set_position(progress.done);
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

fn new_bar(total: Option<u64>, begun: Instant) -> ProgressBar {
    let target = ProgressDrawTarget::stderr_with_hz(10);
    let bar = ProgressBar::with_draw_target(total, target).with_elapsed(begun.elapsed());
    let template = if total.is_some() { KNOWN } else { UNKNOWN };
    let style = ProgressStyle::with_template(template);
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
    bar
}

fn write_line(progress: Step, begun: Instant) {
    let line = json!({
        "progress": {
            "done": progress.done,
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
        let mut state = State { begun: None, reached: 0, shape };
        let before = Instant::now();
        state.show(Step { done: 6, total: Some(6) });
        assert!(state.begun.is_some_and(|begun| begun >= before));
    }
}
