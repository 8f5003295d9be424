//! Scrubs of damaged streams: what is listed, and when there is nothing to go by (section 8.7).

use super::base::{LEN, expect, painted_salt, sound, sound_with, tiny};
use super::changed::{HEADER_LEN, both_headers, copy_start, fields, trailer};
use super::model::{Mode, StreamCase, Vector};
use crate::mutate::{find, flip, frame_range, overwrite, remove, segment_range, swap};
use crate::paint::paint;
use crate::reference::forge::{refresh_crc, reseal_header};
use crate::reference::primitives::sha256;

/// Damage in one or several units, and streams that cannot be scrubbed.
pub(super) fn vectors() -> Vec<Vector> {
    let base = sound(&tiny(), LEN);
    let mut vectors = units(&base);
    vectors.extend(tails(&sound(&tiny(), 1024)));
    vectors.push(tail_for_a_segment(&base));
    vectors.extend(errors(&base));
    vectors
}

type Case<'a> = (&'a str, Vec<u8>, &'a str, &'a str);

/// One reading for each stream, which ends as it is written here.
fn all(base: &StreamCase, layer: &'static str, cases: Vec<Case<'_>>) -> Vec<Vector> {
    let vector = |(name, stream, outcome, scenario): Case<'_>| {
        let mut case = base.with_stream(stream);
        case.read(Mode::Scrub);
        expect(name, &case.readings[0].verdict, outcome);
        case.named(format!("scrub-{name}"), layer, scenario)
    };
    cases.into_iter().map(vector).collect()
}

fn units(base: &StreamCase) -> Vec<Vector> {
    let stream = &base.stream;
    let fields = fields(base);
    let frame = |segment, frame| frame_range(&fields, segment, frame);
    let start = |name: &str, segment| find(&fields, name, Some(segment), None).start;
    let copy = copy_start(base);
    let older = sound_with(&tiny(), &mut |index| painted_salt(7, index), &paint(LEN)).stream;
    let middle = segment_range(&fields, 1);
    let every: Vec<u8> = [
        60,
        start("segment.salt", 0),
        frame(0, 1).start + 9,
        start("footer.digest", 1),
        frame(2, 0).start + 9,
        copy + 60,
        stream.len() - 108,
    ]
    .iter()
    .fold(stream.clone(), |stream, at| flip(&stream, *at, 1));
    let renumbered = {
        let mut stream = overwrite(stream, middle.start + 15, &[7]);
        refresh_crc(&mut stream[middle.start..middle.start + 64]);
        stream
    };
    let retitled = {
        let mut stream = flip(stream, frame(1, 0).start + 3, 1);
        refresh_crc(&mut stream[frame(1, 0)]);
        stream
    };
    let mut other_digest = flip(stream, start("footer.digest", 1), 1);
    refresh_crc(&mut other_digest[middle.clone()]);
    all(
        base,
        "frame",
        vec![
            (
                "every-kind-of-unit",
                every,
                "damage in header, segment 0, frame 0 1, footer 1, frame 2 0, header copy, trailer",
                "Damage in seven units of a stream is listed for all of them.",
            ),
            (
                "ciphertext-under-right-checksums",
                forged(base, frame(1, 0).start + 9),
                "damage in footer 1",
                "A ciphertext is flipped and every checksum and hash made right without the key: the \
                 digest remains.",
            ),
            (
                "two-frames-and-footer",
                flip(
                    &flip(&flip(stream, frame(0, 0).start + 9, 1), frame(0, 1).start + 9, 1),
                    start("footer.crc", 0),
                    1,
                ),
                "damage in frame 0 0, frame 0 1, footer 0",
                "Two frames and the footer of one segment.",
            ),
            (
                "older-attempt",
                overwrite(stream, middle.start, &older[middle.clone()]),
                "damage in segment 1, footer 1",
                "An earlier attempt of a segment, sound by itself, disagrees with the index.",
            ),
            (
                "segment-header-of-an-older-attempt",
                overwrite(stream, middle.start, &older[middle.start..middle.start + 64]),
                "damage in segment 1, footer 1",
                "The header of an earlier attempt: its salt and the segment's digest disagree.",
            ),
            (
                "segment-index-with-right-crc",
                renumbered,
                "damage in segment 1",
                "A segment header names another index under a right checksum.",
            ),
            (
                "frame-header-with-right-crc",
                retitled,
                "damage in frame 1 0",
                "A frame header is not what its place demands, under a right checksum.",
            ),
            (
                "digest-with-right-crc",
                other_digest,
                "damage in footer 1",
                "The digest in a footer is another one under a right checksum.",
            ),
            (
                "segments-swapped",
                swap(stream, segment_range(&fields, 0), middle),
                "damage in segment 0, footer 0, segment 1, footer 1",
                "Two full segments are exchanged.",
            ),
        ],
    )
}

