//! `sv2 decrypt`: a stream back to its plaintext.

mod job;
mod salvage;

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Map, Value};
use sv2_core::{Cancellation, KeySource, read_metadata};

use self::job::{Ends, Job};
use self::salvage::GapsName;
use crate::attributes::harmless_name;
use crate::batch::{self, Company, Item};
use crate::console::Console;
use crate::ends::{Direction, Input, Output, OutputArgs, Own, derived};
use crate::failure::Failure;
use crate::finished::holds;
use crate::keys::{IdentityArgs, OpenKey};
use crate::names::{Name, Names, shown};
use crate::running::{OpeningArgs, RunArgs, watch_signals};
use crate::trailing::TrailingName;
use crate::tree::TreeArgs;

const EXAMPLES: &str = "\
Examples:
  sv2 decrypt disk.img.sv2                 to disk.img, with your default identity
  sv2 decrypt -i key.txt a.tar.sv2 -o - | tar -t
  sv2 decrypt -p secret.sv2 -o notes.txt   with a passphrase
  curl -s https://example.org/a.sv2 | sv2 decrypt > a
  sv2 decrypt --salvage broken.img.sv2     what is left of a damaged stream
  sv2 decrypt --recursive --preserve -o photos backup/photos
  sv2 decrypt --resume disk.img.sv2        again and again, until it is done

Without a key option the default identity is tried, and then you are asked for a passphrase if the
stream has one.

From a pipe, plaintext is passed on as its segments are authenticated; only exit code 0 says that
it was all of one sealed stream, and the one that --expect names: a pipe cannot be held back, so
what goes to standard output before the end is not checked against the fingerprint yet. With -o
FILE nothing is left of another stream. A file is checked before the first byte is written.

The output has mode 0600, whatever the stream's file has. With -f a symbolic link is replaced, and
not what it leads to.

Several streams go to files of their own; one that fails stops no other, and the worst decides the
exit code, in the order 3, 5, 6, 4, 1, 2.

With --unsealed the exit code is 0 although the stream is not sealed: what says so is the warning,
which -q does not silence, and \"sealed\": false with --json. It is 5 where the stream is damaged
behind what was read, which --salvage might get more out of.

Bytes behind the end of a stream are refused, and told of with the place where it ends. With
--trailing ignore the stream is read up to its end, whose seal is checked, from a file, a device or
a pipe, and the rest is left alone.

With --salvage every frame that is authentic is written, and nothing else. What was lost is listed
in OUTPUT.lost.json, and on standard error with --json where standard output carries the data. Exit
code 0 then says that nothing was lost, 5 that something was or that the seal was.

With --resume an interrupted command leaves OUTPUT.unfinished, the plaintext so far, and
OUTPUT.sv2-journal, which says how much of it is safely on the disk; the same command continues
there. Files that do not belong to the stream are left alone, and the exit code is 7. What is left
stays until it is continued or you remove it; without --resume it is reported but not used.";

/// The arguments of `sv2 decrypt`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct DecryptArgs {
    /// The streams to decrypt, each to a file of its own; standard input where none is given, or -
    #[arg(value_name = "INPUT")]
    inputs: Vec<PathBuf>,
    #[command(flatten)]
    output: OutputArgs,
    /// Give the output the time of the last change and the permissions that the stream keeps
    #[arg(long, conflicts_with_all = ["unsealed", "salvage", "resume"])]
    preserve: bool,
    /// Give the output the name that the stream keeps, beside the stream or in the folder of -o;
    /// the sender chose it, so nothing is ever overwritten by it
    #[arg(long, conflicts_with_all = ["force", "unsealed", "salvage", "resume", "recursive"])]
    use_name: bool,
    /// Leave holes in the output where the plaintext has blocks of zeros, as a disk image has them
    #[arg(long, conflicts_with_all = ["unsealed", "salvage", "resume"])]
    sparse: bool,
    /// Leave what is done where the command is interrupted, and continue what is there
    #[arg(long, conflicts_with_all = ["unsealed", "salvage"])]
    resume: bool,
    #[command(flatten)]
    tree: TreeArgs,
    #[command(flatten)]
    identities: IdentityArgs,
    #[command(flatten)]
    stream: StreamArgs,
    #[command(flatten)]
    run: RunArgs,
}

/// What the stream must be like, as arguments.
#[derive(Debug, Args)]
#[command(next_help_heading = "Stream")]
struct StreamArgs {
    #[command(flatten)]
    opening: OpeningArgs,
    /// Read a stream whose end is missing up to its last whole segment, or a damaged one up to the
    /// damage, and say so even when told to be quiet; the exit code is 0
    #[arg(long, conflicts_with_all = ["rm", "expect"])]
    unsealed: bool,
    /// Write what is left of a damaged stream, with zeros in place of what is lost, or with =skip
    /// without it
    #[arg(long, value_name = "GAPS", value_enum, num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "zero")]
    #[arg(conflicts_with_all = ["rm", "expect", "unsealed"])]
    salvage: Option<GapsName>,
    /// Read a sealed stream that something follows, such as the padding of a tape, up to its end
    #[arg(long, value_name = "WHAT", value_enum)]
    #[arg(conflicts_with_all = ["rm", "unsealed", "salvage", "resume"])]
    trailing: Option<TrailingName>,
}

