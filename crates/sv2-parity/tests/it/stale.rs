//! Files that are not the ones that were protected.

use sv2_parity::{Findings, Geometry, Memory, ParityError, Sidecar, Version, Work, scan};

use crate::support::{Dice, Stream, parity_of};

fn geometry() -> Geometry {
    Geometry::new(8, 3, 21, 6).unwrap()
}

fn judged(file: &[u8], parity: &[u8]) -> Result<Findings, ParityError> {
    let parity = Memory::new(parity.to_vec());
    let sidecar = Sidecar::open(&parity)?;
    scan(&Memory::new(file.to_vec()), None, &sidecar, &Work::alone())
}

fn is_stale(file: &[u8], parity: &[u8]) -> bool {
    matches!(judged(file, parity), Err(ParityError::Stale(_)))
}

/// a stream with another sound seal is not repaired to an older version.
#[test]
fn another_sound_seal_is_stale_whatever_else_is_damaged() {
    let dice = &mut Dice::new(5);
    let stream = Stream::new(20_000, dice);
    let parity = parity_of(&stream.bytes, geometry());
    assert!(judged(&stream.bytes, &parity).is_ok());

    let mut longer = stream.clone();
    longer.append(3_000, dice);
    let mut other_recipients = stream.clone();
    other_recipients.rewrite();
    let mut other = Stream::new(20_000, dice);
    assert!(is_stale(&longer.bytes, &parity) && is_stale(&other.bytes, &parity));
    assert!(is_stale(&other_recipients.bytes, &parity));
    other.bytes[0..300].fill(0);
    other_recipients.bytes[300..900].fill(0);
    assert!(is_stale(&other.bytes, &parity) && is_stale(&other_recipients.bytes, &parity));
    other_recipients.bytes.extend_from_slice(&[0; 10]);
    assert!(is_stale(&other_recipients.bytes, &parity), "bytes behind the end hide no seal");
}

/// a header that was rewritten is seen although the new seal is damaged, in front and copy.
#[test]
fn a_newer_header_is_stale_where_the_new_seal_is_lost() {
    let dice = &mut Dice::new(6);
    let stream = Stream::new(20_000, dice);
    let parity = parity_of(&stream.bytes, geometry());
    let mut rewritten = stream.clone();
    rewritten.rewrite();
    let end = rewritten.bytes.len();
    rewritten.bytes[end - 60] ^= 1;
    assert!(is_stale(&rewritten.bytes, &parity));
    rewritten.bytes[100] ^= 1;
    assert!(is_stale(&rewritten.bytes, &parity), "by the copy");

    let mut older = stream.clone();
    older.rewrite();
    let parity = parity_of(&older.bytes, geometry());
    older.bytes[..256].copy_from_slice(&stream.bytes[..256]);
    assert!(judged(&older.bytes, &parity).is_ok(), "an older header is damage");
}

/// one of trailer, front and copy is enough to vouch for the version; without all three nothing
/// does, whichever version it is.
#[test]
fn a_stream_without_seal_and_headers_is_of_no_version_that_is_known() {
    let dice = &mut Dice::new(8);
    let stream = Stream::new(20_000, dice);
    let parity = parity_of(&stream.bytes, geometry());
    let mut rewritten = stream.clone();
    rewritten.rewrite();
    let (copy, end) = (stream.layout().tail_offset(20_000) as usize, stream.bytes.len());
    let lost = |stream: &Stream, places: &[usize]| {
        let mut bytes = stream.bytes.clone();
        places.iter().for_each(|at| bytes[*at] ^= 1);
        judged(&bytes, &parity).unwrap()
    };
    for version in [&stream, &rewritten] {
        let findings = lost(version, &[60, copy + 60, end - 60]);
        assert!(findings.version == Version::Unconfirmed && findings.is_repairable());
    }
    for rest in [&[60, copy + 60][..], &[60, end - 60], &[copy + 60, end - 60], &[]] {
        assert_eq!(lost(&stream, rest).version, Version::Confirmed, "{rest:?}");
    }
}

/// of a file that is no stream only the length tells.
#[test]
fn a_file_that_has_grown_is_stale_and_one_that_was_cut_is_damaged() {
    let file = Dice::new(7).bytes(10_000);
    let parity = parity_of(&file, geometry());
    let mut longer = file.clone();
    longer.push(0);
    assert!(is_stale(&longer, &parity));
    assert!(judged(&file[..9_900], &parity).is_ok());
}

/// a stream that was protected while its trailer was damaged, and whose recipients were
/// changed since, does not get the old ones back.
#[test]
fn a_stream_that_was_none_when_it_was_protected_is_stale() {
    let dice = &mut Dice::new(8);
    let stream = Stream::new(20_000, dice);
    let mut damaged = stream.bytes.clone();
    let end = damaged.len();
    damaged[end - 1] ^= 1;
    let parity = parity_of(&damaged, geometry());
    assert!(judged(&damaged, &parity).is_ok());
    let mut rewritten = stream.clone();
    rewritten.rewrite();
    assert!(is_stale(&rewritten.bytes, &parity) && is_stale(&stream.bytes, &parity));
    rewritten.bytes.truncate(end - 1);
    assert!(judged(&rewritten.bytes, &parity).is_ok(), "one that is cut has no seal");
}

/// a parity file that ends a stream in front of its trailer cuts nothing off.
#[test]
fn a_directory_that_names_a_shorter_stream_is_stale() {
    let dice = &mut Dice::new(9);
    let stream = Stream::new(20_000, dice);
    let len = stream.bytes.len();
    let trailer = stream.bytes[len - 128..].to_vec();
    let short = [&stream.bytes[..10_000], &trailer].concat();
    let parity = parity_of(&short, geometry());
    assert!(is_stale(&stream.bytes, &parity));
    let parity = parity_of(&stream.bytes, geometry());
    let twice = [&stream.bytes[..], &trailer].concat();
    assert!(judged(&twice, &parity).is_ok(), "the end is there, and something follows it");
}
