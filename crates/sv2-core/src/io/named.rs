//! A file that is written in any order by whoever makes it, and gets its name when it is whole.

use std::fs::File;
use std::io;
use std::path::Path;

use sv2_pipeline::Cancellation;

use crate::StreamError;
use crate::io::batch::OutputBatch;
use crate::io::output::{Existing, Output, OutputEnd, output_failure};
use crate::io::place::OutputPlace;
use crate::io::unfinished::Unfinished;
use crate::io::{FileAttributes, NamePlace};
use crate::system::takes_any_order;

/// A file that is written at any offset and has its name only when it is complete; dropped before,
/// it leaves nothing.
pub struct NamedOutput {
    file: File,
    unfinished: Unfinished,
    place: NamePlace,
    existing: Existing,
    attributes: FileAttributes,
    batch: Option<(OutputBatch, u64)>,
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
        Self::begin(path, existing, mode & 0o666).map_err(failed)
    }

    /// Begins a file whose name was judged.
    pub(crate) fn begin(path: &Path, existing: Existing, mode: u32) -> io::Result<Self> {
        let place = NamePlace::hold(path)?;
        let (file, unfinished) = Unfinished::create(place.reached(), mode)?;
        let attributes = FileAttributes::default();
        Ok(Self { file, unfinished, place, existing, attributes, batch: None })
    }

    /// The same, which gets attributes when it is whole, before it has its name.
    #[must_use]
    pub fn attributes(self, attributes: FileAttributes) -> Self {
        Self { attributes, ..self }
    }

    /// The same, which when it is whole waits in a batch for others and gets its name there; `ticket`
    /// is what the caller knows it by.
    #[must_use]
    pub fn within(self, batch: &OutputBatch, ticket: u64) -> Self {
        Self { batch: Some((batch.clone(), ticket)), ..self }
    }

    /// The file as an output of a call, which finishes it.
    pub(crate) fn into_output(self) -> Output<'static> {
        let positional = takes_any_order(&self.file);
        let (file, end) = self.into_end();
        Output::File { file, base: 0, end, positional }
    }

    fn into_end(self) -> (File, OutputEnd) {
        let Self { file, unfinished, place, existing, attributes, batch } = self;
        (file, OutputEnd::Name { unfinished, place, existing, attributes, batch })
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
        let len = self.file.metadata().map_or(0, |metadata| metadata.len());
        let (file, end) = self.into_end();
        end.finish(file, len, cancel)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::io::Temporary;

    const MODIFIED: Duration = Duration::from_nanos(1_234_567_890_123_456_789);

    fn begun(path: &Path) -> NamedOutput {
        let modified = Some(SystemTime::UNIX_EPOCH + MODIFIED);
        let attributes = FileAttributes { modified, mode: Some(0o6751) };
        let named = NamedOutput::create(path, Existing::Replace, 0o600).unwrap();
        named.attributes(attributes)
    }

    fn has_attributes(path: &Path) -> bool {
        let metadata = fs::symlink_metadata(path).unwrap();
        let modified = metadata.modified().unwrap();
        modified == SystemTime::UNIX_EPOCH + MODIFIED
            && metadata.permissions().mode() & 0o7777 == 0o751
    }

    /// A name that cannot be had in the end shows what the file was before it would have had it.
    #[test]
    fn a_file_has_its_attributes_before_it_has_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("name");
        let named = begun(&path);
        fs::create_dir_all(path.join("in the way")).unwrap();
        let error = named.finish(&Cancellation::new()).unwrap_err();
        let StreamError::OutputKept { kept, .. } = error else { panic!("{error:?}") };
        assert_eq!(kept, folder.path().join("name.kept"));
        assert!(has_attributes(&kept));
    }

    #[test]
    fn a_folder_that_is_swapped_under_way_gets_nothing_and_nothing_in_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["own", "private"] {
            fs::create_dir(at(name)).unwrap();
        }
        fs::write(at("private/name"), b"secret").unwrap();
        fs::set_permissions(at("private/name"), Permissions::from_mode(0o600)).unwrap();
        let named = begun(&at("own/name"));
        fs::rename(at("own"), at("moved")).unwrap();
        symlink("private", at("own")).unwrap();
        named.finish(&Cancellation::new()).unwrap();
        assert!(has_attributes(&at("moved/name")));
        assert_eq!(fs::read(at("private/name")).unwrap(), b"secret");
        assert!(!has_attributes(&at("private/name")));
        assert_eq!(fs::read_dir(at("private")).unwrap().count(), 1);
    }

    /// Where files have a name from the start, the folder is held until that name is gone.
    #[test]
    fn a_file_that_cannot_be_finished_leaves_nothing_under_its_temporary_name() {
        let folder = tempfile::tempdir().unwrap();
        let place = NamePlace::hold(&folder.path().join("name")).unwrap();
        let in_folder = place.reached().parent().unwrap().to_owned();
        let (_, temporary) = Temporary::create(&in_folder, 0o600).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let attributes = FileAttributes { modified: None, mode: Some(0o600) };
        let (existing, unfinished) = (Existing::Replace, Unfinished::Named(temporary));
        let end = OutputEnd::Name { place, unfinished, existing, attributes, batch: None };
        // A handle that has no right to anything, so that it takes no attributes.
        let flags = rustix::fs::OFlags::PATH | rustix::fs::OFlags::CLOEXEC;
        let handle = rustix::fs::open(folder.path(), flags, rustix::fs::Mode::empty()).unwrap();
        end.finish(handle.into(), 0, &Cancellation::new()).unwrap_err();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
