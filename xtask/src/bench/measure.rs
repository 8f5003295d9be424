//! Running command lines in turns, and medians of their times.

use super::bed::Bed;
use crate::report::{Failure, Outcome};
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A program with its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stage {
    pub(super) program: String,
    pub(super) args: Vec<String>,
}

impl Stage {
    pub(super) fn new(program: &str, args: &[&str]) -> Self {
        let args = args.iter().map(|&arg| arg.to_owned()).collect();
        Self { program: program.to_owned(), args }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        // A user's settings have no part in the figures.
        command.args(&self.args).env_remove("SV2_THREADS").env_remove("SV2_IDENTITY");
        command
    }
}

/// Where the output of a line's last program goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sink {
    Null,
    File(PathBuf),
}

/// Programs that are joined by pipes, as a shell would run them.
#[derive(Debug, Clone)]
pub(super) struct Line {
    /// What tables call it.
    pub(super) name: String,
    pub(super) stages: Vec<Stage>,
    pub(super) sink: Sink,
    /// A file that the line makes, removed before each run.
    pub(super) makes: Option<PathBuf>,
}

impl Line {
    /// A line to the null sink.
    pub(super) fn new(name: &str, stages: Vec<Stage>) -> Self {
        Self { name: name.to_owned(), stages, sink: Sink::Null, makes: None }
    }

    /// The same with standard output in a file.
    pub(super) fn into(mut self, path: PathBuf) -> Self {
        self.sink = Sink::File(path.clone());
        self.makes = Some(path);
        self
    }

    /// The same, making a file that an argument names.
    pub(super) fn making(mut self, path: PathBuf) -> Self {
        self.makes = Some(path);
        self
    }
}

/// Lines of one table, the yardstick first.
#[derive(Debug)]
pub(super) struct Group {
    /// The name of the markers.
    pub(super) name: &'static str,
    pub(super) lines: Vec<Line>,
}

/// What was measured of a group.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) name: String,
    pub(super) bytes: u64,
    pub(super) rows: Vec<Row>,
}

/// The times of a line, shortest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) times: Vec<Duration>,
}

impl Row {
    /// The median; of an even number of times the longer of the two in the middle.
    pub(super) fn median(&self) -> Duration {
        self.times.get(self.times.len() / 2).copied().unwrap_or_default()
    }

    /// 10^9 bytes a second.
    pub(super) fn rate(&self, bytes: u64) -> f64 {
        bytes as f64 / self.median().as_secs_f64() / 1e9
    }
}

/// Runs all lines of a group in turns.
pub(super) fn in_turns(bed: &Bed, group: Group, runs: usize) -> Outcome<Measured> {
    let times = times_in_turns(&group.lines, runs)?;
    let names = group.lines.into_iter().map(|line| line.name);
    let rows = names.zip(times).map(|(name, times)| Row { name, times }).collect();
    Ok(Measured { name: group.name.to_owned(), bytes: bed.size, rows })
}

/// The times of each line, shortest first.
pub(super) fn times_in_turns(lines: &[Line], runs: usize) -> Outcome<Vec<Vec<Duration>>> {
    let mut times = vec![Vec::with_capacity(runs); lines.len()];
    for _ in 0..runs {
        for (times, line) in times.iter_mut().zip(lines) {
            times.push(run_once(line)?);
        }
    }
    for times in &mut times {
        times.sort();
    }
    Ok(times)
}

/// Runs a line and gives the time from the start of its first program to the end of its last.
///
/// # Errors
///
/// Fails where a program cannot be started or does not succeed.
pub(super) fn run_once(line: &Line) -> Outcome<Duration> {
    if let Some(path) = line.makes.as_deref().filter(|path| path.exists()) {
        fs::remove_file(path)?;
    }
    let sink = match &line.sink {
        Sink::Null => Stdio::from(File::options().write(true).open("/dev/null")?),
        Sink::File(path) => Stdio::from(File::create(path)?),
    };
    let begun = Instant::now();
    let children = start(&line.stages, sink)?;
    finish(&line.stages, children)?;
    Ok(begun.elapsed())
}

/// Starts programs that read from one another, the first from nothing.
pub(super) fn start(stages: &[Stage], sink: Stdio) -> Outcome<Vec<Child>> {
    let mut children: Vec<Child> = Vec::with_capacity(stages.len());
    let mut sink = Some(sink);
    for (number, stage) in stages.iter().enumerate() {
        let mut command = stage.command();
        let from = children.last_mut().and_then(|child| child.stdout.take());
        command.stdin(from.map_or_else(Stdio::null, Stdio::from));
        let last = number + 1 == stages.len();
        command.stdout(if last { sink.take().unwrap_or_else(Stdio::null) } else { Stdio::piped() });
        match command.spawn() {
            Ok(child) => children.push(child),
            Err(error) => {
                for mut child in children {
                    let _ = child.kill();
                    let _ = child.wait();
                }
                return Err(Failure::new(format!("{}: {error}", stage.program)));
            }
        }
    }
    Ok(children)
}

/// Waits for all programs; each must succeed.
pub(super) fn finish(stages: &[Stage], children: Vec<Child>) -> Outcome<()> {
    let mut failure = None;
    for (stage, mut child) in stages.iter().zip(children) {
        let status = child.wait()?;
        if !status.success() && failure.is_none() {
            let line = format!("{} {}: {status}", stage.program, stage.args.join(" "));
            failure = Some(Failure::new(line));
        }
    }
    failure.map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_time_in_the_middle() {
        let row = |times: &[u64]| Row {
            name: String::new(),
            times: times.iter().map(|&time| Duration::from_secs(time)).collect(),
        };
        assert_eq!(row(&[1, 2, 9]).median(), Duration::from_secs(2));
        assert_eq!(row(&[1, 2]).median(), Duration::from_secs(2));
        assert!((row(&[2]).rate(4_000_000_000) - 2.0).abs() < 1e-9);
    }

    #[test]
    fn programs_are_joined_by_pipes_and_the_last_one_writes_the_file() {
        let path = std::env::temp_dir().join(format!("sv2-xtask-pipe-{}", std::process::id()));
        let stages = vec![Stage::new("echo", &["abc"]), Stage::new("tr", &["b", "x"])];
        let done = run_once(&Line::new("", stages).into(path.clone()));
        let text = fs::read_to_string(&path).unwrap_or_default();
        let _ = fs::remove_file(&path);
        assert!(done.is_ok());
        assert_eq!(text, "axc\n");
    }

    #[test]
    fn a_program_that_fails_anywhere_in_a_line_is_a_failure() {
        for stages in [["false", "cat"], ["true", "false"], ["true", "no-such-program-anywhere"]] {
            let stages = stages.map(|program| Stage::new(program, &[])).to_vec();
            assert!(run_once(&Line::new("", stages)).is_err());
        }
    }
}
