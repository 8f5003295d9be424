//! Requests to stores of `object_store` 0.14, counted.

use object_store_014 as object_store;

#[path = "body/counting.rs"]
mod counting;

pub use counting::{Cost, Counting};
