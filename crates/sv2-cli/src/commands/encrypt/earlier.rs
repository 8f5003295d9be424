//! Streams of an earlier run over the same folders: which of them are kept.

use std::fs::{File, Metadata};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;
use serde_json::{Map, Value};
use sv2_core::{DecryptOptions, InputSource, StreamReader, read_metadata};

use crate::attributes::Attributes;
use crate::keys::OpenKey;

/// A regular file that belongs to this user.
fn own_file(path: &Path) -> Option<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    // The bits of an open are a C int.
    let file = File::options().read(true).custom_flags(flags.bits() as i32).open(path).ok()?;
    let found = file.metadata().ok()?;
    let is_own = found.is_file() && found.uid() == rustix::process::geteuid().as_raw();
    is_own.then_some(file)
}

/// Whether a stream holds what a file holds, as far as its sealed length and time tell: only of one
/// that our key opens.
pub(super) fn is_up_to_date(file: &Metadata, stream: &Path, key: &OpenKey, context: &str) -> bool {
    // Whoever can make files here could put one there that holds something else, for this key.
    let Some(found) = own_file(stream) else { return false };
    let mut options = DecryptOptions::standard();
    options.context = context.as_bytes().to_vec();
    let source = || found.try_clone().ok().map(InputSource::File);
    key.with(|key| {
        let reader = StreamReader::open(source()?, key, &options).ok()?;
        let sealed = read_metadata(source()?, key, context.as_bytes()).ok()??;
        let object: Map<String, Value> = serde_json::from_slice(&sealed).ok()?;
        let same_time = Attributes::read(&object).is_as_old_as(&Attributes::of(file));
        Some(same_time && reader.len() == file.len())
    })
    .unwrap_or(false)
}
