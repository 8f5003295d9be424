//! Names that are to be written: what has the name is taken hold of first, then judged, and then
//! that same object is opened, so that a swap between the look and the opening finds nothing.
//!
//! Every name that the library or the program writes to passes here. A regular file is never
//! opened for writing by its name: it is replaced by a finished one, or refused.

#[cfg(not(target_os = "linux"))]
use std::fs;
use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::path::{Component, Path, PathBuf};

use crate::io::descriptor::{descriptor_number, open_descriptor};
use crate::io::folder_of;
use crate::system::{self, is_null, is_trusted};

/// Symbolic links that are followed from a name, as many as systems do.
const MAX_LINKS: usize = 40;

/// Why a name is not written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum OutputFault {
    /// A pipe, a socket or a device that belongs neither to this user nor to root.
    #[error("is a pipe, socket or device of another user, who could read what is written to it")]
    Foreign,
    /// A symbolic link of somebody else that leads to a pipe, a socket or a device.
    #[error("is a link that another user made, and leads to a pipe, socket or device")]
    ForeignLink,
    /// No file is made where the system keeps what it is made of.
    #[error("would be a new file among the devices and processes of the system")]
    System,
    /// It was another object when it was opened than when it was judged.
    #[error("was replaced by somebody while it was opened")]
    Replaced,
    /// What it names cannot be written to by its name.
    #[error("is a socket, which cannot be opened by its name")]
    Socket,
}

impl From<OutputFault> for io::Error {
    fn from(fault: OutputFault) -> Self {
        Self::new(io::ErrorKind::PermissionDenied, fault)
    }
}

/// What a name that is to be written leads to.
#[derive(Debug)]
pub enum OutputPlace {
    /// Nothing has the name, and a file can be made there.
    Vacant,
    /// A regular file, or a symbolic link to one or to nothing, which can be replaced; with it what
    /// the name leads to, where there is something.
    File(Option<Metadata>),
    /// A folder.
    Folder,
    /// Something that is written to and never replaced: a device, a pipe, an open descriptor.
    Open(HeldOutput),
}

/// An object that a name led to, held so that no other one can take its place.
#[derive(Debug)]
pub struct HeldOutput(Held);

#[derive(Debug)]
enum Held {
    /// A descriptor of this process, ready to be written.
    Descriptor(File),
    /// A handle that can neither read nor write, and the name that it was found by.
    Object { handle: Box<Handle>, path: PathBuf },
}

impl OutputPlace {
    /// Takes hold of what has the name and judges it; nothing is opened for writing.
    ///
    /// `/dev/stdout`, `/dev/fd/N` and `/proc/self/fd/N` are the descriptor that is open.
    ///
    /// # Errors
    /// Whatever the system says; an [`OutputFault`] as the inner error where the name is refused.
    pub fn find(path: &Path) -> io::Result<Self> {
        let mut path = path.to_owned();
        let mut foreign_link = false;
        let mut replaceable = None;
        for _ in 0..MAX_LINKS {
            if let Some(number) = descriptor_number(&path) {
                if foreign_link {
                    return Err(OutputFault::ForeignLink.into());
                }
                return Ok(Self::Open(HeldOutput(Held::Descriptor(open_descriptor(number)?))));
            }
            let found = match Handle::take(&path) {
                Ok(found) => found,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    if replaceable.is_some() {
                        return Ok(Self::File(None));
                    }
                    refuse_system(&path)?;
                    return Ok(Self::Vacant);
                }
                Err(error) => return Err(error),
            };
            let metadata = found.metadata.clone();
            let kind = metadata.file_type();
            if kind.is_symlink() {
                foreign_link |= !is_trusted(&metadata);
                // The name itself is what would be replaced, and not what it leads to.
                replaceable.get_or_insert_with(|| path.clone());
                path = folder_of(&path).join(found.link_target(&path)?);
                continue;
            }
            if kind.is_file() {
                refuse_system(replaceable.as_deref().unwrap_or(&path))?;
                return Ok(Self::File(Some(metadata)));
            }
            if kind.is_dir() {
                return Ok(Self::Folder);
            }
            if foreign_link {
                return Err(OutputFault::ForeignLink.into());
            }
            if !is_trusted(&metadata) && !is_null(&metadata) {
                return Err(OutputFault::Foreign.into());
            }
            if system::is_socket(&metadata) {
                return Err(OutputFault::Socket.into());
            }
            return Ok(Self::Open(HeldOutput(Held::Object { handle: Box::new(found), path })));
        }
        Err(system::too_many_links())
    }
}

