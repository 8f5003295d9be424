//! Repair without parity: what follows from the rest of a stream is put back.

use std::fs::File;
use std::path::PathBuf;

use serde_json::{Value, json};
use sv2_core::{DamageMap, InputSource, Mends, StreamError, Unit, find_mends, scrub_followed};

use super::outputs::Outputs;
use crate::console::Console;
use crate::ends::Channel;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::going_on;
use crate::invocation::operand;
use crate::names::{Name, Names, shown};
use crate::size::counted;

/// Puts back what can be had of a stream without parity.
pub(super) fn run(
    outputs: &Outputs<'_>,
    in_place: bool,
    file: &File,
    console: &Console,
) -> Result<(), Failure> {
    let job = Job { outputs, console, file };
    let map = scrub_followed(job.input()?, &outputs.run()).map_err(|error| job.refused(&error))?;
    let mends = find_mends(job.input()?, &map, &outputs.run()).map_err(|error| job.read(&error))?;
    if mends.is_empty() || outputs.args.dry_run {
        let after = match mends.is_empty() {
            true => map.is_undamaged(),
            false => {
                let mended = mends.scrub(job.input()?, &outputs.run());
                mended.map_err(|error| job.read(&error))?.is_undamaged()
            }
        };
        return job.tell(&map, &mends, None, after);
    }
    let output = if in_place { job.in_place(&mends)? } else { job.copy(&mends)? };
    let after = outputs.scrubbed(&output)?;
    job.tell(&map, &mends, Some(output), after.is_undamaged())
}

struct Job<'j> {
    outputs: &'j Outputs<'j>,
    console: &'j Console,
    file: &'j File,
}

impl Job<'_> {
    /// The stream once more; it is the file that was opened and locked.
    fn input(&self) -> Result<InputSource<'static>, Failure> {
        let file = self.file.try_clone();
        let path = &self.outputs.args.file;
        file.map(InputSource::File).map_err(|error| Failure::file("read", path, &error))
    }

    fn read(&self, error: &StreamError) -> Failure {
        Failure::stream(error, Names { input: self.outputs.name, output: &Name::Stdout })
    }

    /// Why nothing can be said of the file.
    fn refused(&self, error: &StreamError) -> Failure {
        let StreamError::NotAStream = error else { return self.read(error) };
        let parity = shown(self.outputs.parity);
        let what = format!("there is no '{parity}', and without it only a stream can be repaired");
        let mut failure = self.read(error);
        failure.sentence = format!("{}; {what}", failure.sentence);
        failure
    }

    fn in_place(&self, mends: &Mends) -> Result<PathBuf, Failure> {
        let path = &self.outputs.args.file;
        let more = mends.trailing.map_or(0, |trailing| trailing.len);
        self.outputs.may_cut(more, " of the stream")?;
        self.outputs.back_up(self.file)?;
        going_on::announce(self.outputs.continued());
        let written = mends.write(self.file, mends.trailing);
        written.map_err(|error| Failure::file("write", path, &error))?;
        Ok(path.clone())
    }

    fn copy(&self, mends: &Mends) -> Result<PathBuf, Failure> {
        let (output, target) = self.outputs.create_copy()?;
        let end = mends.trailing.map_or(u64::MAX, |trailing| trailing.offset);
        self.outputs.copy((self.file, end), (&output, &target))?;
        let mended = mends.write(target.file(), None);
        mended.map_err(|error| Failure::file("write", &output, &error))?;
        let finished = target.finish(self.outputs.cancel);
        finished.map_err(|error| self.outputs.told(&output, &error))?;
        Ok(output)
    }

    /// Says what was found and done; what is damaged still decides the exit code.
    fn tell(
        &self,
        map: &DamageMap,
        mends: &Mends,
        output: Option<PathBuf>,
        after: bool,
    ) -> Result<(), Failure> {
        if self.console.json {
            let report = self.report(map, mends, output.as_ref(), after);
            self.console.report(&report, Channel::Stdout)?;
        } else {
            self.say(map, mends, output.as_ref(), after);
        }
        if after { Ok(()) } else { Err(Failure::told(Exit::Damaged)) }
    }

    fn say(&self, map: &DamageMap, mends: &Mends, output: Option<&PathBuf>, after: bool) {
        let (name, path) = (self.outputs.name, &self.outputs.args.file);
        let note = |text: &str| self.console.note(text);
        let found = match map.is_undamaged() && mends.trailing.is_none() {
            true => "no damage".into(),
            false => counted(map.damaged_units, "damaged part", "damaged parts"),
        };
        note(&format!("{name}: {found}; no parity file is used"));
        if !mends.is_empty() {
            let follows = if output.is_some() { "put back" } else { "can be put back" };
            note(&format!("{follows}: {}", in_words(mends)));
        }
        let state = match after {
            true => "no damage",
            false if mends.is_empty() => "nothing of it follows from the rest of the stream",
            false => "the stream is damaged",
        };
        match output {
            Some(output) => note(&format!(
                "'{}': checksums agree, and nothing was authenticated; scrubbed: {state}",
                shown(output)
            )),
            None if mends.is_empty() && after => {}
            None if mends.is_empty() => note(state),
            None => note(&format!("a scrub would say then: {state}")),
        }
        if !after {
            let lossy = output.unwrap_or(path);
            self.console.note_hint(&format!(
                "what still opens can be had: sv2 decrypt --salvage=zero {}",
                operand(lossy.as_os_str())
            ));
        }
    }

    fn report(
        &self,
        map: &DamageMap,
        mends: &Mends,
        output: Option<&PathBuf>,
        after: bool,
    ) -> Value {
        let list = mends.list.iter().map(|mend| {
            json!({
                "unit": mend.unit.to_string(),
                "offset": mend.offset,
                "bytes": mend.bytes.len(),
            })
        });
        json!({
            "command": "repair",
            "input": self.outputs.name.for_machines(),
            "output": output.map(|output| Name::File(output.clone()).for_machines()),
            "dry_run": self.outputs.args.dry_run,
            "parity": false,
            "damaged_units": map.damaged_units,
            "mends": list.collect::<Vec<_>>(),
            "bytes_cut": output.and(mends.trailing).map_or(0, |trailing| trailing.len),
            "partial": mends.is_partial,
            "undamaged": after,
            "authenticated": false,
        })
    }
}

/// What can be put back, by kind.
fn in_words(mends: &Mends) -> String {
    let of = |is: fn(&Unit) -> bool| mends.list.iter().filter(|mend| is(&mend.unit)).count() as u64;
    let mut parts = Vec::new();
    let mut add = |count: u64, one: &str, many: &str| {
        if count > 0 {
            parts.push(counted(count, one, many));
        }
    };
    add(of(|unit| *unit == Unit::Header), "front header from its copy", "front headers");
    add(of(|unit| *unit == Unit::HeaderCopy), "header copy from the front", "header copies");
    add(of(|unit| *unit == Unit::Trailer), "trailer", "trailers");
    add(of(|unit| *unit == Unit::Index), "piece of the index", "pieces of the index");
    add(of(|unit| matches!(unit, Unit::Segment { .. })), "segment header", "segment headers");
    add(of(|unit| matches!(unit, Unit::Footer { .. })), "segment footer", "segment footers");
    add(of(|unit| matches!(unit, Unit::Frame { .. })), "frame header", "frame headers");
    if let Some(trailing) = mends.trailing {
        let bytes = counted(trailing.len, "byte", "bytes");
        parts.push(format!("the end, behind which {bytes} stand"));
    }
    if mends.is_partial {
        parts.push("and perhaps more, which the next repair finds".into());
    }
    parts.join(", ")
}
