//! `sv2 verify`: scrub without a key, authentication with one, and the words for what is found.

use std::fs::File;

use serde_json::{Value, json};

use crate::bad_streams::{frame, seal, with_stream};
use crate::sandbox::{Ended, Sandbox};

const SCRUBBED: &str = "scrubbed without a key";
const AUTHENTICATED: &str = "authenticated with the key";

/// A sandbox whose `bad.sv2` is what `alter` made of the stream `a.sv2`.
fn with_bad(alter: impl FnOnce(&Sandbox, &mut Vec<u8>)) -> Sandbox {
    let sandbox = with_stream();
    let mut stream = sandbox.read("a.sv2");
    alter(&sandbox, &mut stream);
    sandbox.write("bad.sv2", &stream);
    sandbox
}

fn flipped(offset: usize) -> Sandbox {
    with_bad(|_, stream| stream[offset] ^= 1)
}

/// A frame of another stream under the same key: consistent, and not authentic.
fn forged() -> Sandbox {
    with_bad(|sandbox, stream| {
        seal(sandbox, "b.sv2");
        let other = sandbox.read("b.sv2");
        let place = frame(2, 0)..frame(2, 1);
        stream[place.clone()].copy_from_slice(&other[place]);
    })
}

/// Runs the program, which says what it found on standard output alone.
fn found(sandbox: &Sandbox, arguments: &[&str], code: i32, words: &[&str]) -> String {
    let ended = sandbox.run(arguments);
    assert_eq!((ended.code, ended.stderr.as_str()), (code, ""), "{}", ended.text());
    for word in words {
        assert!(ended.text().contains(word), "'{word}' is not in: {}", ended.text());
    }
    ended.text().to_owned()
}

/// F-829.
#[test]
fn a_sound_stream_is_told_in_one_sentence_that_says_what_was_done() {
    let sandbox = with_stream();
    let text = found(&sandbox, &["verify", "a.sv2"], 0, &["a.sv2: no damage", SCRUBBED]);
    assert!(text.contains("proves nothing against tampering") && !text.contains(AUTHENTICATED));
    assert_eq!(text.lines().count(), 1);
    let text = found(&sandbox, &["t", "-K", "key", "a.sv2"], 0, &["no damage", AUTHENTICATED]);
    assert!(text.contains("does not prove") && !text.contains(SCRUBBED));
    assert_eq!(text.lines().count(), 1);
    assert_eq!(found(&sandbox, &["verify", "-q", "a.sv2"], 0, &[]), "");
}

#[test]
fn damage_is_listed_with_its_place_and_plaintext() {
    let offset = frame(3, 1);
    let sandbox = flipped(offset + 100);
    let line = format!(
        "  checksum mismatch: frame 1 of segment 3 at byte {offset}, 288 bytes, \
         plaintext 3328 to 3584\n"
    );
    let summary = "bad.sv2: 1 damaged part, with 256 bytes of plaintext";
    found(&sandbox, &["verify", "bad.sv2"], 5, &[summary, SCRUBBED, &line]);
    let quiet = found(&sandbox, &["verify", "-q", "bad.sv2"], 5, &[summary]);
    assert_eq!(quiet.lines().count(), 1);
    found(&sandbox, &["verify", "-K", "key", "bad.sv2"], 5, &[summary, AUTHENTICATED, &line]);
}

#[test]
fn several_damages_are_all_listed() {
    let sandbox = with_bad(|_, stream| {
        for offset in [20, frame(0, 0) + 9, frame(5, 3) + 50, frame(6, 0) - 10] {
            stream[offset] ^= 1;
        }
    });
    let words = [
        "header at byte 0",
        "frame 0 of segment 0",
        "frame 3 of segment 5",
        "header of segment 6",
        "4 damaged parts",
    ];
    let text = found(&sandbox, &["verify", "bad.sv2"], 5, &words);
    assert_eq!(text.matches("checksum mismatch: ").count(), 4, "{text}");
}

#[test]
fn only_a_key_finds_a_forgery() {
    let sandbox = forged();
    // The footer of the segment tells the whole segment's checksum, as an accident would.
    let text = found(&sandbox, &["verify", "bad.sv2"], 5, &["footer of segment 2"]);
    assert!(!text.contains("authentication failure"), "{text}");
    let line = format!("authentication failure: frame 0 of segment 2 at byte {}", frame(2, 0));
    found(&sandbox, &["verify", "-K", "key", "bad.sv2"], 3, &[&line, "plaintext 2048 to 2304"]);
}

#[test]
fn a_damaged_checksum_over_good_data_is_told_as_such() {
    // The last byte of a frame is the last one of its checksum.
    let sandbox = flipped(frame(1, 1) - 1);
    found(&sandbox, &["verify", "bad.sv2"], 5, &["checksum mismatch: frame 0 of segment 1"]);
    let words = ["checksum mismatch over authentic data", "with 0 bytes of plaintext"];
    found(&sandbox, &["verify", "-K", "key", "bad.sv2"], 5, &words);
}

