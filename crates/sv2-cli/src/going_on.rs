//! How a run that was interrupted is continued, where it can be: known before it is interrupted.

use std::sync::OnceLock;

/// What an interrupted run that can be continued says of what it leaves.
pub(crate) const KEPT: &str = "what was done is kept";

/// What is said of how to go on.
static HINT: OnceLock<String> = OnceLock::new();

/// Has an interruption say how to go on in place of a promise that nothing was left behind.
pub(crate) fn announce(hint: String) {
    // One command is run in a process.
    let _ = HINT.set(hint);
}

/// How this run is continued, where it can be.
pub(crate) fn continued() -> Option<String> {
    HINT.get().cloned()
}
