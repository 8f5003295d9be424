//! Repair without parity: what follows from the rest of a stream is put back.

use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;

use sv2_core::{
    Cancellation, DamageMap, InputSource, Mends, NamedOutput, StreamError, find_mends,
    scrub_followed,
};

use super::RepairReport;
use super::outputs::Outputs;
use crate::error::Trouble;

/// Bytes that are copied between two looks for an interrupt.
const COPIED: u64 = 64 << 20;

/// Puts back what can be had of a stream without parity.
pub(super) fn run(outputs: &Outputs<'_>, file: &File) -> Result<RepairReport, Trouble> {
    let output = outputs.path();
    let files = outputs.files(&output);
    // The stream once more; it is the file that was opened and locked.
    let input = || match file.try_clone() {
        Ok(file) => Ok(InputSource::File(file)),
        Err(error) => Err(files.unread(error)),
    };
    let told = |error| files.stream(error);
    let quiet = outputs.quiet();
    let map = scrub_followed(input()?, outputs.run).map_err(|error| match error {
        StreamError::NotAStream => Trouble::Told {
            class: "NotAStreamError",
            text: format!(
                "{:?} is no stream, and without {:?} only a stream can be repaired",
                outputs.call.path, outputs.parity
            ),
            offset: None,
        },
        error => told(error),
    })?;
    let mends = find_mends(input()?, &map, &quiet).map_err(told)?;
    let mut report = report(&map, &mends, file);
    if mends.is_empty() {
        if !report.sound && !outputs.call.dry_run {
            return Err(Trouble::Told {
                class: "BeyondRepairError",
                text: format!(
                    "{:?}: there is no {:?}, and nothing that was lost follows from the rest of \
                     the stream; nothing was written; salvage() gets out what still opens",
                    outputs.call.path, outputs.parity
                ),
                offset: None,
            });
        }
        return Ok(report);
    }
    if outputs.call.dry_run {
        report.repairable = mends.scrub(input()?, &quiet).map_err(told)?.is_undamaged();
        return Ok(report);
    }
    if outputs.call.in_place {
        outputs.may_cut(report.cut)?;
        mends.write(file, mends.trailing).map_err(|error| files.unwritten(error))?;
    } else {
        copy(outputs, &output, &mends, file)?;
    }
    let undamaged = outputs.scrubbed(&output)?;
    (report.repairable, report.undamaged, report.output) =
        (undamaged, Some(undamaged), Some(output));
    Ok(report)
}

fn report(map: &DamageMap, mends: &Mends, file: &File) -> RepairReport {
    let cut = mends.trailing.map_or(0, |trailing| trailing.len);
    let found_size = file.metadata().map_or(map.stream_len, |metadata| metadata.len());
    let sound = map.is_undamaged() && mends.is_empty();
    RepairReport {
        sound,
        repairable: sound,
        file_size: map.stream_len,
        found_size,
        bad_blocks: map.damaged_units,
        version_confirmed: true,
        mended: mends.list.len() as u64,
        cut,
        ..RepairReport::default()
    }
}

fn copy(outputs: &Outputs<'_>, output: &Path, mends: &Mends, file: &File) -> Result<(), Trouble> {
    let files = outputs.files(output);
    let target = outputs.create(output)?;
    let filled = fill(mends, file, &target, &outputs.run.cancel);
    filled.map_err(|error| files.unwritten(error))?;
    target.finish(&outputs.run.cancel).map_err(|error| files.stream(error))
}

/// Copies by parts, so that an interrupt need not wait for all; what is cut off so gets no name.
fn fill(
    mends: &Mends,
    mut file: &File,
    target: &NamedOutput,
    cancel: &Cancellation,
) -> std::io::Result<()> {
    let mut left = mends.trailing.map_or(u64::MAX, |trailing| trailing.offset);
    file.rewind()?;
    while left > 0 && !cancel.is_cancelled() {
        match std::io::copy(&mut file.take(left.min(COPIED)), &mut target.file())? {
            0 => break,
            count => left -= count,
        }
    }
    mends.write(target.file(), None)
}
