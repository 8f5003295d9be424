//! Where the user's own identity was looked for in vain, for the hints of failures about keys.

use std::sync::{Mutex, PoisonError};

/// What was looked at and why it did not serve.
static IN_VAIN: Mutex<Option<String>> = Mutex::new(None);

/// Keeps what was looked at and why it did not serve.
pub(crate) fn in_vain(what: String) {
    *IN_VAIN.lock().unwrap_or_else(PoisonError::into_inner) = Some(what);
}

/// What was looked at in vain, where something was.
pub(crate) fn told() -> Option<String> {
    IN_VAIN.lock().unwrap_or_else(PoisonError::into_inner).clone()
}
