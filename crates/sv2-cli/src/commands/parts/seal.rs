//! `sv2 parts seal`: some parts of a planned stream, with a receipt for each.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use clap::Args;
use sv2_core::parts::{PartSealer, PartsError, part_sealer, seal_part};
use sv2_core::{Cancellation, Existing, NamedOutput, StreamError};

use super::folder::{self, Parts, Tasks, part_path, receipt_path};
use super::job::{self, SmallFile, Stamp};
use super::told;
use crate::console::Console;
use crate::ends::Channel;
use crate::failure::Failure;
use crate::going_on;
use crate::invocation::operand;
use crate::keys::IdentityArgs;
use crate::names::{Name, Names};
use crate::running::{ThreadArgs, watch_signals};

/// The arguments of `sv2 parts seal`.
#[derive(Debug, Args)]
pub(super) struct SealArgs {
    /// The plan, with the locked key of segments
    plan: PathBuf,
    /// What is sealed; it must be what was planned for
    source: PathBuf,
    /// The folder for parts and receipts; it is made if needed
    folder: PathBuf,
    /// Seal these parts, such as 3, 3-5 or 3,7-9; by default all
    #[arg(long = "part", value_name = "PARTS", value_parser = Parts::parse)]
    parts: Option<Parts>,
    /// What the source is known by, as the plan has it
    #[arg(long, value_name = "TAG")]
    source_tag: Option<String>,
    #[command(flatten)]
    identities: IdentityArgs,
    #[command(flatten)]
    threads: ThreadArgs,
}

/// Runs `sv2 parts seal`.
pub(super) fn run(args: &SealArgs, console: &Console) -> Result<(), Failure> {
    let cancel = watch_signals()?;
    let job = folder::read_job(&args.plan)?;
    let failed = |error| Failure::file("open", &args.source, &error);
    let source = File::open(&args.source).map_err(failed)?;
    // Whatever the source is known by, it must not change from here on.
    let stamp = Stamp::of(&source, &args.source)?;
    let key = job::unlock(&args.plan, &job, &args.identities)?;
    let pin = stamp.pin(args.source_tag.as_deref());
    let sealer = part_sealer(job.plan(), key, &pin, None);
    let sealer = sealer.map_err(|error| told::parts(error, &args.plan))?;
    let parts = Parts::of(args.parts.as_ref(), sealer.plan(), &args.plan)?;
    fs::create_dir_all(&args.folder)
        .map_err(|error| Failure::file("make", &args.folder, &error))?;
    going_on::announce(format!(
        "see which parts are left: sv2 parts verify {} {}",
        operand(args.plan.as_os_str()),
        operand(args.folder.as_os_str())
    ));
    let tasks = Tasks::new((sealer.plan(), &parts), args.threads.count(), &cancel, console);
    let task = Task { args, sealer: &sealer, source: &source, stamp, tasks: &tasks };
    tasks.run(|part| task.seal(part, &cancel))?;
    let total = tasks.total;
    drop(tasks);
    if console.json {
        let ends = (args.source.as_path(), args.folder.as_path());
        let report = folder::report("parts seal", ends, &parts, total);
        return console.report(&report, Channel::Stdout);
    }
    Ok(())
}

struct Task<'t> {
    args: &'t SealArgs,
    sealer: &'t PartSealer,
    source: &'t File,
    stamp: Stamp,
    tasks: &'t Tasks<'t>,
}

impl Task<'_> {
    /// Seals one part. Its receipt comes first: a part without one would have to be sealed again,
    /// and a receipt without its part counts for nothing.
    fn seal(&self, part: u32, cancel: &Cancellation) -> Result<(), Failure> {
        let Self { args, sealer, source, stamp, tasks } = *self;
        let path = part_path(&args.folder, part);
        let (input, output) = (Name::File(args.source.clone()), Name::File(path.clone()));
        let failed = |error| told::task(error, &args.plan, &input, &output);
        let of_output =
            |error: StreamError| Failure::stream(&error, Names { input: &input, output: &output });
        let target = NamedOutput::create(&path, Existing::Replace, 0o644).map_err(of_output)?;
        let mut writer = BufWriter::new(target.file());
        let mut each = |len| tasks.advance(len);
        let receipt = seal_part(sealer, part, source, &mut writer, &mut each).map_err(failed)?;
        let flushed = writer.flush();
        drop(writer);
        flushed.map_err(|error| Failure::file("write", &path, &error))?;
        // What was read must be what was planned for up to the end; a tag that was given says
        // nothing of that.
        if Stamp::of(source, &args.source)? != stamp {
            return Err(told::parts(PartsError::SourceChanged, &args.plan));
        }
        let crc = receipt.crc64(sealer.plan()).map_err(|error| told::parts(error, &args.plan))?;
        let kept = receipt_path(&args.folder, part, crc);
        let kept = SmallFile::begin(&kept, &[], Existing::Replace, 0o644)?;
        kept.write(&sealer.encode(&receipt), cancel)?;
        target.finish(cancel).map_err(of_output)
    }
}
