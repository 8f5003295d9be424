//! `sv2 man`: the man pages as files.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;

use crate::failure::Failure;
use crate::man::pages;

/// The arguments of `sv2 man`.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  sv2 man ~/.local/share/man/man1")]
pub(crate) struct ManArgs {
    /// The folder to write sv2.1 and the pages of the commands to; it is made if needed
    folder: PathBuf,
}

/// Runs `sv2 man` for the command line of `grammar`.
pub(crate) fn run(args: &ManArgs, grammar: clap::Command) -> Result<(), Failure> {
    let folder = &args.folder;
    fs::create_dir_all(folder).map_err(|error| Failure::file("make", folder, &error))?;
    for (name, page) in pages(grammar) {
        let path = folder.join(name);
        // Made anew, so that nothing that has the name is written into or followed.
        let written = match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => fs::File::create_new(&path).and_then(|mut file| file.write_all(&page)),
        };
        written.map_err(|error| Failure::file("write", &path, &error))?;
    }
    Ok(())
}
