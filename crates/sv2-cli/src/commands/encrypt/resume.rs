//! `sv2 encrypt --resume`: a run that can be cut off, and the run that continues it.

use sv2_core::{
    Cancellation, EncryptOptions, StreamError, StreamKey, encrypt_resumable, resume_encrypt,
};

use super::{EncryptArgs, header_too_small};
use crate::console::Console;
use crate::ends::{Input, Output};
use crate::failure::Failure;
use crate::keys::Who;
use crate::names::Names;
use crate::progress::Display;
use crate::report;
use crate::resume::Resumable;

/// Why a run ended: in the words of the engine, or in those of a key that could not be used.
enum Stop {
    Stream(StreamError),
    Keys(Failure),
}

impl From<StreamError> for Stop {
    fn from(error: StreamError) -> Self {
        Self::Stream(error)
    }
}

/// Begins, or continues what is there.
pub(super) fn run(
    args: &EncryptArgs,
    (input, output): (Input, Output),
    who: &Who,
    mut options: EncryptOptions,
    cancel: Cancellation,
    console: &Console,
) -> Result<(), Failure> {
    let (from, to, channel) = (input.name.clone(), output.name.clone(), output.free_channel());
    let names = Names { input: &from, output: &to };
    let (resumable, aftermath) = Resumable::new(&input, output)?;
    let done = if resumable.output.is_unfinished() {
        let continued = args.recipients.continued_key(who)?;
        let display = Display::new(console);
        options.run = args.run.options(cancel.clone(), &display);
        let slots = |key: &StreamKey| continued.slots(key).map_err(Stop::Keys);
        let source = input.into_source();
        let done = continued
            .key
            .with(|keys| resume_encrypt(source, &resumable.output, keys, slots, &options));
        done.map_err(|stop| match stop {
            Stop::Stream(error) => resumable.continued_failure(&error, names),
            Stop::Keys(failure) => failure,
        })?
    } else {
        let new = who.new_key()?;
        options.slots = new.slots;
        if args.recipients.names_recipients_alone() {
            console.note(
                "if this is interrupted, an identity of one of the recipients is needed to \
                 continue it: your default one, or one named with -i or SV2_IDENTITY",
            );
        }
        let display = Display::new(console);
        options.run = args.run.options(cancel.clone(), &display);
        encrypt_resumable(input.into_source(), &resumable.output, &new.key, &options).map_err(
            |error| header_too_small(&error).unwrap_or_else(|| resumable.failure(&error, names)),
        )?
    };
    args.protect(&to, &cancel, console)?;
    aftermath.settle(|text| console.note(text))?;
    report::resumed("encrypt", names, &done, channel, console)
}
