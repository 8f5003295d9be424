//! An answer of the protocol.

use std::error::Error;

use serde_json::{Map, Value, json};
use sv2_core::StreamError;
use sv2_testkit::reference::primitives::sha256;

use crate::names;

pub(crate) type Answer = Map<String, Value>;
pub(crate) type Failed = Box<dyn Error>;

/// A failure as an answer: an error of the format, or a request that makes no sense.
pub(crate) fn failure(error: &(dyn Error + 'static)) -> Answer {
    let Some(stream_error) = error.downcast_ref::<StreamError>() else {
        let mut answer = refused("BadRequest");
        answer.insert("what".to_owned(), json!(error.to_string()));
        return answer;
    };
    let name = names::error_name(stream_error);
    let mut answer = refused(name.error);
    answer.extend(name.unit.map(|unit| ("unit".to_owned(), json!(unit))));
    answer.extend(name.segment.map(|segment| ("segment".to_owned(), json!(segment))));
    answer.extend(name.frame.map(|frame| ("frame".to_owned(), json!(frame))));
    answer.extend(name.offset.map(|offset| ("offset".to_owned(), json!(offset))));
    answer.insert("what".to_owned(), json!(error.to_string()));
    answer
}

pub(crate) fn refused(error: &str) -> Answer {
    members(json!({"ok": false, "error": error}))
}

pub(crate) fn add_released(answer: &mut Answer, released: &[u8]) {
    answer.insert("released_len".to_owned(), json!(released.len()));
    answer.insert("released_sha256".to_owned(), json!(hex(&sha256(released))));
}

pub(crate) fn members(value: Value) -> Answer {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
