//! Parity files: what was lost of a file is computed again, without any key (`docs/parity.md`).
//!
//! [`protect`] writes a parity file, [`scan`] compares a file with it, [`repair_copy`] and
//! [`repair_in_place`] give back what was lost, and [`renew`] follows a change of the file.
//! Everything works on the bytes as they are stored; nothing here knows a key or a cipher.
//! Checksums agree, and nothing is authenticated: whoever may write to a parity file decides what
//! a repair writes.

#![doc = include_str!("../README.md")]

mod area;
mod code;
mod directory;
mod error;
mod geometry;
mod identity;
mod memory;
mod protect;
mod renew;
mod repair;
mod scan;
mod sidecar;
mod source;
mod table;
mod total;
mod window;
mod work;

pub use area::{Area, Promise};
pub use directory::{Directory, MAX_AREAS};
pub use error::{ParityError, Part};
pub use geometry::{Geometry, MAX_CODE, Request, Spread};
pub use identity::{Identity, Version, identify};
pub use memory::Memory;
pub use protect::{Protected, protect, protect_with};
pub use renew::{Renewal, renew};
pub use repair::{Repaired, repair_copy, repair_in_place};
pub use scan::{Findings, Tables, WindowState, scan};
pub use sidecar::Sidecar;
pub use source::{Source, Target};
pub use work::Work;

/// What the name of a parity file ends with; the rest is the name of the file.
pub const SUFFIX: &str = ".par";
