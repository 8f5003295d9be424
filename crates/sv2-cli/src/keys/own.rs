//! The identity that a user has without naming one: found, made where that was asked for, announced
//! until somebody was told of it.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sv2_keys::{
    Identity, KeyFileError, NoPrompt, Prompt, Recipient, default_identity_path,
    load_or_create_identity,
};

use crate::console::Console;
use crate::exit::Exit;
use crate::failure::{Failure, chain};
use crate::invocation;
use crate::key_command;
use crate::key_files;
use crate::looked;
use crate::names::shown;
use crate::terminal;

/// Names the identity file that serves where no key option is given.
const IDENTITY_VARIABLE: &str = "SV2_IDENTITY";
/// Names the command whose output is that file.
const COMMAND_VARIABLE: &str = "SV2_IDENTITY_COMMAND";

/// Whether an identity may be made where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Making {
    /// If a user on a terminal says so.
    Ask,
    /// Because the command line says so.
    Make,
}

/// The identities of a user who named none; the default one is made where there is none yet and
/// `making` allows it.
pub(super) fn own_identities(making: Making, console: &Console) -> Result<Vec<Identity>, Failure> {
    if let Some(named) = named_by_environment() {
        return named;
    }
    let path = default_identity_path().map_err(|error| no_place(&error))?;
    if making == Making::Ask && is_absent(&path) {
        ask(&path)?;
    }
    let own = load_or_create_identity(&path)?;
    key_files::look(&own.path);
    if own.is_new {
        // Said even when told to be quiet: who loses this file loses every stream.
        let was_told = console.tell(&format!(
            "made your default identity at '{}'; back it up now, because without it nothing that \
             is encrypted to it can ever be decrypted",
            shown(&own.path)
        ));
        if was_told {
            own.told();
        }
    }
    Ok(own.identities)
}

/// The identities of a user who named none, and none where they cannot be had: there may be another
/// way in.
pub(super) fn existing_identities() -> Result<Vec<Identity>, Failure> {
    if let Some(named) = named_by_environment() {
        return named;
    }
    let path = match default_identity_path() {
        Ok(path) => path,
        Err(error) => {
            looked::in_vain(format!("there is no default identity: {}", chain(&error)));
            return Ok(Vec::new());
        }
    };
    key_files::identities(&path).or_else(|error| {
        looked::in_vain(match is_absent(&path) {
            true => format!("there is no default identity at '{}'", shown(&path)),
            false => format!("the default identity does not serve: {}", chain(&error)),
        });
        Ok(Vec::new())
    })
}

/// The recipients of the user's own identities, as far as they are known without a question.
pub(super) fn own_recipients() -> Vec<Recipient> {
    let prompt: Arc<dyn Prompt> = Arc::new(NoPrompt);
    let identities = existing_identities().unwrap_or_default();
    identities.iter().flat_map(|own| own.recipients(&prompt).unwrap_or_default()).collect()
}

/// Where the default identity is, or would be.
pub(crate) fn own_path() -> Result<PathBuf, Failure> {
    match std::env::var_os(IDENTITY_VARIABLE).filter(|value| !value.is_empty()) {
        Some(path) => Ok(path.into()),
        None => default_identity_path().map_err(|error| no_place(&error)),
    }
}

/// The identities that the environment names, where it names some.
fn named_by_environment() -> Option<Result<Vec<Identity>, Failure>> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(path) = variable(IDENTITY_VARIABLE) {
        return Some(key_files::identities(path.as_ref()).map_err(Failure::from));
    }
    let line = variable(COMMAND_VARIABLE)?;
    Some(key_command::identities(&line, COMMAND_VARIABLE))
}

fn is_absent(path: &Path) -> bool {
    matches!(path.symlink_metadata(), Err(error) if error.kind() == ErrorKind::NotFound)
}

fn no_place(error: &KeyFileError) -> Failure {
    Failure::new(Exit::Usage, format!("there is no place for a default identity: {}", chain(error)))
        .hint("set HOME, or say who can open the stream with -r, -i, -p or -K")
}

/// Asks whether an identity shall be made; without a terminal nobody would read that one was.
fn ask(path: &Path) -> Result<(), Failure> {
    let question = format!(
        "There is no identity yet. Make one at '{}', which you then have to back up? [Y/n] ",
        shown(path)
    );
    let missing = |why: &str| {
        Failure::usage(format!("there is no default identity at '{}'{why}", shown(path))).hint(
            format!(
                "name who can open the stream with -r, -i or -p, or make one and back it up: {}",
                invocation::again_with("--make-identity")
            ),
        )
    };
    match terminal::answer(&question) {
        None => Err(missing(", and no terminal to ask whether to make one")),
        Some(answer) if matches!(answer.trim(), "" | "y" | "Y" | "yes" | "Yes") => Ok(()),
        Some(_) => Err(missing("")),
    }
}
