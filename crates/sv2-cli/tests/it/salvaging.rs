//! `sv2 decrypt --salvage`: what is left of damaged streams, and the list of what is not.

use serde_json::{Value, json};

use crate::bad_streams::{frame, seal, with_stream};
use crate::sandbox::{Sandbox, mode, painted};

/// A sandbox with `bad.sv2`, of which frame 1 of segment 3 and the whole of segment 5 are lost.
fn with_bad() -> Sandbox {
    let sandbox = with_stream();
    let mut stream = sandbox.read("a.sv2");
    stream[frame(3, 1) + 100] ^= 1;
    stream[frame(5, 0)..frame(6, 0)].fill(0xa5);
    sandbox.write("bad.sv2", &stream);
    sandbox
}

/// What is lost of it, in bytes of plaintext.
fn lost() -> Value {
    json!([
        { "plaintext_offset": 3328, "plaintext_bytes": 256 },
        { "plaintext_offset": 5120, "plaintext_bytes": 1024 },
    ])
}

fn salvage<'a>(gaps: &str, more: &[&'a str]) -> Vec<&'a str> {
    let gaps = if gaps == "skip" { "--salvage=skip" } else { "--salvage" };
    [&["decrypt", "-K", "key", gaps], more].concat()
}

fn list(sandbox: &Sandbox, name: &str) -> Value {
    serde_json::from_slice(&sandbox.read(name)).unwrap()
}

#[test]
fn zeros_keep_every_offset_and_the_list_says_what_is_lost() {
    let sandbox = with_bad();
    let words = [
        "bad.sv2: recovered 6720 of 8000 bytes",
        "lost 1280 bytes in 2 ranges",
        "zeros stand",
        "'bad.lost.json'",
    ];
    sandbox.bad(&salvage("zero", &["bad.sv2"]), 5, &words);
    let mut expected = sandbox.read("plain");
    expected[3328..3584].fill(0);
    expected[5120..6144].fill(0);
    assert!(sandbox.read("bad") == expected, "the output differs");
    assert_eq!(mode(&sandbox.path("bad")), 0o600);
    let list = list(&sandbox, "bad.lost.json");
    for (member, value) in [
        ("input", json!("bad.sv2")),
        ("output", json!("bad")),
        ("gaps", json!("zero")),
        ("complete", json!(false)),
        ("exit_code", json!(5)),
        ("sealed", json!(true)),
        ("plaintext_bytes", json!(8000)),
        ("recovered_bytes", json!(6720)),
        ("bytes_out", json!(8000)),
        ("lost", lost()),
        ("unconfirmed", json!([])),
    ] {
        assert_eq!(list[member], value, "{member}: {list}");
    }
}

#[test]
fn skipped_gaps_leave_nothing() {
    let sandbox = with_bad();
    let ended = sandbox.run(&salvage("skip", &["bad.sv2", "-o", "-"]));
    ended.expect_failure(5, &["recovered 6720 of 8000 bytes", "moved up"]);
    let plain = sandbox.read("plain");
    let expected = [&plain[..3328], &plain[3584..5120], &plain[6144..]].concat();
    assert!(ended.stdout == expected, "the output differs");
    assert!(!ended.stderr.contains("lost.json"), "{}", ended.stderr);
    sandbox.bad(&salvage("skip", &["bad.sv2", "-o", "/dev/null"]), 5, &["recovered 6720"]);
    assert!(sandbox.names().iter().all(|name| !name.ends_with(".json")));
}

#[test]
fn a_report_for_machines_is_the_list() {
    let sandbox = with_bad();
    let ended = sandbox.run(&salvage("zero", &["--json", "bad.sv2", "-o", "-"]));
    assert_eq!((ended.code, ended.stdout.len()), (5, 8000));
    let report: Value = serde_json::from_str(&ended.stderr).unwrap();
    assert_eq!((&report["lost"], &report["bytes_out"]), (&lost(), &json!(8000)));
    let ended = sandbox.run(&salvage("zero", &["--json", "bad.sv2", "-o", "out"]));
    assert_eq!((ended.code, ended.stderr.as_str()), (5, ""));
    assert_eq!(
        serde_json::from_str::<Value>(ended.text()).unwrap(),
        list(&sandbox, "out.lost.json")
    );
}

#[test]
fn a_sound_stream_is_salvaged_whole_and_ends_well() {
    let sandbox = with_stream();
    let ended = sandbox.good(&salvage("skip", &["a.sv2"]));
    assert!(ended.stderr.contains("recovered 8000 of 8000 bytes, nothing was lost"));
    assert_eq!(sandbox.read("a"), sandbox.read("plain"));
    let list = list(&sandbox, "a.lost.json");
    assert_eq!((&list["complete"], &list["lost"]), (&json!(true), &json!([])));
}

