//! The vectors of `docs/conformance/parity.json`: made from here, read here and in Python.

use std::fmt::Write;

use sv2_parity::{
    Area, Geometry, Memory, ParityError, Request, Sidecar, Spread, Work, protect, protect_with,
    renew,
};

use crate::support::{Dice, Stream, repaired};

/// Damage of one vector, and what must come of it.
struct Case {
    name: &'static str,
    /// Another file in the place of the vector's.
    instead: Option<Vec<u8>>,
    /// Another parity file in the place of the vector's.
    parity_instead: Option<Vec<u8>>,
    file: Edits,
    parity: Edits,
}

/// A new length first, filled up with `a5`, and then stretches that are changed.
#[derive(Default, Clone)]
struct Edits {
    len: Option<usize>,
    xor: Vec<(usize, usize, u8)>,
}

struct Vector {
    name: &'static str,
    file: Vec<u8>,
    parity: Vec<u8>,
    cases: Vec<Case>,
}

fn xor(edits: &[(usize, usize, u8)]) -> Edits {
    Edits { len: None, xor: edits.to_vec() }
}

fn case(name: &'static str, file: Edits, parity: Edits) -> Case {
    Case { name, instead: None, parity_instead: None, file, parity }
}

impl Edits {
    fn apply(&self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        if let Some(len) = self.len {
            bytes.resize(len, 0xA5);
        }
        for &(at, len, mask) in &self.xor {
            bytes[at..at + len].iter_mut().for_each(|byte| *byte ^= mask);
        }
        bytes
    }

    fn json(&self) -> String {
        let len = self.len.map(|len| format!("\"len\":{len},")).unwrap_or_default();
        let xor: Vec<String> =
            self.xor.iter().map(|(at, len, mask)| format!("[{at},{len},{mask}]")).collect();
        format!("{{{len}\"xor\":[{}]}}", xor.join(","))
    }
}

fn made(file: &[u8], sizes: (u8, u16, u16, u16), spread: Spread) -> Vec<u8> {
    let (log2, run, data, parity) = sizes;
    let geometry = Geometry::new(log2, run, data, parity).unwrap();
    let len = file.len() as u64;
    let areas = vec![Area::new(0, len, len.div_ceil(1 << log2), geometry).unwrap()];
    let target = Memory::default();
    let request = Request::new(1000, spread).unwrap();
    protect_with(&Memory::new(file.to_vec()), &target, request, areas, &Work::alone()).unwrap();
    target.bytes()
}

