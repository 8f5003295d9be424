//! `sv2 verify`: streams checked for damage without a key, and for forgery with one.

mod finding;
mod picture;
mod strip;

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};
use sv2_core::{Cancellation, Damage, DamageMap, Unit, scrub, verify};

use self::finding::{Kind, exit_of};
use self::picture::Row;
use self::strip::{Mark, Strip};
use crate::change::note_half_changed;
use crate::console::{Console, print};
use crate::ends::{Channel, Input, TargetArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::keys::IdentityArgs;
use crate::names::{Name, Names};
use crate::progress::Display;
use crate::running::{OpeningArgs, RunArgs, watch_signals};
use crate::size::counted;
use crate::terminal::was_interrupted;
use crate::unfinished::half_changed;

const EXAMPLES: &str = "\
Examples:
  sv2 verify -- *.sv2                       scrub: no key, structure and checksums
  sv2 verify -i key.txt backup.sv2          authenticate every byte, write nothing
  sv2 verify --map backup.sv2               with a line that shows where the damage is
  sv2 verify --map=damage.svg -- *.sv2      with a picture
  sv2 verify --json a.sv2 | jq .damages

Without -i, -p or -K no key is used, not even your default identity: the streams are scrubbed, which
finds accidents and proves nothing against tampering. With a key everything is checked that
'sv2 decrypt' checks, and a stream that it refuses as a whole is scrubbed besides. The output says
which of the two was done.

Every damage is listed with its unit, its place in the stream and the plaintext that it carries. A
checksum mismatch is an accident; an authentication failure is none. Of several streams the worst
result decides the exit code, in this order: 3, 5, 6, 4, 1, 2, 0. With --json there is a line for
each stream.";

/// The arguments of `sv2 verify`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct VerifyArgs {
    /// The streams; files, or standard input that is one
    #[arg(value_name = "INPUT")]
    inputs: Vec<PathBuf>,
    /// Draw a line of cells that shows where damage is; with =FILE a picture in SVG
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    map: Option<Option<PathBuf>>,
    /// Overwrite the picture if it exists
    #[arg(short, long, requires = "map")]
    force: bool,
    #[command(flatten)]
    identities: IdentityArgs,
    #[command(flatten, next_help_heading = "Stream")]
    opening: OpeningArgs,
    #[command(flatten)]
    run: RunArgs,
}

/// Runs `sv2 verify`.
pub(crate) fn run(args: &VerifyArgs, console: &Console) -> Result<(), Failure> {
    let cancel = watch_signals()?;
    if args.opening.expect.is_some() && args.identities.is_empty() {
        return Err(Failure::usage(
            "--expect needs a key with -i, -p or -K, since without one a fingerprint is a claim",
        ));
    }
    let picture = match &args.map {
        Some(Some(path)) if path == Path::new("-") => {
            return Err(Failure::usage("the picture needs a file, as in --map=damage.svg"));
        }
        Some(Some(path)) => TargetArgs::file(path.clone(), args.force)
            .place_apart_from(&args.inputs, "--map=FILE")?,
        _ => None,
    };
    let stdin = [PathBuf::from("-")];
    let inputs = if args.inputs.is_empty() { &stdin[..] } else { &args.inputs };

    let mut worst = None;
    let mut rows = Vec::new();
    for path in inputs {
        let exit = match args.check(path, &cancel, console) {
            Ok((name, map)) => {
                let exit = exit_of(&map);
                rows.push(args.report(&name, &map, exit, console)?);
                note_half_changed(&name, console);
                exit
            }
            Err(failure) if failure.exit == Exit::Interrupted => return Err(failure),
            Err(failure) if was_interrupted() => return Err(failure),
            Err(failure) => {
                console.fail(&failure);
                // What the key cannot be tried on is checked as far as it can be without.
                if let Some((name, map)) = args.scrub_instead(path, &failure, &cancel, console) {
                    rows.push(args.report(&name, &map, Some(failure.exit), console)?);
                }
                Some(failure.exit)
            }
        };
        worst = finding::worse(worst, exit);
    }
    if let Some(output) = picture {
        let mut picture = output.into_writer()?;
        picture.write_all(picture::svg(&rows).as_bytes())?;
        picture.finish(&cancel)?;
    }
    match worst {
        None => Ok(()),
        // Everything was said, stream by stream.
        Some(exit) => Err(Failure::told(exit)),
    }
}

