//! `sv2 cat`: ranges of the plaintext, and what it refuses.

use std::fs::File;

use serde_json::{Value, json};

use crate::bad_streams::{frame, seal, with_stream};
use crate::sandbox::{Ended, Sandbox, mode, painted};

const CAT: [&str; 4] = ["cat", "-K", "key", "a.sv2"];

fn with(more: &[&'static str]) -> Vec<&'static str> {
    [&CAT[..], more].concat()
}

#[test]
fn ranges_equal_the_plaintext_in_the_order_given() {
    let sandbox = with_stream();
    let plain = sandbox.read("plain");
    for (range, bytes) in [
        ("0:1", 0..1),
        ("1000:100", 1000..1100),
        ("1K:1K", 1024..2048),
        ("255:2", 255..257),
        ("7999:100", 7999..8000),
        ("8000:1", 8000..8000),
        ("1G:1", 8000..8000),
        ("500:", 500..8000),
        ("7990", 7990..8000),
        ("-10:4", 7990..7994),
        ("-1K:", 6976..8000),
        ("-1G:10", 0..10),
        ("10:0", 10..10),
    ] {
        assert_eq!(sandbox.good(&with(&["--range", range])).stdout, &plain[bytes], "{range}");
    }
    let two = sandbox.good(&with(&["--range=-3:", "--range", "0:3", "--range", "100:5000"]));
    assert_eq!(two.stdout, [&plain[7997..], &plain[..3], &plain[100..5100]].concat());
    assert_eq!(two.stderr, "");
    assert_eq!(sandbox.good(&CAT).stdout, plain);
}

#[test]
fn a_range_longer_than_a_piece_is_whole() {
    let sandbox = Sandbox::new();
    sandbox.raw_key();
    let plain = painted((9 << 20) + 5);
    sandbox.write("a", &plain);
    sandbox.good(&["encrypt", "-K", "key", "a"]);
    let ended = sandbox.good(&with(&["--range", "3:9M", "--progress", "json"]));
    assert!(ended.stdout == plain[3..3 + (9 << 20)], "the range differs");
    let last: Value = serde_json::from_str(ended.stderr.lines().last().unwrap()).unwrap();
    assert_eq!(last["progress"]["done"], json!(9 << 20));
    assert_eq!(last["progress"]["total"], json!(9 << 20));
}

#[test]
fn a_named_output_is_private_and_never_overwritten_by_accident() {
    let sandbox = with_stream();
    let before = sandbox.names();
    sandbox.good(&with(&["--range", "5:7", "-o", "part"]));
    assert_eq!(sandbox.read("part"), &sandbox.read("plain")[5..12]);
    assert_eq!(mode(&sandbox.path("part")), 0o600);
    sandbox.bad(&with(&["-o", "part"]), 2, &["'part' already exists", "-f"]);
    sandbox.bad(&with(&["-f", "-o", "a.sv2"]), 2, &["is the input itself"]);
    sandbox.good(&with(&["--range", "0:2", "-f", "-o", "part"]));
    assert_eq!(sandbox.read("part").len(), 2);
    std::fs::remove_file(sandbox.path("part")).unwrap();
    sandbox.bad(&with(&["-o", "no/where"]), 1, &["no/where", "writing failed"]);
    sandbox.good(&with(&["-o", "/dev/null"]));
    assert_eq!(sandbox.names(), before);
}

#[test]
fn a_damaged_frame_stops_only_ranges_that_touch_it() {
    let sandbox = with_stream();
    let mut stream = sandbox.read("a.sv2");
    stream[frame(3, 1) + 100] ^= 1;
    sandbox.write("a.sv2", &stream);
    // Frame 1 of segment 3 holds the plaintext from 3328 to 3584.
    for range in ["0:3328", "3584:"] {
        sandbox.good(&with(&["--range", range]));
    }
    let words = ["checksum mismatch", "frame 1 of segment 3"];
    for range in ["3327:2", "3583:1", "0:"] {
        let output = ["--range", range, "-o", "out"];
        let ended = sandbox.run(&with(&output));
        ended.expect_failure(5, &words);
    }
    assert!(!sandbox.names().iter().any(|name| name == "out" || name.contains("part")));
}

#[test]
fn only_the_sealed_stream_that_was_meant_is_read() {
    let sandbox = with_stream();
    sandbox.write("other", &[1; 32]);
    sandbox.bad(&["cat", "-K", "other", "a.sv2"], 4, &["a.sv2: the key"]);
    sandbox.bad(&with(&["--context", "else"]), 4, &["--context"]);
    seal(&sandbox, "b.sv2");
    let printed = sandbox.good(&["fingerprint", "-K", "key", "b.sv2"]);
    let other = ["cat", "-K", "key", "--expect", printed.text().trim()];
    sandbox.bad(&[&other[..], &["a.sv2"]].concat(), 3, &["another fingerprint"]);
    assert_eq!(sandbox.good(&[&other[..], &["b.sv2"]].concat()).stdout, sandbox.read("plain"));
    let stream = sandbox.read("a.sv2");
    sandbox.write("a.sv2", &stream[..stream.len() - 1]);
    sandbox.bad(&CAT, 3, &["no trailer"]);
    sandbox.write("a.sv2", b"");
    sandbox.bad(&CAT, 6, &["not a stream_v2 stream"]);
}

#[test]
fn a_pipe_is_refused_and_a_redirected_file_is_not() {
    let sandbox = with_stream();
    let stream = sandbox.read("a.sv2");
    let cat = ["cat", "-K", "key", "--range", "10:5"];
    let words = ["standard input", "not a pipe", "save the stream to a file"];
    sandbox.fed(&cat, &stream).expect_failure(2, &words);
    let mut command = sandbox.sv2(&cat);
    command.stdin(File::open(sandbox.path("a.sv2")).unwrap());
    assert_eq!(Ended::of(command.output().unwrap()).stdout, &sandbox.read("plain")[10..15]);
}

#[test]
fn a_report_keeps_out_of_the_plaintext() {
    let sandbox = with_stream();
    let ended = sandbox.good(&with(&["--json", "--range", "-8:", "--range", "1:2"]));
    assert_eq!(ended.stdout.len(), 10);
    let report: Value = serde_json::from_str(&ended.stderr).unwrap();
    assert_eq!(report["bytes_out"], json!(10));
    assert_eq!(
        report["ranges"],
        json!([
            { "plaintext_offset": 7992, "plaintext_bytes": 8 },
            { "plaintext_offset": 1, "plaintext_bytes": 2 },
        ])
    );
    let ended = sandbox.good(&with(&["--json", "-o", "out"]));
    assert_eq!(serde_json::from_str::<Value>(ended.text()).unwrap()["bytes_out"], json!(8000));
}

#[test]
fn a_reader_that_has_enough_is_no_news() {
    let sandbox = Sandbox::new();
    sandbox.raw_key();
    // More than any pipe holds.
    sandbox.write("a", &painted(3 << 20));
    sandbox.good(&["encrypt", "-K", "key", "a"]);
    let mut child = sandbox.sv2(&CAT).spawn().unwrap();
    drop(child.stdout.take());
    let ended = Ended::of(child.wait_with_output().unwrap());
    assert_eq!((ended.code, ended.stderr.as_str()), (141, ""));
}

/// What still authenticates of the ranges comes out, and what is missing is told.
#[test]
fn a_damaged_or_unsealed_stream_is_read_as_far_as_it_authenticates() {
    let sandbox = crate::bad_streams::with_stream();
    let plain = sandbox.read("plain");
    let mut stream = sandbox.read("a.sv2");
    stream[crate::bad_streams::frame(3, 1) + 100] ^= 1;
    sandbox.write("bad.sv2", &stream);
    let cat = ["cat", "-K", "key", "bad.sv2", "--salvage"];
    let ended = sandbox.run(&[&cat[..], &["--range", "3000:1000", "--range", "0:10"]].concat());
    assert_eq!(ended.code, 5, "{}", ended.stderr);
    let mut expected = plain[3000..4000].to_vec();
    let hole = 3 * 1024 + 256 - 3000;
    expected[hole..hole + 256].fill(0);
    expected.extend_from_slice(&plain[..10]);
    assert_eq!(ended.stdout, expected);
    assert!(ended.stderr.contains("256 bytes of what was asked for are lost"), "{}", ended.stderr);
    // A range that the damage does not touch is whole.
    let sound = sandbox.good(&[&cat[..], &["--range", "0:3000"]].concat());
    assert_eq!((&sound.stdout[..], sound.stderr.as_str()), (&plain[..3000], ""));
    stream = sandbox.read("a.sv2");
    stream.truncate(crate::bad_streams::frame(5, 0));
    sandbox.write("cut.sv2", &stream);
    let cat = ["cat", "-K", "key", "cut.sv2", "--unsealed", "--range"];
    let ended = sandbox.good(&[&cat[..], &["5000:1000"]].concat());
    assert_eq!(ended.stdout, &plain[5000..5 * 1024]);
    for word in ["beyond what is there", "the seal is lost"] {
        assert!(ended.stderr.contains(word), "{}", ended.stderr);
    }
    sandbox.bad(&[&cat[..], &["-10:5"]].concat(), 2, &["counts from the end"]);
}
