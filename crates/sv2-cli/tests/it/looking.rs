//! Looking at streams, and the reports for machines.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::sandbox::{Sandbox, painted};

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn with_stream() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.raw_key();
    sandbox.write("a", &painted(2500));
    let sizes = ["--frame-size", "256", "--segment-size", "1K", "--digest", "sha256"];
    let metadata = ["--name", "--meta", "owner=me", "--meta", "empty="];
    sandbox.good(&[&["encrypt", "a", "-K", "key"], &sizes[..], &metadata[..]].concat());
    sandbox
}

#[test]
fn inspect_says_what_the_stream_says_without_a_key() {
    let sandbox = with_stream();
    let seen = sandbox.good(&["inspect", "--json", "--segments", "a.sv2"]);
    let seen = parsed(seen.text());
    for (member, value) in [
        ("suite", json!("AES-256-GCM")),
        ("frame_size", json!(256)),
        ("segment_size", json!(1024)),
        ("sealed", json!(true)),
        ("plaintext_bytes", json!(2500)),
        ("length_matches", json!(true)),
        ("stream_bytes", json!(sandbox.read("a.sv2").len())),
        ("slots", json!([])),
    ] {
        if member == "suite" {
            assert!(seen[member].as_str().unwrap().eq_ignore_ascii_case("aes-256-gcm"), "{seen}");
        } else {
            assert_eq!(seen[member], value, "{member}: {seen}");
        }
    }
    assert_eq!(seen["metadata"], Value::Null, "metadata needs a key");
    // 64 bytes of header, 32 more than its plaintext for each frame, digest and checksum.
    let segment_len = 64 + 4 * (256 + 32) + 40;
    let last_len = 64 + 452 + 2 * 32 + 40;
    assert_eq!(
        seen["segments"],
        json!([
            { "segment": 0, "offset": 1024, "bytes": segment_len,
              "plaintext_offset": 0, "plaintext_bytes": 1024 },
            { "segment": 1, "offset": 1024 + segment_len, "bytes": segment_len,
              "plaintext_offset": 1024, "plaintext_bytes": 1024 },
            { "segment": 2, "offset": 1024 + 2 * segment_len, "bytes": last_len,
              "plaintext_offset": 2048, "plaintext_bytes": 452 },
        ])
    );
    let text = sandbox.good(&["inspect", "--segments", "a.sv2"]);
    assert!(text.text().contains("2500 bytes"), "{}", text.text());
    assert_eq!(text.text().lines().last().unwrap().split_whitespace().last(), Some("452"));
}

/// However many segments there are, a list of them has an end, and says what it leaves out.
#[test]
fn inspect_lists_the_first_ten_thousand_segments_and_the_last() {
    let sandbox = Sandbox::new();
    sandbox.raw_key();
    sandbox.write("plain", &vec![7; 256 * 10_100]);
    let sizes = ["--frame-size", "256", "--segment-size", "256", "-K", "key", "-o", "a.sv2"];
    sandbox.good(&[&["encrypt", "plain"][..], &sizes].concat());
    let seen = parsed(sandbox.good(&["inspect", "--json", "--segments", "a.sv2"]).text());
    let listed = seen["segments"].as_array().unwrap();
    assert_eq!((listed.len(), &listed[10_000]["segment"]), (10_001, &json!(10_099)));
    let text = sandbox.good(&["inspect", "--segments", "a.sv2"]);
    assert!((10_001..10_050).contains(&text.text().lines().count()));
}

#[test]
fn inspect_with_the_key_shows_the_sealed_metadata() {
    let sandbox = with_stream();
    let seen = sandbox.good(&["inspect", "--json", "-K", "key", "a.sv2"]);
    let metadata = &parsed(seen.text())["metadata"];
    assert_eq!(*metadata, json!({ "name": "a", "user": { "owner": "me", "empty": "" } }));
    sandbox.write("other", &[1; 32]);
    sandbox.bad(&["inspect", "-K", "other", "a.sv2"], 4, &["a.sv2: the key"]);
}

