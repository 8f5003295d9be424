//! What the bytes, lengths and offsets of segments are held to.

#[path = "../../../sv2-headers/tests/it/appendix.rs"]
mod appendix;

mod frames;
mod messages;
mod offsets;
mod segment_layout;
mod segments;
mod stream_lengths;
mod worked_example;
