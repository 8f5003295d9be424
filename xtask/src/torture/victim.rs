//! The commands that are killed, and what must hold afterwards.

use super::bed::Bed;
use super::dice::Dice;
use crate::report::{Failure, Outcome};
use std::time::{Duration, Instant};

/// A command that is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Victim {
    Encrypt,
    Decrypt,
    ResumedEncrypt,
    ResumedDecrypt,
    Append,
    Recipients,
    RepairInPlace,
    RepairCopy,
}

/// All of them.
pub(super) const VICTIMS: [Victim; 8] = [
    Victim::Encrypt,
    Victim::Decrypt,
    Victim::ResumedEncrypt,
    Victim::ResumedDecrypt,
    Victim::Append,
    Victim::Recipients,
    Victim::RepairInPlace,
    Victim::RepairCopy,
];

/// What a kill hit, as far as the folder tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing was begun.
    Before,
    /// Something was left that is not finished.
    During,
    /// The result was there.
    After,
}

/// What became of one round.
pub(super) struct Round {
    pub(super) phase: Phase,
    pub(super) killed_again: usize,
    /// Whether the program said that it kept something of the runs that were killed.
    pub(super) kept: bool,
}

/// What the program says where it kept something, see `sv2 encrypt --resume`.
const KEPT: &str = "segments were done before and kept";

/// The most kills of the same job, one after the other.
const CHAIN: usize = 4;

impl Victim {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Encrypt => "encrypt",
            Self::Decrypt => "decrypt",
            Self::ResumedEncrypt => "encrypt --resume",
            Self::ResumedDecrypt => "decrypt --resume",
            Self::Append => "append",
            Self::Recipients => "recipients add",
            Self::RepairInPlace => "repair -f",
            Self::RepairCopy => "repair -o",
        }
    }

    /// Whether the command goes on from what a killed one left.
    pub(super) fn is_resumed(self) -> bool {
        matches!(self, Self::ResumedEncrypt | Self::ResumedDecrypt)
    }

    /// Whether the program knows the command.
    fn exists(self, bed: &Bed) -> bool {
        match self {
            Self::Encrypt | Self::Decrypt => true,
            Self::ResumedEncrypt => bed.helps("encrypt", "--resume"),
            Self::ResumedDecrypt => bed.helps("decrypt", "--resume"),
            Self::Append => bed.helps("append", "append"),
            Self::Recipients => bed.helps("recipients", "add"),
            Self::RepairInPlace | Self::RepairCopy => bed.helps("repair", "parity"),
        }
    }

    /// How long the command takes when nobody kills it; nothing where the program lacks it.
    pub(super) fn usual_time(self, bed: &Bed) -> Outcome<Option<Duration>> {
        if !self.exists(bed) {
            return Ok(None);
        }
        let mut times = Vec::new();
        for _ in 0..3 {
            bed.reset(self.inputs())?;
            let started = Instant::now();
            self.finish(bed)?;
            times.push(started.elapsed());
            self.judge(bed, Phase::After)?;
        }
        times.sort();
        Ok(Some(times[1]))
    }

    /// One round: kill, look, continue (which may be killed again), and judge the result.
    pub(super) fn round(self, bed: &Bed, dice: &mut Dice, usual: Duration) -> Outcome<Round> {
        bed.reset(self.inputs())?;
        let args = self.args(bed)?;
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let most = usual + usual / 8;
        bed.kill_after(&args, dice.moment(most))?;
        let phase = self.phase(bed)?;
        let mut killed_again = 0;
        while self.phase(bed)? == Phase::During && killed_again + 1 < CHAIN && dice.one_in(2) {
            bed.kill_after(&args, dice.moment(most))?;
            killed_again += 1;
        }
        let kept = self.judge(bed, phase)?;
        Ok(Round { phase, killed_again, kept })
    }

    /// What the command starts from.
    fn inputs(self) -> &'static [&'static str] {
        match self {
            Self::Encrypt | Self::ResumedEncrypt => &["plain"],
            Self::RepairInPlace | Self::RepairCopy => &["damaged", "damaged.par"],
            _ => &["stream"],
        }
    }

    fn output(self) -> &'static str {
        match self {
            Self::Encrypt | Self::ResumedEncrypt => "out.sv2",
            _ => "out",
        }
    }

    fn args(self, bed: &Bed) -> Outcome<Vec<String>> {
        let identity = bed.kept_name("id");
        let args: Vec<String> = match self {
            Self::Encrypt | Self::ResumedEncrypt => {
                let recipient = bed.recipient("id")?;
                let mut args = vec!["encrypt", "plain", "-r", &recipient, "-o", self.output()];
                args.extend(["--segment-size", "256K"]);
                if self == Self::ResumedEncrypt {
                    args.extend(["--resume", "-i", &identity]);
                }
                owned(&args)
            }
            Self::Decrypt => owned(&["decrypt", "stream", "-i", &identity, "-o", self.output()]),
            Self::ResumedDecrypt => {
                owned(&["decrypt", "stream", "-i", &identity, "-o", self.output(), "--resume"])
            }
            Self::Append => owned(&["append", "-i", &identity, "stream", &bed.kept_name("more")]),
            Self::Recipients => {
                let other = bed.recipient("other")?;
                owned(&["recipients", "add", "-i", &identity, "-r", &other, "stream"])
            }
            Self::RepairInPlace => owned(&["repair", "-f", "damaged"]),
            Self::RepairCopy => owned(&["repair", "-o", self.output(), "damaged"]),
        };
        Ok(args)
    }

    /// Runs the command to its end, and tells whether it kept something of an earlier run.
    fn finish(self, bed: &Bed) -> Outcome<bool> {
        let args = self.args(bed)?;
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let output = bed.ended_well(&args)?;
        Ok(String::from_utf8_lossy(&output.stderr).contains(KEPT))
    }

    /// What the folder tells of how far the command came.
    fn phase(self, bed: &Bed) -> Outcome<Phase> {
        let left = bed.left()?;
        let more = left
            .iter()
            .any(|name| !self.inputs().contains(&name.as_str()) && name != self.output());
        Ok(match self {
            _ if left.iter().any(|name| name == self.output()) => Phase::After,
            _ if more => Phase::During,
            Self::Append | Self::Recipients if is_changed(bed, "stream")? => Phase::After,
            Self::RepairInPlace if is_whole(bed)? => Phase::After,
            Self::RepairInPlace if is_changed(bed, "damaged")? => Phase::During,
            _ => Phase::Before,
        })
    }

    /// What must hold after a kill in this phase, now and when the work was continued; tells
    /// whether something was kept then.
    fn judge(self, bed: &Bed, phase: Phase) -> Outcome<bool> {
        if matches!(self, Self::Append | Self::Recipients) {
            self.judge_change(bed)?;
            return Ok(false);
        }
        if self == Self::RepairInPlace {
            return judge_repair(bed).map(|()| false);
        }
        let is_there = bed.left()?.iter().any(|name| name == self.output());
        let kept = if is_there { false } else { self.finish(bed)? };
        let content = match self {
            Self::Encrypt | Self::ResumedEncrypt | Self::RepairCopy => bed.opened(self.output())?,
            _ => bed.content(self.output()).unwrap_or_default(),
        };
        require(content == bed.plaintext, "the result is not the whole of what it was made of")?;
        if self.is_resumed() && phase != Phase::After {
            let left = bed.left()?;
            let is_clean = left.len() == self.inputs().len() + 1;
            require(is_clean, &format!("something is left behind: {left:?}"))?;
        }
        Ok(kept)
    }

    /// After the next command that changes the stream, it is in its old or its new state.
    fn judge_change(self, bed: &Bed) -> Outcome<()> {
        let identity = bed.kept_name("id");
        bed.good(&["append", "-i", &identity, "stream", "/dev/null"])?;
        let left = bed.left()?;
        require(left == ["stream"], &format!("something is left behind: {left:?}"))?;
        let content = bed.opened("stream")?;
        let is_old = content == bed.plaintext;
        let is_new = content.len() == bed.plaintext.len() + bed.addition.len()
            && content.starts_with(&bed.plaintext)
            && content.ends_with(&bed.addition);
        require(is_old || self == Self::Append && is_new, "the stream is neither old nor new")?;
        bed.good(&["verify", "-i", &identity, "stream"]).map(drop)
    }
}

