//! How often a hostile file makes a reader open slots, each of which may cost a derivation from a
//! passphrase.

#![expect(clippy::print_stdout, reason = "what was counted is printed")]

use std::cell::Cell;
use std::io;

use sv2_core::{
    DecryptOptions, Gaps, InputSource, KeySource, OutputSink, Section, SlotError, StreamKey,
    salvage,
};
use sv2_testkit::paint::paint;
use sv2_testkit::reference::primitives::crc64;
use sv2_testkit::reference::{self, Params};

/// F-328, F-833: in a file that is full of headers, each with a slot and a right checksum, a
/// salvage opens the slots of a few.
#[test]
fn a_file_full_of_headers_has_the_slots_of_a_few_opened() {
    let mut params = Params::tiny(1, 0, 0);
    params.slotted = true;
    params.sections.push((0x8001, vec![7; 5]));
    params.header_len = 512;
    let stream = reference::encrypt(&[1; 32], &params, &mut |_| [0; 24], &paint(100));
    let mut carpet = b"no magic".to_vec();
    for number in 0..200u8 {
        let mut header = stream[..512].to_vec();
        // Another stream each time, so that no key that was found serves again.
        header[16] = number;
        let crc = crc64(&header[..504]);
        header[504..].copy_from_slice(&crc.to_be_bytes());
        carpet.extend_from_slice(&header);
    }
    let opened = Cell::new(0);
    let open = |_: &[Section], _: &mut dyn FnMut(&StreamKey) -> bool| -> Result<_, SlotError> {
        opened.set(opened.get() + 1);
        Err("no slot fits".into())
    };
    let keys = KeySource::Slots(&open);
    let output = OutputSink::Writer(Box::new(io::sink()));
    let options = DecryptOptions::standard();
    let done = salvage(InputSource::Memory(&carpet), output, &keys, &options, Gaps::Skip);
    assert!(done.is_err(), "{done:?}");
    println!("slots of {} headers of 200 were opened", opened.get());
    assert!((1..=16).contains(&opened.get()), "{}", opened.get());
}
