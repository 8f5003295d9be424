//! What core asks of the system beyond the standard library: positions in a file, owners and modes,
//! identities, descriptors, and what only some file systems can do.
//!
//! Unix has all of it, and Linux more (`system/linux.rs`). Windows has positions and names, and
//! neither owners nor modes that the standard library tells; other targets have no files at all.
//! What a system lacks is answered here, `docs/portability.md` says with what, and no other file
//! of the crate names a system.

#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(unix))]
mod other;
#[cfg(unix)]
mod unix;

use std::fs::Metadata;

#[cfg(not(target_os = "linux"))]
pub(crate) use elsewhere::*;
#[cfg(target_os = "linux")]
pub(crate) use linux::*;
#[cfg(not(unix))]
pub(crate) use other::*;
#[cfg(unix)]
pub(crate) use unix::*;

/// Bits of a mode by which group and others write.
pub(crate) const OTHERS_WRITE: u32 = 0o022;

/// Who owns a file, who may write to it, and how many names it has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ownership {
    pub(crate) user: u32,
    pub(crate) group: u32,
    pub(crate) mode: u32,
    pub(crate) names: u64,
}

/// What a non-blocking file is waited for.
#[derive(Clone, Copy)]
pub(crate) enum Ready {
    Read,
    Write,
}

/// Whether two looks found the same file; `None` where the system does not tell.
pub(crate) fn is_same_file(one: &Metadata, other: &Metadata) -> Option<bool> {
    Some(identity(one)? == identity(other)?)
}

/// Whether something belongs to this user or to root, or no system tells.
pub(crate) fn is_trusted(metadata: &Metadata) -> bool {
    ownership(metadata).is_none_or(|found| is_trusted_by(user(), found.user))
}

fn is_trusted_by(user: u32, owner: u32) -> bool {
    owner == user || owner == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_oneself_and_root_are_trusted() {
        let trusted = |user| [0, 1, 2].map(|owner| is_trusted_by(user, owner));
        assert_eq!(trusted(1), [true, true, false]);
        // Root does not write into what anybody planted.
        assert_eq!(trusted(0), [true, false, false]);
    }

    /// What drivers build on, whatever the system calls it.
    #[test]
    fn bytes_are_read_and_written_where_they_are_asked_for() {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(b"segment", 4).unwrap();
        let (mut one, mut two) = ([0; 3], [0; 4]);
        let mut buffers = [&mut one[..], &mut two[..]].map(std::io::IoSliceMut::new);
        let count = read_vectored_at(&file, &mut buffers, 4).unwrap();
        assert!(count >= 3 && one == *b"seg");
        let text = [&b"frame"[..], b"s"].map(std::io::IoSlice::new);
        let count = write_vectored_at(&file, &text, 0).unwrap();
        assert!(count >= 5);
        let mut found = [0; 5];
        file.read_exact_at(&mut found, 0).unwrap();
        assert_eq!(&found, b"frame");
        assert_eq!(file.read_at(&mut [0; 8], 11).unwrap(), 0);
        let short = file.read_exact_at(&mut [0; 8], 8).unwrap_err();
        assert_eq!(short.kind(), std::io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn a_rename_replaces_only_what_it_is_told_to() {
        use crate::Existing;
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("new"), b"new").unwrap();
        std::fs::write(at("old"), b"old").unwrap();
        let refused = rename(&at("new"), &at("old"), Existing::Refuse).unwrap_err();
        assert!(lacks_call(&refused) || refused.kind() == std::io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(at("new")).unwrap(), b"new");
        rename(&at("new"), &at("old"), Existing::Replace).unwrap();
        assert_eq!(std::fs::read(at("old")).unwrap(), b"new");
        assert!(!at("new").exists());
    }

    /// Where two files are told apart at all.
    #[test]
    fn a_file_is_itself_and_no_other() {
        let (one, two) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
        let [one, two] = [one, two].map(|file| file.metadata().unwrap());
        assert_ne!(is_same_file(&one, &one), Some(false));
        assert_ne!(is_same_file(&one, &two), Some(true));
    }
}
