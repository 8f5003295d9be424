//! Standard streams that were closed: where whoever started the program left none open, the null
//! device takes its place, which would swallow data and call that a success.

use std::fs::File;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use rustix::fs::{OFlags, fcntl_getfl};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::names::Name;

/// Refuses a standard stream that stands in for a closed one, and would carry data.
///
/// The stand-in is open for reading and writing; `< /dev/null` and `> /dev/null` are not, and serve.
pub(super) fn require_open(file: &File, name: &Name) -> Result<(), Failure> {
    let is_null = match (file.metadata(), std::fs::metadata("/dev/null")) {
        (Ok(stream), Ok(null)) => {
            stream.file_type().is_char_device() && stream.rdev() == null.rdev()
        }
        _ => false,
    };
    let both_ways = || fcntl_getfl(file).is_ok_and(|flags| flags & OFlags::RWMODE == OFlags::RDWR);
    if !is_null || !both_ways() {
        return Ok(());
    }
    let instead = match name {
        Name::Stdin => "name an input, or give an empty one with '< /dev/null'",
        _ => "name a file with -o, or drop the data with '> /dev/null'",
    };
    let sentence = format!("{name} is closed, or the null device opened for reading and writing");
    Err(Failure::new(Exit::Io, sentence).hint(instead))
}
