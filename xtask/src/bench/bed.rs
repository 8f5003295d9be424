//! The files of a run and the programs at hand.

use super::machine::readable;
use super::measure::{Line, Stage, run_once};
use crate::report::{Failure, Outcome};
use crate::shell;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// A folder in memory on most systems.
const MEMORY: &str = "/dev/shm";
/// The key of openssl's runs, which are not about keys.
pub(super) const HEX_KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// Files, keys and programs of a run; the folder is removed at the end.
#[derive(Debug)]
pub(super) struct Bed {
    pub(super) sv2: PathBuf,
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
        let rivals = Rivals::find();
        let mut bed = Self { sv2, size, file_system, rivals, recipient: None, folder };
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
        if let (Some(recipient), Some(age)) = (&self.recipient, self.rivals.age_like()) {
            lines.push(to(Stage::new(age, &["-r", recipient, &plain]), "plain.age"));
        }
        if self.rivals.has("openssl") {
            lines.push(to(openssl(&["-in", &plain]), "plain.ctr"));
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
        let identity = self.name("identity.txt");
        for (rival, keygen) in [("age", "age-keygen"), ("rage", "rage-keygen")] {
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
        // What cannot be removed is in a folder for such things.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// openssl with the cipher and key of all its runs.
pub(super) fn openssl(args: &[&str]) -> Stage {
    let iv = &HEX_KEY[..32];
    let mut all = vec!["enc", "-aes-256-ctr", "-K", HEX_KEY, "-iv", iv];
    all.extend(args);
    Stage::new("openssl", &all)
}

/// The line of an identity file that names its recipient.
fn recipient_in(text: &str) -> Option<String> {
    text.lines()
        .find_map(|line| line.strip_prefix("# public key: "))
        .map(|key| key.trim().to_owned())
}

/// A program that sv2 is measured against.
struct Rival {
    name: &'static str,
    version_args: &'static [&'static str],
    /// How it is installed.
    hint: &'static str,
}

const RIVALS: [Rival; 5] = [
    Rival { name: "cat", version_args: &["--version"], hint: "apt-get install coreutils" },
    Rival { name: "cp", version_args: &["--version"], hint: "apt-get install coreutils" },
    Rival { name: "age", version_args: &["--version"], hint: "apt-get install age" },
    Rival { name: "rage", version_args: &["--version"], hint: "cargo install rage" },
    Rival { name: "openssl", version_args: &["version"], hint: "apt-get install openssl" },
];

/// Which programs are there, with what they say of their version.
#[derive(Debug)]
pub(super) struct Rivals(Vec<(&'static str, Option<String>, &'static str)>);

impl Rivals {
    fn find() -> Self {
        let version = |rival: &Rival| {
            let text = shell::probe(shell::program(rival.name, rival.version_args))?;
            text.lines().next().map(str::to_owned)
        };
        Self(RIVALS.iter().map(|rival| (rival.name, version(rival), rival.hint)).collect())
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(rival, version, _)| *rival == name && version.is_some())
    }

    /// A program that writes age's format.
    fn age_like(&self) -> Option<&'static str> {
        ["age", "rage"].into_iter().find(|name| self.has(name))
    }

    /// A line for each program: its version, or how it is installed.
    pub(super) fn lines(&self) -> Vec<String> {
        let line = |(name, version, hint): &(&str, Option<String>, &str)| match version {
            Some(version) => format!("{name:8} {version}"),
            None => format!("{name:8} is missing; `{hint}`"),
        };
        self.0.iter().map(line).collect()
    }
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
    fn a_missing_program_is_named_with_the_way_to_install_it() {
        let rivals =
            Rivals(vec![("age", None, "apt-get install age"), ("cat", Some("cat 9".into()), "")]);
        assert_eq!(
            rivals.lines(),
            ["age      is missing; `apt-get install age`", "cat      cat 9"]
        );
        assert!(rivals.has("cat") && !rivals.has("age") && !rivals.has("rage"));
        assert_eq!(rivals.age_like(), None);
    }

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
