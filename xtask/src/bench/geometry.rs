//! The table from which the default frame and segment sizes were chosen.

use super::bed::Bed;
use super::machine::{Machine, readable};
use super::measure::{Line, Row, Stage, run_once, times_in_turns};
use crate::report::Outcome;

/// Frame sizes in bytes.
const FRAMES: [u64; 3] = [16 << 10, 64 << 10, 256 << 10];
/// Segment sizes in bytes.
const SEGMENTS: [u64; 4] = [256 << 10, 1 << 20, 4 << 20, 16 << 20];
/// Files of the plaintext's size that are there at once: plaintext and a stream of each geometry.
pub(super) const COPIES: u64 = 1 + (FRAMES.len() * SEGMENTS.len()) as u64 + 1;

/// A path with its settings: a column of the table.
#[derive(Debug, Clone, Copy)]
struct Column {
    is_pipe: bool,
    backend: &'static str,
    threads: &'static str,
}

impl Column {
    fn all() -> Vec<Self> {
        let mut columns = Vec::new();
        for is_pipe in [false, true] {
            for backend in ["ring", "aws-lc"] {
                for threads in ["1", "2"] {
                    columns.push(Self { is_pipe, backend, threads });
                }
            }
        }
        columns
    }

    fn name(self) -> String {
        let path = if self.is_pipe { "pipe" } else { "file" };
        format!("{path}, {}, {}", self.backend, self.threads)
    }

    /// The line that runs `verb` on a file, with more arguments.
    fn line(self, bed: &Bed, verb: &str, source: &str, more: &[&str]) -> Line {
        let mut args = vec!["--backend", self.backend, "-T", self.threads];
        args.extend(more);
        if self.is_pipe {
            let (from, to) = (Stage::new("cat", &[source]), Stage::new("cat", &[]));
            return Line::new("", vec![from, bed.sv2(verb, &args), to]);
        }
        args.extend(["-o", "-", source]);
        Line::new("", vec![bed.sv2(verb, &args)])
    }
}

/// Measures every geometry on every path, in turns, and gives the table.
pub(super) fn measure(
    bed: &Bed,
    machine: &Machine,
    runs: usize,
    is_quick: bool,
) -> Outcome<String> {
    let mut geometries = Vec::new();
    for segment in SEGMENTS {
        for frame in FRAMES {
            geometries.push((frame, segment));
        }
    }
    if is_quick {
        geometries.truncate(2);
    }
    let columns = Column::all();
    let plain = bed.name("plain");
    let mut lines = Vec::new();
    for &(frame, segment) in &geometries {
        let (frame_arg, segment_arg) = (frame.to_string(), segment.to_string());
        let sizes = ["--frame-size", &frame_arg, "--segment-size", &segment_arg];
        let stream = format!("{frame}-{segment}.sv2");
        let mut args = sizes.to_vec();
        args.extend(["-o", "-", &plain]);
        let make = Line::new("", vec![bed.sv2("encrypt", &args)]).into(bed.path(&stream));
        run_once(&make)?;
        for column in &columns {
            lines.push(column.line(bed, "encrypt", &plain, &sizes));
            lines.push(column.line(bed, "decrypt", &bed.name(&stream), &[]));
        }
    }
    let times = times_in_turns(&lines, runs)?;
    let rates: Vec<f64> =
        times.into_iter().map(|times| Row { name: String::new(), times }.rate(bed.size)).collect();
    let note = machine.note(bed, runs);
    Ok(format!("{note}\n\n{}", render(&geometries, &columns, &rates)))
}

/// Rates to encrypt and to decrypt in each cell, the best of a column in bold.
fn render(geometries: &[(u64, u64)], columns: &[Column], rates: &[f64]) -> String {
    let width = 2 * columns.len();
    let best = |at: usize| rates.iter().skip(at).step_by(width).copied().fold(0.0, f64::max);
    let mut text = String::from("| segment | frame |");
    for column in columns {
        text.push_str(&format!(" {} |", column.name()));
    }
    text.push_str(&format!("\n|---:|---:|{}\n", "---:|".repeat(columns.len())));
    for (&(frame, segment), rates) in geometries.iter().zip(rates.chunks(width)) {
        text.push_str(&format!("| {} | {} |", readable(segment), readable(frame)));
        for (column, pair) in rates.chunks(2).enumerate() {
            let cell = |way: usize| {
                let rate = pair.get(way).copied().unwrap_or(f64::NAN);
                let is_best = rate >= best(2 * column + way);
                if is_best { format!("**{rate:.2}**") } else { format!("{rate:.2}") }
            };
            text.push_str(&format!(" {} / {} |", cell(0), cell(1)));
        }
        text.push('\n');
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_of_each_column_is_in_bold_for_either_way() {
        let columns = &Column::all()[..2];
        let geometries = [(16 << 10, 1 << 20), (64 << 10, 4 << 20)];
        let rates = [1.0, 9.0, 3.0, 4.0, 2.0, 8.0, 1.0, 5.0];
        let text = render(&geometries, columns, &rates);
        let rows: Vec<&str> = text.lines().skip(2).collect();
        assert_eq!(
            rows,
            [
                "| 1 MiB | 16 KiB | 1.00 / **9.00** | **3.00** / 4.00 |",
                "| 4 MiB | 64 KiB | **2.00** / 8.00 | 1.00 / **5.00** |",
            ]
        );
        assert!(text.starts_with("| segment | frame | file, ring, 1 | file, ring, 2 |\n"));
    }
}
