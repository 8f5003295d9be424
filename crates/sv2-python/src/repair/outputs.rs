//! What a repair writes: a new file, or the file itself.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use sv2_core::{Existing, InputSource, NamedOutput, RunOptions, scrub};

use super::Call;
use crate::error::Trouble;
use crate::parity::{Files, same_file};

/// The suffix of a repaired copy where no name was given.
const REPAIRED: &str = ".repaired";

/// Where the results of one repair go.
pub(super) struct Outputs<'o> {
    pub(super) call: &'o Call,
    /// Where the parity file is, or would be.
    pub(super) parity: &'o Path,
    pub(super) run: &'o RunOptions,
}

impl Outputs<'_> {
    /// The file that is written.
    pub(super) fn path(&self) -> PathBuf {
        if self.call.in_place {
            return self.call.path.clone();
        }
        self.call.output.clone().unwrap_or_else(|| {
            let mut name = self.call.path.as_os_str().to_owned();
            name.push(REPAIRED);
            name.into()
        })
    }

    /// Refuses to cut off in place what stands behind the end, unless that was asked for.
    pub(super) fn may_cut(&self, more: u64) -> Result<(), Trouble> {
        if more == 0 || self.call.cut {
            return Ok(());
        }
        Err(Trouble::Usage(format!(
            "{:?}: {more} bytes stand behind the end; nothing was written; cut=True cuts them off",
            self.call.path
        )))
    }

    /// Begins the new file.
    pub(super) fn create(&self, path: &Path) -> Result<NamedOutput, Trouble> {
        for input in [Some(self.call.path.as_path()), self.call.copy.as_deref(), Some(self.parity)]
        {
            let both = input.map(|input| (fs::metadata(input), fs::metadata(path)));
            if let Some((Ok(input), Ok(output))) = both
                && same_file(&input, &output)
            {
                return Err(Trouble::Usage(format!("{path:?} is an input itself")));
            }
        }
        let mode = fs::metadata(&self.call.path).map_or(0o600, |metadata| metadata.mode());
        let existing = if self.call.overwrite { Existing::Replace } else { Existing::Refuse };
        NamedOutput::create(path, existing, mode).map_err(|error| self.files(path).stream(error))
    }

    /// The files of the call, with this output.
    pub(super) fn files<'f>(&'f self, output: &'f Path) -> Files<'f> {
        Files { file: &self.call.path, parity: self.parity, output }
    }

    /// Whether a scrub finds nothing in a stream that was repaired.
    pub(super) fn scrubbed(&self, output: &Path) -> Result<bool, Trouble> {
        let files = Files { file: output, parity: self.parity, output };
        let file = File::open(output).map_err(|error| files.unread(error))?;
        let map = scrub(InputSource::File(file), &self.quiet());
        map.map(|map| map.is_undamaged()).map_err(|error| files.stream(error))
    }

    /// How a stream is read, without a word of progress.
    pub(super) fn quiet(&self) -> RunOptions {
        let mut run = self.run.clone();
        run.observer = None;
        run
    }
}
