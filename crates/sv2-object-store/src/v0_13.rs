//! The store for `object_store` 0.13: DataFusion 55, delta-rs 1.1, polars.

use std::ops::Range;

use object_store_013 as object_store;

#[path = "body/store.rs"]
mod store;

pub use store::Sv2Store;

/// What this version has in a result of a read.
fn get_result(
    payload: object_store::GetResultPayload,
    meta: object_store::ObjectMeta,
    range: Range<u64>,
    attributes: object_store::Attributes,
) -> object_store::GetResult {
    object_store::GetResult { payload, meta, range, attributes }
}
