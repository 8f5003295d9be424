//! Every small damage of a small stream ends as the reference ends.

use sv2_stream::OpeningOptions;
use sv2_testkit::mutate;
use sv2_testkit::reference::forge::refresh_crc;
use sv2_testkit::reference::{Params, read_range as reference};

use crate::support::{KEY, assert_same, read_range, stream};

/// Both ways to open, which must agree in everything but what they ask for.
fn compare(object: &[u8], range: (u64, u64), case: &str) {
    let expected = reference(&KEY, b"", object, range.0, range.1);
    for (way, options) in
        [("standard", OpeningOptions::standard()), ("sparing", OpeningOptions::sparing())]
    {
        let read = read_range(object, &KEY, b"", options, range);
        assert_same(&read, &expected, &format!("{case}, {way}"));
    }
}

/// F-804 to F-809, F-707, F-335, F-902, F-905, F-906: three segments, the last one short.
#[test]
fn every_flipped_byte_fails_as_the_reference_says() {
    for (digest, mask) in [(0, 0x01), (1, 0x80)] {
        let object = stream(&Params::tiny(1, digest, 1), 2 * 512 + 300);
        for (offset, damaged) in mutate::flips(&object, mask) {
            compare(&damaged, (0, 5000), &format!("digest {digest}, byte {offset}"));
        }
    }
}

/// F-902, F-809
#[test]
fn every_truncation_fails_as_the_reference_says() {
    let object = stream(&Params::tiny(2, 0, 1), 512 + 1);
    for cut in mutate::truncations(&object) {
        compare(cut, (0, 5000), &format!("{} bytes", cut.len()));
    }
    for more in 1..200 {
        let longer = [&object[..], &vec![0; more]].concat();
        compare(&longer, (0, 5000), &format!("{more} bytes more"));
    }
}

/// F-905: as above with the checksum of the unit made right again, so that nothing is an accident.
#[test]
fn every_altered_byte_of_header_and_trailer_fails_as_the_reference_says() {
    let object = stream(&Params::tiny(1, 0, 1), 700);
    let copy = object.len() - 128 - 32 - 2 * 32 - 256;
    for (unit, start, len) in
        [("header", 0, 256), ("copy", copy, 256), ("trailer", object.len() - 128, 128)]
    {
        for at in 0..len - 8 {
            for mask in [0x01, 0x40] {
                let mut damaged = mutate::flip(&object, start + at, mask);
                refresh_crc(&mut damaged[start..start + len]);
                compare(&damaged, (0, 5000), &format!("{unit} byte {at} mask {mask:#x}"));
                // Without the front there is the copy, and the reverse.
                if unit != "trailer" {
                    let other = if unit == "header" { copy } else { 0 };
                    damaged[other + 100] ^= 1;
                    compare(&damaged, (0, 5000), &format!("{unit} byte {at}, the other damaged"));
                }
            }
        }
    }
}

/// F-823: a later bad page does not come before an earlier bad frame, and a range that touches
/// neither is read.
#[test]
fn damage_is_found_in_the_order_of_the_stream_and_only_where_it_is_read() {
    let segments = 1030;
    let params = Params::tiny(1, 0, 0);
    let object = stream(&params, segments * 256);
    let page_1 = object.len() - 128 - 64 - 6 * 32;
    let frame = |segment: usize| 256 + segment * (64 + 256 + 32 + 8) + 64;
    let mut damaged = mutate::flip(&object, page_1 + 3, 1);
    damaged[frame(500) + 20] ^= 1;
    damaged[frame(1028) + 20] ^= 1;
    let all = segments as u64 * 256;
    for range in
        [(0, all), (0, 500 * 256), (501 * 256, all), (501 * 256, 300 * 256), (1029 * 256, 9)]
    {
        compare(&damaged, range, &format!("{range:?}"));
    }
}
