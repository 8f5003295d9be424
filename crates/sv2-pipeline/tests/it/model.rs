//! Any set of failures gives what a plain loop over the items gives.

use proptest::collection::btree_map;
use proptest::prelude::*;

use crate::support::{Event, Events, Stage, event, model, options, run_events};
use crate::watchdog::watched;

fn failures(items: u64) -> impl Strategy<Value = Events> {
    let stage = prop_oneof![Just(Stage::Source), Just(Stage::Work), Just(Stage::Sink)];
    let kind = prop_oneof![Just(Event::Fail), Just(Event::Panic)];
    // Some of the failures lie behind the end, where nothing may see them.
    btree_map((0..items + 3, stage), kind, 0..4)
}

/// Failures, and sometimes a sink that cancels.
fn events(items: u64) -> impl Strategy<Value = Events> {
    (failures(items), proptest::option::weighted(0.2, 0..items + 1)).prop_map(
        |(mut events, cancel)| {
            events.extend(cancel.into_iter().flat_map(|at| event(at, Stage::Sink, Event::Cancel)));
            events
        },
    )
}

fn job() -> impl Strategy<Value = (u64, Events)> {
    (0_u64..24).prop_flat_map(|items| (Just(items), events(items)))
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn every_driver_agrees_with_a_plain_loop(
        (items, events) in job(),
        threads in 1_usize..6,
        buffers in 1_usize..10,
    ) {
        watched(move || {
            let expected = model(items, &events);
            assert_eq!(run_events(None, items, &events), expected, "inline");
            assert_eq!(run_events(Some(options(threads, buffers)), items, &events), expected);
        });
    }
}
