//! `sv2 verify`: streams checked for damage without a key, and for forgery with one.

mod finding;
mod hint;
mod parity;
mod strip;

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};
use sv2_core::{
    Cancellation, Damage, DamageMap, StreamError, Tail, Unit, scrub, scrub_followed, scrub_pipe,
    verify,
};

use self::finding::{Kind, exit_of};
use self::parity::Compared;
use self::strip::{Mark, Strip};
use crate::change::note_half_changed;
use crate::console::{Console, print};
use crate::ends::{Channel, Direction, Input};
use crate::exit::{Exit, worse};
use crate::failure::Failure;
use crate::invocation;
use crate::keys::{IdentityArgs, OpenKey};
use crate::names::{Name, Names};
use crate::progress::Display;
use crate::readings;
use crate::running::{OpeningArgs, RunArgs, watch_signals};
use crate::size::counted;
use crate::terminal::was_interrupted;
use crate::trailing::{self, TrailingName};
use crate::unfinished::half_changed;

const EXAMPLES: &str = "\
Examples:
  sv2 verify -- *.sv2                       scrub: no key, structure and checksums
  sv2 verify --auth backup.sv2              authenticate every byte, with your own identity
  sv2 verify -i key.txt backup.sv2          or with another one; nothing is written
  sv2 verify --map backup.sv2               with a line that shows where the damage is
  aws s3 cp s3://bucket/a.sv2 - | sv2 verify   a pipe, scrubbed as it comes
  sv2 verify --json a.sv2 | jq .damages

Without -i, -p, -K, --auth or --expect no key is used, not even your default identity: the streams
are scrubbed, which finds accidents and proves nothing against tampering. With a key everything is
checked that 'sv2 decrypt' checks, and a stream that it refuses as a whole is scrubbed besides. The
output says which of the two was done.

A pipe is scrubbed in one pass, and the result is that of a file as long as everything is at its
place. Where it is not, only a file can be searched for what is left, and the output says how many
bytes were not searched. To authenticate a pipe: sv2 decrypt -o /dev/null.

Where a parity file lies beside the stream ('sv2 protect'), every block is compared with it, and the
output says what is bad, what can be repaired and what it can repair at most; --map shows it in a
line of its own. Any other file is judged by its parity file alone.

Every damage is listed with its unit, its place in the stream and the plaintext that it carries;
units that touch are one line, and what is beyond 10,000 lines is counted. Where bytes are missing
or came in, parts are looked for wherever they are now, and what is listed is what 'sv2 decrypt
--salvage=zero' would not have. -q prints the first line alone, and nothing for a sound stream. A
checksum mismatch is an accident; an authentication failure is none. Of several streams the worst
result decides the exit code, in this order: 3, 5, 6, 4, 1, 2, 0. With --json there is a line for
each stream.";

/// The arguments of `sv2 verify`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct VerifyArgs {
    /// The streams: files or standard input; with a key, standard input must be a file
    #[arg(value_name = "INPUT")]
    inputs: Vec<PathBuf>,
    /// Draw a line of cells that shows where damage is
    #[arg(long)]
    map: bool,
    /// Authenticate with your default identity, or with the passphrase if the stream has one
    #[arg(long)]
    auth: bool,
    #[command(flatten)]
    identities: IdentityArgs,
    #[command(flatten, next_help_heading = "Stream")]
    opening: OpeningArgs,
    /// Check a sealed stream that something follows, such as the padding of a tape, up to its end
    #[arg(long, value_name = "WHAT", value_enum, help_heading = "Stream")]
    trailing: Option<TrailingName>,
    #[command(flatten)]
    run: RunArgs,
}

