//! `sv2 encrypt`: a file or standard input to a sealed stream.

mod resume;

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};
use sv2_core::{DigestAlg, EncryptOptions, StreamError, Suite, encrypt_stream_v2};

use crate::console::Console;
use crate::ends::{Direction, Input, OutputArgs};
use crate::failure::Failure;
use crate::invocation;
use crate::keys::RecipientArgs;
use crate::names::{Name, Names, printable};
use crate::progress::Display;
use crate::resume::note_unfinished;
use crate::running::{RunArgs, watch_signals};
use crate::{report, size};

const EXAMPLES: &str = "\
Examples:
  sv2 encrypt disk.img                       to disk.img.sv2, for your default identity
  sv2 encrypt -r age1... -R team.txt a.tar   for several recipients, each of whom can open it
  sv2 encrypt -r \"$(cat ~/.ssh/id_ed25519.pub)\" a.tar
  sv2 encrypt -p -o secret.sv2 notes.txt     under a passphrase
  pg_dump db | sv2 encrypt -o db.sql.sv2     from a pipe
  sv2 encrypt --digest sha256 a.tar          with digests, so that a fingerprint binds the content
  sv2 encrypt --resume disk.img              again and again, until it is done

Passphrases:
  --passphrase-file and --passphrase-fd give the passphrase of the stream, as -p does, unless -i is
  given: then an identity that is locked takes it, and with -p the stream, if none did. One that
  nothing takes is refused.

Metadata:
  Nothing about the file is stored unless --name or --meta asks for it. What is stored is sealed:
  only who can open the stream can read it, though its length can be told within 64 bytes.

Interruptions:
  With --resume an interrupted command leaves OUTPUT.unfinished, and the same command continues it:
  each segment there that opens and holds what the input holds is kept, everything else is written
  anew, so an input that changed costs no more than time. Continuing needs a key that opens what
  was begun: your default identity, one named with -i or SV2_IDENTITY, the passphrase or the raw
  key. The result opens for whom the last command names. Cipher, digest, sizes and context must be
  those that it was begun with; otherwise nothing is changed and the exit code is 7. What is left
  stays until it is continued or you remove it; without --resume it is not used, and told of.";

/// The arguments of `sv2 encrypt`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct EncryptArgs {
    /// The file to encrypt; standard input where it is - or not given
    input: Option<PathBuf>,
    #[command(flatten)]
    output: OutputArgs,
    /// Leave what is done where the command is interrupted, and continue what is there
    #[arg(long)]
    resume: bool,
    #[command(flatten)]
    recipients: RecipientArgs,
    #[command(flatten)]
    stream: StreamArgs,
    #[command(flatten)]
    run: RunArgs,
}

