//! What this crate says of failures.

use sv2_framing::{FrameError, FrameIndex, SegmentIndex};

#[test]
fn messages_side_by_side() {
    let segment = SegmentIndex(1 << 32);
    let (value, max) = ((1 << 32) + 1, 1 << 32);
    let all = [
        FrameError::Truncated { need: 64, have: 12 },
        FrameError::SegmentHeader { segment: SegmentIndex(7), what: "plaintext_len" },
        FrameError::Limit { segment, what: "number of segments", value, max },
        FrameError::FrameHeader { frame: FrameIndex(3) },
    ];
    let list: Vec<_> = all.iter().map(FrameError::to_string).collect();
    insta::assert_snapshot!(list.join("\n"), @r"
        12 bytes where 64 are needed
        plaintext_len of segment 7 is malformed
        number of segments is 4294967297 at segment 4294967296, the maximum is 4294967296
        the header of frame 3 is malformed
        ");
}