#[test]
fn inspect_tells_damage_and_a_missing_end() {
    let sandbox = with_stream();
    let mut stream = sandbox.read("a.sv2");
    stream[30] ^= 1;
    sandbox.write("bad", &stream);
    let ended = sandbox.run(&["inspect", "--json", "bad"]);
    let seen = parsed(ended.text());
    assert_eq!((ended.code, ended.stderr.as_str()), (5, ""));
    assert_eq!(seen["header"]["intact"], json!(false));
    assert_eq!(seen["header"]["copy_intact"], json!(true));
    let ended =
        sandbox.bad(&["inspect", "bad"], 5, &["bad: the front header is damaged", "verify"]);
    assert!(ended.text().contains("revision 0, damaged"), "{}", ended.text());
    let sound = sandbox.read("a.sv2");
    for (at, code, words) in [
        (sound.len() - 100, 5, "the trailer is damaged"),
        (sound.len() - 128 - 32 - 3 * 64 - 50, 5, "the header copy is damaged"),
    ] {
        let mut damaged = sound.clone();
        damaged[at] ^= 1;
        sandbox.write("bad", &damaged);
        sandbox.bad(&["inspect", "bad"], code, &["bad: ", words]);
    }
    let mut longer = sound.clone();
    longer.insert(2000, 0);
    sandbox.write("bad", &longer);
    sandbox.bad(&["inspect", "bad"], 3, &["another length than its trailer says"]);
    stream.truncate(3000);
    sandbox.write("bad", &stream);
    sandbox.bad(&["inspect", "bad"], 3, &["not sealed, its end is missing"]);
    sandbox.bad(&["inspect", "--checksum", "bad"], 3, &["no trailer"]);
    let ended = sandbox.run(&["inspect", "--json", "--segments", "bad"]);
    assert_eq!(ended.code, 3);
    let seen = parsed(ended.text());
    assert_eq!(seen["sealed"], json!(false));
    assert_eq!(seen["segments"].as_array().unwrap().len(), 1);
    sandbox.bad(&["inspect", "a"], 6, &["a: ", "not a stream_v2 stream"]);
    sandbox.fed(&["inspect"], &stream).expect_failure(2, &["standard input", "pipe"]);
}

/// CRC-64/NVME bit by bit (F-102).
pub(crate) fn crc64(bytes: &[u8]) -> u64 {
    !bytes.iter().fold(u64::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u64::from(byte), |crc, _| {
            crc >> 1 ^ if crc & 1 == 1 { 0x9A6C_9329_AC4B_C9B5 } else { 0 }
        })
    })
}

#[test]
fn the_checksum_is_that_of_all_bytes_as_s3_prints_it() {
    let sandbox = with_stream();
    assert_eq!(crc64(b"123456789"), 0xAE8B_1486_0A79_9888);
    let expected = BASE64_STANDARD.encode(crc64(&sandbox.read("a.sv2")).to_be_bytes());
    let seen = sandbox.good(&["inspect", "--checksum", "--json", "a.sv2"]);
    assert_eq!(parsed(seen.text())["checksum_crc64nvme"], json!(expected));
    let text = sandbox.good(&["inspect", "--checksum", "a.sv2"]);
    assert!(text.text().contains(&format!("\n  CRC-64/NVME   {expected}\n")), "{}", text.text());
    assert!(!sandbox.good(&["inspect", "a.sv2"]).text().contains("CRC-64"));
}

#[test]
fn metadata_that_no_reader_would_take_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.raw_key();
    sandbox.write("a", b"");
    for refused in ["--name=../a", "--name=a/b", "--name=..", "--meta=pair", "--meta==v"] {
        let ended = sandbox.run(&["encrypt", "a", "-K", "key", refused]);
        assert_eq!(ended.code, 2, "{refused}: {}", ended.stderr);
    }
    let twice = ["encrypt", "a", "-K", "key", "--meta", "k=1", "--meta", "k=2"];
    sandbox.bad(&twice, 2, &["'k' twice"]);
    sandbox.fed(&["encrypt", "-K", "key", "--name"], b"").expect_failure(2, &["--name=NAME"]);
    assert_eq!(sandbox.names(), ["a", "key"]);
}