#[test]
fn a_stream_without_its_seal_is_salvaged_and_never_called_complete() {
    let sandbox = with_stream();
    let stream = sandbox.read("a.sv2");
    sandbox.write("cut.sv2", &stream[..frame(5, 2)]);
    let words =
        ["the seal is lost", "not known", "no seal says that they are of the newest version"];
    sandbox.bad(&salvage("zero", &["cut.sv2"]), 5, &words);
    let list = list(&sandbox, "cut.lost.json");
    assert_eq!((&list["sealed"], &list["complete"]), (&json!(false), &json!(false)));
    let output = sandbox.read("cut");
    assert_eq!(output[..5632], sandbox.read("plain")[..5632]);
    assert!(output[5632..].iter().all(|&byte| byte == 0));
}

#[test]
fn missing_bytes_cost_no_more_than_the_frames_they_touch() {
    let sandbox = with_stream();
    let mut stream = sandbox.read("a.sv2");
    stream.drain(frame(2, 1)..frame(2, 1) + 100);
    sandbox.write("bad.sv2", &stream);
    sandbox.bad(&salvage("zero", &["bad.sv2"]), 5, &["lost 256 bytes in 1 range:"]);
    let list = list(&sandbox, "bad.lost.json");
    assert_eq!(list["lost"], json!([{ "plaintext_offset": 2304, "plaintext_bytes": 256 }]));
}

#[test]
fn neither_output_nor_list_is_overwritten_without_force() {
    let sandbox = with_bad();
    sandbox.write("bad.lost.json", b"precious");
    let before = sandbox.names();
    sandbox.bad(&salvage("zero", &["bad.sv2"]), 2, &["'bad.lost.json' already exists", "-f"]);
    assert_eq!((sandbox.names(), sandbox.read("bad.lost.json")), (before, b"precious".to_vec()));
    sandbox.bad(&salvage("zero", &["-f", "bad.sv2"]), 5, &["lost 1280 bytes"]);
    assert_eq!(list(&sandbox, "bad.lost.json")["lost"], lost());
}

#[test]
fn what_contradicts_a_salvage_is_refused() {
    let sandbox = with_bad();
    for more in [&["--rm"][..], &["--unsealed"], &["--expect", &"0".repeat(64)]] {
        let arguments = [&["bad.sv2"], more].concat();
        sandbox.bad(&salvage("zero", &arguments), 2, &["cannot be used with"]);
    }
    let stream = sandbox.read("bad.sv2");
    let piped = sandbox.fed(&salvage("zero", &[]), &stream);
    piped.expect_failure(2, &["decrypt --salvage", "not a pipe"]);
    sandbox.write("other", &[1; 32]);
    let wrong = ["decrypt", "--salvage=zero", "-K", "other", "bad.sv2"];
    sandbox.bad(&wrong, 4, &["bad.sv2: the key"]);
    sandbox.bad(&salvage("zero", &["plain", "-o", "out"]), 6, &["not a stream_v2 stream"]);
    assert_eq!(sandbox.names(), ["a.sv2", "bad.sv2", "key", "other", "plain"]);
}

/// F-833: two streams in one file, as `>>` twice makes them: neither vanishes in silence.
#[test]
fn another_stream_in_the_file_is_told_and_the_way_to_it() {
    let sandbox = with_stream();
    seal(&sandbox, "b.sv2");
    let (one, other) = (sandbox.read("a.sv2"), sandbox.read("b.sv2"));
    sandbox.write("both.sv2", &[&one[..], &other].concat());
    let hint = format!("tail -c +1 -- both.sv2 | head -c {} | sv2 decrypt -o OTHER", one.len());
    let words = [
        "recovered 8000 of 8000 bytes, nothing of this stream was lost",
        &format!("{} bytes in 1 range of the file belong to no part of it", one.len()),
        "the first at byte 0",
        "another stream begins at byte 0",
        &hint,
    ];
    sandbox.bad(&salvage("skip", &["both.sv2"]), 5, &words);
    assert_eq!(sandbox.read("both"), sandbox.read("plain"));
    let list = list(&sandbox, "both.lost.json");
    let foreign = json!([{ "offset": 0, "bytes": one.len() }]);
    assert_eq!((&list["complete"], &list["foreign"]), (&json!(false), &foreign));
    assert_eq!(list["other_streams"], json!([0]));
    // What the hint says gets at it.
    let piped = sandbox.fed(&["decrypt", "-K", "key", "-o", "other"], &one);
    assert_eq!(piped.code, 0, "{}", piped.stderr);
    assert_eq!(sandbox.read("other"), sandbox.read("plain"));
}

