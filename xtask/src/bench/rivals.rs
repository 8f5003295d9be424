//! The programs that sv2 is measured against: how each is found, installed and called.

use super::bed::Bed;
use super::cases::Way;
use super::measure::{Line, Stage};
use crate::{shell, workspace};
use std::path::{Path, PathBuf};

/// The key of openssl's runs, which are not about keys.
const HEX_KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
/// The passphrase of programs that have no keys.
pub(super) const PASSPHRASE: &str = "measured";
/// Python with the package `cryptography`, as `cargo xtask adapters` makes it.
const PYTHON: &str = "target/adapters/environment/bin/python";
/// A program around `cryptography`'s streams.
const COBBLESTONE: &str = "crates/sv2-python/bench/cobblestone.py";

/// A program of the field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rival {
    Age,
    Rage,
    Openssl,
    Gpg,
    Zstd,
    Floe,
    Cobblestone,
    Concryptor,
}

const ALL: [Rival; 8] = [
    Rival::Age,
    Rival::Rage,
    Rival::Openssl,
    Rival::Gpg,
    Rival::Zstd,
    Rival::Floe,
    Rival::Cobblestone,
    Rival::Concryptor,
];

impl Rival {
    /// What tables call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Age => "age",
            Self::Rage => "rage",
            Self::Openssl => "openssl aes-256-ctr",
            Self::Gpg => "gpg, aes256",
            Self::Zstd => "zstd -1",
            Self::Floe => "fast-floe",
            Self::Cobblestone => "cobblestone",
            Self::Concryptor => "concryptor",
        }
    }

    /// The file of its stream.
    pub(super) fn stream(self) -> &'static str {
        match self {
            Self::Age | Self::Rage => "plain.age",
            Self::Openssl => "plain.ctr",
            Self::Gpg => "plain.gpg",
            Self::Zstd => "plain.zst",
            Self::Floe => "plain.floe",
            Self::Cobblestone => "plain.cobblestone",
            Self::Concryptor => "plain.concryptor",
        }
    }

    /// How it is installed.
    fn hint(self) -> &'static str {
        match self {
            Self::Age => "apt-get install age",
            Self::Rage => "cargo install rage",
            Self::Openssl => "apt-get install openssl",
            Self::Gpg => "apt-get install gnupg",
            Self::Zstd => "apt-get install zstd",
            Self::Floe => "cargo build --release -p sv2-core --example floe",
            Self::Cobblestone => "cargo xtask adapters",
            Self::Concryptor => "cargo install concryptor --version 1.0.5",
        }
    }

    /// The program, where its folder is not the search path's.
    fn program(self, programs: &Path) -> String {
        match self {
            Self::Age => "age".to_owned(),
            Self::Rage => "rage".to_owned(),
            Self::Openssl => "openssl".to_owned(),
            Self::Gpg => "gpg".to_owned(),
            Self::Zstd => "zstd".to_owned(),
            Self::Floe => programs.join("examples/floe").to_string_lossy().into_owned(),
            Self::Cobblestone => workspace::root().join(PYTHON).to_string_lossy().into_owned(),
            Self::Concryptor => "concryptor".to_owned(),
        }
    }

    /// What it says of its version, where it is there.
    fn version(self, programs: &Path) -> Option<String> {
        const PACKAGE: &str = "import cryptography\nfrom cryptography import cobblestone\n\
                               print('cryptography', cryptography.__version__)";
        let program = self.program(programs);
        let args: &[&str] = match self {
            Self::Openssl => &["version"],
            Self::Cobblestone => &["-c", PACKAGE],
            // It says no version, and is built together with what measures it.
            Self::Floe => return Path::new(&program).exists().then(|| "the crate".to_owned()),
            _ => &["--version"],
        };
        let text = shell::probe(shell::program(&program, args))?;
        text.lines().next().map(str::to_owned)
    }

    /// The program between `input` or its standard input and its standard output; nothing where it
    /// only works on files.
    pub(super) fn stage(self, bed: &Bed, way: Way, input: Option<&str>) -> Option<Stage> {
        let (identity, secret, home) =
            (bed.name("identity.txt"), bed.name("secret"), bed.name("gpg"));
        let iv = &HEX_KEY[..32];
        let script = workspace::root().join(COBBLESTONE).to_string_lossy().into_owned();
        let mut args: Vec<&str> = match (self, way) {
            (Self::Age | Self::Rage, Way::Encrypt) => vec!["-r", bed.recipient.as_deref()?],
            (Self::Age | Self::Rage, Way::Decrypt) => vec!["-d", "-i", &identity],
            (Self::Openssl, _) => vec!["enc", "-aes-256-ctr", "-K", HEX_KEY, "-iv", iv],
            (Self::Gpg, _) => {
                let same = ["--homedir", &home, "--batch", "--no-options", "--quiet", "-o", "-"];
                let key = ["--pinentry-mode", "loopback", "--passphrase-file", &secret];
                [&same[..], &key[..]].concat()
            }
            (Self::Zstd, Way::Encrypt) => vec!["-q", "-1", "-c"],
            (Self::Zstd, Way::Decrypt) => vec!["-q", "-d", "-c"],
            (Self::Floe, way) => vec![way.verb()],
            (Self::Cobblestone, way) => vec![&script, way.verb()],
            (Self::Concryptor, _) => return None,
        };
        match (self, way) {
            (Self::Openssl, Way::Decrypt) => args.push("-d"),
            (Self::Gpg, Way::Encrypt) => {
                args.extend(["--symmetric", "--cipher-algo", "AES256", "--compress-algo", "none"]);
            }
            (Self::Gpg, Way::Decrypt) => args.push("--decrypt"),
            _ => {}
        }
        args.extend((self == Self::Openssl && input.is_some()).then_some("-in"));
        args.extend(input);
        Some(Stage::new(&self.program(&bed.programs), &args))
    }

    /// A line from a file to a file.
    pub(super) fn line(self, bed: &Bed, way: Way, from: &str, to: PathBuf) -> Option<Line> {
        if let Some(stage) = self.stage(bed, way, Some(from)) {
            return Some(Line::new(self.name(), vec![stage]).into(to));
        }
        // With the least memory that it takes for its passphrase, which is not what is measured.
        let out = to.to_string_lossy().into_owned();
        let mut args = vec![way.verb(), from, "-p", PASSPHRASE, "-o", &out];
        args.extend((way == Way::Encrypt).then_some(["--memory", "64"]).into_iter().flatten());
        let stage = Stage::new(&self.program(&bed.programs), &args);
        Some(Line::new(self.name(), vec![stage]).making(to))
    }
}

