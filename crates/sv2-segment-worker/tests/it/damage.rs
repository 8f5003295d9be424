//! Every byte of a segment altered: which outcomes are the same, and what the others are called.

use sv2_frame_worker::FrameWorkerError;
use sv2_framing::{FrameError, FrameIndex, SegmentIndex};
use sv2_headers::checksum;
use sv2_segment_worker::{Explain, SegmentWorkerError};

use crate::support::{Parameters, SMALL, each, open, plaintext, repair_header, seal};

const SEGMENT: SegmentIndex = SegmentIndex(2);
/// Two full frames and a short one.
const LEN: usize = 600;

/// The part of a segment that a byte belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Header,
    HeaderCrc,
    FrameHeader(u16),
    Sealed(u16),
    FrameCrc(u16),
    Footer,
}

/// By the tables of section 5, not by the layout that is tested.
fn part(at: usize) -> Part {
    match at {
        0..56 => return Part::Header,
        56..64 => return Part::HeaderCrc,
        _ => {}
    }
    let (frame, within) = ((at - 64) / 288, (at - 64) % 288);
    let len = if frame < 2 { 256 } else { LEN - 512 };
    match within {
        _ if at >= 64 + LEN + 3 * 32 => Part::Footer,
        0..8 => Part::FrameHeader(frame as u16),
        _ if within < 8 + len + 16 => Part::Sealed(frame as u16),
        _ => Part::FrameCrc(frame as u16),
    }
}

fn frame_range(frame: u16) -> std::ops::Range<usize> {
    let start = 64 + 288 * usize::from(frame);
    start..start + if frame < 2 { 288 } else { LEN - 512 + 32 }
}

fn failed(frame: u16, source: FrameWorkerError) -> SegmentWorkerError {
    let offset = frame_range(frame).start as u64;
    SegmentWorkerError::Frame { segment: SEGMENT, offset, source }
}

/// F-832, as far as it is about segments: checksums and footers are without effect for a pipe,
/// the whole stored header too for a reader with the index (F-805); all else is needed.
/// F-602, F-817: neither a checksum nor a footer decides.
/// F-603, F-905, F-906: damage shows as a checksum, of the header first and then of the frame.
#[test]
fn every_flipped_bit_has_the_documented_outcome() {
    for parameters in each() {
        let (opener, segment) = (parameters.opener(), seal(&parameters.sealer(), SEGMENT.0, LEN));
        let intact = Ok(plaintext(LEN));
        for bit in 0..segment.wire.len() * 8 {
            let mut wire = segment.wire.to_vec();
            wire[bit / 8] ^= 1 << (bit % 8);
            let of_frame = |frame| {
                let frame = FrameIndex(frame);
                Err(failed(frame.0, FrameWorkerError::ChecksumMismatch { frame }))
            };
            let (pipe, sealed) = match part(bit / 8) {
                Part::Header => {
                    let error = SegmentWorkerError::HeaderChecksumMismatch { segment: SEGMENT };
                    (Err(error), intact.clone())
                }
                Part::HeaderCrc | Part::FrameCrc(_) | Part::Footer => {
                    (intact.clone(), intact.clone())
                }
                Part::FrameHeader(frame) | Part::Sealed(frame) => {
                    (of_frame(frame), of_frame(frame))
                }
            };
            assert_eq!(open(&opener, 2, &wire, None), pipe, "bit {bit} of {parameters:?}");
            let entry = Some(segment.entry);
            assert_eq!(open(&opener, 2, &wire, entry), sealed, "bit {bit} of {parameters:?}");
        }
    }
}

