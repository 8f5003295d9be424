//! Reading and making files of secrets: bounded, wiped, never readable by others.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use age::secrecy::zeroize::{Zeroize, Zeroizing};
use sv2_crypto::RandomSource;

use crate::KeyFileError;

/// The longest recipients or identity file that is read, in bytes.
pub(crate) const MAX_FILE_LEN: usize = 1 << 20;

/// Reads to the end of `source`; `None` where it has more than `max` bytes.
///
/// No copy of what was read is left in memory that is not wiped.
///
/// # Errors
/// What the source says, except that it was interrupted.
pub fn read_bounded(source: &mut dyn Read, max: usize) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let mut whole = Zeroizing::new(Vec::with_capacity(1024));
    let mut chunk = Zeroizing::new([0; 1024]);
    loop {
        let count = match source.read(&mut *chunk) {
            Ok(0) => return Ok(Some(whole)),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if whole.len() + count > max {
            return Ok(None);
        }
        if whole.len() + count > whole.capacity() {
            // A vector that grows by itself leaves its old bytes behind.
            let mut larger = Vec::with_capacity(2 * (whole.len() + count));
            larger.extend_from_slice(&whole);
            whole = Zeroizing::new(larger);
        }
        whole.extend_from_slice(&chunk[..count]);
        chunk.zeroize();
    }
}

/// Reads a whole file of at most `max` bytes.
pub(crate) fn read_file(path: &Path, max: usize) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let failed = |source| KeyFileError::Read { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(failed)?;
    read_bounded(&mut file, max)
        .map_err(failed)?
        .ok_or_else(|| KeyFileError::TooLong { path: path.to_owned(), max })
}

/// Makes a file that only its owner can read, complete or not at all, and never over another.
///
/// The bytes are on disk when this returns. Once the file has its name this cannot fail any more:
/// the caller must tell of a key that is there, and some places cannot sync a folder.
pub(crate) fn create_secret_file(path: &Path, bytes: &[u8]) -> Result<(), KeyFileError> {
    let failed = |source| KeyFileError::Write { path: path.to_owned(), source };
    let unfinished = unfinished_name(path)?;
    write_new(&unfinished, bytes).map_err(failed)?;
    let linked = fs::hard_link(&unfinished, path);
    let removed = fs::remove_file(&unfinished);
    match linked {
        // A second name that stays is as private as the first, and names nothing else.
        Ok(()) => drop(removed),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(failed(error)),
        // Some file systems have no links: there a reader may meet the file half-written.
        Err(_) => write_new(path, bytes).map_err(failed)?,
    }
    // Folders that may be written and not read, and file systems without such a sync.
    let _ = sync_folder(path);
    Ok(())
}

/// Makes the folder that is to hold `path`, and those above it, open to the owner alone.
pub(crate) fn create_parent(path: &Path) -> Result<(), KeyFileError> {
    let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) else {
        return Ok(());
    };
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(parent).map_err(|source| KeyFileError::Write { path: parent.to_owned(), source })
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if written.is_err() {
        // The write's error is the one to report.
        let _ = fs::remove_file(path);
    }
    written
}

fn unfinished_name(path: &Path) -> Result<PathBuf, KeyFileError> {
    let mut random = [0; 8];
    RandomSource::System.fill(&mut random).map_err(|_| KeyFileError::Random)?;
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{:016x}", u64::from_be_bytes(random)));
    Ok(path.with_file_name(name))
}

#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_read_whole_up_to_the_bound_and_refused_beyond() {
        let bytes: Vec<u8> = (0..5000u32).map(|i| (i % 251) as u8).collect();
        let whole = read_bounded(&mut &bytes[..], bytes.len()).unwrap().unwrap();
        assert_eq!(*whole, bytes);
        assert!(read_bounded(&mut &bytes[..], bytes.len() - 1).unwrap().is_none());
    }

    #[test]
    fn a_secret_file_is_complete_private_and_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/secret");
        create_parent(&path).unwrap();
        create_secret_file(&path, b"first").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"first");
        let names: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().collect();
        assert_eq!(names.len(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(&path), 0o600);
            assert_eq!(mode(&folder.path().join("a")), 0o700);
            assert_eq!(mode(&folder.path().join("a/b")), 0o700);
        }
    }

    #[test]
    fn a_file_that_is_there_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        create_secret_file(&path, b"first").unwrap();
        let again = create_secret_file(&path, b"second");
        let Err(KeyFileError::Write { source, .. }) = again else { panic!("{again:?}") };
        assert_eq!(source.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"first");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
