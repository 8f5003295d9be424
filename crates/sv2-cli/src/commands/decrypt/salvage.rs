//! `sv2 decrypt --salvage`: what is left of a damaged stream, and a list of what is not.

use std::fs;
use std::ops::Range;

use clap::ValueEnum;
use serde_json::{Value, json};
use sv2_core::{
    Cancellation, DecryptOptions, Gaps, InputSource, KeySource, NamedOutput, OutputSink,
    SalvageReport, StreamError, salvage,
};

use crate::console::Console;
use crate::ends::{Channel, Input, Output, OutputArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::invocation::operand;
use crate::names::{Name, Names, json_text};

/// What is behind the name of the output in the name of the list.
const SUFFIX: &str = ".lost.json";

/// What stands in the output for what is lost, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum GapsName {
    /// Zeros, so that everything else keeps its offset
    Zero,
    /// Nothing
    Skip,
}

/// A salvage that was decided on.
pub(super) struct Rescue {
    gaps: GapsName,
    /// Where the list goes; none where the output has no name to put it beside.
    list: Option<Output>,
}

impl Rescue {
    /// Decides where the list goes, and refuses what must not be overwritten.
    pub(super) fn new(
        gaps: GapsName,
        args: &OutputArgs,
        input: &Input,
        output: &Output,
    ) -> Result<Self, Failure> {
        Ok(Self { gaps, list: args.companion(input, output, SUFFIX)? })
    }

    pub(super) fn run(
        &self,
        source: InputSource<'_>,
        sink: OutputSink<'_>,
        key: &KeySource<'_>,
        options: &DecryptOptions,
    ) -> Result<SalvageReport, StreamError> {
        let gaps = match self.gaps {
            GapsName::Zero => Gaps::Zero,
            GapsName::Skip => Gaps::Skip,
        };
        salvage(source, sink, key, options, gaps)
    }

    /// A salvage that did not happen; one that would have written zeros without end has another way.
    pub(super) fn failure(&self, error: &StreamError, names: Names<'_>) -> Failure {
        let failure = Failure::stream(error, names);
        match (error, names.input) {
            (StreamError::Usage(_), Name::File(path)) if matches!(self.gaps, GapsName::Zero) => {
                let path = operand(path.as_os_str());
                failure.hint(format!("sv2 decrypt --salvage=skip {path}"))
            }
            _ => failure,
        }
    }

    /// Writes the list, names the output behind it, and says what is lost; a partial result is a
    /// failure with its own code.
    ///
    /// In this order: whatever ends the program, no output with gaps is without its list.
    pub(super) fn report(
        self,
        done: &SalvageReport,
        names: Names<'_>,
        (unnamed, cancel): (Option<NamedOutput>, &Cancellation),
        (channel, console): (Channel, &Console),
    ) -> Result<(), Failure> {
        let exit = exit_of(done);
        let list = self.to_json(done, names, exit);
        let (mut place, mut listed) = (String::new(), None);
        if let Some(output) = self.list {
            place = format!("; the list is in '{}'", output.name);
            listed = output.reached();
            let mut writer = output.into_writer()?;
            writer.write_all(json_text(&format!("{list:#}\n")).as_bytes())?;
            writer.finish(cancel)?;
        }
        if let Some(Err(error)) = unnamed.map(|output| output.finish(cancel)) {
            // What was kept under another name still needs its list.
            if let (Some(path), false) = (listed, matches!(error, StreamError::OutputKept { .. })) {
                // The failure that is told is that of the output.
                let _ = fs::remove_file(path);
            }
            return Err(Failure::stream(&error, names));
        }
        if console.json {
            console.report(&list, channel)?;
        }
        let sentence = format!("{}: {}{place}", names.input, sentence(done, self.gaps));
        match exit {
            // A report for machines says the same.
            Some(exit) if console.json => Err(Failure::told(exit)),
            Some(exit) => {
                Err(Failure::new(exit, sentence).hint(next_step(done, names).unwrap_or_default()))
            }
            None => {
                if !console.json {
                    console.note(&sentence);
                }
                Ok(())
            }
        }
    }

