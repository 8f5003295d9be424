//! What a command did, for people and for machines.

use std::time::Duration;

use serde_json::{Value, json};
use sv2_core::{ErrorKind, StreamReport};

use crate::console::Console;
use crate::ends::Channel;
use crate::failure::Failure;
use crate::names::{Name, Names};
use crate::size::{counted, readable};

/// The report of a stream for machines.
pub(crate) fn to_json(command: &str, input: &Name, output: &Name, report: &StreamReport) -> Value {
    let stages = &report.stages;
    json!({
        "command": command,
        "input": input.for_machines(),
        "output": output.for_machines(),
        "bytes_in": report.bytes_in,
        "bytes_out": report.bytes_out,
        "plaintext_bytes": report.plaintext_len,
        "segments": report.segments,
        "frames": report.frames,
        "kept_segments": report.kept_segments,
        "seconds": report.wall.as_secs_f64(),
        "stages": {
            "read": stages.read.as_secs_f64(),
            "cipher": stages.cipher.as_secs_f64(),
            "write": stages.write.as_secs_f64(),
            "waiting": stages.waiting.as_secs_f64(),
        },
        "threads": report.threads,
        "driver": report.driver.name(),
        "backend": report.backend.name(),
        "sealed": report.sealed,
        "damaged_behind": report.unsealed_end.map(|end| end != ErrorKind::Unsealed),
        "fingerprint": report.fingerprint.as_ref().map(|bytes| hex(bytes)),
        "revision": report.revision,
        "generation": report.generation,
    })
}

/// The report of a stream for people, in one line and one for the times.
pub(crate) fn to_text(input: &Name, output: &Name, report: &StreamReport) -> String {
    let stages = &report.stages;
    let threads = counted(report.threads as u64, "thread", "threads");
    let fingerprint = report.fingerprint.as_ref().map_or_else(String::new, |bytes| {
        format!("\nsv2: fingerprint {}, header revision {}", hex(bytes), report.revision)
    });
    format!(
        "{input} -> {output}: {} in, {} out, {} in {}, {}\n\
         sv2: {} driver, {} backend, {threads}; \
         read {}, cipher {}, write {}, waiting {}{fingerprint}",
        readable(report.bytes_in),
        readable(report.bytes_out),
        counted(report.segments, "segment", "segments"),
        seconds(report.wall),
        rate(report.bytes_in, report.wall),
        report.driver.name(),
        report.backend.name(),
        seconds(stages.read),
        seconds(stages.cipher),
        seconds(stages.write),
        seconds(stages.waiting),
    )
}

/// Reports a command that may have continued an interrupted one.
pub(crate) fn resumed(
    command: &str,
    names: Names<'_>,
    report: &StreamReport,
    channel: Channel,
    console: &Console,
) -> Result<(), Failure> {
    let Names { input, output } = names;
    if console.json {
        return console.report(&to_json(command, input, output, report), channel);
    }
    if report.kept_segments > 0 {
        let verb = if report.kept_segments == 1 { "was" } else { "were" };
        let all = counted(report.segments, "segment", "segments");
        console.note(&format!(
            "{output}: {} of {all} {verb} done before and kept",
            report.kept_segments
        ));
    }
    if console.verbose {
        console.note(&to_text(input, output, report));
    }
    Ok(())
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The 32 bytes that 64 hexadecimal digits stand for.
pub(crate) fn parse_fingerprint(text: &str) -> Result<[u8; 32], String> {
    let wrong = || "a fingerprint has 64 hexadecimal digits".to_owned();
    if text.len() != 64 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(wrong());
    }
    let mut bytes = [0; 32];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).map_err(|_| wrong())?;
    }
    Ok(bytes)
}

fn seconds(time: Duration) -> String {
    format!("{:.3} s", time.as_secs_f64())
}

fn rate(bytes: u64, time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds <= 0.0 {
        return "at once".into();
    }
    format!("{}/s", readable((bytes as f64 / seconds) as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_64_digits() {
        let bytes: [u8; 32] = std::array::from_fn(|i| 7 * i as u8);
        assert_eq!(parse_fingerprint(&hex(&bytes)), Ok(bytes));
        assert_eq!(parse_fingerprint(&hex(&bytes).to_uppercase()), Ok(bytes));
        let with_sign = format!("+1{}", "00".repeat(31));
        for bad in ["", "00", &"g".repeat(64), &"0".repeat(65), &with_sign] {
            assert!(parse_fingerprint(bad).is_err(), "{bad}");
        }
    }
}
