//! The conformance vectors of opened slots: the engine with this crate's opener, from pipe and file.

#[path = "../../../sv2-core/tests/conformance/names.rs"]
mod names;
mod opener;

use std::io::{Seek, Write};

use names::{error_name, unit_name};
use opener::{Fits, Opener};
use sv2_core::{
    DecryptOptions, Driver, InputSource, KeySource, OutputSink, RunOptions, Section, Unit,
    decrypt_stream_with,
};
use sv2_testkit::vectors::{Body, FAMILIES, Mode, Reading, StreamCase, Verdict};

/// Reads a stream through its slots; what is released is compared to the byte.
fn play(name: &str, case: &StreamCase, reading: &Reading, driver: Driver) {
    let given = case.opener.as_ref().expect("a vector of an opener");
    let opener = Opener::new(&given.identities, given.passphrase).expect("sound identities");
    let open = |sections: &[Section], fits: Fits<'_>| opener.open(sections, fits);
    let mut options = DecryptOptions::standard();
    options.context.clone_from(&case.context);
    options.run = RunOptions::automatic().driver(driver);
    let input = match reading.mode {
        Mode::Pipe => InputSource::Reader(Box::new(&case.stream[..])),
        _ => {
            let mut file = tempfile::tempfile().expect("a file");
            file.write_all(&case.stream).expect("a short file");
            file.rewind().expect("a regular file");
            InputSource::File(file)
        }
    };
    let mut released = Vec::new();
    let output = OutputSink::Writer(Box::new(&mut released));
    let done = decrypt_stream_with(input, output, &KeySource::Slots(&open), &options);
    match (&done, &reading.verdict) {
        (Ok(report), Verdict::Sound(summary)) => {
            let found = (report.fingerprint, report.revision, report.generation);
            assert_eq!(
                found,
                (summary.fingerprint, summary.revision, summary.generation),
                "{name}"
            );
        }
        (Err(error), Verdict::Failed(kind, named, _)) => {
            let found = error_name(error);
            let expected = (format!("{kind:?}"), named.unit, named.segment, named.frame);
            let found = (found.error.to_owned(), found.unit, found.segment, found.frame);
            assert_eq!(found, expected, "{name}");
        }
        (done, verdict) => panic!("{name}: {done:?} instead of {verdict}"),
    }
    assert!(released == reading.released, "{name}: released bytes differ");
}

/// F-326 to F-328, F-404, F-905.
#[test]
fn slots_are_opened_by_identities_and_passphrases_or_no_key_fits() {
    assert_eq!(unit_name(&Unit::Header).0, "header");
    let (_, family) = FAMILIES.iter().find(|(name, _)| *name == "openers").expect("the family");
    let mut played = 0;
    for vector in family() {
        let Body::Stream(case) = &vector.body else { panic!("{} is a stream", vector.name) };
        for (number, reading) in case.readings.iter().enumerate() {
            let driver = [Driver::Ordered, Driver::Inline][number % 2];
            play(&vector.name, case, reading, driver);
            played += 1;
        }
    }
    assert!(played >= 50, "{played}");
}
