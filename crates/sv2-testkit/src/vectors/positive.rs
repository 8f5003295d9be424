//! Sound streams: the lengths at which layouts change, and a spread of all parameters.

use super::base::{KEY, painted_salt, sound, sound_with, stream_salt, tiny};
use super::model::{Mode, Vector};
use crate::paint::{boundary_lengths, paint};
use crate::reference::Params;

/// Appendix B, and the border lengths under both suites and all digests.
pub(super) fn vectors() -> Vec<Vector> {
    let mut vectors = vec![appendix_b()];
    for suite in 1..=2 {
        for digest in 0..=2 {
            let params = Params {
                stream_salt: stream_salt(16 * suite + digest),
                ..Params::tiny(suite, digest, 2)
            };
            for len in boundary_lengths(256, 1024) {
                let mut case = sound(&params, len as usize);
                case.read_sound();
                vectors.push(case.named(
                    format!("sound-suite-{suite}-digest-{digest}-length-{len}"),
                    "sound",
                    format!("A stream of {len} bytes, frames of 256 bytes, segments of 1024."),
                ));
            }
        }
    }
    vectors
}

fn appendix_b() -> Vector {
    let mut params = Params::tiny(1, 0, 0);
    params.stream_salt.copy_from_slice(&(0x40..0x60).collect::<Vec<u8>>());
    let mut salt = [0; 24];
    salt.copy_from_slice(&(0x80..0x98).collect::<Vec<u8>>());
    let mut case = sound_with(&params, &mut |_| salt, b"hello, stream_v2");
    debug_assert_eq!(case.key, KEY);
    case.read_sound();
    case.named("appendix-b", "sound", "The worked example of appendix B.")
}

/// One stream for each of many choices of parameters.
pub(super) fn parameters() -> Vec<Vector> {
    let mut vectors = Vec::new();
    let mut push = |params: Params, len: usize, name: String, scenario: String| {
        let mut case = sound(&params, len);
        case.read_sound();
        if params.metadata.is_some() {
            case.read(Mode::Metadata);
        }
        vectors.push(case.named(name, "sound", scenario));
    };
    for frame_log2 in 8..=20u8 {
        let most = 14.min(30 - frame_log2);
        for frames_log2 in [0, (frame_log2 * 5 + 3) % most, most] {
            let suite = 1 + frame_log2 % 2;
            let params = Params { frame_log2, frames_log2, ..Params::tiny(suite, 0, 0) };
            push(
                Params { stream_salt: stream_salt(frame_log2), ..params },
                700,
                format!("geometry-{frame_log2}-{frames_log2}"),
                format!("Frames of 2^{frame_log2} bytes, 2^{frames_log2} to a segment."),
            );
        }
    }
    let long: Vec<u8> = (0..5000u32).map(|at| (at % 256) as u8).collect();
    let contexts: [(&str, Vec<u8>); 5] = [
        ("empty", Vec::new()),
        ("nul", b"\0".to_vec()),
        ("with-nul", b"tenant\0object\0".to_vec()),
        ("utf8", "M\u{fc}nchen".as_bytes().to_vec()),
        ("long", long),
    ];
    for (name, context) in contexts {
        let scenario = format!("A context of {} bytes.", context.len());
        push(Params { context, ..tiny() }, 600, format!("context-{name}"), scenario);
    }
    for header_len in [256, 320, 1024, 4096, 65_472, 65_536] {
        push(
            Params { header_len, ..tiny() },
            600,
            format!("header-len-{header_len}"),
            format!("A header of {header_len} bytes."),
        );
    }
    type Sections = Vec<(u16, Vec<u8>)>;
    let sections: [(&str, Sections); 5] = [
        ("skippable", vec![(0x8000, b"ignored".to_vec()), (0xFFFF, Vec::new())]),
        ("repeated", vec![(0x8001, vec![1]); 3]),
        ("that-fill-the-header", vec![(0x8002, vec![7; 114])]),
        ("five-bytes-left", vec![(0x8002, vec![7; 109])]),
        ("six-bytes-left", vec![(0x8002, vec![7; 108])]),
    ];
    for (name, sections) in sections {
        push(
            Params { sections, ..tiny() },
            600,
            format!("sections-{name}"),
            "Sections of a type that readers skip.".to_owned(),
        );
    }
    for (revision, generation) in [(7, 9), (u64::MAX, u64::MAX)] {
        push(
            Params { revision, generation, ..tiny() },
            600,
            format!("revision-{revision}"),
            format!("Header revision {revision}, generation {generation}."),
        );
    }
    let standard = Params { stream_salt: stream_salt(2), ..Params::new(1, 0) };
    push(standard, 1000, "defaults".to_owned(), "The defaults of a writer.".to_owned());
    let slotted = Params { slotted: true, ..tiny() };
    push(slotted, 600, "slotted-without-slots".to_owned(), "The flag, but no slot.".to_owned());

    let mut limited = sound(&tiny(), 600);
    limited.max_segment = Some(512);
    limited.read(Mode::Pipe).read(Mode::Seekable);
    let scenario = "Segments of exactly the reader's own maximum.";
    vectors.push(limited.named("segment-size-at-the-callers-limit", "sound", scenario));
    let other = sound_with(&tiny(), &mut |index| painted_salt(9, index), &paint(0));
    let mut other = other;
    other.read_sound();
    vectors.push(other.named("empty-with-digests", "sound", "No segment at all, with digests."));
    vectors
}
