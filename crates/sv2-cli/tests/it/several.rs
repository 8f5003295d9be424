//! Several inputs of one command, and inputs of which it is known when they are whole.

use std::fs;

use crate::sandbox::{Ended, Sandbox, painted};

/// A sandbox with a raw key and a few files, one of them longer than what is done side by side.
pub(crate) fn with_files() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.raw_key();
    for (name, len) in [("a", 9), ("b", 0), ("c", 5000), ("large", (4 << 20) + 7)] {
        sandbox.write(name, &painted(len));
    }
    sandbox
}

#[test]
fn every_input_goes_to_a_stream_of_its_own() {
    let sandbox = with_files();
    sandbox.good(&["encrypt", "-K", "key", "a", "b", "c", "large"]);
    for name in ["a", "b", "c", "large"] {
        let stream = format!("{name}.sv2");
        let read = sandbox.good(&["decrypt", "-K", "key", &stream, "-o", "-"]);
        assert_eq!(read.stdout, sandbox.read(name), "{name}");
    }
    // Into a folder, and behind the two dashes that patterns of a shell want.
    fs::create_dir(sandbox.path("out")).unwrap();
    sandbox.good(&["encrypt", "-K", "key", "-o", "out", "--", "a", "c"]);
    assert_eq!(fs::read_dir(sandbox.path("out")).unwrap().count(), 2);
    for (arguments, word) in [
        (&["a", "b", "-o", "c"][..], "'c' is not a folder"),
        (&["a", "b", "-o", "-"], "cannot share standard output"),
        (&["a", "-"], "standard input cannot be one of several"),
        (&["a", "out/../a", "-o", "out"], "two of the inputs would go to 'out/a.sv2'"),
        (&["b", "d", "b"], "'b' is named twice"),
        (&["a", "b", "--resume"], "are for one input"),
    ] {
        sandbox.bad(&[&["encrypt", "-K", "key"], arguments].concat(), 2, &[word]);
    }
}

#[test]
fn every_stream_goes_to_a_file_of_its_own_under_one_passphrase() {
    let sandbox = with_files();
    for name in ["x.sv2", "y.sv2", "z.sv2"] {
        sandbox.cheap_passphrase_stream(name, name.as_bytes(), "correct horse");
    }
    sandbox.write("word", b"correct horse\n");
    let mut streams = sandbox.read("z.sv2");
    let header_len = u32::from_be_bytes(streams[80..84].try_into().unwrap()) as usize;
    streams[header_len + 64 + 18] ^= 1;
    sandbox.write("bad.sv2", &streams);
    let decrypt = ["decrypt", "--passphrase-file", "word", "x.sv2", "bad.sv2", "y.sv2", "z.sv2"];
    let ended = sandbox.run(&decrypt);
    assert!([3, 5].contains(&ended.code), "{}", ended.stderr);
    assert!(ended.stderr.contains("sv2: 1 of 4 inputs failed"), "{}", ended.stderr);
    for name in ["x", "y", "z"] {
        assert_eq!(sandbox.read(name), format!("{name}.sv2").as_bytes());
    }
    assert!(!sandbox.path("bad").exists());
    sandbox.bad(&["decrypt", "x.sv2", "y.sv2", "-o", "-"], 2, &["cannot share standard output"]);
}

#[test]
fn time_and_permissions_come_back_where_that_is_asked_for() {
    use std::os::unix::fs::PermissionsExt;
    let sandbox = with_files();
    let time = std::time::UNIX_EPOCH + std::time::Duration::new(1_500_000_000, 987_654_321);
    let file = fs::File::options().write(true).open(sandbox.path("c")).unwrap();
    file.set_modified(time).unwrap();
    fs::set_permissions(sandbox.path("c"), fs::Permissions::from_mode(0o4755)).unwrap();
    sandbox.good(&["encrypt", "-K", "key", "--preserve", "c"]);
    let decrypt = ["decrypt", "-K", "key", "c.sv2", "-o"];
    sandbox.good(&[&decrypt[..], &["plain"]].concat());
    sandbox.good(&[&decrypt[..], &["kept", "--preserve"]].concat());
    let kept = fs::metadata(sandbox.path("kept")).unwrap();
    assert_eq!(kept.modified().unwrap(), time);
    assert_eq!(kept.permissions().mode() & 0o7777, 0o755);
    let plain = fs::metadata(sandbox.path("plain")).unwrap();
    assert_eq!(plain.permissions().mode() & 0o7777, 0o600);
    assert_ne!(plain.modified().unwrap(), time);
    // Nothing was kept of the others.
    sandbox.good(&["encrypt", "-K", "key", "a"]);
    sandbox.good(&["decrypt", "-K", "key", "--preserve", "a.sv2", "-o", "again"]);
}

