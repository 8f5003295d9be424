//! Whether what a command would make is there already: a stream that opens and holds a file byte for
//! byte, so that a loop around `--resume` can tell "done" from a mistake.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use sv2_core::{Cancellation, DecryptOptions, InputSource, StreamReader};

use crate::keys::OpenKey;

/// Bytes that are compared at a time.
const CHUNK: usize = 4 << 20;

/// Whether the stream opens with the key and holds what the file holds; anything that fails on the
/// way is a no.
pub(crate) fn holds(
    stream: &Path,
    file: &Path,
    key: &OpenKey,
    options: &DecryptOptions,
    cancel: &Cancellation,
) -> bool {
    let source = InputSource::Path(stream.to_owned());
    let opened = key.with(|key| StreamReader::open(source, key, options));
    let (Ok(stream), Ok(mut file)) = (opened, File::open(file)) else { return false };
    if !file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.len() == stream.len()) {
        return false;
    }
    let len = CHUNK.min(usize::try_from(stream.len()).unwrap_or(CHUNK));
    let (mut sealed, mut plain) = (vec![0; len], vec![0; len]);
    let mut offset = 0;
    while offset < stream.len() {
        let left = usize::try_from(stream.len() - offset).unwrap_or(CHUNK).min(CHUNK);
        let Ok(count @ 1..) = stream.read_at(&mut sealed[..left], offset) else { return false };
        if cancel.is_cancelled() || file.read_exact(&mut plain[..count]).is_err() {
            return false;
        }
        if sealed[..count] != plain[..count] {
            return false;
        }
        offset += count as u64;
    }
    true
}
