//! Streams that are damaged, altered, cut, foreign: each has its words and its exit code, and
//! nothing of it is left behind.

use crate::sandbox::{Ended, Sandbox, painted};

const HEADER_LEN: usize = 1024;

/// A sandbox with a stream `a.sv2` of eight segments of four frames under a raw key.
pub(crate) fn with_stream() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.raw_key();
    sandbox.write("plain", &painted(8000));
    seal(&sandbox, "a.sv2");
    sandbox
}

pub(crate) fn seal(sandbox: &Sandbox, name: &str) {
    let sizes = ["--frame-size", "256", "--segment-size", "1K", "-K", "key"];
    sandbox.good(&[&["encrypt", "plain", "-o", name], &sizes[..]].concat());
}

/// Decrypts what `alter` made of the stream: as a file and from a pipe.
fn refused(sandbox: &Sandbox, code: i32, words: &[&str], alter: impl FnOnce(&mut Vec<u8>)) {
    let mut stream = sandbox.read("a.sv2");
    alter(&mut stream);
    sandbox.write("bad.sv2", &stream);
    let before = sandbox.names();
    let decrypt = ["decrypt", "-K", "key", "-o", "out"];
    sandbox.bad(&[&decrypt[..], &["bad.sv2"]].concat(), code, &[&["bad.sv2: "], words].concat());
    sandbox.fed(&decrypt, &stream).expect_failure(code, &[&["standard input: "], words].concat());
    assert_eq!(sandbox.names(), before, "nothing is left behind");
}

/// Where a frame of a segment begins.
pub(crate) fn frame(segment: usize, frame: usize) -> usize {
    let frame_len = 256 + 32;
    let segment_len = 64 + 4 * frame_len + 8;
    HEADER_LEN + segment * segment_len + 64 + frame * frame_len
}

#[test]
fn a_damaged_byte_is_a_checksum_mismatch() {
    let words = ["checksum mismatch", "frame 1 of segment 3", "at byte", "fetch the file again"];
    let offset = frame(3, 1);
    refused(&with_stream(), 5, &[&words[..], &[&offset.to_string()]].concat(), |stream| {
        stream[offset + 100] ^= 1;
    });
}

#[test]
fn a_frame_of_another_stream_is_an_authentication_failure() {
    let sandbox = with_stream();
    seal(&sandbox, "b.sv2");
    let other = sandbox.read("b.sv2");
    let words = [
        "authentication failure",
        "frame 0 of segment 2",
        "was altered",
        "do not use it",
        "to list what was altered: sv2 verify -K key ",
    ];
    refused(&sandbox, 3, &words, |stream| {
        let place = frame(2, 0)..frame(2, 1);
        stream[place.clone()].copy_from_slice(&other[place]);
    });
}

#[test]
fn a_damaged_header_is_found_before_the_key_is_blamed() {
    let sandbox = with_stream();
    let mut stream = sandbox.read("a.sv2");
    stream[20] ^= 1;
    let decrypt = ["decrypt", "-K", "key", "-o", "out"];
    let ended = sandbox.fed(&decrypt, &stream);
    ended.expect_failure(5, &["checksum mismatch", "header"]);
    // A file has a copy of it.
    sandbox.write("bad.sv2", &stream);
    sandbox.good(&[&decrypt[..], &["bad.sv2"]].concat());
    assert_eq!(sandbox.read("out"), sandbox.read("plain"));
}

#[test]
fn a_cut_stream_is_unsealed() {
    for cut in [1, 100, 2000] {
        let words = ["trailer", "truncated", "--salvage"];
        refused(&with_stream(), 3, &words, |stream| stream.truncate(stream.len() - cut));
    }
}

#[test]
fn bytes_after_the_end_are_refused() {
    let sandbox = with_stream();
    let mut stream = sandbox.read("a.sv2");
    stream.push(0);
    let ended = sandbox.fed(&["decrypt", "-K", "key", "-o", "out"], &stream);
    ended.expect_failure(3, &["bytes after the end"]);
    assert!(!sandbox.names().contains(&"out".to_owned()));
}

#[test]
fn what_is_no_stream_is_told() {
    for other in [&b""[..], b"SQLite format 3\0", &[0; 4096]] {
        refused(&with_stream(), 6, &["not a stream_v2 stream"], |stream| *stream = other.to_vec());
    }
}

#[test]
fn an_unsealed_stream_is_read_only_when_asked_and_told() {
    let sandbox = with_stream();
    let mut stream = sandbox.read("a.sv2");
    stream.truncate(frame(5, 0));
    sandbox.write("cut.sv2", &stream);
    let decrypt = ["decrypt", "-K", "key", "--unsealed", "-o"];
    let ended = sandbox.good(&[&decrypt[..], &["out", "cut.sv2"]].concat());
    assert!(ended.stderr.contains("not sealed: 5 segments"), "{}", ended.stderr);
    assert_eq!(sandbox.read("out"), &sandbox.read("plain")[..5 * 1024]);
    let piped = sandbox.fed(&[&decrypt[..], &["-"]].concat(), &stream);
    assert_eq!((piped.code, piped.stdout), (0, sandbox.read("out")), "{}", piped.stderr);
    let quiet = sandbox.good(&[&decrypt[..], &["out", "-q", "-f", "cut.sv2"]].concat());
    assert!(quiet.stderr.contains("not sealed: 5 segments"), "the only sign: {}", quiet.stderr);
    // Damage in front of the end is no end, and what is behind it is not read.
    stream[frame(3, 0) + 50] ^= 1;
    sandbox.write("hurt.sv2", &stream);
    let hurt = [&decrypt[..], &["part", "hurt.sv2"]].concat();
    sandbox.bad(&hurt, 5, &["damaged behind 3 segments", "--salvage"]);
    assert_eq!(sandbox.read("part"), &sandbox.read("plain")[..3 * 1024]);
    let rm = [&decrypt[..], &["no", "--rm", "cut.sv2"]].concat();
    sandbox.bad(&rm, 2, &["cannot be used with"]);
    // A whole stream gives no reason to speak.
    assert_eq!(sandbox.good(&[&decrypt[..], &["whole", "a.sv2"]].concat()).stderr, "");
}