/// Zeros become holes where that is asked for, and nothing else changes.
#[test]
fn a_sparse_output_has_holes_and_the_same_bytes() {
    use std::os::unix::fs::MetadataExt;
    let sandbox = with_files();
    let mut disk = vec![0; 3 << 20];
    disk[1_000_000..1_000_100].fill(7);
    for end in [3 << 20, (3 << 20) - 4095, 1_000_050, 1_002_000] {
        sandbox.write("disk", &disk[..end]);
        sandbox.good(&["encrypt", "-K", "key", "-f", "disk"]);
        let decrypt = ["decrypt", "-K", "key", "-f", "disk.sv2", "-o"];
        sandbox.good(&[&decrypt[..], &["full"]].concat());
        sandbox.good(&[&decrypt[..], &["holes", "--sparse"]].concat());
        assert!(sandbox.read("holes") == disk[..end], "{end}");
        let blocks = |name: &str| fs::metadata(sandbox.path(name)).unwrap().blocks();
        assert!(blocks("holes") < 64 && blocks("full") > 1900, "{end}");
    }
    // What cannot have holes is not given a part of what was asked for.
    for output in [&["-o", "-"][..], &["-o", "/dev/null"]] {
        let decrypt = [&["decrypt", "-K", "key", "--sparse", "disk.sv2"], output].concat();
        sandbox.bad(&decrypt, 2, &["--sparse leaves holes in a file", "name a file with -o"]);
    }
    // Nothing is left of a stream that turns out damaged.
    let mut stream = sandbox.read("disk.sv2");
    let at = stream.len() / 2;
    stream[at] ^= 1;
    sandbox.write("bad.sv2", &stream);
    sandbox.bad(&["decrypt", "-K", "key", "--sparse", "bad.sv2"], 5, &["checksum mismatch"]);
    assert!(!sandbox.path("bad").exists());
}

/// What is said of a stream does not depend on how its plaintext is written.
#[test]
fn a_sparse_decrypt_says_what_every_other_says() {
    let sandbox = with_files();
    sandbox.good(&["encrypt", "-q", "-K", "key", "a", "b"]);
    let followed = [&sandbox.read("a.sv2")[..], &[0; 100]].concat();
    sandbox.write("later.sv2", &followed);
    let decrypt = ["decrypt", "-K", "key", "--sparse"];
    let hint = "hint: sv2 decrypt --trailing ignore -K key --sparse later.sv2\n";
    let words = ["ends there, and 100 zero bytes follow it", hint];
    sandbox.bad(&[&decrypt[..], &["later.sv2"]].concat(), 3, &words);
    sandbox.good(&[&decrypt[..], &["later.sv2", "--trailing", "ignore"]].concat());
    assert_eq!(sandbox.read("later"), sandbox.read("a"));
    // Of several outputs none is a surprise, whatever standard output is.
    let ended = sandbox.good(&[&decrypt[..], &["-f", "a.sv2", "b.sv2"]].concat());
    assert_eq!(ended.stderr, "");
}

#[test]
fn a_name_that_the_sender_chose_is_judged_and_overwrites_nothing() {
    let sandbox = with_files();
    let seal = |name: &str| {
        let name = format!("--name={name}");
        sandbox.good(&["encrypt", "-K", "key", "a", "-f", "-o", "some.sv2", &name]);
    };
    let decrypt = ["decrypt", "-K", "key", "--use-name", "some.sv2"];
    seal("report.txt");
    sandbox.good(&decrypt);
    assert_eq!(sandbox.read("report.txt"), sandbox.read("a"));
    sandbox.bad(&decrypt, 2, &["'report.txt' already exists"]);
    sandbox.bad(&[&decrypt[..], &["-f"]].concat(), 2, &["cannot be used with"]);
    fs::create_dir(sandbox.path("in")).unwrap();
    sandbox.good(&[&decrypt[..], &["-o", "in"]].concat());
    assert_eq!(sandbox.read("in/report.txt"), sandbox.read("a"));
    let before = sandbox.names();
    for name in [".bashrc", "-rf", "nul", "a:b", "a\x1bb"] {
        seal(name);
        let ended = sandbox.bad(&decrypt, 2, &["is not one for a file here", "name the output"]);
        assert!(!ended.stderr.contains('\x1b'));
    }
    assert_eq!(sandbox.names(), before);
    sandbox.good(&["encrypt", "-K", "key", "a", "-f", "-o", "some.sv2"]);
    sandbox.bad(&decrypt, 2, &["the stream keeps no name"]);
}

