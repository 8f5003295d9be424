//! Names of files that hold control characters: no line is forged, and no terminal obeys them.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use serde_json::Value;

use crate::bad_streams::{frame, seal, with_stream};
use crate::sandbox::{Ended, Sandbox};

const FORGING: &str = "a\ngood.sv2: no damage\x1b[2K\x07\u{202e}";
const SHOWN: &str = "a\\ngood.sv2: no damage\\u{1b}[2K\\u{7}\\u{202e}";

/// A sandbox with a stream of that name, and a damaged one with `bad` behind it.
fn with_forging_names() -> Sandbox {
    let sandbox = with_stream();
    let mut stream = sandbox.read("a.sv2");
    sandbox.write(FORGING, &stream);
    stream[3000] ^= 1;
    stream.truncate(5000);
    sandbox.write(&format!("{FORGING}bad"), &stream);
    sandbox
}

fn assert_harmless(ended: &Ended, arguments: &[&str]) {
    let told = format!("{}{}", ended.text(), ended.stderr);
    assert!(told.contains(SHOWN), "{arguments:?}: {told}");
    let controls = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
    assert!(!told.contains(controls), "{arguments:?}: {told:?}");
    assert!(!told.lines().any(|line| line.starts_with("good.sv2")), "{arguments:?}: {told}");
}

#[test]
fn names_forge_no_line_and_control_no_terminal() {
    let sandbox = with_forging_names();
    let bad = &format!("{FORGING}bad");
    sandbox.write("other", &[1; 32]);
    for arguments in [
        &["verify", FORGING][..],
        &["verify", "-v", "-K", "key", bad],
        &["inspect", FORGING],
        &["inspect", bad],
        &["recipients", "list", "-K", "key", FORGING],
        &["recipients", "rm", "--slot", "0", "-K", "key", FORGING],
        &["fingerprint", bad],
        &["decrypt", "-v", "-K", "key", FORGING, "-o", "out1"],
        &["decrypt", "--unsealed", "-K", "key", bad, "-o", "out2"],
        &["decrypt", "--salvage=zero", "-K", "key", bad, "-o", "out3"],
        &["decrypt", "-K", "other", FORGING, "-o", "out4"],
        &["decrypt", "-K", "key", bad, "-o", "out5"],
        &["decrypt", "-K", "key", FORGING],
        &["decrypt", "-K", "key", "a.sv2", "-o", FORGING],
        &["cat", "-K", "other", FORGING],
        &["append", "-K", "other", FORGING, "plain"],
        &["append", "-K", "key", "a.sv2", &format!("{FORGING}missing")],
        &["encrypt", "plain", "-K", &format!("{FORGING}missing")],
        &["encrypt", "plain", "-i", &format!("{FORGING}missing")],
        &["encrypt", "plain", "--passphrase-file", &format!("{FORGING}missing")],
        &["encrypt", "plain", "-K", "key", "-o", &format!("no/{FORGING}")],
        &["encrypt", "plain", "-K", "key", &format!("--name=/{FORGING}")],
    ] {
        assert_harmless(&sandbox.run(arguments), arguments);
    }
    // The parser's errors repeat words, too, and fold what is on several lines.
    let ended = sandbox.run(&["verify", "--frob\x1b[2J\ngood.sv2: no damage"]);
    assert!(!ended.stderr.contains('\x1b') && ended.stderr.lines().count() == 2, "{ended:?}");
}

#[test]
fn machines_get_names_as_they_are() {
    let sandbox = with_forging_names();
    for command in ["verify", "inspect", "fingerprint", "decrypt"] {
        let output: &[&str] = if command == "decrypt" { &["-o", "out"] } else { &[] };
        let arguments = [&[command, "--json", "-K", "key", FORGING], output].concat();
        let report: Value = serde_json::from_str(sandbox.good(&arguments).text()).unwrap();
        assert_eq!(report["input"], FORGING, "{command}");
    }
}

#[test]
fn names_that_are_no_text_are_shown_by_their_bytes() {
    let sandbox = with_stream();
    let name = OsStr::from_bytes(b"b\xff.sv2");
    let folder = sandbox.path(".");
    if fs::copy(sandbox.path("a.sv2"), folder.join(name)).is_err() {
        // The file system takes text alone, so that no such name can come from it.
        return;
    }
    let ended = Ended::of(sandbox.sv2(&["verify"]).arg(name).output().unwrap());
    assert!(ended.text().starts_with("b\\xff.sv2: no damage"), "{}", ended.text());
}