#[test]
fn a_cut_stream_is_not_sealed() {
    let sandbox = with_bad(|_, stream| stream.truncate(frame(5, 0)));
    let words = ["not sealed", "missing: trailer"];
    found(&sandbox, &["verify", "bad.sv2"], 3, &words);
    sandbox.bad(&["verify", "-K", "key", "bad.sv2"], 3, &["no trailer"]);
    // The key cannot be tried on it, so what is damaged is listed as without one.
    let ended = sandbox.run(&["verify", "-K", "key", "bad.sv2"]);
    assert!(ended.text().contains(SCRUBBED), "{}", ended.text());
    assert!(ended.text().contains("missing: trailer"), "{}", ended.text());
    // Bytes that went missing in the middle contradict the trailer.
    let sandbox = with_bad(|_, stream| drop(stream.drain(frame(5, 0)..frame(5, 1))));
    let words = [
        "length of the stream differ",
        "of another length than its end says, 256 bytes of 8000 of plaintext are lost",
        "missing: frame 0 of segment 5",
        "hint: sv2 decrypt --salvage=zero bad.sv2",
    ];
    found(&sandbox, &["verify", "bad.sv2"], 3, &words);
}

#[test]
fn a_damaged_index_is_a_contradiction_and_with_the_key_no_accident() {
    // The last bytes of a stream are the index, its page table of one page, and the trailer.
    let sandbox = with_bad(|_, stream| {
        let page_table = stream.len() - 128 - 32;
        stream[page_table - 20] ^= 1;
    });
    found(&sandbox, &["verify", "bad.sv2"], 5, &["contradiction: index", "page table differ"]);
    // With a key the index is the sealed one or there is none, as for a decrypt (F-704).
    sandbox.bad(&["verify", "-K", "key", "bad.sv2"], 3, &["bad.sv2: ", "index"]);
    sandbox.bad(&["decrypt", "-K", "key", "bad.sv2", "-o", "out"], 3, &["bad.sv2: ", "index"]);
}

#[test]
fn the_worst_of_several_streams_decides() {
    let sandbox = forged();
    sandbox.write("none.sv2", b"SQLite format 3\0");
    let mut stream = sandbox.read("a.sv2");
    stream[frame(1, 0) + 50] ^= 1;
    sandbox.write("hurt.sv2", &stream);
    let verify = ["verify", "-K", "key", "a.sv2", "hurt.sv2"];
    let text = found(&sandbox, &verify, 5, &["a.sv2: no damage", "hurt.sv2: 1 damaged part"]);
    assert_eq!(text.lines().count(), 4, "{text}");
    found(&sandbox, &[&verify[..], &["bad.sv2", "a.sv2"]].concat(), 3, &["bad.sv2: 2 damaged"]);
    for (more, code, word) in [
        (&["none.sv2"][..], 6, "none.sv2: the input is not a stream"),
        (&["missing.sv2"], 1, "cannot open 'missing.sv2'"),
        (&["none.sv2", "hurt.sv2"], 5, "none.sv2"),
    ] {
        let ended = sandbox.run(&[&["verify", "a.sv2"], more].concat());
        ended.expect_failure(code, &[word]);
        assert!(ended.text().starts_with("a.sv2: no damage"), "{}", ended.text());
    }
    sandbox.write("other", &[1; 32]);
    sandbox.bad(&["verify", "-K", "other", "a.sv2"], 4, &["a.sv2: the key"]);
}

#[test]
fn an_expected_fingerprint_needs_a_key_and_refuses_every_other() {
    let sandbox = with_stream();
    seal(&sandbox, "b.sv2");
    let printed = sandbox.good(&["fingerprint", "-K", "key", "a.sv2"]);
    let expect = ["verify", "--expect", printed.text().trim()];
    // The default identity is looked for, and none is there.
    let words = ["a.sv2: the stream has no key slots", "-K"];
    sandbox.bad(&[&expect[..], &["a.sv2"]].concat(), 4, &words);
    let expect = [&expect[..], &["-K", "key"]].concat();
    found(&sandbox, &[&expect[..], &["a.sv2"]].concat(), 0, &["by the expected fingerprint"]);
    sandbox.bad(&[&expect[..], &["b.sv2"]].concat(), 3, &["b.sv2: ", "another fingerprint"]);
}