/// Whether a file of the round is not what the round began with.
fn is_changed(bed: &Bed, name: &str) -> Outcome<bool> {
    Ok(bed.content(name) != Some(std::fs::read(bed.kept(name))?))
}

/// Whether the file that is repaired in place is what it was before it was damaged.
fn is_whole(bed: &Bed) -> Outcome<bool> {
    Ok(bed.content("damaged") == Some(std::fs::read(bed.kept("stream"))?))
}

/// No byte is lost that was not lost before, and the next repair gives back all.
fn judge_repair(bed: &Bed) -> Outcome<()> {
    let whole = std::fs::read(bed.kept("stream"))?;
    let damaged = std::fs::read(bed.kept("damaged"))?;
    let now = bed.content("damaged").unwrap_or_default();
    let is_left = now.len() == whole.len()
        && now
            .iter()
            .zip(whole.iter().zip(&damaged))
            .all(|(now, (whole, damaged))| now == whole || now == damaged);
    require(is_left, "a byte is neither what it was nor what it was damaged to")?;
    bed.good(&["repair", "-f", "damaged"])?;
    require(is_whole(bed)?, "the second repair did not give everything back")?;
    let left = bed.left()?;
    require(left == ["damaged", "damaged.par"], &format!("something is left behind: {left:?}"))
}

fn owned(args: &[&str]) -> Vec<String> {
    args.iter().map(|arg| (*arg).to_owned()).collect()
}

fn require(holds: bool, message: &str) -> Outcome<()> {
    if holds { Ok(()) } else { Err(Failure::new(message)) }
}