/// Runs `sv2 verify`.
pub(crate) fn run(args: &VerifyArgs, console: &Console) -> Result<(), Failure> {
    let cancel = watch_signals()?;
    let stdin = [PathBuf::from("-")];
    let inputs = if args.inputs.is_empty() { &stdin[..] } else { &args.inputs };

    if args.inputs.iter().any(|path| path == Path::new("-")) || args.inputs.is_empty() {
        args.identities.passphrases.refuse_stdin()?;
    }
    // One key for all streams: what gives it may be a pipe, or somebody who types it.
    let questions = args.identities.passphrases.questions()?;
    let key = match args.is_keyed() {
        true => Some(args.identities.open_key_asking(questions.clone())?),
        false => None,
    };

    let mut worst = None;
    for path in inputs {
        let exit = match args.check(path, key.as_ref(), &cancel, console) {
            Ok((name, map)) => {
                let exit = exit_of(&map);
                let parity = parity::compare(&name, args.run.threads(), &cancel, console);
                args.report(&name, &map, exit, (parity, console))?;
                note_half_changed(&name, console);
                exit
            }
            Err(failure) if failure.exit == Exit::Interrupted => return Err(failure),
            Err(failure) if was_interrupted() => return Err(failure),
            Err(failure) => {
                let name = Name::File(path.clone());
                // Anything else than a stream is judged by its parity file alone.
                let parity = (failure.exit == Exit::NotAStream)
                    .then(|| parity::compare(&name, args.run.threads(), &cancel, console))
                    .flatten();
                if let Some(parity) = parity.filter(|parity| parity.is_of_no_stream) {
                    worst = worse(worst, parity.told_alone(&name, args.map, console)?);
                    continue;
                }
                console.fail(&failure);
                if failure.exit == Exit::NoKey {
                    // The next stream may have another passphrase.
                    questions.forget();
                }
                // What the key cannot be tried on is checked as far as it can be without.
                if let Some((name, map)) = args.scrub_instead(path, &failure, &cancel, console) {
                    let parity = parity::compare(&name, args.run.threads(), &cancel, console);
                    args.report(&name, &map, Some(failure.exit), (parity, console))?;
                }
                Some(failure.exit)
            }
        };
        worst = worse(worst, exit);
    }
    match worst {
        None => Ok(()),
        // Everything was said, stream by stream.
        Some(exit) => Err(Failure::told(exit)),
    }
}

impl VerifyArgs {
    /// Whether a key is to be used: a fingerprint that no key vouches for is a claim.
    fn is_keyed(&self) -> bool {
        self.auth || self.opening.expect.is_some() || !self.identities.is_empty()
    }

    /// Checks one stream; it is named for sentences.
    fn check(
        &self,
        path: &Path,
        key: Option<&OpenKey>,
        cancel: &Cancellation,
        console: &Console,
    ) -> Result<(Name, DamageMap), Failure> {
        let input = match key {
            None => Input::open(Some(path), Direction::Decrypt)?,
            Some(_) => Input::open_file(Some(path), "verify").map_err(|failure| {
                match path == Path::new("-") && failure.exit == Exit::Usage {
                    true => failure.hint(format!(
                        "to authenticate a pipe as it comes, and write nothing: {} < PIPE",
                        invocation::without_input(invocation::TO_NOWHERE)
                    )),
                    false => failure,
                }
            })?,
        };
        if input.is_terminal() {
            return Err(Failure::usage("the stream would be read from the terminal")
                .hint("name a file or use a pipe"));
        }
        let name = input.name.clone();
        let is_pipe = !input.is_seekable();
        if !is_pipe {
            input.require_file("verify")?;
        }
        let again = input.again().ok().filter(|_| !is_pipe);
        let source = input.into_source();
        let display = Display::new(console);
        let run = self.run.options(cancel.clone(), &display);
        let checked = match key {
            None if is_pipe => {
                let tail = match self.trailing {
                    Some(TrailingName::Ignore) => Tail::MayBeFollowed,
                    None => Tail::Required,
                };
                scrub_pipe(source, tail, &run)
            }
            None if self.trailing.is_some() => scrub_followed(source, &run),
            None => scrub(source, &run),
            Some(key) => {
                let mut options = self.opening.options();
                options.run = run;
                if self.trailing.is_some() {
                    options.tail = Tail::MayBeFollowed;
                }
                key.with(|key| verify(source, key, &options))
            }
        };
        drop(display);
        let checked = checked.and_then(|map| match map.damages.first() {
            // In this order: a change that had an end in between wrote to the stream.
            Some(first) if half_changed(&name).is_none() && readings::has_changed(&name) => {
                Err(StreamError::InputChanged { offset: first.offset })
            }
            _ => Ok(map),
        });
        let map = checked.map_err(|error| {
            trailing::explained("verify", &name, again, &error).unwrap_or_else(|| {
                Failure::stream(&error, Names { input: &name, output: &Name::Stdout })
            })
        })?;
        Ok((name, map))
    }

