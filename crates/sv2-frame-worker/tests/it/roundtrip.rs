//! Frames as the format writes them, and back (section 5.3).

use proptest::prelude::*;
use sv2_frame_worker::{DecryptFrameWorker, EncryptFrameWorker, Explain, FrameInput, FrameOutput};
use sv2_framing::{FrameIndex, SegmentLayout, crc};
use sv2_headers::{DigestAlg, Geometry, Suite};

use crate::appendix::example;
use crate::support::{LEN, SUITES, layout, opener, plaintext, record, sealed, sealer};

const EXPLAINS: [Explain; 2] = [Explain::Now, Explain::CallerRereads];

/// F-512, F-514: the frame of appendix B, from its plaintext and back.
#[test]
fn the_frame_is_sealed_to_the_bytes_of_the_example() {
    let geometry = Geometry::new(8, 0).expect("within limits");
    let layout = SegmentLayout::new(geometry, DigestAlg::None, 16).expect("1..=S");
    let (cipher, mut sealing) = (opener(Suite::Aes256Gcm), sealer(Suite::Aes256Gcm));
    let index = FrameIndex(0);
    let mut frame = vec![0xEE; 48];
    frame[8..24].copy_from_slice(&example("plaintext"));
    let mut sealer = EncryptFrameWorker::new(&mut sealing, layout);
    let output = sealer.encrypt(FrameInput { index, record: &mut frame }).expect("a frame");
    assert_eq!(frame, example("frame"));
    let expected = FrameOutput { index, plaintext_len: 16, crc: crc::crc64(&frame[..40]) };
    assert_eq!(output, expected);

    for explain in EXPLAINS {
        let mut frame = example("frame");
        let opener = DecryptFrameWorker::new(&cipher, layout, explain);
        let output = opener.decrypt(FrameInput { index, record: &mut frame });
        assert_eq!(output, Ok(expected));
        assert_eq!(frame[8..24], example("plaintext"));
        let (head, rest) = (&example("frame")[..8], &example("frame")[24..]);
        assert_eq!((&frame[..8], &frame[24..]), (head, rest), "left as they were");
    }
}

/// Each frame has its own nonce, so that any order opens them.
#[test]
fn frames_open_in_any_order() {
    for suite in SUITES {
        let cipher = opener(suite);
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [1, 1, 1]] {
            let wire = sealed(suite);
            let opener = DecryptFrameWorker::new(&cipher, layout(LEN), Explain::Now);
            for frame in order {
                let mut bytes = wire[record(frame)].to_vec();
                let len = bytes.len() - 32;
                let input = FrameInput { index: FrameIndex(frame), record: &mut bytes };
                let output = opener.decrypt(input).expect("authentic");
                assert_eq!(output.plaintext_len as usize, len);
                let start = 256 * usize::from(frame);
                assert_eq!(bytes[8..8 + len], plaintext(LEN)[start..start + len]);
            }
        }
    }
}

/// F-405: equal plaintext in two frames gives unequal ciphertext.
#[test]
fn equal_frames_are_sealed_to_unequal_bytes() {
    for suite in SUITES {
        let mut sealer = sealer(suite);
        let mut sealer = EncryptFrameWorker::new(&mut sealer, layout(1024));
        let mut seen = Vec::new();
        for frame in 0..4 {
            let mut record = vec![0; 288];
            let input = FrameInput { index: FrameIndex(frame), record: &mut record };
            sealer.encrypt(input).expect("a frame");
            seen.push(record[8..280].to_vec());
        }
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 4);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// F-105, F-512: for any geometry, length and frame; what the record held beside the
    /// plaintext is without effect.
    #[test]
    fn any_frame_opens_to_what_was_sealed(
        frame_log2 in 8u8..=13,
        frames_log2 in 0u8..=3,
        suite in 0..2usize,
        len in any::<prop::sample::Index>(),
        frame in any::<prop::sample::Index>(),
        seed: u8,
    ) {
        let geometry = Geometry::new(frame_log2, frames_log2).expect("within limits");
        let len = 1 + len.index(geometry.segment_size() as usize) as u64;
        let layout = SegmentLayout::new(geometry, DigestAlg::None, len).expect("1..=S");
        let index = FrameIndex(frame.index(layout.frame_count().into()) as u16);
        let content = plaintext(layout.plaintext_slot(index).len());
        let cipher = opener(SUITES[suite]);
        let seal = |filling: u8| {
            let mut record = vec![filling; layout.frame(index).len()];
            record[8..8 + content.len()].copy_from_slice(&content);
            let mut sealer = sealer(SUITES[suite]);
            let mut sealer = EncryptFrameWorker::new(&mut sealer, layout);
            let output = sealer.encrypt(FrameInput { index, record: &mut record });
            (record, output)
        };
        let (mut record, output) = seal(seed);
        prop_assert_eq!(&seal(!seed), &(record.clone(), output));
        prop_assert_eq!(&record[..8], &layout.frame_header(index).encode()[..]);
        let crc_at = record.len() - 8;
        prop_assert_eq!(&record[crc_at..], &crc::crc64(&record[..crc_at]).to_be_bytes()[..]);
        for explain in EXPLAINS {
            let mut record = record.clone();
            let opener = DecryptFrameWorker::new(&cipher, layout, explain);
            prop_assert_eq!(opener.decrypt(FrameInput { index, record: &mut record }), output);
            prop_assert_eq!(&record[8..8 + content.len()], &content[..]);
        }
        record[8] ^= 1;
        let opener = DecryptFrameWorker::new(&cipher, layout, Explain::Now);
        let opened = opener.decrypt(FrameInput { index, record: &mut record });
        prop_assert!(opened.is_err());
    }
}
