//! The accumulated test: one request, and the hashes that are listed.

use crate::report::{Failure, Outcome};
use crate::workspace;
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

/// The committed hashes.
const LISTED: &str = "docs/conformance/accumulated.json";

/// Asks the program for the hashes, and tells the first that differs.
pub(super) fn run(mut command: Command) -> Outcome {
    let listed: Value = parse(&fs::read_to_string(workspace::root().join(LISTED))?)?;
    let checkpoints = listed["checkpoints"].as_array().cloned().unwrap_or_default();
    let counts: Vec<&Value> = checkpoints.iter().map(|checkpoint| &checkpoint["cases"]).collect();
    let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = spawned.map_err(|error| Failure::new(format!("no such command: {error}")))?;
    let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(Failure::new("the command has no standard input or output"));
    };
    let request = json!({"id": "accumulated", "op": "accumulated", "checkpoints": counts});
    writeln!(input, "{request}")?;
    drop(input);
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line)?;
    child.wait()?;
    compare(&checkpoints, &parse(&line)?)
}

fn parse(text: &str) -> Outcome<Value> {
    serde_json::from_str(text).map_err(|error| Failure::new(format!("no JSON: {error}: {text}")))
}

/// All hashes as listed, or the first that is not.
fn compare(checkpoints: &[Value], answer: &Value) -> Outcome {
    let mut cases = 0;
    for (number, checkpoint) in checkpoints.iter().enumerate() {
        let found = &answer["hashes"][number];
        if *found != checkpoint["hash"] {
            let after = &checkpoint["cases"];
            let before = format!("equal after {cases} cases, other after {after}");
            return Err(Failure::new(format!(
                "{before}: {found} in place of {}",
                checkpoint["hash"]
            )));
        }
        cases = checkpoint["cases"].as_u64().unwrap_or(0);
    }
    match cases {
        0 => Err(Failure::new(format!("{LISTED} lists nothing"))),
        _ => Ok(format!("{cases} cases came to the listed hashes")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_hash_must_be_there_and_equal() {
        let listed = [json!({"cases": 1, "hash": "a"}), json!({"cases": 9, "hash": "b"})];
        assert!(compare(&listed, &json!({"ok": true, "hashes": ["a", "b"]})).is_ok());
        assert!(compare(&listed, &json!({"ok": true, "hashes": ["a", "c"]})).is_err());
        assert!(compare(&listed, &json!({"ok": true, "hashes": ["a"]})).is_err());
        assert!(compare(&listed, &json!({"ok": false, "error": "BadRequest"})).is_err());
        assert!(compare(&[], &json!({"hashes": []})).is_err());
    }
}