/// F-833: bytes that came in are explained, in front, between and behind.
#[test]
fn bytes_that_belong_to_no_part_are_told() {
    for (at, bytes) in [(0, 100), (frame(2, 0) - 64, 100), (usize::MAX, 3)] {
        let sandbox = with_stream();
        let mut stream = sandbox.read("a.sv2");
        let at = at.min(stream.len());
        stream.splice(at..at, vec![0x20; bytes]);
        sandbox.write("bad.sv2", &stream);
        let words = [
            "recovered 8000 of 8000 bytes, nothing of this stream was lost",
            &format!("{bytes} bytes in 1 range of the file belong to no part"),
            &format!("the first at byte {at}"),
        ];
        sandbox.bad(&salvage("zero", &["bad.sv2"]), 5, &words);
        assert_eq!(sandbox.read("bad"), sandbox.read("plain"));
    }
}

/// F-833: the first segment of a stream that lost its front is found by the frames behind it, and
/// so is the only one of a stream of one segment.
#[test]
fn a_stream_that_lost_its_front_loses_only_what_is_gone() {
    let sandbox = with_stream();
    let stream = sandbox.read("a.sv2");
    sandbox.write("cut.sv2", &stream[frame(0, 1) + 100..]);
    sandbox.bad(&salvage("zero", &["cut.sv2"]), 5, &["recovered 7488 of 8000 bytes"]);
    let lost = json!([{ "plaintext_offset": 0, "plaintext_bytes": 512 }]);
    assert_eq!(list(&sandbox, "cut.lost.json")["lost"], lost);
    let one = ["encrypt", "plain", "-o", "one.sv2", "--frame-size", "256", "-K", "key"];
    sandbox.good(&[&one[..], &["--segment-size", "16K"]].concat());
    sandbox.write("one-cut.sv2", &sandbox.read("one.sv2")[1500..]);
    sandbox.bad(&salvage("zero", &["one-cut.sv2"]), 5, &["recovered 7488 of 8000 bytes"]);
}

/// A gap in a file is a hole, and one out of proportion is refused with the way out.
#[test]
fn what_is_lost_is_a_hole_and_never_much_more_than_there_is() {
    let sandbox = with_stream();
    sandbox.write("large", &painted(40_000));
    let sizes = ["encrypt", "large", "-o", "large.sv2", "--frame-size", "256", "-K", "key"];
    sandbox.good(&[&sizes[..], &["--segment-size", "1K"]].concat());
    let stream = sandbox.read("large.sv2");
    // The header, a few frames, and the tail.
    let tail = stream.len() - 1024 - 40 * 32 - 32 - 128;
    sandbox.write("few.sv2", &[&stream[..1024], &stream[tail..]].concat());
    sandbox.bad(&salvage("zero", &["few.sv2"]), 5, &["recovered 0 of 40000 bytes"]);
    assert_eq!(sandbox.read("few"), vec![0; 40_000]);
    let disk =
        std::os::unix::fs::MetadataExt::blocks(&std::fs::metadata(sandbox.path("few")).unwrap());
    assert_eq!(disk, 0, "nothing was written");
    let small = sandbox.read("few.sv2");
    assert!(small.len() * 17 > 40_000);
}

/// A list that cannot be written keeps the output from its name.
#[test]
fn no_output_is_without_its_list() {
    let sandbox = with_stream();
    let stream = sandbox.read("a.sv2");
    // One frame is left, so that the output is shorter than the list.
    let mut few = stream;
    few[frame(0, 1)..frame(7, 3)].fill(0xa5);
    sandbox.write("few.sv2", &few);
    let before = sandbox.names();
    // The list has it in it.
    let out = "o".repeat(200);
    let arguments = salvage("skip", &["few.sv2", "-o", &out]);
    let ended = crate::world::behind(&sandbox, "ulimit -f 1", &arguments);
    ended.expect_failure(1, &["o.lost.json: writing failed", "File too large"]);
    assert_eq!(sandbox.names(), before);
    sandbox.bad(&arguments, 5, &["o.lost.json"]);
    assert!(sandbox.read(&out).len() < 512);
    assert!(sandbox.read(&format!("{out}.lost.json")).len() > 512);
}
