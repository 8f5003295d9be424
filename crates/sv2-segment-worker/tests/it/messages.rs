//! What this crate says of failures.

use std::error::Error;

use sv2_crypto::CryptoError;
use sv2_frame_worker::FrameWorkerError;
use sv2_framing::{FrameError, FrameIndex, SegmentIndex};
use sv2_segment_worker::SegmentWorkerError;

use crate::support::SMALL;

/// F-903: a failed authentication names segment, frame and offset, and no reason.
#[test]
fn messages_side_by_side() {
    let segment = SegmentIndex(7);
    let frame = FrameIndex(3);
    let header = FrameError::SegmentHeader { segment, what: "index" };
    let unopened = FrameWorkerError::AuthenticationFailed { frame };
    let all = [
        SegmentWorkerError::Header { segment, source: header },
        SegmentWorkerError::HeaderChecksumMismatch { segment },
        SegmentWorkerError::ForeignSegment { segment },
        SegmentWorkerError::Frame { segment, offset: 928, source: unopened },
        SegmentWorkerError::DigestMismatch { segment },
        SegmentWorkerError::Length { segment, need: 1024, have: 1025 },
        SegmentWorkerError::Crypto { segment, source: CryptoError::RandomSource },
    ];
    assert!(all.iter().all(|error| error.segment() == segment));
    let list: Vec<_> = all
        .iter()
        .map(|error| match error.source() {
            Some(source) => format!("{error} <- {source}"),
            None => error.to_string(),
        })
        .collect();
    insta::assert_snapshot!(list.join("\n"), @r"
        segment 7 has a malformed header <- index of segment 7 is malformed
        the checksum of the header of segment 7 does not match
        segment 7 belongs to another stream
        segment 7 failed at byte 928 <- frame 3 failed authentication
        the digest of segment 7 does not match
        1025 bytes cannot be segment 7, which has 1024
        segment 7 could not be begun <- the operating system's random source failed
        ");
}

#[test]
fn debug_output_holds_no_key() {
    let context = SMALL.context(sv2_crypto::RandomSource::System);
    let text = format!("{context:?}");
    assert!(text.contains("key: SegmentsKey(..)"), "{text}");
}
