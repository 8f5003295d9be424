//! The command lines of every table: what is compared with what.

use super::bed::Bed;
use super::measure::{Group, Line, Stage};
use super::rivals::Rival;

/// Files of the plaintext's size that are there at once: plaintext, a stream of each kind, an output.
pub(super) const COPIES: u64 = 10;
/// The names of the tables.
pub(super) const NAMES: [&str; 6] = [
    "null-encrypt",
    "null-decrypt",
    "file-encrypt",
    "file-decrypt",
    "pipe-encrypt",
    "pipe-decrypt",
];
/// The row of sv2 as a user runs it.
pub(super) const DEFAULTS: &str = "sv2";

/// Which way a table goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Encrypt,
    Decrypt,
}

impl Way {
    pub(super) fn verb(self) -> &'static str {
        match self {
            Self::Encrypt => "encrypt",
            Self::Decrypt => "decrypt",
        }
    }

    /// The file that sv2 and the yardsticks read.
    fn source(self) -> &'static str {
        match self {
            Self::Encrypt => "plain",
            Self::Decrypt => "plain.sv2",
        }
    }

    /// The file that another program reads.
    fn source_of(self, rival: Rival) -> &'static str {
        match self {
            Self::Encrypt => self.source(),
            Self::Decrypt => rival.stream(),
        }
    }
}

/// All tables.
pub(super) fn groups(bed: &Bed) -> Vec<Group> {
    let [null_encrypt, null_decrypt, file_encrypt, file_decrypt, pipe_encrypt, pipe_decrypt] =
        NAMES;
    vec![
        Group { name: null_encrypt, lines: null(bed, Way::Encrypt) },
        Group { name: null_decrypt, lines: null(bed, Way::Decrypt) },
        Group { name: file_encrypt, lines: file(bed, Way::Encrypt) },
        Group { name: file_decrypt, lines: file(bed, Way::Decrypt) },
        Group { name: pipe_encrypt, lines: pipe(bed, Way::Encrypt) },
        Group { name: pipe_decrypt, lines: pipe(bed, Way::Decrypt) },
    ]
}

/// Names and arguments of sv2's rows: by itself, then each backend with one and two threads.
fn settings() -> Vec<(String, Vec<&'static str>)> {
    let mut settings = vec![(DEFAULTS.to_owned(), Vec::new())];
    for backend in ["ring", "aws-lc"] {
        for threads in ["1", "2"] {
            let name = format!("sv2 --backend {backend} -T {threads}");
            settings.push((name, vec!["--backend", backend, "-T", threads]));
        }
    }
    settings
}

fn sv2(bed: &Bed, way: Way, settings: &[&str], more: &[&str]) -> Stage {
    let args: Vec<&str> = settings.iter().chain(more).copied().collect();
    bed.sv2(way.verb(), &args)
}

/// A file to the null sink, against `cat`.
fn null(bed: &Bed, way: Way) -> Vec<Line> {
    let source = bed.name(way.source());
    let mut lines = vec![Line::new("cat", vec![Stage::new("cat", &[&source])])];
    for (name, settings) in settings() {
        let stage = sv2(bed, way, &settings, &["-o", "-", &source]);
        lines.push(Line::new(&name, vec![stage]));
    }
    for rival in bed.rivals.present() {
        let source = bed.name(way.source_of(rival));
        let stage = rival.stage(bed, way, Some(&source));
        lines.extend(stage.map(|stage| Line::new(rival.name(), vec![stage])));
    }
    lines
}

/// A file to a file, against `cp`.
fn file(bed: &Bed, way: Way) -> Vec<Line> {
    let (source, out) = (bed.name(way.source()), bed.name("out"));
    let path = bed.path("out");
    let copy = Stage::new("cp", &[&source, &out]);
    let mut lines = vec![Line::new("cp", vec![copy]).making(path.clone())];
    for (name, settings) in settings() {
        let stage = sv2(bed, way, &settings, &["-o", &out, &source]);
        lines.push(Line::new(&name, vec![stage]).making(path.clone()));
    }
    for rival in bed.rivals.present() {
        lines.extend(rival.line(bed, way, &bed.name(way.source_of(rival)), path.clone()));
    }
    lines
}

/// Between two pipes, against two pipes without anything between.
fn pipe(bed: &Bed, way: Way) -> Vec<Line> {
    let cat = || Stage::new("cat", &[]);
    let from = |name: &str| Stage::new("cat", &[&bed.name(name)]);
    let mut lines = vec![Line::new("cat | cat", vec![from(way.source()), cat()])];
    for (name, settings) in settings() {
        let stages = vec![from(way.source()), sv2(bed, way, &settings, &[]), cat()];
        lines.push(Line::new(&name, stages));
    }
    for rival in bed.rivals.present() {
        let stage = rival.stage(bed, way, None);
        let stages = stage.map(|stage| vec![from(way.source_of(rival)), stage, cat()]);
        lines.extend(stages.map(|stages| Line::new(rival.name(), stages)));
    }
    lines
}
