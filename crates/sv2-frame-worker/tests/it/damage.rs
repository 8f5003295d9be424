//! Every bit of a frame altered: what opens still, and what the failures are called.

use sv2_frame_worker::{DecryptFrameWorker, Explain, FrameInput, FrameWorkerError};
use sv2_framing::{FrameError, FrameIndex};
use sv2_headers::checksum;

use crate::support::{LEN, SUITES, layout, opener, plaintext, record, sealed};

/// The part of a frame that a byte belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Header,
    Sealed,
    Crc,
}

fn part(at: usize, len: usize) -> Part {
    match at {
        0..8 => Part::Header,
        _ if at < len - 8 => Part::Sealed,
        _ => Part::Crc,
    }
}

/// Whether the checksum is made right again after a byte was altered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Checksum {
    LeftWrong,
    Repaired,
}

/// F-513, F-515, F-602, F-603, F-905, F-906: the frame header first, then opening; a wrong
/// checksum takes the place of both and does nothing by itself.
#[test]
fn every_flipped_bit_has_the_documented_outcome() {
    for suite in SUITES {
        let cipher = opener(suite);
        let wire = sealed(suite);
        for (frame, bit) in
            (0..3).flat_map(|frame| (0..record(frame).len() * 8).map(move |bit| (frame, bit)))
        {
            for checksum in [Checksum::LeftWrong, Checksum::Repaired] {
                for explain in [Explain::Now, Explain::CallerRereads] {
                    let mut bytes = wire[record(frame)].to_vec();
                    bytes[bit / 8] ^= 1 << (bit % 8);
                    if checksum == Checksum::Repaired {
                        checksum::store(&mut bytes);
                    }
                    let part = part(bit / 8, bytes.len());
                    let opener = DecryptFrameWorker::new(&cipher, layout(LEN), explain);
                    let index = FrameIndex(frame);
                    let opened = opener.decrypt(FrameInput { index, record: &mut bytes });
                    let failed = match (part, checksum, explain) {
                        (Part::Crc, ..) => None,
                        (Part::Header, Checksum::Repaired, _) => {
                            let source = FrameError::FrameHeader { frame: index };
                            Some(FrameWorkerError::Malformed { frame: index, source })
                        }
                        (Part::Sealed, Checksum::Repaired, _)
                        | (Part::Sealed, _, Explain::CallerRereads) => {
                            Some(FrameWorkerError::AuthenticationFailed { frame: index })
                        }
                        (_, Checksum::LeftWrong, _) => {
                            Some(FrameWorkerError::ChecksumMismatch { frame: index })
                        }
                    };
                    let label = format!("bit {bit} of frame {frame}, {checksum:?}, {explain:?}");
                    assert_eq!(opened.err(), failed, "{label}");
                    let start = 256 * usize::from(frame);
                    let content = &plaintext(LEN)[start..start + bytes.len() - 32];
                    let slot = &bytes[8..bytes.len() - 24];
                    // F-803: what did not open is nowhere to be seen.
                    assert_eq!(slot == content, failed.is_none(), "{label}");
                }
            }
        }
    }
}

#[test]
fn a_frame_under_another_key_does_not_open() {
    let [aes, chacha] = SUITES;
    let chacha = opener(chacha);
    let mut bytes = sealed(aes)[record(1)].to_vec();
    let opener = DecryptFrameWorker::new(&chacha, layout(LEN), Explain::Now);
    let frame = FrameIndex(1);
    let opened = opener.decrypt(FrameInput { index: frame, record: &mut bytes });
    assert_eq!(opened, Err(FrameWorkerError::AuthenticationFailed { frame }));
}
