//! `cargo xtask instructions`: the instructions that fixed work takes, counted under valgrind and
//! compared with the committed figures.
//!
//! Counts do not depend on what else a machine does, so a creep of two in a hundred shows.
//! Valgrind offers programs no AVX-512 and no VPCLMULQDQ: what is guarded is our own code around the
//! cipher and the checksum, not their fastest paths.
//! A job runs with a small and a larger number of repetitions, and the difference counts, so that the
//! start of the process and the making of the input are left out.

use crate::report::{Failure, Outcome};
use crate::{shell, workspace};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

const USAGE: &str = "usage: cargo xtask instructions [--write]";
const FIGURES: &str = "xtask/instructions.txt";
/// Jobs of the example `instructions` of sv2-core, and repetitions of each.
const JOBS: &[(&str, u64)] = &[
    ("seal", 2),
    ("open", 2),
    ("scrub", 4),
    ("range", 20),
    ("small-seal", 20),
    ("small-open", 20),
    ("small-range", 20),
];
/// Parts in a thousand that a total may differ.
const TOLERANCE: u64 = 20;
/// A function is listed from this many parts in a thousand of its job on.
const LISTED: u64 = 10;
/// The entry for everything together.
const TOTAL: &str = "total";

/// Instructions of one run of a job, by function, with those of all under [`TOTAL`].
type Counts = BTreeMap<String, u64>;

/// The figures of all jobs, and of which compiler they are.
#[derive(Debug, Default, PartialEq, Eq)]
struct Figures {
    compiler: String,
    jobs: BTreeMap<String, Counts>,
}

/// Counts and compares, or writes the figures anew with `--write`.
pub(crate) fn run(args: &[String]) -> Outcome {
    let writes = match args {
        [] => false,
        [arg] if arg == "--write" => true,
        _ => return Err(Failure::new(USAGE)),
    };
    if shell::probe(shell::program("valgrind", &["--version"])).is_none() {
        return Err(Failure::new(
            "valgrind is missing; install it, for example: apt install valgrind",
        ));
    }
    let counted = count()?;
    let path = workspace::root().join(FIGURES);
    if writes {
        fs::write(&path, counted.to_text())?;
        return Ok(format!("{FIGURES} has the figures of {} jobs", JOBS.len()));
    }
    let committed = Figures::from_text(&fs::read_to_string(&path)?);
    if committed.compiler != counted.compiler {
        // What was not compared is never called sound.
        return Err(Failure::new(format!(
            "not compared: the figures are of {}, and this is {}; where they are as they should be, \
             write them anew with --write",
            committed.compiler, counted.compiler
        )));
    }
    let changes = changes(&committed, &counted);
    if changes.is_empty() {
        return Ok(format!("{} jobs within {} in a thousand", JOBS.len(), TOLERANCE));
    }
    Err(Failure::new(format!(
        "{changes}what is meant goes in with: cargo xtask instructions --write"
    )))
}

fn target_folder() -> PathBuf {
    workspace::root().join("target")
}

fn count() -> Outcome<Figures> {
    let example = ["--package", "sv2-core", "--example", "instructions"];
    let build = [&["build", "--release", "--locked"][..], &example].concat();
    shell::run(shell::cargo(&build))?;
    let program = target_folder().join("release/examples/instructions");
    let program = program.to_string_lossy();
    let compiler = shell::probe(shell::program("rustc", &["--version"]))
        .ok_or_else(|| Failure::new("rustc does not tell its version"))?;
    let mut figures = Figures { compiler: compiler.trim().to_owned(), ..Figures::default() };
    for &(job, times) in JOBS {
        let few = annotated(&program, job, 1)?;
        let many = annotated(&program, job, 1 + times)?;
        let counts = per_run(&few, &many, times);
        println!("{job:12} {:>12}", counts[TOTAL]);
        figures.jobs.insert(job.to_owned(), counts);
    }
    Ok(figures)
}

/// Instructions of one process, by function.
fn annotated(program: &str, job: &str, times: u64) -> Outcome<Counts> {
    let out = target_folder().join(format!("instructions.{job}"));
    let out = out.to_string_lossy();
    let to = format!("--callgrind-out-file={out}");
    let times = times.to_string();
    let line = ["-q", "--tool=callgrind", &to, program, job, &times];
    shell::read(shell::program("valgrind", &line))?;
    let text = shell::read(shell::program("callgrind_annotate", &["--threshold=100", &out]))?;
    fs::remove_file(&*out)?;
    let counts = functions(&String::from_utf8_lossy(&text));
    if counts.get(TOTAL).is_none_or(|&total| total == 0) {
        return Err(Failure::new(format!("callgrind_annotate counts nothing for {job}")));
    }
    Ok(counts)
}

/// Reads lines such as `1,234 ( 5.67%)  file:function [object]`; a function that is listed more than
/// once gets the sum.
fn functions(text: &str) -> Counts {
    let mut counts = Counts::new();
    for line in text.lines() {
        let Some((number, rest)) = line.trim_start().split_once('(') else { continue };
        let Ok(count) = number.trim().replace(',', "").parse::<u64>() else { continue };
        let Some((_, name)) = rest.split_once("%)") else { continue };
        let name = name.trim();
        if name == "PROGRAM TOTALS" {
            counts.insert(TOTAL.to_owned(), count);
            continue;
        }
        let name = name.split(" [").next().unwrap_or(name);
        // The file of a function of ours is not known, that of a library may have colons and slashes.
        let name = name
            .strip_prefix("???:")
            .unwrap_or_else(|| name.rsplit_once('/').map_or(name, |(_, name)| name));
        *counts.entry(name.replace(' ', "_")).or_default() += count;
    }
    counts
}