#[test]
fn a_report_for_machines_keeps_out_of_the_data() {
    let sandbox = with_stream();
    let ended = sandbox.good(&["decrypt", "--json", "-K", "key", "a.sv2", "-o", "b", "-T", "3"]);
    assert_eq!(ended.stderr, "");
    let report = parsed(ended.text());
    for (member, value) in [
        ("command", json!("decrypt")),
        ("bytes_out", json!(2500)),
        ("segments", json!(3)),
        ("frames", json!(10)),
        ("threads", json!(3)),
        ("sealed", json!(true)),
        ("driver", json!("positional")),
    ] {
        assert_eq!(report[member], value, "{member}: {report}");
    }
    let fingerprint = sandbox.good(&["fingerprint", "--json", "-K", "key", "a.sv2"]);
    assert_eq!(parsed(fingerprint.text())["fingerprint"], report["fingerprint"]);
    let ended = sandbox.good(&["decrypt", "--json", "-K", "key", "a.sv2", "-o", "-"]);
    assert_eq!(ended.stdout, sandbox.read("a"));
    assert_eq!(parsed(&ended.stderr)["bytes_out"], json!(2500));
    let ended = sandbox.run(&["decrypt", "--json", "-K", "key", "a", "-o", "c"]);
    let report = parsed(&ended.stderr);
    assert_eq!((ended.code, &report["exit_code"]), (6, &json!(6)));
    assert!(report["error"].as_str().unwrap().contains("not a stream_v2 stream"));
}

#[test]
fn verbose_says_how_it_was_done_and_backends_agree() {
    let sandbox = with_stream();
    for backend in ["ring", "aws-lc"] {
        let arguments = ["decrypt", "-v", "-K", "key", "a.sv2", "-f", "-o", "b", "--backend"];
        let ended = sandbox.good(&[&arguments[..], &[backend]].concat());
        assert!(ended.stderr.contains(&format!("{backend} backend")), "{}", ended.stderr);
        assert_eq!(sandbox.read("b"), sandbox.read("a"));
    }
}

#[test]
fn progress_for_machines_reaches_the_end() {
    let sandbox = with_stream();
    let ended = sandbox.good(&["decrypt", "-K", "key", "a.sv2", "-o", "b", "--progress", "json"]);
    let last = parsed(ended.stderr.lines().last().unwrap());
    assert_eq!(last["progress"]["done"], json!(2500), "{}", ended.stderr);
}

#[test]
fn a_fingerprint_is_printed_only_where_a_key_vouches_for_it() {
    let sandbox = with_stream();
    let verified = sandbox.good(&["fingerprint", "-K", "key", "a.sv2"]);
    assert!(verified.stderr.contains("binds the content"), "{}", verified.stderr);
    assert!(verified.stderr.contains("the content was not read"), "{}", verified.stderr);
    let claimed = sandbox.bad(&["fingerprint", "a.sv2"], 4, &["a.sv2", "'sv2 inspect a.sv2'"]);
    assert_eq!(claimed.stdout, b"");
    let seen = sandbox.good(&["inspect", "a.sv2"]);
    let line = seen.text().lines().find(|line| line.contains(verified.text().trim())).unwrap();
    assert!(line.contains("claimed, not verified"), "{line}");
    let seen = parsed(sandbox.good(&["inspect", "--json", "a.sv2"]).text());
    assert_eq!(seen["fingerprint_verified"], json!(false));
    sandbox.write("other", &[1; 32]);
    sandbox.bad(&["fingerprint", "-K", "other", "a.sv2"], 4, &["the key"]);
}

/// F-605: a fingerprint binds the content only with a digest that the key vouches for, whatever
/// digest a header claims.
#[test]
fn a_fingerprint_is_called_binding_only_under_a_digest_that_was_verified() {
    let sandbox = with_stream();
    let sizes = ["--frame-size", "256", "--segment-size", "1K"];
    sandbox.good(&[&["encrypt", "a", "-o", "bare.sv2", "-K", "key"], &sizes[..]].concat());
    let mut planted = sandbox.read("bare.sv2");
    // The digest that the front header names, under a right checksum.
    planted[11] = 1;
    let checked = planted.len().min(1024) - 8;
    let checksum = crc64(&planted[..checked]).to_be_bytes();
    planted[checked..checked + 8].copy_from_slice(&checksum);
    sandbox.write("planted.sv2", &planted);
    let told = |name: &str| {
        let text = sandbox.good(&["fingerprint", name, "-K", "key"]).stderr;
        let json = sandbox.good(&["fingerprint", "--json", name, "-K", "key"]);
        (
            text.contains("the fingerprint binds the content"),
            parsed(json.text())["binds_content"].clone(),
        )
    };
    assert_eq!(told("a.sv2"), (true, json!(true)));
    assert_eq!(told("bare.sv2"), (false, json!(false)));
    assert_eq!(told("planted.sv2"), (false, json!(false)));
    for name in ["a.sv2", "bare.sv2", "planted.sv2"] {
        sandbox.bad(&["fingerprint", name], 4, &[name]);
    }
}
