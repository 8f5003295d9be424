//! Folders that are held open, so that a name in one means one place from beginning to end.

use std::ffi::OsStr;
use std::fs;
#[cfg(target_os = "linux")]
use std::fs::File;
use std::io;
use std::path::{Component, Path, PathBuf};

use crate::io::folder_of;

/// A folder that is held open: whoever moves it, or puts a link where it was, moves nothing that is
/// made or read in it elsewhere.
///
/// On systems other than Linux, and where `/proc` is missing, it is a path and holds nothing.
#[derive(Debug)]
pub struct HeldFolder {
    path: PathBuf,
    #[cfg(target_os = "linux")]
    held: Option<File>,
}

impl HeldFolder {
    /// Opens a folder by its name; links on the way are followed, as everywhere.
    ///
    /// # Errors
    /// Whatever the system says.
    pub fn open(path: &Path) -> io::Result<Self> {
        #[cfg(target_os = "linux")]
        {
            let held = File::from(rustix::fs::open(path, flags(), rustix::fs::Mode::empty())?);
            Ok(Self { path: told(path), held: Some(held).filter(is_reached) })
        }
        #[cfg(not(target_os = "linux"))]
        {
            if !fs::metadata(path)?.is_dir() {
                return Err(io::ErrorKind::NotADirectory.into());
            }
            Ok(Self { path: path.to_owned() })
        }
    }

    /// Opens a folder below this one, and makes it, and those on the way, where they are not there.
    ///
    /// No link is followed on the way: what a folder of this one's leads to was not chosen by
    /// whoever named this one.
    ///
    /// # Errors
    /// `NotADirectory` where something else has one of the names, a link to a folder too;
    /// `InvalidInput` for a path that does not lead down; whatever the system says.
    pub fn make_below(&self, names: &Path) -> io::Result<Self> {
        self.descend(names, Self::make)
    }

    /// Opens a folder below this one, as [`HeldFolder::make_below`] does; one that is not there is
    /// `NotFound`.
    ///
    /// # Errors
    /// As [`HeldFolder::make_below`].
    pub fn below(&self, names: &Path) -> io::Result<Self> {
        self.descend(names, |_, _| Ok(()))
    }

    /// Goes down name by name, with `prepare` before each step.
    fn descend(
        &self,
        names: &Path,
        prepare: impl Fn(&Self, &OsStr) -> io::Result<()>,
    ) -> io::Result<Self> {
        let mut folder = Self {
            path: self.path.clone(),
            #[cfg(target_os = "linux")]
            held: self.held.as_ref().map(File::try_clone).transpose()?,
        };
        for name in names.components() {
            match name {
                Component::Normal(name) => {
                    prepare(&folder, name)?;
                    folder = folder.child(name)?;
                }
                Component::CurDir => {}
                _ => return Err(io::ErrorKind::InvalidInput.into()),
            }
        }
        Ok(folder)
    }

    fn make(&self, name: &OsStr) -> io::Result<()> {
        match fs::create_dir(self.reach(name)) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        }
    }

    fn child(&self, name: &OsStr) -> io::Result<Self> {
        let path = self.path.join(name);
        #[cfg(target_os = "linux")]
        if let Some(held) = &self.held {
            let flags = flags() | rustix::fs::OFlags::NOFOLLOW;
            let child = rustix::fs::openat(held, name, flags, rustix::fs::Mode::empty());
            // A link is not a folder, and some systems say that there are too many.
            let child = child.map_err(|error| match error {
                rustix::io::Errno::LOOP => io::ErrorKind::NotADirectory.into(),
                error => io::Error::from(error),
            })?;
            return Ok(Self { path, held: Some(File::from(child)) });
        }
        if !fs::symlink_metadata(&path)?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(Self {
            path,
            #[cfg(target_os = "linux")]
            held: None,
        })
    }

    /// The path by which this process reaches a name in this folder, as long as it is held.
    #[must_use]
    pub fn reach(&self, name: &OsStr) -> PathBuf {
        #[cfg(target_os = "linux")]
        if let Some(held) = &self.held {
            return descriptor_path(held).join(name);
        }
        self.path.join(name)
    }
}

/// A name that a finished file is to get, in a folder that is held.
#[derive(Debug)]
pub(crate) struct NamePlace {
    folder: HeldFolder,
    reached: PathBuf,
    shown: PathBuf,
}

