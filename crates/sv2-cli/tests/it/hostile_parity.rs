//! Parity files that somebody made to harm: each is named, and nothing is written.

use std::fs::{self, File};
use std::path::Path;

use sv2_testkit::reference::forge::refresh_crc;
use sv2_testkit::reference::primitives::crc64;

use crate::sandbox::{Sandbox, painted};

/// Bytes of a directory with one area.
const DIRECTORY: usize = 168 + 24 + 16;

/// A sandbox with a damaged stream of some hundred blocks and its parity file.
fn attacked() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.raw_key();
    sandbox.write("plain", &painted(300_000));
    let sizes = ["--segment-size", "64K", "-K", "key", "--protect"];
    sandbox.good(&[&["encrypt", "plain", "-o", "a.sv2"][..], &sizes].concat());
    let mut bad = sandbox.read("a.sv2");
    bad[100_000] ^= 1;
    sandbox.write("a.sv2", &bad);
    sandbox
}

/// Puts `bytes` at `at` into both copies of the directory, under right checksums.
fn field(sandbox: &Sandbox, at: usize, bytes: &[u8]) {
    let mut parity = sandbox.read("a.sv2.par");
    for start in [0, parity.len() - DIRECTORY] {
        parity[start + at..][..bytes.len()].copy_from_slice(bytes);
        refresh_crc(&mut parity[start..start + DIRECTORY]);
    }
    sandbox.write("a.sv2.par", &parity);
}

fn fifo(path: &Path) {
    fs::remove_file(path).unwrap();
    let made = std::process::Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success());
}

/// A parity file for another one of the same length.
fn of_another_file(sandbox: &Sandbox) {
    let len = sandbox.read("a.sv2").len();
    sandbox.write("other", &painted(len));
    sandbox.good(&["protect", "other"]);
    fs::rename(sandbox.path("other.par"), sandbox.path("a.sv2.par")).unwrap();
    fs::remove_file(sandbox.path("other")).unwrap();
}

/// What is done to the parity file, and how a repair then ends: exit code and words.
type Attack = (&'static str, fn(&Sandbox), i32, &'static str);