    fn to_json(&self, done: &SalvageReport, names: Names<'_>, exit: Option<Exit>) -> Value {
        json!({
            "command": "salvage",
            "input": names.input.for_machines(),
            "output": names.output.for_machines(),
            "gaps": match self.gaps {
                GapsName::Zero => "zero",
                GapsName::Skip => "skip",
            },
            "complete": exit.is_none(),
            "exit_code": exit.map_or(0, Exit::code),
            "sealed": done.sealed,
            "plaintext_bytes": done.plaintext_len,
            "recovered_bytes": done.recovered,
            "bytes_out": done.bytes_out,
            "lost": ranges(&done.lost),
            "unconfirmed": ranges(&done.unconfirmed),
            "foreign": done.foreign.iter().map(|range| {
                json!({ "offset": range.start, "bytes": range.end - range.start })
            }).collect::<Vec<_>>(),
            "other_streams": done.other_streams,
            "seconds": done.wall.as_secs_f64(),
        })
    }
}

/// How a salvage ends the program. Plaintext of an unconfirmed version may be outdated, which is
/// not what was asked for either.
fn exit_of(done: &SalvageReport) -> Option<Exit> {
    let whole = done.is_complete() && done.unconfirmed.is_empty();
    if whole { None } else { Some(Exit::Damaged) }
}

fn sentence(done: &SalvageReport, gaps: GapsName) -> String {
    let least = if done.sealed { "" } else { "at least " };
    let mut text = format!("recovered {} of {least}{} bytes", done.recovered, done.plaintext_len);
    if done.lost.is_empty() && done.is_complete() {
        text.push_str(", nothing was lost");
    } else if done.lost.is_empty() {
        text.push_str(", nothing of this stream was lost");
    } else {
        let filled = match gaps {
            GapsName::Zero => "zeros stand in their place",
            GapsName::Skip => "what follows them moved up",
        };
        text.push_str(&format!(", lost {}: {filled}", counted(&done.lost)));
    }
    if !done.unconfirmed.is_empty() {
        text.push_str(&format!(
            "; {} are authentic, but no seal says that they are of the newest version",
            counted(&done.unconfirmed)
        ));
    }
    if let Some(first) = done.foreign.first() {
        text.push_str(&format!(
            "; {} of the file belong to no part of it, the first at byte {}",
            counted(&done.foreign),
            first.start
        ));
    }
    match &done.other_streams[..] {
        [] => {}
        [first] => text.push_str(&format!("; another stream begins at byte {first}")),
        [first, rest @ ..] => text.push_str(&format!(
            "; other streams begin at byte {first} and {} more places",
            rest.len()
        )),
    }
    if !done.sealed {
        text.push_str("; the seal is lost, so whether anything behind is missing is not known");
    }
    text
}

/// The command that gets at another stream in the file.
fn next_step(done: &SalvageReport, names: Names<'_>) -> Option<String> {
    let Name::File(path) = names.input else { return None };
    let first = *done.other_streams.first()?;
    let range = done.foreign.iter().find(|range| range.contains(&first))?;
    let path = operand(path.as_os_str());
    Some(format!(
        "the other stream is read with: tail -c +{} -- {path} | head -c {} | sv2 decrypt -o OTHER",
        first + 1,
        range.end - first
    ))
}

fn counted(ranges: &[Range<u64>]) -> String {
    let bytes: u64 = ranges.iter().map(|range| range.end - range.start).sum();
    let plural = if ranges.len() == 1 { "" } else { "s" };
    format!("{bytes} bytes in {} range{plural}", ranges.len())
}

fn ranges(ranges: &[Range<u64>]) -> Value {
    let objects = ranges.iter().map(|range| {
        json!({ "plaintext_offset": range.start, "plaintext_bytes": range.end - range.start })
    });
    objects.collect()
}
