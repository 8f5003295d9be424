//! `sv2 inspect`: what a stream says of itself, and its metadata where a key is given.

use std::fmt::Write;
use std::path::PathBuf;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use clap::Args;
use serde_json::{Value, json};
use sv2_core::{Inspection, inspect, object_checksum, read_metadata};
use sv2_keys::describe_slots;

use crate::change::note_half_changed;
use crate::console::{Console, print};
use crate::ends::{Channel, Input};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::invocation::on_file;
use crate::keys::IdentityArgs;
use crate::names::{Name, Names, printable};
use crate::report::hex;
use crate::running::watch_signals;
use crate::size::short;
use crate::slots::slot_text;
use crate::trailing;
use crate::unfinished::half_changed;

const EXAMPLES: &str = "\
Examples:
  sv2 inspect backup.sv2
  sv2 inspect --segments --json backup.sv2 | jq .segments
  sv2 inspect -i key.txt backup.sv2        with the sealed metadata
  sv2 inspect --checksum --json backup.sv2 | jq -r .checksum_crc64nvme

Without a key nothing of this is authentic: it is what the file says. With -i, -p or -K the metadata
is opened as well, and header and seal are authenticated on the way.

What is printed with --checksum equals the ChecksumCRC64NVME of a full object in S3 if what arrived
there is what was written. The payload is not read, so a damaged payload does not change it. Where
something follows the stream, it is that of the stream alone.

A stream whose header or end is damaged is shown all the same; exit code 5 says so, and 3 that it is
not sealed or has another length than its end says. Segments are not looked at: 'sv2 verify' does.";

/// The arguments of `sv2 inspect`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct InspectArgs {
    /// The stream; a file, or standard input that is one
    input: Option<PathBuf>,
    /// List the segments with their offsets and lengths: the first 10,000, and the last
    #[arg(long)]
    segments: bool,
    /// Compute the CRC-64/NVME of the whole file as S3 has it, from header, index and end alone
    #[arg(long)]
    checksum: bool,
    #[command(flatten)]
    identities: IdentityArgs,
    /// The text that was given when the stream was encrypted
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    context: String,
}

/// A whole segment, in bytes of the stream and of the plaintext.
struct Span {
    segment: u64,
    offset: u64,
    wire_len: u64,
    plaintext_offset: u64,
    plaintext_len: u64,
}

/// Runs `sv2 inspect`.
pub(crate) fn run(args: &InspectArgs, console: &Console) -> Result<(), Failure> {
    watch_signals()?;
    let input = Input::open_file(args.input.as_deref(), "inspect")?;
    let name = input.name.clone();
    let failed = |error| Failure::stream(&error, Names { input: &name, output: &Name::Stdout });
    let seen = inspect(input.again()?).map_err(failed)?;
    let is_followed = seen.trailer.is_none() || seen.len_matches == Some(false);
    let followed = if is_followed { trailing::found(&input).map_err(failed)? } else { None };
    let seen = match &followed {
        Some(found) => inspect(input.up_to(found.offset)?).map_err(failed)?,
        None => seen,
    };
    let checksum = match args.checksum {
        true => {
            let stream = match &followed {
                Some(found) => input.up_to(found.offset)?,
                None => input.again()?,
            };
            Some(as_in_s3(object_checksum(stream).map_err(failed)?))
        }
        false => None,
    };
    let metadata = if args.identities.is_empty() {
        None
    } else {
        let key = args.identities.open_key()?;
        let context = args.context.as_bytes();
        let source = match &followed {
            Some(found) => input.up_to(found.offset)?,
            None => input.into_source(),
        };
        Some(key.with(|key| read_metadata(source, key, context)).map_err(failed)?)
    };
    let metadata = metadata.map(|json| json.map(|json| parsed(&json)));
    if console.json {
        let mut report = to_json(&name, &seen, metadata, args.segments);
        report["trailing"] = followed.map_or(
            Value::Null,
            |found| json!({ "offset": found.offset, "bytes": found.len, "zeros": found.zeros }),
        );
        if let Some(checksum) = checksum {
            report["checksum_crc64nvme"] = json!(checksum);
            report["checksum_bytes"] = json!(seen.stream_len);
        }
        console.report(&report, Channel::Stdout)?;
    } else {
        let mut text = to_text(&name, &seen, metadata.as_ref());
        if let Some(checksum) = checksum {
            let of = if followed.is_some() { " (without what follows the stream)" } else { "" };
            let _ = writeln!(text, "  {:<13} {checksum}{of}", "CRC-64/NVME");
        }
        if args.segments {
            text.push_str(&segments_text(&Spans::of(&seen)));
        }
        print(&text)?;
    }
    let found = followed.map(|found| (Exit::Untrusted, trailing::in_words(&found)));
    match found.or_else(|| finding(&seen).map(|(exit, what)| (exit, what.to_owned()))) {
        None => {
            note_half_changed(&name, console);
            Ok(())
        }
        // A report for machines says the same.
        Some((exit, _)) if console.json => Err(Failure::told(exit)),
        Some((exit, what)) => {
            if let Some(half) = half_changed(&name) {
                let sentence = format!("{name}: {what}; {}", half.what);
                return Err(Failure::new(exit, sentence).hint(half.way_out));
            }
            let verify = on_file("verify", name.path().unwrap_or("-".as_ref()), false);
            Err(Failure::new(exit, format!("{name}: {what}"))
                .hint(format!("to list all that is damaged: {verify}")))
        }
    }
}

