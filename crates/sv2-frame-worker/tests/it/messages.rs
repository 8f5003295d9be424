//! What this crate says of failures.

use std::error::Error;

use sv2_crypto::CryptoError;
use sv2_frame_worker::FrameWorkerError;
use sv2_framing::{FrameError, FrameIndex};

/// F-903: a failed authentication names the frame and no reason.
#[test]
fn messages_side_by_side() {
    let frame = FrameIndex(3);
    let all = [
        FrameWorkerError::Malformed { frame, source: FrameError::FrameHeader { frame } },
        FrameWorkerError::ChecksumMismatch { frame },
        FrameWorkerError::AuthenticationFailed { frame },
        FrameWorkerError::AlreadySealed { frame },
        FrameWorkerError::Cipher { frame, source: CryptoError::TooLong },
    ];
    let list: Vec<_> = all
        .iter()
        .map(|error| match error.source() {
            Some(source) => format!("{error} <- {source}"),
            None => error.to_string(),
        })
        .collect();
    insta::assert_snapshot!(list.join("\n"), @r"
        frame 3 is malformed <- the header of frame 3 is malformed
        the checksum of frame 3 does not match
        frame 3 failed authentication
        frame 3 was sealed already under this salt
        the cipher failed at frame 3 <- the input is too long for one AEAD call
        ");
}