    /// Lists the damage of a file that the check with a key ended at, as a check without one does.
    fn scrub_instead(
        &self,
        path: &Path,
        failure: &Failure,
        cancel: &Cancellation,
        console: &Console,
    ) -> Option<(Name, DamageMap)> {
        let is_about_the_stream = matches!(failure.exit, Exit::Untrusted | Exit::Damaged);
        if !self.is_keyed() || !is_about_the_stream || path == Path::new("-") {
            return None;
        }
        let input = Input::open_file(Some(path), "verify").ok()?;
        let name = input.name.clone();
        let display = Display::new(console);
        let run = self.run.options(cancel.clone(), &display);
        // The failure was told; where even this fails there is nothing to add to it.
        scrub(input.into_source(), &run).ok().map(|map| (name, map))
    }

    /// Which of the two checks was done, and what that does not prove.
    fn check_done(&self, map: &DamageMap) -> &'static str {
        match (map.authenticated, self.opening.expect) {
            (false, _) => {
                "scrubbed without a key, which finds accidents and proves nothing against tampering"
            }
            (true, None) => {
                "authenticated with the key, which does not prove that this is the newest version \
                 of the stream"
            }
            (true, Some(_)) => {
                "authenticated with the key and by the expected fingerprint, which does not prove \
                 who of those with the key wrote it"
            }
        }
    }

    fn report(
        &self,
        name: &Name,
        map: &DamageMap,
        exit: Option<Exit>,
        (parity, console): (Option<Compared>, &Console),
    ) -> Result<(), Failure> {
        let found = format!("{name}: {}", finding(map));
        let strip = self.map.then(|| strip_of(map));
        if console.json {
            let strip = strip.map(|strip| strip.cells());
            let mut report = to_json(name, map, exit, strip);
            report["parity"] = parity.map_or(Value::Null, |parity| parity.json);
            return console.report(&report, Channel::Stdout);
        }
        if console.quiet {
            if exit.is_some() {
                print(&format!("{found}\n"))?;
            }
            return Ok(());
        }
        let mut text = format!("{found}; {}\n", self.check_done(map));
        if let Some(strip) = strip {
            text.push_str(&strip.text(console.colours(&std::io::stdout())));
        }
        for damage in &map.damages {
            text.push_str(&line(damage, map.authenticated));
        }
        for damage in &map.beyond {
            let kind = Kind::of(damage, map.authenticated).words();
            let parts = counted(damage.units, "more part", "more parts");
            text.push_str(&format!(
                "  {kind}: {parts} in bytes {} to {}\n",
                damage.offset,
                damage.offset + damage.len
            ));
        }
        let mut next = hint::next_step(name, map);
        if let Some(parity) = parity {
            text.push_str(&parity.text(self.map));
            next = parity.hint.or(next);
        }
        if let Some(next) = next {
            text.push_str(&format!("  hint: {next}\n"));
        }
        if console.verbose {
            text.push_str(&format!(
                "  {}, {}, {} in {:.3} s\n",
                counted(map.segments, "segment", "segments"),
                counted(map.frames, "frame", "frames"),
                counted(map.stream_len, "byte", "bytes"),
                map.wall.as_secs_f64()
            ));
        }
        print(&text)
    }
}