impl NamePlace {
    /// Takes hold of the folder of a name.
    pub(crate) fn hold(path: &Path) -> io::Result<Self> {
        let Some(name) = path.file_name() else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let folder = HeldFolder::open(folder_of(path))?;
        let reached = folder.reach(name);
        let shown = match path.parent().is_some_and(|parent| parent.starts_with(DESCRIPTORS)) {
            true => folder.path.join(name),
            false => path.to_owned(),
        };
        Ok(Self { folder, reached, shown })
    }

    /// The path by which this process reaches the name.
    pub(crate) fn reached(&self) -> &Path {
        &self.reached
    }

    /// The name as people are told it.
    pub(crate) fn shown(&self) -> &Path {
        &self.shown
    }

    /// Another name in the same folder, as people are told it.
    pub(crate) fn shown_beside(&self, reached: &Path) -> PathBuf {
        let name = reached.file_name().unwrap_or_default();
        match self.shown.parent() {
            Some(parent) => parent.join(name),
            None => self.folder.path.join(name),
        }
    }
}

/// Where descriptors of this process have names.
const DESCRIPTORS: &str = "/proc/self/fd";

#[cfg(target_os = "linux")]
fn flags() -> rustix::fs::OFlags {
    use rustix::fs::OFlags;
    OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC
}

#[cfg(target_os = "linux")]
fn descriptor_path(file: &File) -> PathBuf {
    use std::os::fd::AsRawFd;
    Path::new(DESCRIPTORS).join(file.as_raw_fd().to_string())
}

/// Whether a descriptor is reached by its name, which it is where /proc is.
#[cfg(target_os = "linux")]
fn is_reached(file: &File) -> bool {
    use std::os::unix::fs::MetadataExt;
    let place = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    let named = fs::metadata(descriptor_path(file)).map(place);
    matches!((named, file.metadata().map(place)), (Ok(named), Ok(held)) if named == held)
}

/// The path of a folder for people, where it was named by a descriptor.
#[cfg(target_os = "linux")]
fn told(path: &Path) -> PathBuf {
    let link = path.starts_with(DESCRIPTORS).then(|| fs::read_link(path).ok()).flatten();
    link.unwrap_or_else(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_folder_that_is_moved_takes_its_names_with_it() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        fs::create_dir(at("folder")).unwrap();
        fs::create_dir(at("elsewhere")).unwrap();
        let place = NamePlace::hold(&at("folder/name")).unwrap();
        fs::rename(at("folder"), at("moved")).unwrap();
        symlink("elsewhere", at("folder")).unwrap();
        fs::write(place.reached(), b"content").unwrap();
        assert_eq!(fs::read(at("moved/name")).unwrap(), b"content");
        assert!(!at("elsewhere/name").exists());
        assert_eq!(place.shown(), at("folder/name"));
        assert_eq!(
            place.shown_beside(&place.reached().with_extension("kept")),
            at("folder/name.kept")
        );
    }

    #[test]
    fn no_link_is_followed_below_a_folder_and_what_is_missing_is_made() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        fs::create_dir_all(at("target/a")).unwrap();
        fs::create_dir(at("private")).unwrap();
        symlink("../private", at("target/link")).unwrap();
        symlink("..", at("target/up")).unwrap();
        fs::write(at("target/file"), b"").unwrap();
        let folder = HeldFolder::open(&at("target")).unwrap();
        assert_eq!(folder.below(Path::new("a/b")).unwrap_err().kind(), io::ErrorKind::NotFound);
        let made = folder.make_below(Path::new("a/b/c")).unwrap();
        fs::write(made.reach("name".as_ref()), b"content").unwrap();
        assert_eq!(fs::read(at("target/a/b/c/name")).unwrap(), b"content");
        for name in ["link", "link/x", "up", "file", "a/../link"] {
            let refused = [HeldFolder::below, HeldFolder::make_below]
                .map(|way| way(&folder, Path::new(name)).unwrap_err().kind());
            let expected = match name.contains("..") {
                true => io::ErrorKind::InvalidInput,
                false => io::ErrorKind::NotADirectory,
            };
            assert_eq!(refused, [expected; 2], "{name}");
        }
        assert!(fs::read_dir(at("private")).unwrap().next().is_none());
        // A name in a folder that was reached through a descriptor is told by where it is.
        let place = NamePlace::hold(&made.reach("other".as_ref())).unwrap();
        let real = root.path().canonicalize().unwrap();
        assert_eq!(place.shown(), real.join("target/a/b/c/other"));
    }
}
