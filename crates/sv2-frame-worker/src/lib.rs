//! One frame of a stream_v2 segment, sealed or opened in place

#![no_std]

extern crate alloc;