#[test]
fn a_parity_file_that_would_replace_the_input_is_refused() {
    let sandbox = with_files();
    sandbox.write("out.sv2.par", b"precious");
    let encrypt = ["encrypt", "-K", "key", "--protect", "-f", "-o", "out.sv2", "out.sv2.par"];
    sandbox.bad(&encrypt, 2, &["'out.sv2.par' is the input itself"]);
    assert_eq!(sandbox.read("out.sv2.par"), b"precious");
    assert!(!sandbox.path("out.sv2").exists());
}

/// What a newcomer tries first leads on: a second name, a folder, a passphrase as an argument.
#[test]
fn what_newcomers_try_leads_on_and_does_nothing_by_halves() {
    let sandbox = with_files();
    fs::create_dir(sandbox.path("photos")).unwrap();
    sandbox.write("photos/1.jpg", &painted(70));
    let before = sandbox.names();
    for (arguments, code, words) in [
        (
            &["encrypt", "-K", "key", "a", "a.enc"][..],
            2,
            "hint: the output is named with -o: sv2 encrypt -o a.enc a",
        ),
        (
            &["decrypt", "-K", "key", "a", "b.out"],
            2,
            "hint: the output is named with -o: sv2 decrypt -o b.out a",
        ),
        (&["encrypt", "-p", "hunter2"], 1, "hint: -p takes no value"),
        (&["encrypt", "-K", "key", "photos"], 2, "sv2 encrypt --recursive -o FOLDER photos"),
        (
            &["encrypt", "-K", "key", "a", "-o", "photos"],
            2,
            "hint: name a file in it: -o photos/NAME",
        ),
        (&["recipients", "rm", "a"], 2, "sv2 recipients list STREAM"),
    ] {
        sandbox.bad(arguments, code, &[words]);
        assert_eq!(sandbox.names(), before, "{arguments:?}");
    }
    // A run over a folder says what it did.
    let recursive = ["encrypt", "-K", "key", "--recursive", "-o", "backup", "photos"];
    assert!(sandbox.good(&recursive).stderr.contains("1 file was sealed"));
    assert!(sandbox.good(&recursive).stderr.contains("1 stream was kept"));
    // A stream of one segment that was cut holds no whole one, and more can be had.
    sandbox.good(&["encrypt", "-K", "key", "large"]);
    let stream = sandbox.read("large.sv2");
    sandbox.write("cut.sv2", &stream[..1 << 20]);
    let ended = sandbox.good(&["decrypt", "-K", "key", "--unsealed", "cut.sv2", "-o", "none"]);
    assert!(ended.stderr.contains("hint: to get out what there is"), "{}", ended.stderr);
    let cat = ["cat", "-K", "key", "--range", "5:7", "cut.sv2"];
    sandbox.bad(&cat, 3, &["sv2 cat --salvage -K key --range 5:7 cut.sv2"]);
}

#[test]
fn one_that_fails_stops_no_other_and_all_are_counted() {
    let sandbox = with_files();
    sandbox.write("b.sv2", b"in the way");
    let ended = sandbox.run(&["encrypt", "-K", "key", "a", "b", "missing", "c", "--rm"]);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    for word in ["'b.sv2' already exists", "cannot open 'missing'", "sv2: 2 of 4 inputs failed"] {
        assert!(ended.stderr.contains(word), "{word}: {}", ended.stderr);
    }
    assert_eq!(sandbox.names(), ["a.sv2", "b", "b.sv2", "c.sv2", "key", "large"]);
}

/// Under one passphrase, which is read once, every stream has a salt of its own.
#[test]
fn streams_under_one_passphrase_share_no_salt() {
    let sandbox = with_files();
    sandbox.write("word", b"correct horse\n");
    sandbox.good(&["encrypt", "a", "c", "--passphrase-file", "word"]);
    let salt = |name: &str| {
        let stream = sandbox.read(name);
        let text = String::from_utf8_lossy(&stream).into_owned();
        let start = text.find("-> scrypt ").unwrap();
        text[start..].split_whitespace().nth(2).unwrap().to_owned()
    };
    assert_ne!(salt("a.sv2"), salt("c.sv2"));
    for name in ["a", "c"] {
        let decrypt = ["decrypt", "--passphrase-file", "word", "-o", "-"];
        let stream = format!("{name}.sv2");
        let read = sandbox.good(&[&decrypt[..], &[stream.as_str()]].concat());
        assert_eq!(read.stdout, sandbox.read(name));
    }
}

