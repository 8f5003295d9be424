//! The accumulated test of `docs/conformance/README.md`: cases drawn from SHA-256, each written,
//! damaged and read by one implementation, and one hash over all that came of it.

mod case;
mod damage;
pub(crate) mod draw;

use crate::reference::primitives::sha256;
use crate::reference::{
    Limits, decrypt_pipe, decrypt_seekable, encrypt, open_metadata, read_range, scrub,
};
use crate::vectors::{Mode, Named, Verdict};

pub use case::Case;
pub use damage::Damaged;

/// An implementation that is put to the test.
pub trait Subject {
    /// The stream of a case, under the salts of this attempt.
    fn write(&mut self, case: &Case, attempt: Attempt) -> Vec<u8>;

    /// How a reading ends, and what is released before the end.
    fn read(&mut self, case: &Case, given: &Damaged, mode: &Mode) -> (Verdict, Vec<u8>);
}

/// Which salts the segments have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// Those of the sealed stream.
    Sealed,
    /// Those of an earlier attempt at the same segments.
    Earlier,
}

/// The reference implementation as a subject.
pub struct Reference;

impl Subject for Reference {
    fn write(&mut self, case: &Case, attempt: Attempt) -> Vec<u8> {
        let mut salts = |index| case.salt(index, attempt);
        encrypt(&case.key, &case.params, &mut salts, &case.plaintext)
    }

    fn read(&mut self, _: &Case, given: &Damaged, mode: &Mode) -> (Verdict, Vec<u8>) {
        let (key, context, stream) = (&given.key, &given.context[..], &given.stream[..]);
        let outcome = match mode {
            Mode::Pipe => decrypt_pipe(key, context, stream, &Limits::FORMAT),
            Mode::Seekable => decrypt_seekable(key, context, stream, &Limits::FORMAT),
            Mode::Range { offset, len, .. } => read_range(key, context, stream, *offset, *len),
            Mode::Metadata => {
                return (Verdict::of_metadata(open_metadata(key, context, stream)), Vec::new());
            }
            Mode::Scrub => return (Verdict::of_scrub(scrub(stream)), Vec::new()),
        };
        (Verdict::of(&outcome.result), outcome.released)
    }
}

/// What came of one case, as the line that enters the hash.
pub fn line(number: u64, subject: &mut dyn Subject) -> String {
    let mut case = Case::draw(number);
    let stream = subject.write(&case, Attempt::Sealed);
    let (len, hash) = (stream.len(), hex(&sha256(&stream)));
    let given = damage::damaged(&mut case, stream, subject);
    let mode = case.mode();
    let (verdict, released) = subject.read(&case, &given, &mode);
    let outcome = outcome(&mode, &verdict, &released);
    format!("{number} {len} {hash} {} {outcome}\n", mode.name())
}

/// How a reading ends, without what one implementation may do otherwise than another.
pub fn outcome(mode: &Mode, verdict: &Verdict, released: &[u8]) -> String {
    let amount = || format!("{} {}", released.len(), hex(&sha256(released)));
    match verdict {
        Verdict::Sound(summary) => {
            let fingerprint = hex(&summary.fingerprint.unwrap_or_default());
            format!("ok {} {fingerprint} {} {}", amount(), summary.revision, summary.generation)
        }
        Verdict::Metadata(None) => "ok -".to_owned(),
        Verdict::Metadata(Some(text)) => format!("ok {}", hex(&sha256(text.as_bytes()))),
        Verdict::Damage(units) if units.is_empty() => "ok -".to_owned(),
        Verdict::Damage(units) => {
            let units: Vec<String> = units.iter().map(Named::to_string).collect();
            format!("ok {}", units.join(";"))
        }
        Verdict::Failed(kind, named, _) => {
            let offset = verdict.binding_offset();
            let offset = offset.map_or_else(|| "-".to_owned(), |offset| offset.to_string());
            let amount = if *mode == Mode::Pipe { format!(" {}", amount()) } else { String::new() };
            format!("{kind:?};{named};{offset}{amount}")
        }
    }
}

/// The hash over the lines of the first cases, at each of these counts, which ascend.
pub fn hashes(counts: &[u64], subject: &mut dyn Subject) -> Vec<String> {
    let mut total = [0; 32];
    let mut found = Vec::new();
    for number in 0..counts.last().copied().unwrap_or(0) {
        total = sha256(&[&total[..], line(number, subject).as_bytes()].concat());
        if counts.contains(&(number + 1)) {
            found.push(hex(&total));
        }
    }
    found
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
