//! One stream of a decrypt, whichever way it is read and written.

use std::fs::File;

use serde_json::Map;
use sv2_core::{
    Cancellation, DecryptOptions, ErrorKind, InputSource, KeySource, OutputBatch, OutputSink,
    StreamError, StreamReport, Tail, Unit, decrypt_resumable, decrypt_stream_with, inspect,
};

use super::DecryptArgs;
use super::salvage::Rescue;
use crate::attributes::Attributes;
use crate::batch::{Company, Lot};
use crate::change::note_half_changed;
use crate::console::Console;
use crate::ends::{Aftermath, Channel, Input, Output, Sparse};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::invocation::{self, operand};
use crate::keys::OpenKey;
use crate::names::{Name, Names};
use crate::report;
use crate::resume::{Resumable, note_unfinished};
use crate::size::counted;
use crate::trailing::{self, TrailingName};

/// Everything that the streams of one command share.
pub(super) struct Job<'a> {
    pub(super) args: &'a DecryptArgs,
    pub(super) key: OpenKey,
    pub(super) cancel: Cancellation,
    pub(super) console: &'a Console,
}

/// A stream that was opened and its output, which has no name yet where the stream gives it.
pub(super) struct Ends {
    pub(super) input: Input,
    pub(super) output: Option<Output>,
}

/// What a stream is opened by and how its plaintext is written.
struct Way<'w> {
    key: &'w KeySource<'w>,
    options: &'w DecryptOptions,
    names: Names<'w>,
}

impl Job<'_> {
    /// Decrypts one stream; in a lot, the output gets its name and the rest is done with that.
    pub(super) fn decrypt<'l>(
        &'l self,
        ends: Ends,
        company: Company,
        lot: Option<&Lot<'l>>,
    ) -> Result<(), Failure> {
        self.key.with(|key| self.decrypt_with(ends, key, company, lot))
    }

    fn decrypt_with<'l>(
        &'l self,
        ends: Ends,
        key: &KeySource<'_>,
        company: Company,
        lot: Option<&Lot<'l>>,
    ) -> Result<(), Failure> {
        let Self { args, console, .. } = self;
        let mut options = self.options();
        let input = ends.input;
        let kept = match args.preserve || args.use_name {
            true => args.kept(&input, key)?,
            false => Map::new(),
        };
        let output = match ends.output {
            Some(output) => output,
            None => args.named(&input, &kept)?,
        };
        let output = match args.preserve {
            true => output.with_attributes(Attributes::read(&kept).for_output()),
            false => output,
        };
        let rescue = match args.stream.salvage {
            Some(gaps) => Some(Rescue::new(gaps, &args.output, &input, &output)?),
            None => None,
        };
        if !args.resume {
            note_unfinished(&output, console);
        }
        let display = company.display(console);
        options.run = company.run(&args.run, &self.cancel, &display);
        let (from, to, channel) = (input.name.clone(), output.name.clone(), output.free_channel());
        let names = Names { input: &from, output: &to };
        if args.resume {
            let (resumable, aftermath) = Resumable::new(&input, output)?;
            let source = input.into_source();
            let done = decrypt_resumable(source, &resumable.output, key, &options);
            drop(display);
            let done = done.map_err(|error| resumable.failure(&error, names))?;
            aftermath.settle(|text| console.note(text))?;
            note_copy_used(&from, console);
            return report::resumed("decrypt", names, &done, channel, console);
        }
        if let Some(rescue) = rescue {
            let (sink, unnamed, _aftermath) = output.into_unnamed()?;
            let done = rescue.run(input.into_source(), sink, key, &options);
            drop(display);
            let done = done.map_err(|error| rescue.failure(&error, names))?;
            return rescue.report(&done, names, (unnamed, &self.cancel), (channel, console));
        }
        let way = Way { key, options: &options, names };
        // A read that may begin again writes to an output of its own.
        let waits = output.is_kept() && !args.sparse && !args.stream.unsealed;
        let lot = lot.filter(|_| waits).map(|lot| (lot, lot.ticket()));
        let done = match args.sparse {
            true => self.with_holes(input, output, &way),
            false => self.whole(input, output, &way, lot.map(|(_, ticket)| ticket)),
        };
        drop(display);
        let (done, aftermath) = done?;
        let rest = move |named: Result<(), StreamError>| {
            let names = Names { input: &from, output: &to };
            named.map_err(|error| Failure::stream(&error, names))?;
            aftermath.settle(|text| {
                // Who names several inputs knows that each has its output beside it.
                if company == Company::Alone {
                    console.note(text);
                }
            })?;
            self.told(names, &done, channel)
        };
        match lot {
            Some((lot, (_, ticket))) => {
                lot.then(ticket, rest);
                Ok(())
            }
            None => rest(Ok(())),
        }
    }

    /// Says what is to be said of a stream that was decrypted.
    fn told(&self, names: Names<'_>, done: &StreamReport, channel: Channel) -> Result<(), Failure> {
        let (Names { input: from, output: to }, console) = (names, self.console);
        let is_damaged_behind = done.unsealed_end.is_some_and(|end| end != ErrorKind::Unsealed);
        if !done.sealed && !is_damaged_behind {
            self.warn_of_no_seal(from, done.segments);
        }
        note_copy_used(from, console);
        note_half_changed(from, console);
        if console.json {
            console.report(&report::to_json("decrypt", from, to, done), channel)?;
        } else if console.verbose {
            console.note(&report::to_text(from, to, done));
        }
        if is_damaged_behind {
            return Err(damaged_behind(from, done.segments));
        }
        Ok(())
    }

    /// How the end of a stream is judged.
    fn options(&self) -> DecryptOptions {
        let stream = &self.args.stream;
        let mut options = stream.opening.options();
        options.tail = match stream.trailing {
            Some(TrailingName::Ignore) => Tail::MayBeFollowed,
            None if stream.unsealed => Tail::MayBeMissing,
            None => Tail::Required,
        };
        options
    }

    /// Decrypts to an output that gets every byte.
    fn whole(
        &self,
        input: Input,
        output: Output,
        way: &Way<'_>,
        ticket: Option<(&OutputBatch, u64)>,
    ) -> Result<(StreamReport, Aftermath), Failure> {
        let from_front = match self.args.stream.unsealed && input.is_seekable() {
            true => Some((input.again()?, output.again()?)),
            false => None,
        };
        let (sink, aftermath) = match ticket {
            // For its owner alone, as all plaintext.
            Some(ticket) => output.into_batched_sink(ticket, 0o600)?,
            None => output.into_sink()?,
        };
        let again = again(&input);
        let mut done = decrypt_stream_with(input.into_source(), sink, way.key, way.options);
        if let (Err(error), Some((source, sink))) = (&done, from_front)
            && let Some(segment) = damaged_segment(error)
        {
            // The seal holds and a segment does not: what stands in front of it is wanted, as of a
            // pipe, whatever the output is.
            match sink {
                Some(sink) => {
                    done = decrypt_stream_with(forwards(source), sink, way.key, way.options);
                }
                None => return Err(damaged_behind(way.names.input, segment)),
            }
        }
        Ok((done.map_err(|error| way.failure(again, &error))?, aftermath))
    }

    /// Decrypts to a file that gets holes in place of zeros.
    fn with_holes(
        &self,
        input: Input,
        output: Output,
        way: &Way<'_>,
    ) -> Result<(StreamReport, Aftermath), Failure> {
        let again = again(&input);
        let (mut writer, aftermath) = output.into_held_writer()?;
        let mut sparse = Sparse::new(&mut writer);
        let sink = OutputSink::Writer(Box::new(&mut sparse));
        let done = decrypt_stream_with(input.into_source(), sink, way.key, way.options);
        if let Some(failure) = sparse.failure() {
            return Err(failure);
        }
        let done = done.map_err(|error| way.failure(again, &error))?;
        sparse.finish()?;
        writer.finish(&self.cancel)?;
        Ok((done, aftermath))
    }

    /// Says that the stream is not sealed: the exit code is that of success, so this is the only
    /// sign.
    fn warn_of_no_seal(&self, from: &Name, segments: u64) {
        self.console.warn(&format!(
            "{from}: the stream is not sealed: {} read up to where it ends, every byte of them is \
             authentic, but whether anything is missing or outdated is not known",
            counted(segments, "segment was", "segments were")
        ));
        self.console.hint(&format!(
            "to get out what there is of the next segment, too: {}",
            invocation::on("decrypt --salvage", from)
        ));
    }
}