/// What failed in the middle looks whole to a pipe, and not to who started it.
#[test]
fn the_output_of_a_program_is_sealed_only_if_it_ends_well() {
    let sandbox = with_files();
    let exec = ["encrypt", "-K", "key", "-o", "out.sv2", "--exec", "--"];
    sandbox.good(&[&exec[..], &["cat", "a", "c"]].concat());
    let read = sandbox.good(&["decrypt", "-K", "key", "out.sv2", "-o", "-"]);
    assert_eq!(read.stdout, [sandbox.read("a"), sandbox.read("c")].concat());
    fs::remove_file(sandbox.path("out.sv2")).unwrap();
    let before = sandbox.names();
    for (command, words) in [
        (&["sh", "-c", "cat c; exit 3"][..], &["'sh' failed with exit status: 3", "not"][..]),
        (&["sh", "-c", "cat large; kill -9 $$"], &["'sh' failed with signal: 9"]),
        (&["cat", "missing"], &["'cat' failed with exit status: 1", "nothing was sealed"]),
        (&["no-such-program"], &["cannot run 'no-such-program'"]),
    ] {
        let ended = sandbox.run(&[&exec[..], command].concat());
        assert_eq!(ended.code, 1, "{}", ended.stderr);
        for word in words {
            assert!(ended.stderr.contains(word), "{word}: {}", ended.stderr);
        }
        assert_eq!(sandbox.names(), before, "{command:?}");
    }
    sandbox.bad(&["encrypt", "-K", "key", "-o", "x", "--exec"], 2, &["WORD"]);
    sandbox.bad(&["encrypt", "-K", "key", "a", "--exec", "--", "cat"], 2, &["cannot be used"]);
}

/// The words are no line of a shell, and what the program inherits are the standard streams.
#[cfg(target_os = "linux")]
#[test]
fn a_program_gets_its_words_and_the_standard_streams_alone() {
    let sandbox = with_files();
    let script = "exec 7<key 9<a; exec \"$0\" encrypt -K key -o out.sv2 --exec -- \
                  sh -c 'echo \"$1\"; ls /proc/self/fd' sh '$(touch planted)'";
    let mut shell = sandbox.command("sh");
    let ended = Ended::of(shell.args(["-c", script, env!("CARGO_BIN_EXE_sv2")]).output().unwrap());
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let read = sandbox.good(&["decrypt", "-K", "key", "out.sv2", "-o", "-"]);
    // The last one is the folder that is being listed.
    assert_eq!(read.text(), "$(touch planted)\n0\n1\n2\n3\n");
    assert!(!sandbox.path("planted").exists());
}

#[test]
fn an_input_of_another_length_than_was_expected_is_not_sealed() {
    let sandbox = with_files();
    let encrypt = ["encrypt", "-K", "key", "-o", "out.sv2", "--expect-length"];
    for (expected, len) in [("5000", 4999), ("4999", 5000), ("0", 1), ("1", 0)] {
        let words = ["nothing was sealed", "--expect-length"];
        sandbox.fed(&[&encrypt[..], &[expected]].concat(), &painted(len)).expect_failure(1, &words);
        sandbox.write("in", &painted(len));
        sandbox.bad(&[&encrypt[..], &[expected, "in"]].concat(), 1, &words);
        let exec = [&encrypt[..], &[expected, "--exec", "--", "cat", "in"]].concat();
        sandbox.bad(&exec, 1, &words);
        assert!(!sandbox.path("out.sv2").exists(), "{expected}");
    }
    assert_eq!(sandbox.fed(&[&encrypt[..], &["5000"]].concat(), &painted(5000)).code, 0);
    sandbox.good(&[&encrypt[..], &["5000", "-f", "c"]].concat());
}

#[test]
fn an_empty_standard_input_is_told() {
    let sandbox = with_files();
    let ended = sandbox.fed(&["encrypt", "-K", "key", "-o", "out.sv2"], b"");
    assert_eq!(ended.code, 0);
    assert!(ended.stderr.contains("standard input was empty"), "{}", ended.stderr);
    assert!(ended.stderr.contains("--exec"), "{}", ended.stderr);
    assert_eq!(sandbox.good(&["encrypt", "-K", "key", "b", "-f", "-o", "x"]).stderr, "");
}

/// The name that a stream keeps may lead to what is no file, which has no holes.
#[test]
fn a_name_that_leads_to_a_device_is_refused_for_holes() {
    let sandbox = with_files();
    sandbox.good(&["encrypt", "-K", "key", "a", "-o", "some.sv2", "--name=null"]);
    std::os::unix::fs::symlink("/dev/null", sandbox.path("null")).unwrap();
    let decrypt = ["decrypt", "-K", "key", "--use-name", "some.sv2"];
    sandbox.good(&decrypt);
    let words = ["--sparse leaves holes in a file, and the output is none"];
    sandbox.bad(&[&decrypt[..], &["--sparse"]].concat(), 2, &words);
}