/// What is wrong with header and end of the stream, the worst first, and how that ends the
/// program.
fn finding(seen: &Inspection) -> Option<(Exit, &'static str)> {
    if seen.trailer.is_none() {
        return Some((Exit::Untrusted, "the stream is not sealed, its end is missing"));
    }
    if seen.trailer_intact == Some(false) {
        return Some((Exit::Damaged, "the trailer is damaged"));
    }
    if seen.len_matches == Some(false) {
        return Some((Exit::Untrusted, "the file has another length than its trailer says"));
    }
    match (seen.front_intact, seen.copy_intact != Some(false)) {
        (true, true) => None,
        (false, true) => Some((Exit::Damaged, "the front header is damaged, its copy is not")),
        (true, false) => Some((Exit::Damaged, "the header copy is damaged")),
        (false, false) => Some((Exit::Damaged, "both headers are damaged")),
    }
}

/// A checksum as S3 prints it: base64 of its eight bytes, most significant first.
fn as_in_s3(checksum: u64) -> String {
    BASE64_STANDARD.encode(checksum.to_be_bytes())
}

/// Metadata as JSON, or as a string where a writer sealed something else.
fn parsed(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(bytes).trim_end().to_owned()))
}

fn to_text(name: &Name, seen: &Inspection, metadata: Option<&Option<Value>>) -> String {
    let header = &seen.header;
    let geometry = header.geometry;
    let mut rows = vec![
        ("suite", header.suite.name().to_owned()),
        ("digest", header.digest.name().to_owned()),
        ("frame size", short(geometry.frame_size().into())),
        ("segment size", short(geometry.segment_size())),
        (
            "header",
            format!(
                "{} bytes, revision {}, {}",
                header.header_len,
                header.revision,
                state(seen.front_intact)
            ),
        ),
    ];
    if let Some(intact) = seen.copy_intact {
        rows.push(("header copy", state(intact).to_owned()));
    }
    match &seen.trailer {
        Some(trailer) => {
            let intact = state(seen.trailer_intact == Some(true));
            rows.push((
                "sealed",
                format!("yes, generation {}, trailer {intact}", trailer.generation),
            ));
            rows.push(("plaintext", format!("{} bytes", trailer.plaintext_len)));
            rows.push(("segments", geometry.segment_count(trailer.plaintext_len).to_string()));
        }
        None => rows.push(("sealed", "no: the end of the stream is missing".to_owned())),
    }
    let fits = match seen.len_matches {
        Some(false) => ", which is not what the trailer says",
        _ => "",
    };
    rows.push(("stream", format!("{} bytes{fits}", seen.stream_len)));
    if let Some(fingerprint) = &seen.fingerprint {
        // No key vouches for it here, even where one opened the metadata.
        rows.push(("fingerprint", format!("{} (claimed, not verified)", hex(fingerprint))));
    }
    let slots = describe_slots(&header.sections);
    if slots.is_empty() {
        rows.push(("key slots", "none: a raw key opens it".to_owned()));
    }
    for slot in &slots {
        rows.push(("key slot", slot_text(slot)));
    }
    match metadata {
        None => {}
        Some(None) => rows.push(("metadata", "none".to_owned())),
        Some(Some(metadata)) => rows.push(("metadata", printable(&metadata.to_string()))),
    }
    let mut text = format!("{name}: stream_v2\n");
    for (label, value) in rows {
        let _ = writeln!(text, "  {label:<13} {value}");
    }
    text
}

