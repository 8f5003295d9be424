//! The tail: index, page table, trailer, and what follows or lacks.

use super::base::{LEN, bad, painted_salt, sound, sound_with, stream_salt, tiny};
use super::changed::{copy_start, fields, trailer};
use super::model::{StreamCase, Vector};
use crate::mutate::{duplicate, find, flip, insert, overwrite, remove, swap};
use crate::paint::paint;
use crate::reference::Params;
use crate::reference::forge::refresh_crc;
use crate::reference::primitives::sha256;

/// All vectors of the layers index, trailer and end.
pub(super) fn vectors() -> Vec<Vector> {
    let base = sound(&tiny(), LEN);
    let mut vectors = index(&base);
    vectors.extend(trailers(&base));
    vectors.extend(ends(&base));
    vectors.extend(empty());
    vectors
}

type Case<'a> = (&'a str, Vec<u8>, [&'a str; 2], &'a str);

fn all(base: &StreamCase, layer: &'static str, cases: Vec<Case<'_>>) -> Vec<Vector> {
    let vector = |(name, stream, outcomes, scenario): Case<'_>| {
        bad(base.with_stream(stream), &format!("{layer}-{name}"), layer, scenario, outcomes)
    };
    cases.into_iter().map(vector).collect()
}

fn index(base: &StreamCase) -> Vec<Vector> {
    let stream = &base.stream;
    let fields = fields(base);
    let salt = |index| find(&fields, "index.salt", Some(index), None).start;
    let entry = |index| salt(index)..salt(index) + 64;
    let table = find(&fields, "page_table.hash", None, None).start;
    let newer = sound_with(&tiny(), &mut |index| painted_salt(7, index), &paint(LEN)).stream;
    let swapped = swap(stream, entry(0), entry(1));
    let older_page = overwrite(stream, salt(0), &newer[salt(0)..table]);
    let older_table = overwrite(stream, salt(0), &newer[salt(0)..table + 32]);
    let rehashed = overwrite(&swapped, table, &sha256(&swapped[salt(0)..table]));
    let rooted = {
        let changed = base.with_stream(rehashed.clone());
        let root = sha256(&rehashed[table..table + 32]);
        trailer(&changed, |trailer| trailer[40..72].copy_from_slice(&root))
    };
    let tail_of_newer = overwrite(stream, copy_start(base), &newer[copy_start(base)..]);
    let failed = ["AuthenticationFailed index"; 2];
    all(
        base,
        "index",
        vec![
            (
                "entries-swapped-and-a-byte-after",
                [&swapped[..], &[0]].concat(),
                ["AuthenticationFailed index", "Unsealed"],
                "Two entries of the index are exchanged and a byte follows: the index comes first.",
            ),
            ("entries-swapped", swapped, failed, "Two entries of the index are exchanged."),
            (
                "entries-swapped-and-hashed",
                rehashed,
                failed,
                "Two entries are exchanged and the page table fits.",
            ),
            (
                "entries-swapped-and-sealed",
                rooted,
                ["AuthenticationFailed index", "AuthenticationFailed frame 0 0"],
                "Two entries are exchanged and a holder of the key sealed it.",
            ),
            (
                "crc-of-an-entry",
                flip(stream, salt(1) + 60, 1),
                failed,
                "A bit of the CRC in an index entry is flipped.",
            ),
            (
                "digest-of-an-entry",
                flip(stream, salt(1) + 30, 1),
                failed,
                "A bit of the digest in an index entry is flipped.",
            ),
            ("page-of-another-version", older_page, failed, "The page is that of another version."),
            (
                "page-and-table-of-another-version",
                older_table,
                failed,
                "Page and page table are those of another version, which fit each other.",
            ),
            (
                "tail-of-another-version",
                tail_of_newer,
                ["AuthenticationFailed index", "AuthenticationFailed frame 0 0"],
                "The whole tail is that of another version under the same header.",
            ),
            (
                "entry-missing",
                remove(stream, entry(1)),
                ["Unsealed", "Malformed trailer"],
                "An entry is missing.",
            ),
            (
                "entry-twice",
                duplicate(stream, entry(1)),
                ["ChecksumMismatch trailer", "Malformed trailer"],
                "An entry is there twice.",
            ),
            (
                "page-table-missing",
                remove(stream, table..table + 32),
                ["Unsealed", "Malformed trailer"],
                "The page table is missing.",
            ),
        ],
    )
}