#[test]
fn the_default_identity_is_not_used_without_being_named() {
    let sandbox = with_stream();
    sandbox.own_identity();
    sandbox.good(&["encrypt", "plain", "-o", "own.sv2"]);
    found(&sandbox, &["verify", "own.sv2"], 0, &[SCRUBBED]);
    found(&sandbox, &["verify", "--auth", "own.sv2"], 0, &[AUTHENTICATED]);
    let printed = sandbox.good(&["fingerprint", "own.sv2"]);
    let expect = ["verify", "--expect", printed.text().trim(), "own.sv2"];
    found(&sandbox, &expect, 0, &["by the expected fingerprint"]);
    let identity = "home/.config/sv2/identity.txt";
    found(&sandbox, &["verify", "-i", identity, "own.sv2"], 0, &[AUTHENTICATED]);
    sandbox.write("word", b"correct horse\n");
    for name in ["p.sv2", "q.sv2"] {
        sandbox.cheap_passphrase_stream(name, b"plaintext", "correct horse");
    }
    let both = ["verify", "--passphrase-file", "word", "p.sv2", "q.sv2"];
    let text = found(&sandbox, &both, 0, &[AUTHENTICATED]);
    assert_eq!(text.matches("no damage").count(), 2, "{text}");
}

#[test]
fn the_map_shows_damage_where_it_is_without_colours() {
    let sandbox = forged();
    let map = |arguments: &[&str]| {
        let text = sandbox.run(arguments).text().to_owned();
        let line = text.lines().find(|line| line.starts_with("  [")).unwrap().to_owned();
        (line[3..line.len() - 1].to_owned(), text)
    };
    let (cells, _) = map(&["verify", "--map", "a.sv2"]);
    assert_eq!(cells, ".".repeat(64));
    let (cells, text) = map(&["verify", "-K", "key", "--map", "bad.sv2"]);
    let len = sandbox.read("bad.sv2").len();
    let first = frame(2, 0) * 64 / len;
    assert_eq!(cells.find('!'), Some(first), "{text}");
    assert!(text.contains(". sound") && text.contains("! authentication failure"), "{text}");
    assert!(!text.contains('\x1b'));
    let coloured = sandbox.run(&["verify", "-K", "key", "--map", "bad.sv2", "--color", "always"]);
    assert!(coloured.text().contains("\x1b[1;31m!\x1b[0m"), "{}", coloured.text());
}

#[test]
fn a_report_for_machines_is_a_line_for_each_stream() {
    let sandbox = forged();
    let verify = ["verify", "--json", "--map", "-K", "key", "a.sv2", "bad.sv2"];
    let text = found(&sandbox, &verify, 3, &[]);
    let reports: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [sound, forged] = &reports[..] else { panic!("{text}") };
    assert_eq!((&sound["undamaged"], &sound["damages"]), (&json!(true), &json!([])));
    assert_eq!((&sound["segments"], &sound["frames"]), (&json!(8), &json!(32)));
    assert_eq!((&sound["check"], &sound["exit_code"]), (&json!("authentication"), &json!(0)));
    assert_eq!((&forged["undamaged"], &forged["exit_code"]), (&json!(false), &json!(3)));
    let damage = forged["damages"].as_array().unwrap().iter();
    let frames: Vec<_> = damage.filter(|damage| !damage["frame"].is_null()).collect();
    assert_eq!(
        frames,
        [&json!({
            "unit": "frame 0 of segment 2", "segment": 2, "frame": 0,
            "last_unit": "frame 0 of segment 2", "last_segment": 2, "last_frame": 0, "units": 1,
            "fault": "authentication failure", "detail": null,
            "offset": frame(2, 0), "bytes": 288,
            "plaintext_offset": 2048, "plaintext_bytes": 256,
        })]
    );
    assert!(forged["map"].as_str().unwrap().contains('!'));
    let scrubbed = sandbox.good(&["verify", "--json", "a.sv2"]);
    let scrubbed: Value = serde_json::from_str(scrubbed.text()).unwrap();
    assert_eq!((&scrubbed["check"], &scrubbed["map"]), (&json!("scrub"), &Value::Null));
}

#[test]
fn progress_reaches_the_end_and_a_pipe_with_a_key_is_led_on() {
    let sandbox = with_stream();
    let ended = sandbox.good(&["verify", "--progress", "json", "-T", "1", "a.sv2"]);
    let last: Value = serde_json::from_str(ended.stderr.lines().last().unwrap()).unwrap();
    assert_eq!(last["progress"]["done"], json!(8000), "{}", ended.stderr);
    let stream = sandbox.read("a.sv2");
    let words = ["standard input", "not a pipe", "sv2 decrypt -o /dev/null -K key < PIPE\n"];
    sandbox.fed(&["verify", "-K", "key"], &stream).expect_failure(2, &words);
    let expected = "00".repeat(32);
    let more = ["verify", "-K", "key", "--trailing", "ignore", "--expect", &expected];
    let led =
        format!("sv2 decrypt -o /dev/null -K key --expect {expected} --trailing ignore < PIPE\n");
    sandbox.fed(&more, &stream).expect_failure(2, &[&led]);
    let mut command = sandbox.sv2(&["verify", "-"]);
    command.stdin(File::open(sandbox.path("a.sv2")).unwrap());
    let ended = Ended::of(command.output().unwrap());
    assert!(ended.text().starts_with("standard input: no damage"), "{}", ended.stderr);
}