fn segments_text(spans: &Spans) -> String {
    let mut text = format!(
        "{:>12} {:>20} {:>12} {:>20} {:>12}\n",
        "segment", "offset", "length", "plaintext offset", "plaintext"
    );
    for span in spans.listed() {
        if span.segment + 1 == spans.count && spans.beyond() > 0 {
            let _ = writeln!(
                text,
                "{:>12} and {} more, each {} bytes behind the one before it",
                "...",
                spans.beyond(),
                spans.full
            );
        }
        let _ = writeln!(
            text,
            "{:>12} {:>20} {:>12} {:>20} {:>12}",
            span.segment, span.offset, span.wire_len, span.plaintext_offset, span.plaintext_len
        );
    }
    text
}

fn to_json(
    name: &Name,
    seen: &Inspection,
    metadata: Option<Option<Value>>,
    segments: bool,
) -> Value {
    let header = &seen.header;
    let slots: Vec<Value> = describe_slots(&header.sections)
        .iter()
        .map(|slot| json!({ "slot": slot.slot, "bytes": slot.len, "content": slot_text(slot) }))
        .collect();
    let mut report = json!({
        "input": name.for_machines(),
        "suite": header.suite.name(),
        "digest": header.digest.name(),
        "frame_size": header.geometry.frame_size(),
        "segment_size": header.geometry.segment_size(),
        "header": {
            "bytes": header.header_len,
            "revision": header.revision,
            "intact": seen.front_intact,
            "copy_intact": seen.copy_intact,
        },
        "sealed": seen.trailer.is_some(),
        "trailer_intact": seen.trailer_intact,
        "length_matches": seen.len_matches,
        "unfinished_change": half_changed(name).is_some(),
        "generation": seen.trailer.as_ref().map(|trailer| trailer.generation),
        "plaintext_bytes": seen.trailer.as_ref().map(|trailer| trailer.plaintext_len),
        "stream_bytes": seen.stream_len,
        "fingerprint": seen.fingerprint.as_ref().map(|bytes| hex(bytes)),
        "fingerprint_verified": false,
        "slots": slots,
    });
    if let Some(metadata) = metadata {
        report["metadata"] = metadata.unwrap_or(Value::Null);
    }
    if segments {
        let spans = Spans::of(seen);
        let rows = spans.listed().map(|span| {
            json!({
                "segment": span.segment,
                "offset": span.offset,
                "bytes": span.wire_len,
                "plaintext_offset": span.plaintext_offset,
                "plaintext_bytes": span.plaintext_len,
            })
        });
        report["segments"] = rows.collect();
        report["segments_in_all"] = json!(spans.count);
        report["segments_not_listed"] = json!(spans.beyond());
    }
    report
}

/// The most segments that are listed: their number is what the file claims, and all but the last
/// are of one length.
const MOST_LISTED: u64 = 10_000;

/// The segments by what the trailer says, and by the length of the file where there is none.
struct Spans {
    count: u64,
    first: u64,
    full: u64,
    segment_size: u64,
    segments_len: u64,
    plaintext_len: u64,
}

impl Spans {
    fn of(seen: &Inspection) -> Self {
        let layout = seen.layout;
        let (first, full) = (u64::from(layout.header_len), layout.full_segment_len());
        let segment_size = layout.geometry.segment_size();
        let held = seen.stream_len.saturating_sub(first);
        let (count, plaintext_len) = match &seen.trailer {
            Some(trailer) => {
                let count = layout.geometry.segment_count(trailer.plaintext_len);
                // What an unverified trailer claims is bounded by what the file can hold.
                (count.min(held.div_ceil(full)), trailer.plaintext_len)
            }
            None => (held / full, (held / full).saturating_mul(segment_size)),
        };
        let segments_len = layout.segments_len(plaintext_len);
        Self { count, first, full, segment_size, segments_len, plaintext_len }
    }

    /// Those that are listed: the first ones, and the last, whose length is its own.
    fn listed(&self) -> impl Iterator<Item = Span> {
        let front = self.count.min(MOST_LISTED);
        let last = (self.count > front).then(|| self.count - 1);
        (0..front).chain(last).map(|segment| self.span(segment))
    }

    /// Those that are not.
    fn beyond(&self) -> u64 {
        self.count.saturating_sub(MOST_LISTED + 1)
    }

    fn span(&self, segment: u64) -> Span {
        let (skipped, before) = (segment * self.full, segment * self.segment_size);
        Span {
            segment,
            offset: self.first + skipped,
            wire_len: self.segments_len.saturating_sub(skipped).min(self.full),
            plaintext_offset: before,
            plaintext_len: self.plaintext_len.saturating_sub(before).min(self.segment_size),
        }
    }
}

fn state(intact: bool) -> &'static str {
    if intact { "intact" } else { "damaged" }
}
