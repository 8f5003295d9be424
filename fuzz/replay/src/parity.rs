//! Parity files out of hostile bytes, and damage of a file and of its sound parity file.

use crate::{KEY, Verdict, split};
use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use sv2_parity::{
    Area, Geometry, Memory, Request, Sidecar, Source, Spread, Work, protect_with, repair_copy,
    repair_in_place, scan,
};
use sv2_testkit::paint::paint;
use sv2_testkit::reference::{AES_256_GCM, DIGEST_SHA256, Params, encrypt};

/// Bytes that are read for each byte of file and parity file: compared, proved, repaired in place
/// and in a copy, and compared again.
const READS: u64 = 12;
/// Bytes that are read beside that, of the ends of both files.
const LOOKS: u64 = 1 << 20;
/// Bytes that a directory may claim the file to have; more is memory and no find.
const MOST: u64 = 64 << 20;

/// The longest of the files here, and the lengths of their directories.
const DIRECTORY_LEN: usize = 168 + 24 + 16;
/// Bytes of an instruction.
const STEP: usize = 6;

/// Compares a file with a parity file and repairs it, in place and in a copy.
///
/// The selector's lowest bit says whether the file is a stream, the next two choose the geometry;
/// bit 3 says that what follows is the parity file itself. Otherwise it is a script, of six bytes a
/// step, that damages the file and its parity file, or changes fields of the directory or of the
/// tables under checksums that are made right.
///
/// # Panics
///
/// Where something is written although the repair failed, where both ways of repairing differ,
/// where what was repaired is not what was protected although no checksum was forged, or where more
/// is read than the lengths allow.
pub fn parity_repair(data: &[u8]) -> Verdict {
    let Some((selector, rest)) = split(data) else { return Verdict::Refused };
    let (file, parity) = &originals()[usize::from(selector & 7)];
    if selector & 8 != 0 {
        return judged(file, rest, None);
    }
    let (mut bad_file, mut bad_parity) = (file.clone(), parity.clone());
    let mut forged = false;
    for step in rest.chunks_exact(STEP).take(64) {
        forged |= apply(step, &mut bad_file, &mut bad_parity);
    }
    judged(&bad_file, &bad_parity, (!forged).then_some(file))
}

/// The seeds of the target: kinds of damage, with and without forged checksums, and parity files.
#[must_use]
pub fn parity_seeds() -> Vec<(String, Vec<u8>)> {
    let mut seeds = Vec::new();
    for selector in 0..8u8 {
        let (_, parity) = &originals()[usize::from(selector)];
        let raw = [&[selector | 8], &parity[..]].concat();
        seeds.push((format!("good-whole-{selector}.bin"), raw));
        let lost: Vec<u8> = [0, 1, 0, 40, 0x55, 0].to_vec();
        seeds.push((format!("good-lost-{selector}.bin"), [&[selector], &lost[..]].concat()));
        let all: Vec<u8> = (0..40u8).flat_map(|at| [0, at, 0, 255, 0x55, 0]).collect();
        // As much parity as data gives back everything.
        let verdict = if selector >> 1 == 2 { "good" } else { "bad" };
        let name = format!("{verdict}-all-lost-{selector}.bin");
        seeds.push((name, [&[selector], &all[..]].concat()));
        for what in 1..8u8 {
            let script: Vec<u8> =
                (0..4u8).flat_map(|at| [what, at, 16 * at + 8, 9, 0x81, at]).collect();
            let name = format!("step{what}-{selector}.bin");
            seeds.push((name, [&[selector], &lost[..], &script[..]].concat()));
        }
    }
    for at in [8u8, 10, 11, 12, 14, 16, 24, 32, 40, 168, 176, 184, 186, 188, 190] {
        let script = [2, 0, at, 1, 0xFF, 0];
        seeds.push((format!("bad-field{at}.bin"), [&[0], &script[..]].concat()));
    }
    seeds
}

/// A file for each geometry, and its parity file.
fn originals() -> &'static [(Vec<u8>, Vec<u8>)] {
    static ORIGINALS: OnceLock<Vec<(Vec<u8>, Vec<u8>)>> = OnceLock::new();
    ORIGINALS.get_or_init(|| (0..8).map(original).collect())
}

fn original(selector: u8) -> (Vec<u8>, Vec<u8>) {
    let file = match selector & 1 {
        0 => paint(9_000),
        _ => {
            let params = Params::tiny(AES_256_GCM, DIGEST_SHA256, 2);
            encrypt(&KEY, &params, &mut |index| [index as u8 + 1; 24], &paint(6_000))
        }
    };
    let shapes = [(6, 3, 21, 6), (7, 8, 8, 2), (8, 1, 5, 5), (6, 32, 64, 20)];
    let (log2, run, data, parity) = shapes[usize::from(selector >> 1)];
    let geometry = Geometry::new(log2, run, data, parity).expect("a legal geometry");
    let len = file.len() as u64;
    let area = Area::new(0, len, len.div_ceil(1 << log2), geometry).expect("it covers the file");
    let request = Request::new(500, Spread::Runs).expect("a legal share");
    let (source, target) = (Memory::new(file.clone()), Memory::default());
    protect_with(&source, &target, request, vec![area], &Work::alone()).expect("room");
    (file, target.into_bytes())
}

