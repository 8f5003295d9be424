//! Salvage of a stream of which one sector in a hundred was overwritten: exactly the frames that
//! were hit are lost.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

use sv2_core::{DecryptOptions, Existing, Gaps, InputSource, KeySource, OutputSink, salvage};

use crate::{Bed, Dice, Result, plaintext};

const SECTOR: u64 = 4096;
const HEADER: u64 = 1024;
const FRAME: u64 = 64 << 10;
const FRAMES: u64 = 64;
/// Wire bytes of a whole segment of the standard geometry without a digest.
const SEGMENT: u64 = 72 + FRAMES * (FRAME + 32);

/// Damages the stream, salvages it and compares what came out with what must be there.
pub(crate) fn check(bed: &Bed, folder: &Path) -> Result<()> {
    let file = OpenOptions::new().read(true).write(true).open(&bed.stream)?;
    let tail = HEADER + wire_len(bed.len);
    let sectors = tail / SECTOR;
    let mut dice = Dice(99);
    let mut hit = BTreeSet::new();
    while (hit.len() as u64) < sectors / 100 {
        hit.insert(dice.below(sectors));
    }
    let mut noise = vec![0; SECTOR as usize];
    let mut lost = BTreeSet::new();
    for &sector in &hit {
        plaintext::fill(sector * SECTOR + (1 << 50), &mut noise);
        file.write_all_at(&noise, sector * SECTOR)?;
        lost.extend(frames_hit(sector * SECTOR..(sector + 1) * SECTOR, bed.len));
    }
    file.sync_all()?;

    let out = folder.join("reads.salvaged");
    let output = OutputSink::Path { path: out.clone(), existing: Existing::Replace };
    let key = KeySource::Key(&bed.key);
    let source = InputSource::File(File::open(&bed.stream)?);
    let report = salvage(source, output, &key, &DecryptOptions::standard(), Gaps::Zero)?;
    let compared = compare(&out, bed.len, &lost);
    std::fs::remove_file(&out)?;
    compared?;

    let told: BTreeSet<u64> = report
        .lost
        .iter()
        .flat_map(|range| range.start / FRAME..range.end.div_ceil(FRAME))
        .collect();
    if told != lost {
        return Err(format!("{} frames are said to be lost, {} are", told.len(), lost.len()).into());
    }
    println!(
        "salvage: {} of {sectors} sectors overwritten, {} of {} frames hit; exactly these are \
         lost, every other byte is the plaintext; {:.2} s",
        hit.len(),
        lost.len(),
        bed.len.div_ceil(FRAME),
        report.wall.as_secs_f64()
    );
    Ok(())
}

/// Wire bytes of the segments of so much plaintext.
fn wire_len(len: u64) -> u64 {
    let rest = len % (FRAMES * FRAME);
    let last = if rest == 0 { 0 } else { 72 + rest + 32 * rest.div_ceil(FRAME) };
    len / (FRAMES * FRAME) * SEGMENT + last
}

/// The frames of which ciphertext or tag lie in these bytes of the stream: the first eight bytes of a
/// frame are a header that follows from its place, and the last eight a checksum; no plaintext
/// depends on either.
fn frames_hit(bytes: Range<u64>, len: u64) -> impl Iterator<Item = u64> {
    let first = bytes.start.saturating_sub(HEADER) / SEGMENT * FRAMES;
    let frames = first..(first + 2 * FRAMES).min(len.div_ceil(FRAME));
    frames.filter(move |frame| {
        let start = HEADER + frame / FRAMES * SEGMENT + 64 + frame % FRAMES * (FRAME + 32);
        let plaintext = FRAME.min(len - frame * FRAME);
        start + 8 < bytes.end && bytes.start < start + 8 + plaintext + 16
    })
}

fn compare(path: &Path, len: u64, lost: &BTreeSet<u64>) -> Result<()> {
    let file = File::open(path)?;
    if file.metadata()?.len() != len {
        return Err("what was salvaged has another length than the plaintext".into());
    }
    let (mut found, mut wanted) = (vec![0; FRAME as usize], vec![0; FRAME as usize]);
    for frame in 0..len.div_ceil(FRAME) {
        let count = FRAME.min(len - frame * FRAME) as usize;
        file.read_exact_at(&mut found[..count], frame * FRAME)?;
        if lost.contains(&frame) {
            wanted.fill(0);
        } else {
            plaintext::fill(frame * FRAME, &mut wanted);
        }
        if found[..count] != wanted[..count] {
            return Err(format!("frame {frame} is not what it must be").into());
        }
    }
    Ok(())
}
