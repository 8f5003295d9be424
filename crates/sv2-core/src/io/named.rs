//! A file that is written in any order by whoever makes it, and gets its name when it is whole.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use sv2_pipeline::Cancellation;

use crate::StreamError;
use crate::io::output::{Existing, OutputEnd, output_failure};
use crate::io::place::OutputPlace;
use crate::io::unfinished::Unfinished;

/// A file that is written at any offset and has its name only when it is complete; dropped before,
/// it leaves nothing.
pub struct NamedOutput {
    file: File,
    unfinished: Unfinished,
    path: PathBuf,
    existing: Existing,
}

impl NamedOutput {
    /// Begins a file that is to be named `path`, with the bits of `mode` that the mask of the
    /// process leaves.
    ///
    /// # Errors
    /// `OutputExists`, `OutputRefused`, `Usage` where the name leads to a device, a pipe or an open
    /// descriptor, which nobody can write in any order, and `Write`.
    pub fn create(path: &Path, existing: Existing, mode: u32) -> Result<Self, StreamError> {
        let failed = |source| output_failure(0, source);
        match OutputPlace::find(path).map_err(failed)? {
            OutputPlace::Open(_) => {
                return Err(StreamError::Usage("this output must be a file by name"));
            }
            OutputPlace::Folder => return Err(failed(io::ErrorKind::IsADirectory.into())),
            OutputPlace::File(_) if existing == Existing::Refuse => {
                return Err(StreamError::OutputExists);
            }
            OutputPlace::File(_) | OutputPlace::Vacant => {}
        }
        let (file, unfinished) = Unfinished::create(path, mode & 0o666).map_err(failed)?;
        Ok(Self { file, unfinished, path: path.to_owned(), existing })
    }

    /// The file, open for reading and writing.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Makes the file durable and gives it its name, unless `cancel` is set before.
    ///
    /// # Errors
    /// `Write`, `OutputExists`, `OutputKept` and `Cancelled`, as for every named output.
    pub fn finish(self, cancel: &Cancellation) -> Result<(), StreamError> {
        let Self { file, unfinished, path, existing } = self;
        let len = file.metadata().map_or(0, |metadata| metadata.len());
        OutputEnd::Name { unfinished, path, existing }.finish(file, len, cancel)
    }
}
