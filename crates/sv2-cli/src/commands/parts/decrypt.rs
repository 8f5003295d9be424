//! `sv2 parts decrypt`: parts of a finished stream, each into its range of a file.

use std::fs::{File, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;

use clap::Args;
use sv2_core::{InputSource, StreamReader};

use super::folder::{self, Parts, Tasks};
use super::told;
use crate::console::Console;
use crate::ends::Channel;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::going_on;
use crate::invocation::again_with;
use crate::keys::IdentityArgs;
use crate::names::{Name, Names, shown};
use crate::running::{OpeningArgs, ThreadArgs, watch_signals};

/// Bytes that are read at a time.
const STEP: u64 = 4 << 20;

/// The arguments of `sv2 parts decrypt`.
#[derive(Debug, Args)]
pub(super) struct DecryptArgs {
    /// The plan, which says where parts begin
    plan: PathBuf,
    /// The finished stream
    stream: PathBuf,
    /// Write the parts into their ranges of this new file, which is whole when every part was
    /// decrypted
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Write into a file of this length that is there, such as one that a task for other parts made
    #[arg(short, long)]
    force: bool,
    /// Decrypt these parts, such as 3, 3-5 or 3,7-9; by default all
    #[arg(long = "part", value_name = "PARTS", value_parser = Parts::parse)]
    parts: Option<Parts>,
    #[command(flatten)]
    identities: IdentityArgs,
    #[command(flatten, next_help_heading = "Stream")]
    opening: OpeningArgs,
    #[command(flatten)]
    threads: ThreadArgs,
}

/// Runs `sv2 parts decrypt`.
pub(super) fn run(args: &DecryptArgs, console: &Console) -> Result<(), Failure> {
    let cancel = watch_signals()?;
    // Where parts begin is no secret and proves nothing; what is written is sealed at its place.
    let claimed = folder::read_job(&args.plan)?.claimed();
    let plan = claimed.map_err(|error| told::parts(error, &args.plan))?;
    let key = args.identities.open_key()?;
    let (input, output) = (Name::File(args.stream.clone()), Name::File(args.output.clone()));
    let told = |error: &sv2_core::StreamError| {
        Failure::stream(error, Names { input: &input, output: &output })
    };
    let source = InputSource::Path(args.stream.clone());
    let opened = key.with(|keys| StreamReader::open(source, keys, &args.opening.options()));
    let reader = opened.map_err(|error| told(&error))?;
    let layout = plan.layout();
    let header = reader.header();
    let is_of = reader.len() == plan.source().len
        && header.geometry == layout.geometry
        && header.digest == layout.digest
        && header.header_len == layout.header_len;
    if !is_of {
        let sentence = format!("{input}: it is not the stream of '{}'", shown(&args.plan));
        return Err(Failure::new(Exit::Mismatch, sentence).hint("use the plan that it was made by"));
    }
    // At most one for each segment that the stream has.
    let parts = Parts::of(args.parts.as_ref(), &plan, &args.plan)?;
    let file = open_output(args, reader.len())?;
    // What is written twice is the same.
    going_on::announce(format!("continue with: {}", again_with("-f")));
    let tasks = Tasks::new((&plan, &parts), args.threads.count(), &cancel, console);
    tasks.run(|part| {
        let spec = plan.part(part).map_err(|error| told::parts(error, &args.plan))?;
        let (mut at, end) = (spec.plaintext.start, spec.plaintext.end);
        let mut buffer = Vec::new();
        while at < end {
            // At most a step, so it fits.
            buffer.resize(STEP.min(end - at) as usize, 0);
            let count = reader.read_at(&mut buffer, at).map_err(|error| told(&error))?;
            let written = file.write_all_at(&buffer[..count], at);
            written.map_err(|error| Failure::file("write", &args.output, &error))?;
            at += count as u64;
            tasks.advance(count as u64).map_err(|_| Failure::interrupted())?;
        }
        Ok(())
    })?;
    let total = tasks.total;
    drop(tasks);
    file.sync_all().map_err(|error| Failure::file("write", &args.output, &error))?;
    if console.json {
        let ends = (args.stream.as_path(), args.output.as_path());
        let report = folder::report("parts decrypt", ends, &parts, total);
        return console.report(&report, Channel::Stdout);
    }
    Ok(())
}

/// The file that all parts go to, with its full length, for its owner alone.
fn open_output(args: &DecryptArgs, len: u64) -> Result<File, Failure> {
    let failed = |error| Failure::file("open", &args.output, &error);
    let mut options = File::options();
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    // The bits of an open are a C int.
    options.write(true).mode(0o600).custom_flags(flags.bits() as i32);
    // Of two tasks at the same time one makes it.
    let file = match options.clone().create_new(true).open(&args.output) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && args.force => {
            let file = options.open(&args.output).map_err(failed)?;
            require_own(&file, args, len)?;
            file
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let sentence = format!("'{}' already exists", shown(&args.output));
            return Err(Failure::usage(sentence)
                .hint("with -f parts are written into a file that a task for other parts made"));
        }
        made => made.map_err(failed)?,
    };
    // Whoever comes second finds it so.
    file.set_len(len).map_err(failed)?;
    Ok(file)
}

/// Refuses a file that no task for other parts can have made: plaintext goes to nobody who planted
/// it, be it under a second name.
fn require_own(file: &File, args: &DecryptArgs, len: u64) -> Result<(), Failure> {
    let failed = |error| Failure::file("open", &args.output, &error);
    let metadata = file.metadata().map_err(failed)?;
    let why = if !metadata.is_file() || ![0, len].contains(&metadata.len()) {
        // Whatever made it gave it its whole length.
        "is no file of these parts"
    } else if metadata.uid() != rustix::process::geteuid().as_raw() {
        "belongs to another user"
    } else if metadata.nlink() != 1 {
        "has another name as well"
    } else {
        // Where the file system has no modes, they keep nobody out.
        let _ = file.set_permissions(Permissions::from_mode(0o600));
        return Ok(());
    };
    let sentence = format!("'{}' is there already, and {why}", shown(&args.output));
    Err(Failure::usage(sentence).hint("choose another output with -o"))
}
