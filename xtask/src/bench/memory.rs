//! The peak memory of sv2, at two sizes that are sixteen times apart.
//!
//! Input of any size comes from a file without blocks or from `head` on `/dev/zero`, so that it takes
//! no room. Where GNU time is installed, the system's own account of the peak is taken (`ru_maxrss`,
//! whole program); otherwise the kernel's high-water mark is read while the program's output is.

use super::bed::Bed;
use super::machine::{Machine, readable};
use super::measure::{Line, Stage, finish, run_once, start};
use crate::report::{Failure, Outcome};
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::process::Stdio;

const TIME: &str = "/usr/bin/time";
/// The larger size is this many times the smaller one.
const FACTOR: u64 = 16;
/// Reads of the output between two looks at the high-water mark.
const READS: usize = 64;

/// The table.
pub(super) fn measure(bed: &Bed, machine: &Machine) -> Outcome<String> {
    let sizes = [bed.size, bed.size.saturating_mul(FACTOR)];
    let has_time = Path::new(TIME).exists();
    let how = if has_time { "as the system accounts it" } else { "as read while it ran" };
    let mut text = format!(
        "{}; peak resident memory {how}, in MiB.\n\n| path | {} | {} |\n|---|---:|---:|\n",
        machine.line(),
        readable(sizes[0]),
        readable(sizes[1])
    );
    for path in PATHS {
        text.push_str(&format!("| {} |", path.name()));
        for size in sizes {
            let kib = peak(bed, &path.stages(bed, size)?, has_time)?;
            text.push_str(&format!(" {:.1} |", kib as f64 / 1024.0));
        }
        text.push('\n');
    }
    Ok(text.trim_end().to_owned())
}

/// What the last program of a line does.
#[derive(Debug, Clone, Copy)]
enum Way {
    EncryptFile,
    EncryptPipe,
    DecryptPipe,
}

const PATHS: [Way; 3] = [Way::EncryptFile, Way::EncryptPipe, Way::DecryptPipe];

impl Way {
    fn name(self) -> &'static str {
        match self {
            Self::EncryptFile => "encrypt, file to pipe",
            Self::EncryptPipe => "encrypt, pipe to pipe",
            Self::DecryptPipe => "decrypt, pipe to pipe",
        }
    }

    fn stages(self, bed: &Bed, size: u64) -> Outcome<Vec<Stage>> {
        let size_arg = size.to_string();
        let head = Stage::new("head", &["-c", &size_arg, "/dev/zero"]);
        Ok(match self {
            Self::EncryptFile => {
                File::create(bed.path("holes"))?.set_len(size)?;
                vec![bed.sv2("encrypt", &["-o", "-", &bed.name("holes")])]
            }
            Self::EncryptPipe => vec![head, bed.sv2("encrypt", &[])],
            Self::DecryptPipe => vec![head, bed.sv2("encrypt", &[]), bed.sv2("decrypt", &[])],
        })
    }
}

/// The peak of a line's last program in KiB.
fn peak(bed: &Bed, stages: &[Stage], has_time: bool) -> Outcome<u64> {
    if !has_time {
        return watched_peak(stages);
    }
    let account = bed.name("account");
    let mut stages = stages.to_vec();
    if let Some(last) = stages.last_mut() {
        let mut args = vec!["-f", "%M", "-o", &account, &last.program];
        args.extend(last.args.iter().map(String::as_str));
        *last = Stage::new(TIME, &args);
    }
    stages.push(Stage::new("cat", &[]));
    run_once(&Line::new("", stages))?;
    let text = fs::read_to_string(&account)?;
    let kib = text.lines().last().and_then(|line| line.trim().parse().ok());
    kib.ok_or_else(|| Failure::new(format!("{TIME} said: {text}")))
}

/// The highest mark that was seen; one that rises behind the last look is not.
fn watched_peak(stages: &[Stage]) -> Outcome<u64> {
    let mut children = start(stages, Stdio::piped())?;
    let mut most = 0;
    if let Some(last) = children.last_mut() {
        let status = format!("/proc/{}/status", last.id());
        let output = last.stdout.take();
        let mut part = vec![0; 1 << 16];
        if let Some(mut output) = output {
            let mut reads = 0;
            loop {
                let count = output.read(&mut part)?;
                if reads % READS == 0 || count == 0 {
                    let text = fs::read_to_string(&status).unwrap_or_default();
                    most = most.max(high_water_mark(&text).unwrap_or(0));
                }
                if count == 0 {
                    break;
                }
                reads += 1;
            }
        }
    }
    finish(stages, children)?;
    match most {
        0 => Err(Failure::new("the system tells no high-water mark")),
        most => Ok(most),
    }
}

/// The peak of resident memory in KiB, from what the system says of a process.
pub(crate) fn high_water_mark(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_high_water_mark_is_found_in_a_status() {
        assert_eq!(high_water_mark("Name:\tx\nVmHWM:\t  1234 kB\nVmRSS:\t 1 kB\n"), Some(1234));
        assert_eq!(high_water_mark("Name:\tx\nState:\tZ (zombie)\n"), None);
    }

    #[test]
    fn a_running_program_is_watched_while_its_output_is_read() {
        let stages = [Stage::new("head", &["-c", "1000000", "/dev/zero"]), Stage::new("cat", &[])];
        let kib = watched_peak(&stages).unwrap_or_default();
        assert!((100..1 << 20).contains(&kib), "{kib} KiB");
    }
}
