//! `cargo xtask parts --kills N`: workers of one stream of parts, killed at random moments, and what
//! the finisher makes of what they left.
//!
//! Two workers at a time seal parts of the same plan, the same parts among them, and each is killed
//! somewhere between its start and a little behind its usual end. After every pair the stream is
//! finished as it is: that ends in an error that names a part, or in a stream that opens to the
//! whole plaintext, and never in anything between. In the end the parts that are named are sealed
//! again until the stream is whole. No salt may come twice in all the receipts.

use crate::bench;
use crate::report::{Failure, Outcome};
use crate::torture::bed::Bed;
use crate::torture::dice::{Dice, any_seed};
use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

const USAGE: &str = "\
usage: cargo xtask parts [--kills N] [--seed S] [--size 4M] [--program FILE]
  --kills    how many in all (default 20); a worker that ends by itself is none
  --seed     where the moments come from; a new one each time unless given
  --size     bytes of plaintext, with K, M or G (default 4M)
  --program  the program to kill; without it the unoptimised one is built";

/// Kills of one plan, before it is finished and another one begun.
const OF_A_PLAN: usize = 10;

/// Bytes of a receipt before its entries, of an entry, and behind them.
const HEAD: usize = 48;
const ENTRY: usize = 32;
const MAC: usize = 32;

/// Workers of one plan that end by themselves before the rest of its kills is given up.
const PATIENCE: usize = 10 * OF_A_PLAN;

/// What was seen.
#[derive(Default)]
struct Tally {
    kills: usize,
    /// Workers that had ended when they were to be killed.
    ended: usize,
    streams: usize,
    /// Finishes that were refused with the name of a part.
    refused: usize,
    /// Finishes in the middle that made a whole stream.
    early: usize,
    /// Parts that were sealed again because a finish named them.
    again: usize,
    /// Attempts that left a receipt, and their segments.
    attempts: usize,
    salts: usize,
}

/// Kills workers, and says what became of their streams.
pub(crate) fn run(args: &[String]) -> Outcome {
    let (mut kills, mut seed, mut size) = (20usize, any_seed(), 4 << 20);
    let mut program: Option<PathBuf> = None;
    for pair in args.chunks(2) {
        let [option, value] = pair else { return Err(Failure::new(USAGE)) };
        let read = match option.as_str() {
            "--kills" => value.parse().ok().filter(|&found| found > 0).map(|found| kills = found),
            "--seed" => value.parse().ok().map(|found| seed = found),
            "--size" => bench::parse_size(value).map(|found| size = found),
            "--program" => {
                program = Some(PathBuf::from(value));
                Some(())
            }
            _ => None,
        };
        read.ok_or_else(|| Failure::new(USAGE))?;
    }
    println!("seed {seed}, {size} bytes of plaintext");
    let program = match program {
        Some(program) => program.canonicalize()?,
        None => bench::build(true)?,
    };
    let bed = Bed::new(program, None, size)?;
    let mut dice = Dice::new(seed);
    let mut tally = Tally::default();
    while tally.kills < kills {
        let job = Job::plan(&bed, size)?;
        let most = (kills - tally.kills).min(OF_A_PLAN);
        job.round(&mut dice, most, &mut tally)
            .map_err(|failure| Failure::new(format!("kill {}: {failure}", tally.kills)))?;
    }
    println!(
        "kills  ended before  streams  finishes refused  whole before the end  parts sealed again  attempts  salts"
    );
    println!(
        "{:5} {:13} {:8} {:17} {:21} {:19} {:9} {:6}",
        tally.kills,
        tally.ended,
        tally.streams,
        tally.refused,
        tally.early,
        tally.again,
        tally.attempts,
        tally.salts
    );
    Ok(format!("{} kills with seed {seed}, every stream whole or refused", tally.kills))
}

/// One plan and its workers.
struct Job<'b> {
    bed: &'b Bed,
    parts: u32,
    /// Segments of each part.
    segments: Vec<usize>,
    usual: Duration,
    identity: String,
    job: String,
}

