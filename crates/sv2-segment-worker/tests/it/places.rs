//! Frames and segments in places where they were not written.

use sv2_frame_worker::FrameWorkerError;
use sv2_framing::{FrameError, FrameIndex, SegmentIndex};
use sv2_headers::checksum;
use sv2_segment_worker::SegmentWorkerError;

use crate::support::{Parameters, SMALL, each, open, repair_header, seal};

fn of_frame(frame: u16, source: FrameWorkerError) -> SegmentWorkerError {
    let offset = 64 + 288 * u64::from(frame);
    SegmentWorkerError::Frame { segment: SegmentIndex(0), offset, source }
}

fn unopened(frame: u16) -> SegmentWorkerError {
    of_frame(frame, FrameWorkerError::AuthenticationFailed { frame: FrameIndex(frame) })
}

fn swap(wire: &mut [u8], first: std::ops::Range<usize>, second: usize) {
    let (left, right) = wire.split_at_mut(second);
    left[first.clone()].swap_with_slice(&mut right[..first.len()]);
}

/// F-513: a frame says its number, which must be that of its place.
#[test]
fn swapped_frames_are_malformed() {
    for parameters in each() {
        let mut wire = seal(&parameters.sealer(), 0, 1024).wire.to_vec();
        swap(&mut wire, 64..64 + 288, 64 + 2 * 288);
        let frame = FrameIndex(0);
        let source = FrameError::FrameHeader { frame };
        let expected = of_frame(0, FrameWorkerError::Malformed { frame, source });
        assert_eq!(open(&parameters.opener(), 0, &wire, None), Err(expected));
    }
}

/// F-405: the place is in the nonce, so frames under the right headers do not open either.
#[test]
fn swapped_frames_under_the_right_headers_do_not_open() {
    for parameters in each() {
        let mut wire = seal(&parameters.sealer(), 0, 1024).wire.to_vec();
        swap(&mut wire, 64 + 8..64 + 280, 64 + 288 + 8);
        checksum::store(&mut wire[64..64 + 288]);
        checksum::store(&mut wire[64 + 288..64 + 576]);
        assert_eq!(open(&parameters.opener(), 0, &wire, None), Err(unopened(0)));
    }
}

#[test]
fn a_frame_of_another_attempt_does_not_open() {
    let sealer = SMALL.sealer();
    let mut wire = seal(&sealer, 0, 1024).wire.to_vec();
    let other = seal(&sealer, 0, 1024).wire;
    wire[64 + 288..64 + 576].copy_from_slice(&other[64 + 288..64 + 576]);
    assert_eq!(open(&SMALL.opener(), 0, &wire, None), Err(unopened(1)));
}

/// F-502: a segment says its number, which must be that of its place.
#[test]
fn a_segment_in_another_place_is_malformed() {
    for parameters in each() {
        let wire = seal(&parameters.sealer(), 1, 1024).wire;
        let segment = SegmentIndex(0);
        let source = FrameError::SegmentHeader { segment, what: "index" };
        let expected = SegmentWorkerError::Header { segment, source };
        assert_eq!(open(&parameters.opener(), 0, &wire, None), Err(expected));
    }
}

/// F-401: the segment header is in the key, so a segment under a forged number does not open,
/// and neither does it where the header is computed.
#[test]
fn a_segment_under_a_forged_number_does_not_open() {
    for parameters in each() {
        let segment = seal(&parameters.sealer(), 1, 1024);
        let mut wire = segment.wire.to_vec();
        wire[15] = 0;
        repair_header(&mut wire);
        for sealed in [None, Some(segment.entry)] {
            assert_eq!(open(&parameters.opener(), 0, &wire, sealed), Err(unopened(0)));
        }
    }
}

/// F-504: the stream tag tells a foreign segment, and under a forged tag it does not open.
#[test]
fn a_segment_of_another_stream_is_foreign() {
    for parameters in each() {
        let other = Parameters { stream_salt: [0x56; 32], ..parameters };
        let mut wire = seal(&other.sealer(), 0, 700).wire.to_vec();
        let expected = SegmentWorkerError::ForeignSegment { segment: SegmentIndex(0) };
        assert_eq!(open(&parameters.opener(), 0, &wire, None), Err(expected));

        wire[48..56].copy_from_slice(&parameters.opener().context().stream_tag());
        repair_header(&mut wire);
        assert_eq!(open(&parameters.opener(), 0, &wire, None), Err(unopened(0)));
    }
}

/// F-207, F-512: a segment that was cut at a frame border under a header that says so.
#[test]
fn a_shortened_segment_does_not_open() {
    let whole = seal(&SMALL.sealer(), 0, 1024).wire;
    let footer = SMALL.layout(1024).footer();
    let mut wire = whole[..64 + 2 * 288].to_vec();
    wire.extend_from_slice(&whole[footer]);
    wire[16..20].copy_from_slice(&512u32.to_be_bytes());
    repair_header(&mut wire);
    assert_eq!(open(&SMALL.opener(), 0, &wire, None), Err(unopened(0)));
}
