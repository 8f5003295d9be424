//! What a stream keeps of its file besides the bytes, sealed in the metadata (format.md section
//! 3.4): the time of its last change, its permissions, its name. The sender says them, so that a
//! name is judged before it is used.

use std::fs::Metadata;
use std::os::unix::fs::PermissionsExt;
use std::time::SystemTime;

use humantime::{format_rfc3339_nanos, parse_rfc3339};
use serde_json::{Map, Value, json};
use sv2_core::FileAttributes;

use crate::names::obeyed;

/// Permission bits that are kept: no set-user-ID, no set-group-ID, no sticky bit.
const MODE: u32 = 0o777;

/// The time and permissions of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attributes {
    mtime: Option<SystemTime>,
    mode: Option<u32>,
}

impl Attributes {
    /// Those of a file that is there.
    pub(crate) fn of(metadata: &Metadata) -> Self {
        let mtime = metadata.modified().ok();
        // The form that is sealed begins with 1970.
        let mtime = mtime.filter(|time| *time >= SystemTime::UNIX_EPOCH);
        Self { mtime, mode: Some(metadata.permissions().mode() & MODE) }
    }

    /// Puts them into the metadata of a stream.
    pub(crate) fn write(&self, object: &mut Map<String, Value>) {
        if let Some(mtime) = self.mtime {
            object.insert("mtime".into(), json!(format_rfc3339_nanos(mtime).to_string()));
        }
        if let Some(mode) = self.mode {
            object.insert("mode".into(), json!(format!("{mode:04o}")));
        }
    }

    /// Those that a stream keeps; what is not understood counts as absent.
    pub(crate) fn read(object: &Map<String, Value>) -> Self {
        let text = |member: &str| object.get(member).and_then(Value::as_str);
        let mode = text("mode").and_then(|mode| u32::from_str_radix(mode, 8).ok());
        Self {
            mtime: text("mtime").and_then(|time| parse_rfc3339(time).ok()),
            mode: mode.map(|mode| mode & MODE),
        }
    }

    /// As what an output gets before it has its name.
    pub(crate) fn for_output(&self) -> FileAttributes {
        FileAttributes { modified: self.mtime, mode: self.mode }
    }

    /// Whether the last change was at the same time.
    pub(crate) fn is_as_old_as(&self, other: &Self) -> bool {
        self.mtime.is_some() && self.mtime == other.mtime
    }
}

/// Endings of the files that this program keeps beside others and believes.
const COMPANIONS: [&str; 8] = [
    ".par",
    ".sv2-change",
    ".sv2-journal",
    ".unfinished",
    ".lost.json",
    ".part",
    ".kept",
    ".receipt",
];

/// A name that the sender chose, where a file can have it without harm: no path, no device, nothing
/// hidden, nothing that a terminal would obey, and no file that is believed beside another.
pub(crate) fn harmless_name(object: &Map<String, Value>) -> Result<&str, String> {
    let Some(name) = object.get("name").and_then(Value::as_str) else {
        return Err("the stream keeps no name".into());
    };
    let stem = name.split('.').next().unwrap_or_default().to_ascii_uppercase();
    let is_device = matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$")
        || (["COM", "LPT"].iter().any(|port| stem.starts_with(port)) && stem.chars().count() == 4);
    let lower = name.to_ascii_lowercase();
    // Some file systems leave these out, and another name is the one that the file has then.
    let ends_oddly = name.ends_with(['.', ' ']);
    let is_companion = COMPANIONS.iter().any(|ending| lower.ends_with(ending));
    let is_odd = |c: char| obeyed(c) || matches!(c, '/' | '\\' | ':');
    let is_hidden = name.is_empty() || name.starts_with(['.', '-']);
    if is_hidden || is_device || is_companion || ends_oddly || name.contains(is_odd) {
        return Err("the name that the stream keeps is not one for a file here".into());
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn attributes_come_back_as_they_were() {
        let mtime = SystemTime::UNIX_EPOCH + Duration::new(1_600_000_000, 123_456_789);
        let kept = Attributes { mtime: Some(mtime), mode: Some(0o751) };
        let mut object = Map::new();
        kept.write(&mut object);
        assert_eq!(object["mode"], "0751");
        assert_eq!(object["mtime"], "2020-09-13T12:26:40.123456789Z");
        assert_eq!(Attributes::read(&object), kept);
        // No right that nobody asked for comes out of a stream.
        object.insert("mode".into(), json!("6777"));
        assert_eq!(Attributes::read(&object).mode, Some(0o777));
        for odd in ["rwx", "9", ""] {
            object.insert("mode".into(), json!(odd));
            assert_eq!(Attributes::read(&object).mode, None, "{odd}");
        }
    }

    #[test]
    fn a_name_is_used_only_if_it_is_harmless() {
        let judged = |name: &str| {
            let object = Map::from_iter([("name".to_owned(), json!(name))]);
            harmless_name(&object).is_ok()
        };
        for good in ["a.txt", "b c", "gr\u{fc}n", "console", "lpt", "comma.txt"] {
            assert!(judged(good), "{good}");
        }
        for bad in [
            "",
            ".",
            "..",
            ".bashrc",
            "-rf",
            "a/b",
            "a\\b",
            "C:x",
            "a\0",
            "a\nb",
            "\x1b[2J",
            "nul",
            "CON.txt",
            "com1",
            "LPT9.log",
            "a.bin.par",
            "a.PAR",
            "a.sv2-change",
            "a.sv2-journal",
            "a.unfinished",
            "a.lost.json",
            "x.receipt",
            "a.par.",
            "a.par ",
            "a\u{202e}txt.exe",
            "a\u{2028}b",
        ] {
            assert!(!judged(bad), "{bad:?}");
        }
        assert!(harmless_name(&Map::new()).is_err());
    }
}
