//! The order and the cut in which bytes come decide nothing.

use sv2_stream::{Depth, FetchPolicy, OpeningOptions};
use sv2_testkit::mutate;
use sv2_testkit::paint::paint;
use sv2_testkit::reference::Params;

use crate::support::{FEEDS, Feed, KEY, named, open, open_counted, read, stream};

/// Objects that need one round trip, and several, sound and not.
fn objects() -> Vec<Vec<u8>> {
    let small = stream(&Params::tiny(1, 1, 1), 1300);
    let large = stream(&Params { header_len: 8192, ..Params::tiny(1, 0, 0) }, 2500 * 256);
    let mut objects = vec![small.clone(), large.clone(), stream(&Params::tiny(2, 0, 1), 0)];
    for at in [0, 81, 200, small.len() - 1, small.len() - 60, small.len() - 140] {
        objects.push(mutate::flip(&small, at, 1));
    }
    objects.push(mutate::flip(&large, 81, 1));
    objects.push(large[..large.len() - 1].to_vec());
    objects.push(small[..100].to_vec());
    objects
}

/// F-804: the same requests, the same stream or the same error.
#[test]
fn an_opening_does_not_depend_on_how_its_bytes_come() {
    for (nth, object) in objects().iter().enumerate() {
        for options in [
            OpeningOptions::standard(),
            OpeningOptions::sparing(),
            OpeningOptions::standard().depth(Depth::Lengths),
            OpeningOptions::sparing().depth(Depth::AnyLength),
        ] {
            let (expected, asked) = open_counted(object, &KEY, b"", options.clone(), Feed::Whole);
            for feed in FEEDS {
                let (opened, again) = open_counted(object, &KEY, b"", options.clone(), feed);
                match (&expected, &opened) {
                    (Ok(expected), Ok(opened)) => {
                        assert_eq!(expected.trailer, opened.trailer);
                        assert_eq!(expected.keyed.bytes, opened.keyed.bytes);
                        assert_eq!(expected.keyed.offset, opened.keyed.offset);
                        assert_eq!(expected.page_table(), opened.page_table());
                    }
                    (Err(expected), Err(error)) => {
                        assert_eq!(named(expected), named(error), "object {nth}, {feed:?}");
                    }
                    (expected, opened) => {
                        panic!("object {nth}, {feed:?}: {opened:?} and not {expected:?}")
                    }
                }
                if feed != Feed::OneByOne {
                    assert_eq!(asked, again, "object {nth}, {feed:?}");
                }
            }
        }
    }
}

#[test]
fn a_plan_does_not_depend_on_how_its_bytes_come() {
    let len = 2500 * 256;
    let object = stream(&Params::tiny(1, 0, 0), len);
    let stream = open(&object).expect("a sound stream");
    let plaintext = paint(len);
    let ranges = [100..90_000, 500_000..500_001, 300_000..301_000];
    for feed in FEEDS {
        let opened = read(&stream, &object, &ranges, &FetchPolicy::standard().join_gap(0), feed);
        let opened = opened.expect("sound frames");
        for range in &ranges {
            let mut out = vec![0; (range.end - range.start) as usize];
            assert_eq!(opened.copy_to(range.start, &mut out), out.len(), "{feed:?}");
            assert!(out == plaintext[range.start as usize..range.end as usize], "{feed:?}");
        }
    }
}

/// Every way to cut a small object in two, handed in either order.
#[test]
fn every_cut_of_a_small_object_opens_it() {
    let object = stream(&Params::tiny(1, 0, 1), 300);
    let expected = open(&object).expect("a sound stream").fingerprint();
    for cut in 0..=object.len() {
        let (front, back) = object.split_at(cut);
        for reversed in [false, true] {
            let mut opening =
                sv2_stream::Opening::new(object.len() as u64, OpeningOptions::standard());
            let mut parts = [(0, front), (cut as u64, back)];
            if reversed {
                parts.reverse();
            }
            for (offset, part) in parts {
                opening.supply(offset, part);
            }
            assert!(matches!(opening.step(), Ok(sv2_stream::Step::Key(_))), "{cut}");
            opening.supply_key(&crate::support::key(), b"").expect("it was asked for");
            assert!(matches!(opening.step(), Ok(sv2_stream::Step::Opened)), "{cut}");
            assert_eq!(opening.finish().expect("it is open").fingerprint(), expected);
        }
    }
}
