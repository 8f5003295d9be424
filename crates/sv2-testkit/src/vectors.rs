//! Every conformance vector, made deterministically from the reference implementation.
//!
//! A vector is a stream, or a table of small changes to one, with the outcome that
//! `docs/format.md` demands in each mode. Outcomes of bad streams are written here by hand and
//! compared with those of the reference, so that neither can drift alone.
//! `cargo xtask vectors` writes them to `docs/conformance`; nothing here reads or writes a file.

mod age_files;
mod asked;
mod base;
mod changed;
mod commitment;
mod encode;
mod ends;
mod foreign;
mod geometry;
mod headers;
pub mod json;
mod large;
mod layouts;
mod lengths;
mod metadata;
pub mod model;
mod openers;
mod positive;
mod refusals;
pub mod requests;
mod salvages;
mod scrubs;
mod segments;
mod shares;
mod slots;
mod sparse;
mod tables;
mod tails;
mod verifies;
mod versions;

pub use base::{painted_salt, stream_salt};
pub use encode::base64;
pub use model::{
    Body, CutRow, Ends, FlipRow, LayoutRow, Mode, Named, Opener, Origin, PatchRow, Reading,
    RefusalRow, RequestRow, SparseCase, StreamCase, Table, Vector, Verdict,
};

/// A function that makes the vectors of one subject.
pub type Family = fn() -> Vec<Vector>;

/// The subjects with their vectors, in the order in which they are written.
pub const FAMILIES: [(&str, Family); 24] = [
    ("positive", positive::vectors),
    ("parameters", positive::parameters),
    ("large", large::vectors),
    ("headers", headers::vectors),
    ("slots", slots::vectors),
    ("metadata", metadata::vectors),
    ("commitment", commitment::vectors),
    ("segments", segments::vectors),
    ("tails", tails::vectors),
    ("lengths", lengths::vectors),
    ("tables", tables::vectors),
    ("layouts", layouts::vectors),
    ("openers", openers::vectors),
    ("scrubs", scrubs::vectors),
    ("geometry", geometry::vectors),
    ("foreign", foreign::vectors),
    ("padding", lengths::padding),
    ("sparse", sparse::vectors),
    ("refusals", refusals::vectors),
    ("ends", ends::vectors),
    ("verifies", verifies::vectors),
    ("salvages", salvages::vectors),
    ("versions", versions::vectors),
    ("parts", shares::vectors),
];

/// All vectors, in the order in which they are written; their names differ.
pub fn all() -> Vec<Vector> {
    FAMILIES.iter().flat_map(|(_, family)| family()).collect()
}
