//! The engine as the subject of the accumulated test.

use std::sync::Arc;

use serde_json::{Value, json};
use sv2_core::hazmat::FixedRandom;
use sv2_core::{
    Damage, DamageMap, DecryptOptions, DigestAlg, EncryptOptions, Geometry, InputSource, KeySource,
    OutputSink, RandomSource, RunOptions, Section, StreamError, StreamKey, StreamReader, Suite,
    decrypt_stream_v2, encrypt_stream_v2, read_metadata, scrub_with,
};
use sv2_testkit::accumulated::{Attempt, Case, Damaged, Subject, hashes};
use sv2_testkit::reference::{FailureKind, Summary, Unit};
use sv2_testkit::vectors::{Mode, Named, Verdict};

use crate::names::{error_name, unit_name};

/// The engine, each call under options that a function gives.
pub(crate) struct Engine<F>(pub(crate) F);

/// The salts of a case.
struct Salts(Case, Attempt);

impl FixedRandom for Salts {
    fn fill(&self, out: &mut [u8]) {
        let Salts(case, _) = self;
        let metadata = case.params.metadata.as_ref().map_or([0; 24], |(_, salt)| *salt);
        let given = if out.len() == 32 { &case.params.stream_salt[..] } else { &metadata };
        out.iter_mut().zip(given).for_each(|(out, given)| *out = *given);
    }

    fn segment_salt(&self, index: u64) -> [u8; 24] {
        self.0.salt(index, self.1)
    }
}

impl<F: FnMut() -> RunOptions> Subject for Engine<F> {
    fn write(&mut self, case: &Case, attempt: Attempt) -> Vec<u8> {
        let params = &case.params;
        let section = |(kind, body): &(u16, Vec<u8>)| Section { kind: *kind, body: body.clone() };
        let mut options = EncryptOptions::standard();
        options.suite = Suite::from_id(params.suite).expect("a known suite");
        options.digest = DigestAlg::from_id(params.digest).expect("a known digest");
        options.geometry =
            Geometry::new(params.frame_log2, params.frames_log2).expect("legal sizes");
        options.context = params.context.clone();
        options.slots = params.sections.iter().map(section).collect();
        options.metadata = params.metadata.as_ref().map(|(json, _)| json.clone());
        options.header_len = (!case.natural_header).then_some(params.header_len);
        options.random = RandomSource::Hazmat(Arc::new(Salts(case.clone(), attempt)));
        options.run = (self.0)();
        let mut stream = Vec::new();
        let (input, output) =
            (InputSource::Memory(&case.plaintext), OutputSink::Memory(&mut stream));
        encrypt_stream_v2(input, output, &StreamKey::from_bytes(case.key), &options)
            .expect("a stream that a writer may write");
        stream
    }

    fn read(&mut self, _: &Case, given: &Damaged, mode: &Mode) -> (Verdict, Vec<u8>) {
        let key = StreamKey::from_bytes(given.key);
        let mut options = DecryptOptions::standard();
        options.context.clone_from(&given.context);
        options.run = (self.0)();
        let stream = &given.stream[..];
        let mut released = Vec::new();
        let output = OutputSink::Writer(Box::new(&mut released));
        let report = match mode {
            Mode::Pipe => {
                let input = InputSource::Reader(Box::new(stream));
                decrypt_stream_v2(input, output, &key, &options)
            }
            Mode::Seekable => {
                decrypt_stream_v2(InputSource::Memory(stream), output, &key, &options)
            }
            Mode::Range { offset, len, .. } => {
                drop(output);
                return range(stream, &key, &options, *offset, *len);
            }
            Mode::Metadata => return (metadata(stream, &key, &given.context), Vec::new()),
            Mode::Scrub => return (damage(stream, &options.run), Vec::new()),
        };
        let verdict = match report {
            Ok(report) => sound(report.fingerprint, report.revision, report.generation),
            Err(error) => failed(&error),
        };
        (verdict, released)
    }
}

