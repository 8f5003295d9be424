//! Damage as a line of cells, each of which stands for an equal part of the stream.

use super::finding::Kind;

/// Cells of a stream that has at least as many bytes.
const CELLS: u64 = 64;
/// The cell of a part in which nothing is wrong.
const SOUND: char = '.';

/// A damaged place of the stream.
pub(super) struct Mark {
    pub(super) offset: u64,
    pub(super) len: u64,
    pub(super) kind: Kind,
}

/// A stream as cells, each with the gravest damage in it.
#[derive(Debug)]
pub(super) struct Strip {
    stream_len: u64,
    cells: Vec<Option<Kind>>,
}

impl Strip {
    pub(super) fn new(stream_len: u64, marks: impl Iterator<Item = Mark>) -> Self {
        let count = stream_len.clamp(1, CELLS);
        let mut cells = vec![None; count as usize];
        let cell_of = |offset: u64| {
            let cell = u128::from(offset) * u128::from(count) / u128::from(stream_len.max(1));
            // What is missing at the end shows in the last cell.
            (cell as usize).min(count as usize - 1)
        };
        for mark in marks {
            let last = mark.offset.saturating_add(mark.len.saturating_sub(1));
            for cell in &mut cells[cell_of(mark.offset)..=cell_of(last)] {
                *cell = (*cell).max(Some(mark.kind));
            }
        }
        Self { stream_len, cells }
    }

    /// The cells as characters.
    pub(super) fn cells(&self) -> String {
        self.cells.iter().map(|cell| cell.map_or(SOUND, Kind::symbol)).collect()
    }

    /// The kinds of damage that show.
    pub(super) fn kinds(&self) -> impl Iterator<Item = Kind> {
        Kind::ALL.into_iter().filter(|kind| self.cells.contains(&Some(*kind)))
    }

    /// The line for a terminal, with its legend below it.
    pub(super) fn text(&self, coloured: bool) -> String {
        let mut line = String::new();
        for cell in &self.cells {
            match cell {
                Some(kind) if coloured => {
                    line.push_str(&format!("\x1b[{}m{}\x1b[0m", colour(*kind), kind.symbol()));
                }
                cell => line.push(cell.map_or(SOUND, Kind::symbol)),
            }
        }
        let mut legend = format!("{SOUND} sound");
        for kind in self.kinds() {
            legend.push_str(&format!(", {} {}", kind.symbol(), kind.words()));
        }
        let each = self.stream_len.div_ceil(self.cells.len() as u64);
        format!("  [{line}]\n  a cell is {each} bytes: {legend}\n")
    }
}

/// The terminal's colour: red for what no accident explains, and yellow.
fn colour(kind: Kind) -> &'static str {
    if kind >= Kind::Malformed { "1;31" } else { "33" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(stream_len: u64, marks: &[(u64, u64, Kind)]) -> String {
        let marks = marks.iter().map(|&(offset, len, kind)| Mark { offset, len, kind });
        Strip::new(stream_len, marks).cells()
    }

    #[test]
    fn every_damage_shows_in_each_cell_that_it_touches() {
        let all = ".".repeat(64);
        assert_eq!(cells(6400, &[]), all);
        let with = |from: usize, to: usize, symbol: &str| {
            format!("{}{}{}", &all[..from], symbol.repeat(to - from), &all[to..])
        };
        assert_eq!(cells(6400, &[(0, 1, Kind::Checksum)]), with(0, 1, "x"));
        assert_eq!(cells(6400, &[(99, 2, Kind::Checksum)]), with(0, 2, "x"));
        assert_eq!(cells(6400, &[(100, 100, Kind::Checksum)]), with(1, 2, "x"));
        assert_eq!(cells(6400, &[(6399, 1, Kind::Authentication)]), with(63, 64, "!"));
        assert_eq!(cells(6400, &[(6400, 0, Kind::Missing)]), with(63, 64, "_"));
        assert_eq!(cells(6400, &[(0, u64::MAX, Kind::Malformed)]), with(0, 64, "#"));
        assert_eq!(cells(u64::MAX, &[(u64::MAX - 1, 1, Kind::Checksum)]), with(63, 64, "x"));
        assert_eq!(cells(3, &[(1, 1, Kind::Checksum)]), ".x.");
        assert_eq!(cells(0, &[(0, 0, Kind::Missing)]), "_");
    }

    #[test]
    fn the_gravest_damage_of_a_cell_shows() {
        let both = [(5, 1, Kind::Authentication), (7, 1, Kind::Checksum)];
        assert!(cells(6400, &both).starts_with("!."));
    }
}
