//! Two mutations at a time: the engine ends as the reference does, in every mode.

use proptest::prelude::*;
use sv2_core::Driver;
use sv2_testkit::accumulated::{Attempt, Case, Damaged, Reference, Subject, outcome};
use sv2_testkit::mutate::{flip, insert, overwrite, regions, remove};
use sv2_testkit::reference::forge::{refresh_crc, reseal_header, reseal_trailer};
use sv2_testkit::vectors::Mode;

use crate::subject::Engine;
use crate::ways::Ways;

/// One change; places are taken modulo what is there.
#[derive(Debug, Clone)]
enum Mutation {
    Flip(usize, u8),
    /// A flip in a unit of the sound stream whose CRC is made right.
    Repaired(usize, usize, u8),
    Cut(usize),
    Remove(usize, usize),
    Insert(usize, Vec<u8>),
    /// Bytes from one place over those at another.
    Copy(usize, usize, usize),
    /// A byte of the front header, with commitment, MAC and CRC made anew.
    Header(usize, u8),
    /// A byte of the trailer, with seal and CRC made anew.
    Trailer(usize, u8),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let at = || any::<u32>().prop_map(|at| at as usize);
    prop_oneof![
        3 => (at(), 0u8..8).prop_map(|(at, bit)| Mutation::Flip(at, bit)),
        3 => (at(), at(), 0u8..8).prop_map(|(unit, at, bit)| Mutation::Repaired(unit, at, bit)),
        1 => at().prop_map(Mutation::Cut),
        1 => (at(), 1usize..400).prop_map(|(at, len)| Mutation::Remove(at, len)),
        1 => (at(), prop::collection::vec(any::<u8>(), 1..80))
            .prop_map(|(at, bytes)| Mutation::Insert(at, bytes)),
        2 => (at(), at(), 1usize..700).prop_map(|(from, to, len)| Mutation::Copy(from, to, len)),
        2 => (8usize..216, any::<u8>()).prop_map(|(at, value)| Mutation::Header(at, value)),
        2 => (8usize..88, any::<u8>()).prop_map(|(at, value)| Mutation::Trailer(at, value)),
    ]
}

/// The units of the sound stream that have a CRC of their own, as start and end.
fn units(sound: &[u8]) -> Vec<(usize, usize)> {
    let mut start = 0;
    let mut units = Vec::new();
    for region in regions(sound) {
        if region.name.ends_with(".magic") || region.name == "frame.header" {
            start = region.start;
        }
        if region.name.ends_with(".crc") && !region.name.starts_with("footer") {
            units.push((start, region.end));
        }
    }
    units
}

fn apply(mutation: &Mutation, case: &Case, sound: &[u8], stream: Vec<u8>) -> Vec<u8> {
    let len = stream.len();
    if len < 512 {
        return stream;
    }
    let context = &case.params.context;
    match mutation {
        Mutation::Flip(at, bit) => flip(&stream, at % len, 1 << bit),
        Mutation::Repaired(unit, at, bit) => {
            let units = units(sound);
            let (start, end) = units[unit % units.len()];
            if end > len {
                return stream;
            }
            let mut stream = flip(&stream, start + at % (end - start - 8), 1 << bit);
            refresh_crc(&mut stream[start..end]);
            stream
        }
        Mutation::Cut(at) => stream[..at % len].to_vec(),
        Mutation::Remove(at, many) => remove(&stream, at % len..(at % len + many).min(len)),
        Mutation::Insert(at, bytes) => insert(&stream, at % len, bytes),
        Mutation::Copy(from, to, many) => {
            let (from, to) = (from % len, to % len);
            let many = (*many).min(len - from).min(len - to);
            overwrite(&stream, to, &stream[from..from + many])
        }
        Mutation::Header(at, value) => {
            let mut stream = overwrite(&stream, *at, &[*value]);
            reseal_header(&case.key, context, &mut stream[..case.params.header_len as usize]);
            stream
        }
        Mutation::Trailer(at, value) => {
            let mut stream = overwrite(&stream, len - 128 + at, &[*value]);
            let (rest, trailer) = stream.split_at_mut(len - 128);
            reseal_trailer(&case.key, context, &rest[..48], trailer);
            stream
        }
    }
}

/// Two full segments and a short one, under the smallest header.
fn base(suite: u8, digest: u8) -> Case {
    let mut case = Case::draw(0);
    case.params = sv2_testkit::reference::Params {
        context: b"pairs".to_vec(),
        ..sv2_testkit::reference::Params::tiny(suite, digest, 1)
    };
    case.plaintext = sv2_testkit::paint::paint(1300);
    case
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 800, ..ProptestConfig::default() })]

    /// F-801, F-806, F-832 to F-838, F-901, F-905.
    #[test]
    fn two_mutations_end_as_in_the_reference_in_every_mode(
        suite in 1u8..=2,
        digest in 0u8..=2,
        pair in (mutation(), mutation()),
        (offset, len) in (0u64..1400, 0u64..900),
        turn in 0usize..24,
    ) {
        let case = base(suite, digest);
        let sound = Reference.write(&case, Attempt::Sealed);
        let stream = apply(&pair.0, &case, &sound, sound.clone());
        let stream = apply(&pair.1, &case, &sound, stream);
        let given = Damaged { stream, key: case.key, context: case.params.context.clone() };
        let mut ways = Ways::new();
        let mut engine = Engine(|| {
            let driver = [Driver::Ordered, Driver::Inline, Driver::Positional][turn % 3];
            (0..=turn / 3).map(|_| ways.next(driver).0).last().expect("at least one")
        });
        for mode in [
            Mode::Pipe,
            Mode::Seekable,
            Mode::Range { offset, len, trailer_now: None },
            Mode::Metadata,
            Mode::Scrub,
        ] {
            let (verdict, released) = Reference.read(&case, &given, &mode);
            let (found, found_released) = engine.read(&case, &given, &mode);
            let expected = outcome(&mode, &verdict, &released);
            prop_assert_eq!(outcome(&mode, &found, &found_released), expected, "{:?}", mode);
        }
    }
}
