//! Every byte of a stream is either needed by a reader or on the documented list of those that
//! are not; every cut is noticed.

use std::collections::BTreeSet;

use sv2_testkit::mutate::{Region, flips, regions, truncations};
use sv2_testkit::paint::paint;
use sv2_testkit::reference::{
    FailureKind, Limits, Outcome, Params, decrypt_pipe, decrypt_seekable, decrypt_unsealed_pipe,
};

use crate::{KEY, stream};

const LEN: usize = 700;

fn all_params() -> impl Iterator<Item = Params> {
    [(1, 0), (1, 1), (2, 2)].into_iter().map(|(suite, digest)| Params::tiny(suite, digest, 1))
}

fn pipe(wire: &[u8]) -> Outcome {
    decrypt_pipe(&KEY, b"", wire, &Limits::FORMAT)
}

fn seekable(wire: &[u8]) -> Outcome {
    decrypt_seekable(&KEY, b"", wire, &Limits::FORMAT)
}

/// What a pipe reader does not need: CRCs and footers, and the copy after its first four bytes.
fn indifferent_on_a_pipe(region: &Region, offset: usize) -> bool {
    match region.name.as_str() {
        "header.crc" | "segment.crc" | "frame.crc" | "footer.digest" | "footer.crc"
        | "trailer.crc" => true,
        "copy.magic" => offset >= region.start + 4,
        name => name.starts_with("copy."),
    }
}

/// What a seekable reader does not need: one of the two headers, segment headers, CRCs, footers.
fn indifferent_when_seekable(region: &Region, _offset: usize) -> bool {
    let (unit, field) = region.name.split_once('.').expect("names have two parts");
    match unit {
        "header" | "copy" | "segment" | "footer" => true,
        "frame" | "trailer" => field == "crc",
        _ => false,
    }
}

fn assert_flips(read: fn(&[u8]) -> Outcome, indifferent: fn(&Region, usize) -> bool) {
    let plaintext = paint(LEN);
    for params in all_params() {
        let wire = stream(&params, LEN);
        let regions = regions(&wire);
        let expected: BTreeSet<usize> = regions
            .iter()
            .flat_map(|region| region.range().filter(|offset| indifferent(region, *offset)))
            .collect();
        for mask in [0x01, 0x80, 0xFF] {
            let mut accepted = BTreeSet::new();
            for (offset, flipped) in flips(&wire, mask) {
                let outcome = read(&flipped);
                assert!(plaintext.starts_with(&outcome.released), "{offset} {mask}");
                if outcome.result.is_ok() {
                    assert_eq!(outcome.released, plaintext, "{offset} {mask}");
                    accepted.insert(offset);
                }
            }
            assert_eq!(accepted, expected, "mask {mask}");
        }
    }
}

#[test]
fn a_pipe_reader_notices_every_flip_outside_of_what_it_does_not_need() {
    assert_flips(pipe, indifferent_on_a_pipe);
}

#[test]
fn a_seekable_reader_notices_every_flip_outside_of_what_it_does_not_need() {
    assert_flips(seekable, indifferent_when_seekable);
}

#[test]
fn every_flip_that_is_noticed_is_called_damage_where_a_crc_covers_it() {
    let wire = stream(&Params::tiny(1, 1, 1), LEN);
    for region in regions(&wire) {
        for offset in region.range() {
            let flipped = sv2_testkit::mutate::flip(&wire, offset, 0x10);
            let Some(kind) = seekable(&flipped).kind() else { continue };
            let expected = match region.name.as_str() {
                "trailer.magic" => FailureKind::Unsealed,
                name if name.starts_with("index") || name.starts_with("page_table") => {
                    FailureKind::AuthenticationFailed
                }
                _ => FailureKind::ChecksumMismatch,
            };
            assert_eq!(kind, expected, "{region:?}");
        }
    }
}

#[test]
fn every_cut_of_a_piped_stream_is_unsealed() {
    let plaintext = paint(LEN);
    for params in all_params() {
        let wire = stream(&params, LEN);
        for cut in truncations(&wire) {
            let outcome = pipe(cut);
            let expected =
                if cut.len() < 8 { FailureKind::NotAStream } else { FailureKind::Unsealed };
            assert_eq!(outcome.kind(), Some(expected), "{}", cut.len());
            assert!(plaintext.starts_with(&outcome.released));
            assert!([0, 512, LEN].contains(&outcome.released.len()), "whole segments only");
        }
    }
}

#[test]
fn every_cut_of_a_seekable_stream_is_unsealed_and_releases_nothing() {
    for params in all_params() {
        let wire = stream(&params, LEN);
        for cut in truncations(&wire) {
            let outcome = seekable(cut);
            let expected =
                if cut.len() < 8 { FailureKind::NotAStream } else { FailureKind::Unsealed };
            assert_eq!(outcome.kind(), Some(expected), "{}", cut.len());
            assert!(outcome.released.is_empty());
        }
    }
}

#[test]
fn the_lenient_reader_accepts_every_cut_after_the_header_and_gives_whole_segments() {
    let params = Params::tiny(1, 0, 1);
    let wire = stream(&params, LEN);
    let layout = params.layout();
    let frames_end = |index| (layout.segment_offset(index) + 64) as usize;
    let first = frames_end(0) + layout.frames_len(512) as usize;
    let second = frames_end(1) + layout.frames_len(188) as usize;
    for cut in truncations(&wire) {
        let outcome = decrypt_unsealed_pipe(&KEY, b"", cut, &Limits::FORMAT);
        if cut.len() < 256 {
            assert!(outcome.result.is_err(), "{}", cut.len());
            continue;
        }
        let summary = outcome.result.expect("an end is accepted");
        let expected = match cut.len() {
            len if len < first => 0,
            len if len < second => 512,
            _ => LEN,
        };
        assert_eq!(outcome.released, paint(expected), "{}", cut.len());
        assert_eq!((summary.plaintext_len, summary.fingerprint), (expected as u64, None));
    }
}
