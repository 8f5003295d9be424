//! What is left to do behind an output: saying where it is, and removing the input.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::PathBuf;

use sv2_core::HeldFolder;

use super::input::own;
use super::{Input, Output, same_file};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::names::{Name, shown};

/// What is left to do when the output is on stable storage.
#[derive(Default)]
pub(crate) struct Aftermath {
    pub(super) doomed: Option<(PathBuf, Metadata)>,
    /// The name of the output, where it was made up.
    pub(super) derived: Option<Name>,
    /// The folder of the output, held until all is done.
    pub(super) _folder: Option<HeldFolder>,
}

impl Aftermath {
    /// Says with `note` where the result is if that may surprise, and removes the input if that
    /// was asked for and it is still what was read.
    pub(crate) fn settle(self, note: impl FnOnce(&str)) -> Result<(), Failure> {
        if let Some(name) = &self.derived
            && stdout_leads_somewhere()
        {
            note(&format!("the output is '{name}'; for standard output give -o -"));
        }
        let Some((path, read)) = self.doomed else { return Ok(()) };
        let failed = |error| Failure::file("remove", &path, &error);
        let now = fs::symlink_metadata(&path).map_err(failed)?;
        let unchanged = same_file(&now, &read)
            && now.len() == read.len()
            && (now.mtime(), now.mtime_nsec()) == (read.mtime(), read.mtime_nsec());
        if !unchanged {
            let name = shown(&path);
            let sentence = format!("'{name}' changed while it was read and was not removed");
            return Err(Failure::new(Exit::Io, sentence));
        }
        fs::remove_file(&path).map_err(failed)
    }
}

/// Whether standard output was led to a file or a program, where those who come from other tools
/// expect the result.
fn stdout_leads_somewhere() -> bool {
    let metadata = own(&io::stdout()).and_then(|file| file.metadata());
    metadata.is_ok_and(|metadata| {
        let kind = metadata.file_type();
        kind.is_file() || kind.is_fifo() || kind.is_socket()
    })
}

/// The input that is to be removed, if it is one that can be.
pub(super) fn doomed(input: &Input, output: &Output) -> Result<(PathBuf, Metadata), Failure> {
    let refused = |why: &str| Failure::usage(format!("--rm cannot be used: {why}"));
    let Some(path) = &input.path else {
        return Err(refused("the input has no name"));
    };
    if !fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file()) {
        return Err(refused("the input is no regular file"));
    }
    if output.kept_path().is_none() {
        return Err(refused("the output is no file that can be kept"));
    }
    Ok((path.clone(), input.metadata.clone()))
}
