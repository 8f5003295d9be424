//! No frame twice under one salt, and no frame that the segment does not have.

use sv2_frame_worker::{
    DecryptFrameWorker, EncryptFrameWorker, Explain, FrameInput, FrameOutput, FrameWorkerError,
};
use sv2_framing::{FrameError, FrameIndex};
use sv2_headers::Suite;

use crate::support::{LEN, layout, opener, record, sealed, sealer};

fn encrypt(
    worker: &mut EncryptFrameWorker<'_>,
    frame: u16,
    record: &mut [u8],
) -> Result<FrameOutput, FrameWorkerError> {
    worker.encrypt(FrameInput { index: FrameIndex(frame), record })
}

fn malformed(frame: u16) -> FrameWorkerError {
    let frame = FrameIndex(frame);
    FrameWorkerError::Malformed { frame, source: FrameError::FrameHeader { frame } }
}

/// F-508: not even with the same plaintext, and not after a later frame either.
#[test]
fn no_frame_is_sealed_twice() {
    for first in 0..4u16 {
        let mut sealer = sealer(Suite::Aes256Gcm);
        let mut worker = EncryptFrameWorker::new(&mut sealer, layout(1024));
        encrypt(&mut worker, first, &mut [7; 288]).expect("a frame");
        for frame in 0..=first {
            let mut record = [7; 288];
            let error = FrameWorkerError::AlreadySealed { frame: FrameIndex(frame) };
            assert_eq!(encrypt(&mut worker, frame, &mut record), Err(error));
            assert_eq!(record, [7; 288], "left as it was");
        }
        for frame in first + 1..4 {
            assert!(encrypt(&mut worker, frame, &mut [7; 288]).is_ok());
        }
        // Nor by another worker with the same sealer.
        let mut worker = EncryptFrameWorker::new(&mut sealer, layout(1024));
        let error = FrameWorkerError::AlreadySealed { frame: FrameIndex(3) };
        assert_eq!(encrypt(&mut worker, 3, &mut [7; 288]), Err(error));
    }
}

/// F-508: an attempt that was refused before the cipher was used spends no frame.
#[test]
fn a_refused_record_leaves_its_frame_to_be_sealed() {
    let mut sealer = sealer(Suite::Aes256Gcm);
    let mut worker = EncryptFrameWorker::new(&mut sealer, layout(LEN));
    assert_eq!(encrypt(&mut worker, 1, &mut [7; 287]), Err(malformed(1)));
    assert!(encrypt(&mut worker, 0, &mut [7; 288]).is_ok());
    assert!(encrypt(&mut worker, 1, &mut [7; 288]).is_ok());
}

/// F-512, F-516: the place tells the length.
#[test]
fn records_of_another_length_are_left_as_they_were() {
    let (cipher, mut sealer) = (opener(Suite::Aes256Gcm), sealer(Suite::Aes256Gcm));
    let opener = DecryptFrameWorker::new(&cipher, layout(LEN), Explain::Now);
    for frame in 0..3 {
        let need = record(frame).len();
        for have in (0..need).chain(need + 1..need + 300) {
            let mut bytes = vec![7; have];
            let mut worker = EncryptFrameWorker::new(&mut sealer, layout(LEN));
            assert_eq!(encrypt(&mut worker, frame, &mut bytes), Err(malformed(frame)));
            let input = FrameInput { index: FrameIndex(frame), record: &mut bytes };
            assert_eq!(opener.decrypt(input), Err(malformed(frame)));
            assert!(bytes.iter().all(|&byte| byte == 7));
        }
    }
}

/// F-512
#[test]
fn frames_that_the_segment_does_not_have_are_refused() {
    let (cipher, mut sealer) = (opener(Suite::Aes256Gcm), sealer(Suite::Aes256Gcm));
    let opener = DecryptFrameWorker::new(&cipher, layout(LEN), Explain::Now);
    for frame in [3, 4, 1 << 14, u16::MAX] {
        for len in [0, 32, 33, 288] {
            let mut bytes = vec![7; len];
            let mut worker = EncryptFrameWorker::new(&mut sealer, layout(LEN));
            assert_eq!(encrypt(&mut worker, frame, &mut bytes), Err(malformed(frame)));
            let input = FrameInput { index: FrameIndex(frame), record: &mut bytes };
            assert_eq!(opener.decrypt(input), Err(malformed(frame)));
        }
    }
}

/// F-513: what a frame says of itself is compared with its place before the cipher is asked.
#[test]
fn a_frame_in_another_place_is_malformed() {
    let cipher = opener(Suite::ChaCha20Poly1305);
    let wire = sealed(Suite::ChaCha20Poly1305);
    let opener = DecryptFrameWorker::new(&cipher, layout(LEN), Explain::Now);
    let mut bytes = wire[record(0)].to_vec();
    let input = FrameInput { index: FrameIndex(1), record: &mut bytes };
    assert_eq!(opener.decrypt(input), Err(malformed(1)));
    assert_eq!(bytes, wire[record(0)]);
}
