//! The store for `object_store` 0.14: parquet 60, lance, slatedb.

use std::ops::Range;

use object_store_014 as object_store;

#[path = "body/store.rs"]
mod store;

pub use store::Sv2Store;

/// What this version has in a result of a read; what an answer of HTTP carried besides is that of
/// another object than the caller sees, so it stays behind.
fn get_result(
    payload: object_store::GetResultPayload,
    meta: object_store::ObjectMeta,
    range: Range<u64>,
    attributes: object_store::Attributes,
) -> object_store::GetResult {
    let extensions = object_store::Extensions::default();
    object_store::GetResult { payload, meta, range, attributes, extensions }
}
