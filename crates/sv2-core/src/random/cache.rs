//! What a range reader keeps: pages that were checked and frames that were opened.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Pages of the index that are kept; a page is at most 64 KiB.
const CACHED_PAGES: usize = 64;

/// The plaintext of one frame.
pub(crate) type Frame = Arc<[u8]>;

/// A few values by key, of which the one that was used longest ago goes first.
struct Recent<K, V> {
    capacity: usize,
    entries: Mutex<VecDeque<(K, V)>>,
}

impl<K: PartialEq, V: Clone> Recent<K, V> {
    fn new(capacity: usize) -> Self {
        Self { capacity, entries: Mutex::new(VecDeque::with_capacity(capacity)) }
    }

    fn get(&self, key: &K) -> Option<V> {
        let mut entries = self.lock();
        let at = entries.iter().position(|(held, _)| held == key)?;
        let entry = entries.remove(at)?;
        let value = entry.1.clone();
        entries.push_back(entry);
        Some(value)
    }

    fn put(&self, key: K, value: V) {
        let mut entries = self.lock();
        entries.retain(|(held, _)| *held != key);
        if entries.len() >= self.capacity {
            entries.pop_front();
        }
        entries.push_back((key, value));
    }

    /// A panic while the lock is held leaves the queue whole, so it stays usable.
    fn lock(&self) -> MutexGuard<'_, VecDeque<(K, V)>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opened frames by segment and frame number.
pub(crate) struct FrameCache(Recent<(u64, u16), Frame>);

impl FrameCache {
    pub(crate) fn new(capacity: usize) -> Self {
        Self(Recent::new(capacity))
    }

    pub(crate) fn get(&self, segment: u64, frame: u16) -> Option<Frame> {
        self.0.get(&(segment, frame))
    }

    pub(crate) fn put(&self, segment: u64, frame: u16, plaintext: Frame) {
        self.0.put((segment, frame), plaintext);
    }
}

/// Checked pages by number.
pub(crate) struct PageCache(Recent<u64, Arc<[u8]>>);

impl PageCache {
    pub(crate) fn new() -> Self {
        Self(Recent::new(CACHED_PAGES))
    }

    pub(crate) fn get(&self, page: u64) -> Option<Arc<[u8]>> {
        self.0.get(&page)
    }

    pub(crate) fn put(&self, page: u64, bytes: Arc<[u8]>) {
        self.0.put(page, bytes);
    }
}