impl HeldOutput {
    /// What it is.
    ///
    /// # Errors
    /// Whatever the system says.
    pub fn metadata(&self) -> io::Result<Metadata> {
        match &self.0 {
            Held::Descriptor(file) => file.metadata(),
            Held::Object { handle, .. } => Ok(handle.metadata.clone()),
        }
    }

    /// Whether it is a descriptor of this process, which others may write to as well.
    #[must_use]
    pub fn is_descriptor(&self) -> bool {
        matches!(self.0, Held::Descriptor(_))
    }

    /// Opens the object that was judged for writing; a pipe waits for its reader.
    ///
    /// # Errors
    /// Whatever the system says.
    pub fn open(self) -> io::Result<File> {
        match self.0 {
            Held::Descriptor(file) => Ok(file),
            Held::Object { handle, path } => handle.open(&path, File::options().write(true)),
        }
    }
}

/// Opens a regular file beside another one, whatever takes its name meanwhile; no link is followed
/// and nothing else is opened: a pipe or a device is left alone.
///
/// `judge` sees what has the name before it is opened.
///
/// # Errors
/// Whatever the system or `judge` says.
pub(crate) fn open_regular(
    path: &Path,
    options: &mut OpenOptions,
    judge: impl FnOnce(&Metadata) -> io::Result<()>,
) -> io::Result<File> {
    let handle = Handle::take(path)?;
    judge(&handle.metadata)?;
    handle.open(path, options)
}

/// An object by its name, without any right to read or write it.
#[derive(Debug)]
struct Handle {
    #[cfg(target_os = "linux")]
    file: File,
    metadata: Metadata,
}

impl Handle {
    /// Takes what has the name, a link itself and not what it leads to.
    fn take(path: &Path) -> io::Result<Self> {
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::OFlags;
            let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let file = rustix::fs::open(path, flags, rustix::fs::Mode::empty())?;
            let file = File::from(file);
            Ok(Self { metadata: file.metadata()?, file })
        }
        #[cfg(not(target_os = "linux"))]
        {
            Ok(Self { metadata: fs::symlink_metadata(path)? })
        }
    }

    /// Where a symbolic link leads.
    fn link_target(&self, path: &Path) -> io::Result<PathBuf> {
        #[cfg(target_os = "linux")]
        {
            use std::os::unix::ffi::OsStringExt;
            let _ = path;
            let target = rustix::fs::readlinkat(&self.file, "", Vec::new())?;
            Ok(std::ffi::OsString::from_vec(target.into_bytes()).into())
        }
        #[cfg(not(target_os = "linux"))]
        {
            fs::read_link(path)
        }
    }

    /// Opens the same object.
    fn open(self, path: &Path, options: &mut OpenOptions) -> io::Result<File> {
        #[cfg(target_os = "linux")]
        {
            use std::os::fd::AsRawFd;
            let name = format!("/proc/self/fd/{}", self.file.as_raw_fd());
            match options.open(name) {
                // Without /proc the name is opened again.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                opened => return opened,
            }
        }
        open_compared(path, options, &self.metadata)
    }
}

/// Opens what has the name, and compares what it is by then with what was judged.
fn open_compared(path: &Path, options: &mut OpenOptions, judged: &Metadata) -> io::Result<File> {
    let file = system::open_no_link(path, options)?;
    let now = file.metadata()?;
    // Where files have no identity, their kind has to do.
    let is_same = system::is_same_file(&now, judged).unwrap_or(true);
    if is_same && now.file_type() == judged.file_type() {
        return Ok(file);
    }
    Err(OutputFault::Replaced.into())
}

