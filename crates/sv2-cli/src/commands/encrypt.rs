//! `sv2 encrypt`: a file or standard input to a sealed stream.

mod earlier;
mod resume;
mod stream;

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use clap::Args;
use sv2_core::{
    Cancellation, DecryptOptions, InputSource, StreamError, Waiting, encrypt_stream_v2,
};

use self::earlier::is_up_to_date;
pub(crate) use self::stream::StreamArgs;
use crate::batch::{self, Company, Item, Lot};
use crate::console::Console;
use crate::ends::{Direction, Input, OutputArgs, derived};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::finished::holds;
use crate::invocation;
use crate::keys::{OpenKey, RecipientArgs, Who};
use crate::names::{Name, Names, shown};
use crate::parity::{has_parity, make_for_output, parse_share};
use crate::producer::{Measured, Produced, Unfinished, unexpected};
use crate::resume::note_unfinished;
use crate::running::{RunArgs, watch_signals};
use crate::size::counted;
use crate::tree::TreeArgs;
use crate::{report, size};

const EXAMPLES: &str = "\
Examples:
  sv2 encrypt disk.img                       to disk.img.sv2, for your default identity
  sv2 encrypt -r age1... -R team.txt a.tar   for several recipients, each of whom can open it
  sv2 encrypt -r \"$(cat ~/.ssh/id_ed25519.pub)\" a.tar
  sv2 encrypt -p -o secret.sv2 notes.txt     under a passphrase
  pg_dump db | sv2 encrypt -o db.sql.sv2     from a pipe
  sv2 encrypt -o db.sql.sv2 --exec -- pg_dump db    sealed only if pg_dump ends well
  sv2 encrypt -- *.jpg                       each to a stream of its own
  sv2 encrypt --recursive -o backup photos   a folder, and only what changed when run again
  sv2 encrypt --digest sha256 a.tar          with digests, so that a fingerprint binds the content
  sv2 encrypt --resume disk.img              again and again, until it is done
  sv2 encrypt --protect disk.img             with a parity file, for 'sv2 repair'

Passphrases:
  --passphrase-file and --passphrase-fd give the passphrase of the stream, as -p does, unless -i
  is given: then it is that of the identities that are locked, and with -p that of the stream as
  well. A passphrase that nothing uses is an error.

Producers:
  A short pipe looks like a whole one: where a program that writes into it dies, the stream is
  sealed over what it wrote. With --exec the program is run by sv2, without a shell and with
  nothing open but standard input, output and error, and nothing is sealed unless it succeeds.
  With --expect-length nothing is sealed unless the length is right. In a shell, 'set -o pipefail'
  tells of the failure only afterwards.

Several inputs:
  Each goes to a stream of its own, beside it or in the folder that -o names. One that fails stops
  no other; all failures are told and counted, and the worst decides the exit code, in the order
  3, 5, 6, 4, 1, 2. Under a passphrase each stream has a salt of its own, and costs a second.

Folders:
  With --recursive every file below a folder goes to its place below the folder that -o names,
  with its time and permissions sealed. A stream that is there is kept if your key opens it and
  its sealed length and time are those of the file; anything else there is reported, and with -f
  written again. Links, devices and pipes are left out, and said. Names and the shape of the
  folder stay visible.

Metadata:
  Nothing about the file is stored unless --name or --meta asks for it. What is stored is sealed:
  only those who can open the stream can read it, though its length can be told within 64 bytes.

Interruptions:
  With --resume an interrupted command leaves OUTPUT.unfinished, and the same command continues
  it: each segment there that opens and holds what the input holds is kept, everything else is
  written anew, so an input that changed costs no more than time. Continuing needs a key that
  opens what was begun: your default identity, one named with -i or SV2_IDENTITY, the passphrase
  or the raw key. Only the recipients of the last command can open the result. Cipher, digest,
  sizes and context must be those that it was begun with; otherwise nothing is changed and the
  exit code is 7. What is left stays until it is continued or you remove it; without --resume it
  is reported but not used. A run that finds the finished stream compares it with the source and
  ends with 0 if they are equal.";