impl Way<'_> {
    /// Why a stream was not decrypted, with what follows its end where that is the reason.
    fn failure(&self, again: Option<InputSource<'_>>, error: &StreamError) -> Failure {
        trailing::explained("decrypt", self.names.input, again, error)
            .unwrap_or_else(|| Failure::stream(error, self.names))
    }
}

/// The input once more, where it can be read again.
fn again(input: &Input) -> Option<InputSource<'static>> {
    input.is_seekable().then(|| input.again().ok()).flatten()
}

/// The segment at which a sealed stream turned out damaged or altered.
fn damaged_segment(error: &StreamError) -> Option<u64> {
    let (StreamError::ChecksumMismatch { unit, .. }
    | StreamError::AuthenticationFailed { unit, .. }
    | StreamError::Malformed { unit, .. }) = error
    else {
        return None;
    };
    match *unit {
        Unit::Frame { segment, .. } | Unit::Segment { segment } | Unit::Footer { segment } => {
            Some(segment)
        }
        _ => None,
    }
}

/// Says of a stream that was read by the copy of its header that one of the two is gone.
fn note_copy_used(from: &Name, console: &Console) {
    // What is read once was read by the front.
    let Some(path) = from.path().filter(|path| path.is_file()) else { return };
    let Ok(seen) = File::open(path).map(|file| inspect(InputSource::File(file))) else { return };
    if seen.is_ok_and(|seen| !seen.front_intact && seen.copy_intact == Some(true)) {
        console.note(&format!(
            "{from}: the header at the front is damaged, so its copy at the end was used"
        ));
        let path = operand(path.as_os_str());
        console.note_hint(&format!("see what can be put back: sv2 repair -n {path}"));
    }
}

/// A file read from the front as a pipe is.
fn forwards(source: InputSource<'static>) -> InputSource<'static> {
    match source {
        InputSource::File(file) => InputSource::Reader(Box::new(file)),
        other => other,
    }
}

/// The end of a run that wrote what stands in front of the damage.
fn damaged_behind(from: &Name, segments: u64) -> Failure {
    let segments = counted(segments, "segment", "segments");
    let sentence =
        format!("{from}: the stream is damaged behind {segments}, which are written and authentic");
    Failure::new(Exit::Damaged, sentence).hint(format!(
        "to get out what is sound behind the damage, too: {}",
        invocation::on("decrypt --salvage", from)
    ))
}