fn trailers(base: &StreamCase) -> Vec<Vector> {
    let stream = &base.stream;
    let start = stream.len() - 128;
    let sibling = sound(&Params { stream_salt: stream_salt(9), ..tiny() }, LEN).stream;
    let shorter = sound(&tiny(), 900).stream;
    let mut unsealed = stream.clone();
    unsealed[start + 23] = 1;
    refresh_crc(&mut unsealed[start..]);
    let mut bad_seal = stream.clone();
    bad_seal[start + 119] ^= 1;
    refresh_crc(&mut bad_seal[start..]);
    let mut magic = stream.clone();
    magic[start] = b's';
    refresh_crc(&mut magic[start..]);
    let with_trailer = |trailer: &[u8]| overwrite(stream, start, &trailer[trailer.len() - 128..]);
    let sealed_copy = [&stream[..start], &[0; 64], &stream[start..]].concat();
    all(
        base,
        "trailer",
        vec![
            (
                "seal-wrong",
                bad_seal,
                ["AuthenticationFailed seal"; 2],
                "A wrong seal under a right checksum.",
            ),
            (
                "generation-raised",
                unsealed,
                ["AuthenticationFailed seal"; 2],
                "The generation was raised without the key.",
            ),
            (
                "generation-raised-by-a-holder",
                trailer(base, |trailer| trailer[23] = 1),
                ["success"; 2],
                "The generation was raised and sealed: the stream is sound.",
            ),
            (
                "of-a-sibling",
                with_trailer(&sibling),
                ["AuthenticationFailed seal"; 2],
                "The trailer of another stream under the same key.",
            ),
            (
                "of-a-shorter-version",
                with_trailer(&shorter),
                ["Malformed trailer"; 2],
                "The trailer of a shorter version of the same stream.",
            ),
            (
                "magic-wrong-crc-right",
                magic,
                ["Malformed trailer", "Unsealed"],
                "The magic of the trailer is wrong and its checksum right.",
            ),
            (
                "gap-before",
                sealed_copy,
                ["ChecksumMismatch trailer", "Malformed trailer"],
                "64 zero bytes stand before the trailer.",
            ),
        ],
    )
}

fn ends(base: &StreamCase) -> Vec<Vector> {
    let stream = &base.stream;
    let start = stream.len() - 128;
    let twice = duplicate(stream, start..stream.len());
    let appended = |bytes: &[u8]| [stream, bytes].concat();
    let tail = copy_start(base);
    let after_tail = [stream, &stream[tail..]].concat();
    all(
        base,
        "end",
        vec![
            (
                "trailer-missing",
                stream[..start].to_vec(),
                ["Unsealed"; 2],
                "The trailer is missing.",
            ),
            ("tail-missing", stream[..tail].to_vec(), ["Unsealed"; 2], "The tail is missing."),
            (
                "trailer-twice",
                twice,
                ["TrailingData", "Malformed trailer"],
                "The trailer is there twice.",
            ),
            (
                "tail-twice",
                after_tail,
                ["TrailingData", "Malformed trailer"],
                "The whole tail is there twice.",
            ),
            ("byte-after", appended(&[0]), ["TrailingData", "Unsealed"], "One byte follows."),
            (
                "garbage-after",
                appended(&[0x55; 1000]),
                ["TrailingData", "Unsealed"],
                "1000 bytes follow.",
            ),
            (
                "zeros-after",
                appended(&[0; 4096]),
                ["TrailingData", "Unsealed"],
                "A block of zero bytes follows.",
            ),
            (
                "stream-twice",
                appended(stream),
                ["TrailingData", "Malformed trailer"],
                "The whole stream is there twice.",
            ),
            (
                "bytes-before",
                insert(stream, 0, &[0; 64]),
                ["NotAStream", "Malformed trailer"],
                "64 zero bytes stand before the stream.",
            ),
            ("nothing", Vec::new(), ["NotAStream"; 2], "No byte at all."),
            ("seven-bytes", stream[..7].to_vec(), ["NotAStream"; 2], "A magic that is cut short."),
            ("magic-alone", stream[..8].to_vec(), ["Unsealed"; 2], "The magic and no more."),
            ("zeros", vec![0; 3000], ["NotAStream"; 2], "Nothing but zero bytes."),
            (
                "trailer-alone",
                stream[start..].to_vec(),
                ["NotAStream", "Malformed trailer"],
                "A trailer and no more: there is no place for a header.",
            ),
            (
                "tail-alone",
                stream[tail..].to_vec(),
                ["ChecksumMismatch segment 0", "Malformed trailer"],
                "The tail without what stood before it begins like a stream.",
            ),
        ],
    )
}

/// The same for a stream without a segment.
fn empty() -> Vec<Vector> {
    let base = sound(&tiny(), 0);
    let stream = &base.stream;
    let one = sound(&tiny(), 1);
    let segment = one.stream[256..copy_start(&one)].to_vec();
    all(
        &base,
        "end",
        vec![
            (
                "empty-with-a-segment",
                insert(stream, 256, &segment),
                ["Unsealed", "Malformed trailer"],
                "A segment stands in a stream that was sealed empty.",
            ),
            (
                "empty-with-another-root",
                trailer(&base, |trailer| trailer[40] ^= 1),
                ["AuthenticationFailed index"; 2],
                "An empty stream whose index_root is not the hash of nothing.",
            ),
            (
                "empty-header-cut",
                stream[..255].to_vec(),
                ["Unsealed"; 2],
                "A header that is one byte short.",
            ),
        ],
    )
}
