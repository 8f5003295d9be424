//! Failures of keys: identities, recipients, passphrases and what is asked for them.

use std::io;

use sv2_keys::{KeyFileError, KeysError};

use super::Failure;
use super::text::chain;
use crate::exit::Exit;
use crate::looked;
use crate::terminal::found_no_terminal;

impl Failure {
    /// A key, recipient or identity that cannot be used.
    pub(crate) fn keys(error: &KeysError) -> Self {
        let sentence = match error {
            // What was tried is of no interest where there was nothing to try it on.
            KeysError::NoKeyFits(reasons) if reasons.age_slots == 0 => error.to_string(),
            _ => chain(error),
        };
        Self::new(keys_exit(error), sentence).hint(keys_hint(error))
    }
}

fn keys_exit(error: &KeysError) -> Exit {
    match error {
        KeysError::File(error) => match error {
            KeyFileError::Read { .. } | KeyFileError::Write { .. } | KeyFileError::Random => {
                Exit::Io
            }
            KeyFileError::Locked { .. } | KeyFileError::WrongPassphrase { .. } => Exit::NoKey,
            _ => Exit::Usage,
        },
        KeysError::NoKeyFits(_) | KeysError::WrongPassphrase => Exit::NoKey,
        KeysError::Malformed { .. } => Exit::Untrusted,
        KeysError::Plugin { .. }
        | KeysError::PluginMissing { .. }
        | KeysError::Age { .. }
        | KeysError::Memory { .. } => Exit::Io,
        _ => Exit::Usage,
    }
}

fn keys_hint(error: &KeysError) -> String {
    let hint = keys_advice(error);
    match (error, looked::told()) {
        (KeysError::NoKeyFits(reasons), Some(looked)) if reasons.age_slots > 0 => {
            format!("{looked}; {hint}")
        }
        _ => hint.to_owned(),
    }
}

fn keys_advice(error: &KeysError) -> &'static str {
    match error {
        KeysError::NoKeyFits(reasons) if reasons.refused_keys > 0 => {
            "check the --context that the stream was written with"
        }
        KeysError::NoKeyFits(reasons) if !reasons.skipped_over_limit.is_empty() => {
            "the stream was made to cost too much memory, and no option raises the limit"
        }
        KeysError::NoKeyFits(_) | KeysError::File(KeyFileError::Locked { .. })
            if found_no_terminal() =>
        {
            "there is no terminal to ask for the passphrase on, so use --passphrase-file or \
             --passphrase-fd"
        }
        KeysError::NoKeyFits(reasons)
            if reasons.has_passphrase_slot && !reasons.passphrase_tried =>
        {
            "use -p to be asked for it on the terminal, or --passphrase-file"
        }
        KeysError::NoKeyFits(reasons) if reasons.age_slots == 0 => "name its key with -K",
        KeysError::NoKeyFits(_) => "name the right identity with -i",
        KeysError::WrongPassphrase => "try again",
        KeysError::Recipient(_) => {
            "a recipient is age1.. or ssh-.., and files of them are named with -R"
        }
        KeysError::PluginMissing { .. } => "install it, or name another key",
        KeysError::Memory { .. } => "end other programs, or raise the limit of memory (ulimit -v)",
        KeysError::MixedSlots => "use recipients of one kind, since the weakest one decides",
        KeysError::File(KeyFileError::NoConfigFolder) => "set HOME, or name a key with -i or -K",
        KeysError::File(KeyFileError::Locked { .. }) => {
            "run it on a terminal, or use --passphrase-file"
        }
        KeysError::File(KeyFileError::Write { source, .. })
            if source.kind() == io::ErrorKind::AlreadyExists =>
        {
            "keys are never overwritten, so choose another name or move the old one away"
        }
        _ => "",
    }
}
