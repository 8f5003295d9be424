//! The store over `object_store` 0.14.

use object_store_014 as object_store;
use sv2_object_store::v0_14::Sv2Store;

#[path = "body/cost.rs"]
mod cost;
#[path = "body/faults.rs"]
mod faults;
#[path = "body/format.rs"]
mod format;
#[path = "body/keys.rs"]
mod keys;
#[path = "body/probe.rs"]
mod probe;
#[path = "body/ranges.rs"]
mod ranges;
#[path = "body/s3.rs"]
mod s3;
#[path = "body/s3_server.rs"]
mod s3_server;
#[path = "body/suite.rs"]
mod suite;
#[path = "body/uploads.rs"]
mod uploads;
