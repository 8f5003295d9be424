//! What is said of a stream beside which a change of it lies unfinished.

use std::path::Path;

use sv2_core::{ChangeClaim, ChangeFault, inspect_change, unfinished_change};

use crate::invocation::{self, operand};
use crate::names::{Name, shown};

/// A change of a stream that is under way or was cut off.
pub(crate) struct HalfChanged {
    /// That there is one, in words.
    pub(crate) what: String,
    /// What makes the stream whole.
    pub(crate) way_out: String,
}

/// What an interrupted or failed change leaves of the stream.
pub(crate) fn remains(path: &Path) -> String {
    match unfinished_change(path) {
        None => format!("'{}' is as it was", shown(path)),
        Some(record) => format!("'{}' lies beside the stream", shown(&record)),
    }
}

/// What to do about a change that was cut off; nothing where none was.
pub(crate) fn remains_hint(path: &Path) -> Option<String> {
    unfinished_change(path).map(|_| way_out(path))
}

/// What explains to a reading command why a stream is damaged beside which a change record lies.
pub(crate) fn half_changed(input: &Name) -> Option<HalfChanged> {
    let path = input.path()?;
    let record = unfinished_change(path)?;
    let lies = format!("'{}' lies beside it", shown(&record));
    let (what, way_out) = match inspect_change(path) {
        Ok(Some(ChangeClaim::Unfit(fault @ ChangeFault::OtherStream))) => (
            format!("{lies}, but {fault}"),
            format!("move it to the stream that it belongs to: {}", operand(record.as_os_str())),
        ),
        claim => {
            let change = match claim {
                Ok(Some(ChangeClaim::Append)) => "an append to the stream",
                Ok(Some(ChangeClaim::Rewrite)) => "a change of the stream's recipients",
                _ => "a change of the stream",
            };
            (format!("{change} is under way or was cut off ({lies})"), way_out(path))
        }
    };
    Some(HalfChanged { what, way_out })
}

/// How a half-changed stream becomes whole.
fn way_out(path: &Path) -> String {
    if is_read_only(path) {
        let name = path.file_name().map_or(path, Path::new);
        let append = invocation::on_file("append", name, false);
        return format!(
            "it lies where it cannot be written to: copy both files to a disk that can, and there: \
             {append} /dev/null"
        );
    }
    let append = invocation::on_file("append", path, false);
    format!("the next change makes it whole, as does: {append} /dev/null")
}

/// Whether a file lies on a medium that takes no writes.
fn is_read_only(path: &Path) -> bool {
    let write = rustix::fs::Access::WRITE_OK;
    rustix::fs::access(path, write) == Err(rustix::io::Errno::ROFS)
}
