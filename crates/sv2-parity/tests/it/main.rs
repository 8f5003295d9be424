//! Parity files from outside: what is promised is given back, and nothing else is written.

mod crashes;
mod damages;
mod exhaustive;
mod files;
mod hostile;
mod model;
mod renewing;
mod stale;
mod support;
mod vectors;
