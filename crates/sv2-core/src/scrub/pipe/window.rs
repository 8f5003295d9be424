//! The bytes of a pipe that are looked at: they come at the end and go at the front.

/// Bytes that are read at a time.
const STEP: usize = 1 << 20;

/// A window over bytes that go by.
#[derive(Default)]
pub(super) struct Window {
    /// What has passed and is still there, and behind it what is in the window.
    bytes: Vec<u8>,
    passed: usize,
    /// Bytes that were moved since the first.
    #[cfg(test)]
    moved: usize,
}

impl Window {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[self.passed..]
    }

    /// Drops bytes from the front, at most as many as there are. What stays is moved only where it
    /// is less than what went, so that each byte that comes is moved once at most, on average.
    pub(super) fn pass(&mut self, len: usize) {
        self.passed += len.min(self.bytes().len());
        if self.passed > self.bytes().len() {
            #[cfg(test)]
            {
                self.moved += self.bytes().len();
            }
            self.bytes.drain(..self.passed);
            self.passed = 0;
        }
    }

    /// Reads a step towards a window of `len` bytes; how many were asked for, and how many came. Room
    /// doubles as bytes arrive, up to what the window takes and no further.
    pub(super) fn read<E>(
        &mut self,
        len: usize,
        read: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Result<(usize, usize), E> {
        let held = self.bytes.len();
        let most = self.passed.saturating_add(len);
        let step = most.saturating_sub(held).min(STEP);
        if held + step > self.bytes.capacity() {
            let room = self.bytes.capacity().saturating_mul(2).min(most).max(held + step);
            self.bytes.reserve_exact(room - held);
        }
        self.bytes.resize(held + step, 0);
        let read = read(&mut self.bytes[held..]);
        let count = read.as_ref().map_or(0, |count| *count);
        self.bytes.truncate(held + count);
        read.map(|count| (step, count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(window: &mut Window, len: usize) {
        while window.bytes().len() < len {
            let read = window.read(len, |buffer| {
                buffer.fill(7);
                Ok::<_, ()>(buffer.len())
            });
            assert!(read.is_ok_and(|(asked, came)| asked == came && came > 0));
        }
    }

    /// A window that reaches far beyond what passes, as it does where every segment header is
    /// damaged, is not moved for every segment.
    #[test]
    fn bytes_that_come_are_moved_once_at_most_however_far_the_window_reaches() {
        let mut window = Window::default();
        let (full, reach, passes) = (100, 10_000, 5_000);
        for _ in 0..passes {
            fill(&mut window, full + reach);
            window.pass(full);
            assert_eq!(window.bytes().len(), reach);
            assert!(window.bytes.len() <= full + 2 * reach);
        }
        assert!(window.moved <= passes * full + reach, "{} bytes", window.moved);
    }

    #[test]
    fn a_window_takes_the_room_of_what_it_holds_and_passes_whole_segments_without_a_move() {
        let mut window = Window::default();
        for _ in 0..3 {
            fill(&mut window, 5 << 20);
            assert_eq!(window.bytes.capacity(), 5 << 20);
            window.pass(5 << 20);
        }
        assert_eq!((window.moved, window.bytes().len()), (0, 0));
        // What never comes takes no room.
        let mut short = Window::default();
        assert_eq!(short.read(1 << 40, |_| Ok::<_, ()>(3)), Ok((STEP, 3)));
        assert!(short.bytes.capacity() <= 2 * STEP);
    }
}