impl<'b> Job<'b> {
    /// Plans a stream of about eight parts, and sees how long a worker takes for all of them.
    fn plan(bed: &'b Bed, size: u64) -> Outcome<Self> {
        bed.reset(&["plain"])?;
        let (own, job) = (bed.recipient("id")?, bed.recipient("other")?);
        let part = ((size / 8).max(1 << 19) * 5 / 4).to_string();
        let mut args = vec!["parts", "plan", "plain", "-o", "plan", "--job", &job, "-r", &own];
        args.extend(["--no-self", "--segment-size", "256K", "--part-size", &part]);
        args.extend(["--min-part", "256K", "--json"]);
        let report = String::from_utf8_lossy(&bed.good(&args)?).into_owned();
        let segments = numbers(&report, "\"segments\":");
        let parts = segments.len() as u32;
        if segments.contains(&0) || parts < 2 {
            return Err(Failure::new(format!("the plan has no parts of segments: {report}")));
        }
        let planned = Self {
            bed,
            parts,
            segments,
            usual: Duration::ZERO,
            identity: bed.kept_name("id"),
            job: bed.kept_name("other"),
        };
        let started = Instant::now();
        planned.seal(&format!("1-{parts}"))?;
        let usual = started.elapsed();
        fs::remove_dir_all(bed.work("parts"))?;
        Ok(Self { usual, ..planned })
    }

    fn seal_args<'a>(&'a self, parts: &'a str) -> Vec<&'a str> {
        vec!["parts", "seal", "-i", &self.job, "-T", "1", "--part", parts, "plan", "plain", "parts"]
    }

    fn seal(&self, parts: &str) -> Outcome<()> {
        self.bed.good(&self.seal_args(parts)).map(drop)
    }

    /// Kills workers two at a time, finishes after each pair, and at last until it is done.
    fn round(&self, dice: &mut Dice, most: usize, tally: &mut Tally) -> Outcome<()> {
        let (mut done, mut ended) = (0, 0);
        while done < most && ended < PATIENCE {
            let pair: Vec<_> = (0..2)
                .map(|_| (self.some_parts(dice), dice.moment(self.usual + self.usual / 8)))
                .collect();
            let killed = std::thread::scope(|scope| {
                let kill = |(parts, moment): &(String, Duration)| {
                    self.bed.kill_after(&self.seal_args(parts), *moment)
                };
                let workers: Vec<_> =
                    pair.iter().map(|one| scope.spawn(move || kill(one))).collect();
                let joined = workers.into_iter().map(|worker| match worker.join() {
                    Ok(killed) => killed,
                    Err(_) => Err(Failure::new("a thread of this program panicked")),
                });
                joined.collect::<Outcome<Vec<bool>>>()
            })?;
            let now = killed.iter().filter(|killed| **killed).count();
            done += now;
            ended += killed.len() - now;
            match self.finish()? {
                None => {
                    tally.early += 1;
                    self.judge()?;
                }
                Some(_) => tally.refused += 1,
            }
        }
        if done == 0 {
            return Err(Failure::new("no worker was killed, all had ended"));
        }
        tally.kills += done;
        tally.ended += ended;
        while let Some(part) = self.finish()? {
            self.seal(&part.to_string())?;
            tally.again += 1;
            if tally.again > 100 * (tally.streams + 1) * self.parts as usize {
                return Err(Failure::new(format!("part {part} is asked for again and again")));
            }
        }
        self.judge()?;
        tally.streams += 1;
        self.count_salts(tally)
    }

    fn some_parts(&self, dice: &mut Dice) -> String {
        let first = 1 + dice.below(self.parts.into());
        let last = first + dice.below(u64::from(self.parts) - first + 1);
        format!("{first}-{last}")
    }

