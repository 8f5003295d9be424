//! The labels of key slots, which are a member of the sealed metadata (format.md section 3.4).

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::exit::Exit;
use crate::failure::Failure;

/// The member that holds one label for each slot, in slot order.
const MEMBER: &str = "slots";

/// The metadata by member, each value as it was written.
type Members = BTreeMap<String, Box<RawValue>>;

/// The labels of `count` slots; empty where there is none.
pub(super) fn read(metadata: Option<&[u8]>, count: usize) -> Vec<String> {
    let members: Option<Members> = metadata.and_then(|json| serde_json::from_slice(json).ok());
    let labels = members.and_then(|members| serde_json::from_str(members.get(MEMBER)?.get()).ok());
    let mut labels: Vec<String> = labels.unwrap_or_default();
    labels.resize(count, String::new());
    labels
}

/// The metadata with these labels, and everything else in them as it was; `None` where they need
/// no change.
pub(super) fn write(
    metadata: Option<&[u8]>,
    labels: &[String],
) -> Result<Option<Vec<u8>>, Failure> {
    let unfit = |_| {
        let sentence = "this program cannot read the stream's metadata, so it cannot change labels";
        Failure::new(Exit::Untrusted, sentence)
    };
    let mut members: Members = match metadata {
        Some(json) => serde_json::from_slice(json).map_err(unfit)?,
        None => Members::new(),
    };
    if !members.contains_key(MEMBER) && labels.iter().all(String::is_empty) {
        return Ok(None);
    }
    members.insert(MEMBER.to_owned(), serde_json::value::to_raw_value(labels).map_err(unfit)?);
    serde_json::to_vec(&members).map(Some).map_err(unfit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|&text| text.to_owned()).collect()
    }

    #[test]
    fn labels_change_and_every_other_member_stays_byte_for_byte() {
        let json = br#"{"name":"a","later":{"b":1e400,"a":[ 1,2 ]},"slots":["x"]}   "#;
        assert_eq!(read(Some(json), 2), ["x", ""]);
        let written = write(Some(json), &labels(&["x", "alice"])).unwrap().unwrap();
        let text = std::str::from_utf8(&written).unwrap();
        assert!(text.contains(r#""later":{"b":1e400,"a":[ 1,2 ]}"#), "{text}");
        assert!(text.contains(r#""name":"a""#), "{text}");
        assert_eq!(read(Some(&written), 2), ["x", "alice"]);
        assert_eq!(read(Some(&written), 1), ["x"], "what is too much is left out");
    }

    #[test]
    fn streams_without_labels_stay_without() {
        assert_eq!(read(None, 1), [""]);
        assert_eq!(write(None, &labels(&["", ""])).unwrap(), None);
        assert_eq!(write(Some(br#"{"name":"a"}"#), &labels(&[""])).unwrap(), None);
        let emptied = write(Some(br#"{"slots":["x"]}"#), &labels(&["", ""])).unwrap();
        assert_eq!(emptied.as_deref(), Some(&br#"{"slots":["",""]}"#[..]));
        let first = write(None, &labels(&["", "bob"])).unwrap();
        assert_eq!(first.as_deref(), Some(&br#"{"slots":["","bob"]}"#[..]));
    }
}
