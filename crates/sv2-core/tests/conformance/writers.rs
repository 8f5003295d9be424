//! The engine as a writer: with the salts of a vector it makes the same bytes (F-105).

use std::sync::Arc;

use sv2_core::hazmat::FixedRandom;
use sv2_core::{
    DigestAlg, Driver, EncryptOptions, Geometry, InputSource, RandomSource, Section, StreamKey,
    Suite, encrypt_stream_v2,
};
use sv2_testkit::vectors::requests::is_for_writers;
use sv2_testkit::vectors::{Origin, StreamCase};

use crate::ways::{Taken, Ways};

/// The salts of one vector.
struct Given {
    stream: [u8; 32],
    metadata: [u8; 24],
    segments: Vec<[u8; 24]>,
}

impl FixedRandom for Given {
    fn fill(&self, out: &mut [u8]) {
        match out.len() {
            32 => out.copy_from_slice(&self.stream),
            24 => out.copy_from_slice(&self.metadata),
            other => panic!("F-1002 knows no draw of {other} bytes"),
        }
    }

    fn segment_salt(&self, index: u64) -> [u8; 24] {
        self.segments[index as usize]
    }
}

/// Writes the stream by each driver and compares it, where a writer may write such a stream.
pub(crate) fn write(name: &str, case: &StreamCase, origin: &Origin, ways: &mut Ways) {
    let params = &origin.params;
    if !is_for_writers(params) {
        return;
    }
    let section = |(kind, body): &(u16, Vec<u8>)| Section { kind: *kind, body: body.clone() };
    let random = Given {
        stream: params.stream_salt,
        metadata: params.metadata.as_ref().map_or([0; 24], |(_, salt)| *salt),
        segments: origin.salts.clone(),
    };
    let mut options = EncryptOptions::standard();
    options.suite = Suite::from_id(params.suite).expect("a known suite");
    options.digest = DigestAlg::from_id(params.digest).expect("a known digest");
    options.geometry = Geometry::new(params.frame_log2, params.frames_log2).expect("legal sizes");
    options.context = params.context.clone();
    options.slots = params.sections.iter().map(section).collect();
    options.metadata = params.metadata.as_ref().map(|(json, _)| json.clone());
    options.header_len = Some(params.header_len);
    options.random = RandomSource::Hazmat(Arc::new(random));
    for driver in [Driver::Positional, Driver::Ordered, Driver::Inline] {
        for (run, way) in ways.each(driver) {
            let taken = Taken::turn(ways);
            let way = format!("{way} {taken:?}");
            options.run = run;
            let key = StreamKey::from_bytes(case.key);
            let input = InputSource::Memory(&case.plaintext);
            let (done, stream) =
                taken.with(|output| encrypt_stream_v2(input, output, &key, &options));
            let report = done.unwrap_or_else(|error| panic!("{name}, {way}: {error}"));
            assert!(stream == case.stream, "{name}, {way}: another stream");
            assert_eq!(report.fingerprint, Some(origin.trace.fingerprint), "{name}, {way}");
        }
    }
}
