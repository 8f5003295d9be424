//! One segment of a stream_v2 stream as a pure function

#![no_std]

extern crate alloc;
