//! Giving a finished file its name: with or without replacing another, on file systems that can do
//! less than others, and keeping the whole file under another name where that fails.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::io::{NamePlace, folder_of};
#[cfg(target_os = "linux")]
use crate::system::link_to;
use crate::system::{self, lacks_call};
use crate::{Existing, StreamError};

/// Names that are tried for a file that is kept.
const KEPT_NAMES: u32 = 100;

/// Why a finished file did not get its name.
#[derive(Debug)]
pub(crate) enum NamingError {
    /// The caller's token was set before.
    Cancelled,
    /// The system refused; the whole file lies under another name, unless that failed too.
    Failed { kept: Option<PathBuf>, source: io::Error },
}

impl NamingError {
    /// The error of a whole file of `len` bytes that did not get its name.
    pub(crate) fn told(self, place: &NamePlace, len: u64) -> StreamError {
        match self {
            Self::Cancelled => StreamError::Cancelled { segment: 0 },
            Self::Failed { kept: Some(kept), source } => {
                StreamError::OutputKept { kept: place.shown_beside(&kept), source }
            }
            Self::Failed { kept: None, source }
                if source.kind() == io::ErrorKind::AlreadyExists =>
            {
                StreamError::OutputExists
            }
            Self::Failed { kept: None, source } => StreamError::Write { offset: len, source },
        }
    }
}

/// Links a file without a name to `path`.
#[cfg(target_os = "linux")]
pub(super) fn link(file: &File, path: &Path, existing: Existing) -> Result<(), NamingError> {
    let linked = match existing {
        Existing::Refuse => link_to(file, path),
        // A link replaces nothing: it is made beside, and renamed. Where that fails the file keeps
        // this name until it has another, since one that lost its only name gets none again.
        Existing::Replace => match beside(file, path) {
            Ok(beside) => return rename(&beside, path, existing),
            Err(error) => Err(error),
        },
    };
    linked.map_err(|source| {
        let kept = keep(path, |name| link_to(file, name));
        NamingError::Failed { kept, source }
    })
}

/// Links a file without a name to a temporary one in the folder of `path`.
#[cfg(target_os = "linux")]
fn beside(file: &File, path: &Path) -> io::Result<PathBuf> {
    let linked = tempfile::Builder::new()
        .prefix(".sv2-")
        .suffix(".part")
        .make_in(folder_of(path), |name| link_to(file, name))?;
    let (_, mut path) = linked.into_parts();
    path.disable_cleanup(true);
    Ok(path.to_path_buf())
}

/// Renames a file to `path`.
pub(super) fn rename(from: &Path, path: &Path, existing: Existing) -> Result<(), NamingError> {
    rename_to(from, path, existing).map_err(|source| {
        let kept = keep(path, |name| rename_to(from, name, Existing::Refuse));
        // Where it cannot even be renamed, it stays what it is.
        NamingError::Failed { kept: kept.or_else(|| Some(from.to_owned())), source }
    })
}

/// Renames a file, and where nothing is to be replaced by whatever way the file system has.
///
/// # Errors
/// `AlreadyExists` where something has the name and is not to be replaced.
pub(crate) fn rename_to(from: &Path, path: &Path, existing: Existing) -> io::Result<()> {
    match system::rename(from, path, existing) {
        Err(error) if existing == Existing::Refuse && lacks_call(&error) => {}
        renamed => return renamed,
    }
    match fs::hard_link(from, path) {
        Err(error) if lacks_call(&error) => {}
        linked => {
            linked?;
            return fs::remove_file(from);
        }
    }
    // Neither a rename that replaces nothing nor a link: the name is taken by an empty file, which
    // fails where there is one, and that file is replaced.
    File::options().write(true).create_new(true).open(path)?;
    fs::rename(from, path).inspect_err(|_| {
        let _ = fs::remove_file(path);
    })
}

/// Gives a whole file that cannot have the name `path` another one beside it.
fn keep(path: &Path, name_it: impl Fn(&Path) -> io::Result<()>) -> Option<PathBuf> {
    let own = path.file_name().unwrap_or_default().to_owned();
    // A name can be too long with something behind it.
    [own, OsString::from("sv2-output")].into_iter().find_map(|base| {
        (1..=KEPT_NAMES).find_map(|number| {
            let mut name = base.clone();
            name.push(if number == 1 { ".kept".to_owned() } else { format!(".kept-{number}") });
            let name = folder_of(path).join(name);
            match name_it(&name) {
                Ok(()) => Some(Some(name)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => None,
                Err(_) => Some(None),
            }
        })?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a file system without the better calls leaves: a name that is taken, then replaced.
    #[test]
    fn a_file_gets_its_name_and_takes_none_that_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("new"), b"new").unwrap();
        fs::write(at("old"), b"old").unwrap();
        let refused = rename_to(&at("new"), &at("old"), Existing::Refuse).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(at("old")).unwrap(), b"old");
        let Err(NamingError::Failed { kept, .. }) =
            rename(&at("new"), &at("old"), Existing::Refuse)
        else {
            panic!("replaced");
        };
        assert_eq!(kept, Some(at("old.kept")));
        rename_to(&at("old.kept"), &at("old"), Existing::Replace).unwrap();
        assert_eq!(fs::read(at("old")).unwrap(), b"new");
    }

    #[test]
    fn a_name_without_room_for_more_is_kept_under_another() {
        let folder = tempfile::tempdir().unwrap();
        let long = folder.path().join("n".repeat(255));
        let kept = keep(&long, |name| File::create_new(name).map(drop));
        assert_eq!(kept, Some(folder.path().join("sv2-output.kept")));
        let again = keep(&long, |name| File::create_new(name).map(drop));
        assert_eq!(again, Some(folder.path().join("sv2-output.kept-2")));
    }
}
