//! A roll of live threads, counted values, and one small job that every driver runs.

use std::any::Any;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, ThreadId};

use sv2_pipeline::{
    Cancellation, Fed, PipelineError, PipelineOptions, RunStats, run_inline, run_ordered,
};

/// The thread counts that every forced order is tried with.
pub(crate) const THREADS: [usize; 4] = [1, 2, 3, 7];

pub(crate) fn options(threads: usize, buffers: usize) -> PipelineOptions {
    let number = |count| NonZeroUsize::new(count).expect("not zero");
    PipelineOptions::new(number(threads), number(buffers))
}

/// A shared count of live values.
#[derive(Clone, Default)]
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
pub(crate) struct Counted(Census);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

thread_local! {
    /// Dropped when the thread has ended, which is before a join of it returns.
    static HERE: RefCell<Vec<(ThreadId, Counted)>> = const { RefCell::new(Vec::new()) };
}

/// Counts the threads, other than the one that made it, that called [`Roll::sign`] and live.
#[derive(Clone)]
pub(crate) struct Roll {
    maker: ThreadId,
    live: Census,
    signed: Arc<AtomicUsize>,
}

impl Roll {
    pub(crate) fn new() -> Self {
        Self { maker: thread::current().id(), live: Census::default(), signed: Arc::default() }
    }

    pub(crate) fn sign(&self) {
        let me = thread::current().id();
        if me == self.maker {
            return;
        }
        HERE.with_borrow_mut(|here| {
            if here.iter().all(|(thread, _)| *thread != me) {
                here.push((me, self.live.admit()));
                self.signed.fetch_add(1, Ordering::SeqCst);
            }
        });
    }

    /// Threads that ever signed.
    pub(crate) fn signed(&self) -> usize {
        self.signed.load(Ordering::SeqCst)
    }

    /// Threads that signed and have not ended.
    pub(crate) fn live(&self) -> usize {
        self.live.live()
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

/// What happens there. As an error or a panic's payload it names its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Fail,
    Panic,
    Cancel,
}

/// The error and the panic payload of [`Event`]s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Here(pub(crate) Stage, pub(crate) u64);

pub(crate) type Events = BTreeMap<(u64, Stage), Event>;

pub(crate) fn event(item: u64, stage: Stage, event: Event) -> Events {
    Events::from([((item, stage), event)])
}

/// How a run of [`run_events`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Complete { items: u64 },
    Failed(Here),
    Panicked(Here),
    Cancelled { segment: u64 },
}

/// The outcome of a run: its end and the items that the sink accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) end: End,
    pub(crate) delivered: Vec<u64>,
}

impl Outcome {
    /// An outcome in which exactly the items before `count` were accepted.
    pub(crate) fn after(count: u64, end: End) -> Self {
        Self { end, delivered: (0..count).collect() }
    }
}

/// Raises a panic without the message that `panic!` prints.
pub(crate) fn raise<T>(here: Here) -> T {
    resume_unwind(Box::new(here))
}

/// Runs `items` items through the ordered driver, or the inline one without options, with `events`
/// on the way. Asserts that the sink saw the right value of each item in order, that no value and
/// no thread is left, and that no more than the allowed buffers were made.
pub(crate) fn run_events(options: Option<PipelineOptions>, items: u64, events: &Events) -> Outcome {
    let roll = Roll::new();
    let values = Census::default();
    let made = AtomicUsize::new(0);
    let cancel = Cancellation::new();
    let mut delivered = Vec::new();

    let strike = |stage, item| match events.get(&(item, stage)) {
        None => Ok(()),
        Some(Event::Fail) => Err(Here(stage, item)),
        Some(Event::Panic) => raise(Here(stage, item)),
        Some(Event::Cancel) => {
            cancel.cancel();
            Ok(())
        }
    };
    let make_buffer = || {
        made.fetch_add(1, Ordering::SeqCst);
        values.admit()
    };
    let source = |item, buffer: Counted| {
        roll.sign();
        strike(Stage::Source, item)?;
        Ok(if item < items { Fed::Job((buffer, item + 100)) } else { Fed::End(buffer) })
    };
    let work = |item, (buffer, value): (Counted, u64)| {
        roll.sign();
        strike(Stage::Work, item)?;
        assert_eq!(value, item + 100);
        Ok((buffer, value * 2))
    };
    let sink = |item, (buffer, value): (Counted, u64)| {
        strike(Stage::Sink, item)?;
        assert_eq!((value, item), (item * 2 + 200, delivered.len() as u64));
        delivered.push(item);
        Ok(buffer)
    };
    let result = catch_unwind(AssertUnwindSafe(|| match options {
        Some(options) => run_ordered(options, &cancel, make_buffer, source, work, sink),
        None => run_inline(&cancel, make_buffer(), source, work, sink),
    }));
    assert_eq!(values.live(), 0, "a value is left");
    assert_eq!(roll.live(), 0, "a thread is left");
    if let Some(options) = options {
        assert!(made.load(Ordering::SeqCst) <= options.buffers.get());
    }
    Outcome { end: end_of(result), delivered }
}

fn end_of(result: Result<Result<RunStats, PipelineError<Here>>, Box<dyn Any + Send>>) -> End {
    match result {
        Ok(Ok(stats)) => End::Complete { items: stats.items },
        Ok(Err(PipelineError::Failed(here))) => End::Failed(here),
        Ok(Err(PipelineError::Cancelled { segment })) => End::Cancelled { segment },
        Ok(Err(other)) => panic!("unexpected: {other}"),
        Err(payload) => match payload.downcast::<Here>() {
            Ok(here) => End::Panicked(*here),
            Err(payload) => resume_unwind(payload),
        },
    }
}

/// What [`run_events`] must give, worked out one item after the other. Only for events whose
/// outcome does not depend on timing: a cancellation may come from the sink only.
pub(crate) fn model(items: u64, events: &Events) -> Outcome {
    let mut cancelled = false;
    let mut delivered = 0;
    loop {
        let item = delivered;
        if cancelled {
            return Outcome::after(item, End::Cancelled { segment: item });
        }
        for stage in STAGES {
            match events.get(&(item, stage)) {
                None => {}
                Some(Event::Fail) => return Outcome::after(item, End::Failed(Here(stage, item))),
                Some(Event::Panic) => {
                    return Outcome::after(item, End::Panicked(Here(stage, item)));
                }
                Some(Event::Cancel) => {
                    assert_eq!(stage, Stage::Sink);
                    cancelled = true;
                }
            }
            if stage == Stage::Source && item == items {
                return Outcome::after(item, End::Complete { items });
            }
        }
        delivered += 1;
    }
}
