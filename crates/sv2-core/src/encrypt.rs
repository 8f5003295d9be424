//! Encrypting a whole stream (format.md section 10).

use std::time::Instant;

use crate::drive::{Drive, Ends, Plan};
use crate::io::{Cut, Input, Secrecy, Target};
use crate::seal::{Feed, Front, SealJob};
use crate::{
    Driver, EncryptOptions, InputSource, OutputSink, Section, StreamError, StreamKey, StreamReport,
};

/// Encrypts `input` to `output` as one sealed stream.
///
/// The driver follows from what both ends can do; the bytes do not depend on it (F-105).
/// A named output appears under its name only when the whole stream is on stable storage.
///
/// # Errors
/// `Read`, `Write`, `OutputExists`, `InputChanged` from the two ends; `Limit` for an input longer
/// than the geometry allows, `Usage` for options that contradict each other; `Cancelled`,
/// `Spawn`, `Defect`, `Crypto`.
/// Of several, the one earliest in the stream.
/// On error, an output that is not a path may hold part of an unsealed stream.
///
/// # Panics
/// A panic in an observer, reader or writer is resumed on this thread after all threads of the
/// call have been joined.
pub fn encrypt_stream_v2(
    input: InputSource<'_>,
    mut output: OutputSink<'_>,
    key: &StreamKey,
    options: &EncryptOptions,
) -> Result<StreamReport, StreamError> {
    let begun = Instant::now();
    output.clear();
    let input = input.open()?;
    let job = SealJob::begin(key, options)?;
    let report = job.watch.ended(job.encrypt(input, output))?;
    Ok(report.since(begun))
}

/// Encrypts under a key that is drawn here and lies in the slots that `slots` makes for it: the
/// key is of this stream alone (F-317), and nobody has it who cannot open a slot.
///
/// # Errors
/// Those of `slots`; `Usage` where it makes none, or `options` have slots already; everything else
/// as with [`encrypt_stream_v2`].
///
/// # Panics
/// As [`encrypt_stream_v2`].
pub fn encrypt_for<E: From<StreamError>>(
    input: InputSource<'_>,
    output: OutputSink<'_>,
    slots: impl FnOnce(&StreamKey) -> Result<Vec<Section>, E>,
    options: &EncryptOptions,
) -> Result<StreamReport, E> {
    let (key, options) = drawn(slots, options)?;
    Ok(encrypt_stream_v2(input, output, &key, &options)?)
}

/// A key for one stream, and options with the slots that it lies in.
pub(crate) fn drawn<E: From<StreamError>>(
    slots: impl FnOnce(&StreamKey) -> Result<Vec<Section>, E>,
    options: &EncryptOptions,
) -> Result<(StreamKey, EncryptOptions), E> {
    if !options.slots.is_empty() {
        let why = "the slots are made for the key that is drawn, and none can be given";
        return Err(StreamError::Usage(why).into());
    }
    let key = StreamKey::generate().map_err(StreamError::from)?;
    let slots = slots(&key)?;
    if slots.is_empty() {
        return Err(StreamError::Usage("without a key slot nobody could open the stream").into());
    }
    Ok((key, EncryptOptions { slots, ..options.clone() }))
}

impl SealJob {
    fn encrypt(
        &self,
        input: Input<'_>,
        output: OutputSink<'_>,
    ) -> Result<StreamReport, StreamError> {
        let layout = self.layout();
        let run = &self.watch.run;
        let total = input.len();
        self.check_len(total.unwrap_or(0))?;
        self.watch.expect(total);
        let mut drive = Drive::begin(run, layout, total)?;
        let output = output.open(Secrecy::Stream)?;
        let feed = match input {
            Input::Positioned(input) => Feed::Places(input),
            input => Feed::Front(Front::begin(&[], input, &layout)?),
        };
        let ends = match &feed {
            Feed::Places(_) if output.has_places() => Ends::Places,
            _ => Ends::Sequence,
        };
        let plan = drive.plan(ends, feed.segments(&layout));
        let cut = match plan.driver {
            Driver::Positional => total.and_then(|total| Cut::stream(&layout, total)),
            _ => None,
        };
        output.fill(cut, &run.cancel, |target| self.write_to(plan, feed, target))
    }

    fn write_to(
        &self,
        plan: Plan,
        feed: Feed<'_>,
        target: Target<'_, '_>,
    ) -> Result<(StreamReport, u64), StreamError> {
        let report = match (target, feed) {
            (Target::Positioned(output), Feed::Places(input)) => {
                output.write_all_at(self.sealer.header(), 0)?;
                let moved = self.at_offsets(plan, &input, &output, |_, _, _| Ok(None))?;
                self.finish_at_offsets(moved, &output)
            }
            (Target::Sequential(output), feed) => {
                output.write_all(self.sealer.header())?;
                let sink = |wire: &[u8], _: u64| output.write_all(wire);
                let moved = self.front_to_back(plan, feed, self.index(), sink)?;
                output.barrier()?;
                self.finish(moved, |tail| output.write_all(tail))
            }
            (Target::Positioned(_), Feed::Front(_)) => Err(StreamError::Defect { segment: 0 }),
        }?;
        let len = report.bytes_out;
        Ok((report, len))
    }
}