/// What the engine tells of a stream; lengths and the header that was used do not enter the line.
fn sound(fingerprint: Option<[u8; 32]>, revision: u64, generation: u64) -> Verdict {
    let header = Unit::Header;
    let (plaintext_len, segments) = (0, 0);
    Verdict::Sound(Summary { plaintext_len, segments, revision, generation, fingerprint, header })
}

fn failed(error: &StreamError) -> Verdict {
    let name = error_name(error);
    let kind = FailureKind::named(name.error).unwrap_or_else(|| panic!("no such error: {error}"));
    let named = Named { unit: name.unit, segment: name.segment, frame: name.frame };
    Verdict::Failed(kind, named, name.offset)
}

fn range(
    stream: &[u8],
    key: &StreamKey,
    options: &DecryptOptions,
    offset: u64,
    len: u64,
) -> (Verdict, Vec<u8>) {
    let keys = KeySource::Key(key);
    let reader = match StreamReader::open(InputSource::Memory(stream), &keys, options) {
        Ok(reader) => reader,
        Err(error) => return (failed(&error), Vec::new()),
    };
    let mut out = vec![0; len.min(reader.len().saturating_sub(offset)) as usize];
    match reader.read_at(&mut out, offset) {
        Ok(count) => {
            out.truncate(count);
            let fingerprint = Some(reader.fingerprint());
            (sound(fingerprint, reader.revision(), reader.generation()), out)
        }
        Err(error) => (failed(&error), Vec::new()),
    }
}

fn metadata(stream: &[u8], key: &StreamKey, context: &[u8]) -> Verdict {
    let text = |json: Vec<u8>| String::from_utf8_lossy(&json).trim_end_matches(' ').to_owned();
    match read_metadata(InputSource::Memory(stream), &KeySource::Key(key), context) {
        Ok(json) => Verdict::Metadata(json.map(text)),
        Err(error) => failed(&error),
    }
}

fn damage(stream: &[u8], run: &RunOptions) -> Verdict {
    match scrubbed(InputSource::Memory(stream), run) {
        Ok(damages) => listed(&damages),
        Err(error) => failed(&error),
    }
}

/// The damaged units of a stream, one by one; frames that were looked for wherever they might be
/// are told by the program and belong to no list (F-837).
pub(crate) fn scrubbed(
    input: InputSource<'_>,
    run: &RunOptions,
) -> Result<Vec<Damage>, StreamError> {
    one_by_one(|each| scrub_with(input, run, each))
}

/// The damaged units that a scrub or a verification hands out.
pub(crate) fn one_by_one(
    find: impl FnOnce(&mut dyn FnMut(&Damage)) -> Result<DamageMap, StreamError>,
) -> Result<Vec<Damage>, StreamError> {
    let mut damages = Vec::new();
    let map = find(&mut |damage| damages.push(damage.clone()))?;
    if !map.by_place {
        damages.retain(|damage| !matches!(damage.unit, sv2_core::Unit::Frame { .. }));
    }
    Ok(damages)
}

/// The units of these damages, each once.
pub(crate) fn listed(damages: &[Damage]) -> Verdict {
    let mut places: Vec<(Named, u64)> = damages
        .iter()
        .map(|damage| {
            let (unit, segment, frame) = unit_name(&damage.unit);
            (Named { unit: Some(unit), segment, frame }, damage.offset)
        })
        .collect();
    places.dedup();
    Verdict::Damage(places.into_iter().map(|(named, _)| named).collect())
}

/// The answer to an `accumulated` request: the hash after each number of cases.
pub(crate) fn accumulated(counts: &Value, run: impl FnMut() -> RunOptions) -> Value {
    let counts: Vec<u64> =
        counts.as_array().into_iter().flatten().filter_map(Value::as_u64).collect();
    json!({"ok": true, "hashes": hashes(&counts, &mut Engine(run))})
}