/// Every command that a hint offers takes a name that begins with a dash for a name.
#[test]
fn commands_in_hints_take_no_name_for_an_option() {
    let sandbox = with_stream();
    let stream = sandbox.read("a.sv2");
    let mut bad = stream.clone();
    bad[frame(3, 1) + 100] ^= 1;
    sandbox.write("-bad.sv2", &bad);
    sandbox.write("-a b.sv2", &bad);
    sandbox.write("-good.sv2", &stream);
    sandbox.write("-cut.sv2", &stream[..frame(5, 2)]);
    let mut tail = stream.clone();
    let at = tail.len() - 30;
    tail[at] ^= 1;
    sandbox.write("-tail.sv2", &tail);
    sandbox.write("-two.sv2", &[&stream[..], b"more"].concat());
    seal(&sandbox, "b.sv2");
    sandbox.write("-both.sv2", &[&stream[..], &sandbox.read("b.sv2")].concat());
    // Of so much that is lost nobody is given zeros.
    sandbox.write("large", &[0; 1 << 20]);
    let large = ["encrypt", "large", "-o", "large.sv2", "-K", "key", "--segment-size", "1K"];
    sandbox.good(&[&large[..], &["--frame-size", "256"]].concat());
    let large = sandbox.read("large.sv2");
    let behind = large.len() - 1024 - 40 * 1024 - 32 - 128;
    let few = [&large[..1024], &large[behind..]].concat();
    sandbox.write("-few.sv2", &few);
    sandbox.write("-z.sv2", b"\x1f\x8b zipped");
    fs::create_dir(sandbox.path("-folder")).unwrap();
    sandbox.write("-key", &[7; 32]);
    let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    fs::set_permissions(sandbox.path("-key"), readable).unwrap();
    sandbox.write("-pinned.sv2", &stream);
    sandbox.write("./-pinned.sv2.sv2-change", b"");
    let bait = std::os::unix::fs::PermissionsExt::from_mode(0o666);
    sandbox.write("-bait.sv2", &stream);
    sandbox.write("-bait.sv2.sv2-change", b"bait");
    fs::set_permissions(sandbox.path("-bait.sv2.sv2-change"), bait).unwrap();
    sandbox.write("-locked.sv2", &stream);
    let locked = fs::File::open(sandbox.path("-locked.sv2")).unwrap();
    locked.lock().unwrap();
    let names = [sandbox.names(), vec!["-other".to_owned()]].concat();
    let mut hints = 0;
    for arguments in [
        &["decrypt", "-K", "key", "-o", "out", "--", "-bad.sv2"][..],
        &["decrypt", "-K", "key", "-o", "out", "--", "-a b.sv2"],
        &["decrypt", "-K", "key", "-o-out", "--", "-bad.sv2"],
        &["decrypt", "-K-key", "-o", "out", "--", "-bad.sv2"],
        &["decrypt", "-K", "key", "-o", "out", "--", "-cut.sv2"],
        &["decrypt", "-K", "key", "-o", "out", "--", "-two.sv2"],
        &["decrypt", "-K", "key", "-o", "out", "--", "-z.sv2"],
        &["decrypt", "-K", "key", "-f", "-o", "out", "--unsealed", "--", "-cut.sv2"],
        &["decrypt", "-K", "key", "-f", "-o", "out", "--", "-pinned.sv2"],
        &["decrypt", "-K", "key", "-f", "--salvage", "-o", "out", "--", "-few.sv2"],
        &["decrypt", "-K", "key", "-f", "--salvage=skip", "-o", "out", "--", "-both.sv2"],
        &["decrypt", "-K", "key", "-o-folder", "a.sv2"],
        &["cat", "-K", "key", "--", "-bad.sv2"],
        &["cat", "-K", "key", "--", "-cut.sv2"],
        &["verify", "--", "-bad.sv2"],
        &["verify", "--", "-cut.sv2"],
        &["verify", "--", "-tail.sv2"],
        &["verify", "--", "-two.sv2"],
        &["verify", "--", "-pinned.sv2"],
        &["verify", "--", "-bait.sv2"],
        &["verify", "-K", "key", "--", "-bad.sv2"],
        &["inspect", "--", "-tail.sv2"],
        &["inspect", "--", "-z.sv2"],
        &["inspect", "--", "-bait.sv2"],
        &["fingerprint", "--", "-good.sv2"],
        &["repair", "-n", "--", "-bad.sv2"],
        &["append", "-K", "key", "--", "-two.sv2", "plain"],
        &["append", "-K", "key", "--", "-bait.sv2", "plain"],
        &["append", "-K", "key", "--", "-locked.sv2", "plain"],
        &["append", "-K", "key", "--", "-good.sv2", "-folder"],
        &["recipients", "rm", "--slot", "7", "-K", "key", "--", "-good.sv2"],
        &["encrypt", "-K", "key", "--", "-folder"],
        &["encrypt", "-K", "key", "--", "plain", "-other"],
        &["encrypt", "-f", "-K-key", "-o", "out", "plain"],
        &["decrypt", "-K", "key", "--", "a.sv2", "-other"],
        &["-good.sv2"],
    ] {
        let ended = sandbox.run(arguments);
        let told = format!("{}{}", String::from_utf8_lossy(&ended.stdout), ended.stderr);
        for hint in told.lines().filter(|line| line.trim_start().starts_with("hint: ")) {
            hints += 1;
            let is_bare = |name: &String| {
                name.starts_with('-')
                    && [" ", " '", "-- "]
                        .iter()
                        .any(|front| hint.contains(&format!("{front}{name}")))
            };
            let bare: Vec<&String> = names.iter().filter(|name| is_bare(name)).collect();
            assert!(bare.is_empty(), "{arguments:?}: {hint}");
        }
    }
    assert!(hints > 25, "{hints}");
}
