//! `sv2 parts`: one stream sealed part by part, and everything that must not complete.

use std::fs;

use serde_json::Value;
use sv2_testkit::reference::forge::refresh_crc;

use crate::sandbox::{Sandbox, painted};
use crate::strace::traced;

const LEN: usize = 700_000;
/// Sizes by which that makes several parts.
const SIZES: [&str; 6] = ["--segment-size", "64K", "--part-size", "150K", "--min-part", "100K"];

/// A sandbox with a source, a job identity and a plan of several parts under a raw key.
fn planned() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.raw_key();
    sandbox.write("plain", &painted(LEN));
    sandbox.good(&["keygen", "-o", "job"]);
    plan(&sandbox, "plan");
    sandbox
}

fn plan(sandbox: &Sandbox, name: &str) -> Value {
    let text = String::from_utf8(sandbox.read("job")).unwrap();
    let recipient = text.lines().find_map(|line| line.strip_prefix("# public key: ")).unwrap();
    let plan = ["parts", "plan", "plain", "-o", name, "--job", recipient, "-K", "key", "--json"];
    let ended = sandbox.good(&[&plan[..], &SIZES].concat());
    serde_json::from_str(ended.text()).unwrap()
}

fn seal<'a>(parts: &'a str, folder: &'a str) -> Vec<&'a str> {
    vec!["parts", "seal", "-i", "job", "--part", parts, "plan", "plain", folder]
}

pub(crate) const FINISH: [&str; 6] = ["parts", "finish", "-K", "key", "plan", "parts"];
pub(crate) const VERIFY: [&str; 4] = ["parts", "verify", "plan", "parts"];
const TAIL: &str = "parts/part-00006";

pub(crate) fn part(number: u32) -> String {
    format!("parts/part-{number:05}")
}