/// Refuses to make or replace a file where the system keeps its devices and processes.
fn refuse_system(path: &Path) -> io::Result<()> {
    // A folder that is not there is told of by whoever makes the file.
    let Ok(folder) = folder_of(path).canonicalize() else { return Ok(()) };
    let mut names = folder.components().skip_while(|name| *name == Component::RootDir);
    let name = |part: Option<Component<'_>>| part.map(|part| part.as_os_str().to_owned());
    let (first, second) = (name(names.next()), name(names.next()));
    let is = |part: &Option<std::ffi::OsString>, text: &str| part.as_deref() == Some(text.as_ref());
    // What is below /dev/shm is memory that is used as files.
    let is_system =
        is(&first, "proc") || is(&first, "sys") || (is(&first, "dev") && !is(&second, "shm"));
    if is_system { Err(OutputFault::System.into()) } else { Ok(()) }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::fs::{OpenOptionsExt, symlink};

    use rustix::fs::OFlags;

    use super::*;

    fn fault(path: impl AsRef<Path>) -> Option<OutputFault> {
        let error = OutputPlace::find(path.as_ref()).err()?;
        error.get_ref().and_then(|inner| inner.downcast_ref()).copied()
    }

    #[test]
    fn no_file_is_made_among_devices_and_processes() {
        for name in ["/dev/nul", "/dev/../dev/nul", "/proc/self/nul", "/proc/nul", "/sys/nul"] {
            assert_eq!(fault(name), Some(OutputFault::System), "{name}");
        }
        let folder = tempfile::tempdir().unwrap();
        symlink("/dev", folder.path().join("d")).unwrap();
        assert_eq!(fault(folder.path().join("d/nul")), Some(OutputFault::System));
        assert!(matches!(OutputPlace::find(&folder.path().join("new")), Ok(OutputPlace::Vacant)));
    }

    #[test]
    fn links_to_files_and_to_nothing_are_replaced_themselves() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("file"), b"content").unwrap();
        symlink("file", at("to-file")).unwrap();
        symlink("nothing", at("to-nothing")).unwrap();
        symlink("to-device", at("twice")).unwrap();
        symlink("/dev/null", at("to-device")).unwrap();
        symlink("round", at("round")).unwrap();
        for name in ["file", "to-file"] {
            assert!(
                matches!(OutputPlace::find(&at(name)), Ok(OutputPlace::File(Some(_)))),
                "{name}"
            );
        }
        assert!(matches!(OutputPlace::find(&at("to-nothing")), Ok(OutputPlace::File(None))));
        assert!(matches!(OutputPlace::find(&at("twice")), Ok(OutputPlace::Open(_))));
        assert!(OutputPlace::find(&at("round")).is_err());
        assert!(matches!(OutputPlace::find(folder.path()), Ok(OutputPlace::Folder)));
    }

    /// What was judged is what is opened: the name leads elsewhere by then.
    #[test]
    fn a_swap_between_look_and_opening_finds_nothing_to_swap() {
        use std::io::{Read, Write};
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mkfifoat(rustix::fs::CWD, at("out"), mode).unwrap();
        fs::write(at("profile"), b"mine").unwrap();
        let Ok(OutputPlace::Open(held)) = OutputPlace::find(&at("out")) else { panic!("no pipe") };
        let mut reader =
            File::options().read(true).custom_flags(OFlags::NONBLOCK.bits() as i32).open(at("out"));
        fs::remove_file(at("out")).unwrap();
        symlink("profile", at("out")).unwrap();
        held.open().unwrap().write_all(b"text").unwrap();
        assert_eq!(fs::read(at("profile")).unwrap(), b"mine");
        let mut text = String::new();
        reader.as_mut().unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "text");
    }

    /// The way of systems that cannot hold what they do not open.
    #[test]
    fn a_name_that_leads_elsewhere_when_it_is_opened_again_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("a"), b"").unwrap();
        fs::write(at("b"), b"").unwrap();
        let judged = |name: &str| fs::symlink_metadata(at(name)).unwrap();
        let open = |name: &str| open_compared(&at("a"), File::options().write(true), &judged(name));
        assert!(open("a").is_ok());
        assert_eq!(open("b").unwrap_err().kind(), io::ErrorKind::PermissionDenied);
    }
}
