//! What a repair writes: a new file, or the file itself behind a backup.

use std::fs::File;
use std::io::{Read, Seek};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use sv2_core::{
    Cancellation, DamageMap, Existing, InputSource, NamedOutput, RunOptions, StreamError, scrub,
};

use super::RepairArgs;
use crate::ends::same_file;
use crate::failure::{Failure, already_exists};
use crate::invocation::operand;
use crate::names::{Name, Names, shown};
use crate::parity::wrong;
use crate::size::counted;

/// The suffix of a repaired copy where no name was given.
const REPAIRED: &str = ".repaired";

/// Bytes that are copied before an interrupt is looked for.
const STEP: u64 = 64 << 20;

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
        let backup = self.args.backup.as_deref().map_or_else(String::new, |backup| {
            format!("--backup {} ", operand(backup.as_os_str()))
        });
        Err(Failure::usage(format!("{}: {bytes} behind the end{since}", self.name))
            .hint(self.in_place(&format!("--cut {backup}"))))
    }

    /// The command that goes on with a repair in place which was interrupted; a backup is there.
    pub(super) fn continued(&self) -> String {
        self.in_place(if self.args.cut { "--cut " } else { "" })
    }

    /// A repair in place from the same sources, with more options.
    fn in_place(&self, more: &str) -> String {
        let mut options = format!("-f {more}");
        if self.args.without_parity {
            options.push_str("--without-parity ");
        }
        if let Some(copy) = &self.args.from {
            options.push_str(&format!("--from {} ", operand(copy.as_os_str())));
        }
        wrong::repair(&options, &self.args.file)
    }

    /// Copies what is left of a file to an output, by steps between which an interrupt is looked
    /// for; on file systems that share blocks this costs nothing.
    pub(super) fn copy(
        &self,
        (mut from, len): (&File, u64),
        (output, target): (&Path, &NamedOutput),
    ) -> Result<(), Failure> {
        from.rewind().map_err(|error| Failure::file("read", &self.args.file, &error))?;
        let mut left = len;
        loop {
            if self.cancel.is_cancelled() {
                return Err(self.told(output, &StreamError::Cancelled { segment: 0 }));
            }
            let step = std::io::copy(&mut from.take(left.min(STEP)), &mut target.file());
            let step = step.map_err(|error| Failure::file("write", output, &error))?;
            left -= step;
            if step == 0 {
                return Ok(());
            }
        }
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

    /// Copies the file as it is where a backup was asked for.
    pub(super) fn back_up(&self, file: &File) -> Result<(), Failure> {
        let Some(backup) = &self.args.backup else { return Ok(()) };
        let target = self.create(backup, false)?;
        self.copy((file, u64::MAX), (backup, &target))?;
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
