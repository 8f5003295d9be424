//! Whole folders, encrypted and decrypted into others.

use std::fs;

use crate::sandbox::painted;
use crate::several::with_files;
use crate::world::skipped;

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
