//! One small job for every driver, with failures on the way, and its outcome by a plain loop.

use std::any::Any;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sv2_model::{PipelineError, PipelineOptions};

pub(crate) fn options(threads: usize, buffers: usize) -> PipelineOptions {
    let number = |n| NonZeroUsize::new(n).expect("not zero");
    PipelineOptions::new(number(threads), number(buffers))
}

/// A count of live values, on primitives that the model checker does not see.
#[derive(Clone, Debug, Default)]
pub(crate) struct Census(Arc<AtomicUsize>);

impl Census {
    pub(crate) fn admit(&self) -> Counted {
        self.0.fetch_add(1, Ordering::SeqCst);
        Counted(self.clone())
    }

    pub(crate) fn live(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// A value that its census counts until it is dropped.
#[derive(Debug)]
pub(crate) struct Counted(Census);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Where in an item something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    Source,
    Work,
    Sink,
}

pub(crate) const STAGES: [Stage; 3] = [Stage::Source, Stage::Work, Stage::Sink];

/// What happens there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Fail,
    Panic,
}

/// The place of an event, which is its error and its panic's payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Here(pub(crate) Stage, pub(crate) u64);

/// What happens on the way of a job.
pub(crate) type Events = BTreeMap<(u64, Stage), Event>;

/// Fails or panics where `events` say so.
pub(crate) fn strike(events: &Events, stage: Stage, item: u64) -> Result<(), Here> {
    match events.get(&(item, stage)) {
        None => Ok(()),
        Some(Event::Fail) => Err(Here(stage, item)),
        Some(Event::Panic) => resume_unwind(Box::new(Here(stage, item))),
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Complete,
    Failed(Here),
    Panicked(Here),
    Cancelled(u64),
}

/// The end of a run that was caught.
pub(crate) fn end_of<T>(
    outcome: Result<Result<T, PipelineError<Here>>, Box<dyn Any + Send>>,
) -> End {
    match outcome {
        Ok(Ok(_)) => End::Complete,
        Ok(Err(PipelineError::Failed(here))) => End::Failed(here),
        Ok(Err(PipelineError::Cancelled { segment })) => End::Cancelled(segment),
        Ok(Err(error)) => panic!("no callback can bring about: {error}"),
        Err(payload) => match payload.downcast_ref() {
            Some(here) => End::Panicked(*here),
            None => resume_unwind(payload),
        },
    }
}

/// What a plain loop over the items gives: the items that the sink took, and the end. A job
/// without source and sink has events of its work alone.
pub(crate) fn plain_loop(items: u64, events: &Events) -> (u64, End) {
    for item in 0..=items {
        for stage in STAGES {
            if item == items && stage != Stage::Source {
                break;
            }
            match events.get(&(item, stage)) {
                None => {}
                Some(Event::Fail) => return (item, End::Failed(Here(stage, item))),
                Some(Event::Panic) => return (item, End::Panicked(Here(stage, item))),
            }
        }
    }
    (items, End::Complete)
}

/// No event, then each event alone, then each two of them, at the given stages of the items.
pub(crate) fn all_events(items: u64, stages: &[Stage]) -> Vec<Events> {
    let places = || (0..items).flat_map(|item| stages.iter().map(move |stage| (item, *stage)));
    let kinds = [Event::Fail, Event::Panic];
    let mut all = vec![Events::new()];
    for first in places() {
        all.extend(kinds.map(|kind| Events::from([(first, kind)])));
        for second in places().filter(|second| *second > first) {
            all.extend(kinds.map(|kind| Events::from([(first, kind), (second, other(kind))])));
        }
    }
    all
}

fn other(kind: Event) -> Event {
    if kind == Event::Fail { Event::Panic } else { Event::Fail }
}
