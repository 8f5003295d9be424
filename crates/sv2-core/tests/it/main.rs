//! Tests of whole streams.

mod smoke;