/// Which programs are there, with what they say of their version.
#[derive(Debug)]
pub(super) struct Rivals(Vec<(Rival, Option<String>)>);

impl Rivals {
    /// Looks for all of them; `programs` is where cargo puts what it builds.
    pub(super) fn find(programs: &Path) -> Self {
        Self(ALL.into_iter().map(|rival| (rival, rival.version(programs))).collect())
    }

    pub(super) fn has(&self, rival: Rival) -> bool {
        self.present().any(|present| present == rival)
    }

    /// Those that are there.
    pub(super) fn present(&self) -> impl Iterator<Item = Rival> + '_ {
        self.0.iter().filter(|(_, version)| version.is_some()).map(|(rival, _)| *rival)
    }

    /// A line for each program: its version, or how it is installed.
    pub(super) fn lines(&self) -> Vec<String> {
        let line = |(rival, version): &(Rival, Option<String>)| match version {
            Some(version) => format!("{:20} {version}", rival.name()),
            None => format!("{:20} is missing; `{}`", rival.name(), rival.hint()),
        };
        self.0.iter().map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_is_named_with_the_way_to_install_it() {
        let rivals = Rivals(vec![(Rival::Age, None), (Rival::Zstd, Some("zstd 9".into()))]);
        assert_eq!(
            rivals.lines(),
            [
                "age                  is missing; `apt-get install age`",
                "zstd -1              zstd 9"
            ]
        );
        assert!(rivals.has(Rival::Zstd) && !rivals.has(Rival::Age) && !rivals.has(Rival::Rage));
    }
}