/// What the new stream is like, as arguments.
#[derive(Debug, Args)]
#[command(next_help_heading = "Stream")]
struct StreamArgs {
    /// The cipher
    #[arg(long, value_enum, default_value_t = SuiteName::Aes256Gcm)]
    suite: SuiteName,
    /// The digest of each segment, for who signs or compares fingerprints
    #[arg(long, value_enum, default_value_t = DigestName::None)]
    digest: DigestName,
    /// Plaintext bytes in a frame, the unit of random access: a power of two, 256 to 1M; by default
    /// 64K, or the segment's size where that is smaller
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    frame_size: Option<u64>,
    /// Plaintext bytes in a segment, the unit of parallelism: a power of two, from one frame to
    /// 16384 of them and up to 1G; by default 4M
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    segment_size: Option<u64>,
    /// Bytes of the header, the room for key slots and metadata: a multiple of 64 up to 64K; by
    /// default 4K with key slots and 1K without, and more where they need it
    #[arg(long, value_name = "SIZE", value_parser = size::parse_header)]
    header_size: Option<u32>,
    /// Text that is not stored and must be given again to decrypt
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    context: String,
    /// Store a file name in the sealed metadata: the input's, or the one after =
    #[arg(long, value_name = "NAME", num_args = 0..=1, require_equals = true)]
    name: Option<Option<String>>,
    /// Store a pair of texts in the sealed metadata (repeatable)
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    meta: Vec<(String, String)>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum SuiteName {
    #[value(name = "aes-256-gcm")]
    Aes256Gcm,
    #[value(name = "chacha20-poly1305")]
    ChaCha20Poly1305,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum DigestName {
    None,
    Sha256,
    Blake3,
}

/// Runs `sv2 encrypt`.
pub(crate) fn run(args: &EncryptArgs, console: &Console) -> Result<(), Failure> {
    let cancel = watch_signals()?;
    let mut options = EncryptOptions::standard();
    options.suite = match args.stream.suite {
        SuiteName::Aes256Gcm => Suite::Aes256Gcm,
        SuiteName::ChaCha20Poly1305 => Suite::ChaCha20Poly1305,
    };
    options.digest = match args.stream.digest {
        DigestName::None => DigestAlg::None,
        DigestName::Sha256 => DigestAlg::Sha256,
        DigestName::Blake3 => DigestAlg::Blake3,
    };
    options.geometry = size::geometry(args.stream.frame_size, args.stream.segment_size)?;
    options.context = args.stream.context.clone().into_bytes();

    let input = Input::open(args.input.as_deref(), Direction::Encrypt)?;
    let output = args.output.place(&input, Direction::Encrypt)?;
    if input.is_stdin() && args.recipients.passphrases.reads_stdin() {
        return Err(Failure::usage("--passphrase-fd 0 and the input are both standard input"));
    }
    options.header_len = args.stream.header_size;
    let who = args.recipients.who(console)?;
    if who.is_without_self() {
        told_without_self(&output.name, args.output.removes_input(), console)?;
    }
    options.metadata = args.stream.metadata(&input, &who.labels())?;
    if args.resume {
        return resume::run(args, (input, output), who, options, cancel, console);
    }
    note_unfinished(&output, console);
    let new = who.new_key()?;
    options.slots = new.slots;

    let display = Display::new(console);
    options.run = args.run.options(cancel, &display);
    let (from, to, channel) = (input.name.clone(), output.name.clone(), output.free_channel());
    let names = Names { input: &from, output: &to };
    let (sink, aftermath) = output.into_sink();
    let done = encrypt_stream_v2(input.into_source(), sink, &new.key, &options);
    drop(display);
    let done = done.map_err(|error| {
        header_too_small(&error).unwrap_or_else(|| Failure::stream(&error, names))
    })?;
    aftermath.settle(|text| console.note(text))?;
    if console.json {
        console.report(&report::to_json("encrypt", &from, &to, &done), channel)?;
    } else if console.verbose {
        console.note(&report::to_text(&from, &to, &done));
    }
    Ok(())
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

impl StreamArgs {
    /// The metadata object, where there is anything to store.
    fn metadata(&self, input: &Input, labels: &[String]) -> Result<Option<Vec<u8>>, Failure> {
        let mut object = Map::new();
        if let Some(name) = &self.name {
            let name = match name {
                Some(name) => name.as_str(),
                None => input.base_name().ok_or_else(|| {
                    Failure::usage("the input has no name that is text; give one with --name=NAME")
                })?,
            };
            if name.is_empty() || matches!(name, "." | "..") || name.contains(['/', '\\', '\0']) {
                return Err(Failure::usage(format!(
                    "'{}' is no file name without folders; give another with --name=NAME",
                    printable(name)
                )));
            }
            object.insert("name".into(), json!(name));
        }
        if !labels.is_empty() {
            object.insert("slots".into(), json!(labels));
        }
        let mut user = Map::new();
        for (key, value) in &self.meta {
            if user.insert(key.clone(), json!(value)).is_some() {
                return Err(Failure::usage(format!("--meta names '{}' twice", printable(key))));
            }
        }
        if !user.is_empty() {
            object.insert("user".into(), Value::Object(user));
        }
        Ok((!object.is_empty()).then(|| Value::Object(object).to_string().into_bytes()))
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("metadata is given as KEY=VALUE".into()),
    }
}
