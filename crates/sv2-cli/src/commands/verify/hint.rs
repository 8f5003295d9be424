//! The command that helps, where a stream is damaged.

use std::path::Path;

use sv2_core::{DamageMap, InputSource, RunOptions, find_mends};

use crate::invocation::operand;
use crate::names::Name;
use crate::parity::{open_plain, wrong};

/// The command that helps, where no parity file does; `None` where none is needed.
pub(super) fn next_step(name: &Name, map: &DamageMap) -> Option<String> {
    if map.is_undamaged() {
        return None;
    }
    let Some(path) = name.path().filter(|path| path.is_file()) else {
        let verify = "save it to a file, of which everything can be told: sv2 verify FILE";
        return Some(verify.to_owned());
    };
    let word = operand(path.as_os_str());
    if map.trailing.is_some() && !map.by_place {
        return Some(format!("sv2 verify --trailing ignore {word}"));
    }
    if follows_from_the_rest(path, map) {
        return Some(wrong::repair("", path));
    }
    if map.by_place && map.damaged_plaintext == 0 {
        return Some(format!("sv2 decrypt {word}"));
    }
    Some(format!("sv2 decrypt --salvage=zero {word}"))
}

/// Whether a repair without parity puts anything back.
fn follows_from_the_rest(path: &Path, map: &DamageMap) -> bool {
    let Ok(Some(file)) = open_plain(path) else { return false };
    // Where this fails there is nothing to add to what was said of the stream.
    find_mends(InputSource::File(file), map, &RunOptions::automatic())
        .is_ok_and(|mends| !mends.list.is_empty())
}
