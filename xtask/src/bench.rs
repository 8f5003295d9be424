//! `cargo xtask bench`: the program `sv2` against `cat`, `cp` and the programs of its field.
//!
//! Every figure is the median of runs taken in turns, A B C .. A B C .., so that a noisy machine is
//! noisy to all of them; figures of different calls are not compared.
//! The tables go between markers of `docs/performance.md`, and the chart beside it.
//! No time decides anything here: a failure is a program that failed.

mod bed;
mod cases;
mod chart;
mod geometry;
mod machine;
mod measure;
mod memory;
mod rivals;
mod table;

use crate::report::{Failure, Outcome};
use crate::{shell, workspace};
use bed::Bed;
use machine::{Kind, Machine};
pub(crate) use memory::high_water_mark;
use std::path::{Path, PathBuf};
use std::{env, fs};

const USAGE: &str = "\
usage: cargo xtask bench [--size 1G] [--runs 5] [--folder DIR] [--quick] [--geometry]
  --size      bytes of plaintext, with K, M or G; 512M with --geometry
  --runs      runs of each case that the median is taken over; 3 with --geometry
  --folder    where files are made; /dev/shm where it has room
  --quick     8 MiB, one run, unoptimised, into target/bench: shows that everything works
  --geometry  the table of frame and segment sizes alone";

/// The document that the tables go into.
const DOCUMENT: &str = "docs/performance.md";
/// The charts, of processors without AVX-512 and of those with it.
const CHARTS: [&str; 2] = ["docs/performance.svg", "docs/performance-avx512.svg"];

/// What the arguments ask for.
#[derive(Debug, PartialEq, Eq)]
struct Request {
    size: u64,
    runs: usize,
    folder: Option<PathBuf>,
    is_quick: bool,
    is_geometry: bool,
}

/// Measures and writes the tables.
pub(crate) fn run(args: &[String]) -> Outcome {
    let request = parse(args).ok_or_else(|| Failure::new(USAGE))?;
    let machine = Machine::read();
    println!("{}", machine.line());
    let sv2 = build(request.is_quick)?;
    build_floe(request.is_quick)?;
    let mut document = Document::open(request.is_quick, machine.kind())?;
    if request.is_geometry {
        let bed = Bed::new(sv2, request.folder.as_deref(), request.size, geometry::COPIES)?;
        let body = geometry::measure(&bed, &machine, request.runs, request.is_quick)?;
        document.put("geometry", &body)?;
    } else {
        let bed = Bed::new(sv2, request.folder.as_deref(), request.size, cases::COPIES)?;
        for line in bed.rivals.lines() {
            println!("{line}");
        }
        bed.prepare_streams()?;
        let mut groups = Vec::new();
        for group in cases::groups(&bed) {
            let measured = measure::in_turns(&bed, group, request.runs)?;
            let body = table::render(&measured, &machine.note(&bed, request.runs));
            document.put(&measured.name, &body)?;
            groups.push(measured);
        }
        let body = memory::measure(&bed, &machine)?;
        document.put("memory", &body)?;
        document.put_chart(&chart::draw(&groups, &machine.note(&bed, request.runs)))?;
    }
    document.close()
}

/// Builds the program around another crate, beside which sv2 is measured.
fn build_floe(is_quick: bool) -> Outcome<()> {
    let args = ["build", "--package", "sv2-core", "--example", "floe", "--release"];
    shell::run(shell::cargo(&args[..if is_quick { 5 } else { 6 }]))
}

/// Builds the program and gives its path.
pub(crate) fn build(is_quick: bool) -> Outcome<PathBuf> {
    let mut args = vec!["build", "--package", "sv2-cli"];
    if !is_quick {
        args.push("--release");
    }
    shell::run(shell::cargo(&args))?;
    let target = env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = workspace::root().join(target.unwrap_or_else(|| PathBuf::from("target")));
    Ok(target.join(if is_quick { "debug" } else { "release" }).join("sv2"))
}

