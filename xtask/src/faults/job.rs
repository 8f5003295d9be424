//! The commands that meet faults, and what must hold afterwards.

use crate::report::{Failure, Outcome};
use crate::torture::bed::Bed;
use std::fs;

/// A command.
pub(super) struct Job {
    pub(super) name: &'static str,
    /// What it starts from.
    pub(super) inputs: &'static [&'static str],
    /// Its arguments; `ID` and `MORE` stand for files, `OTHER` for a recipient.
    words: &'static [&'static str],
}

/// Every command that writes, and those that only read.
pub(super) const JOBS: [Job; 8] = [
    Job {
        name: "encrypt",
        inputs: &["plain"],
        words: &["encrypt", "plain", "-i", "ID", "--segment-size", "64K", "-T", "2", "-o", "out"],
    },
    Job {
        name: "encrypt small",
        inputs: &["plain"],
        words: &["encrypt", "plain", "-i", "ID", "-T", "1", "-o", "out"],
    },
    Job {
        name: "decrypt",
        inputs: &["stream"],
        words: &["decrypt", "stream", "-i", "ID", "-T", "2", "-o", "out"],
    },
    Job { name: "append", inputs: &["stream"], words: &["append", "-i", "ID", "stream", "MORE"] },
    Job {
        name: "recipients add",
        inputs: &["stream"],
        words: &["recipients", "add", "-i", "ID", "-r", "OTHER", "stream"],
    },
    Job { name: "verify", inputs: &["stream"], words: &["verify", "-i", "ID", "stream"] },
    Job { name: "scrub", inputs: &["stream"], words: &["verify", "stream"] },
    Job { name: "inspect", inputs: &["stream"], words: &["inspect", "stream"] },
];

impl Job {
    /// Whether the program knows the command.
    pub(super) fn exists(&self, bed: &Bed) -> bool {
        bed.helps(self.words[0], "sv2")
    }

    pub(super) fn args(&self, bed: &Bed) -> Outcome<Vec<String>> {
        self.words
            .iter()
            .map(|word| match *word {
                "ID" => Ok(bed.kept_name("id")),
                "MORE" => Ok(bed.kept_name("more")),
                "OTHER" => bed.recipient("other"),
                word => Ok(word.to_owned()),
            })
            .collect()
    }

    fn writes(&self) -> bool {
        self.words.contains(&"out")
    }

    /// Whether the command tells damage on standard output.
    pub(super) fn looks(&self) -> bool {
        matches!(self.words[0], "verify" | "inspect")
    }

    fn changes(&self) -> bool {
        matches!(self.words[0], "append" | "recipients")
    }

    /// What must hold when the command has ended well.
    pub(super) fn judge(&self, bed: &Bed) -> Outcome<()> {
        let content = match self.words[0] {
            "encrypt" => bed.opened("out")?,
            "decrypt" => bed.content("out").unwrap_or_default(),
            "append" => bed.opened("stream")?,
            _ => bed.plaintext.clone(),
        };
        let expected = match self.words[0] {
            "append" => [&bed.plaintext[..], &bed.addition].concat(),
            _ => bed.plaintext.clone(),
        };
        if content != expected {
            return Err(Failure::new("it ended well with another result"));
        }
        self.nothing_more(bed, "")
    }

    /// What must hold when it has failed, after a fault in `call`.
    pub(super) fn judge_failed(&self, bed: &Bed, call: &str) -> Outcome<()> {
        if self.changes() {
            // Whatever was left, the next change settles it.
            bed.good(&["append", "-i", &bed.kept_name("id"), "stream", "/dev/null"])?;
            let content = bed.opened("stream")?;
            let is_new = content.len() > bed.plaintext.len() && content.ends_with(&bed.addition);
            if !(content.starts_with(&bed.plaintext) && (content == bed.plaintext || is_new)) {
                return Err(Failure::new("the stream is neither old nor new"));
            }
            return self.nothing_more(bed, call);
        }
        // A name that was given, and could then not be made durable, has the whole behind it.
        if self.writes() && bed.left()?.iter().any(|name| name == "out") {
            return self.judge(bed);
        }
        self.nothing_more(bed, call)
    }

    /// Nothing but inputs and the output is there, and the inputs are as they were.
    fn nothing_more(&self, bed: &Bed, call: &str) -> Outcome<()> {
        for name in bed.left()? {
            let known = self.inputs.contains(&name.as_str()) || self.writes() && name == "out";
            // What cannot be removed stays.
            if !known && !call.starts_with("unlink") {
                return Err(Failure::new(format!("'{name}' is left behind")));
            }
        }
        if !self.changes() {
            for name in self.inputs {
                if bed.content(name) != Some(fs::read(bed.kept(name))?) {
                    return Err(Failure::new(format!("the input '{name}' was changed")));
                }
            }
        }
        Ok(())
    }
}
