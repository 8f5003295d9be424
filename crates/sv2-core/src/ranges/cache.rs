//! What a range reader keeps: pages that were checked and frames that were opened.

use std::collections::{HashSet, VecDeque};
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use sv2_stream::{Page, PageState, Plaintext};

/// A panic while a lock is held leaves what it guards whole, so it stays usable.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes a value to the end of the queue, where it stays longest.
fn used<T: Clone>(values: &mut VecDeque<T>, is_it: impl Fn(&T) -> bool) -> Option<T> {
    let value = values.remove(values.iter().position(is_it)?)?;
    values.push_back(value.clone());
    Some(value)
}

/// Puts a value at the end of the queue, and drops the one that was used longest ago.
fn put<T>(values: &mut VecDeque<T>, capacity: usize, value: T) {
    if values.len() >= capacity {
        values.pop_front();
    }
    if capacity > 0 {
        values.push_back(value);
    }
}

/// Opened frames by their offset in the plaintext.
pub(crate) struct FrameCache {
    frame_size: u64,
    capacity: usize,
    frames: Mutex<VecDeque<(u64, Frame)>>,
}

/// An opened frame.
#[derive(Clone)]
enum Frame {
    Alone(Arc<[u8]>),
    /// In what was read, every frame of which was kept.
    Within(Arc<Plaintext>),
}

impl Frame {
    /// The bytes of the frame, which begins at `start`.
    fn bytes(&self, start: u64) -> &[u8] {
        match self {
            Self::Alone(bytes) => bytes,
            Self::Within(plaintext) => plaintext.at(start),
        }
    }
}

impl FrameCache {
    pub(crate) fn new(frame_size: u64, capacity: usize) -> Self {
        Self { frame_size, capacity, frames: Mutex::default() }
    }

    /// Copies plaintext from `offset` on, as far as the frames are there, and returns the number
    /// of bytes.
    pub(crate) fn copy_to(&self, offset: u64, out: &mut [u8]) -> usize {
        let mut done = 0;
        while done < out.len() {
            let at = offset + done as u64;
            let start = at / self.frame_size * self.frame_size;
            let frame = used(&mut lock(&self.frames), |(held, _)| *held == start);
            // A frame has at most 2^20 bytes.
            let within = (at - start) as usize;
            let Some((_, frame)) = frame else { break };
            let rest = frame.bytes(start).get(within..).unwrap_or_default();
            let count = rest.len().min(out.len() - done);
            if count == 0 {
                break;
            }
            out[done..done + count].copy_from_slice(&rest[..count]);
            done += count;
        }
        done
    }

    /// Keeps the first and the last frame of what was read for `wanted`, where only a part of them
    /// was: whoever wants a part of a frame is likely to want its neighbourhood.
    pub(crate) fn keep_ends(&self, plaintext: &Arc<Plaintext>, wanted: Range<u64>) {
        let frame_of = |edge: u64| edge - edge % self.frame_size;
        let first = Some(frame_of(wanted.start)).filter(|start| *start != wanted.start);
        let last = Some(frame_of(wanted.end))
            .filter(|start| *start != wanted.end && Some(*start) != first);
        let kept = || first.into_iter().chain(last);
        // What was read holds a frame only with all of its others.
        let all = kept().count() <= self.capacity && plaintext.frames().count() <= kept().count();
        for start in kept() {
            let frame = match all {
                true => Frame::Within(Arc::clone(plaintext)),
                false => Frame::Alone(Arc::from(plaintext.at(start))),
            };
            let mut frames = lock(&self.frames);
            frames.retain(|(held, _)| *held != start);
            put(&mut frames, self.capacity, (start, frame));
        }
    }
}

/// Checked pages by number, and which ones are being fetched.
pub(crate) struct PageCache {
    capacity: usize,
    state: Mutex<Pages>,
    changed: Condvar,
}

#[derive(Default)]
struct Pages {
    known: VecDeque<Page>,
    underway: HashSet<u64>,
}

impl PageCache {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, state: Mutex::default(), changed: Condvar::new() }
    }

    /// Nothing claimed yet.
    pub(crate) fn claims(&self) -> Claims<'_> {
        Claims { cache: self, numbers: Vec::new() }
    }

    /// Keeps a page.
    pub(crate) fn put(&self, page: Page) {
        let mut state = lock(&self.state);
        state.underway.remove(&page.number());
        state.known.retain(|held| held.number() != page.number());
        put(&mut state.known, self.capacity, page);
        drop(state);
        self.changed.notify_all();
    }

    /// Waits until nobody is fetching the page any more.
    pub(crate) fn wait_for(&self, number: u64) {
        let state = lock(&self.state);
        let ended = self.changed.wait_while(state, |state| state.underway.contains(&number));
        drop(ended.unwrap_or_else(PoisonError::into_inner));
    }
}

/// Pages that one call fetches; given up when it is dropped.
pub(crate) struct Claims<'c> {
    cache: &'c PageCache,
    numbers: Vec<u64>,
}

impl Claims<'_> {
    /// What is known of a page; `Missing` where it is this call's to fetch from now on.
    pub(crate) fn ask(&mut self, number: u64) -> PageState {
        let mut state = lock(&self.cache.state);
        if let Some(page) = used(&mut state.known, |held| held.number() == number) {
            return PageState::Known(page);
        }
        if !state.underway.insert(number) {
            return PageState::Elsewhere;
        }
        self.numbers.push(number);
        PageState::Missing
    }
}

impl Drop for Claims<'_> {
    fn drop(&mut self) {
        let mut state = lock(&self.cache.state);
        for number in &self.numbers {
            state.underway.remove(number);
        }
        drop(state);
        self.cache.changed.notify_all();
    }
}