fn parse(args: &[String]) -> Option<Request> {
    let (mut size, mut runs, mut folder) = (None, None, None);
    let (mut is_quick, mut is_geometry) = (false, false);
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--quick" => is_quick = true,
            "--geometry" => is_geometry = true,
            "--size" => size = Some(parse_size(args.next()?)?),
            "--runs" => runs = Some(args.next()?.parse().ok().filter(|&runs| runs > 0)?),
            "--folder" => folder = Some(PathBuf::from(args.next()?)),
            _ => return None,
        }
    }
    let (own_size, own_runs) = match (is_quick, is_geometry) {
        (true, _) => (8 << 20, 1),
        (false, false) => (1 << 30, 5),
        (false, true) => (512 << 20, 3),
    };
    let (size, runs) = (size.unwrap_or(own_size), runs.unwrap_or(own_runs));
    Some(Request { size, runs, folder, is_quick, is_geometry })
}

pub(crate) fn parse_size(text: &str) -> Option<u64> {
    let (digits, shift) = match text.char_indices().last()? {
        (end, 'K') => (&text[..end], 10),
        (end, 'M') => (&text[..end], 20),
        (end, 'G') => (&text[..end], 30),
        _ => (text, 0),
    };
    let size: u64 = digits.parse().ok()?;
    size.checked_mul(1 << shift).filter(|&size| size > 0)
}

/// The document while its tables are replaced.
struct Document {
    text: String,
    text_path: PathBuf,
    chart_path: PathBuf,
    kind: Kind,
}

impl Document {
    /// A quick run leaves the committed document alone and works on a copy.
    fn open(is_quick: bool, kind: Kind) -> Outcome<Self> {
        let root = workspace::root();
        let text = fs::read_to_string(root.join(DOCUMENT))?;
        let folder = if is_quick { root.join("target/bench") } else { root };
        let (text_path, chart_path) = (folder.join(DOCUMENT), folder.join(CHARTS[kind as usize]));
        if let Some(parent) = text_path.parent() {
            fs::create_dir_all(parent)?;
        }
        Ok(Self { text, text_path, chart_path, kind })
    }

    /// Prints a table and puts it between its markers, which are those of this kind of processor.
    fn put(&mut self, name: &str, body: &str) -> Outcome<()> {
        println!("\n{name}\n{body}");
        let name = &self.kind.marker(name);
        self.text = table::replace(&self.text, name, body)
            .ok_or_else(|| Failure::new(format!("{DOCUMENT} has no markers for {name}")))?;
        Ok(fs::write(&self.text_path, &self.text)?)
    }

    fn put_chart(&self, picture: &str) -> Outcome<()> {
        Ok(fs::write(&self.chart_path, picture)?)
    }

    fn close(self) -> Outcome {
        Ok(format!("tables are in {}", shown(&self.text_path)))
    }
}

fn shown(path: &Path) -> String {
    path.strip_prefix(workspace::root()).unwrap_or(path).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Option<Request> {
        parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn each_kind_of_run_has_its_own_size_and_number_of_runs() {
        let sizes = |line: &str| parsed(line).map(|request| (request.size, request.runs));
        assert_eq!(sizes(""), Some((1 << 30, 5)));
        assert_eq!(sizes("--geometry"), Some((512 << 20, 3)));
        assert_eq!(sizes("--quick"), Some((8 << 20, 1)));
        assert_eq!(sizes("--quick --size 64K --runs 2"), Some((64 << 10, 2)));
    }

    #[test]
    fn senseless_arguments_are_refused() {
        for line in ["x", "--size", "--size 0", "--size 1T", "--runs 0", "--runs many", "--folder"]
        {
            assert_eq!(parsed(line), None, "{line}");
        }
    }

    #[test]
    fn the_document_has_markers_for_every_table() {
        let text = fs::read_to_string(workspace::root().join(DOCUMENT)).unwrap_or_default();
        for name in cases::NAMES.into_iter().chain(["memory", "geometry"]) {
            for kind in [Kind::Plain, Kind::Avx512] {
                let name = kind.marker(name);
                assert!(table::replace(&text, &name, "x").is_some(), "{name}");
            }
        }
    }
}
