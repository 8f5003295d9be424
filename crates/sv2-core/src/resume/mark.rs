//! The mark that a resumable call leaves in a folder of its user, by which a later one knows what
//! lies beside its output again (F-1116 to F-1118, local-files.md section 5).
//!
//! Whoever can write to the folder of the output can put a file of this user there, by renaming
//! it; nobody but the user can write a mark.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use sv2_crypto::sha256;
use sv2_headers::checksum::{self, CRC_LEN};

use crate::Existing;
use crate::io::{Temporary, folder_of, sync_folder};
use crate::resume::{CheckpointError, CheckpointFile};
use crate::system::{self, OTHERS_WRITE, make_private_folder, ownership, user};

/// The folder of the marks within the user's state folder.
const FOLDER: &str = "resume";
const MAGIC: [u8; 8] = *b"SV2MARK\n";
const VERSION: u16 = 1;
const MARK_LEN: usize = 88 + CRC_LEN;
const STICKY: u32 = 0o1000;

/// What a mark is about.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// An encrypt, by bytes 0 to 80 of its header.
    Encrypt = 1,
    /// A decrypt, by the seal of its stream and the two files.
    Decrypt = 2,
}

/// The mark of one output, whether it is there or not.
pub(super) struct Mark {
    path: PathBuf,
    content: [u8; MARK_LEN],
}

impl Mark {
    /// The mark of a call that writes to `output`; `None` where no mark can be kept.
    ///
    /// The folder for it is made where it is not there.
    pub(super) fn of(
        state: Option<&Path>,
        output: &Path,
        kind: Kind,
        about: &[u8],
    ) -> Option<Self> {
        let folder = folder_in(state?)?;
        let name = sha256(&[absolute(output)?.as_os_str().as_encoded_bytes()]);
        let mut content = [0; MARK_LEN];
        content[..8].copy_from_slice(&MAGIC);
        content[8..10].copy_from_slice(&VERSION.to_be_bytes());
        content[11] = kind as u8;
        content[20..24].copy_from_slice(&user().to_be_bytes());
        content[24..56].copy_from_slice(&name);
        content[56..88].copy_from_slice(&sha256(&[about]));
        checksum::store(&mut content);
        let name: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
        Some(Self { path: folder.join(name), content })
    }

    /// Brings the mark to stable storage, in the place of an older one of this output.
    pub(super) fn leave(&self) -> io::Result<()> {
        let (mut file, temporary) = Temporary::create(folder_of(&self.path), 0o600)?;
        file.write_all(&self.content).and_then(|()| file.sync_all())?;
        temporary.rename(&self.path, Existing::Replace)?;
        sync_folder(&self.path, &file)
    }

    /// Whether an earlier call of this user left this very mark.
    pub(super) fn is_there(&self) -> bool {
        let mut found = Vec::new();
        // What has its name is neither waited for nor read beyond what a mark holds.
        let read = system::open_without_waiting(&self.path)
            .and_then(|file| file.take(self.content.len() as u64 + 1).read_to_end(&mut found));
        read.is_ok() && found == self.content
    }

    /// Removes the mark, of an output that is finished.
    pub(super) fn remove(&self) {
        // One that stays fits nothing that is begun later.
        let _ = fs::remove_file(&self.path);
    }
}

/// The folder of the marks, which is this user's alone.
fn folder_in(state: &Path) -> Option<PathBuf> {
    if !state.is_absolute() {
        return None;
    }
    let folder = state.join(FOLDER);
    make_private_folder(&folder).ok()?;
    let found = fs::symlink_metadata(&folder).ok()?;
    let owned = ownership(&found)?;
    let is_own = found.is_dir() && owned.user == user() && owned.mode & OTHERS_WRITE == 0;
    is_own.then_some(folder)
}

/// The name of an output that is the same from every working folder.
fn absolute(output: &Path) -> Option<PathBuf> {
    let folder = fs::canonicalize(folder_of(output)).ok()?;
    Some(folder.join(output.file_name()?))
}

/// Whether somebody else can rename what lies in the folder of `path`: the folder, or one above
/// it, belongs to another user or can be written to by others who are not kept from it by the
/// sticky bit.
///
/// A group with the number of the user is taken for the user's own, as systems make one for each.
/// Nothing is known of access lists, and what cannot be looked at counts as open to others.
pub(super) fn others_can_rename(path: &Path) -> Result<bool, CheckpointError> {
    let folder = fs::canonicalize(folder_of(path));
    let folder = folder.map_err(CheckpointError::file(CheckpointFile::Output))?;
    let told = |folder| fs::metadata(folder).ok().and_then(|found| ownership(&found));
    Ok(folder.ancestors().any(|folder| match told(folder) {
        Some(found) => {
            let own_group = found.group == user() && user() != 0;
            let others = if own_group { OTHERS_WRITE & 0o002 } else { OTHERS_WRITE };
            let is_open = found.mode & others != 0 && found.mode & STICKY == 0;
            is_open || ![user(), 0].contains(&found.user)
        }
        None => true,
    }))
}
