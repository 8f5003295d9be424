//! What is said of parity files: what they promise, what a comparison found, why they serve not.

use std::path::Path;

use sv2_parity::{Area, Findings, ParityError};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::names::{Name, shown};
use crate::size::{counted, readable};

/// Commands that help.
pub(crate) mod wrong {
    use std::path::Path;

    use crate::invocation::operand;

    /// A new parity file in the place of the old one.
    pub(crate) fn anew(path: &Path) -> String {
        format!("make the parity file anew: sv2 protect -f {}", operand(path.as_os_str()))
    }

    /// A repair, with this option.
    pub(crate) fn repair(option: &str, path: &Path) -> String {
        format!("sv2 repair {option}{}", operand(path.as_os_str()))
    }
}

/// What is promised, in the user's numbers.
pub(crate) fn promise(areas: &[Area]) -> String {
    let Some(weakest) = areas.iter().min_by_key(|area| area.promise().gap) else {
        return "protects a file without a byte".into();
    };
    let (most, least) = (areas[0].promise(), weakest.promise());
    let mut text = format!(
        "repairs any {} of {} in each {}, or one gap of {}",
        counted(most.blocks, "bad block", "bad blocks"),
        block(most.block_len),
        readable(most.window_len),
        readable(least.gap)
    );
    if areas.len() > 1 {
        text.push_str(&format!(
            " ({} areas; the least of them: any {} of {} in each {})",
            areas.len(),
            least.blocks,
            block(least.block_len),
            readable(least.window_len)
        ));
    }
    text
}

fn block(len: u64) -> String {
    readable(len)
}

/// What a comparison found, and whether it can be repaired.
pub(crate) fn finding(findings: &Findings) -> String {
    let bad = findings.bad_blocks();
    let windows = counted(findings.damaged().count() as u64, "window", "windows");
    let mut text = match bad {
        0 => "no block bad".to_owned(),
        _ => format!("{} bad in {windows}", counted(bad, "block", "blocks")),
    };
    if findings.found_len < findings.file_len {
        let missing = findings.file_len - findings.found_len;
        text.push_str(&format!(", {} missing at the end", counted(missing, "byte", "bytes")));
    }
    if findings.found_len > findings.file_len {
        let more = findings.found_len - findings.file_len;
        text.push_str(&format!(", {} behind the end", counted(more, "byte", "bytes")));
    }
    let hopeless = findings.hopeless().count() as u64;
    if hopeless > 0 {
        let windows = counted(hopeless, "window", "windows");
        text.push_str(&format!(", {windows} beyond repair"));
    } else if !findings.is_file_sound() {
        text.push_str(", repairable");
    }
    let parity = findings.damaged_parity().count() as u64;
    if parity > 0 {
        let windows = counted(parity, "window", "windows");
        text.push_str(&format!("; the parity file itself is damaged in {windows}"));
    }
    text
}

/// Why a parity file does not serve, or what stopped the work with it.
pub(crate) fn failure(error: &ParityError, file: &Name, parity: &Path) -> Failure {
    let of = |exit| Failure::new(exit, format!("{file}: {}", with_cause(error)));
    let of_parity =
        |exit| Failure::new(exit, format!("'{}': {}", shown(parity), with_cause(error)));
    let path = file.path().unwrap_or(Path::new("FILE"));
    match error {
        ParityError::NotParity => of_parity(Exit::NotAStream).hint(wrong::anew(path)),
        ParityError::Unsupported(_) => {
            of_parity(Exit::NotAStream).hint("a newer version of sv2 may read it")
        }
        ParityError::Destroyed(_) => of_parity(Exit::Damaged).hint(wrong::anew(path)),
        ParityError::Malformed { .. } => of_parity(Exit::Untrusted).hint(wrong::anew(path)),
        ParityError::Mixed => {
            let mut failure = of_parity(Exit::Mismatch);
            failure.sentence.push_str("; nothing was written");
            failure.hint(wrong::anew(path))
        }
        ParityError::Stale(_) => {
            let mut failure = of(Exit::Mismatch);
            failure.sentence.push_str("; nothing was written");
            failure.hint(wrong::anew(path))
        }
        ParityError::BeyondRepair { .. } => {
            let mut failure = of(Exit::Damaged);
            failure.sentence.push_str("; nothing was written");
            let from = wrong::repair("--from COPY ", path);
            failure.hint(format!("with another copy of the file, damaged too or not: {from}"))
        }
        ParityError::Contradiction { .. } => {
            of(Exit::Untrusted).hint("restore the file from a copy, and protect that anew")
        }
        ParityError::Damaged(_) => of(Exit::Damaged),
        ParityError::Cancelled => {
            Failure::new(Exit::Interrupted, "interrupted; no unfinished file was left behind")
        }
        ParityError::Usage(_) => of(Exit::Usage),
        _ => of(Exit::Io).hint("free space or mend the medium, and run the command again"),
    }
}

fn with_cause(error: &ParityError) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
