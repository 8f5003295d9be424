//! Who can open a stream: `recipients`.

use std::collections::BTreeMap;

use pyo3::prelude::*;
use serde_json::value::RawValue;
use sv2_core::{inspect as inspect_stream, open_header};
use sv2_keys::{SlotContent, SlotInfo, describe_slots};

use crate::error::Trouble;
use crate::inspection::kind;
use crate::keys::keys_of;
use crate::opening::OpenKey;
use crate::options::Demands;
use crate::run::{Wishes, run};
use crate::source::Source;

/// One key slot of a stream.
///
/// What a key has not vouched for is a claim of the stream: kinds without a key are one.
#[pyclass(frozen, get_all, module = "stream_v2")]
pub(crate) struct Recipient {
    /// Its kind, such as "X25519" or "passphrase".
    kind: String,
    /// Its label, where it has one; None without a key, since labels are sealed.
    label: Option<String>,
    /// Whether the key that was given opened the stream by it; None without a key.
    opened: Option<bool>,
}

#[pymethods]
impl Recipient {
    fn __repr__(&self) -> String {
        let mut text = format!("Recipient(kind={:?}", self.kind);
        if let Some(label) = &self.label {
            text.push_str(&format!(", label={label:?}"));
        }
        if self.opened == Some(true) {
            text.push_str(", opened=True");
        }
        text + ")"
    }
}

/// The key slots of a stream, in order; their positions are those that rewrap(remove=...) counts.
///
/// source: as for scrub.
/// key, context: as for decrypt; with a key, labels are shown and the slot that it opened is told.
///     None looks at the kinds of the slots alone.
///
/// Raises NotAStreamError, MalformedError, DamagedError; with a key what decrypt raises.
///
/// >>> key = Key.generate()
/// >>> stream = encrypt(b"text", to=[Key.generate(), key])
/// >>> recipients(stream)
/// [Recipient(kind="X25519"), Recipient(kind="X25519")]
/// >>> [slot for slot, each in enumerate(recipients(stream, key=key)) if each.opened]
/// [1]
#[pyfunction]
#[pyo3(signature = (source, *, key=None, context=None))]
pub(crate) fn recipients(
    py: Python<'_>,
    source: &Bound<'_, PyAny>,
    key: Option<&Bound<'_, PyAny>>,
    context: Option<&Bound<'_, PyAny>>,
) -> PyResult<Vec<Recipient>> {
    let demands = Demands::new(context, None)?;
    let keys = key.map(|key| keys_of(Some(key))).transpose()?;
    let source = Source::new(source)?;
    let wishes =
        Wishes { is_short: source.path().is_some() || source.is_short(), ..Wishes::default() };
    let names = source.names();
    run(py, wishes, &names, move |_| {
        let Some(keys) = &keys else {
            let seen = inspect_stream(source.positioned()?)?;
            let slots = describe_slots(&seen.header.sections);
            let bare = |content: &SlotContent| Recipient {
                kind: kind(content),
                label: None,
                opened: None,
            };
            return Ok(slots.iter().map(|slot| bare(&slot.content)).collect());
        };
        let key = OpenKey::resolve(keys)?;
        let (opened, by) = key.with_slot(|key| {
            Ok::<_, Trouble>(open_header(source.positioned()?, key, &demands.context)?)
        });
        let opened = opened?;
        let sections = &opened.header.sections;
        let slots = describe_slots(sections);
        let labels = labels_of(opened.metadata.ok().flatten().as_deref());
        let one = |(number, slot): (usize, &SlotInfo)| Recipient {
            kind: kind(&slot.content),
            label: labels.get(number).filter(|label| !label.is_empty()).cloned(),
            opened: Some(by.is_some() && sections.get(slot.section) == by.as_ref()),
        };
        Ok(slots.iter().enumerate().map(one).collect())
    })
}

/// The labels in the metadata (format.md section 3.4), in the order of the slots.
fn labels_of(json: Option<&[u8]>) -> Vec<String> {
    let members: Option<BTreeMap<String, Box<RawValue>>> =
        json.and_then(|json| serde_json::from_slice(json).ok());
    members
        .and_then(|members| serde_json::from_str(members.get("slots")?.get()).ok())
        .unwrap_or_default()
}
