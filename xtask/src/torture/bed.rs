//! A folder with inputs, and the program run in it.

use super::output_of;
use crate::report::{Failure, Outcome};
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

/// Longer than any command here takes; one that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// The inputs, which no round changes, and the folder in which a round works.
pub(crate) struct Bed {
    program: PathBuf,
    folder: PathBuf,
    pub(crate) plaintext: Vec<u8>,
    pub(crate) addition: Vec<u8>,
}

impl Bed {
    /// Makes the folder and everything in it that the rounds start from.
    pub(crate) fn new(program: PathBuf, folder: Option<&Path>, size: u64) -> Outcome<Self> {
        let memory = Path::new("/dev/shm");
        let parent = match folder {
            Some(folder) => folder.to_owned(),
            None if memory.is_dir() => memory.to_owned(),
            None => std::env::temp_dir(),
        };
        let folder = parent.join(format!("sv2-torture-{}", std::process::id()));
        fs::create_dir_all(folder.join("work"))?;
        let painted = |len: u64| (0..len).map(|at| (at % 251) as u8).collect::<Vec<u8>>();
        let (plaintext, addition) = (painted(size), painted(size / 2 + 1));
        let bed = Self { program, folder, plaintext, addition };
        fs::write(bed.kept("plain"), &bed.plaintext)?;
        fs::write(bed.kept("more"), &bed.addition)?;
        for name in ["id", "other"] {
            bed.good(&["keygen", "-o", &bed.kept_name(name)])?;
        }
        let recipient = bed.recipient("id")?;
        let (plain, stream) = (bed.kept_name("plain"), bed.kept_name("stream"));
        // Small segments, so that a kill finds many of them under way.
        bed.good(&["encrypt", "-r", &recipient, "--segment-size", "256K", &plain, "-o", &stream])?;
        if bed.helps("protect", "parity") {
            bed.damage()?;
        }
        Ok(bed)
    }

    /// A copy of the stream with a parity file, of which about half of what that covers is damaged.
    fn damage(&self) -> Outcome<()> {
        let damaged = self.kept("damaged");
        fs::copy(self.kept("stream"), &damaged)?;
        self.good(&["protect", &self.kept_name("damaged")])?;
        let mut bytes = fs::read(&damaged)?;
        // A small file has small blocks; of 40 each time one is bad, of 20 one may be.
        let block = bytes.len().div_ceil(1920).next_power_of_two().clamp(4096, 1 << 16);
        for at in (0..bytes.len()).step_by(40 * block) {
            bytes[at] ^= 0x55;
        }
        fs::write(&damaged, bytes)?;
        Ok(())
    }

    /// A file that the rounds start from.
    pub(crate) fn kept(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub(crate) fn kept_name(&self, name: &str) -> String {
        self.kept(name).to_string_lossy().into_owned()
    }

    /// A file of the round.
    pub(crate) fn work(&self, name: &str) -> PathBuf {
        self.folder.join("work").join(name)
    }

    /// The public half of an identity file.
    pub(crate) fn recipient(&self, name: &str) -> Outcome<String> {
        let text = fs::read_to_string(self.kept(name))?;
        let start =
            text.find("age1").ok_or_else(|| Failure::new("no recipient in a new identity"))?;
        Ok(text[start..].split_whitespace().next().unwrap_or_default().to_owned())
    }

    /// Removes what a round left and puts copies of these files there.
    pub(crate) fn reset(&self, names: &[&str]) -> Outcome<()> {
        for name in self.left()? {
            fs::remove_file(self.work(&name))?;
        }
        for name in names {
            fs::copy(self.kept(name), self.work(name))?;
        }
        Ok(())
    }

    /// The names in the folder of the round.
    pub(crate) fn left(&self) -> Outcome<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.folder.join("work"))? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    }

    /// The program with arguments, in the folder of the round.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        self.behind(&[], args)
    }

    /// The program behind another one, which gets the program's name and arguments as its own last.
    pub(crate) fn behind(&self, wrapper: &[&str], args: &[&str]) -> Command {
        let mut command = match wrapper {
            [] => Command::new(&self.program),
            [name, options @ ..] => {
                let mut command = Command::new(name);
                command.args(options).arg(&self.program);
                command
            }
        };
        command
            .args(args)
            .current_dir(self.folder.join("work"))
            .env("HOME", &self.folder)
            .env_remove("SV2_IDENTITY")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Whether the help of a command exists and mentions something.
    pub(crate) fn helps(&self, command: &str, word: &str) -> bool {
        let output = self.command(&[command, "--help"]).output();
        output.is_ok_and(|output| {
            output.status.success() && String::from_utf8_lossy(&output.stdout).contains(word)
        })
    }

    /// Runs the program, which must succeed in time, and gives its standard output.
    pub(crate) fn good(&self, args: &[&str]) -> Outcome<Vec<u8>> {
        self.ended_well(args).map(|output| output.stdout)
    }

    /// Runs the program, which must succeed in time.
    pub(crate) fn ended_well(&self, args: &[&str]) -> Outcome<Output> {
        let output = in_time(self.command(args))?;
        if !output.status.success() {
            let (status, said) = (output.status, String::from_utf8_lossy(&output.stderr));
            return Err(Failure::new(format!("sv2 {}: {status}: {said}", args.join(" "))));
        }
        Ok(output)
    }

    /// Starts the program and kills it after a time, unless it has ended by then; whether it was
    /// killed.
    pub(crate) fn kill_after(&self, args: &[&str], moment: Duration) -> Outcome<bool> {
        let mut child = self.command(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        wait(moment);
        kill(&mut child)
    }

    /// A file's whole content, or nothing where there is no such file.
    pub(crate) fn content(&self, name: &str) -> Option<Vec<u8>> {
        fs::read(self.work(name)).ok()
    }

    /// The plaintext of a stream of the round.
    pub(crate) fn opened(&self, name: &str) -> Outcome<Vec<u8>> {
        let identity = self.kept_name("id");
        output_of(self.command(&["decrypt", "-i", &identity, name, "-o", "-"]))
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        // A folder that stays is a nuisance and no failure.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Runs a command to its end, which must come in time.
pub(crate) fn in_time(mut command: Command) -> Outcome<Output> {
    let line = format!("{command:?}");
    let (sender, ended) = channel();
    std::thread::spawn(move || {
        // Whoever waited has given up only when the run has failed anyway.
        let _ = sender.send(command.output());
    });
    match ended.recv_timeout(PATIENCE) {
        Ok(output) => Ok(output?),
        Err(_) => Err(Failure::new(format!("{line} hangs"))),
    }
}

/// The signal that a kill sends.
const SIGKILL: i32 = 9;

/// Waits for a moment that nothing announces.
fn wait(moment: Duration) {
    let (_never, silence) = channel::<()>();
    // Nobody sends, so this ends with the time.
    let _ = silence.recv_timeout(moment);
}

/// Kills a child and says whether that is what ended it; another signal is a crash of the program.
fn kill(child: &mut Child) -> Outcome<bool> {
    // One that ended by itself is told by its status.
    let _ = child.kill();
    let status = child.wait()?;
    match status.signal() {
        None => Ok(false),
        Some(SIGKILL) => Ok(true),
        Some(_) => Err(Failure::new(format!("the program ended by itself with {status}"))),
    }
}