const ATTACKS: [Attack; 24] = [
    ("a pipe that nobody writes to", |it| fifo(&it.path("a.sv2.par")), 2, "planted"),
    (
        "a folder",
        |it| {
            fs::remove_file(it.path("a.sv2.par")).unwrap();
            fs::create_dir(it.path("a.sv2.par")).unwrap();
        },
        2,
        "planted",
    ),
    (
        "a link to the stream itself",
        |it| {
            fs::remove_file(it.path("a.sv2.par")).unwrap();
            std::os::unix::fs::symlink("a.sv2", it.path("a.sv2.par")).unwrap();
        },
        2,
        "planted",
    ),
    (
        "a copy of the stream",
        |it| it.write("a.sv2.par", &it.read("a.sv2")),
        6,
        "this is no parity file",
    ),
    ("nothing", |it| it.write("a.sv2.par", b""), 6, "this is no parity file"),
    (
        "four tebibytes without a block",
        |it| File::create(it.path("a.sv2.par")).unwrap().set_len(1 << 42).unwrap(),
        6,
        "this is no parity file",
    ),
    ("another version", |it| field(it, 8, &[0, 9]), 6, "has version 9"),
    ("another kind", |it| field(it, 10, &[3]), 3, "makes no sense"),
    ("more areas than there are", |it| field(it, 14, &[0, 64]), 3, "makes no sense"),
    ("no area", |it| field(it, 14, &[0, 0]), 3, "makes no sense"),
    ("a file of all bytes", |it| field(it, 16, &[0xFF; 8]), 3, "makes no sense"),
    ("a parity file of all bytes", |it| field(it, 24, &[0xFF; 8]), 3, "makes no sense"),
    ("an area of all bytes", |it| field(it, 168, &[0xFF; 16]), 3, "makes no sense"),
    ("blocks of a byte", |it| field(it, 184, &[0]), 3, "makes no sense"),
    ("blocks of 2^63 bytes", |it| field(it, 184, &[63]), 3, "makes no sense"),
    ("runs of nothing", |it| field(it, 186, &[0, 0]), 3, "makes no sense"),
    ("more blocks than the code has", |it| field(it, 188, &[0xFF; 4]), 3, "makes no sense"),
    (
        "another trailer",
        |it| {
            let mut trailer: [u8; 128] = it.read("a.sv2.par")[40..168].try_into().unwrap();
            trailer[100] ^= 1;
            refresh_crc(&mut trailer);
            field(it, 40, &trailer);
        },
        7,
        "sealed anew",
    ),
    (
        "the kind of any other file, to bring an old version back",
        |it| {
            field(it, 40, &[0; 128]);
            field(it, 10, &[2]);
        },
        7,
        "is a sealed stream now",
    ),
    ("one for another file of this length", of_another_file, 7, "is a sealed stream now"),
    (
        "tables of nothing under right checksums",
        |it| {
            let mut parity = it.read("a.sv2.par");
            let of = |at: usize| usize::from(u16::from_be_bytes([parity[at], parity[at + 1]]));
            let len = 16 + 8 * (of(188) + of(190)) + 8;
            let end = parity.len() - DIRECTORY;
            for start in [DIRECTORY, end - len] {
                parity[start + 16..start + len].fill(0);
                refresh_crc(&mut parity[start..start + len]);
            }
            it.write("a.sv2.par", &parity);
        },
        7,
        "of another version of the file",
    ),
    (
        "tables of an older version",
        |it| {
            let mut older = it.read("a.sv2.par");
            let bad = it.read("a.sv2");
            let mut whole = bad.clone();
            whole[100_000] ^= 1;
            it.write("a.sv2", &whole);
            it.good(&["keygen", "-o", "id"]);
            it.good(&["append", "-K", "key", "a.sv2", "key"]);
            let newer = it.read("a.sv2.par");
            let end = newer.len() - DIRECTORY;
            older.resize(newer.len(), 0);
            // Both directories are those of now, and what is between is not.
            older[..DIRECTORY].copy_from_slice(&newer[..DIRECTORY]);
            older[end..].copy_from_slice(&newer[end..]);
            it.write("a.sv2.par", &older);
            let mut bad = it.read("a.sv2");
            bad[100_000] ^= 1;
            it.write("a.sv2", &bad);
        },
        7,
        "of another version of the file",
    ),
    (
        "another checksum of the whole file",
        |it| field(it, 32, &[1]),
        7,
        "of another version of the file",
    ),
    (
        "parity that contradicts the checksums",
        |it| {
            let mut parity = it.read("a.sv2.par");
            let of = |at: usize| usize::from(u16::from_be_bytes([parity[at], parity[at + 1]]));
            let len = 16 + 8 * (of(188) + of(190)) + 8;
            let (data, blocks, end) = (of(188), of(190), parity.len() - DIRECTORY);
            for block in 0..blocks {
                let at = DIRECTORY + len + block * 4096;
                parity[at + 7] ^= 1;
                let crc = crc64(&parity[at..at + 4096]).to_be_bytes();
                for start in [DIRECTORY, end - len] {
                    parity[start + 16 + 8 * (data + block)..][..8].copy_from_slice(&crc);
                    refresh_crc(&mut parity[start..start + len]);
                }
            }
            it.write("a.sv2.par", &parity);
        },
        3,
        "contradict each other",
    ),
];

///
#[test]
fn every_hostile_parity_file_is_named_and_nothing_is_written() {
    for (what, attack, code, words) in ATTACKS {
        let sandbox = attacked();
        attack(&sandbox);
        let (before, names) = (sandbox.read("a.sv2"), sandbox.names());
        for repair in [&["repair", "a.sv2"][..], &["repair", "-f", "a.sv2"]] {
            let ended = sandbox.run(repair);
            assert_eq!(ended.code, code, "{what}: {}", ended.stderr);
            assert!(ended.stderr.contains(words), "{what}: {}", ended.stderr);
            assert!(ended.stderr.contains("hint: "), "{what}: {}", ended.stderr);
            assert_eq!((sandbox.read("a.sv2"), sandbox.names()), (before.clone(), names.clone()));
        }
        // The stream is judged as ever, and what its parity file is stands beside it.
        let ended = sandbox.run(&["verify", "a.sv2"]);
        assert_eq!(ended.code, 5, "{what}: {}", ended.text());
        assert!(ended.text().contains("  parity: "), "{what}: {}", ended.text());
    }
}
