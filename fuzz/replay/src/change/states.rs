//! A small stream in the states that a change comes from, leads to and passes through.

use crate::KEY;
use sv2_testkit::paint;
use sv2_testkit::reference::primitives::{hmac_sha256, sha256};
use sv2_testkit::reference::{Keys, Params, encrypt};

/// Length of the header.
pub(crate) const HEADER_LEN: usize = 256;
/// Where the second segment begins, of which an append begins.
pub(crate) const SECOND: usize = HEADER_LEN + 72 + 256 + 32;

/// The sealed states.
pub(crate) struct States {
    /// Two segments, generation and revision 0.
    pub(crate) old: Vec<u8>,
    /// The same with revision 1.
    pub(crate) rewritten: Vec<u8>,
    /// Three segments, the first of which is the same, in generation 1.
    pub(crate) appended: Vec<u8>,
}

impl States {
    /// They are the same at every call.
    #[must_use]
    pub(crate) fn new() -> Self {
        let state = |revision, generation, len| {
            let params = Params { revision, generation, ..Params::tiny(1, 0, 0) };
            let mut salt = |segment: u64| match segment {
                0 => [1; 24],
                _ => [2 + segment as u8 + 16 * generation as u8; 24],
            };
            encrypt(&KEY, &params, &mut salt, &paint::paint(len))
        };
        Self { old: state(0, 0, 300), rewritten: state(1, 0, 300), appended: state(0, 1, 600) }
    }

    /// The stream beside the record: sealed before and behind an append, with a torn trailer, and
    /// without an end.
    pub(super) fn beside(&self, selector: u8) -> Vec<u8> {
        let mut stream = self.old.clone();
        let len = stream.len();
        match selector {
            0 => {}
            1 => stream[len - 20] ^= 1,
            2 => stream.clone_from(&self.appended),
            _ => {
                stream.truncate(SECOND);
                stream.resize(len + 100, 0xEE);
            }
        }
        stream
    }
}

impl Default for States {
    fn default() -> Self {
        Self::new()
    }
}

/// The keys of a header.
pub(super) fn keys(header: &[u8]) -> Option<Keys> {
    Some(Keys::derive(&KEY, header.first_chunk()?, &[]))
}

/// Puts MAC and hash behind a body.
#[must_use]
pub(crate) fn ended(mut body: Vec<u8>) -> Vec<u8> {
    let Some(keys) = body.get(152..).and_then(keys) else { return body };
    let hash = sha256(&body);
    let mac = hmac_sha256(&keys.k_change, &hash);
    body.extend(mac);
    body.extend(sha256(&[hash, mac].concat()));
    body
}