/// Runs `sv2 decrypt`.
pub(crate) fn run(args: &DecryptArgs, console: &Console) -> Result<(), Failure> {
    let cancel = watch_signals()?;
    let items = if args.tree.recursive {
        args.tree.items(&args.inputs, &args.output, Direction::Decrypt, console)?
    } else if args.use_name {
        let inputs = args.inputs.iter().cloned().map(Some);
        inputs.map(|input| Item { input, output: None, found: None, below: None }).collect()
    } else {
        batch::refuse_output_as_input(&args.inputs, &args.output, "decrypt")?;
        batch::items(&args.inputs, &args.output, Direction::Decrypt)?
    };
    if items.len() > 1 && (args.resume || args.stream.opening.expect.is_some()) {
        return Err(Failure::usage(
            "--resume and --expect are for one stream, and several are given",
        ));
    }
    if args.use_name && items.is_empty() {
        return Err(Failure::usage("--use-name needs a stream in a file"));
    }
    // A stream that is not there is no reason to ask for a key.
    let first = match &items[..] {
        [item] if !args.resume => Some(args.open(item)?),
        _ => None,
    };
    let key = args.identities.open_key()?;
    if let ([item], true) = (&items[..], args.resume)
        && args.is_finished(item, &key, &cancel, console)?
    {
        return Ok(());
    }
    let job = Job { args, key, cancel, console };
    if let (Some(ends), [_]) = (first, &items[..]) {
        return job.decrypt(ends, Company::Alone, None);
    }
    batch::each(&items, args.run.threads(), &job.cancel, console, |item, company, lot| {
        job.decrypt(args.open(item)?, company, lot)
    })
}

impl DecryptArgs {
    fn open(&self, item: &Item) -> Result<Ends, Failure> {
        let path = item.input.as_deref();
        let jumps = match (self.stream.salvage, self.preserve || self.use_name) {
            (Some(_), _) => Some("decrypt --salvage"),
            (None, true) => Some("decrypt --preserve or --use-name"),
            (None, false) => None,
        };
        let input = match jumps {
            Some(command) if item.found.is_none() => Input::open_file(path, command)?,
            _ => item.open(Direction::Decrypt)?,
        };
        if let Some(command) = jumps {
            input.require_file(command)?;
        }
        if input.is_terminal() {
            return Err(Failure::usage("the stream would be read from the terminal")
                .hint("name a file or use a pipe"));
        }
        if input.is_stdin() && self.identities.passphrases.reads_stdin() {
            return Err(Failure::usage("--passphrase-fd 0 and the input are both standard input"));
        }
        let output = match self.use_name {
            true => None,
            false => Some(self.output.place_at(&input, item.own()?, Direction::Decrypt)?),
        };
        output.as_ref().map_or(Ok(()), |output| self.require_holes(output))?;
        Ok(Ends { input, output })
    }

    /// Refuses an output that cannot have the holes that were asked for.
    fn require_holes(&self, output: &Output) -> Result<(), Failure> {
        if self.sparse && !output.is_kept() {
            return Err(Failure::usage("--sparse leaves holes in a file, and the output is none")
                .hint("name a file with -o, or leave --sparse out"));
        }
        Ok(())
    }

    /// Whether a run with --resume finds that an earlier one finished: the output equals what the
    /// stream holds, byte for byte.
    fn is_finished(
        &self,
        item: &Item,
        key: &OpenKey,
        cancel: &Cancellation,
        console: &Console,
    ) -> Result<bool, Failure> {
        let Some(stream) = &item.input else { return Ok(false) };
        let file = match self.output.path() {
            Some(path) => path.to_owned(),
            None => match derived(stream, Direction::Decrypt) {
                Ok(path) => path,
                Err(_) => return Ok(false),
            },
        };
        if !file.is_file() {
            return Ok(false);
        }
        let options = self.stream.opening.options();
        let is_finished = holds(stream, &file, key, &options, cancel);
        if is_finished {
            console.note(&format!(
                "{}: already complete; it equals what '{}' holds, byte for byte",
                shown(&file),
                shown(stream)
            ));
        }
        if is_finished {
            let input = Input::open_file(Some(stream), "decrypt")?;
            self.output.remove_behind(&input, &file)?;
        }
        Ok(is_finished)
    }

    /// What the stream keeps of its file, read with the key.
    fn kept(&self, input: &Input, key: &KeySource<'_>) -> Result<Map<String, Value>, Failure> {
        let context = self.stream.opening.options().context;
        let names = Names { input: &input.name, output: &Name::Stdout };
        let metadata = read_metadata(input.again()?, key, &context)
            .map_err(|error| Failure::stream(&error, names))?;
        Ok(metadata.and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default())
    }

    /// The output under the name that the stream keeps.
    fn named(&self, input: &Input, kept: &Map<String, Value>) -> Result<Output, Failure> {
        let name = harmless_name(kept).map_err(|why| {
            Failure::usage(format!("{}: {why}", input.name)).hint("name the output with -o")
        })?;
        let folder = match self.output.path() {
            Some(folder) if folder.is_dir() => folder,
            Some(other) => {
                return Err(Failure::usage(format!("'{}' is not a folder", shown(other)))
                    .hint("with --use-name name a folder with -o, or leave it out"));
            }
            None => input.name.path().and_then(Path::parent).unwrap_or(Path::new("")),
        };
        let path = folder.join(name);
        let own = Own { shown: path.clone(), reached: path, folder: None };
        let output = self.output.place_at(input, Some(own), Direction::Decrypt)?;
        self.require_holes(&output)?;
        Ok(output)
    }
}
