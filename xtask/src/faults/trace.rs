//! The log of `strace -f -y`: which calls there were, and in which order files were written, synced
//! and named.

use crate::report::{Failure, Outcome};
use std::collections::BTreeMap;

/// One system call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Call {
    /// The thread that made it.
    thread: u32,
    name: String,
    /// Everything from the opening parenthesis on, with descriptors resolved to paths.
    rest: String,
}

/// The calls of a log. A call that was interrupted by another thread's counts where it began.
pub(super) fn parse(log: &str) -> Vec<Call> {
    log.lines()
        .filter_map(|line| {
            let (thread, call) = line.split_once(' ')?;
            let (name, rest) = call.trim_start().split_once('(')?;
            let thread = thread.parse().ok()?;
            let is_name = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            is_name.then(|| Call { thread, name: name.to_owned(), rest: rest.to_owned() })
        })
        .collect()
}

/// For each system call the most often that one thread made it: faults are counted by thread.
pub(super) fn counts(calls: &[Call]) -> BTreeMap<String, usize> {
    let mut by_thread: BTreeMap<(String, u32), usize> = BTreeMap::new();
    for call in calls {
        *by_thread.entry((call.name.clone(), call.thread)).or_default() += 1;
    }
    let mut most = BTreeMap::new();
    for ((name, _), count) in by_thread {
        let most = most.entry(name).or_insert(0);
        *most = count.max(*most);
    }
    most
}

/// Checks that an unfinished file gets its name after a sync that is behind all its writes, and that
/// the folder is synced afterwards. A log without an unfinished file has nothing to check.
pub(super) fn check_order(calls: &[Call]) -> Outcome<()> {
    const PART: &str = ".part";
    // How a file without a name is written by `-y`, and what its link is made from.
    const NAMELESS: &str = " (deleted)>";
    const OWN: &str = "\"/proc/self/fd/";
    let last = |names: &[&str], holds: &dyn Fn(&Call) -> bool| {
        calls.iter().rposition(|call| names.contains(&call.name.as_str()) && holds(call))
    };
    let on_part = |call: &Call| call.rest.contains(PART) || call.rest.contains(NAMELESS);
    let names_part = |call: &Call| call.rest.contains(PART) || call.rest.contains(OWN);
    let writes = ["write", "writev", "pwrite64", "pwritev", "ftruncate", "fallocate"];
    let Some(written) = last(&writes, &on_part) else { return Ok(()) };
    let named = last(&["rename", "renameat2", "linkat", "link"], &names_part)
        .ok_or_else(|| Failure::new("the file never got its name"))?;
    let synced = calls[..named]
        .iter()
        .rposition(|call| call.name == "fsync" && on_part(call))
        .ok_or_else(|| Failure::new("the file was not synced before it got its name"))?;
    if synced < written {
        return Err(Failure::new("something was written behind the last sync"));
    }
    let folder = calls[named..].iter().any(|call| call.name == "fsync" && !on_part(call));
    if !folder {
        return Err(Failure::new("the folder was not synced behind the naming"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str = "\
10 openat(AT_FDCWD</w>, \".sv2-x.part\", O_RDWR) = 5</w/.sv2-x.part>
10 pwritev(5</w/.sv2-x.part>, [{iov_base=..}], 2, 0) = 9
11 pwritev(5</w/.sv2-x.part>, [{iov_base=..}], 2, 9 <unfinished ...>
11 <... pwritev resumed>) = 9
10 fsync(5</w/.sv2-x.part>) = 0
10 linkat(AT_FDCWD</w>, \".sv2-x.part\", AT_FDCWD</w>, \"out\", 0) = 0
10 openat(AT_FDCWD</w>, \".\", O_RDONLY) = 6</w>
10 fsync(6</w>) = 0
";

    fn order(log: &str) -> bool {
        check_order(&parse(log)).is_ok()
    }

    #[test]
    fn calls_are_counted_by_thread() {
        let calls = parse(SOUND);
        assert_eq!(counts(&calls)["pwritev"], 1);
        assert_eq!(counts(&calls)["fsync"], 2);
    }

    #[test]
    fn every_swap_that_loses_data_with_the_power_is_found() {
        assert!(order(SOUND));
        let lines: Vec<&str> = SOUND.lines().collect();
        let without = |at: usize| {
            let kept = lines.iter().enumerate().filter(|(number, _)| *number != at);
            kept.map(|(_, line)| *line).collect::<Vec<_>>().join("\n")
        };
        assert!(!order(&without(4)), "not synced");
        assert!(!order(&without(7)), "folder not synced");
        assert!(!order(&without(5)), "never named");
        let mut late = lines.clone();
        late.swap(1, 4);
        assert!(!order(&late.join("\n")), "written behind the sync");
        let mut early = lines.clone();
        early.swap(4, 5);
        assert!(!order(&early.join("\n")), "named before the sync");
    }
}
