//! The engine and the reference behind the line protocol of `docs/conformance`: what is asked beside
//! the plain readings, by chosen and by drawn requests.

#[path = "../../examples/conformance/answer.rs"]
mod answer;
#[path = "../../examples/conformance/change.rs"]
mod change;
#[path = "../../examples/conformance/layout.rs"]
mod layout;
#[path = "../../../sv2-core/tests/conformance/names.rs"]
mod names;
#[path = "../vectors/opener.rs"]
mod opener;
#[path = "../../examples/conformance/ops.rs"]
mod ops;
#[path = "../../examples/conformance/parts.rs"]
mod parts;
#[path = "../../examples/conformance/read.rs"]
mod read;
#[path = "../../examples/conformance/request.rs"]
mod request;
#[path = "../../examples/conformance/rescue.rs"]
mod rescue;
#[path = "../../../sv2-core/tests/conformance/subject.rs"]
mod subject;
#[path = "../../examples/conformance/write.rs"]
mod write;

use std::collections::BTreeMap;

use serde_json::Value;
use sv2_testkit::protocol::{Members, difference, drawn, mode};
use sv2_testkit::vectors::Body;

use crate::request::Request;

/// What the engine answers.
fn engine(request: &Members) -> Members {
    match ops::answer(&Request(&Value::Object(request.clone()))) {
        Ok(answer) => answer,
        Err(error) => answer::failure(&*error),
    }
}

/// F-833, F-839, F-851, F-852, F-853, F-854, F-855, F-856, F-857, F-1107, F-1108, F-1109, F-1110,
/// F-1119, F-1120, F-1121, F-1122, F-1230, F-1231, F-1232, F-1233, F-1234.
#[test]
fn chosen_requests_are_answered_as_the_vectors_have_it() {
    let mut played = 0;
    for vector in sv2_testkit::vectors::all() {
        let Body::Requests(rows) = &vector.body else { continue };
        for row in rows {
            let found = engine(&row.request);
            let other = difference(&row.expect, &found);
            assert_eq!(other, None, "{}, {}: {found:?}", vector.name, row.name);
            played += 1;
        }
    }
    assert!(played >= 200, "{played}");
}

/// F-806, F-826, F-829, F-833, F-839, F-1107, F-1109, F-1230, F-1231: two programs that share no
/// code of the format answer alike, whatever they are asked about small streams.
#[test]
fn drawn_requests_are_answered_as_the_reference_answers_them() {
    let count = std::env::var("SV2_DRAWN").map_or(1500, |count| count.parse().expect("a number"));
    let mut differences = Vec::new();
    let mut outcomes: BTreeMap<String, usize> = BTreeMap::new();
    for case in 0..count {
        let request = drawn(case);
        let expected = sv2_testkit::protocol::answer(&request);
        let found = engine(&request);
        let op = mode(&request);
        if let Some(other) = difference(&expected, &found) {
            differences.push(format!("case {case}, {op}: {other}; {found:?}, not {expected:?}"));
        }
        let end = expected.get("error").and_then(Value::as_str).unwrap_or("ok");
        *outcomes.entry(format!("{op} {end}")).or_default() += 1;
    }
    assert!(
        differences.is_empty(),
        "{} differ: {:#?}",
        differences.len(),
        &differences[..differences.len().min(12)]
    );
    // Every role was asked, and told good and bad apart.
    for op in ["unsealed", "trailing", "verify", "salvage", "rewrite", "append", "parts"] {
        let of = |good: bool| {
            outcomes
                .keys()
                .any(|key| key.strip_prefix(op).is_some_and(|end| (end == " ok") == good))
        };
        assert!(of(true) && of(false), "{op}: {outcomes:?}");
    }
}
