//! `cargo xtask conformance -- COMMAND`: an implementation in any language against all vectors.
//!
//! The contract is `docs/conformance/README.md`: one JSON object a line in, one a line out.
//! Without a command the engine itself is asked. With `--accumulated` first, it is asked for the
//! hashes of the accumulated test instead. With `--matrix` the tests of the engine read every
//! vector with each number of threads and each backend.

mod accumulated;
mod score;

use crate::report::{Failure, Outcome};
use crate::{shell, vectors, workspace};
use score::{Score, judge};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

/// Failures that are told in full.
const SHOWN: usize = 20;
/// Requests that may be on their way at one time.
const AHEAD: usize = 256;

/// Plays all requests and prints the score; a wrong answer of an offered role is a failure.
pub(crate) fn run(args: &[String]) -> Outcome {
    if let [first, rest @ ..] = args
        && first == "--accumulated"
    {
        return accumulated::run(command(rest)?);
    }
    if args == ["--matrix"] {
        let test = ["test", "--package", "sv2-core", "--all-features", "--test", "conformance"];
        let mut matrix = shell::cargo(&test);
        matrix.env("SV2_CONFORMANCE", "full");
        shell::run(matrix)?;
        return Ok("every vector, by each driver, number of threads and backend".to_owned());
    }
    let folder = workspace::root().join("target/conformance");
    vectors::generate("requests", &folder)?;
    let requests = BufReader::new(File::open(folder.join("requests.jsonl"))?);
    let score = play(command(args)?, requests)?;
    print!("{}", score.table());
    for failure in score.failures.iter().take(SHOWN) {
        println!("{failure}");
    }
    match score.failures.len() {
        0 => Ok(format!("{}: {} checks passed", score.implementation, score.passed())),
        wrong => Err(Failure::new(format!(
            "{}: {wrong} of {} checks failed",
            score.implementation,
            score.passed() + wrong
        ))),
    }
}

/// The program that is asked: the one in the arguments, or the engine.
fn command(args: &[String]) -> Outcome<Command> {
    let args = args.strip_prefix(&["--".to_owned()][..]).unwrap_or(args);
    match args.split_first() {
        Some((program, rest)) => {
            let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
            Ok(shell::program(program, &rest))
        }
        None => engine(),
    }
}

/// The engine behind the line protocol, built first so that cargo stays out of the pipe.
fn engine() -> Outcome<Command> {
    let args = ["--quiet", "--package", "sv2-keys", "--example", "conformance"];
    shell::run(shell::cargo(&[&["build"][..], &args].concat()))?;
    Ok(shell::cargo(&[&["run"][..], &args].concat()))
}

/// What the answer to one request must be.
struct Awaited {
    vector: String,
    layer: String,
    mode: String,
    /// Whether it was asked; what needs a role that the program does not name is not.
    asked: bool,
    expect: Value,
    damage: Value,
}

fn play(mut command: Command, requests: BufReader<File>) -> Outcome<Score> {
    let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = spawned.map_err(|error| Failure::new(format!("no such command: {error}")))?;
    let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(Failure::new("the command has no standard input or output"));
    };
    let mut answers = BufReader::new(output).lines();
    let mut next = move || -> Outcome<Value> {
        let line = answers.next().ok_or_else(|| Failure::new("the command ended early"))??;
        serde_json::from_str(&line)
            .map_err(|error| Failure::new(format!("an answer is not JSON: {error}: {line}")))
    };
    writeln!(input, "{}", json!({"id": "version", "op": "version"}))?;
    input.flush()?;
    let mut score = Score::new(&next()?);

    let (sender, awaited): (SyncSender<Awaited>, Receiver<Awaited>) = sync_channel(AHEAD);
    let asks_slots = score.opens_slots();
    let outcome = thread::scope(|scope| {
        let asking = scope.spawn(move || ask(input, requests, asks_slots, &sender));
        for (id, mut awaited) in awaited.iter().enumerate() {
            if !awaited.asked {
                score.skip(&awaited.mode);
                continue;
            }
            score.adapt(&mut awaited);
            let answer = next()?;
            if answer.get("id") != Some(&json!(id)) {
                return Err(Failure::new(format!("request {id} got the answer {answer}")));
            }
            score.count(&awaited, judge(&awaited.expect, &awaited.damage, &answer));
        }
        match asking.join() {
            Ok(asked) => asked,
            Err(_) => Err(Failure::new("the requests could not be sent")),
        }
    });
    outcome?;
    let status = child.wait()?;
    match status.success() {
        true => Ok(score),
        false => Err(Failure::new(format!("the command ended with {status}"))),
    }
}

/// Sends all requests and tells what is awaited for each.
fn ask(
    mut input: ChildStdin,
    requests: BufReader<File>,
    asks_slots: bool,
    sender: &SyncSender<Awaited>,
) -> Outcome<()> {
    for (id, line) in requests.lines().enumerate() {
        let parsed: Result<Value, _> = serde_json::from_str(&line?);
        let mut check = parsed.map_err(|error| Failure::new(error.to_string()))?;
        let text = |check: &Value, name: &str| check[name].as_str().unwrap_or("?").to_owned();
        let asked = asks_slots || check["mode"] != "slots";
        let awaited = Awaited {
            asked,
            vector: text(&check, "vector"),
            layer: text(&check, "layer"),
            mode: text(&check, "mode"),
            expect: check["expect"].take(),
            damage: check["expect_damage"].take(),
        };
        let mut request = check["request"].take();
        request["id"] = json!(id);
        // A receiver that is gone has its own failure to tell.
        if sender.send(awaited).is_err() || asked && writeln!(input, "{request}").is_err() {
            return Ok(());
        }
    }
    input.flush()?;
    Ok(())
}
