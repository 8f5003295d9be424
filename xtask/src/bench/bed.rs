//! The files of a run and the programs at hand.

use super::cases::Way;
use super::machine::readable;
use super::measure::{Line, Stage, run_once};
use super::rivals::{PASSPHRASE, Rival, Rivals};
use crate::report::{Failure, Outcome};
use crate::shell;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// A folder in memory on most systems.
const MEMORY: &str = "/dev/shm";

/// Files, keys and programs of a run; the folder is removed at the end.
#[derive(Debug)]
pub(super) struct Bed {
    pub(super) sv2: PathBuf,
    /// Where cargo put it, and examples below that.
    pub(super) programs: PathBuf,
    pub(super) size: u64,
    /// The kind of file system that the files are on.
    pub(super) file_system: String,
    pub(super) rivals: Rivals,
    /// What age encrypts to, where age or rage is there.
    pub(super) recipient: Option<String>,
    folder: PathBuf,
}

impl Bed {
    /// Makes a folder with room for `copies` times `size`, the plaintext and the keys.
    pub(super) fn new(
        sv2: PathBuf,
        folder: Option<&Path>,
        size: u64,
        copies: u64,
    ) -> Outcome<Self> {
        let needed = size.saturating_mul(copies);
        let parent = match folder {
            Some(folder) => folder.to_owned(),
            None if has_room(Path::new(MEMORY), needed) => PathBuf::from(MEMORY),
            None => {
                println!("no {} in {MEMORY}: files go to a disk", readable(needed));
                std::env::temp_dir()
            }
        };
        if free(&parent).is_some_and(|free| free < needed) {
            let parent = parent.display();
            return Err(Failure::new(format!("no {} in {parent}", readable(needed))));
        }
        let folder = parent.join(format!("sv2-bench-{}", std::process::id()));
        fs::create_dir(&folder)?;
        let file_system = file_system(&folder);
        let programs = sv2.parent().map(Path::to_owned).unwrap_or_default();
        let rivals = Rivals::find(&programs);
        let mut bed = Self { sv2, programs, size, file_system, rivals, recipient: None, folder };
        bed.make_plaintext()?;
        bed.make_keys()?;
        Ok(bed)
    }

    /// A file of the bed.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The same as text; the names are ours and the folder's is the caller's.
    pub(super) fn name(&self, name: &str) -> String {
        self.path(name).to_string_lossy().into_owned()
    }

    /// A call of sv2 with the raw key.
    pub(super) fn sv2(&self, verb: &str, args: &[&str]) -> Stage {
        let key = self.name("raw.key");
        let mut all = vec![verb, "-q", "-K", &key];
        all.extend(args);
        Stage::new(&self.sv2.to_string_lossy(), &all)
    }

    /// Encrypts the plaintext once with every program, for the runs that decrypt.
    pub(super) fn prepare_streams(&self) -> Outcome<()> {
        let plain = self.name("plain");
        let to = |stage: Stage, name: &str| Line::new("", vec![stage]).into(self.path(name));
        let mut lines = vec![to(self.sv2("encrypt", &["-o", "-", &plain]), "plain.sv2")];
        for rival in self.rivals.present() {
            // What both write is made once.
            if rival == Rival::Rage && self.rivals.has(Rival::Age) {
                continue;
            }
            lines.extend(rival.line(self, Way::Encrypt, &plain, self.path(rival.stream())));
        }
        for line in lines {
            run_once(&line)?;
        }
        Ok(())
    }

    fn make_plaintext(&self) -> Outcome<()> {
        let mut random = File::open("/dev/urandom")?.take(self.size);
        let made = io::copy(&mut random, &mut File::create(self.path("plain"))?)?;
        match made == self.size {
            true => Ok(()),
            false => Err(Failure::new("/dev/urandom ended")),
        }
    }

    fn make_keys(&mut self) -> Outcome<()> {
        let mut key = [0; 32];
        File::open("/dev/urandom")?.read_exact(&mut key)?;
        fs::write(self.path("raw.key"), key)?;
        fs::write(self.path("secret"), PASSPHRASE)?;
        if self.rivals.has(Rival::Gpg) {
            fs::DirBuilder::new().mode(0o700).create(self.path("gpg"))?;
        }
        let identity = self.name("identity.txt");
        for (rival, keygen) in [(Rival::Age, "age-keygen"), (Rival::Rage, "rage-keygen")] {
            if self.recipient.is_none() && self.rivals.has(rival) {
                let args = ["-o", identity.as_str()];
                let made = shell::probe(shell::program(keygen, &args));
                let text = made.and_then(|_| fs::read_to_string(&identity).ok());
                self.recipient = text.as_deref().and_then(recipient_in);
            }
        }
        Ok(())
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        if self.rivals.has(Rival::Gpg) {
            let home = self.name("gpg");
            // Its agent would outlive the run.
            shell::probe(shell::program("gpgconf", &["--homedir", &home, "--kill", "all"]));
        }
        // What cannot be removed is in a folder for such things.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The line of an identity file that names its recipient.
fn recipient_in(text: &str) -> Option<String> {
    text.lines()
        .find_map(|line| line.strip_prefix("# public key: "))
        .map(|key| key.trim().to_owned())
}

/// Whether a folder is there and has room; a folder in memory must not take all memory.
fn has_room(folder: &Path, needed: u64) -> bool {
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let available = meminfo.lines().find_map(|line| {
        let kib = line.strip_prefix("MemAvailable:")?.trim().strip_suffix("kB")?;
        kib.trim().parse::<u64>().ok()
    });
    let spare = available.is_none_or(|kib| kib.saturating_mul(1 << 10) / 4 * 3 >= needed);
    spare && free(folder).is_some_and(|free| free >= needed)
}

/// Free bytes in a folder, where `df` tells.
fn free(folder: &Path) -> Option<u64> {
    let text = shell::probe(shell::program("df", &["-Pk", &folder.to_string_lossy()]))?;
    let kib: u64 = text.lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()?;
    kib.checked_mul(1 << 10)
}

fn file_system(folder: &Path) -> String {
    let text = shell::probe(shell::program("stat", &["-fc", "%T", &folder.to_string_lossy()]));
    text.map_or_else(|| "a file system without a name".to_owned(), |text| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recipient_is_found_in_an_identity_file() {
        let text = "# created: x\n# public key: age1abc\nAGE-SECRET-KEY-1X\n";
        assert_eq!(recipient_in(text).as_deref(), Some("age1abc"));
    }

    #[test]
    fn a_folder_that_does_not_exist_has_no_room() {
        assert!(!has_room(Path::new("/no/such/folder"), 0));
    }
}
