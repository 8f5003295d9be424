//! `sv2 fingerprint`: the value to sign or pin, verified where a key is at hand.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use sv2_core::{DecryptOptions, DigestAlg, ErrorKind, StreamReader, inspect};

use crate::change::note_half_changed;
use crate::console::{Console, print};
use crate::ends::{Channel, Input};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::invocation::operand;
use crate::keys::IdentityArgs;
use crate::names::{Name, Names};
use crate::report::hex;
use crate::running::watch_signals;
use crate::unfinished::half_changed;

const EXAMPLES: &str = "\
Examples:
  sv2 fingerprint backup.sv2
  sv2 decrypt --expect \"$(cat backup.fingerprint)\" backup.sv2

The fingerprint is that of the sealed content: it stays when recipients change. It binds the content
even against who holds the key only if the stream was made with --digest. It covers neither who can
open the stream nor its metadata, which anyone who holds the key can change: to vouch for those as
well, sign the whole file, for example with 'sha256sum' and a signature of its output.

Printing it needs a key that opens the stream; without one the exit code is 4, and what the stream
claims is shown by 'sv2 inspect'. The content is not read: 'sv2 verify' does that, and with --expect
for the stream of this fingerprint alone.";

/// The arguments of `sv2 fingerprint`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct FingerprintArgs {
    /// The stream; a file
    input: PathBuf,
    #[command(flatten)]
    identities: IdentityArgs,
    /// The text that was given when the stream was encrypted
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    context: String,
}

/// Runs `sv2 fingerprint`.
pub(crate) fn run(args: &FingerprintArgs, console: &Console) -> Result<(), Failure> {
    watch_signals()?;
    let input = Input::open_file(Some(&args.input), "fingerprint")?;
    let name = input.name.clone();
    let failed = |error| Failure::stream(&error, Names { input: &name, output: &Name::Stdout });
    let seen = inspect(input.again()?).map_err(failed)?;
    if seen.fingerprint.is_none() {
        let sentence = format!("{name}: the stream is not sealed, so it has no fingerprint yet");
        let failure = Failure::new(Exit::Untrusted, sentence);
        return Err(match half_changed(&name) {
            Some(half) => {
                let sentence = format!("{}; {}", failure.sentence, half.what);
                Failure::new(Exit::Untrusted, sentence).hint(half.way_out)
            }
            None => failure,
        });
    }
    let mut options = DecryptOptions::standard();
    options.context = args.context.clone().into_bytes();
    let key = args.identities.open_key()?;
    let opened = key.with(|key| StreamReader::open(input.into_source(), key, &options));
    let stream = opened.map_err(|error| match error.kind() {
        // What the stream claims of itself is nothing to sign or to pin.
        ErrorKind::Key if args.identities.is_empty() => failed(error).hint(format!(
            "name its key with -i, -p or -K; what the stream claims is shown by 'sv2 inspect {}'",
            operand(args.input.as_os_str())
        )),
        _ => failed(error),
    })?;
    let fingerprint = stream.fingerprint();
    // F-605: a header that no key opened can claim any digest.
    let binds = stream.digest() != DigestAlg::None;
    note_half_changed(&name, console);
    if console.json {
        return console.report(
            &json!({
                "input": name.for_machines(),
                "fingerprint": hex(&fingerprint),
                "verified": true,
                "content_read": false,
                "binds_content": binds,
                "header_revision": stream.revision(),
            }),
            Channel::Stdout,
        );
    }
    print(&format!("{}\n", hex(&fingerprint)))?;
    console.note(if binds {
        "the fingerprint binds the content, even against anyone who holds the key; the content was \
         not read, which 'sv2 verify' does"
    } else {
        "the fingerprint does not bind the content against anyone who holds the key; make the stream \
         with --digest for that; the content was not read, which 'sv2 verify' does"
    });
    Ok(())
}
