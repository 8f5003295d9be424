//! The program on a large stream: scrub against `cat`, and a change of recipients.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::{Bed, Result, spread};

const ROUNDS: usize = 9;

/// Times `sv2 verify` without a key against `cat`, and `sv2 recipients add`.
pub(crate) fn measure(bed: &Bed, folder: &Path, program: &Path) -> Result<()> {
    let run = |command: &mut Command| -> Result<Duration> {
        let begun = Instant::now();
        let status = command.stdout(Stdio::null()).stderr(Stdio::inherit()).status()?;
        let time = begun.elapsed();
        if status.success() { Ok(time) } else { Err(format!("{command:?}: {status}").into()) }
    };
    let (mut scrubs, mut cats) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        cats.push(run(Command::new("sh")
            .arg("-c")
            .arg("cat \"$0\" > /dev/null")
            .arg(&bed.stream))?);
        scrubs.push(run(Command::new(program).arg("verify").arg(&bed.stream))?);
    }
    tell("sv2 verify without a key", spread(scrubs.clone()));
    tell("cat FILE > /dev/null", spread(cats.clone()));
    let ratio = spread(scrubs).0.as_secs_f64() / spread(cats).0.as_secs_f64();
    println!("scrub / cat: {ratio:.2}");

    let identity = folder.join("reads.identity");
    let slotted = folder.join("reads-slotted.sv2");
    let made = Command::new(program).arg("keygen").arg("-o").arg(&identity).output()?;
    let recipient = String::from_utf8(made.stdout)?.trim().to_owned();
    let key = folder.join("reads.key");
    std::fs::write(&key, bed.key.expose())?;
    let again = "\"$0\" decrypt -K \"$1\" \"$2\" -o - | \"$0\" encrypt --header-size 16K -r \"$3\" -o \"$4\"";
    let mut shell = Command::new("sh");
    shell.args(["-c", again]).arg(program).arg(&key).arg(&bed.stream).arg(&recipient).arg(&slotted);
    run(&mut shell)?;
    let mut adds = Vec::new();
    for _ in 0..ROUNDS {
        let mut add = Command::new(program);
        add.args(["recipients", "add", "-q", "-r", &recipient, "-i"]).arg(&identity).arg(&slotted);
        adds.push(run(&mut add)?);
    }
    tell("sv2 recipients add", spread(adds));
    for file in [&identity, &slotted, &key] {
        std::fs::remove_file(file)?;
    }
    Ok(())
}

fn tell(what: &str, (median, shortest, longest): (Duration, Duration, Duration)) {
    println!(
        "{what}: median {:.4} s, {:.4} to {:.4} s of {ROUNDS} in turns",
        median.as_secs_f64(),
        shortest.as_secs_f64(),
        longest.as_secs_f64()
    );
}