fn tails(base: &StreamCase) -> Vec<Vector> {
    let stream = &base.stream;
    let fields = fields(base);
    let copy = copy_start(base);
    let end = stream.len() - 128;
    let salt = find(&fields, "index.salt", Some(0), None).start;
    let table = find(&fields, "page_table.hash", None, None).start;
    let frame = frame_range(&fields, 0, 1).start + 9;
    let mut newer = stream.clone();
    newer[copy + 95] = 1;
    reseal_header(&base.key, &base.context, &mut newer[copy..copy + HEADER_LEN]);
    let mut version = flip(stream, end + 9, 2);
    refresh_crc(&mut version[end..]);
    let one_segment = sound(&tiny(), 512);
    let other_front = {
        let mut header = stream[..HEADER_LEN].to_vec();
        header[16] ^= 1;
        header[48] ^= 1;
        refresh_crc(&mut header);
        header
    };
    let other_geometry = {
        let mut header = stream[..HEADER_LEN].to_vec();
        header[12] += 1;
        refresh_crc(&mut header);
        header
    };
    let header_only = |change: fn(&mut [u8])| trailer(base, change);
    all(
        base,
        "index",
        vec![
            (
                "copy-of-a-later-revision",
                newer,
                "damage in header copy",
                "Front and copy are sound and differ.",
            ),
            (
                "front-of-another-stream",
                overwrite(stream, 0, &other_front),
                "damage in header",
                "The front is sound and of another stream; the segments are those of the copy.",
            ),
            (
                "front-of-another-geometry",
                overwrite(stream, 0, &other_geometry),
                "damage in header",
                "The front is sound and of another geometry; the length is that of the copy.",
            ),
            (
                "copy-of-another-stream",
                overwrite(stream, copy, &other_front),
                "damage in header copy",
                "The copy is sound and of another stream; the segments are those of the front.",
            ),
            (
                "index-entries-swapped",
                swap(stream, salt..salt + 64, salt + 64..salt + 128),
                "damage in segment 0, footer 0, segment 1, footer 1, index",
                "Two index entries are exchanged, so neither segment agrees with its entry.",
            ),
            (
                "page-table-hash",
                flip(stream, table, 1),
                "damage in index, index",
                "The hash of the only page is wrong: page and page table disagree with it.",
            ),
            (
                "trailer-cut-off",
                stream[..end].to_vec(),
                "damage in trailer",
                "The trailer is missing, so nothing says where anything is.",
            ),
            (
                "trailer-of-a-later-version",
                flip(&version, frame, 1),
                "damage in trailer",
                "The trailer is of an unknown version and so missing, and no frame has a place.",
            ),
            (
                "trailer-with-impossible-n",
                flip(&header_only(|trailer| trailer[24..32].fill(0xFF)), frame, 1),
                "damage in trailer",
                "n is impossible under a right seal, so that copy and frames have no place.",
            ),
            (
                "trailer-with-another-p",
                flip(&header_only(|trailer| trailer[39] ^= 1), frame, 1),
                "damage in trailer",
                "P does not fit the length, so nothing says where the damaged frame is.",
            ),
            (
                "tail-cut-off",
                one_segment.stream[..copy_start(&one_segment)].to_vec(),
                "damage in trailer",
                "A stream of one full segment without its tail.",
            ),
            (
                "front-zeroed",
                overwrite(stream, 0, &[0; HEADER_LEN]),
                "damage in header",
                "The front header is zeros, and the copy leads.",
            ),
            (
                "copy-zeroed",
                overwrite(stream, copy, &[0; HEADER_LEN]),
                "damage in header copy",
                "The header copy is zeros.",
            ),
            (
                "both-headers-flipped",
                flip(&flip(stream, 60, 1), copy + 61, 1),
                "damage in header, header copy",
                "Neither header has a right checksum; the front leads.",
            ),
            (
                "byte-after",
                [stream, &[0][..]].concat(),
                "damage in trailer",
                "A byte follows, so the trailer is not where it must be.",
            ),
            (
                "byte-missing",
                remove(stream, frame..frame + 1),
                "damage in trailer",
                "A byte is missing: what lies behind it is not where it must be.",
            ),
        ],
    )
}

