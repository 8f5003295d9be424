//! The drivers as a caller sees them, with plain integers for items.
//!
//! Orders of events are forced with channels and barriers. A body that hangs fails by the watchdog
//! of [`watchdog::watched`].

mod bounds;
mod cancellation;
mod failure;
mod model;
mod order;
mod panics;
mod positional;
mod prompt;
mod stats;
mod support;
#[path = "../../src/watchdog.rs"]
mod watchdog;
