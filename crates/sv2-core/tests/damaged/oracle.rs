//! Salvage against an exhaustive search: every frame that lies whole anywhere is got out.

use sv2_testkit::rescue::damaged;

use crate::score::Score;

/// Cases that are run here; `cargo run -p sv2-core --example salvage` runs as many as one likes.
const CASES: u64 = 120;

/// F-833: whatever was cut, inserted, moved, doubled, overwritten or joined.
#[test]
fn a_salvage_gets_what_an_exhaustive_search_can_open() {
    let mut score = Score::default();
    for case in 0..CASES {
        score.add(case, &damaged(case));
    }
    assert!(score.worse.is_empty(), "{:#?}", score.worse);
    assert!(score.files as u64 > CASES * 8 / 10 && score.lost > 0, "{score:?}");
    assert_eq!(score.recovered, score.openable);
}
