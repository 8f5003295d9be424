//! `sv2 repair`: what was lost of a file is given back from its parity file, and what follows from
//! the rest of a stream is put back without one.

mod mending;
mod outputs;

use std::fs::File;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};
use sv2_core::DamageMap;
use sv2_parity::{
    Findings, Repaired, Sidecar, Source, Version, repair_copy, repair_in_place, scan,
};

use self::outputs::Outputs;
use crate::commands::protect::area_json;
use crate::console::Console;
use crate::ends::{Channel, same_file};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::going_on;
use crate::invocation::operand;
use crate::names::{Name, shown};
use crate::parity::{
    Found, Watch, failure, finding, is_of_no_stream, open_settled, parity_path, promise, wrong,
};
use crate::running::{ThreadArgs, watch_signals};
use crate::size::counted;

const EXAMPLES: &str = "\
Examples:
  sv2 repair --dry-run backup.sv2           says what is damaged and what can be given back
  sv2 repair backup.sv2                     writes backup.sv2.repaired
  sv2 repair -o whole.sv2 backup.sv2
  sv2 repair -f backup.sv2                  in place; only bad blocks are written
  sv2 repair -f --backup old.sv2 backup.sv2 in place, with a copy of the file as it was
  sv2 repair --from copy.sv2 backup.sv2     takes from another copy what it has and this has not
  sv2 repair -f --cut backup.sv2            in place, and cuts off what stands behind the end

The parity file is the one that 'sv2 protect' made beside the file. From it nothing is written unless
everything can be given back, and nothing that its checksum does not confirm. A repair in place
that is cut off leaves at worst the same blocks bad, and the same command continues it; bytes behind
the end are cut off in place only with --cut.

Where there is no parity file, or with --without-parity, a stream gets back what follows from the
rest of it: a header from its copy and the copy from the header, entries of the index from their
segments, headers and footers of segments from the index, a trailer of which only lengths and the
like were lost. What a frame held does not come back so, and what does is written all the same.

A parity file is not used where what is left of the stream says that it was sealed anew since, so
that no recipient comes back who was removed; where header, copy and trailer are all lost nothing
says so, and the file comes back as it was when its parity file was made. Checksums agree after a
repair, and nothing is authenticated: a stream is scrubbed afterwards, and 'sv2 verify -i KEY' says
whether it is what was sealed.";

/// The arguments of `sv2 repair`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct RepairArgs {
    /// The file to repair
    file: PathBuf,
    /// Write the repaired file here; by default to FILE.repaired
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,
    /// Repair in place, or with -o overwrite the output
    #[arg(short, long)]
    force: bool,
    /// Say what would be done, and write nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Take from this copy of the file what it has; it may be damaged too
    #[arg(long, value_name = "COPY")]
    from: Option<PathBuf>,
    /// Copy the file as it is here, before it is repaired in place
    #[arg(long, value_name = "FILE", requires = "force", conflicts_with = "output")]
    backup: Option<PathBuf>,
    /// Cut off in place what stands behind the end of the file
    #[arg(long, requires = "force", conflicts_with = "output")]
    cut: bool,
    /// Put back what follows from the rest of the stream, and use no parity file
    #[arg(long, conflicts_with = "from")]
    without_parity: bool,
    #[command(flatten)]
    threads: ThreadArgs,
}

