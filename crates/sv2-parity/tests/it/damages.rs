//! Random damage of all kinds, judged by the model.

use sv2_parity::Geometry;

use crate::model::{Model, Verdict};
use crate::support::{Dice, parity_of, repaired};

/// How something is damaged.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// Sectors of 512 bytes are noise.
    Sectors,
    /// One stretch is noise.
    Burst,
    /// Stretches are zero.
    Zeros,
    /// The front.
    Front,
    /// The end.
    Tail,
    /// Single bits.
    Bits,
    /// The end is missing.
    Cut,
    /// There is something behind the end.
    More,
}

pub(crate) const KINDS: [Kind; 8] = [
    Kind::Sectors,
    Kind::Burst,
    Kind::Zeros,
    Kind::Front,
    Kind::Tail,
    Kind::Bits,
    Kind::Cut,
    Kind::More,
];

/// Damages `bytes`; `most` is about how many bytes are damaged at most.
pub(crate) fn damage(bytes: &mut Vec<u8>, kind: Kind, most: u64, dice: &mut Dice) {
    let len = bytes.len() as u64;
    let noise = |bytes: &mut Vec<u8>, start: u64, count: u64, dice: &mut Dice| {
        let end = (start + count).min(len);
        bytes[start as usize..end as usize].copy_from_slice(&dice.bytes((end - start) as usize));
    };
    let amount = 1 + dice.below(most);
    match kind {
        Kind::Sectors => {
            for _ in 0..amount.div_ceil(512) {
                let start = dice.below(len.div_ceil(512)) * 512;
                noise(bytes, start, 512, dice);
            }
        }
        Kind::Burst => {
            let start = dice.below(len);
            noise(bytes, start, amount, dice);
        }
        Kind::Zeros => {
            let pieces = 1 + dice.below(4);
            for _ in 0..pieces {
                let start = dice.below(len) as usize;
                let end = (start as u64 + amount / pieces).min(len) as usize;
                bytes[start..end].fill(0);
            }
        }
        Kind::Front => noise(bytes, 0, amount, dice),
        Kind::Tail => noise(bytes, len - amount.min(len), amount, dice),
        Kind::Bits => {
            for _ in 0..1 + dice.below(20) {
                let at = dice.below(len) as usize;
                bytes[at] ^= 1 << dice.below(8);
            }
        }
        Kind::Cut => bytes.truncate((len - amount.min(len)) as usize),
        Kind::More => {
            let more = dice.bytes(amount.min(100_000) as usize);
            bytes.extend_from_slice(&more);
        }
    }
}

/// what the promise covers comes back bit for bit, and of the rest nothing is
/// written; the file, its parity file, or both are damaged.
#[test]
fn random_damage_is_repaired_where_the_promise_covers_it_and_refused_where_it_does_not() {
    let model = Model { block: 64, run: 4, data: 64, parity: 8, file_len: 25_001 };
    let geometry = Geometry::new(6, 4, 64, 8).unwrap();
    let dice = &mut Dice::new(2024);
    // The outside of a stream, so that bytes behind the end are damage and no growth.
    let plaintext_len = model.file_len as u64 - 2000;
    let stream = crate::support::Stream::new(plaintext_len, dice);
    let model = Model { file_len: stream.bytes.len(), ..model };
    let sidecar = parity_of(&stream.bytes, geometry);
    assert_eq!(sidecar.len(), model.parity_len());
    assert_eq!(model.windows(), 7);
    let mut counts = [0; 2];
    for round in 0..1000u64 {
        let (mut bad_file, mut bad_sidecar) = (stream.bytes.clone(), sidecar.clone());
        let kinds = [0, 0].map(|_: u8| KINDS[dice.below(8) as usize]);
        // The file, the file twice, the parity file, both.
        match round % 4 {
            0 => damage(&mut bad_file, kinds[0], 5_000, dice),
            1 => kinds.iter().for_each(|&kind| damage(&mut bad_file, kind, 3_000, dice)),
            2 => damage(&mut bad_sidecar, kinds[0], 2_000, dice),
            _ => {
                damage(&mut bad_file, kinds[0], 2_500, dice);
                damage(&mut bad_sidecar, kinds[1], 1_000, dice);
            }
        }
        let verdict = model.judge([&stream.bytes, &bad_file], [&sidecar, &bad_sidecar]);
        counts[usize::from(verdict == Verdict::Lost)] += 1;
        match repaired(&bad_file, &bad_sidecar) {
            Ok((found, _)) => {
                assert_eq!(verdict, Verdict::Covered, "round {round}, {kinds:?}");
                assert!(found == stream.bytes, "round {round}, {kinds:?}");
            }
            Err(error) => assert_eq!(verdict, Verdict::Lost, "round {round}, {kinds:?}: {error}"),
        }
    }
    assert!(counts.iter().all(|&count| count > 100), "{counts:?}");
}