/// The arguments of `sv2 encrypt`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct EncryptArgs {
    /// The files to encrypt, each to a stream of its own; standard input where none is given, or -
    #[arg(value_name = "INPUT")]
    inputs: Vec<PathBuf>,
    /// More files, or with --exec the command to run
    #[arg(last = true, value_name = "WORD")]
    words: Vec<OsString>,
    #[command(flatten)]
    output: OutputArgs,
    /// Encrypt the output of the command behind --, run without a shell, and seal it only if the
    /// command succeeds
    #[arg(long, requires = "words", conflicts_with_all = ["inputs", "resume", "rm"])]
    exec: bool,
    /// Seal the stream only if the input has this many bytes
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    expect_length: Option<u64>,
    /// Leave what is done where the command is interrupted, and continue what is there
    #[arg(long)]
    resume: bool,
    /// Keep the time of the last change and the permissions in the sealed metadata
    #[arg(long)]
    preserve: bool,
    /// Make a parity file beside the output, from which damage is repaired without a key; with
    /// =SHARE how much, by default 5%
    #[arg(long, value_name = "SHARE", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "5%", value_parser = parse_share)]
    protect: Option<u16>,
    #[command(flatten)]
    tree: TreeArgs,
    #[command(flatten)]
    recipients: RecipientArgs,
    #[command(flatten)]
    stream: StreamArgs,
    #[command(flatten)]
    run: RunArgs,
}

/// Everything that the inputs of one command share.
struct Job<'a> {
    args: &'a EncryptArgs,
    who: Who,
    /// What opens the streams of an earlier run over the same folders.
    earlier: Option<OpenKey>,
    /// Streams that were left as they are.
    kept: AtomicUsize,
    cancel: Cancellation,
    console: &'a Console,
}

/// Runs `sv2 encrypt`.
pub(crate) fn run(args: &EncryptArgs, console: &Console) -> Result<(), Failure> {
    let cancel = watch_signals()?;
    // A mistake in these is told before a key is asked for.
    args.stream.options()?;
    let files = args.words.iter().filter(|_| !args.exec).map(PathBuf::from);
    let inputs: Vec<PathBuf> = args.inputs.iter().cloned().chain(files).collect();
    let items = match args.tree.recursive {
        true => args.tree.items(&inputs, &args.output, Direction::Encrypt, console)?,
        false => {
            batch::refuse_output_as_input(&inputs, &args.output, "encrypt")?;
            batch::items(&inputs, &args.output, Direction::Encrypt)?
        }
    };
    if items.len() > 1 && (args.resume || args.expect_length.is_some() || args.stream.has_name()) {
        return Err(Failure::usage(
            "--resume, --expect-length and --name=NAME are for one input, and several are given",
        ));
    }
    // One that is not there is no reason to make an identity, nor to ask for a passphrase.
    if let [Item { input: Some(input), .. }] = &items[..]
        && input != "-"
    {
        let found = std::fs::metadata(input);
        let found = found.map_err(|error| {
            let failure = Failure::file("open", input, &error);
            match args.recipients.has_passphrase_option() {
                true => failure.hint("-p takes no value: the passphrase is asked for"),
                false => failure,
            }
        })?;
        // A pipe must not be opened twice.
        if found.is_file() || found.is_dir() {
            Input::open(Some(input), Direction::Encrypt)?;
        }
    }
    let who = args.recipients.who(console)?;
    let earlier = match args.tree.recursive {
        true => Some(args.recipients.earlier_key(&who)?),
        false => None,
    };
    let job = Job { args, who, earlier, kept: AtomicUsize::new(0), cancel, console };
    if job.who.has_passphrase() && items.len() > COSTLY {
        console.note(&format!(
            "{} streams under a passphrase take a second each, to make and to open",
            items.len()
        ));
        console.note_hint(
            "make an identity that a passphrase locks, and encrypt to it: sv2 keygen | age -p > \
             identity.age",
        );
    }
    let done =
        batch::each(&items, args.run.threads(), &job.cancel, console, |item, company, lot| {
            job.encrypt(item, company, lot)
        });
    let kept = job.kept.into_inner();
    if args.tree.recursive && done.is_ok() && kept < items.len() {
        let sealed = counted((items.len() - kept) as u64, "file was", "files were");
        console.note(&format!("{sealed} sealed"));
    }
    if kept > 0 {
        console.note(&format!(
            "{} kept, each as long and as old as its file, with the recipients that it had",
            counted(kept as u64, "stream was", "streams were")
        ));
        console
            .note_hint("to encrypt them anew give -f, to change who can open them: sv2 recipients");
    }
    done
}

