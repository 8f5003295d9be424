//! What was encrypted comes back, by every reader.

use sv2_testkit::paint::{boundary_lengths, paint};
use sv2_testkit::reference::primitives::{crc64, sha256};
use sv2_testkit::reference::{
    Limits, Params, Unit, decrypt_pipe, decrypt_seekable, decrypt_unsealed_pipe, encrypt_traced,
    open_metadata, read_range,
};

use crate::{KEY, salt, stream};

#[test]
fn every_reader_returns_the_plaintext_at_every_boundary_length() {
    for suite in 1..=2 {
        for digest in 0..=2 {
            for frames_log2 in 0..=3 {
                let mut params = Params::tiny(suite, digest, frames_log2);
                params.context = b"tenant".to_vec();
                let layout = params.layout();
                for len in boundary_lengths(layout.frame_size(), layout.segment_size()) {
                    let plaintext = paint(len as usize);
                    let (wire, trace) = encrypt_traced(&KEY, &params, &mut salt, &plaintext);
                    let pipe = decrypt_pipe(&KEY, b"tenant", &wire, &Limits::FORMAT);
                    let seekable = decrypt_seekable(&KEY, b"tenant", &wire, &Limits::FORMAT);
                    assert_eq!(pipe.released, plaintext);
                    assert_eq!(pipe, seekable);
                    let summary = pipe.result.expect("a sound stream");
                    assert_eq!(summary.plaintext_len, len);
                    assert_eq!(summary.segments, layout.segment_count(len));
                    assert_eq!(summary.fingerprint, Some(trace.fingerprint));
                    let lenient = decrypt_unsealed_pipe(&KEY, b"tenant", &wire, &Limits::FORMAT);
                    assert_eq!(lenient.result, Ok(summary));
                }
            }
        }
    }
}

#[test]
fn ranges_return_what_lies_there_and_are_cut_at_the_end() {
    let params = Params::tiny(1, 1, 1);
    let plaintext = paint(1300);
    let wire = stream(&params, 1300);
    for offset in [0, 1, 255, 256, 511, 512, 600, 1299, 1300, 5000] {
        for len in [0, 1, 256, 257, 700, 1300, u64::MAX] {
            let outcome = read_range(&KEY, b"", &wire, offset, len);
            assert!(outcome.result.is_ok());
            let start = (offset as usize).min(1300);
            let end = (start as u64).saturating_add(len).min(1300) as usize;
            assert_eq!(outcome.released, plaintext[start..end], "{offset} {len}");
        }
    }
}

#[test]
fn ranges_behind_the_first_index_page_are_read_through_their_own_page() {
    let params = Params::tiny(2, 0, 0);
    let len = 1030 * 256;
    let mut wire = stream(&params, len);
    let outcome = read_range(&KEY, b"", &wire, 1025 * 256 - 1, 2);
    assert_eq!(outcome.released, paint(len)[1025 * 256 - 1..1025 * 256 + 1]);

    let index_offset = params.layout().index_offset(len as u64) as usize;
    wire[index_offset] ^= 1;
    assert!(read_range(&KEY, b"", &wire, 1025 * 256 - 1, 2).result.is_ok());
    let failure = read_range(&KEY, b"", &wire, 0, 1).result.expect_err("a page that is not sealed");
    assert_eq!((failure.unit, failure.offset), (Unit::Index, Some(index_offset as u64)));
    let whole = decrypt_seekable(&KEY, b"", &wire, &Limits::FORMAT);
    assert_eq!((whole.released.len(), whole.result), (0, Err(failure)));
}

#[test]
fn metadata_comes_back_padded_and_does_not_change_the_segments() {
    let mut params = Params::tiny(1, 0, 1);
    params.header_len = 512;
    let without = stream(&params, 600);
    assert_eq!(open_metadata(&KEY, b"", &without), Ok(None));
    params.metadata = Some((br#"{"name":"a"}"#.to_vec(), [3; 24]));
    params.sections = vec![(0x8001, b"skipped".to_vec())];
    let with = stream(&params, 600);
    let expected = format!("{:64}", r#"{"name":"a"}"#).into_bytes();
    assert_eq!(open_metadata(&KEY, b"", &with), Ok(Some(expected)));
    let body = 512..params.layout().tail_offset(600) as usize;
    assert_eq!(with[body.clone()], without[body]);
    assert!(decrypt_pipe(&KEY, b"", &with, &Limits::FORMAT).result.is_ok());
}

#[test]
fn the_trace_holds_what_the_stream_holds() {
    let params = Params::tiny(1, 2, 1);
    let (wire, trace) = encrypt_traced(&KEY, &params, &mut salt, &paint(700));
    let layout = params.layout();
    assert_eq!(wire[..256], trace.header);
    assert_eq!(wire[48..80], trace.keys.commitment);
    assert_eq!(wire[wire.len() - 128..], trace.trailer);
    assert_eq!(trace.trailer[40..72], trace.index_root);
    assert_eq!(trace.trailer[88..120], trace.seal);
    assert_eq!(trace.index_root, sha256(&trace.page_hashes.concat()));
    assert_eq!(trace.segments.len(), 2);
    for (index, segment) in (0..).zip(&trace.segments) {
        let start = layout.segment_offset(index) as usize;
        let p = layout.segment_plaintext_len(700, index);
        let end = start + layout.segment_len(p) as usize;
        assert_eq!(wire[start..start + 64], segment.header);
        assert_eq!(wire[end - 8..end], segment.crc.to_be_bytes());
        assert_eq!(wire[end - 40..end - 8], segment.digest[..]);
        assert_eq!(segment.frames[0].nonce, segment.base_nonce);
        for (j, frame) in (0..).zip(&segment.frames) {
            let start = layout.frame_offset(index, j) as usize;
            let len = 24 + layout.frame_plaintext_len(p, j) as usize;
            assert_eq!(crc64(&wire[start..start + len]), frame.crc);
        }
    }
    assert_ne!(trace.segments[0].frames[1].nonce, trace.segments[0].base_nonce);
    assert_ne!(trace.segments[0].key, trace.segments[1].key);
}
