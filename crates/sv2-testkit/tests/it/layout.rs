//! The closed forms against streams that were really written.

use sv2_testkit::paint::boundary_lengths;
use sv2_testkit::reference::{Layout, Params};

use crate::stream;

#[test]
fn stream_len_is_the_length_of_what_encrypt_writes() {
    for digest in 0..=2 {
        for frames_log2 in 0..=3 {
            let params = Params::tiny(1, digest, frames_log2);
            let layout = params.layout();
            for len in boundary_lengths(layout.frame_size(), layout.segment_size()) {
                assert_eq!(stream(&params, len as usize).len() as u64, layout.stream_len(len));
            }
        }
    }
}

#[test]
fn plaintext_len_inverts_stream_len_and_refuses_every_length_between() {
    let layout = Params::tiny(1, 1, 1).layout();
    let mut previous = None;
    for len in 0..2100 {
        let stream_len = layout.stream_len(len);
        assert_eq!(layout.plaintext_len(stream_len), Some(len));
        for between in previous.map_or(0, |previous| previous + 1)..stream_len {
            assert_eq!(layout.plaintext_len(between), None, "{between}");
        }
        previous = Some(stream_len);
    }
}

#[test]
fn plaintext_len_holds_at_the_greatest_lengths() {
    for (frame_log2, frames_log2) in [(8, 0), (16, 6), (20, 10), (20, 0), (16, 14)] {
        let layout = Layout { frame_log2, frames_log2, digest: 1, header_len: 65536 };
        let most = layout.max_plaintext_len();
        for len in [most, most - 1, most / 3, most / 1024] {
            assert_eq!(layout.plaintext_len(layout.stream_len(len)), Some(len));
        }
        assert_eq!(layout.plaintext_len(layout.stream_len(most) + 1), None);
        assert_eq!(layout.plaintext_len(u64::MAX), None);
    }
}

/// Worked by hand from section 2: 2 * 1024 + 2 * 72 + 5 MiB + 32 * 80 + 2 * 32 + 32 + 128.
#[test]
fn five_mebibytes_at_the_defaults_have_the_length_worked_by_hand() {
    let layout = Params::new(1, 0).layout();
    assert_eq!(layout.stream_len(5 << 20), 2048 + 144 + 5_242_880 + 2560 + 64 + 32 + 128);
    assert_eq!(layout.tail_offset(5 << 20), 1024 + 144 + 5_242_880 + 2560);
}