/// As many streams under one passphrase are a matter of seconds.
const COSTLY: usize = 10;

impl Job<'_> {
    /// Encrypts one input; in a lot, the output gets its name and the rest is done with that.
    fn encrypt<'l>(
        &'l self,
        item: &Item,
        company: Company,
        lot: Option<&Lot<'l>>,
    ) -> Result<(), Failure> {
        let Self { args, console, .. } = self;
        let (input, produced) = if args.exec {
            let produced = Produced::start(&args.words)?;
            let pipe = produced.pipe();
            let pipe = pipe.map_err(|error| Failure::file("read", "-".as_ref(), &error))?;
            (Input::of_program(produced.name(), pipe)?, Some(produced))
        } else {
            (item.open(Direction::Encrypt)?, None)
        };
        let own = item.own()?;
        if let (Some(key), Some(own)) = (&self.earlier, &own)
            && is_up_to_date(input.metadata(), &own.reached, key, &args.stream.context)
        {
            self.kept.fetch_add(1, Ordering::Relaxed);
            // An earlier run may have ended between a stream and its parity file.
            return match args.protect.is_some() && !has_parity(&own.shown)? {
                true => args.protect(&Name::File(own.shown.clone()), &self.cancel, console),
                false => Ok(()),
            };
        }
        if args.resume && self.is_finished(&input)? {
            return Ok(());
        }
        let output = args.output.place_at(&input, own, Direction::Encrypt)?;
        if input.is_stdin() && !args.exec && args.recipients.passphrases.reads_stdin() {
            return Err(Failure::usage("--passphrase-fd 0 and the input are both standard input"));
        }
        if args.protect.is_some() && !output.is_kept() {
            return Err(Failure::usage("--protect needs an output that is a file by name")
                .hint("name the output with -o"));
        }
        if args.protect.is_some() && output.is_beside(&input, sv2_parity::SUFFIX) {
            let sentence = format!("'{}{}' is the input itself", output.name, sv2_parity::SUFFIX);
            return Err(Failure::usage(sentence).hint("choose another output with -o"));
        }
        if self.who.is_without_self() {
            told_without_self(&output.name, args.output.removes_input(), console)?;
        }
        let mut options = args.stream.options()?;
        let keeps = args.preserve || args.tree.recursive;
        options.metadata = args.stream.metadata(&input, keeps, &self.who.labels())?;
        if args.resume {
            let ends = (input, output);
            return resume::run(args, ends, &self.who, options, self.cancel.clone(), console);
        }
        note_unfinished(&output, console);
        let new = self.who.new_key()?;
        options.slots = new.slots;

        let display = company.display(console);
        options.run = company.run(&args.run, &self.cancel, &display);
        let (from, to, channel) = (input.name.clone(), output.name.clone(), output.free_channel());
        let is_stdin = input.is_stdin() && !args.exec;
        let names = Names { input: &from, output: &to };
        let source = self.source(input, produced)?;
        let lot = lot.filter(|_| output.is_kept()).map(|lot| (lot, lot.ticket()));
        let (sink, aftermath) = match lot {
            // Readable as the mask allows.
            Some((_, ticket)) => output.into_batched_sink(ticket, 0o666)?,
            None => output.into_sink()?,
        };
        let done = encrypt_stream_v2(source, sink, &new.key, &options);
        drop(display);
        let done = done.map_err(|error| told(&error, names))?;
        let rest = move |named: Result<(), StreamError>| {
            named.map_err(|error| told(&error, Names { input: &from, output: &to }))?;
            args.protect(&to, &self.cancel, console)?;
            aftermath.settle(|text| {
                // Who names several inputs knows that each has its output beside it.
                if company == Company::Alone {
                    console.note(text);
                }
            })?;
            if is_stdin && done.plaintext_len == 0 {
                console.note("standard input was empty, so the stream holds nothing");
                console.note_hint(
                    "to seal only what a program wrote to its end: sv2 encrypt -o OUT --exec -- \
                     PROGRAM ARGUMENT...",
                );
            }
            if console.json {
                console.report(&report::to_json("encrypt", &from, &to, &done), channel)?;
            } else if console.verbose {
                console.note(&report::to_text(&from, &to, &done));
            }
            Ok(())
        };
        match lot {
            Some((lot, (_, ticket))) => {
                lot.then(ticket, rest);
                Ok(())
            }
            None => rest(Ok(())),
        }
    }

    /// Whether a run with --resume finds that an earlier one finished: the stream opens, and equals
    /// the source byte for byte.
    fn is_finished(&self, input: &Input) -> Result<bool, Failure> {
        let Self { args, console, .. } = self;
        let Some(source) = input.name.path() else { return Ok(false) };
        let stream = match args.output.path() {
            Some(path) => path.to_owned(),
            None => derived(source, Direction::Encrypt)?,
        };
        if !stream.is_file() || !input.is_named_file() {
            return Ok(false);
        }
        let mut options = DecryptOptions::standard();
        options.context = args.stream.context.clone().into_bytes();
        let key = args.recipients.continued_key(&self.who)?.key;
        let is_finished = holds(&stream, source, &key, &options, &self.cancel);
        if is_finished {
            console.note(&format!(
                "{}: already complete; it opens, equals '{}' byte for byte, and keeps the recipients \
                 that it has",
                shown(&stream),
                input.name
            ));
            args.output.remove_behind(input, &stream)?;
        }
        Ok(is_finished)
    }

    /// What is read: the input itself, or by way of who knows when it is whole.
    fn source(
        &self,
        input: Input,
        produced: Option<Produced>,
    ) -> Result<InputSource<'static>, Failure> {
        let (name, file) = (input.name.clone(), input.metadata().clone());
        let Some(expected) = self.args.expect_length else {
            return Ok(match produced {
                Some(produced) => InputSource::Reader(Box::new(produced)),
                None => input.into_source(),
            });
        };
        if let Some(produced) = produced {
            return Ok(InputSource::Reader(Box::new(Measured::new(produced, expected))));
        }
        if input.is_named_file() {
            // A change while it is read is an error of its own.
            if file.len() != expected {
                let error = io::Error::other(unexpected(expected, file.len()));
                let failure = Unfinished::failure_of(&error);
                return Err(failure.unwrap_or_else(|| Failure::told(Exit::Io)).about(name));
            }
            return Ok(input.into_source());
        }
        let file = Waiting(input.into_file());
        Ok(InputSource::Reader(Box::new(Measured::new(file, expected))))
    }
}

