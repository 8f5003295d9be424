//! What a salvage gets out of randomly damaged files, against an exhaustive search.

use std::collections::BTreeSet;

use sv2_core::{
    DecryptOptions, Gaps, InputSource, KeySource, OutputSink, SalvageReport, StreamError,
    StreamKey, salvage,
};
use sv2_testkit::rescue::{Damaged, Original};

fn salvaged(key: [u8; 32], file: &[u8]) -> Result<(Vec<u8>, SalvageReport), StreamError> {
    let key = StreamKey::from_bytes(key);
    let mut out = Vec::new();
    let output = OutputSink::Memory(&mut out);
    let mut options = DecryptOptions::standard();
    options.run.threads = std::num::NonZeroUsize::new(1);
    let keys = KeySource::Key(&key);
    let report = salvage(InputSource::Memory(file), output, &keys, &options, Gaps::Zero)?;
    Ok((out, report))
}

/// What came of the cases so far.
#[derive(Debug, Default)]
pub(crate) struct Score {
    /// Files of which a header opened.
    pub(crate) files: usize,
    /// Frames that the search opened, and that the salvage got out.
    pub(crate) openable: usize,
    pub(crate) recovered: usize,
    /// Frames of the streams that lie nowhere.
    pub(crate) lost: usize,
    /// Cases in which the two differ.
    pub(crate) worse: Vec<String>,
}

impl Score {
    pub(crate) fn add(&mut self, case: u64, damaged: &Damaged) {
        let Damaged { what, file, streams } = damaged;
        let result = salvaged(streams[0].key, file);
        let Some(stream) = chosen(streams, file) else {
            if let Ok((_, report)) = result
                && report.recovered > 0
            {
                self.worse.push(format!("{case}, {what:?}: something out of nothing"));
            }
            return;
        };
        let Some(expected) = stream.openable(file) else { return };
        let Ok((out, report)) = result else {
            self.worse.push(format!("{case}, {what:?}: {:?}", result.map(drop)));
            return;
        };
        let mut got = BTreeSet::new();
        let all = stream.frames();
        for &(segment, frame) in &all {
            let place = stream.place(segment, frame);
            let lost = report
                .lost
                .iter()
                .any(|lost| lost.start <= place.start as u64 && (place.start as u64) < lost.end);
            if !lost && place.end <= out.len() {
                assert_eq!(
                    out[place.clone()],
                    stream.plaintext[place],
                    "{case}, {what:?}: wrong bytes"
                );
                got.insert((segment, frame));
            }
        }
        let expected_frames: BTreeSet<_> = expected.frames.iter().copied().collect();
        self.files += 1;
        self.openable += expected_frames.len();
        self.recovered += got.len();
        self.lost += all.len() - expected_frames.len();
        if got != expected_frames || report.sealed != expected.sealed {
            let missing: Vec<_> = expected_frames.difference(&got).collect();
            let more: Vec<_> = got.difference(&expected_frames).collect();
            self.worse.push(format!(
                "{case}, {what:?}: {missing:?} not found, {more:?} found besides; sealed {} {}",
                report.sealed, expected.sealed
            ));
        }
        // F-833: nothing was lost only where nothing is left over.
        let is_whole = got.len() == all.len() && report.sealed;
        assert!(!report.is_complete() || is_whole, "{case}, {what:?}: called complete");
        if report.is_complete() && file.len() > stream.stream.len() {
            self.worse.push(format!("{case}, {what:?}: bytes of the file are not explained"));
        }
    }
}

/// The stream that a salvage takes: the one whose tail ends the file, or else the last tail that a
/// header goes with, or else the first header.
fn chosen<'s>(streams: &'s [Original], file: &[u8]) -> Option<&'s Original> {
    let ranks: Vec<_> = streams.iter().map(|stream| (stream.rank(file), stream)).collect();
    let sealed = ranks.iter().filter(|((_, end, _), _)| end.is_some());
    if let Some((_, stream)) = sealed.max_by_key(|((ends, end, _), _)| (*ends, *end)) {
        return Some(stream);
    }
    let opened = ranks.iter().filter(|((_, _, first), _)| first.is_some());
    opened.min_by_key(|((_, _, first), _)| *first).map(|(_, stream)| *stream)
}