/// Runs `sv2 repair`.
pub(crate) fn run(args: &RepairArgs, console: &Console) -> Result<(), Failure> {
    let cancel = watch_signals()?;
    let in_place = args.force && args.output.is_none() && !args.dry_run;
    let name = Name::File(args.file.clone());
    let file = open_settled(&args.file, in_place)?;
    let parity = parity_path(&args.file)?;
    let outputs = Outputs { args, cancel: &cancel, name: &name, parity: &parity };
    let found = if args.without_parity { None } else { Found::beside(&file, &args.file)? };
    let Some(found) = found else {
        if args.from.is_some() {
            return Err(Failure::usage(format!("{name}: there is no '{}'", shown(&parity)))
                .hint("--from needs the parity file, which says what of the copy is sound"));
        }
        return mending::run(&outputs, in_place, &file, console);
    };
    let sidecar = found.open(&name)?;
    let job = Job { outputs, console, found: &found, sidecar: &sidecar };
    let other = args.from.as_deref().map(|copy| job.open_copy(copy, &file)).transpose()?;
    let other = other.as_ref().map(|copy| copy as &dyn Source);

    let watch = job.watch();
    let findings = watch.run(|work| scan(&file, other, &sidecar, work));
    drop(watch);
    let findings = findings.map_err(|error| job.failed(&error))?;
    if findings.is_file_sound() || args.dry_run {
        return job.tell(&findings, None);
    }
    findings.require_repairable().map_err(|error| job.failed(&error))?;
    let (output, repaired) = if in_place {
        (args.file.clone(), job.in_place(&file, other, &findings)?)
    } else {
        job.copy(&file, other, &findings)?
    };
    job.tell(&findings, Some((output, repaired)))
}

struct Job<'j> {
    outputs: Outputs<'j>,
    console: &'j Console,
    found: &'j Found,
    sidecar: &'j Sidecar<'j>,
}