/// The failure of an encryption.
fn told(error: &StreamError, names: Names<'_>) -> Failure {
    let unfinished = match error {
        StreamError::Read { source, .. } => Unfinished::failure_of(source),
        _ => None,
    };
    unfinished
        .map(|failure| failure.about(names.output))
        .or_else(|| header_too_small(error))
        .unwrap_or_else(|| Failure::stream(error, names))
}

/// Says of a stream that its maker cannot open it, and refuses to remove the source of one.
fn told_without_self(output: &Name, removes_input: bool, console: &Console) -> Result<(), Failure> {
    let what = "you cannot open it yourself: none of the recipients is your own identity";
    if removes_input {
        return Err(Failure::usage(format!("{output}: --rm cannot be used, since {what}")).hint(
            format!(
                "add yourself with --self, or say that this is meant: {}",
                invocation::again_with("--no-self")
            ),
        ));
    }
    console.note(&format!("{output}: {what}"));
    console.note_hint("add yourself with --self, or say that this is meant with --no-self");
    Ok(())
}

impl EncryptArgs {
    /// Makes the parity file that was asked for.
    fn protect(
        &self,
        output: &Name,
        cancel: &Cancellation,
        console: &Console,
    ) -> Result<(), Failure> {
        match self.protect {
            Some(share) => make_for_output(output, share, self.run.threads(), cancel, console),
            None => Ok(()),
        }
    }
}

/// What to do about slots and metadata that a header has no room for.
fn header_too_small(error: &StreamError) -> Option<Failure> {
    let StreamError::Limit { what: "bytes of sections in the header", value, max } = error else {
        return None;
    };
    let hint = match *value <= 64 << 10 {
        true => "use a larger --header-size, or fewer of them",
        false => {
            "name fewer recipients: make an identity for the group, encrypt to its recipient, and \
             give the identity to each member in a stream of their own: sv2 keygen -o group.txt"
        }
    };
    let sentence =
        format!("the key slots and metadata need {value} bytes and the header has room for {max}");
    Some(Failure::usage(sentence).hint(hint))
}
