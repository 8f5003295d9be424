//! The key of a job: the key of segments, locked to an identity that every worker has.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sv2_core::parts::{PartsPlan, SegmentsKey, SourcePin};
use sv2_core::{Cancellation, Existing, KeySource, NamedOutput, Section, StreamError, StreamKey};
use sv2_keys::{NoPrompt, Prompt, Recipient, seal_slot};

use crate::ends::same_file;
use crate::exit::Exit;
use crate::failure::{Failure, already_exists};
use crate::keys::{IdentityArgs, no_randomness};
use crate::names::{Name, Names, shown};
use crate::parity::open_plain;

/// What the name of a job's key ends with; the rest is the name of the plan.
const SUFFIX: &str = ".job";

/// The largest file of a locked key that is read.
const MAX_LEN: u64 = 1 << 16;

/// Slot kind of an age file.
const AGE: u16 = 1;

/// Where the key of a plan is.
pub(super) fn path_of(plan: &Path) -> PathBuf {
    let mut name = plan.as_os_str().to_owned();
    name.push(SUFFIX);
    name.into()
}

/// Locks the key of segments to one recipient, as an age file.
pub(super) fn lock(key: &SegmentsKey, recipient: &Recipient) -> Result<Vec<u8>, Failure> {
    let prompt: Arc<dyn Prompt> = Arc::new(NoPrompt);
    let key = StreamKey::from_slice(key.expose()).ok_or_else(no_randomness)?;
    let slot = seal_slot(&key, recipient, &prompt)?;
    Ok(slot.as_slot().map(|(_, file)| file.to_vec()).unwrap_or_default())
}

/// Opens the key of a plan with the identities that were named, or the user's own.
pub(super) fn unlock(
    plan_path: &Path,
    plan: &[u8],
    identities: &IdentityArgs,
) -> Result<SegmentsKey, Failure> {
    let path = path_of(plan_path);
    let failed = |error| Failure::file("read", &path, &error);
    let mut bytes = Vec::new();
    // It lies where the plan lies, and what took its name is not waited for.
    if let Some(file) = open_plain(&path).map_err(failed)? {
        file.take(MAX_LEN + 1).read_to_end(&mut bytes).map_err(failed)?;
    }
    if bytes.is_empty() || bytes.len() as u64 > MAX_LEN {
        let sentence = format!("'{}' is no key of a job", shown(&path));
        return Err(Failure::new(Exit::NotAStream, sentence)
            .hint("use the plan and the key that 'sv2 parts plan' wrote together"));
    }
    let slot = Section::slot(AGE, &bytes);
    let opener = identities.open_key()?;
    let found = opener.with(|keys| match keys {
        KeySource::Key(_) => {
            Err(Failure::usage("a raw key opens no job").hint("name the job's identity with -i"))
        }
        KeySource::Slots(slots) => {
            let mut fits =
                |key: &StreamKey| PartsPlan::is_of(plan, &SegmentsKey::from_bytes(*key.expose()));
            slots.open_key(&[slot], &mut fits).map_err(|source| {
                let error = StreamError::NoKeyFits { source: Some(source) };
                let name = Name::File(path.clone());
                Failure::stream(&error, Names { input: &name, output: &Name::Stdout }).hint(
                    "give each worker the job's identity: -i FILE, SV2_IDENTITY or \
                     --identity-command COMMAND",
                )
            })
        }
    })?;
    Ok(SegmentsKey::from_bytes(*found.expose()))
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