fn vectors() -> Vec<Vector> {
    let dice = &mut Dice::new(64);
    let mut vectors = Vec::new();

    let file = vec![0x2A];
    let target = Memory::default();
    let request = Request::new(500, Spread::Runs).unwrap();
    protect(&Memory::new(file.clone()), &target, request, &Work::alone()).unwrap();
    let cases = vec![
        case("sound", Edits::default(), Edits::default()),
        case("the byte", xor(&[(0, 1, 1)]), Edits::default()),
        case("no byte", Edits { len: Some(0), xor: Vec::new() }, Edits::default()),
        case("a byte more", Edits { len: Some(2), xor: Vec::new() }, Edits::default()),
    ];
    vectors.push(Vector { name: "one byte", file, parity: target.bytes(), cases });

    let file = dice.bytes(64 * 12);
    let parity = made(&file, (6, 12, 12, 5), Spread::Consecutive);
    let end = parity.len() - 208;
    let cases = vec![
        case("five blocks", xor(&[(0, 65, 1), (300, 1, 9), (700, 68, 255)]), Edits::default()),
        case("six blocks", xor(&[(0, 321, 1)]), Edits::default()),
        case("three and two", xor(&[(0, 150, 1)]), xor(&[(208 + 160, 70, 3)])),
        case("three and three", xor(&[(0, 150, 1)]), xor(&[(208 + 160, 130, 3)])),
        case("one table", xor(&[(0, 150, 1)]), xor(&[(208, 1, 3)])),
        case("the other table", xor(&[(0, 150, 1)]), xor(&[(end - 1, 1, 3)])),
        case("both tables", Edits::default(), xor(&[(208, 1, 3), (end - 1, 1, 3)])),
        case("the first directory", xor(&[(5, 1, 1)]), xor(&[(0, 208, 3)])),
        case("the last directory", xor(&[(5, 1, 1)]), xor(&[(end, 208, 3)])),
        case("both directories", Edits::default(), xor(&[(9, 1, 3), (end, 1, 3)])),
        case("both ends", Edits::default(), xor(&[(0, 1, 3), (end, 1, 3)])),
        case("half", Edits::default(), Edits { len: Some(parity.len() / 2), xor: vec![] }),
        case("less than half", Edits::default(), Edits { len: Some(300), xor: vec![] }),
        case("more", xor(&[(5, 1, 1)]), Edits { len: Some(parity.len() + 9), xor: vec![] }),
    ];
    vectors.push(Vector { name: "one window, two chunks", file, parity, cases });

    let file = dice.bytes(64 * 37 - 11);
    let parity = made(&file, (6, 2, 8, 3), Spread::Runs);
    let cases = vec![
        case("the gap", xor(&[(321, 12 * 64 - 1, 6)]), Edits::default()),
        case("more than the gap", xor(&[(320, 14 * 64, 6)]), Edits::default()),
        case("the short block", xor(&[(64 * 37 - 12, 1, 6)]), Edits::default()),
        case("cut", Edits { len: Some(64 * 30), xor: vec![] }, Edits::default()),
        case("grown", Edits { len: Some(64 * 37), xor: vec![] }, Edits::default()),
    ];
    vectors.push(Vector { name: "windows in runs", file, parity, cases });

    let mut stream = Stream::new(9_000, dice);
    let before = made(&stream.bytes, (6, 3, 9, 4), Spread::Runs);
    let old = stream.bytes.clone();
    stream.append(300, dice);
    let (sidecar, target) = (Memory::new(before.clone()), Memory::default());
    let sidecar = Sidecar::open(&sidecar).unwrap();
    renew(&Memory::new(stream.bytes.clone()), &sidecar, &target, &Work::alone()).unwrap();
    let mut rewritten = stream.clone();
    rewritten.rewrite();
    let len = stream.bytes.len();
    let cases = vec![
        case("header and trailer", xor(&[(0, 90, 1), (len - 70, 70, 1)]), Edits::default()),
        case("behind the end", Edits { len: Some(len + 50), xor: vec![] }, Edits::default()),
        Case { instead: Some(old), ..case("before", Edits::default(), Edits::default()) },
        Case {
            instead: Some(rewritten.bytes.clone()),
            ..case("rewritten", Edits::default(), Edits::default())
        },
        Case {
            instead: Some(rewritten.bytes.clone()),
            ..case("rewritten, no seal", xor(&[(len - 1, 1, 1)]), Edits::default())
        },
    ];
    let parity = target.bytes();
    let continued = (stream.bytes.clone(), parity.clone());
    vectors.push(Vector { name: "a stream that was continued", file: stream.bytes, parity, cases });

    // Other slots, and the parity file follows.
    let (sidecar, target) = (Memory::new(continued.1.clone()), Memory::default());
    let sidecar = Sidecar::open(&sidecar).unwrap();
    renew(&Memory::new(rewritten.bytes.clone()), &sidecar, &target, &Work::alone()).unwrap();
    let mut slotless = rewritten.bytes.clone();
    slotless[len - 1] ^= 1;
    let (older, newer) = (&continued.1, target.bytes());
    assert_eq!(older.len(), newer.len());
    let half = newer.len() / 2;
    let mixed = [&newer[..half], &older[half..]].concat();
    let cases = vec![
        Case {
            parity_instead: Some(mixed),
            ..case("a parity file of two versions", Edits::default(), Edits::default())
        },
        case("header and trailer", xor(&[(0, 90, 1), (len - 70, 70, 1)]), Edits::default()),
        Case { instead: Some(continued.0), ..case("before", Edits::default(), Edits::default()) },
        case(
            "the end in the middle",
            Edits { len: Some(len - 128), xor: vec![] },
            Edits::default(),
        ),
    ];
    let parity = target.bytes();
    let file = rewritten.bytes.clone();
    vectors.push(Vector { name: "a stream with other slots", file, parity, cases });

    // Protected while the trailer was damaged, and sealed since.
    let parity = made(&slotless, (6, 3, 9, 4), Spread::Runs);
    let cases = vec![
        case("as it was", xor(&[(0, 90, 1)]), Edits::default()),
        Case {
            instead: Some(rewritten.bytes),
            ..case("sealed", Edits::default(), Edits::default())
        },
    ];
    vectors.push(Vector { name: "a damaged stream", file: slotless, parity, cases });
    vectors
}