/// What one repetition took: the total, and each function that is worth a line.
fn per_run(few: &Counts, many: &Counts, times: u64) -> Counts {
    let each = |name: &str| {
        let of = |counts: &Counts| counts.get(name).copied().unwrap_or(0);
        of(many).saturating_sub(of(few)) / times
    };
    let total = each(TOTAL);
    many.keys()
        .map(|name| (name.clone(), each(name)))
        .filter(|(name, count)| name == TOTAL || count * 1000 >= total * LISTED)
        .collect()
}

/// A paragraph for each job whose total differs by more than what is tolerated, with the functions
/// that differ; empty where all agree.
fn changes(committed: &Figures, counted: &Figures) -> String {
    let mut text = String::new();
    let names = committed.jobs.keys().chain(counted.jobs.keys());
    let names: BTreeSet<_> = names.collect();
    let none = Counts::new();
    for job in names {
        let before = committed.jobs.get(job).unwrap_or(&none);
        let now = counted.jobs.get(job).unwrap_or(&none);
        let of = |counts: &Counts, name: &str| counts.get(name).copied().unwrap_or(0);
        let total = of(before, TOTAL);
        if total.abs_diff(of(now, TOTAL)) * 1000 <= total * TOLERANCE && total > 0 {
            continue;
        }
        let _ = writeln!(text, "{job}: {total} before, {} now", of(now, TOTAL));
        let functions: BTreeSet<_> = before.keys().chain(now.keys()).collect();
        for name in functions.into_iter().filter(|name| *name != TOTAL) {
            let (before, now) = (of(before, name), of(now, name));
            if before.abs_diff(now) * 1000 > total {
                let _ = writeln!(text, "  {name}: {before} before, {now} now");
            }
        }
    }
    text
}

impl Figures {
    fn to_text(&self) -> String {
        let mut text = format!("compiler {}\n", self.compiler);
        for (job, counts) in &self.jobs {
            let _ = writeln!(text, "job {job} {}", counts[TOTAL]);
            let mut listed: Vec<_> = counts.iter().filter(|(name, _)| *name != TOTAL).collect();
            listed.sort_by_key(|&(name, &count)| (std::cmp::Reverse(count), name));
            for (name, count) in listed {
                let _ = writeln!(text, "  {count:>10} {name}");
            }
        }
        text
    }

    fn from_text(text: &str) -> Self {
        let mut figures = Self::default();
        let mut job = String::new();
        for line in text.lines() {
            if let Some(compiler) = line.strip_prefix("compiler ") {
                figures.compiler = compiler.to_owned();
            } else if let Some((name, total)) =
                line.strip_prefix("job ").and_then(|rest| rest.split_once(' '))
            {
                job = name.to_owned();
                let total = total.parse().unwrap_or(0);
                figures.jobs.insert(job.clone(), Counts::from([(TOTAL.to_owned(), total)]));
            } else if let Some((count, name)) = line.trim_start().split_once(' ') {
                let counts = figures.jobs.entry(job.clone()).or_default();
                counts.insert(name.to_owned(), count.parse().unwrap_or(0));
            }
        }
        figures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEW: &str = "\
Ir
1,500 (100.0%)  PROGRAM TOTALS
Ir                    file:function
1,000 (66.67%)  ???:sv2_core::seal [/somewhere/instructions]
  500 (33.33%)  ./elf/../sysdeps/memcpy.S:__memcpy [/lib/libc.so.6]
";
    const MANY: &str = "\
4,500 (100.0%)  PROGRAM TOTALS
3,000 (66.67%)  ???:sv2_core::seal [/somewhere/instructions]
1,000 (22.22%)  ./elf/../sysdeps/memcpy.S:__memcpy [/lib/libc.so.6]
  495 (11.00%)  ???:sv2_core::seal<a, b>
    5 ( 0.11%)  ???:rare
";

    fn figures(total: u64) -> Figures {
        let counts = [(TOTAL.to_owned(), total), ("seal".to_owned(), total - 100)];
        Figures {
            compiler: "rustc 1".to_owned(),
            jobs: BTreeMap::from([("job".to_owned(), Counts::from(counts))]),
        }
    }

    #[test]
    fn one_run_is_the_difference_by_the_repetitions() {
        let counts = per_run(&functions(FEW), &functions(MANY), 2);
        assert_eq!(counts[TOTAL], 1500);
        assert_eq!(counts["sv2_core::seal"], 1000);
        assert_eq!(counts["memcpy.S:__memcpy"], 250);
        assert_eq!(counts["sv2_core::seal<a,_b>"], 247);
        assert!(!counts.contains_key("rare"));
    }

    #[test]
    fn figures_are_read_as_they_were_written() {
        let figures = figures(1000);
        assert_eq!(Figures::from_text(&figures.to_text()), figures);
    }

    #[test]
    fn two_in_a_hundred_pass_and_more_is_told_with_its_function() {
        assert_eq!(changes(&figures(1000), &figures(1020)), "");
        assert_eq!(changes(&figures(1000), &figures(980)), "");
        for now in [979, 1021] {
            let text = changes(&figures(1000), &figures(now));
            assert!(text.contains(&format!("job: 1000 before, {now} now")), "{text}");
            assert!(text.contains(&format!("  seal: 900 before, {} now", now - 100)), "{text}");
        }
        assert!(!changes(&Figures::default(), &figures(1000)).is_empty());
        assert!(!changes(&figures(1000), &Figures::default()).is_empty());
    }
}