/// One step; says whether it forges a checksum.
fn apply(step: &[u8], file: &mut Vec<u8>, parity: &mut Vec<u8>) -> bool {
    let (what, value) = (step[0] & 7, step[4]);
    let number = usize::from(u16::from_be_bytes([step[1], step[2]]));
    let len = usize::from(step[3]);
    let change = |bytes: &mut [u8]| {
        let start = number % bytes.len().max(1);
        let end = (start + len).min(bytes.len());
        bytes.get_mut(start..end).unwrap_or_default().iter_mut().for_each(|byte| *byte ^= value);
    };
    match what {
        0 => change(file),
        1 => change(parity),
        2 => return fields(parity, number, len, value),
        3 => return table(parity, number, len, value),
        4 => file.truncate(file.len().saturating_sub(number)),
        5 => parity.truncate(parity.len().saturating_sub(number)),
        6 => file.resize(file.len() + number.min(1000), value),
        _ => parity.resize(parity.len() + number.min(1000), value),
    }
    false
}

/// Changes a field of the directory in both copies.
fn fields(parity: &mut [u8], at: usize, len: usize, value: u8) -> bool {
    let Some(last) = parity.len().checked_sub(DIRECTORY_LEN) else { return false };
    for start in [0, last] {
        let directory = &mut parity[start..start + DIRECTORY_LEN];
        let at = at % (DIRECTORY_LEN - 8);
        let end = (at + len).min(DIRECTORY_LEN - 8);
        directory[at..end].iter_mut().for_each(|byte| *byte ^= value);
        seal(directory);
    }
    true
}

/// Changes what looks like the first table: its length is not known where the geometry was changed.
fn table(parity: &mut [u8], at: usize, len: usize, value: u8) -> bool {
    let Some(geometry) = parity.get(184..192) else { return false };
    let of = |at: usize| usize::from(u16::from_be_bytes([geometry[at], geometry[at + 1]]));
    let table_len = 16 + 8 * (of(4) + of(6)) + 8;
    let Some(table) = parity.get_mut(DIRECTORY_LEN..DIRECTORY_LEN + table_len) else {
        return false;
    };
    let at = at % table_len;
    let end = (at + len).min(table_len);
    table[at..end].iter_mut().for_each(|byte| *byte ^= value);
    seal(table);
    true
}

/// Makes the checksum at the end of a unit right.
fn seal(unit: &mut [u8]) {
    sv2_headers::checksum::store(unit);
}

/// A file that counts what is read of it.
struct Counted<'c> {
    file: &'c Memory,
    read: &'c AtomicU64,
}

impl Source for Counted<'_> {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let read = self.file.read_at(buffer, offset)?;
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

impl sv2_parity::Target for Counted<'_> {
    fn write_all_at(&self, new: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_all_at(new, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }
}

/// Compares and repairs; `original` is what has to come back, where the checksums were not forged.
fn judged(file: &[u8], parity: &[u8], original: Option<&Vec<u8>>) -> Verdict {
    let read = AtomicU64::new(0);
    let (memory, parity_memory) = (Memory::new(file.to_vec()), Memory::new(parity.to_vec()));
    let file_source = Counted { file: &memory, read: &read };
    let parity_source = Counted { file: &parity_memory, read: &read };
    let verdict = repaired(&file_source, &parity_source, file, original);
    let most = READS * (file.len() + parity.len()) as u64 + LOOKS;
    let read = read.load(Ordering::Relaxed);
    assert!(read <= most, "{read} bytes were read where {most} are in proportion");
    verdict
}

fn repaired(
    file: &Counted<'_>,
    parity: &Counted<'_>,
    before: &[u8],
    original: Option<&Vec<u8>>,
) -> Verdict {
    let Ok(sidecar) = Sidecar::open(parity) else { return Verdict::Refused };
    if sidecar.directory().file_len > MOST {
        return Verdict::Refused;
    }
    let Ok(findings) = scan(file, None, &sidecar, &Work::alone()) else { return Verdict::Refused };
    let copy = Memory::default();
    let copied = repair_copy(file, None, &sidecar, &findings, &copy, &Work::alone());
    let in_place = repair_in_place(file, None, &sidecar, &findings, &Work::alone());
    match (copied, in_place) {
        (Ok(copied), Ok(in_place)) => {
            assert_eq!(copied, in_place);
            let now = file.file.bytes();
            assert!(copy.into_bytes() == now, "both ways of repairing differ");
            if let Some(original) = original {
                assert!(now == *original, "something else was given back");
            }
            let again = scan(file, None, &sidecar, &Work::alone());
            assert!(again.is_ok_and(|again| again.is_file_sound()), "it is not sound behind");
            Verdict::Accepted
        }
        (Err(_), Err(_)) => {
            assert!(file.file.bytes() == before, "something was written in place");
            Verdict::Refused
        }
        (copied, in_place) => panic!("{copied:?} and {in_place:?}"),
    }
}