/// F-839, F-840: what follows a sealed end is told as that, and left alone where that was asked.
#[test]
fn what_follows_a_sealed_stream_is_told_and_can_be_ignored() {
    let sandbox = with_bad(|_, stream| stream.extend([0; 3000]));
    let len = sandbox.read("a.sv2").len();
    let told = format!(
        "bad.sv2: a sealed stream of {len} bytes ends there, and 3000 zero bytes follow it"
    );
    let hint = |command: &str| format!("hint: sv2 {command} bad.sv2");
    found(&sandbox, &["verify", "bad.sv2"], 3, &[&told, &hint("verify --trailing ignore")]);
    let keyed = hint("verify --trailing ignore -K key");
    sandbox.bad(&["verify", "-K", "key", "bad.sv2"], 3, &[&told, &keyed]);
    let keyed = hint("decrypt --trailing ignore -K key");
    sandbox.bad(&["decrypt", "-K", "key", "bad.sv2"], 3, &[&told, &keyed]);
    let ignoring = ["verify", "--trailing", "ignore", "bad.sv2"];
    found(&sandbox, &ignoring, 0, &["no damage; a sealed stream of", "3000 zero bytes follow it"]);
    let keyed = [&ignoring[..], &["-K", "key"]].concat();
    found(&sandbox, &keyed, 0, &["no damage", AUTHENTICATED]);
    let decrypt = ["decrypt", "--trailing", "ignore", "-K", "key"];
    sandbox.good(&[&decrypt[..], &["bad.sv2", "-o", "out"]].concat());
    assert_eq!(sandbox.read("out"), sandbox.read("plain"));
    let piped = sandbox.fed(&[&decrypt[..], &["-o", "piped"]].concat(), &sandbox.read("bad.sv2"));
    assert_eq!((piped.code, sandbox.read("piped")), (0, sandbox.read("plain")), "{}", piped.stderr);
    let removing = [&decrypt[..], &["--rm", "bad.sv2", "-o", "gone"]].concat();
    sandbox.bad(&removing, 2, &["cannot be used with"]);
}

/// F-828: a pipe is scrubbed as it comes, and says what the file says as long as it can.
#[test]
fn a_pipe_is_scrubbed_in_one_pass() {
    let sandbox = with_stream();
    let stream = sandbox.read("a.sv2");
    let piped = |bytes: &[u8], code: i32, more: &[&str]| {
        let ended = sandbox.fed(&[&["verify"], more].concat(), bytes);
        assert_eq!(ended.code, code, "{}{}", ended.stderr, ended.text());
        ended.text().to_owned()
    };
    let as_file = |bytes: &[u8], more: &[&str]| {
        sandbox.write("b.sv2", bytes);
        let ended = sandbox.run(&[&["verify"], more, &["b.sv2"]].concat());
        (ended.code, ended.text().replace("b.sv2: ", "standard input: "))
    };
    let without_hint = |text: &str| -> String {
        text.lines().filter(|line| !line.starts_with("  hint: ")).collect::<Vec<_>>().join("\n")
    };
    let mut bad = stream.clone();
    bad[frame(2, 1) + 40] ^= 1;
    let followed = [&stream[..], &[0; 700]].concat();
    for bytes in [&stream, &bad, &followed] {
        for more in [&[][..], &["--map"], &["--trailing", "ignore"]] {
            let (code, text) = as_file(bytes, more);
            assert_eq!(without_hint(&piped(bytes, code, more)), without_hint(&text));
        }
    }
    let hint = "hint: save it to a file, of which everything can be told: sv2 verify FILE\n";
    assert!(piped(&bad, 5, &[]).contains(hint));
    // What a file would be searched for is said to be unknown.
    let cut = piped(&stream[..frame(3, 2)], 3, &[]);
    let told = "standard input: not sealed, all of at least 3072 bytes of plaintext are there, and \
                what the last 640 bytes hold is found in a file alone; scrubbed";
    assert!(cut.starts_with(told), "{cut}");
    assert!(cut.contains(hint), "{cut}");
    let report: Value = serde_json::from_str(&piped(&bad, 5, &["--json"])).unwrap();
    assert_eq!((&report["unsearched_bytes"], &report["damaged_units"]), (&json!(0), &json!(1)));
    let text = sandbox.fed(&["verify"], b"some text that is no stream at all");
    text.expect_failure(6, &["standard input: the input is not a stream"]);
}
