//! Plaintexts and buffers of every wrong length, and the last place that a segment may have.

use sv2_framing::{FrameError, SegmentIndex};
use sv2_segment_worker::{Explain, SegmentInput, SegmentWorkerError};

use crate::support::{Parameters, SMALL, each, open, plaintext, seal};

fn length(segment: u64, need: usize, have: usize) -> SegmentWorkerError {
    let segment = SegmentIndex(segment);
    SegmentWorkerError::Length { segment, need: need as u64, have: have as u64 }
}

fn encrypt(parameters: Parameters, index: u64, len: usize) -> Result<(), SegmentWorkerError> {
    let input = SegmentInput { index: SegmentIndex(index), plaintext: plaintext(len).into() };
    parameters.sealer().encrypt(input).map(drop)
}

/// F-206, F-503: 1 to S bytes.
#[test]
fn plaintexts_that_no_segment_holds_are_refused() {
    assert_eq!(encrypt(SMALL, 0, 0), Err(length(0, 1024, 0)));
    assert_eq!(encrypt(SMALL, 0, 1), Ok(()));
    assert_eq!(encrypt(SMALL, 0, 1024), Ok(()));
    assert_eq!(encrypt(SMALL, 0, 1025), Err(length(0, 1024, 1025)));
}

/// F-204, F-1003: a writer stops at 2^32 segments and at 2^56 bytes, whichever comes first.
#[test]
fn segments_behind_the_last_possible_one_are_refused() {
    assert_eq!(encrypt(SMALL, (1 << 32) - 1, 1024), Ok(()));
    assert_eq!(encrypt(SMALL, 1 << 32, 1), Err(length(1 << 32, 0, 1)));
    assert_eq!(encrypt(SMALL, u64::MAX, 1), Err(length(u64::MAX, 0, 1)));
    let large = Parameters { frame_log2: 20, frames_log2: 10, ..SMALL };
    assert_eq!(encrypt(large, (1 << 26) - 1, 1), Ok(()));
    assert_eq!(encrypt(large, 1 << 26, 1), Err(length(1 << 26, 0, 1)));
}

/// F-505: a reader stops at the same places, by the name `Limit`.
#[test]
fn segments_behind_the_last_possible_one_are_not_opened() {
    let wire = seal(&SMALL.sealer(), (1 << 32) - 1, 100).wire.to_vec();
    assert_eq!(open(&SMALL.opener(), (1 << 32) - 1, &wire, None), Ok(plaintext(100)));
    let segment = SegmentIndex(1 << 32);
    let (value, max) = ((1 << 32) + 1, 1 << 32);
    let source = FrameError::Limit { segment, what: "number of segments", value, max };
    let expected = SegmentWorkerError::Header { segment, source };
    assert_eq!(open(&SMALL.opener(), 1 << 32, &wire, None), Err(expected));
}

#[test]
fn a_buffer_of_another_length_is_left_as_it_was() {
    for parameters in each() {
        let wire_len = parameters.layout(600).wire_len();
        for have in (0..wire_len).chain(wire_len + 1..wire_len + 300) {
            let mut wire = vec![0xA5; have];
            let sealed = parameters.sealer().encrypt_in_place(SegmentIndex(3), 600, &mut wire);
            assert_eq!(sealed, Err(length(3, wire_len, have)));
            assert!(wire.iter().all(|&byte| byte == 0xA5));
        }
    }
}

/// F-517: wire bytes that end early or late are no segment, wherever they end.
#[test]
fn every_cut_and_every_longer_input_is_refused() {
    for parameters in each() {
        let (opener, segment) = (parameters.opener(), seal(&parameters.sealer(), 0, 600));
        let (whole, wire_len) = (&segment.wire, segment.wire.len());
        for have in 0..wire_len {
            let expected = match have {
                0..64 => {
                    let source = FrameError::Truncated { need: 64, have: have as u64 };
                    SegmentWorkerError::Header { segment: SegmentIndex(0), source }
                }
                _ => length(0, wire_len, have),
            };
            assert_eq!(open(&opener, 0, &whole[..have], None), Err(expected), "cut at {have}");
            let sealed = open(&opener, 0, &whole[..have], Some(segment.entry));
            assert!(sealed.is_err(), "cut at {have} with its entry");
        }
        let longer = [&whole[..], &[0]].concat();
        assert_eq!(open(&opener, 0, &longer, None), Err(length(0, wire_len, wire_len + 1)));
    }
}

/// With an entry the wire length alone tells the plaintext's, for every length a segment can
/// have; where it can be none, the error names the full segment.
#[test]
fn wire_lengths_that_no_segment_has_are_refused() {
    let (opener, entry) = (SMALL.opener(), seal(&SMALL.sealer(), 0, 1).entry);
    let full = SMALL.layout(1024).wire_len();
    for have in [0, 71, 72, 104, full + 1, 2 * full] {
        let opened = open(&opener, 0, &vec![0; have], Some(entry));
        assert_eq!(opened, Err(length(0, full, have)));
    }
}

#[test]
fn opening_in_place_needs_all_frames_and_no_footer() {
    for parameters in each() {
        let (opener, segment) = (parameters.opener(), seal(&parameters.sealer(), 5, 600));
        let salt = segment.entry.salt;
        let header = opener.context().sealed_header(SegmentIndex(5), 600, salt);
        let body_len = parameters.layout(600).body_len();
        for have in 0..body_len {
            let mut wire = segment.wire[..have].to_vec();
            let opened = opener.decrypt_in_place(&header, &mut wire, Explain::Now);
            assert_eq!(opened, Err(length(5, body_len, have)));
            assert_eq!(wire, segment.wire[..have], "left as it was");
        }
        let mut wire = segment.wire[..body_len].to_vec();
        let digest = opener.decrypt_in_place(&header, &mut wire, Explain::Now);
        assert_eq!(digest, Ok(segment.entry.digest));
    }
}

#[test]
fn a_header_that_no_segment_has_opens_nothing() {
    let opener = SMALL.opener();
    for plaintext_len in [0, 1025, u32::MAX] {
        let header = opener.context().sealed_header(SegmentIndex(0), plaintext_len, [0; 24]);
        let opened = opener.decrypt_in_place(&header, &mut [0; 4000], Explain::Now);
        assert_eq!(opened, Err(length(0, 1024, plaintext_len as usize)));
    }
}