    /// Finishes the stream; or the part that keeps it from that.
    fn finish(&self) -> Outcome<Option<u32>> {
        let args = ["parts", "finish", "-f", "-i", &self.identity, "plan", "parts"];
        fs::create_dir_all(self.bed.work("parts"))?;
        let output = crate::torture::bed::in_time(self.bed.command(&args))?;
        if output.status.success() {
            return Ok(None);
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let number = said.split(" part ").nth(1).and_then(|rest| {
            rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok()
        });
        match (output.status.code(), number) {
            (Some(7), Some(part)) => Ok(Some(part)),
            _ => Err(Failure::new(format!("finish ended with {}: {said}", output.status))),
        }
    }

    /// The parts one after the other are the stream, and it opens to the whole plaintext.
    fn judge(&self) -> Outcome<()> {
        let mut stream = Vec::new();
        for part in 1..=self.parts + 1 {
            stream.extend(fs::read(self.bed.work(&format!("parts/part-{part:05}")))?);
        }
        fs::write(self.bed.work("stream"), stream)?;
        if self.bed.opened("stream")? != self.bed.plaintext {
            return Err(Failure::new("the stream is not the whole of the plaintext"));
        }
        self.bed.good(&["verify", "-i", &self.identity, "stream"]).map(drop)
    }

    /// No salt stands in two receipts, nor twice in one, and every receipt has one for each segment
    /// of its part.
    fn count_salts(&self, tally: &mut Tally) -> Outcome<()> {
        let (mut salts, mut sealed) = (HashSet::new(), HashSet::new());
        for entry in fs::read_dir(self.bed.work("parts"))? {
            let path = entry?.path();
            if path.extension().is_none_or(|extension| extension != "receipt") {
                continue;
            }
            tally.attempts += 1;
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let part = numbers(&name, "part-").first().copied().unwrap_or_default();
            let segments = part.checked_sub(1).and_then(|part| self.segments.get(part));
            let receipt = fs::read(&path)?;
            let found = salts_of(&receipt);
            if found.is_empty() || segments != Some(&found.len()) {
                let (found, segments) = (found.len(), segments.unwrap_or(&0));
                return Err(Failure::new(format!("{name}: {found} salts of {segments} segments")));
            }
            for salt in found {
                if !salts.insert(salt) {
                    return Err(Failure::new(format!("a salt comes twice: {name}")));
                }
            }
            sealed.insert(part);
        }
        if sealed.len() != self.segments.len() {
            return Err(Failure::new("a stream is whole, and not every part has a receipt"));
        }
        tally.salts += salts.len();
        fs::remove_dir_all(self.bed.work("parts"))?;
        Ok(())
    }
}

/// The salts in a receipt; none where it is of another shape.
fn salts_of(receipt: &[u8]) -> Vec<[u8; 24]> {
    let entries = receipt.get(HEAD..receipt.len().saturating_sub(MAC)).unwrap_or_default();
    if entries.len() % ENTRY != 0 {
        return Vec::new();
    }
    entries.chunks_exact(ENTRY).map(|entry| std::array::from_fn(|at| entry[at])).collect()
}

/// The numbers behind each of a word in a text.
fn numbers(text: &str, word: &str) -> Vec<usize> {
    let digits = |rest: &str| -> String {
        rest.trim_start().chars().take_while(char::is_ascii_digit).collect()
    };
    text.split(word).skip(1).filter_map(|rest| digits(rest).parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_of_another_shape_has_no_salts() {
        let whole: Vec<u8> = (0..HEAD + 2 * ENTRY + MAC).map(|at| at as u8).collect();
        let salts = salts_of(&whole);
        assert_eq!(salts.len(), 2);
        assert_eq!((salts[0][0], salts[1][23]), (48, 48 + 32 + 23));
        for len in [0, HEAD + MAC, HEAD + ENTRY + MAC - 1, HEAD + ENTRY + MAC + 1] {
            assert!(salts_of(&vec![0; len]).is_empty(), "{len}");
        }
    }

    #[test]
    fn numbers_are_those_behind_the_word() {
        assert_eq!(
            numbers(r#"{"segments":12,"first_segment":3,"segments": 4}"#, "\"segments\":"),
            [12, 4]
        );
        assert_eq!(numbers("part-00007.ab", "part-"), [7]);
        assert!(numbers("nothing", "part-").is_empty());
    }
}