impl VerifyArgs {
    /// Checks one stream; it is named for sentences.
    fn check(
        &self,
        path: &Path,
        cancel: &Cancellation,
        console: &Console,
    ) -> Result<(Name, DamageMap), Failure> {
        let input = Input::open_file(Some(path), "verify")?;
        if input.is_stdin() && self.identities.passphrases.reads_stdin() {
            return Err(Failure::usage("--passphrase-fd 0 and the input are both standard input"));
        }
        let name = input.name.clone();
        let source = input.into_source();
        let display = Display::new(console);
        let run = self.run.options(cancel.clone(), &display);
        let checked = if self.identities.is_empty() {
            scrub(source, &run)
        } else {
            let mut options = self.opening.options();
            options.run = run;
            // A passphrase that is given serves once, so each stream reads it anew.
            self.identities.open_key()?.with(|key| verify(source, key, &options))
        };
        drop(display);
        let map = checked.map_err(|error| {
            Failure::stream(&error, Names { input: &name, output: &Name::Stdout })
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
        if self.identities.is_empty() || !is_about_the_stream || path == Path::new("-") {
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
        console: &Console,
    ) -> Result<Row, Failure> {
        let row = Row {
            finding: format!("{name}: {}", finding(map)),
            check: self.check_done(map),
            strip: strip_of(map),
        };
        if console.json {
            let strip = self.map.is_some().then(|| row.strip.cells());
            console.report(&to_json(name, map, exit, strip), Channel::Stdout)?;
            return Ok(row);
        }
        if console.quiet && exit.is_none() {
            return Ok(row);
        }
        let mut text = format!("{}; {}\n", row.finding, row.check);
        if self.map == Some(None) {
            text.push_str(&row.strip.text(console.colours(&std::io::stdout())));
        }
        for damage in &map.damages {
            text.push_str(&line(damage, map.authenticated));
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
        print(&text)?;
        Ok(row)
    }
}

fn finding(map: &DamageMap) -> String {
    let count = map.damages.len();
    if count == 0 {
        return "no damage".into();
    }
    let seal = if map.sealed { "" } else { "not sealed, " };
    let parts = counted(count as u64, "damaged part", "damaged parts");
    let plaintext = counted(map.damaged_plaintext(), "byte", "bytes");
    format!("{seal}{parts}, with {plaintext} of plaintext")
}

fn line(damage: &Damage, authenticated: bool) -> String {
    let kind = Kind::of(damage, authenticated);
    let detail = finding::detail(damage).map(|what| format!(" ({what})")).unwrap_or_default();
    let plaintext = match &damage.plaintext {
        Some(range) => format!(", plaintext {} to {}", range.start, range.end),
        None => String::new(),
    };
    format!(
        "  {}: {} at byte {}, {} bytes{plaintext}{detail}\n",
        kind.words(),
        damage.unit,
        damage.offset,
        damage.len,
    )
}

fn to_json(name: &Name, map: &DamageMap, exit: Option<Exit>, strip: Option<String>) -> Value {
    let damages = map.damages.iter().map(|damage| {
        let (segment, frame) = match damage.unit {
            Unit::Frame { segment, frame } => (Some(segment), Some(frame)),
            Unit::Segment { segment } | Unit::Footer { segment } => (Some(segment), None),
            _ => (None, None),
        };
        json!({
            "unit": damage.unit.to_string(),
            "segment": segment,
            "frame": frame,
            "fault": Kind::of(damage, map.authenticated).words(),
            "detail": finding::detail(damage),
            "offset": damage.offset,
            "bytes": damage.len,
            "plaintext_offset": damage.plaintext.as_ref().map(|range| range.start),
            "plaintext_bytes": damage.plaintext.as_ref().map(|range| range.end - range.start),
        })
    });
    let mut report = json!({
        "command": "verify",
        "input": name.for_machines(),
        "check": if map.authenticated { "authentication" } else { "scrub" },
        "sound": map.is_sound(),
        "sealed": map.sealed,
        "unfinished_change": half_changed(name).is_some(),
        "exit_code": exit.map_or(0, Exit::code),
        "stream_bytes": map.stream_len,
        "plaintext_bytes": map.plaintext_len,
        "damaged_plaintext_bytes": map.damaged_plaintext(),
        "segments": map.segments,
        "frames": map.frames,
        "damages": damages.collect::<Vec<_>>(),
        "seconds": map.wall.as_secs_f64(),
    });
    if let Some(strip) = strip {
        report["map"] = Value::String(strip);
    }
    report
}

fn strip_of(map: &DamageMap) -> Strip {
    let marks = map.damages.iter().map(|damage| Mark {
        offset: damage.offset,
        len: damage.len,
        kind: Kind::of(damage, map.authenticated),
    });
    Strip::new(map.stream_len, marks)
}
