//! Plans, folders and files of parts that somebody made to do harm.

use std::fs;

use crate::parts::{FINISH, VERIFY, part, sealed, start_of_plan};
use crate::sandbox::Sandbox;

/// A plan with other numbers in it, which nobody without the key can tell from one that was made.
fn claiming(sandbox: &Sandbox, per_part: u64, len: u64) {
    let mut plan = sandbox.read("plan");
    let start = start_of_plan(&plan);
    for (at, number) in [(12, per_part), (20, 0), (28, len)] {
        let at = start + at;
        plan[at..at + 8].copy_from_slice(&number.to_be_bytes());
    }
    sandbox.write("claims", &plan);
}

/// What a plan claims costs nothing: neither parts that are not there nor bytes that nobody wrote.
#[test]
fn a_plan_that_claims_billions_of_parts_or_terabytes_costs_what_the_folder_holds() {
    let sandbox = sealed();
    let verify = ["parts", "verify", "claims", "parts"];
    let parts = u64::from(u32::MAX) - 1;
    claiming(&sandbox, 1, parts << 16);
    let ended = crate::world::behind(&sandbox, "ulimit -v 2000000", &verify);
    assert_eq!(ended.code, 5, "{}", ended.stderr);
    let told = ended.text();
    assert!(told.contains("parts 6 to 4294967294 are not there") && told.len() < 2000, "{told}");
    assert!(told.contains("--part 1,2,3,4,5,6-4294967294 claims"), "{told}");
    let decrypt = ["parts", "decrypt", "-K", "key", "-o", "out", "claims", "whole"];
    sandbox.good(&FINISH);
    let whole: Vec<u8> = (1..=6).flat_map(|number| sandbox.read(&part(number))).collect();
    sandbox.write("whole", &whole);
    let ended = crate::world::behind(&sandbox, "ulimit -v 2000000", &decrypt);
    ended.expect_failure(7, &["not the stream of 'claims'"]);

    // One part of a terabyte of which no byte was written.
    let segments = 1 << 24;
    claiming(&sandbox, segments, segments << 16);
    fs::create_dir(sandbox.path("sparse")).unwrap();
    let file = fs::File::create(sandbox.path("sparse/part-00001")).unwrap();
    file.set_len(1024 + segments * (64 + (1 << 16) + 32 + 8)).unwrap();
    let ended = sandbox.run(&["parts", "verify", "claims", "sparse"]);
    assert_eq!(ended.code, 5, "{}", ended.stderr);
    assert!(ended.text().contains("part 1: 50331648 damaged parts"), "{}", ended.text());
}

/// A folder that many write to may hold anything under any name.
#[test]
fn what_is_no_file_in_a_folder_of_parts_is_told_and_not_waited_for() {
    let sandbox = sealed();
    let pipe = |name: &str| {
        let _ = fs::remove_file(sandbox.path(name));
        assert!(sandbox.command("mkfifo").arg(name).status().unwrap().success());
    };
    let bytes = sandbox.read(&part(2));
    pipe(&part(2));
    for command in [&FINISH[..], &VERIFY] {
        sandbox.bad(command, 2, &["part-00002' is no regular file", "rm parts/part-00002"]);
    }
    fs::remove_file(sandbox.path(&part(2))).unwrap();
    sandbox.write(&part(2), &bytes);
    pipe("parts/x.receipt");
    sandbox.bad(&FINISH, 2, &["x.receipt' is no regular file"]);
    fs::remove_file(sandbox.path("parts/x.receipt")).unwrap();
    // What is longer than any receipt of the plan is not read, and what is none is named.
    let file = fs::File::create(sandbox.path("parts/x.receipt")).unwrap();
    file.set_len(1 << 40).unwrap();
    sandbox.bad(&FINISH, 3, &["parts/x.receipt", "remove it: rm parts/x.receipt"]);
    fs::remove_file(sandbox.path("parts/x.receipt")).unwrap();
    let endless = [&FINISH[..], &["--listing", "/dev/zero"]].concat();
    sandbox.bad(&endless, 7, &["is no listing of parts: it is too large"]);
    sandbox.good(&FINISH);
}

/// Parts are written into a file that an earlier task made, and into none that somebody planted.
#[test]
fn parts_are_not_decrypted_into_a_file_of_somebody_else() {
    let sandbox = sealed();
    sandbox.good(&FINISH);
    let whole: Vec<u8> = (1..=6).flat_map(|number| sandbox.read(&part(number))).collect();
    sandbox.write("whole", &whole);
    let decrypt = ["parts", "decrypt", "-K", "key", "-f", "-o", "out", "plan", "whole"];
    sandbox.write("planted", b"");
    fs::hard_link(sandbox.path("planted"), sandbox.path("out")).unwrap();
    sandbox.bad(&decrypt, 2, &["'out' is there already, and has another name"]);
    fs::remove_file(sandbox.path("out")).unwrap();
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(sandbox.path("planted"), Some(65_534), Some(65_534)).unwrap();
        fs::rename(sandbox.path("planted"), sandbox.path("out")).unwrap();
        sandbox.bad(&decrypt, 2, &["'out' is there already, and belongs to another user"]);
        assert!(sandbox.read("out").is_empty());
        fs::remove_file(sandbox.path("out")).unwrap();
    }
    // One of one's own that others can read is for its owner alone before anything is in it.
    fs::write(sandbox.path("out"), b"").unwrap();
    sandbox.good(&decrypt);
    assert_eq!(crate::sandbox::mode(&sandbox.path("out")), 0o600);
    assert_eq!(sandbox.read("out"), sandbox.read("plain"));
}
