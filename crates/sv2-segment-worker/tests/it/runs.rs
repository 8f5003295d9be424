//! Runs of whole frames out of a segment, as a range read opens them (section 8.5).

use sv2_frame_worker::FrameWorkerError;
use sv2_framing::{FrameIndex, SegmentIndex, SegmentLayout};
use sv2_segment_worker::{EncryptedSegment, SegmentWorkerError};

use crate::support::{Parameters, SMALL, each, plaintext, seal};

/// Two full frames and a short one.
const LEN: usize = 600;
const SEGMENT: SegmentIndex = SegmentIndex(2);

fn decrypt_frames(
    parameters: Parameters,
    segment: &EncryptedSegment,
    first: u16,
    records: &mut [u8],
) -> Result<(), SegmentWorkerError> {
    let opener = parameters.opener();
    let header = opener.context().sealed_header(SEGMENT, LEN as u32, segment.entry.salt);
    opener.decrypt_frames(&header, FrameIndex(first), records)
}

/// The wire bytes of frames `first` up to but not including `end`.
fn run(layout: SegmentLayout, first: u16, end: u16) -> std::ops::Range<usize> {
    layout.frame(FrameIndex(first)).start..layout.frame(FrameIndex(end - 1)).end
}

/// F-801: for every run, in a segment of which nothing else is there.
#[test]
fn every_run_of_frames_opens_by_itself() {
    for parameters in each() {
        let (segment, layout) =
            (seal(&parameters.sealer(), SEGMENT.0, LEN), parameters.layout(LEN));
        for (first, end) in [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)] {
            let range = run(layout, first, end);
            let mut records = segment.wire[range.clone()].to_vec();
            assert_eq!(decrypt_frames(parameters, &segment, first, &mut records), Ok(()));
            let opened: Vec<u8> = (first..end)
                .map(|frame| layout.plaintext_slot(FrameIndex(frame)))
                .flat_map(|slot| records[slot.start - range.start..slot.end - range.start].to_vec())
                .collect();
            let from = 256 * usize::from(first);
            assert_eq!(opened, plaintext(LEN)[from..from + opened.len()]);
        }
    }
}

/// F-405: a run under another frame's number does not open.
#[test]
fn a_run_in_another_place_is_refused() {
    let (segment, layout) = (seal(&SMALL.sealer(), SEGMENT.0, LEN), SMALL.layout(LEN));
    let mut records = segment.wire[run(layout, 0, 1)].to_vec();
    let refused = decrypt_frames(SMALL, &segment, 1, &mut records);
    let expected = matches!(
        refused,
        Err(SegmentWorkerError::Frame { source: FrameWorkerError::Malformed { .. }, .. })
    );
    assert!(expected, "{refused:?}");
}

/// F-803, F-901: the first frame that does not open is named by its place in the segment.
#[test]
fn a_damaged_run_names_its_first_bad_frame() {
    let (segment, layout) = (seal(&SMALL.sealer(), SEGMENT.0, LEN), SMALL.layout(LEN));
    let range = run(layout, 1, 3);
    for frame in [1u16, 2] {
        let mut records = segment.wire[range.clone()].to_vec();
        let place = layout.frame(FrameIndex(frame));
        records[layout.plaintext_slot(FrameIndex(2)).start - range.start] ^= 1;
        records[place.start - range.start + 8] ^= 2;
        let source = FrameWorkerError::AuthenticationFailed { frame: FrameIndex(frame) };
        let offset = place.start as u64;
        let expected = SegmentWorkerError::Frame { segment: SEGMENT, offset, source };
        assert_eq!(decrypt_frames(SMALL, &segment, 1, &mut records), Err(expected));
    }
}

#[test]
fn records_that_are_no_whole_frames_are_refused() {
    let (segment, layout) = (seal(&SMALL.sealer(), SEGMENT.0, LEN), SMALL.layout(LEN));
    for first in 0..3 {
        let rest = &segment.wire[run(layout, first, 3)];
        let borders: Vec<usize> = (first..3).map(|end| run(layout, first, end + 1).len()).collect();
        for len in 0..rest.len() + 40 {
            let mut records = rest[..len.min(rest.len())].to_vec();
            records.resize(len, 0);
            let opened = decrypt_frames(SMALL, &segment, first, &mut records);
            if len == 0 || borders.contains(&len) {
                assert_eq!(opened, Ok(()), "{len} from {first}");
            } else {
                let need =
                    borders.iter().find(|border| **border > len).copied().unwrap_or(rest.len());
                let (segment, need, have) = (SEGMENT, need as u64, len as u64);
                let expected = Err(SegmentWorkerError::Length { segment, need, have });
                assert_eq!(opened, expected, "{len} from {first}");
            }
        }
    }
    for first in [3, 4, u16::MAX] {
        let opened = decrypt_frames(SMALL, &segment, first, &mut [0; 120]);
        let expected = SegmentWorkerError::Length { segment: SEGMENT, need: 0, have: 120 };
        assert_eq!(opened, Err(expected), "from {first}");
    }
}