/// What this crate says to a case, and how many blocks were lost.
fn verdict(vector: &Vector, case: &Case) -> (&'static str, u64) {
    let file = case.file.apply(case.instead.as_ref().unwrap_or(&vector.file));
    let parity = case.parity_instead.as_ref().unwrap_or(&vector.parity);
    match repaired(&file, &case.parity.apply(parity)) {
        Ok((found, findings)) => {
            assert!(found == vector.file, "{}, {}", vector.name, case.name);
            ("repaired", findings.bad_blocks())
        }
        Err(ParityError::NotParity) => ("NotParity", 0),
        Err(ParityError::Destroyed(_)) => ("Destroyed", 0),
        Err(ParityError::Stale(_)) => ("Stale", 0),
        Err(ParityError::Mixed) => ("Mixed", 0),
        Err(ParityError::BeyondRepair { .. }) => ("BeyondRepair", 0),
        Err(error) => panic!("{}, {}: {error}", vector.name, case.name),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn document() -> String {
    let mut json = String::from("{\"version\":1,\"license\":\"CC0-1.0\",\"vectors\":[\n");
    let vectors = vectors();
    for (number, vector) in vectors.iter().enumerate() {
        let parity = Memory::new(vector.parity.clone());
        let sidecar = Sidecar::open(&parity).unwrap();
        let gaps: Vec<String> =
            sidecar.directory().areas.iter().map(|area| area.promise().gap.to_string()).collect();
        let cases: Vec<String> = vector.cases.iter().map(|case| {
            let (verdict, lost) = verdict(vector, case);
            let instead = case.instead.as_ref();
            let instead = instead.map(|file| format!("\"instead\":\"{}\",", hex(file)));
            let other = case.parity_instead.as_ref();
            let other = other.map(|file| format!("\"parity_instead\":\"{}\",", hex(file)));
            format!(
                "{{\"name\":\"{}\",{}{}\"file\":{},\"parity\":{},\"verdict\":\"{verdict}\",\"lost\":{lost}}}",
                case.name,
                instead.unwrap_or_default(),
                other.unwrap_or_default(),
                case.file.json(),
                case.parity.json()
            )
        }).collect();
        let comma = if number + 1 < vectors.len() { "," } else { "" };
        writeln!(
            json,
            "{{\"name\":\"{}\",\"file\":\"{}\",\"parity\":\"{}\",\"gaps\":[{}],\"cases\":[\n{}]}}{comma}",
            vector.name,
            hex(&vector.file),
            hex(&vector.parity),
            gaps.join(","),
            cases.join(",\n")
        )
        .unwrap();
    }
    json + "]}\n"
}

/// the committed vectors are what this crate makes and
/// judges, and the implementation in Python comes to the same bytes from the document alone; with `SV2_PARITY_VECTORS` set they
/// are written instead.
#[test]
fn the_committed_vectors_are_made_and_judged_as_they_say() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/conformance/parity.json");
    let made = document();
    if std::env::var_os("SV2_PARITY_VECTORS").is_some() {
        std::fs::write(path, &made).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap();
    assert!(committed == made, "docs/conformance/parity.json is not what the crate makes");
}
