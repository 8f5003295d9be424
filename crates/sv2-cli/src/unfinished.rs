//! What is said of a stream beside which a change of it lies unfinished.

use std::fs::File;
use std::io;
use std::path::Path;

use sv2_core::{
    ChangeClaim, ChangeFault, FileFault, InputSource, StreamError, inspect, inspect_change,
    unfinished_change,
};

use crate::failure::chain;
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
    let unused = |why: &str| format!("{lies} and is not used: {why}");
    let (what, way_out) = match inspect_change(path) {
        Ok(Some(ChangeClaim::Unfit(fault))) if is_refused(path, fault) => {
            (unused(&fault.to_string()), refused_way_out(path, &record, fault))
        }
        Err(StreamError::ChangeRecord(source)) if untrusted(&source).is_some() => (
            unused(&format!("it {}, and may have been planted by another user", chain(&source))),
            untrusted_way_out(&record),
        ),
        Err(StreamError::ChangeRecord(source)) => (
            format!("{lies} and cannot be read: {}", chain(&source)),
            "check its permissions, without which the stream cannot be changed".to_owned(),
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

/// What makes a change record unfit to be believed, where that is why it is not used.
pub(crate) fn untrusted(error: &io::Error) -> Option<&FileFault> {
    error.get_ref().and_then(|inner| inner.downcast_ref())
}

/// What to do about a change record that another user may have written.
pub(crate) fn untrusted_way_out(record: &Path) -> String {
    format!(
        "if no change of yours was cut off, remove it and run the command again: rm {}",
        operand(record.as_os_str())
    )
}

/// What to do about a change record that every change refuses.
pub(crate) fn refused_way_out(path: &Path, record: &Path, fault: ChangeFault) -> String {
    let stream = operand(path.as_os_str());
    let record = operand(record.as_os_str());
    match fault {
        ChangeFault::Unknown => "finish the change with the program that began it".to_owned(),
        // The stream is not sealed, and this may be all that is left of its end.
        ChangeFault::Incomplete => format!(
            "keep copies of both, and get out what there is: sv2 decrypt --salvage=skip {stream}"
        ),
        ChangeFault::OtherStream => format!(
            "move it away, to the stream that it belongs to or out of the way, and check this one: \
             mv -i {record} FOLDER; sv2 verify {stream}"
        ),
        _ => format!(
            "keep a copy of it, remove it, and check the stream: rm {record}; sv2 verify {stream}"
        ),
    }
}

/// Whether every change refuses a record with this fault.
fn is_refused(path: &Path, fault: ChangeFault) -> bool {
    fault != ChangeFault::Incomplete || !is_sealed(path)
}

/// Whether a stream is sealed, as far as that is seen without a key: a record that is not whole
/// is not needed beside it then.
fn is_sealed(path: &Path) -> bool {
    let Ok(file) = File::open(path) else { return false };
    inspect(InputSource::File(file)).is_ok_and(|seen| {
        (seen.front_intact || seen.copy_intact == Some(true))
            && (seen.trailer_intact, seen.len_matches) == (Some(true), Some(true))
            && seen.trailer.is_some_and(|trailer| trailer.revision == seen.header.revision)
    })
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
