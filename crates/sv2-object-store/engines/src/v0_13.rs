//! Requests to stores of `object_store` 0.13, counted.

use object_store_013 as object_store;

#[path = "body/counting.rs"]
mod counting;

pub use counting::{Cost, Counting};
