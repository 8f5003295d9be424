//! A panic handler beside every layer without IO: two handlers in one program do not compile, and
//! the standard library brings one, so that this crate compiles only where no layer names it.

#![no_std]

extern crate sv2_crc as _;
extern crate sv2_crypto as _;
extern crate sv2_frame_worker as _;
extern crate sv2_framing as _;
extern crate sv2_headers as _;
extern crate sv2_segment_worker as _;
extern crate sv2_stream as _;

#[panic_handler]
fn stop(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
