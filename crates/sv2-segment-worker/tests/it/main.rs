//! What sealing and opening one segment is held to.

#[path = "../../../sv2-headers/tests/it/appendix.rs"]
mod appendix;

mod damage;
mod lengths;
mod messages;
mod places;
mod roundtrip;
mod runs;
mod salts;
mod sealed;
mod support;
mod worked_example;
