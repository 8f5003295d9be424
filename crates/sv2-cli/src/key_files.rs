//! Files of secrets that the command line names: each is read once, whatever it is, and one that
//! others can read is told of once.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use sv2_core::{StreamKey, Waiting, descriptor_number, open_descriptor};
use sv2_keys::{
    Identity, KeyFileError, Passphrase, PassphraseError, parse_identities, parse_key,
    read_passphrase, read_secret,
};
use zeroize::Zeroizing;

use crate::invocation::operand;
use crate::names::shown;

/// The longest file of keys that is read.
const MAX_LEN: usize = 1 << 20;
/// Group and others may read.
const OTHERS_READ: u32 = 0o044;

/// What came out of pipes and descriptors, which give it once.
static READ: Mutex<Vec<(PathBuf, Zeroizing<Vec<u8>>)>> = Mutex::new(Vec::new());

/// The files that are not for this user alone, in the order in which they were met.
static OPEN_TO_OTHERS: Mutex<Vec<(PathBuf, Reach)>> = Mutex::new(Vec::new());

/// Who else has a file of secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// It belongs to another user.
    Owned,
    /// Others can read it.
    Readable,
}

/// The identities in a file.
pub(crate) fn identities(path: &Path) -> Result<Vec<Identity>, KeyFileError> {
    parse_identities(&read(path)?, path)
}

/// The raw key in a file.
pub(crate) fn raw_key(path: &Path) -> Result<StreamKey, KeyFileError> {
    parse_key(&read(path)?, path)
}

/// The passphrase in a file, less one trailing newline.
pub(crate) fn passphrase(path: &Path) -> Result<Passphrase, PassphraseError> {
    let (file, _) = open(path).map_err(PassphraseError::Read)?;
    read_passphrase(&mut Waiting(file))
}

/// What is to be said of files that others can read: the sentence and what to do.
pub(crate) fn warnings() -> Vec<(String, String)> {
    let files = OPEN_TO_OTHERS.lock().unwrap_or_else(PoisonError::into_inner);
    let told = files.iter().map(|(path, reach)| match reach {
        Reach::Readable => (
            format!("other users can read the secret in '{}'", shown(path)),
            format!("chmod go= {}", operand(path.as_os_str())),
        ),
        Reach::Owned => (
            format!("the secret in '{}' belongs to another user, who knows it", shown(path)),
            "make one of your own, as with: sv2 keygen -o identity.txt".to_owned(),
        ),
    });
    told.collect()
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, bytes)) = read.iter().find(|(known, _)| known == path) {
        return Ok(bytes.clone());
    }
    let failed = |source| KeyFileError::Read { path: path.to_owned(), source };
    let (file, gives_once) = open(path).map_err(failed)?;
    let bytes = read_secret(&mut Waiting(file), MAX_LEN)
        .map_err(failed)?
        .ok_or_else(|| KeyFileError::TooLong { path: path.to_owned(), max: MAX_LEN })?;
    if gives_once {
        read.push((path.to_owned(), bytes.clone()));
    }
    Ok(bytes)
}

/// Looks at a file of secrets that was read by somebody else, for the warnings.
pub(crate) fn look(path: &Path) {
    if let Ok(metadata) = path.metadata() {
        judge(path, &metadata);
    }
}

/// Notes who else has a file of secrets.
fn judge(path: &Path, metadata: &Metadata) {
    if !metadata.is_file() {
        return;
    }
    let user = rustix::process::geteuid().as_raw();
    // What root owns, such as a secret that a container mounts, was put there by who runs things.
    let reach = if ![0, user].contains(&metadata.uid()) {
        Reach::Owned
    } else if metadata.permissions().mode() & OTHERS_READ != 0 {
        Reach::Readable
    } else {
        return;
    };
    let mut known = OPEN_TO_OTHERS.lock().unwrap_or_else(PoisonError::into_inner);
    if !known.iter().any(|(known, _)| known == path) {
        known.push((path.to_owned(), reach));
    }
}

/// Opens a file of secrets, and says whether it gives what it holds only once.
fn open(path: &Path) -> io::Result<(File, bool)> {
    let descriptor = descriptor_number(path);
    let file = match descriptor {
        Some(number) => open_descriptor(number)?,
        None => File::open(path)?,
    };
    let metadata = file.metadata()?;
    if descriptor.is_none() {
        judge(path, &metadata);
    }
    Ok((file, descriptor.is_some() || !metadata.is_file()))
}
