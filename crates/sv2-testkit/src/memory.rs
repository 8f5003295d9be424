//! Searching the memory of this process for a secret.
//!
//! Linux lets a process read all of its own memory as a file, so no unsafe code is needed to look
//! for a key in it, whoever allocated the place and whether it is still in use.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

/// Secrets are known here only under this mask, so that what is searched for is not found in the
/// searcher.
const MASK: u8 = 0xA5;

/// Bytes that are read at a time.
const WINDOW: usize = 1 << 20;

/// What is looked for: some bytes, each under the mask.
pub struct Needle(Vec<u8>);

/// A place that holds the needle: the mapping and the address.
pub type Place = (String, u64);

impl Needle {
    /// Remembers a secret without keeping it.
    pub fn of(secret: &[u8]) -> Self {
        Self(secret.iter().map(|byte| byte ^ MASK).collect())
    }

    /// The same bytes, each with `pad` added: what HMAC does to its key.
    pub fn padded(&self, pad: u8) -> Self {
        Self(self.0.iter().map(|byte| byte ^ pad).collect())
    }

    fn begins(&self, bytes: &[u8]) -> bool {
        bytes.iter().zip(&self.0).all(|(byte, masked)| byte ^ MASK == *masked)
    }

    /// Every place in writable memory that holds these bytes.
    ///
    /// # Panics
    ///
    /// Where the system does not show a process its own memory.
    pub fn places(&self) -> Vec<Place> {
        let memory = File::open("/proc/self/mem").expect("a process may read itself");
        let maps = fs::read_to_string("/proc/self/maps").expect("a process may see its mappings");
        let mut window = vec![0; WINDOW];
        // What was read for the search is no place of its own.
        let own = window.as_ptr() as u64..window.as_ptr() as u64 + WINDOW as u64;
        let mut places = Vec::new();
        for line in maps.lines() {
            let mut words = line.split_whitespace();
            let (Some(range), Some(rights)) = (words.next(), words.next()) else { continue };
            if !rights.starts_with("rw") {
                continue;
            }
            let name = words.nth(3).unwrap_or("anonymous").to_owned();
            let (start, end) = range.split_once('-').expect("a range of addresses");
            let address = |digits| u64::from_str_radix(digits, 16).expect("an address");
            let (mut at, end) = (address(start), address(end));
            while at < end {
                let len = (end - at).min(WINDOW as u64) as usize;
                // A page that was never touched cannot hold anything.
                if memory.read_exact_at(&mut window[..len], at).is_ok() {
                    for offset in self.found_in(&window[..len]) {
                        let place = at + offset as u64;
                        if !own.contains(&place) {
                            places.push((name.clone(), place));
                        }
                    }
                }
                window.fill(0);
                // Windows overlap, so that nothing is missed at their borders.
                let next = at + len as u64;
                at = if next < end { next - self.0.len() as u64 + 1 } else { end };
            }
        }
        places
    }

    fn found_in(&self, window: &[u8]) -> Vec<usize> {
        let first = self.0[0] ^ MASK;
        let mut found = Vec::new();
        let mut at = 0;
        while let Some(next) = window[at..].iter().position(|byte| *byte == first) {
            at += next;
            if window.len() - at >= self.0.len() && self.begins(&window[at..]) {
                found.push(at);
            }
            at += 1;
        }
        found
    }
}
