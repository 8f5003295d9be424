//! What a repair writes: a new file, or the file itself behind a backup.

use std::fs::File;
use std::io::Seek;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use sv2_core::{
    Cancellation, DamageMap, Existing, InputSource, NamedOutput, RunOptions, StreamError, scrub,
};

use super::RepairArgs;
use crate::ends::same_file;
use crate::failure::{Failure, already_exists};
use crate::names::{Name, Names, shown};
use crate::parity::wrong;
use crate::size::counted;

/// The suffix of a repaired copy where no name was given.
const REPAIRED: &str = ".repaired";

/// Where the results of one repair go.
pub(super) struct Outputs<'o> {
    pub(super) args: &'o RepairArgs,
    pub(super) cancel: &'o Cancellation,
    pub(super) name: &'o Name,
    /// Where the parity file is, or would be.
    pub(super) parity: &'o Path,
}

impl Outputs<'_> {
    /// Refuses to cut off in place what stands behind the end, unless that was asked for.
    pub(super) fn may_cut(&self, more: u64, since: &str) -> Result<(), Failure> {
        if more == 0 || self.args.cut {
            return Ok(());
        }
        let bytes = counted(more, "byte stands", "bytes stand");
        Err(Failure::usage(format!("{}: {bytes} behind the end{since}", self.name))
            .hint(wrong::repair("-f --cut ", &self.args.file)))
    }

    /// The new file that a repair writes to, with its name.
    pub(super) fn create_copy(&self) -> Result<(PathBuf, NamedOutput), Failure> {
        let output = self.args.output.clone().unwrap_or_else(|| {
            let mut name = self.args.file.as_os_str().to_owned();
            name.push(REPAIRED);
            name.into()
        });
        let target = self.create(&output, self.args.force)?;
        Ok((output, target))
    }

    /// Copies the file as it is where a backup was asked for; on file systems that share blocks
    /// this costs nothing.
    pub(super) fn back_up(&self, mut file: &File) -> Result<(), Failure> {
        let Some(backup) = &self.args.backup else { return Ok(()) };
        let target = self.create(backup, false)?;
        file.rewind().map_err(|error| Failure::file("read", &self.args.file, &error))?;
        let mut writer = target.file();
        std::io::copy(&mut file, &mut writer)
            .map_err(|error| Failure::file("write", backup, &error))?;
        target.finish(self.cancel).map_err(|error| self.told(backup, &error))
    }

    fn create(&self, path: &Path, force: bool) -> Result<NamedOutput, Failure> {
        for input in [Some(self.args.file.as_path()), self.args.from.as_deref(), Some(self.parity)]
        {
            let both = input.map(|input| (std::fs::metadata(input), std::fs::metadata(path)));
            if let Some((Ok(input), Ok(output))) = both
                && same_file(&input, &output)
            {
                return Err(Failure::usage(format!("'{}' is an input itself", shown(path)))
                    .hint("choose another output with -o"));
            }
        }
        let metadata = std::fs::metadata(&self.args.file);
        let mode = metadata.map_or(0o600, |metadata| metadata.mode());
        let existing = if force { Existing::Replace } else { Existing::Refuse };
        NamedOutput::create(path, existing, mode).map_err(|error| self.told(path, &error))
    }

    /// A failure of an output.
    pub(super) fn told(&self, output: &Path, error: &StreamError) -> Failure {
        let output = Name::File(output.to_owned());
        match error {
            StreamError::OutputExists => already_exists(&output, "-o"),
            error => Failure::stream(error, Names { input: self.name, output: &output }),
        }
    }

    /// Scrubs a stream that was repaired.
    pub(super) fn scrubbed(&self, output: &Path) -> Result<DamageMap, Failure> {
        let file = File::open(output).map_err(|error| Failure::file("read", output, &error))?;
        scrub(InputSource::File(file), &self.run()).map_err(|error| self.told(output, &error))
    }

    /// How a stream is read.
    pub(super) fn run(&self) -> RunOptions {
        let mut options = RunOptions::automatic();
        options.cancel = self.cancel.clone();
        options
    }
}