/// The tail is as long as a full segment, and is not taken for one.
fn tail_for_a_segment(base: &StreamCase) -> Vector {
    let stream = flip(&base.stream, base.stream.len() - 128, 1);
    let scenario = "Without a trailer, no part of the tail is taken for a segment.";
    let outcome = "damage in trailer";
    let mut vectors =
        all(base, "index", vec![("tail-as-long-as-a-segment", stream, outcome, scenario)]);
    vectors.remove(0)
}

fn errors(base: &StreamCase) -> Vec<Vector> {
    let stream = &base.stream;
    let copy = copy_start(base);
    let both = |at: usize, value: u8| {
        let stream = overwrite(stream, at, &[value]);
        overwrite(&stream, copy + at, &[value])
    };
    let bare = |at: usize, value: u8| overwrite(&stream[..stream.len() - 128], at, &[value]);
    all(
        base,
        "header",
        vec![
            ("nothing", Vec::new(), "NotAStream", "No byte at all."),
            ("seven-bytes", stream[..7].to_vec(), "NotAStream", "A magic that is cut short."),
            ("zeros", vec![0; 3000], "NotAStream", "Nothing but zero bytes."),
            ("magic-alone", stream[..8].to_vec(), "Unsealed", "The magic and no more."),
            ("95-bytes", stream[..95].to_vec(), "Unsealed", "Too little to learn header_len."),
            ("header-cut", stream[..255].to_vec(), "Unsealed", "A header that is cut short."),
            (
                "header-cut-and-unknown",
                overwrite(&stream[..255], 9, &[2]),
                "Unsealed",
                "A header of an unknown version that is cut short.",
            ),
            (
                "header-alone",
                stream[..256].to_vec(),
                "damage in trailer",
                "A sound header and no more.",
            ),
            (
                "without-magic-and-trailer",
                bare(0, 0),
                "NotAStream",
                "Neither the magic nor a trailer.",
            ),
            (
                "both-without-magic",
                both(0, 0),
                "NotAStream",
                "A trailer, and neither header has the magic.",
            ),
            (
                "both-of-another-version",
                both_headers(base, |header| header[9] = 2),
                "Unsupported header",
                "Both headers are of another version, under right checksums.",
            ),
            (
                "both-of-another-version-damaged",
                both(9, 2),
                "Unsupported header",
                "The same under wrong checksums, which do not count here.",
            ),
            (
                "both-with-an-impossible-length",
                both(83, 1),
                "Malformed header",
                "header_len is impossible in both headers, which a scrub says as it is.",
            ),
            (
                "both-with-a-length-above-the-limit",
                both(81, 2),
                "Limit",
                "header_len is too large.",
            ),
            (
                "front-unknown-and-no-trailer",
                bare(10, 3),
                "Unsupported header",
                "An unknown suite at the front and no trailer to find the copy by.",
            ),
            (
                "front-and-copy-each-in-its-way",
                overwrite(&overwrite(stream, 12, &[7]), copy + 10, &[9]),
                "Malformed header",
                "Both headers fail, and the front is named.",
            ),
        ],
    )
}

/// The stream with a byte of segment 1 flipped, and right again what needs no key: the CRCs of frame,
/// segment and trailer, the entry's CRC, the page table and its hash.
fn forged(base: &StreamCase, at: usize) -> Vec<u8> {
    let mut stream = base.stream.clone();
    let fields = fields(base);
    let find = |name: &str| find(&fields, name, Some(1), None).start;
    stream[at] ^= 1;
    let segment = segment_range(&fields, 1);
    refresh_crc(&mut stream[frame_range(&fields, 1, 0)]);
    refresh_crc(&mut stream[segment.clone()]);
    let crc: Vec<u8> = stream[segment.end - 8..segment.end].to_vec();
    let entry = find("index.crc");
    stream[entry..entry + 8].copy_from_slice(&crc);
    let (index, end) = (entry - 56 - 64, stream.len());
    let table = end - 128 - 32;
    let page = sha256(&stream[index..table]);
    stream[table..table + 32].copy_from_slice(&page);
    stream[end - 88..end - 56].copy_from_slice(&sha256(&page));
    refresh_crc(&mut stream[end - 128..]);
    stream
}
