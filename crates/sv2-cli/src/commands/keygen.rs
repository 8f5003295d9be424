//! `sv2 keygen`: an age identity or a raw key.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde_json::json;
use sv2_core::{OutputPlace, StreamKey};
use sv2_keys::{Prompt, generate_identity, write_identity_file, write_key_file};
use zeroize::Zeroizing;

use crate::console::{Console, print};
use crate::ends::{Channel, refused, require_stdout};
use crate::failure::Failure;
use crate::key_files;
use crate::keys::{no_randomness, own_path};
use crate::names::{Name, for_machines};
use crate::passphrase::Questions;

const EXAMPLES: &str = "\
Examples:
  sv2 keygen -o key.txt            an age identity; its recipient is printed
  sv2 keygen --raw -o stream.key   a raw key for -K
  sv2 keygen --show                the recipient of your default identity
  sv2 keygen --show key.txt        that of another one

With --json a report names the file and the recipient, so it needs -o: a secret is not printed as
JSON. Key files are made with mode 0600 and never written over. age and age-keygen read identities.

Keys from other programs:
  pass, tested:
    sv2 keygen | pass insert -m sv2/identity
    sv2 decrypt --identity-command 'pass show sv2/identity' a.sv2
    sv2 encrypt -p --passphrase-command 'pass show sv2/backup' a
  AWS Secrets Manager, tested with the AWS client against moto:
    aws secretsmanager create-secret --name sv2 --secret-string \"$(sv2 keygen --raw)\"
    sv2 decrypt --key-command 'aws secretsmanager get-secret-value --secret-id sv2
      --query SecretString --output text' a.sv2
  Not tested:
    --identity-command 'vault kv get -field=identity secret/sv2'
    --identity-command 'gcloud secrets versions access latest --secret=sv2'
    --identity-command 'op read op://Private/sv2/identity'";

/// The arguments of `sv2 keygen`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct KeygenArgs {
    /// Write to this file; standard output where it is - or not given
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Make a raw key of 64 hexadecimal digits
    #[arg(long)]
    raw: bool,
    /// Make nothing, and print the recipients of an identity file that is there
    #[arg(long, conflicts_with_all = ["raw", "output"])]
    show: bool,
    /// The identity file to show; your default identity where none is given
    #[arg(requires = "show")]
    file: Option<PathBuf>,
}

/// Runs `sv2 keygen`.
pub(crate) fn run(args: &KeygenArgs, console: &Console) -> Result<(), Failure> {
    if args.show {
        return show(args.file.as_deref(), console);
    }
    let path = args.output.as_ref().filter(|path| path.as_os_str() != "-");
    if let Some(path) = path
        && let Some(open) = open_output(path)?
    {
        return print_to(open, args.raw, path, console);
    }
    if path.is_none() {
        if console.json {
            return Err(Failure::usage(
                "a secret is not printed as JSON; name a file with -o, of which --json reports",
            ));
        }
        require_stdout()?;
    }
    if args.raw {
        let key = StreamKey::generate().map_err(|_| no_randomness())?;
        return match path {
            Some(path) => {
                write_key_file(path, &key)?;
                if console.json {
                    let report = json!({ "key_file": for_machines(path) });
                    return console.report(&report, Channel::Stdout);
                }
                Ok(())
            }
            None => print(&digits(&key)),
        };
    }
    let identity = generate_identity();
    let recipient = identity.recipient().to_string();
    match path {
        Some(path) => {
            write_identity_file(path, &identity)?;
            if console.json {
                let name = for_machines(path);
                let report = json!({ "identity_file": name, "recipient": recipient });
                return console.report(&report, Channel::Stdout);
            }
            print(&format!("{recipient}\n"))
        }
        None => {
            print(identity.expose_text())?;
            console.note(&format!("recipient: {recipient}"));
            Ok(())
        }
    }
}

/// What a name leads to that is written to and never made: a pipe, a device, an open descriptor.
fn open_output(path: &Path) -> Result<Option<File>, Failure> {
    let failed = |error| refused(&Name::File(path.to_owned()), "-o", error);
    match OutputPlace::find(path).map_err(failed)? {
        OutputPlace::Open(held) => held.open().map(Some).map_err(failed),
        _ => Ok(None),
    }
}

/// Writes a new secret to something that is open.
fn print_to(mut open: File, raw: bool, path: &Path, console: &Console) -> Result<(), Failure> {
    let failed = |error| Failure::file("write to", path, &error);
    if raw {
        let key = StreamKey::generate().map_err(|_| no_randomness())?;
        return open.write_all(digits(&key).as_bytes()).map_err(failed);
    }
    let identity = generate_identity();
    open.write_all(identity.expose_text().as_bytes()).map_err(failed)?;
    console.note(&format!("recipient: {}", identity.recipient()));
    Ok(())
}

/// Prints whom to encrypt to for an identity that is there.
fn show(file: Option<&Path>, console: &Console) -> Result<(), Failure> {
    let path = match file {
        Some(file) => file.to_owned(),
        None => own_path()?,
    };
    let prompt: Arc<dyn Prompt> = Questions::terminal();
    let mut recipients = Vec::new();
    for identity in key_files::identities(&path)? {
        recipients.extend(identity.recipients(&prompt)?.iter().map(ToString::to_string));
    }
    if console.json {
        let name = path.to_string_lossy();
        let report = json!({ "identity_file": name, "recipients": recipients });
        return console.report(&report, Channel::Stdout);
    }
    print(&recipients.iter().map(|recipient| format!("{recipient}\n")).collect::<String>())
}

/// The key as a line of digits, made in one piece so that no copy is left behind.
fn digits(key: &StreamKey) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(65));
    for byte in key.expose() {
        for half in [byte >> 4, byte & 15] {
            text.push(char::from_digit(half.into(), 16).unwrap_or_default());
        }
    }
    text.push('\n');
    text
}
