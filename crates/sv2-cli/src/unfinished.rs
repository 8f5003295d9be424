//! What is said of a stream beside which a change of it lies unfinished.

use std::path::Path;

use sv2_core::unfinished_change;

use crate::names::{Name, shell_word, shown};

/// What an interrupted or failed change leaves of the stream.
pub(crate) fn remains(path: &Path) -> String {
    match unfinished_change(path) {
        None => format!("'{}' is as it was", shown(path)),
        Some(sidecar) => {
            format!("'{}' lies beside the stream, by which {}", shown(&sidecar), way_out(path))
        }
    }
}

/// What explains to a reading command why a stream is damaged beside which a sidecar lies.
pub(crate) fn half_changed(input: &Name) -> Option<String> {
    let path = input.path()?;
    let sidecar = unfinished_change(path)?;
    Some(format!(
        "a change of the stream is under way or was cut off ('{}' lies beside it): {}",
        shown(&sidecar),
        way_out(path)
    ))
}

/// How a half-changed stream becomes whole.
fn way_out(path: &Path) -> String {
    let name = shell_word(path.as_os_str());
    format!("the next change, or 'sv2 append {name} /dev/null', brings it to a whole state")
}
