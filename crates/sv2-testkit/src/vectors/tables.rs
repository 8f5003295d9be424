//! Every flip of every bit and every cut of one small stream.

use super::base::{sound, tiny};
use super::model::{Body, CutRow, Ends, FlipRow, Mode, Named, StreamCase, Table, Vector};
use crate::mutate::{Region, flip, regions};

/// The length of the plaintext: a full segment of two frames, and a short one.
const LEN: usize = 530;

/// The table of flips and cuts.
pub(super) fn vectors() -> Vec<Vector> {
    let mut base = sound(&tiny(), LEN);
    base.read(Mode::Pipe).read(Mode::Seekable);
    let table = Table { flips: flips(&base), cuts: cuts(&base), patches: Vec::new(), base };
    vec![Vector {
        name: "flips-and-cuts".to_owned(),
        layer: "flip",
        scenario: "Each single flipped bit of a small stream, and each of its proper prefixes."
            .to_owned(),
        body: Body::Table(Box::new(table)),
    }]
}

/// What decides a row: the readings, and the unit that a scrub must list.
type Outcome = (Ends, Named);

fn flips(base: &StreamCase) -> Vec<FlipRow> {
    let mut rows: Vec<FlipRow> = Vec::new();
    for region in regions(&base.stream) {
        let scrub = unit_of(&region);
        for at in region.range() {
            let outcomes: Vec<Outcome> = (0..8)
                .map(|bit| (base.ends_with(flip(&base.stream, at, 1 << bit)), scrub))
                .collect();
            for (bits, (ends, scrub)) in grouped(&outcomes) {
                let (start, end) = (at as u64, at as u64 + 1);
                let same = |row: &&mut FlipRow| {
                    let known = (row.end, row.bits, &row.ends, &row.scrub);
                    known == (start, bits, &ends, &scrub)
                };
                match rows.iter_mut().rev().take(8).find(same) {
                    Some(row) => row.end = end,
                    None => rows.push(FlipRow { start, end, bits, ends, scrub }),
                }
            }
        }
    }
    rows
}

/// The eight bits of a byte by their outcome.
fn grouped(outcomes: &[Outcome]) -> Vec<(u8, Outcome)> {
    let mut groups: Vec<(u8, Outcome)> = Vec::new();
    for (bit, outcome) in outcomes.iter().enumerate() {
        match groups.iter_mut().find(|(_, known)| known == outcome) {
            Some((bits, _)) => *bits |= 1 << bit,
            None => groups.push((1 << bit, outcome.clone())),
        }
    }
    groups
}

/// The unit under which a scrub lists damage of this field.
fn unit_of(region: &Region) -> Named {
    let unit = match region.name.split('.').next() {
        Some("copy") => "header copy",
        Some("header") => "header",
        Some("segment") => "segment",
        Some("frame") => "frame",
        Some("footer") => "footer",
        Some("index" | "page_table") => "index",
        _ => "trailer",
    };
    if unit == "index" {
        return Named { unit: Some(unit), ..Named::NOTHING };
    }
    Named { unit: Some(unit), segment: region.segment, frame: region.frame }
}

fn cuts(base: &StreamCase) -> Vec<CutRow> {
    let mut rows: Vec<CutRow> = Vec::new();
    for len in 0..base.stream.len() {
        let ends = base.ends_with(base.stream[..len].to_vec());
        let (start, end) = (len as u64, len as u64 + 1);
        match rows.last_mut() {
            Some(row) if row.ends == ends => row.end = end,
            _ => rows.push(CutRow { start, end, ends }),
        }
    }
    rows
}