fn finding(map: &DamageMap) -> String {
    match &map.trailing {
        None if map.is_undamaged() => return "no damage".into(),
        Some(found) if map.is_undamaged() => {
            return format!("no damage; {}", trailing::in_words(found));
        }
        Some(found) if !map.by_place => return trailing::in_words(found),
        _ => {}
    }
    let parts = counted(map.damaged_units, "damaged part", "damaged parts");
    let plaintext = counted(map.damaged_plaintext, "byte", "bytes");
    if map.by_place {
        return format!("{parts}, with {plaintext} of plaintext");
    }
    let what = if map.sealed { "of another length than its end says" } else { "not sealed" };
    let least = if map.end_is_known { "" } else { "at least " };
    let mut text = match map.damaged_plaintext {
        0 => format!("{what}, all of {least}{} bytes of plaintext are there", map.plaintext_len),
        _ => format!("{what}, {plaintext} of {least}{} of plaintext are lost", map.plaintext_len),
    };
    if map.unplaced > 0 {
        let more = counted(map.unplaced, "byte", "bytes");
        text.push_str(&format!(", and only a key tells where {more} of these belong"));
    }
    if map.unsearched > 0 {
        let bytes = counted(map.unsearched, "byte", "bytes");
        text.push_str(&format!(", and what the last {bytes} hold is found in a file alone"));
    } else if !map.end_is_known {
        text.push_str(", and nothing says whether more is missing behind");
    }
    text
}

fn line(damage: &Damage, authenticated: bool) -> String {
    let kind = Kind::of(damage, authenticated);
    let detail = finding::detail(damage).map(|what| format!(" ({what})")).unwrap_or_default();
    let plaintext = match &damage.plaintext {
        Some(range) => format!(", plaintext {} to {}", range.start, range.end),
        None => String::new(),
    };
    format!(
        "  {}: {} at byte {}, {}{plaintext}{detail}\n",
        kind.words(),
        finding::units(damage),
        damage.offset,
        counted(damage.len, "byte", "bytes"),
    )
}

fn to_json(name: &Name, map: &DamageMap, exit: Option<Exit>, strip: Option<String>) -> Value {
    let entry = |damage: &Damage| {
        let place = |unit| match unit {
            Unit::Frame { segment, frame } => (Some(segment), Some(frame)),
            Unit::Segment { segment } | Unit::Footer { segment } => (Some(segment), None),
            _ => (None, None),
        };
        let ((segment, frame), (last_segment, last_frame)) =
            (place(damage.unit), place(damage.last));
        json!({
            "unit": damage.unit.to_string(),
            "segment": segment,
            "frame": frame,
            "last_unit": damage.last.to_string(),
            "last_segment": last_segment,
            "last_frame": last_frame,
            "units": damage.units,
            "fault": Kind::of(damage, map.authenticated).words(),
            "detail": finding::detail(damage),
            "offset": damage.offset,
            "bytes": damage.len,
            "plaintext_offset": damage.plaintext.as_ref().map(|range| range.start),
            "plaintext_bytes": damage.plaintext.as_ref().map(|range| range.end - range.start),
        })
    };
    let mut report = json!({
        "command": "verify",
        "input": name.for_machines(),
        "check": if map.authenticated { "authentication" } else { "scrub" },
        "authenticated": map.authenticated,
        "undamaged": map.is_undamaged(),
        "sealed": map.sealed,
        "unsearched_bytes": map.unsearched,
        "by_place": map.by_place,
        "end_is_known": map.end_is_known,
        "trailing": map.trailing.map(|found| json!({
            "offset": found.offset, "bytes": found.len, "zeros": found.zeros,
        })),
        "unfinished_change": half_changed(name).is_some(),
        "exit_code": exit.map_or(0, Exit::code),
        "stream_bytes": map.stream_len,
        "plaintext_bytes": map.plaintext_len,
        "damaged_plaintext_bytes": map.damaged_plaintext,
        "damaged_units": map.damaged_units,
        "segments": map.segments,
        "frames": map.frames,
        "damages": map.damages.iter().map(entry).collect::<Vec<_>>(),
        "beyond": map.beyond.iter().map(entry).collect::<Vec<_>>(),
        "seconds": map.wall.as_secs_f64(),
    });
    if let Some(strip) = strip {
        report["map"] = Value::String(strip);
    }
    report
}

fn strip_of(map: &DamageMap) -> Strip {
    let marks = map.entries().map(|damage| Mark {
        offset: damage.offset,
        len: damage.len,
        kind: Kind::of(damage, map.authenticated),
    });
    Strip::new(map.stream_len, marks)
}
