//! Other formats over encrypted streams: the adapters by which their libraries read a
//! [`StreamReader`](sv2_core::StreamReader).
#![doc = include_str!("../README.md")]

mod chunks;
mod cursor;
mod database;
mod sealed;

pub use chunks::Chunks;
pub use cursor::Cursor;
pub use database::serve_database;
pub use sealed::{Sealed, Touched};
