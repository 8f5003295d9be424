//! What is said of a stream beside which a change of it lies unfinished.

use std::path::Path;

use sv2_core::unfinished_change;

use crate::invocation;
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
        Some(sidecar) => format!("'{}' lies beside the stream", shown(&sidecar)),
    }
}

/// What to do about a change that was cut off; nothing where none was.
pub(crate) fn remains_hint(path: &Path) -> Option<String> {
    unfinished_change(path).map(|_| way_out(path))
}

/// What explains to a reading command why a stream is damaged beside which a sidecar lies.
pub(crate) fn half_changed(input: &Name) -> Option<HalfChanged> {
    let path = input.path()?;
    let sidecar = unfinished_change(path)?;
    let what = format!(
        "a change of the stream is under way or was cut off ('{}' lies beside it)",
        shown(&sidecar)
    );
    Some(HalfChanged { what, way_out: way_out(path) })
}

/// How a half-changed stream becomes whole.
fn way_out(path: &Path) -> String {
    let append = invocation::on_file("append", path, false);
    format!("the next change makes it whole, as does: {append} /dev/null")
}