/// F-603: the same with the checksum of the unit made right, so that each failure has its own
/// name; F-502, F-503, F-504, F-505, F-513, F-515.
#[test]
fn every_altered_byte_under_a_right_checksum_is_named() {
    for parameters in each() {
        let (opener, segment) = (parameters.opener(), seal(&parameters.sealer(), SEGMENT.0, LEN));
        for at in 0..segment.wire.len() {
            let mut wire = segment.wire.to_vec();
            wire[at] ^= 0x81;
            repair_header(&mut wire);
            for frame in 0..3 {
                checksum::store(&mut wire[frame_range(frame)]);
            }
            let header = |what| {
                let source = FrameError::SegmentHeader { segment: SEGMENT, what };
                Err(SegmentWorkerError::Header { segment: SEGMENT, source })
            };
            let unopened = |frame| {
                let source = FrameWorkerError::AuthenticationFailed { frame: FrameIndex(frame) };
                Err(failed(frame, source))
            };
            let expected = match part(at) {
                Part::Header => match at {
                    0..4 => header("magic"),
                    4..8 | 20..24 => header("reserved bytes"),
                    8..16 => header("index"),
                    // The low byte makes another possible length, which the wire does not have.
                    19 => {
                        let need = parameters.layout(LEN ^ 0x81).wire_len() as u64;
                        let have = wire.len() as u64;
                        Err(SegmentWorkerError::Length { segment: SEGMENT, need, have })
                    }
                    16..19 => header("plaintext_len"),
                    24..48 => unopened(0),
                    _ => Err(SegmentWorkerError::ForeignSegment { segment: SEGMENT }),
                },
                Part::FrameHeader(frame) => {
                    let frame = FrameIndex(frame);
                    let source = FrameError::FrameHeader { frame };
                    Err(failed(frame.0, FrameWorkerError::Malformed { frame, source }))
                }
                Part::Sealed(frame) => unopened(frame),
                Part::HeaderCrc | Part::FrameCrc(_) | Part::Footer => Ok(plaintext(LEN)),
            };
            assert_eq!(open(&opener, 2, &wire, None), expected, "byte {at} of {parameters:?}");
        }
    }
}

/// A reader that can read the bytes again is told of the failure alone, and judges the checksum
/// of a frame that did not open himself.
#[test]
fn a_caller_who_rereads_learns_of_the_failure_only() {
    let (opener, segment) = (SMALL.opener(), seal(&SMALL.sealer(), SEGMENT.0, LEN));
    let header = opener.context().sealed_header(SEGMENT, LEN as u32, segment.entry.salt);
    for at in 64..64 + LEN + 3 * 32 {
        let mut wire = segment.wire.to_vec();
        wire[at] ^= 0x10;
        let opened = opener.decrypt_in_place(&header, &mut wire, Explain::CallerRereads);
        let expected = match part(at) {
            Part::FrameHeader(frame) => {
                let frame = FrameIndex(frame);
                Err(failed(frame.0, FrameWorkerError::ChecksumMismatch { frame }))
            }
            Part::Sealed(frame) => {
                let source = FrameWorkerError::AuthenticationFailed { frame: FrameIndex(frame) };
                Err(failed(frame, source))
            }
            _ => Ok([0; 32]),
        };
        assert_eq!(opened, expected, "byte {at}");
    }
}

/// F-901: of several failing frames the first in the stream is reported.
#[test]
fn the_first_of_several_failing_frames_is_reported() {
    let (opener, segment) = (SMALL.opener(), seal(&SMALL.sealer(), SEGMENT.0, LEN));
    let mut wire = segment.wire.to_vec();
    for frame in [2, 1] {
        wire[frame_range(frame).start + 20] ^= 1;
    }
    let source = FrameWorkerError::ChecksumMismatch { frame: FrameIndex(1) };
    assert_eq!(open(&opener, 2, &wire, None), Err(failed(1, source)));
}

/// F-602: a segment whose checksums are all wrong opens.
#[test]
fn a_segment_without_one_right_checksum_opens() {
    for parameters in each() {
        let segment = seal(&parameters.sealer(), SEGMENT.0, LEN);
        let mut wire = segment.wire.to_vec();
        for (at, byte) in wire.iter_mut().enumerate() {
            if matches!(part(at), Part::HeaderCrc | Part::FrameCrc(_) | Part::Footer) {
                *byte = !*byte;
            }
        }
        for sealed in [None, Some(segment.entry)] {
            assert_eq!(open(&parameters.opener(), 2, &wire, sealed), Ok(plaintext(LEN)));
        }
    }
}

/// The parts that the tests above go by cover the wire bytes of every digest.
#[test]
fn the_parts_are_those_of_the_layout() {
    for parameters in each() {
        let Parameters { digest, .. } = parameters;
        let layout = parameters.layout(LEN);
        assert_eq!(layout.wire_len(), 64 + LEN + 3 * 32 + digest.len() + 8);
        assert_eq!(layout.frame_count(), 3);
        for frame in 0..3 {
            assert_eq!(layout.frame(FrameIndex(frame)), frame_range(frame));
        }
    }
}
