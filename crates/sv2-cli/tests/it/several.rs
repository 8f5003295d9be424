//! Several inputs of one command, and inputs of which it is known when they are whole.

use std::fs;
use std::process::Stdio;

use crate::sandbox::{Ended, Sandbox, painted};
use crate::world::skipped;

/// A sandbox with a raw key and a few files, one of them longer than what is done side by side.
fn with_files() -> Sandbox {
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
fn a_folder_goes_to_its_place_and_only_what_changed_goes_again() {
    let sandbox = with_files();
    fs::create_dir_all(sandbox.path("photos/2020/raw")).unwrap();
    for (name, len) in [("1.jpg", 70), ("2020/2.jpg", 5000), ("2020/raw/3.raw", 9)] {
        sandbox.write(&format!("photos/{name}"), &painted(len));
    }
    std::os::unix::fs::symlink("1.jpg", sandbox.path("photos/link")).unwrap();
    let encrypt = ["encrypt", "-K", "key", "--recursive", "-o", "backup", "photos"];
    let ended = sandbox.good(&[&encrypt[..], &["--exclude", "*.raw"]].concat());
    assert!(ended.stderr.contains("photos/link: neither a file nor a folder"), "{}", ended.stderr);
    assert!(!sandbox.path("backup/photos/2020/raw").exists());
    let stream = sandbox.read("backup/photos/2020/2.jpg.sv2");
    // What is there and was not changed stays byte for byte, and what is new comes.
    sandbox.good(&encrypt);
    assert_eq!(sandbox.read("backup/photos/2020/2.jpg.sv2"), stream);
    assert!(sandbox.path("backup/photos/2020/raw/3.raw.sv2").exists());
    // What changed is reported, and written again only by force.
    sandbox.write("photos/2020/2.jpg", &painted(5001));
    let ended = sandbox.run(&encrypt);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert!(ended.stderr.contains("2.jpg.sv2' already exists"), "{}", ended.stderr);
    assert!(ended.stderr.contains("1 of 3 inputs failed"), "{}", ended.stderr);
    sandbox.good(&[&encrypt[..], &["-f"]].concat());
    // A stream that our key does not open is none of ours.
    sandbox.write("other", &[8; 32]);
    let other = ["encrypt", "-K", "other", "--recursive", "-o", "backup", "photos"];
    let ended = sandbox.run(&other);
    assert!(ended.code == 2 && ended.stderr.contains("3 of 3 inputs failed"), "{}", ended.stderr);
    let decrypt =
        ["decrypt", "-K", "key", "--recursive", "--preserve", "-o", "out", "backup/photos"];
    sandbox.good(&decrypt);
    for name in ["1.jpg", "2020/2.jpg", "2020/raw/3.raw"] {
        let (from, to) = (format!("photos/{name}"), format!("out/photos/{name}"));
        assert_eq!(sandbox.read(&to), sandbox.read(&from), "{name}");
        let modified = |name: &str| fs::metadata(sandbox.path(name)).unwrap().modified().unwrap();
        assert_eq!(modified(&to), modified(&from), "{name}");
    }
    for (arguments, word) in [
        (&["photos", "--recursive"][..], "sv2 encrypt -K key photos --recursive -o FOLDER"),
        (&["photos", "--recursive", "-o", "photos/in"], "lies below"),
        (&["photos", "--recursive", "-o", "x", "--rm"], "cannot be used with"),
        (&["photos", "--recursive", "-o", "x", "--include", "*.gif"], "no file to take"),
        (&["photos", "--recursive", "-o", "x", "--include", "a***"], "not a pattern"),
    ] {
        if word == "lies below" {
            fs::create_dir_all(sandbox.path("photos/in")).unwrap();
        }
        sandbox.bad(&[&["encrypt", "-K", "key"], arguments].concat(), 2, &[word]);
    }
}

/// What lies below the folder that -o names may be somebody else's: a link there leads nowhere.
#[test]
fn no_link_below_the_folder_of_the_results_is_followed() {
    let sandbox = with_files();
    for folder in ["in/sub", "private", "out/in", "back"] {
        fs::create_dir_all(sandbox.path(folder)).unwrap();
    }
    sandbox.write("in/sub/keys", b"of the sender");
    sandbox.write("in/other", b"sound");
    std::os::unix::fs::symlink("../../private", sandbox.path("out/in/sub")).unwrap();
    let encrypt = ["encrypt", "-K", "key", "--recursive", "-o", "out", "in"];
    let ended = sandbox.run(&encrypt);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert!(ended.stderr.contains("'out/in/sub' leads through a link"), "{}", ended.stderr);
    assert!(sandbox.path("out/in/other.sv2").exists());
    fs::remove_file(sandbox.path("out/in/sub")).unwrap();
    sandbox.good(&encrypt);
    std::os::unix::fs::symlink("../private", sandbox.path("back/out")).unwrap();
    for force in [&[][..], &["-f"]] {
        let decrypt = ["decrypt", "-K", "key", "--recursive", "--preserve", "-o", "back", "out"];
        let ended = sandbox.run(&[&decrypt[..], force].concat());
        assert_eq!(ended.code, 2, "{}", ended.stderr);
        assert!(ended.stderr.contains("'back/out/in' leads through"), "{}", ended.stderr);
    }
    assert!(fs::read_dir(sandbox.path("private")).unwrap().next().is_none());
    // Nor is a pipe waited for, of whomever it is.
    fs::remove_file(sandbox.path("out/in/other.sv2")).unwrap();
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mkfifoat(rustix::fs::CWD, sandbox.path("out/in/other.sv2"), mode).unwrap();
    for force in [&[][..], &["-f"]] {
        let ended = sandbox.run(&[&encrypt[..], force].concat());
        assert_eq!(ended.code, 2, "{}", ended.stderr);
        let told = "'out/in/other.sv2' is no regular file";
        assert!(ended.stderr.contains(told), "{}", ended.stderr);
    }
    fs::remove_file(sandbox.path("out/in/other.sv2")).unwrap();
    // The folder that was named is the user's word, a link or not.
    std::os::unix::fs::symlink("private", sandbox.path("named")).unwrap();
    sandbox.good(&["decrypt", "-K", "key", "--recursive", "-o", "named", "out"]);
    assert_eq!(sandbox.read("private/out/in/sub/keys"), b"of the sender");
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

/// Whoever can make files in the folder could put a stream there that opens to this user's key and
/// holds something else.
#[test]
fn a_stream_of_another_user_is_not_taken_for_an_earlier_result() {
    let sandbox = with_files();
    fs::create_dir(sandbox.path("in")).unwrap();
    sandbox.write("in/a", b"mine");
    let encrypt = ["encrypt", "-K", "key", "--recursive", "-o", "out", "in"];
    sandbox.good(&encrypt);
    let again = sandbox.good(&encrypt);
    assert!(again.stderr.contains("1 stream was kept"), "{}", again.stderr);
    assert!(again.stderr.contains("with the recipients that it had"), "{}", again.stderr);
    if std::os::unix::fs::chown(sandbox.path("out/in/a.sv2"), Some(12345), None).is_err() {
        skipped("only root gives files away");
        return;
    }
    sandbox.bad(&encrypt, 2, &["'out/in/a.sv2' already exists"]);
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

/// The program under strace, with what it is told; the log of calls. None where nothing may trace.
pub(crate) fn traced(
    sandbox: &Sandbox,
    how: &[&str],
    arguments: &[&str],
) -> Option<(Ended, String)> {
    traced_to(sandbox, how, arguments, Stdio::piped)
}

fn traced_to(
    sandbox: &Sandbox,
    how: &[&str],
    arguments: &[&str],
    stdout: impl Fn() -> Stdio,
) -> Option<(Ended, String)> {
    let trace = |arguments: &[&str]| {
        let mut strace = sandbox.command("strace");
        strace.args(["-f", "-qq", "-y", "-o", "log"]).args(how);
        strace.arg(env!("CARGO_BIN_EXE_sv2")).args(arguments).stdout(stdout()).output()
    };
    if !trace(&["--version"]).is_ok_and(|output| output.status.success()) {
        crate::world::skipped("no strace, or it may not trace");
        return None;
    }
    let ended = Ended::of(trace(arguments).unwrap());
    let log = String::from_utf8_lossy(&sandbox.read("log")).into_owned();
    fs::remove_file(sandbox.path("log")).unwrap();
    Some((ended, log))
}

/// F-1006: many small outputs share their syncs, and their order is that of one: all are written and
/// durable before any has a name, then the names are, and only then a source goes.
#[test]
fn small_outputs_are_durable_before_they_have_names_and_sources_go_last() {
    let calls = ["-e", "trace=syncfs,fsync,linkat,unlink,unlinkat,pwrite64,pwritev,write,writev"];
    for direction in ["encrypt", "decrypt"] {
        let sandbox = Sandbox::new();
        sandbox.raw_key();
        fs::create_dir(sandbox.path("out")).unwrap();
        let mut names: Vec<String> = (0..12).map(|number| format!("f{number}")).collect();
        for name in &names {
            sandbox.write(name, name.as_bytes());
        }
        if direction == "decrypt" {
            let plain: Vec<&str> = names.iter().map(String::as_str).collect();
            sandbox.good(&[&["encrypt", "-q", "--rm", "-K", "key"], &plain[..]].concat());
            names.iter_mut().for_each(|name| name.push_str(".sv2"));
        }
        let inputs: Vec<&str> = names.iter().map(String::as_str).collect();
        // One thread has them all in one lot.
        let all = [&[direction, "-T", "1", "--rm", "-K", "key", "-o", "out"], &inputs[..]].concat();
        let Some((ended, log)) = traced(&sandbox, &calls, &all) else { return };
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert_eq!(sandbox.names(), ["key", "out"]);
        assert_eq!(fs::read_dir(sandbox.path("out")).unwrap().count(), 12);
        let threads: std::collections::BTreeSet<&str> =
            log.lines().filter_map(|line| line.split_whitespace().next()).collect();
        let (mut named, mut syncs) = (0, 0);
        for thread in threads {
            let own: Vec<&str> = log.lines().filter(|line| line.starts_with(thread)).collect();
            let places = |what: &dyn Fn(&str) -> bool| -> Vec<usize> {
                (0..own.len()).filter(|at| what(own[*at])).collect()
            };
            // One name is tried out before the work.
            let links = places(&|line| {
                line.contains("linkat(") && !line.contains(".part") && line.contains("/f")
            });
            let Some((first, last)) = links.first().zip(links.last()) else { continue };
            let written = places(&|line| line.contains("write") && line.contains("(deleted)"));
            let system = places(&|line| line.contains("syncfs("));
            let folder = places(&|line| line.contains("fsync(") && line.contains("/out>"));
            let removed = places(&|line| line.contains("unlink") && line.contains("\"f"));
            assert!(written.last() < system.first() && system.last() < Some(first), "{log}");
            assert!(folder.len() == 1 && Some(last) < folder.first(), "{log}");
            assert!(removed.len() == links.len() && folder.last() < removed.first(), "{log}");
            named += links.len();
            syncs += system.len();
        }
        assert_eq!(named, 12, "{log}");
        assert_eq!(syncs, 1, "{log}");
    }
}

/// F-1006: what has a name from the start holds its data before it holds the tail that seals them.
#[test]
fn a_redirected_output_has_its_data_synced_before_its_tail() {
    let sandbox = with_files();
    let calls = ["-e", "trace=write,pwrite64,writev,pwritev,fsync,fdatasync"];
    let arguments = ["encrypt", "-T", "1", "-K", "key", "-o", "-", "a"];
    let out = || Stdio::from(fs::File::create(sandbox.path("out")).unwrap());
    let Some((ended, log)) = traced_to(&sandbox, &calls, &arguments, out) else { return };
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let own: Vec<&str> = log.lines().filter(|line| line.contains("/out>")).collect();
    let at = |what: &str| own.iter().position(|line| line.contains(what));
    let tail = own.iter().rposition(|line| line.contains("write"));
    assert!(at("write") < at("fdatasync("), "{log}");
    assert!(at("fdatasync(").is_some() && at("fdatasync(") < tail, "{log}");
    assert!(tail < at("fsync("), "{log}");
    sandbox.good(&["verify", "-K", "key", "out"]);
}

/// An interrupt may come between a stream and its parity file, and the next run makes up for it.
#[test]
fn a_stream_that_is_up_to_date_gets_the_parity_file_that_it_lacks() {
    let sandbox = with_files();
    fs::create_dir(sandbox.path("in")).unwrap();
    sandbox.write("in/a", &painted(5000));
    sandbox.write("in/b", &painted(50));
    let encrypt = ["encrypt", "-K", "key", "--recursive", "--protect", "-o", "out", "in"];
    sandbox.good(&encrypt);
    fs::remove_file(sandbox.path("out/in/a.sv2.par")).unwrap();
    // And one that belongs to another stream is none.
    sandbox.good(&["encrypt", "-K", "key", "--protect", "c"]);
    fs::copy(sandbox.path("c.sv2.par"), sandbox.path("out/in/b.sv2.par")).unwrap();
    let (a, b) = (sandbox.read("out/in/a.sv2"), sandbox.read("out/in/b.sv2"));
    let again = sandbox.good(&encrypt);
    assert!(again.stderr.contains("2 streams were kept"), "{}", again.stderr);
    assert_eq!((sandbox.read("out/in/a.sv2"), sandbox.read("out/in/b.sv2")), (a, b));
    for stream in ["out/in/a.sv2", "out/in/b.sv2"] {
        sandbox.good(&["repair", "-n", stream]);
        let told = sandbox.good(&["verify", "--json", stream]);
        let told: serde_json::Value = serde_json::from_str(told.text()).unwrap();
        assert!(told["parity"].is_object(), "{told}");
    }
    let made = sandbox.read("out/in/a.sv2.par");
    assert!(!sandbox.good(&encrypt).stderr.contains(".par"));
    assert_eq!(sandbox.read("out/in/a.sv2.par"), made);
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

/// Syncing a whole file system writes what others left there, which a few files are not worth.
#[test]
fn a_few_small_outputs_are_synced_without_their_file_system() {
    let sandbox = with_files();
    let calls = ["-e", "trace=syncfs,fsync,linkat"];
    let arguments = ["encrypt", "-T", "1", "-K", "key", "a", "b"];
    let Some((ended, log)) = traced(&sandbox, &calls, &arguments) else { return };
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let count = |what: &str| log.lines().filter(|line| line.contains(what)).count();
    assert_eq!(count("syncfs("), 0, "{log}");
    // Each file, and their folder.
    assert_eq!(count("fsync("), 3, "{log}");
}

/// After an interrupt what is there is still told, however many outputs got no name.
#[test]
fn an_interrupt_hides_no_output_whose_name_may_not_be_durable() {
    let sandbox = with_files();
    // One name is tried out, then a has its own, and b loses it again; the folder is not synced.
    let faults = ["inject=linkat:signal=SIGINT:when=3", "inject=fsync:error=EIO:when=4+"];
    let how = ["-e", "trace=linkat,fsync", "-e", faults[0], "-e", faults[1]];
    let arguments = ["encrypt", "--rm", "-T", "1", "-K", "key", "a", "b", "c"];
    let Some((ended, log)) = traced(&sandbox, &how, &arguments) else { return };
    assert_eq!(ended.code, 130, "{} {log}", ended.stderr);
    assert!(ended.stderr.contains("'a.sv2'"), "{} {log}", ended.stderr);
    assert!(ended.stderr.contains("interrupted"), "{}", ended.stderr);
    assert_eq!(sandbox.names(), ["a", "a.sv2", "b", "c", "key", "large"]);
}

/// Sources wait for the names of their outputs, and where that takes all the space they go first.
#[test]
fn an_output_without_space_is_tried_again_once_others_have_their_names() {
    let sandbox = with_files();
    // Three writes make an output, so this is one to the second.
    let fault = ["-e", "trace=write,unlink", "-e", "inject=write:error=ENOSPC:when=5"];
    let arguments = ["encrypt", "--rm", "-T", "1", "-K", "key", "a", "c"];
    let Some((ended, log)) = traced(&sandbox, &fault, &arguments) else { return };
    assert!(log.contains("INJECTED"), "{log}");
    assert_eq!(ended.code, 0, "{} {log}", ended.stderr);
    assert_eq!(sandbox.names(), ["a.sv2", "b", "c.sv2", "key", "large"]);
}

/// A pipe says nothing of its length, and no file waits for its name until a pipe ends.
#[test]
fn a_pipe_among_inputs_comes_after_the_small_files() {
    let sandbox = with_files();
    fs::create_dir(sandbox.path("out")).unwrap();
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mkfifoat(rustix::fs::CWD, sandbox.path("pipe"), mode).unwrap();
    let arguments = ["encrypt", "-T", "1", "-K", "key", "-o", "out", "pipe", "a", "c"];
    let child = sandbox.sv2(&arguments).spawn().unwrap();
    // This waits until the program opens the pipe, by when the small ones have their names.
    let pipe = fs::File::options().write(true).open(sandbox.path("pipe")).unwrap();
    let names = || fs::read_dir(sandbox.path("out")).unwrap().count();
    let at_once = names();
    drop(pipe);
    let ended = Ended::of(child.wait_with_output().unwrap());
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!((at_once, names()), (2, 3));
}

/// What could not be made durable has no name, is told for each, and its source stays.
#[test]
fn small_outputs_that_cannot_be_made_durable_fail_one_by_one() {
    let sandbox = with_files();
    let before = sandbox.names();
    let arguments = ["encrypt", "--rm", "-K", "key", "a", "b"];
    let fault = ["-e", "inject=fsync:error=EIO"];
    let Some((ended, _)) = traced(&sandbox, &fault, &arguments) else { return };
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    for words in ["a.sv2: writing failed", "b.sv2: writing failed", "2 of 2 inputs failed"] {
        assert!(ended.stderr.contains(words), "'{words}' is not in: {}", ended.stderr);
    }
    assert_eq!(sandbox.names(), before);
}
