//! What checksums and their joins are held to.

mod joining;
mod kernels;