#[test]
fn a_pinned_fingerprint_refuses_every_other_stream() {
    let sandbox = with_stream();
    seal(&sandbox, "b.sv2");
    let printed = sandbox.good(&["fingerprint", "-K", "key", "a.sv2"]);
    let fingerprint = printed.text().trim();
    let decrypt = |stream| ["decrypt", "-K", "key", "-o", "out", "--expect", fingerprint, stream];
    sandbox.bad(&decrypt("b.sv2"), 3, &["b.sv2: ", "another fingerprint"]);
    assert!(!sandbox.names().contains(&"out".to_owned()));
    sandbox.good(&decrypt("a.sv2"));
    sandbox.bad(&["decrypt", "--expect", "12", "a.sv2"], 2, &["64 hexadecimal digits"]);
}

/// The hint of every kind of damage is one command that can be pasted, and it works.
#[test]
fn a_hint_is_a_whole_command_that_works() {
    let sandbox = with_stream();
    let name = "it's a stream.sv2";
    let mut stream = sandbox.read("a.sv2");
    stream[frame(3, 1) + 100] ^= 1;
    sandbox.write(name, &stream);
    let ended = sandbox.bad(&["decrypt", "-K", "key", name, "-o", "-"], 5, &["hint: "]);
    let hint = ended.stderr.lines().nth(1).unwrap();
    let command = &hint[hint.find("sv2 decrypt").unwrap()..];
    assert_eq!(command, r"sv2 decrypt --salvage -K key -o - 'it'\''s a stream.sv2'");
    let json = sandbox.run(&["decrypt", "-K", "key", "--json", name, "-o", "-"]);
    let report: serde_json::Value = serde_json::from_str(&json.stderr).unwrap();
    assert_eq!(Some(report["hint"].as_str().unwrap()), hint.strip_prefix("hint: "));
    assert_eq!(report["exit_code"], 5);
    assert!(!report["error"].as_str().unwrap().contains("hint"));
}

/// What is hinted at where the input has no name.
fn unnamed(word: &str) -> String {
    match word.strip_prefix("hint: ").and_then(|command| command.strip_suffix(" x")) {
        Some(command) => format!("hint: pipe it into: {}", command.trim_end_matches(" <")),
        None => word.to_owned(),
    }
}

/// Whatever is no stream is named for what it is, with the command that opens it.
#[test]
fn what_is_no_stream_is_named_for_what_it_is() {
    let sandbox = with_stream();
    let stream = sandbox.read("a.sv2");
    let replaced = |from: &[u8], to: &[u8]| {
        let mut out = Vec::new();
        let mut rest = &stream[..];
        while let Some(byte) = rest.first() {
            if rest.starts_with(from) {
                out.extend_from_slice(to);
                rest = &rest[from.len()..];
            } else {
                out.push(*byte);
                rest = &rest[1..];
            }
        }
        // The end is cut off, so that its place does not matter.
        out.truncate(out.len() - 200);
        out
    };
    let utf16: Vec<u8> = stream[..3000].iter().flat_map(|byte| [*byte, 0]).collect();
    let cases: [(&[u8], &[&str]); 10] = [
        (b"", &["it is empty"]),
        (b"age-encryption.org/v1\n-> X25519 abc\n", &["an age file", "hint: age -d x"]),
        (b"-----BEGIN AGE ENCRYPTED FILE-----\n", &["an age file", "hint: age -d x"]),
        (b"-----BEGIN PGP MESSAGE-----\n", &["gpg message", "hint: gpg -d x"]),
        (b"\x28\xb5\x2f\xfd and so on", &["zstd file", "hint: zstd -dc x"]),
        (b"\x1f\x8b\x08\0 and so on", &["gzip file", "hint: gzip -dc < x"]),
        (
            &replaced(b"\r\n", b"\n"),
            &["line ends were converted", "hint: fetch it again as binary"],
        ),
        (&replaced(b"\n", b"\r\n"), &["line ends were converted"]),
        (&utf16, &["converted to UTF-16"]),
        (b"iVNWMg0KGgoAAQEA", &["a stream in base64", "hint: base64 -d x"]),
    ];
    for (bytes, words) in cases {
        sandbox.write("x", bytes);
        for command in [&["decrypt", "-K", "key", "-o", "out"][..], &["verify"]] {
            sandbox.bad(&[command, &["x"]].concat(), 6, &[&["x: "], words].concat());
        }
        // From a pipe and from a redirected file just so.
        let named: Vec<String> = words.iter().map(|word| unnamed(word)).collect();
        let named: Vec<&str> = named.iter().map(String::as_str).collect();
        let decrypt = ["decrypt", "-K", "key", "-o", "out"];
        let words = [&["standard input: "], &named[..]].concat();
        sandbox.fed(&decrypt, bytes).expect_failure(6, &words);
        let mut redirected = sandbox.sv2(&decrypt);
        redirected.stdin(std::fs::File::open(sandbox.path("x")).unwrap());
        Ended::of(redirected.output().unwrap()).expect_failure(6, &words);
    }
}
