//! What sealing and opening one frame is held to.

#[path = "../../../sv2-headers/tests/it/appendix.rs"]
mod appendix;

mod damage;
mod messages;
mod order;
mod roundtrip;
mod support;
