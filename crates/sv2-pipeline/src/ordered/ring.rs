//! The ring of one-shot slots that gives order, back-pressure and the memory bound at once.
//!
//! Item `k` uses slot `k % slots`. At most as many items are in flight as there are slots, because
//! each holds one of as many buffers, and the sink empties the slots in order; so the slot of an
//! item is empty when the item is begun, and filling it never blocks.

use std::num::NonZeroUsize;

use crate::fate::{Horizon, Stop};
use crate::sync::{Receiver, Sender, bounded};

/// What a slot holds.
pub(super) enum Outcome<R, E> {
    /// The item is ready for the sink.
    Done(R),
    /// There is no such item: the stream ended before it.
    End,
    /// The item was not finished.
    Stopped(Stop<E>),
}

/// The slots of a run and the horizon that stops work behind a stopped item.
pub(super) struct Ring<R, E> {
    slots: Vec<Slot<R, E>>,
    pub(super) horizon: Horizon,
}

/// Holds at most one outcome. Both ends live as long as the run, so a slot is never disconnected.
struct Slot<R, E> {
    sender: Sender<Outcome<R, E>>,
    receiver: Receiver<Outcome<R, E>>,
}

impl<R, E> Ring<R, E> {
    pub(super) fn new(slots: NonZeroUsize) -> Self {
        let slot = |_| {
            let (sender, receiver) = bounded(1);
            Slot { sender, receiver }
        };
        Self { slots: (0..slots.get()).map(slot).collect(), horizon: Horizon::new() }
    }

    /// Begins an item. The caller holds the buffer that the item needs, so its slot is empty.
    pub(super) fn promise(&self, item: u64) -> Promise<'_, R, E> {
        Promise { ring: self, item, kept: false }
    }

    /// Waits until the slot of `item` is filled and empties it.
    pub(super) fn wait(&self, item: u64) -> Outcome<R, E> {
        self.slot(item).receiver.recv().unwrap_or(Outcome::Stopped(Stop::Lost))
    }

    fn fill(&self, item: u64, outcome: Outcome<R, E>) {
        if !matches!(outcome, Outcome::Done(_)) {
            self.horizon.lower(item);
        }
        let filled = self.slot(item).sender.try_send(outcome);
        debug_assert!(filled.is_ok(), "the slot of item {item} was not empty");
    }

    fn slot(&self, item: u64) -> &Slot<R, E> {
        let index = item % self.slots.len() as u64;
        &self.slots[index as usize]
    }
}

/// The duty to fill the slot of one item. Dropped without that, it fills the slot with
/// [`Stop::Lost`], so that the sink never waits in vain and never takes a loss for an end.
pub(super) struct Promise<'r, R, E> {
    ring: &'r Ring<R, E>,
    item: u64,
    kept: bool,
}

impl<R, E> Promise<'_, R, E> {
    pub(super) fn item(&self) -> u64 {
        self.item
    }

    /// Whether the sink will stop before this item, so that the promise may as well be dropped.
    pub(super) fn is_moot(&self) -> bool {
        self.ring.horizon.is_before(self.item)
    }

    /// Fills the slot. Anything but [`Outcome::Done`] also lowers the horizon.
    pub(super) fn keep(mut self, outcome: Outcome<R, E>) {
        self.kept = true;
        self.ring.fill(self.item, outcome);
    }
}

impl<R, E> Drop for Promise<'_, R, E> {
    fn drop(&mut self) {
        if !self.kept {
            self.ring.fill(self.item, Outcome::Stopped(Stop::Lost));
        }
    }
}
