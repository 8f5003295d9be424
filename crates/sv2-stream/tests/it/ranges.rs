//! Plans: what is fetched for which ranges, and that every frame of it is opened once.

use std::ops::Range;

use proptest::prelude::*;
use sv2_crypto::Backend;
use sv2_stream::{FetchPolicy, FormatError, PageState, ReadAhead};
use sv2_testkit::paint::paint;
use sv2_testkit::reference::Params;

use crate::support::{Feed, open, read, stream};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// F-822, F-823
    #[test]
    fn any_ranges_under_any_policy_are_the_plaintext_there(
        len in 0u64..6000,
        (frames_log2, digest) in (0u8..3, 0u8..3),
        ranges in prop::collection::vec((0u64..7000, 0u64..3000), 0..6),
        (max_len, join_gap) in (0u64..3000, 0u64..1500),
    ) {
        let object = stream(&Params::tiny(1, digest, frames_log2), len as usize);
        let opened = open(&object).expect("a sound stream");
        let ranges: Vec<_> = ranges.into_iter().map(|(start, len)| start..start + len).collect();
        let policy = FetchPolicy::standard().max_len(max_len).join_gap(join_gap);
        let plan = opened.plan(&ranges, &policy, |_| PageState::Missing);
        let wire: Vec<Range<u64>> = plan.wire().collect();
        prop_assert!(wire.windows(2).all(|two| two[0].end < two[1].start || join_gap == 0
            || two[1].end - two[0].start > max_len), "{wire:?}");
        prop_assert!(wire.iter().all(|range| range.end - range.start <= max_len.max(288) + 288));
        prop_assert!(wire.iter().all(|range| range.start < range.end
            && range.end <= object.len() as u64));

        let plaintext = paint(len as usize);
        let read = read(&opened, &object, &ranges, &policy, Feed::Whole).expect("sound frames");
        let mut frames: Vec<u64> = read.frames().map(|(offset, _)| offset).collect();
        let mut wanted: Vec<u64> = ranges
            .iter()
            .flat_map(|range| range.start..range.end.min(len))
            .map(|at| at / 256 * 256)
            .collect();
        wanted.sort_unstable();
        wanted.dedup();
        prop_assert_eq!(&frames, &wanted, "each frame once, in order, and no other");
        frames.dedup();
        for (offset, frame) in read.frames() {
            prop_assert_eq!(frame, &plaintext[offset as usize..][..frame.len()]);
            prop_assert_eq!(read.at(offset + 1), &frame[1..]);
        }
    }
}

/// A request of its own for one frame costs more than the frame.
#[test]
fn the_last_frame_of_a_segment_is_never_fetched_alone() {
    let frame = 256 + 32;
    let object = stream(&Params::tiny(1, 0, 2), 4 * 1024);
    let opened = open(&object).expect("a sound stream");
    let policy = FetchPolicy::standard().max_len(3 * frame).join_gap(0);
    let plan = opened.plan(&[0..4096], &policy, |_| PageState::Missing);
    let lens: Vec<u64> = plan.wire().map(|range| range.end - range.start).collect();
    assert_eq!(lens, [4 * frame; 4]);
    let plan = opened.plan(&[0..800], &policy, |_| PageState::Missing);
    assert_eq!(plan.wire().count(), 1);
}

/// F-704: a page comes from elsewhere as a page that was checked, or the plan does not open.
#[test]
fn a_plan_waits_for_a_page_that_somebody_else_fetches() {
    let len = 2500 * 256;
    let object = stream(&Params::tiny(1, 0, 0), len);
    let opened = open(&object).expect("a sound stream");
    assert!(opened.known_page(0).is_none(), "the end is too far away");
    let bytes = |range: Range<u64>| object[range.start as usize..range.end as usize].to_vec();
    let worker = opened.worker(Backend::Ring);
    let planned = |supplied: bool| {
        let mut plan = opened.plan(&[5..6], &FetchPolicy::standard(), |_| PageState::Elsewhere);
        assert_eq!(plan.pages_elsewhere().collect::<Vec<_>>(), [0]);
        for range in plan.wire().collect::<Vec<_>>() {
            plan.supply(range.start, bytes(range.clone()));
        }
        if supplied {
            let page = opened.check_page(0, &bytes(opened.page_range(0))).expect("a sound page");
            plan.supply_page(page);
        }
        plan.open(&opened, &worker)
    };
    assert!(matches!(planned(false), Err(FormatError::Misuse(_))));
    assert_eq!(planned(true).expect("a sound frame").at(5)[0], paint(6)[5]);
    let wrong = opened.check_page(1, &bytes(opened.page_range(0)));
    assert!(matches!(wrong, Err(FormatError::AuthenticationFailed { .. })));
}

#[test]
fn a_plan_without_its_bytes_does_not_open() {
    let object = stream(&Params::tiny(1, 0, 1), 3000);
    let opened = open(&object).expect("a sound stream");
    let mut plan = opened.plan(&[0..3000], &FetchPolicy::standard(), |_| PageState::Missing);
    let wire = plan.wire().next().expect("one range");
    plan.supply(wire.start, object[wire.start as usize..wire.end as usize - 1].to_vec());
    assert_eq!(plan.missing(), [wire.end - 1..wire.end]);
    let error = plan.open(&opened, &opened.worker(Backend::Ring)).expect_err("a byte is missing");
    assert!(matches!(error, FormatError::Misuse(_)), "{error}");
}

/// Windows double while reads follow one another, end with frames, and begin anew after a jump.
#[test]
fn reading_ahead_doubles_and_a_jump_costs_no_more_than_it_asks_for() {
    let opened = open(&stream(&Params::tiny(1, 0, 4), 1000)).expect("a sound stream");
    let layout = opened.layout;
    let plaintext_len = 1 << 20;
    let mut ahead = ReadAhead::new(16 * 256);
    let mut at = 0;
    let mut windows = Vec::new();
    while at < 20_000 {
        let end = ahead.window(layout, plaintext_len, at, 10);
        windows.push((end - at) / 256);
        at = end;
    }
    // A segment has 16 frames: the windows of 8 and 16 end with one.
    assert_eq!(windows, [1, 2, 4, 9, 16, 16, 16, 16]);
    assert_eq!(ahead.window(layout, plaintext_len, 700, 10), 768, "a jump");
    assert_eq!(ahead.window(layout, plaintext_len, 768, 10), 768 + 256, "two of 68 bytes");
    assert_eq!(ahead.window(layout, 1100, 1050, 10), 1100, "no further than the end");
}
