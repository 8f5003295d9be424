//! The vectors, as far as they read ranges or metadata of a seekable source.

use sv2_stream::{Depth, FormatError, OpeningOptions};
use sv2_testkit::reference::FailureKind;
use sv2_testkit::vectors::{Body, Mode, Reading, StreamCase, Verdict, all};

use crate::support::{Feed, named, open_counted, read_range};

/// Fails unless the error is the one of the verdict.
fn assert_fails(error: &FormatError, verdict: &Verdict, case: &str) {
    let Verdict::Failed(kind, place, _) = verdict else {
        panic!("{case}: {error} instead of {verdict}");
    };
    let (found, _, segment, frame, _) = named(error);
    assert_eq!((found, segment, frame), (*kind, place.segment, place.frame), "{case}: {error}");
}

fn options(case: &StreamCase) -> OpeningOptions {
    OpeningOptions::standard().max_segment_size(case.max_segment.unwrap_or(1 << 30))
}

fn range(case: &StreamCase, reading: &Reading, (offset, len): (u64, u64), name: &str) {
    let read = read_range(&case.stream, &case.key, &case.context, options(case), (offset, len));
    match (read, &reading.verdict) {
        (Ok((stream, plaintext)), Verdict::Sound(summary)) => {
            assert_eq!(Some(stream.fingerprint()), summary.fingerprint, "{name}");
            assert_eq!(stream.header().revision, summary.revision, "{name}");
            assert_eq!(plaintext, reading.released, "{name}");
        }
        (Err(error), verdict) => assert_fails(&error, verdict, name),
        (Ok(_), verdict) => panic!("{name}: success instead of {verdict}"),
    }
}

/// F-339: opened up to the length of the stream, and no further.
fn metadata(case: &StreamCase, reading: &Reading, name: &str) {
    let options = options(case).depth(Depth::Lengths);
    let opened = open_counted(&case.stream, &case.key, &case.context, options, Feed::Whole).0;
    // F-340: an unsealed source is read as a pipe is, which is another layer's.
    if matches!(opened, Err(FormatError::Unsealed { .. })) {
        return;
    }
    match (opened.and_then(|stream| stream.metadata()), &reading.verdict) {
        (Ok(found), Verdict::Metadata(text)) => {
            let found = found.map(|json| String::from_utf8(json).expect("UTF-8"));
            assert_eq!(found.as_deref().map(|json| json.trim_end_matches(' ')), text.as_deref());
        }
        (Err(error), verdict) => assert_fails(&error, verdict, name),
        (Ok(found), verdict) => panic!("{name}: {found:?} instead of {verdict}"),
    }
}

#[test]
fn every_vector_ends_as_it_says() {
    let (mut ranges, mut texts, mut whole) = (0, 0, 0);
    for vector in all() {
        let Body::Stream(case) = &vector.body else { continue };
        if case.opener.is_some() {
            continue;
        }
        for reading in &case.readings {
            match &reading.mode {
                Mode::Range { offset, len, trailer_now: None } => {
                    range(case, reading, (*offset, *len), &vector.name);
                    ranges += 1;
                }
                Mode::Metadata => {
                    metadata(case, reading, &vector.name);
                    texts += 1;
                }
                // All bytes as one range: what differs is the digest alone (F-825), and that a
                // whole decrypt judges all pages first (F-810), for which there are ranges.
                Mode::Seekable => {
                    let digest = matches!(
                        &reading.verdict,
                        Verdict::Failed(FailureKind::DigestMismatch, ..)
                    );
                    if !digest && case.stream.len() < 1 << 20 {
                        let released = match reading.verdict.is_sound() {
                            true => reading.released.clone(),
                            false => Vec::new(),
                        };
                        let reading = Reading { released, ..reading.clone() };
                        range(case, &reading, (0, 1 << 40), &vector.name);
                        whole += 1;
                    }
                }
                _ => {}
            }
        }
    }
    assert!(ranges > 20 && texts > 20 && whole > 200, "{ranges} {texts} {whole}");
}
