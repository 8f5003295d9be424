//! Seeds of the target that settles change records.

use super::Seed;
use crate::change::states::{HEADER_LEN, SECOND, States, ended};
use sv2_testkit::reference::forge::refresh_crc;

/// A write: offset and bytes.
type Write<'w> = (usize, &'w [u8]);

/// Sound records of both kinds beside each state, and what is wrong with others.
pub(super) fn seeds() -> Vec<Seed> {
    let states = States::new();
    let States { old, rewritten, appended } = &states;
    let trailer = old.len() - 128;
    let copy = trailer - 32 - 2 * 32 - HEADER_LEN;
    let (header, new) = (&old[..HEADER_LEN], &rewritten[..HEADER_LEN]);
    let steps: [Write<'_>; 3] = [(copy, new), (0, new), (trailer, &rewritten[trailer..])];
    let kept: [Write<'_>; 1] = [(SECOND, &old[SECOND..])];
    let halves = [(SECOND, &old[SECOND..trailer + 5]), (trailer + 5, &old[trailer + 5..])];
    let of_old =
        |direction, writes: &[Write<'_>]| record(direction, &old[trailer..], header, writes);
    let (redo, undo) = (of_old(1, &steps), of_old(2, &kept));
    let of_new =
        record(2, &appended[appended.len() - 128..], header, &[(SECOND, &appended[SECOND..])]);
    let of_rewritten = record(2, &rewritten[trailer..], new, &[(SECOND, &rewritten[SECOND..])]);
    let gap = [halves[0], (trailer + 6, &old[trailer + 6..])];
    let early = [(HEADER_LEN - 1, &old[HEADER_LEN - 1..])];
    let mut unsigned = undo.clone();
    let mac = unsigned.len() - 64;
    unsigned[mac] ^= 1;
    let unsigned = {
        use sv2_testkit::reference::primitives::sha256;
        let hash = sha256(&unsigned[..mac]);
        let whole = sha256(&[&hash[..], &unsigned[mac..mac + 32]].concat());
        unsigned[mac + 32..].copy_from_slice(&whole);
        unsigned
    };
    // Selector: the state of the stream, and where the recovery is cut off.
    let at = |state: u8, cut: u8| state << 2 | cut << 4;
    let seed = |name: &str, selector: u8, record: &[u8]| Seed {
        target: "change_replay",
        name: format!("{name}.bin"),
        data: [&[selector], record].concat(),
    };
    vec![
        seed("good-redo", at(0, 0), &redo),
        seed("good-redo-cut-off", at(0, 3), &redo),
        seed("good-redo-cut-off-late", at(0, 6), &redo),
        seed("good-redo-torn-trailer", at(1, 5), &redo),
        seed("good-undo", at(0, 0), &undo),
        seed("good-undo-torn-trailer", at(1, 2), &undo),
        seed("good-undo-done", at(2, 1), &undo),
        seed("good-undo-without-an-end", at(3, 3), &undo),
        seed("good-undo-in-two", at(3, 3), &of_old(2, &halves)),
        seed("good-undo-of-the-next", at(2, 3), &of_new),
        seed("good-undo-of-a-rewritten", at(3, 0), &of_rewritten),
        seed("bad-redo-of-another-state", at(2, 0), &redo),
        seed("bad-redo-without-an-end", at(3, 0), &redo),
        seed("bad-undo-of-another-state", at(0, 0), &of_rewritten),
        seed("bad-undo-of-a-later-state", at(0, 0), &of_new),
        seed("bad-order", at(0, 0), &of_old(1, &[steps[1], steps[0], steps[2]])),
        seed("bad-steps", at(0, 0), &of_old(1, &steps[..2])),
        seed("bad-gap", at(3, 0), &of_old(2, &gap)),
        seed("bad-early", at(3, 0), &of_old(2, &early)),
        seed("bad-late", at(3, 0), &of_old(2, &halves[..1])),
        seed("bad-nothing", at(3, 0), &of_old(2, &[])),
        seed("bad-direction", at(0, 0), &of_old(3, &kept)),
        seed("bad-mac", at(0, 0), &unsigned),
        seed("bad-header", at(0, 0), &record(2, &old[trailer..], &old[1..=HEADER_LEN], &kept)),
        seed("bad-cut", at(0, 0), &redo[..redo.len() - 1]),
        seed("bad-cut-and-needed", at(3, 0), &undo[..undo.len() - 1]),
        seed("bad-empty", at(0, 0), &[]),
    ]
}

/// A record with right checksums, MAC and hash.
fn record(direction: u8, trailer: &[u8], header: &[u8], writes: &[Write<'_>]) -> Vec<u8> {
    let mut body = b"SV2CHNG\n\0\x01\0".to_vec();
    body.push(direction);
    body.extend((header.len() as u32).to_be_bytes());
    body.extend((writes.len() as u64).to_be_bytes());
    body.extend(trailer);
    body.extend(header);
    for &(offset, bytes) in writes {
        let mut write = (offset as u64).to_be_bytes().to_vec();
        write.extend((bytes.len() as u32).to_be_bytes());
        write.extend([0; 4]);
        write.extend(bytes);
        write.extend([0; 8]);
        refresh_crc(&mut write);
        body.extend(write);
    }
    ended(body)
}
