//! Small outputs of one command, which are made durable and get their names together.

use std::fs;
use std::process::Stdio;

use crate::sandbox::{Ended, Sandbox};
use crate::several::with_files;
use crate::strace::{traced, traced_to};
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
