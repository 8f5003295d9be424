//! What files cost that claim far more than they weigh: reads, writes and memory are in proportion
//! to the bytes that are there (docs/security.md, claim 6).

#![expect(clippy::print_stdout, reason = "what was counted is printed")]

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};

use sv2_core::{
    DecryptOptions, Gaps, InputSource, KeySource, OutputSink, RunOptions, SalvageReport,
    StreamError, StreamKey, inspect, salvage, scrub_with, verify,
};
use sv2_testkit::paint::paint;
use sv2_testkit::reference::forge::{refresh_crc, reseal_trailer};
use sv2_testkit::reference::keys::frame_nonce;
use sv2_testkit::reference::primitives::{aead_seal, crc64, sha256};
use sv2_testkit::reference::segment::{frame_header, segment_header};
use sv2_testkit::reference::{self, Keys, Params};

use crate::peak_of;
use crate::work::Counting;

pub(crate) const KEY: [u8; 32] = [0x42; 32];

/// Memory that a small file may cost.
pub(crate) const MEMORY: usize = 24 << 20;

pub(crate) fn options() -> DecryptOptions {
    let mut options = DecryptOptions::standard();
    options.run = RunOptions::automatic().threads(2);
    options
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().expect("as many bytes")
}

/// Salvages a file, and checks what that read, wrote and held.
fn salvaged(what: &str, file: &[u8], gaps: Gaps) -> Result<SalvageReport, StreamError> {
    let source = Counting::new(file);
    let key = StreamKey::from_bytes(KEY);
    let mut out = Vec::new();
    let mut result = None;
    let peak = peak_of(|| {
        let output = OutputSink::Memory(&mut out);
        let keys = KeySource::Key(&key);
        result = Some(salvage(source.input(), output, &keys, &options(), gaps));
    });
    let read = source.bytes_read();
    println!(
        "{what}, {gaps:?}: {} bytes, {read} read, {} written, {peak} held",
        file.len(),
        out.len()
    );
    assert!(read <= 24 * file.len() as u64 + (6 << 20), "{what}: {read} bytes read");
    assert!(out.len() <= 17 * file.len(), "{what}: {} bytes written", out.len());
    assert!(peak <= MEMORY + 32 * file.len(), "{what}: {peak} bytes held");
    result.expect("it ran")
}

/// A header and one authentic segment that claims to be the last one that there can be.
fn one_far_segment() -> Vec<u8> {
    let params = Params::tiny(1, 0, 0);
    let sound = reference::encrypt(&KEY, &params, &mut |_| [7; 24], &paint(256));
    let header = &sound[..256];
    let keys = Keys::derive(&KEY, &array(header, 0), b"");
    let last = u64::from(u32::MAX);
    let segment = segment_header(last, 256, &[7; 24], &array(header, 48));
    let (key, nonce) = keys.segment(&array(&segment, 0));
    let sealed = aead_seal(1, &key, &frame_nonce(&nonce, 0), &paint(256));
    let mut frame = [&frame_header(0, 256)[..], &sealed].concat();
    frame.extend_from_slice(&crc64(&frame).to_be_bytes());
    let body = [&segment[..], &frame].concat();
    [header, &body, &crc64(&body).to_be_bytes()].concat()
}

/// F-833: 616 bytes whose one segment lies a terabyte behind the start.
#[test]
fn a_segment_that_claims_a_terabyte_in_front_of_it_costs_nothing() {
    let file = one_far_segment();
    assert_eq!(file.len(), 616);
    let report = salvaged("a far segment", &file, Gaps::Skip).expect("its frame opens");
    let start = u64::from(u32::MAX) * 256;
    assert_eq!((report.recovered, report.bytes_out), (256, 256));
    assert_eq!(report.lost, std::slice::from_ref(&(0..start)));
    let refused = salvaged("a far segment", &file, Gaps::Zero);
    assert!(matches!(refused, Err(StreamError::Usage(_))), "{refused:?}");
}