/// The receipts of a part, by name.
fn receipts(sandbox: &Sandbox, number: u32) -> Vec<String> {
    let start = format!("part-{number:05}.");
    let entries = fs::read_dir(sandbox.path("parts")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> =
        names.filter(|name| name.starts_with(&start)).map(|name| format!("parts/{name}")).collect();
    names.sort();
    names
}

pub(crate) fn sealed() -> Sandbox {
    let sandbox = planned();
    sandbox.good(&seal("1-5", "parts"));
    sandbox
}

#[test]
fn parts_that_are_sealed_by_many_tasks_make_one_stream() {
    let sandbox = planned();
    let report = plan(&sandbox, "other");
    let lens: Vec<_> = report["parts"].as_array().unwrap().iter().map(|it| &it["bytes"]).collect();
    assert_eq!(lens.len(), 5);
    // In any order, twice, and with identities from a file, the environment and a command.
    sandbox.good(&seal("4,2", "parts"));
    let mut by_environment =
        sandbox.sv2(&["parts", "seal", "--part", "1,5", "plan", "plain", "parts"]);
    let path = sandbox.path("job");
    assert!(by_environment.env("SV2_IDENTITY", path).status().unwrap().success());
    let by_command = ["parts", "seal", "--identity-command", "cat job", "--part", "2-3"];
    sandbox.good(&[&by_command[..], &["plan", "plain", "parts"]].concat());
    assert_eq!(receipts(&sandbox, 2).len(), 2, "one for each attempt");
    let ended = sandbox.good(&VERIFY);
    assert!(ended.text().contains("no damage in 5 parts"), "{}", ended.text());
    assert!(ended.text().contains("proves nothing against tampering"), "{}", ended.text());

    let ended = sandbox.good(&[&FINISH[..], &["--json"]].concat());
    let report: Value = serde_json::from_str(ended.text()).unwrap();
    assert_eq!((&report["tail_part"], &report["plaintext_bytes"]), (&6.into(), &LEN.into()));
    sandbox.bad(&FINISH, 2, &["already exists"]);
    let stream: Vec<u8> = (1..=6).flat_map(|number| sandbox.read(&part(number))).collect();
    assert_eq!(report["bytes"], stream.len());
    sandbox.write("a.sv2", &stream);
    sandbox.good(&["verify", "-K", "key", "a.sv2"]);
    let ended = sandbox.good(&["fingerprint", "-K", "key", "a.sv2"]);
    let fingerprint = report["fingerprint"].as_str().unwrap();
    assert!(ended.text().replace([' ', '-', ':', '\n'], "").to_lowercase().contains(fingerprint));

    // And back, each part by itself.
    for number in ["3", "1", "4-5", "2", "3"] {
        let decrypt = ["parts", "decrypt", "-f", "-K", "key", "--part", number, "plan", "a.sv2"];
        sandbox.good(&[&decrypt[..], &["-o", "back"]].concat());
    }
    assert_eq!(sandbox.read("back"), sandbox.read("plain"));
    // What is there is written into where that is said, and only where it may be of these parts.
    let decrypt = ["parts", "decrypt", "-K", "key", "plan", "a.sv2", "-o", "back"];
    sandbox.bad(&decrypt, 2, &["'back' already exists"]);
    sandbox.good(&["parts", "decrypt", "-K", "key", "plan", "a.sv2", "-o", "new"]);
    assert_eq!(sandbox.read("new"), sandbox.read("plain"));
    sandbox.write("back", b"somebody else's");
    sandbox.bad(&decrypt, 2, &["'back' already exists"]);
    sandbox.bad(&[&decrypt[..], &["-f"]].concat(), 2, &["is no file of these parts"]);
    assert_eq!(sandbox.read("back"), b"somebody else's");
}

#[test]
fn a_plan_and_an_end_replace_no_input_and_no_half_of_a_plan_is_left() {
    let sandbox = planned();
    let plain = sandbox.read("plain");
    let job = sandbox.good(&["keygen", "--show", "job"]).text().trim().to_owned();
    let plan = |output: &str, force: &[&str]| {
        let all = ["parts", "plan", "-K", "key", "--job", &job, "-o", output, "plain"];
        sandbox.run(&[&all[..], &SIZES, force].concat())
    };
    plan("plain", &["-f"]).expect_failure(2, &["'plain' is an input itself"]);
    assert_eq!(sandbox.read("plain"), plain);
    let before = sandbox.read("plan");
    plan("plan", &[]).expect_failure(2, &["'plan' already exists"]);
    assert_eq!(sandbox.read("plan"), before);
    assert_eq!(plan("plan", &["-f"]).code, 0);
    assert_ne!(sandbox.read("plan"), before);
}

/// F-1230: who has another source, another plan or another identity seals nothing.
#[test]
fn a_task_that_is_not_of_the_plan_seals_nothing() {
    let sandbox = planned();
    let refused = |arguments: &[&str], code: i32, words: &[&str]| {
        sandbox.bad(arguments, code, words);
        let left = fs::read_dir(sandbox.path("parts")).map_or(0, |entries| entries.count());
        assert_eq!(left, 0, "{arguments:?}");
    };
    sandbox.good(&["keygen", "-o", "other"]);
    let other = ["parts", "seal", "-i", "other", "--part", "1", "plan", "plain", "parts"];
    refused(&other, 4, &["sv2: plan: no key slot opens", "SV2_IDENTITY"]);
    let raw = ["parts", "seal", "-K", "key", "--part", "1", "plan", "plain", "parts"];
    refused(&raw, 2, &["a raw key opens no job", "-i"]);
    for bad in ["6", "1-6"] {
        refused(&seal(bad, "parts"), 2, &["the plan has no part 6"]);
    }
    let tagged = [&seal("1", "parts")[..], &["--source-tag", "an ETag"]].concat();
    refused(&tagged, 7, &["not the one that the plan was made for", "--source-tag"]);
    // In the payload that ends the age file of the slot, and in the plan behind it.
    let whole = sandbox.read("plan");
    let mut of_slot = whole.clone();
    of_slot[start_of_plan(&whole) - 20] ^= 1;
    sandbox.write("plan", &of_slot);
    refused(&seal("1", "parts"), 4, &["sv2: plan: "]);
    let at = start_of_plan(&whole);
    let mut of_plan = whole.clone();
    of_plan[at + 20] ^= 1;
    sandbox.write("plan", &of_plan);
    refused(&seal("1", "parts"), 4, &["sv2: plan: "]);
    for damaged in [&whole[..whole.len() - 1000], &whole[at..], b""] {
        sandbox.write("plan", damaged);
        refused(&seal("1", "parts"), 6, &["this is no job", "sv2 parts plan"]);
        sandbox.bad(&FINISH, 6, &["this is no job"]);
        sandbox.bad(&VERIFY, 6, &["this is no job"]);
    }
    sandbox.write("plan", &whole);
    sandbox.write("plain", &painted(LEN + 1));
    refused(&seal("1", "parts"), 7, &["not the one that the plan was made for"]);
    fs::remove_file(sandbox.path("plan")).unwrap();
    refused(&seal("1", "parts"), 1, &["'plan'"]);
}

/// F-1230: a tag that the user gives says nothing of what happens while the source is read, which is
/// from when the command begins.
#[test]
fn a_source_that_changes_under_its_tag_is_not_sealed() {
    let sandbox = planned();
    let text = String::from_utf8(sandbox.read("job")).unwrap();
    let recipient = text.lines().find_map(|line| line.strip_prefix("# public key: ")).unwrap();
    let plan = ["parts", "plan", "plain", "-f", "-o", "plan", "--job", recipient, "-K", "key"];
    sandbox.good(&[&plan[..], &SIZES, &["--source-tag", "v1"]].concat());
    let seal = |command: &str| {
        let seal = ["parts", "seal", "--source-tag", "v1", "--identity-command", command];
        sandbox.run(&[&seal[..], &["plan", "plain", "parts"]].concat())
    };
    // The command that gives the key takes its time, and somebody writes meanwhile.
    let changed = seal("printf x | dd of=plain conv=notrunc status=none && cat job");
    changed.expect_failure(7, &["not the one that the plan was made for"]);
    let made = fs::read_dir(sandbox.path("parts")).map_or(0, |entries| entries.count());
    assert_eq!(made, 0);
    assert_eq!(seal("cat job").code, 0);
}

/// F-1231: what is missing, stale, altered, of another plan, cut or out of place completes nothing.
#[test]
fn nothing_is_finished_from_parts_and_receipts_that_do_not_belong_together() {
    let sandbox = sealed();
    let again = "sv2 parts seal --part 2 plan";
    let refused = |code: i32, words: &[&str]| {
        sandbox.bad(&FINISH, code, words);
        assert!(!sandbox.path(TAIL).exists());
    };
    let own = receipts(&sandbox, 2).remove(0);
    let (receipt, bytes) = (sandbox.read(&own), sandbox.read(&part(2)));

    fs::remove_file(sandbox.path(&own)).unwrap();
    refused(7, &["the receipt of part 2 is missing", again]);
    // Another attempt is stored, and only the receipt of the first one is there.
    sandbox.good(&seal("2", "parts"));
    for name in receipts(&sandbox, 2) {
        fs::remove_file(sandbox.path(&name)).unwrap();
    }
    sandbox.write(&own, &receipt);
    refused(7, &["no receipt of part 2 is that of the bytes", again]);
    sandbox.write(&part(2), &bytes);

    let mut altered = receipt.clone();
    altered[60] ^= 1;
    sandbox.write(&own, &altered);
    refused(3, &["damaged or altered", "part 2", again]);
    sandbox.write(&own, &receipt[..receipt.len() - 1]);
    refused(3, &["damaged or altered", "part 2"]);
    sandbox.write(&own, b"");
    refused(3, &["damaged or altered"]);
    sandbox.write(&own, &receipt);

    plan(&sandbox, "foreign");
    let foreign = ["parts", "seal", "-i", "job", "--part", "2", "foreign", "plain", "foreign.d"];
    sandbox.good(&foreign);
    let entries = fs::read_dir(sandbox.path("foreign.d")).unwrap();
    let mut names = entries.map(|entry| entry.unwrap().path());
    let found = names.find(|path| path.to_string_lossy().ends_with(".receipt")).unwrap();
    fs::copy(found, sandbox.path("parts/z.receipt")).unwrap();
    refused(7, &["the receipt of part 2 is of another plan", again]);
    fs::remove_file(sandbox.path("parts/z.receipt")).unwrap();

    sandbox.write(&part(2), &bytes[..bytes.len() - 1]);
    refused(7, &["no receipt of part 2"]);
    let ended = sandbox.run(&VERIFY);
    assert_eq!(ended.code, 5);
    assert!(ended.text().contains("part 2: 1 damaged part of it"), "{}", ended.text());
    assert!(ended.text().contains("--part 2 plan SOURCE parts"), "{}", ended.text());
    sandbox.write(&part(2), &sandbox.read(&part(3)));
    refused(7, &["no receipt of part 2"]);
    assert_eq!(sandbox.run(&VERIFY).code, 5, "a part of another place");
    fs::remove_file(sandbox.path(&part(2))).unwrap();
    refused(7, &["does not hold part 2"]);
    let ended = sandbox.run(&VERIFY);
    assert!(ended.code == 5 && ended.text().contains("part 2 is not there"), "{}", ended.text());
    // A name that leads nowhere is no part.
    std::os::unix::fs::symlink("gone", sandbox.path(&part(2))).unwrap();
    refused(7, &["does not hold part 2"]);
    let ended = sandbox.run(&VERIFY);
    assert!(ended.code == 5 && ended.text().contains("part 2 is not there"), "{}", ended.text());
    assert!(ended.text().contains("1 of 5 parts not as planned"), "{}", ended.text());
    fs::remove_file(sandbox.path(&part(2))).unwrap();
    sandbox.write(&part(2), &bytes);
    sandbox.bad(&["parts", "finish", "-i", "job", "plan", "parts"], 4, &[]);
    sandbox.good(&FINISH);
}

/// A receipt that was delivered twice is one, and a scrub finds every kind of damage in a part.
#[test]
fn a_doubled_receipt_is_one_and_damage_is_found_without_a_key() {
    let sandbox = sealed();
    let own = receipts(&sandbox, 3).remove(0);
    fs::copy(sandbox.path(&own), sandbox.path("parts/again.receipt")).unwrap();
    let first = sandbox.read(&part(1));
    for at in [20, 1024 + 30, 1024 + 64 + 100, first.len() - 3] {
        let mut bad = first.clone();
        bad[at] ^= 1;
        sandbox.write(&part(1), &bad);
        let ended = sandbox.run(&VERIFY);
        assert!(ended.code == 5 && ended.text().contains("1 of 5 parts"), "{}", ended.text());
        sandbox.bad(&FINISH, 7, &["no receipt of part 1"]);
    }
    // A header of a later attempt is sound in itself.
    let mut other = first.clone();
    other[1024 + 30] ^= 1;
    refresh_crc(&mut other[1024..1024 + 64]);
    sandbox.write(&part(1), &other);
    assert_eq!(sandbox.run(&VERIFY).code, 5);
    sandbox.write(&part(1), &first);
    sandbox.good(&FINISH);
}

/// The list of a store takes the place of the folder's parts.
#[test]
fn a_listing_of_a_store_is_compared_with_the_receipts() {
    let sandbox = sealed();
    let ended = sandbox.good(&[&FINISH[..], &["--json", "-o", "tail"]].concat());
    let report: Value = serde_json::from_str(ended.text()).unwrap();
    for number in 1..=5 {
        fs::remove_file(sandbox.path(&part(number))).unwrap();
    }
    let listing = |value: &Value| sandbox.write("list", value.to_string().as_bytes());
    let by_list = [&FINISH[..], &["--listing", "list"]].concat();
    let mut parts = serde_json::json!({ "Parts": report["parts"], "UploadId": "x" });
    listing(&parts);
    sandbox.good(&by_list);
    assert_eq!(sandbox.read(TAIL), sandbox.read("tail"));
    fs::remove_file(sandbox.path(TAIL)).unwrap();

    parts["Parts"][1]["ChecksumCRC64NVME"] = "rosUhgp5mIg=".into();
    listing(&parts);
    sandbox.bad(&by_list, 7, &["no receipt of part 2 is that of the bytes"]);
    parts["Parts"][1]["PartNumber"] = 9.into();
    listing(&parts);
    sandbox.bad(&by_list, 2, &["the plan has no part 9"]);
    parts["Parts"].as_array_mut().unwrap().remove(1);
    listing(&parts);
    sandbox.bad(&by_list, 7, &["does not hold part 2"]);
    for bad in ["{}", "x", "[{\"PartNumber\":1}]"] {
        sandbox.write("list", bad.as_bytes());
        sandbox.bad(&by_list, 7, &["is no listing of parts", "list-parts"]);
    }
    assert!(!sandbox.path(TAIL).exists());
}

#[test]
fn what_cannot_be_planned_is_told_with_its_rule() {
    let sandbox = planned();
    let plan = ["parts", "plan", "plain", "-o", "p", "-K", "key", "--job"];
    sandbox.bad(&[&plan[..], &["nobody"]].concat(), 2, &["--job", "sv2 keygen -o job.txt"]);
    let text = String::from_utf8(sandbox.read("job")).unwrap();
    let recipient = text.lines().find_map(|line| line.strip_prefix("# public key: ")).unwrap();
    let with = |more: &[&str], words: &[&str]| {
        sandbox.bad(&[&plan[..], &[recipient], more].concat(), 2, words);
        assert!(!sandbox.path("p").exists());
    };
    with(&[], &["cannot be cut into parts", "too short for a part"]);
    with(&["--min-part", "1", "--max-part", "1K"], &["too long for the rule"]);
    let taken = ["parts", "plan", "plain", "-o", "plan", "-K", "key", "--job", recipient];
    sandbox.bad(&[&taken[..], &["--min-part", "1"]].concat(), 2, &["already exists"]);
}

/// What was sealed before an interrupt is there, and what is left can be asked for.
#[test]
fn an_interrupted_seal_says_that_parts_are_there() {
    let sandbox = planned();
    // A receipt and a part are two files and their folder twice, so this is in the second part.
    let signal = ["-e", "trace=fsync", "-e", "inject=fsync:signal=SIGINT:when=6"];
    let seal = ["parts", "seal", "-T", "1", "-i", "job", "plan", "plain", "parts"];
    let Some((ended, log)) = traced(&sandbox, &signal, &seal) else { return };
    ended.expect_failure(
        130,
        &["interrupted; what was done is kept", "sv2 parts verify plan parts"],
    );
    assert!(sandbox.path(&part(1)).exists(), "{log}");
    let ended = sandbox.run(&VERIFY);
    assert!(
        ended.code == 5 && ended.text().contains("of 5 parts not as planned"),
        "{}",
        ended.text()
    );
}

/// A command that is offered takes an option once, however it was written.
#[test]
fn an_interrupted_decrypt_of_parts_offers_a_command_that_works() {
    let sandbox = sealed();
    sandbox.good(&FINISH);
    let stream: Vec<u8> = (1..=6).flat_map(|number| sandbox.read(&part(number))).collect();
    sandbox.write("a.sv2", &stream);
    let signal = ["-e", "trace=pwrite64", "-e", "inject=pwrite64:signal=SIGINT:when=1"];
    let decrypt = ["parts", "decrypt", "-T", "1", "--force", "-K", "key", "plan", "a.sv2"];
    let decrypt = [&decrypt[..], &["-o", "back"]].concat();
    let Some((ended, _)) = traced(&sandbox, &signal, &decrypt) else { return };
    let again = format!("continue with: sv2 {}\n", decrypt.join(" "));
    ended.expect_failure(130, &[&again]);
    sandbox.good(&decrypt);
}

/// Where the plan begins, behind the slots of a job.
pub(crate) fn start_of_plan(job: &[u8]) -> usize {
    job.windows(8).position(|bytes| bytes == b"SV2PLAN\n").unwrap()
}