impl Job<'_> {
    fn failed(&self, error: &sv2_parity::ParityError) -> Failure {
        failure(error, self.outputs.name, &self.found.path)
    }

    fn watch(&self) -> Watch<'_> {
        let total = self.sidecar.directory().file_len;
        Watch::new(self.console, self.outputs.cancel, self.outputs.args.threads.count(), total)
    }

    fn open_copy(&self, copy: &Path, file: &File) -> Result<File, Failure> {
        let opened = open_settled(copy, false)?;
        let metadata =
            |file: &File| file.metadata().map_err(|error| Failure::file("read", copy, &error));
        if same_file(&metadata(&opened)?, &metadata(file)?) {
            return Err(Failure::usage(format!("'{}' is the file itself", shown(copy))));
        }
        Ok(opened)
    }

    fn in_place(
        &self,
        file: &File,
        other: Option<&dyn Source>,
        findings: &Findings,
    ) -> Result<Repaired, Failure> {
        let more = findings.found_len.saturating_sub(findings.file_len);
        self.outputs.may_cut(more, ", which was not there when the file was protected")?;
        self.outputs.back_up(file)?;
        going_on::announce(self.outputs.continued());
        let watch = self.watch();
        let done = watch.run(|work| repair_in_place(file, other, self.sidecar, findings, work));
        drop(watch);
        done.map_err(|error| match error {
            sv2_parity::ParityError::Cancelled => Failure::interrupted(),
            error => self.failed(&error),
        })
    }

    fn copy(
        &self,
        file: &File,
        other: Option<&dyn Source>,
        findings: &Findings,
    ) -> Result<(PathBuf, Repaired), Failure> {
        let (output, target) = self.outputs.create_copy()?;
        let watch = self.watch();
        let done =
            watch.run(|work| repair_copy(file, other, self.sidecar, findings, target.file(), work));
        drop(watch);
        let done = done.map_err(|error| self.failed(&error))?;
        target.finish(self.outputs.cancel).map_err(|error| self.outputs.told(&output, &error))?;
        Ok((output, done))
    }

    /// Says what was found and done, and how a stream looks afterwards.
    fn tell(&self, findings: &Findings, done: Option<(PathBuf, Repaired)>) -> Result<(), Failure> {
        let exit = (!findings.is_repairable()).then_some(Exit::Damaged);
        let scrubbed =
            done.as_ref().map(|(output, _)| self.scrubbed(output)).transpose()?.flatten();
        if self.console.json {
            let mut report = findings_json(findings);
            report["command"] = json!("repair");
            report["input"] = json!(self.outputs.name.for_machines());
            report["dry_run"] = json!(self.outputs.args.dry_run);
            report["areas"] = findings.areas.iter().map(area_json).collect();
            report["version_confirmed"] = json!(findings.version == Version::Confirmed);
            if let Some((output, repaired)) = &done {
                report["output"] = json!(Name::File(output.clone()).for_machines());
                report["blocks_computed"] = json!(repaired.computed);
                report["memory_bytes"] = json!(findings.repair_memory());
                report["blocks_from_copy"] = json!(repaired.borrowed);
                report["bytes_cut"] = json!(repaired.cut);
                report["undamaged"] = json!(scrubbed.as_ref().map(DamageMap::is_undamaged));
            }
            report["authenticated"] = json!(false);
            self.console.report(&report, Channel::Stdout)?;
        } else {
            self.say(findings, done.as_ref(), scrubbed.as_ref());
        }
        match exit {
            Some(exit) => Err(Failure::told(exit)),
            None => Ok(()),
        }
    }

    fn say(
        &self,
        findings: &Findings,
        done: Option<&(PathBuf, Repaired)>,
        scrubbed: Option<&DamageMap>,
    ) {
        let note = |text: &str| self.console.note(text);
        note(&format!("{}: {}", self.outputs.name, finding(findings)));
        note(&format!("'{}' {}", shown(&self.found.path), promise(&findings.areas)));
        if let Some((output, repaired)) = done {
            let mut text = format!(
                "'{}': {} computed",
                shown(output),
                counted(repaired.computed, "block", "blocks")
            );
            if repaired.borrowed > 0 {
                text.push_str(&format!(", {} taken from the other copy", repaired.borrowed));
            }
            text.push_str("; checksums agree, and nothing was authenticated");
            if let Some(map) = scrubbed {
                let state = if map.is_undamaged() { "no damage" } else { "the stream is damaged" };
                text.push_str(&format!("; scrubbed: {state}"));
            }
            note(&text);
        }
        if findings.version == Version::Unconfirmed && findings.is_repairable() {
            // Whoever was removed from the recipients since would be back without a word.
            self.console.warn(&format!(
                "seal and headers of {} were lost, so nothing tells whether it was changed after \
                 '{}' was made: {} as it was then, with the recipients of then",
                self.outputs.name,
                shown(&self.found.path),
                if done.is_some() { "it is" } else { "it would be" },
            ));
            let output = done.map_or(&self.outputs.args.file, |(output, _)| output);
            self.console.hint(&format!(
                "see who opens it: sv2 recipients list {}",
                operand(output.as_os_str())
            ));
        }
        if findings.damaged_parity().next().is_some() || self.sidecar.directories() < 2 {
            note("the parity file itself is damaged");
            self.console.note_hint(&wrong::anew(&self.outputs.args.file));
        }
    }

    /// Scrubs a stream that was repaired; nothing of any other file.
    fn scrubbed(&self, output: &Path) -> Result<Option<DamageMap>, Failure> {
        if is_of_no_stream(self.sidecar) {
            return Ok(None);
        }
        self.outputs.scrubbed(output).map(Some)
    }
}

/// What a comparison found, for machines.
pub(crate) fn findings_json(findings: &Findings) -> Value {
    let of = |windows: &mut dyn Iterator<Item = &sv2_parity::WindowState>| windows.count();
    json!({
        "bytes": findings.file_len,
        "found_bytes": findings.found_len,
        "bad_blocks": findings.bad_blocks(),
        "bad_windows": of(&mut findings.damaged()),
        "hopeless_windows": of(&mut findings.hopeless()),
        "damaged_parity_windows": of(&mut findings.damaged_parity()),
        "windows": findings.window_count(),
        "sound": findings.is_file_sound(),
        "repairable": findings.is_repairable(),
        "memory_bytes": findings.memory,
    })
}