/// F-833: a sealed tail of a thousand segments of 1 GiB, none of which is there.
#[test]
fn a_tail_without_segments_costs_what_it_weighs() {
    let mut params = Params::tiny(1, 0, 0);
    (params.frame_log2, params.frames_log2) = (20, 10);
    let sound = reference::encrypt(&KEY, &params, &mut |_| [7; 24], b"x");
    let header = sound[..256].to_vec();
    let index = vec![0x5A; 1000 * 32];
    let table = sha256(&index);
    let mut trailer = sound[sound.len() - 128..].to_vec();
    trailer[24..32].copy_from_slice(&1000_u64.to_be_bytes());
    trailer[32..40].copy_from_slice(&(1000_u64 << 30).to_be_bytes());
    trailer[40..72].copy_from_slice(&sha256(&table));
    let copy = header.clone();
    reseal_trailer(&KEY, b"", &header, &mut trailer);
    let file = [&header[..], &copy, &index, &table, &trailer].concat();
    let report = salvaged("a tail", &file, Gaps::Skip).expect("the seal holds");
    assert!(report.sealed && report.recovered == 0);
    assert_eq!(report.lost, std::slice::from_ref(&(0..1000 << 30)));
    let refused = salvaged("a tail", &file, Gaps::Zero);
    assert!(matches!(refused, Err(StreamError::Usage(_))), "{refused:?}");
    // Nothing of it is looked for segment by segment without a key either.
    let run = options().run;
    let mut units = 0;
    let map =
        scrub_with(InputSource::Memory(&file), &run, &mut |_| units += 1).expect("it decodes");
    assert!(!map.by_place && units <= 2 && map.damages.len() <= 2, "{units}");
}

/// F-833: forged headers of segments of 1 GiB, which need no key.
#[test]
fn forged_headers_of_huge_segments_cost_what_they_weigh() {
    let mut params = Params::tiny(1, 0, 0);
    (params.frame_log2, params.frames_log2) = (16, 14);
    let sound = reference::encrypt(&KEY, &params, &mut |_| [7; 24], b"x");
    let commitment = array(&sound, 48);
    for count in [5_000, 30_000] {
        let mut file = sound[..256].to_vec();
        for index in 0..count {
            file.extend_from_slice(&segment_header(index, 1 << 30, &[7; 24], &commitment));
        }
        let report = salvaged("forged headers", &file, Gaps::Skip).expect("the header opens");
        assert_eq!((report.recovered, report.plaintext_len), (0, 0));
        let map = scrub_with(InputSource::Memory(&file), &options().run, &mut |_| {});
        assert!(map.expect("it decodes").damages.len() <= 3);
    }
}

/// F-838: a file of 912 MB of which a few KiB were ever written, without a key: what is damaged is
/// a few entries, and neither they nor the file are held.
#[test]
fn a_sparse_file_costs_what_lies_on_the_disk() {
    let params = Params::tiny(1, 0, 0);
    let sound = reference::encrypt(&KEY, &params, &mut |_| [7; 24], b"x");
    let (segments, layout) = (2_100_000_u64, params.layout());
    let plaintext_len = segments * 256;
    let len = layout.stream_len(plaintext_len);
    let mut trailer = sound[sound.len() - 128..].to_vec();
    trailer[24..32].copy_from_slice(&segments.to_be_bytes());
    trailer[32..40].copy_from_slice(&plaintext_len.to_be_bytes());
    refresh_crc(&mut trailer);
    let mut file = tempfile::tempfile().expect("a file");
    file.set_len(len).expect("a hole");
    file.write_all(&sound[..256]).expect("written");
    file.seek(SeekFrom::Start(len - 128)).expect("a place");
    file.write_all(&trailer).expect("written");
    file.rewind().expect("a place");
    let again = || InputSource::File(File::try_clone(&file).expect("a handle"));
    let (mut calls, mut found) = (0, None);
    let peak = peak_of(|| {
        found = Some(scrub_with(again(), &options().run, &mut |_| calls += 1));
    });
    let map = found.expect("it ran").expect("it decodes");
    println!("{len} bytes: {calls} calls, {} entries, {peak} held", map.damages.len());
    // Those of the first page of the disk, one for the hole, and the tail.
    assert!(map.damages.len() <= 20, "{:?}", map.damages);
    assert_eq!(map.damaged_plaintext, plaintext_len);
    assert!(calls < 10_000 && peak < MEMORY, "{calls} calls, {peak} bytes");
    // The seal does not hold, so with a key it costs less.
    let key = StreamKey::from_bytes(KEY);
    let peak = peak_of(|| {
        let _ = verify(again(), &KeySource::Key(&key), &options()).map(drop);
        let _ = inspect(again()).map(drop);
    });
    assert!(peak < MEMORY, "{peak}");
}
