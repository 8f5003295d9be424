//! `cargo xtask faults`: every system call of the program on files is made to fail once.
//!
//! `strace` puts the failure in the place of the call, so the program meets it where no test of a
//! library can: at its own opens, syncs, renames and thread starts.
//! A run that fails must say so in one sentence with a documented exit code, and leave no file that
//! looks finished and none that is not; a run that ends well must have the whole result.
//! The order of calls is looked at too: a file gets its name when all of it was synced, and its folder
//! is synced before the program ends.

mod job;
mod trace;

use crate::report::{Failure, Outcome};
use crate::torture::bed::{Bed, in_time};
use crate::{bench, shell};
use job::{JOBS, Job};
use std::path::PathBuf;
use trace::{Call, counts};

/// System calls that are made to fail, each with an error that it can have.
const CALLS: [(&str, &str); 24] = [
    ("openat", "EMFILE"),
    ("read", "EIO"),
    ("pread64", "EIO"),
    ("preadv", "EIO"),
    ("readv", "EIO"),
    ("write", "ENOSPC"),
    ("writev", "ENOSPC"),
    ("pwrite64", "ENOSPC"),
    ("pwritev", "ENOSPC"),
    ("lseek", "ESPIPE"),
    ("ftruncate", "EFBIG"),
    ("fallocate", "ENOSPC"),
    ("fsync", "EIO"),
    ("fdatasync", "EIO"),
    ("rename", "EACCES"),
    ("renameat2", "EACCES"),
    ("linkat", "EMLINK"),
    ("link", "EMLINK"),
    ("unlink", "EPERM"),
    ("unlinkat", "EPERM"),
    ("fstat", "EIO"),
    ("flock", "ENOLCK"),
    ("clone3", "EAGAIN"),
    ("socketpair", "EMFILE"),
];

/// Runs all jobs under all faults and says how many points there were.
pub(crate) fn run(args: &[String]) -> Outcome {
    let program = match args {
        [] => bench::build(true)?,
        [flag, program] if flag == "--program" => PathBuf::from(program).canonicalize()?,
        _ => return Err(Failure::new("usage: cargo xtask faults [--program FILE]")),
    };
    if shell::probe(shell::program("strace", &["--version"])).is_none() {
        println!("SKIPPED: this machine has no strace");
        return Ok("skipped, no strace".to_owned());
    }
    let bed = Bed::new(program, None, 300_000)?;
    let (mut points, mut survived) = (0, 0);
    for job in JOBS {
        if !job.exists(&bed) {
            println!("{}: SKIPPED, this program has no such command", job.name);
            continue;
        }
        let calls = sound(&bed, &job)?;
        trace::check_order(&calls)
            .map_err(|failure| Failure::new(format!("{}: {failure}", job.name)))?;
        let (mut of_job, mut well) = (0, 0);
        for (call, most) in counts(&calls) {
            let Some((_, error)) = CALLS.iter().find(|(name, _)| *name == call) else { continue };
            for at in 1..=most {
                let point = format!("{}, {error} at {call} {at}", job.name);
                let whole = fail(&bed, &job, &call, error, at)
                    .map_err(|failure| Failure::new(format!("{point}: {failure}")))?;
                of_job += 1;
                well += usize::from(whole);
            }
        }
        println!("{:18} {of_job:4} fault points, of which {well} change nothing", job.name);
        points += of_job;
        survived += well;
    }
    Ok(format!("{points} fault points, {survived} without effect, every other one told"))
}

/// The calls of a run without faults, whose result must be whole.
fn sound(bed: &Bed, job: &Job) -> Outcome<Vec<Call>> {
    bed.reset(job.inputs)?;
    let log = bed.kept_name("trace");
    let all: Vec<&str> = CALLS.iter().map(|(name, _)| *name).collect();
    let trace = format!("trace={}", all.join(","));
    let wrapper = ["strace", "-f", "-y", "-qq", "-o", &log, "-e", &trace];
    let args = job.args(bed)?;
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let output = in_time(bed.behind(&wrapper, &args))?;
    if !output.status.success() {
        return Err(Failure::new(String::from_utf8_lossy(&output.stderr)));
    }
    job.judge(bed)?;
    Ok(trace::parse(&std::fs::read_to_string(&log)?))
}

/// Fails one call of a run. Says whether the run ended well all the same.
fn fail(bed: &Bed, job: &Job, call: &str, error: &str, at: usize) -> Outcome<bool> {
    bed.reset(job.inputs)?;
    let trace = format!("trace={call}");
    let inject = format!("inject={call}:error={error}:when={at}");
    let wrapper = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", &trace, "-e", &inject];
    let args = job.args(bed)?;
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let output = in_time(bed.behind(&wrapper, &args))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    match output.status.code() {
        Some(0) => job.judge(bed).map(|()| true),
        // The loader of the system was hit, before the program began.
        Some(127) if said.contains("shared librar") => Ok(true),
        Some(1..=7) if is_one_sentence(&said) => job.judge_failed(bed, call).map(|()| false),
        // The sentence itself could not be written.
        Some(1..=7) if said.is_empty() && call == "write" => {
            job.judge_failed(bed, call).map(|()| false)
        }
        // What cannot be read is listed as damage by whoever looks for damage.
        Some(5) if job.looks() && said.is_empty() && !output.stdout.is_empty() => {
            job.judge_failed(bed, call).map(|()| false)
        }
        code => Err(Failure::new(format!("exit code {code:?}, and it said: {said}"))),
    }
}

fn is_one_sentence(said: &str) -> bool {
    said.lines().filter(|line| line.starts_with("sv2: ")).count() == 1 && !said.contains("panicked")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_no_sentence() {
        assert!(is_one_sentence("sv2: out: writing failed\n"));
        assert!(!is_one_sentence("sv2: a\nsv2: b\n"));
        assert!(!is_one_sentence("thread 'main' panicked at x\n"));
    }
}
