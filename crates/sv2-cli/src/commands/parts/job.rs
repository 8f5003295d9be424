//! The job of a planned stream, and the small files beside it.

use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sv2_core::parts::{PartsJob, PartsPlan, SegmentsKey, SourcePin};
use sv2_core::{Cancellation, Existing, KeySource, NamedOutput, StreamError, StreamKey};
use sv2_keys::{NoPrompt, Prompt, Recipient, seal_slot};

use super::told;
use crate::ends::same_file;
use crate::failure::{Failure, already_exists};
use crate::keys::{IdentityArgs, no_randomness};
use crate::names::{Name, Names, shown};

/// A plan with the key of its segments, locked to everybody who seals them.
pub(super) fn lock(
    path: &Path,
    plan: &PartsPlan,
    key: &SegmentsKey,
    recipients: &[Recipient],
) -> Result<PartsJob, Failure> {
    let prompt: Arc<dyn Prompt> = Arc::new(NoPrompt);
    let key = StreamKey::from_slice(key.expose()).ok_or_else(no_randomness)?;
    let slots = recipients.iter().map(|recipient| seal_slot(&key, recipient, &prompt));
    let job = PartsJob::new(slots.collect::<Result<_, _>>()?, plan);
    job.map_err(|error| told::parts(error, path))
}

/// Opens the key of segments with the identities that were named, or the user's own.
pub(super) fn unlock(
    path: &Path,
    job: &PartsJob,
    identities: &IdentityArgs,
) -> Result<SegmentsKey, Failure> {
    identities.open_key()?.with(|keys| match keys {
        KeySource::Key(_) => {
            Err(Failure::usage("a raw key opens no job").hint("name the job's identity with -i"))
        }
        KeySource::Slots(slots) => job.open(*slots).map_err(|source| {
            let error = StreamError::NoKeyFits { source: Some(source) };
            let name = Name::File(path.to_owned());
            Failure::stream(&error, Names { input: &name, output: &Name::Stdout }).hint(
                "give each worker the job's identity: -i FILE, SV2_IDENTITY or \
                 --identity-command COMMAND",
            )
        }),
    })
}

/// A source as the file system describes it: what changes with every write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    len: u64,
    /// The time of the last change, in seconds and nanoseconds.
    mtime: (i64, i64),
}

impl Stamp {
    pub(super) fn of(source: &fs::File, path: &Path) -> Result<Self, Failure> {
        let metadata = source.metadata().map_err(|error| Failure::file("read", path, &error))?;
        if !metadata.is_file() {
            return Err(Failure::usage(format!("'{}' is no regular file", shown(path))));
        }
        Ok(Self { len: metadata.len(), mtime: (metadata.mtime(), metadata.mtime_nsec()) })
    }

    /// What tells every worker whether its source is the one that was planned for: the length, and
    /// a tag or the time of the last change.
    pub(super) fn pin(&self, tag: Option<&str>) -> SourcePin {
        let (seconds, nanoseconds) = self.mtime;
        let tag = match tag {
            Some(tag) => tag.to_owned(),
            None => format!("mtime {seconds}.{nanoseconds:09}"),
        };
        SourcePin::new(self.len, tag)
    }
}

/// A small file that has its name only when it is whole.
pub(super) struct SmallFile {
    path: PathBuf,
    target: NamedOutput,
}

impl SmallFile {
    /// Begins a file that is none of the inputs.
    pub(super) fn begin(
        path: &Path,
        inputs: &[&Path],
        existing: Existing,
        mode: u32,
    ) -> Result<Self, Failure> {
        if let Ok(found) = fs::metadata(path)
            && inputs.iter().any(|input| fs::metadata(input).is_ok_and(|it| same_file(&it, &found)))
        {
            return Err(Failure::usage(format!("'{}' is an input itself", shown(path)))
                .hint("choose another output with -o"));
        }
        let target = NamedOutput::create(path, existing, mode);
        let target = target.map_err(|error| not_written(path, &error))?;
        Ok(Self { path: path.to_owned(), target })
    }

    /// Writes the file and gives it its name.
    pub(super) fn write(self, bytes: &[u8], cancel: &Cancellation) -> Result<(), Failure> {
        let Self { path, target } = self;
        let mut file = target.file();
        file.write_all(bytes).map_err(|error| Failure::file("write", &path, &error))?;
        target.finish(cancel).map_err(|error| not_written(&path, &error))
    }
}

fn not_written(path: &Path, error: &StreamError) -> Failure {
    let name = Name::File(path.to_owned());
    match error {
        StreamError::OutputExists => already_exists(&name, "-o"),
        error => Failure::stream(error, Names { input: &name, output: &name }),
    }
}
