//! The engine behind the line protocol of `docs/conformance/README.md`.
//!
//! `cargo xtask conformance` asks it all vectors. It offers every role and no trace; slots are
//! opened by `sv2-keys`.

#[path = "../../sv2-core/tests/conformance/names.rs"]
mod names;
#[path = "../tests/vectors/opener.rs"]
mod opener;
#[path = "../../sv2-core/tests/conformance/subject.rs"]
mod subject;

use std::error::Error;
use std::io::{self, BufRead, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Map, Value, json};
use sv2_core::hazmat::FixedRandom;
use sv2_core::{
    DecryptOptions, DigestAlg, Driver, EncryptOptions, Geometry, HeaderError, InputSource,
    KeySource, OutputSink, RandomSource, ReadAt, RunOptions, Section, StreamError, StreamKey,
    StreamLayout, StreamReader, Suite, decrypt_stream_v2, decrypt_stream_with, encrypt_stream_v2,
    read_metadata, scrub,
};
use sv2_testkit::reference::primitives::sha256;

type Answer = Map<String, Value>;
type Failed = Box<dyn Error>;

fn main() -> Result<(), Failed> {
    let mut output = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let request: Value = serde_json::from_str(&line?).unwrap_or_default();
        let mut answer = match answer(&Request(&request)) {
            Ok(answer) => answer,
            Err(error) => failure(&*error),
        };
        answer.insert("id".to_owned(), request["id"].clone());
        writeln!(output, "{}", Value::Object(answer))?;
        output.flush()?;
    }
    Ok(())
}

fn answer(request: &Request<'_>) -> Result<Answer, Failed> {
    match request.text("op")? {
        "version" => Ok(members(json!({
            "ok": true,
            "implementation": "sv2-core",
            "format": 1,
            "suites": [1, 2],
            "digests": [0, 1, 2],
            "roles": ["pipe", "random", "writer", "scrubber", "slots"],
            "in_order": true,
        }))),
        "decrypt" => decrypt(request),
        "range" => range(request),
        "metadata" => metadata(request),
        "encrypt" => encrypt(request),
        "scrub" => damage(request),
        "layout" => layout(request),
        "accumulated" => Ok(members(subject::accumulated(&request.0["checkpoints"], inline))),
        other => Err(format!("the operation {other} is not offered").into()),
    }
}

fn decrypt(request: &Request<'_>) -> Result<Answer, Failed> {
    let options = request.options()?;
    let mut released = Vec::new();
    let stream = match request.text("mode")? {
        // A file may be longer than memory, and is a source like any other.
        "seekable" if request.0.get("stream_file").is_some() => Vec::new(),
        _ => request.content("stream")?,
    };
    let input = match request.text("mode")? {
        "pipe" => InputSource::Reader(Box::new(&stream[..])),
        "seekable" => request.seekable("stream", &stream)?,
        other => return Err(format!("no mode {other}").into()),
    };
    let output = OutputSink::Writer(Box::new(&mut released));
    let done = match request.0.get("key") {
        Some(_) => decrypt_stream_v2(input, output, &request.key()?, &options),
        None => {
            let opener = request.opener()?;
            let open = |sections: &[Section], fits: opener::Fits<'_>| opener.open(sections, fits);
            decrypt_stream_with(input, output, &KeySource::Slots(&open), &options)
        }
    };
    let mut answer = match done {
        Ok(report) => members(json!({
            "ok": true,
            "fingerprint": report.fingerprint.map(|bytes| hex(&bytes)),
            "revision": report.revision,
            "generation": report.generation,
        })),
        Err(error) => failure(&error),
    };
    add_released(&mut answer, &released);
    Ok(answer)
}

fn range(request: &Request<'_>) -> Result<Answer, Failed> {
    let key = request.key()?;
    let keys = KeySource::Key(&key);
    let trailer_now = match request.0.get("trailer_now") {
        Some(_) => Some(request.content("trailer_now")?),
        None => None,
    };
    let replaced = Arc::new(AtomicBool::new(false));
    let input = match &trailer_now {
        None if request.0.get("stream_file").is_some() => request.seekable("stream", &[])?,
        _ => {
            let stream = request.content("stream")?;
            let source = Changing { stream, trailer_now, replaced: Arc::clone(&replaced) };
            InputSource::ReadAt(Box::new(source))
        }
    };
    let reader = match StreamReader::open(input, &keys, &request.options()?) {
        Ok(reader) => reader,
        Err(error) => return Ok(failure(&error)),
    };
    replaced.store(true, Ordering::SeqCst);
    let offset = request.number("offset")?;
    let left = reader.len().saturating_sub(offset);
    let mut released = vec![0; usize::try_from(request.number("length")?.min(left))?];
    match reader.read_at(&mut released, offset) {
        Ok(count) => {
            released.truncate(count);
            let mut answer = opened(&reader);
            add_released(&mut answer, &released);
            Ok(answer)
        }
        Err(error) => Ok(failure(&error)),
    }
}

/// What a range reader tells of the stream it has open.
fn opened(reader: &StreamReader<'_>) -> Answer {
    members(json!({
        "ok": true,
        "fingerprint": hex(&reader.fingerprint()),
        "revision": reader.revision(),
        "generation": reader.generation(),
    }))
}

/// A stream whose trailer is another one as soon as it was replaced.
struct Changing {
    stream: Vec<u8>,
    trailer_now: Option<Vec<u8>>,
    replaced: Arc<AtomicBool>,
}

impl ReadAt for Changing {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let count = self.stream.read_at(buffer, offset)?;
        let trailer_at = (self.stream.len() as u64).saturating_sub(128);
        if let Some(trailer) = self.trailer_now.as_ref().filter(|_| offset >= trailer_at)
            && self.replaced.load(Ordering::SeqCst)
        {
            return trailer.read_at(&mut buffer[..count], offset - trailer_at);
        }
        Ok(count)
    }

    fn len(&self) -> io::Result<u64> {
        ReadAt::len(&self.stream)
    }
}

fn metadata(request: &Request<'_>) -> Result<Answer, Failed> {
    let stream = match request.0.get("stream_file") {
        Some(_) => Vec::new(),
        None => request.content("stream")?,
    };
    let key = request.key()?;
    let context = unhex(request.0.get("context"))?;
    let input = request.seekable("stream", &stream)?;
    let read = read_metadata(input, &KeySource::Key(&key), &context);
    Ok(match read {
        Ok(json) => {
            let text = json.map(|json| String::from_utf8_lossy(&json).into_owned());
            let text = text.as_ref().map(|text| text.trim_end_matches(' '));
            members(json!({"ok": true, "metadata": text}))
        }
        Err(error) => failure(&error),
    })
}

fn damage(request: &Request<'_>) -> Result<Answer, Failed> {
    let stream = request.content("stream")?;
    let map = match scrub(InputSource::Memory(&stream), &inline()) {
        Ok(map) => map,
        Err(error) => return Ok(failure(&error)),
    };
    let damages: Vec<Value> = map
        .damages
        .iter()
        .map(|damage| {
            let (unit, segment, frame) = names::unit_name(&damage.unit);
            let mut listed = members(json!({"unit": unit, "offset": damage.offset}));
            listed.extend(segment.map(|segment| ("segment".to_owned(), json!(segment))));
            listed.extend(frame.map(|frame| ("frame".to_owned(), json!(frame))));
            listed.insert("what".to_owned(), json!(format!("{:?}", damage.fault)));
            Value::Object(listed)
        })
        .collect();
    Ok(members(json!({"ok": true, "damage": damages})))
}

fn encrypt(request: &Request<'_>) -> Result<Answer, Failed> {
    let options = match writer_options(request)? {
        Ok(options) => options,
        Err(HeaderError::Limit { .. }) => return Ok(refused("Limit")),
        Err(HeaderError::Unsupported { .. }) => return Ok(refused("Unsupported")),
        Err(_) => return Ok(refused("Malformed")),
    };
    let plaintext = request.content("plaintext")?;
    let mut stream = Vec::new();
    let input = InputSource::Memory(&plaintext);
    let output = OutputSink::Memory(&mut stream);
    match encrypt_stream_v2(input, output, &request.key()?, &options) {
        Ok(_) => Ok(members(json!({
            "ok": true,
            "stream_len": stream.len(),
            "stream_sha256": hex(&sha256(&stream)),
        }))),
        Err(error) => Ok(failure(&error)),
    }
}

/// The options of a writer, or why no stream can be written with them.
fn writer_options(request: &Request<'_>) -> Result<Result<EncryptOptions, HeaderError>, Failed> {
    let small = |name: &str| Ok::<u8, Failed>(u8::try_from(request.number(name)?)?);
    let ids = (small("suite")?, small("digest")?);
    let logs = (small("frame_log2")?, small("frames_log2")?);
    let chosen = || -> Result<(Suite, DigestAlg, Geometry), HeaderError> {
        Ok((Suite::from_id(ids.0)?, DigestAlg::from_id(ids.1)?, Geometry::new(logs.0, logs.1)?))
    };
    let (suite, digest, geometry) = match chosen() {
        Ok(chosen) => chosen,
        Err(error) => return Ok(Err(error)),
    };
    let mut slots = Vec::new();
    for section in request.0["sections"].as_array().into_iter().flatten() {
        let kind = u16::try_from(section[0].as_u64().ok_or("a section has a type")?)?;
        if kind != 1 {
            return Err("the engine writes no sections but slots and metadata".into());
        }
        slots.push(Section { kind, body: unhex(section.get(1))? });
    }
    let asked =
        |name: &str, natural: Value| request.0.get(name).is_none_or(|value| *value == natural);
    let is_new = asked("revision", json!(0)) && asked("generation", json!(0));
    if !is_new || !asked("slotted", json!(!slots.is_empty())) {
        return Err("the engine writes new streams, flagged where they have slots".into());
    }
    let mut salts = Vec::new();
    for salt in request.0["dangerous_salts"].as_array().into_iter().flatten() {
        salts.push(array(&unhex(Some(salt))?)?);
    }
    let random = match request.0.get("dangerous_stream_salt") {
        None => RandomSource::System,
        given => RandomSource::Hazmat(Arc::new(Given {
            stream: array(&unhex(given)?)?,
            metadata: unhex(request.0.get("dangerous_metadata_salt"))?,
            segments: salts,
        })),
    };
    let header_len = match request.0.get("header_len") {
        None => None,
        Some(_) => Some(u32::try_from(request.number("header_len")?)?),
    };
    Ok(Ok(EncryptOptions {
        suite,
        digest,
        geometry,
        context: unhex(request.0.get("context"))?,
        slots,
        metadata: request.0["metadata"].as_str().map(|text| text.as_bytes().to_vec()),
        header_len,
        random,
        run: inline(),
    }))
}

/// Salts that a request gives, for vectors alone.
struct Given {
    stream: [u8; 32],
    metadata: Vec<u8>,
    segments: Vec<[u8; 24]>,
}

impl FixedRandom for Given {
    fn fill(&self, out: &mut [u8]) {
        let given = if out.len() == 32 { &self.stream[..] } else { &self.metadata };
        out.iter_mut().zip(given).for_each(|(out, given)| *out = *given);
    }

    fn segment_salt(&self, index: u64) -> [u8; 24] {
        self.segments.get(index as usize).copied().unwrap_or_default()
    }
}

fn layout(request: &Request<'_>) -> Result<Answer, Failed> {
    let small = |name: &str| Ok::<u8, Failed>(u8::try_from(request.number(name)?)?);
    let layout = StreamLayout {
        geometry: Geometry::new(small("frame_log2")?, small("frames_log2")?)?,
        digest: DigestAlg::from_id(small("digest")?)?,
        header_len: u32::try_from(request.number("header_len")?)?,
    };
    let plaintext_len = match request.0.get("stream_len") {
        None => request.number("plaintext_len")?,
        Some(_) => match layout.plaintext_len(request.number("stream_len")?) {
            Some(len) => len,
            None => return Ok(refused("ImpossibleLength")),
        },
    };
    let Some(stream_len) = layout.stream_len(plaintext_len) else { return Ok(refused("Limit")) };
    let segments = layout.geometry.segment_count(plaintext_len);
    let index = layout.index_offset(plaintext_len);
    let entry_len = 32 + layout.digest.len() as u64;
    let mut answer = members(json!({
        "ok": true,
        "plaintext_len": plaintext_len,
        "stream_len": stream_len,
        "segments": segments,
        "frames": plaintext_len.div_ceil(layout.geometry.frame_size().into()),
        "pages": segments.div_ceil(1024),
        "tail": layout.tail_offset(plaintext_len),
        "index": index,
        "page_table": index + segments * entry_len,
        "trailer": stream_len - 128,
    }));
    if request.0.get("at").is_some() {
        let at = layout.position(request.number("at")?);
        let byte = u64::from(at.offset);
        let place = json!({
            "segment": at.segment.0,
            "frame": at.frame.0,
            "byte": byte,
            "wire_offset": layout.frame_offset(at.segment, at.frame) + 8 + byte,
        });
        answer.insert("place".to_owned(), place);
    }
    if request.0.get("wire_at").is_some() {
        let place = wire_place(&layout, plaintext_len, request.number("wire_at")?)?;
        answer.insert("wire_place".to_owned(), place);
    }
    Ok(answer)
}

/// The part of a stream that holds a wire offset (section 2.4).
fn wire_place(layout: &StreamLayout, plaintext_len: u64, at: u64) -> Result<Value, Failed> {
    let segments = layout.geometry.segment_count(plaintext_len);
    let index = layout.index_offset(plaintext_len);
    let page_table = index + segments * (32 + layout.digest.len() as u64);
    let tail = layout.tail_offset(plaintext_len);
    let trailer = page_table + 32 * segments.div_ceil(1024);
    let h = u64::from(layout.header_len);
    for (part, start, end) in [
        ("header", 0, h),
        ("header copy", tail, index),
        ("index", index, page_table),
        ("page table", page_table, trailer),
        ("trailer", trailer, trailer + 128),
    ] {
        if (start..end).contains(&at) {
            return Ok(json!({"part": part, "byte": at - start}));
        }
    }
    let full = layout.full_segment_len();
    let (number, y) = ((at - h) / full, (at - h) % full);
    let segment = layout
        .segment_layout(plaintext_len, sv2_framing::SegmentIndex(number))
        .ok_or("an offset behind the stream")?;
    if y < 64 {
        return Ok(json!({"part": "segment header", "byte": y, "segment": number}));
    }
    let footer = segment.footer().start as u64;
    if y >= footer {
        return Ok(json!({"part": "footer", "byte": y - footer, "segment": number}));
    }
    let frame = (y - 64) / (u64::from(segment.frame_size()) + 32);
    let index = sv2_framing::FrameIndex(u16::try_from(frame)?);
    let (record, slot) = (segment.frame(index), segment.plaintext_slot(index));
    let [start, text, tag, end] =
        [record.start, slot.start, slot.end, slot.end + 16].map(|at| at as u64);
    let (part, from) = match y {
        y if y < text => ("frame header", start),
        y if y < tag => ("plaintext", text),
        y if y < end => ("tag", tag),
        _ => ("frame crc", end),
    };
    let mut place = json!({"part": part, "byte": y - from, "segment": number, "frame": frame});
    if part == "plaintext" {
        let before = number * layout.geometry.segment_size()
            + frame * u64::from(layout.geometry.frame_size());
        place["offset"] = json!(before + y - from);
    }
    Ok(place)
}

/// A request and its members.
struct Request<'a>(&'a Value);

impl Request<'_> {
    fn text(&self, name: &str) -> Result<&str, Failed> {
        self.0[name].as_str().ok_or_else(|| format!("{name} is no text").into())
    }

    fn number(&self, name: &str) -> Result<u64, Failed> {
        self.0[name].as_u64().ok_or_else(|| format!("{name} is no number").into())
    }

    fn key(&self) -> Result<StreamKey, Failed> {
        Ok(StreamKey::from_bytes(array(&unhex(self.0.get("key"))?)?))
    }

    /// The content of a member in base64, or of the file that it names.
    fn content(&self, name: &str) -> Result<Vec<u8>, Failed> {
        match self.0[format!("{name}_file")].as_str() {
            Some(path) => Ok(std::fs::read(path)?),
            None => unbase64(self.text(name)?),
        }
    }

    /// The file that a member names as a seekable source, or else `content`.
    fn seekable<'b>(&self, name: &str, content: &'b [u8]) -> Result<InputSource<'b>, Failed> {
        match self.0[format!("{name}_file")].as_str() {
            Some(path) => Ok(InputSource::File(std::fs::File::open(path)?)),
            None => Ok(InputSource::Memory(content)),
        }
    }

    /// What slots are opened with.
    fn opener(&self) -> Result<opener::Opener, Failed> {
        let listed = self.0["identities"].as_array().ok_or("neither a key nor identities")?;
        let identities: Vec<&str> = listed.iter().filter_map(Value::as_str).collect();
        opener::Opener::new(&identities, self.0["passphrase"].as_str())
    }

    fn options(&self) -> Result<DecryptOptions, Failed> {
        let mut options = DecryptOptions::standard();
        options.context = unhex(self.0.get("context"))?;
        if self.0.get("max_segment").is_some() {
            options.max_segment_size = self.number("max_segment")?;
        }
        options.run = inline();
        Ok(options)
    }
}

/// One thread: the vectors are small, and other drivers are for the tests.
fn inline() -> RunOptions {
    RunOptions {
        threads: Some(std::num::NonZeroUsize::MIN),
        driver: Some(Driver::Inline),
        ..RunOptions::automatic()
    }
}

/// A failure as an answer: an error of the format, or a request that makes no sense.
fn failure(error: &(dyn Error + 'static)) -> Answer {
    let Some(stream_error) = error.downcast_ref::<StreamError>() else {
        let mut answer = refused("BadRequest");
        answer.insert("what".to_owned(), json!(error.to_string()));
        return answer;
    };
    let name = names::error_name(stream_error);
    let mut answer = refused(name.error);
    answer.extend(name.unit.map(|unit| ("unit".to_owned(), json!(unit))));
    answer.extend(name.segment.map(|segment| ("segment".to_owned(), json!(segment))));
    answer.extend(name.frame.map(|frame| ("frame".to_owned(), json!(frame))));
    answer.extend(name.offset.map(|offset| ("offset".to_owned(), json!(offset))));
    answer.insert("what".to_owned(), json!(error.to_string()));
    answer
}

fn refused(error: &str) -> Answer {
    members(json!({"ok": false, "error": error}))
}

fn add_released(answer: &mut Answer, released: &[u8]) {
    answer.insert("released_len".to_owned(), json!(released.len()));
    answer.insert("released_sha256".to_owned(), json!(hex(&sha256(released))));
}

fn members(value: Value) -> Answer {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(value: Option<&Value>) -> Result<Vec<u8>, Failed> {
    let text = value.and_then(Value::as_str).unwrap_or_default();
    let digits: Option<Vec<u32>> = text.chars().map(|digit| digit.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0).ok_or("no hexadecimal")?;
    Ok(digits.chunks(2).map(|pair| (16 * pair[0] + pair[1]) as u8).collect())
}

fn unbase64(text: &str) -> Result<Vec<u8>, Failed> {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut values = [None; 256];
    for (value, letter) in (0u32..).zip(alphabet) {
        values[usize::from(*letter)] = Some(value);
    }
    let (mut bits, mut held, mut bytes) = (0u32, 0, Vec::with_capacity(text.len() / 4 * 3));
    for letter in text.trim_end_matches('=').bytes() {
        bits = bits << 6 | values[usize::from(letter)].ok_or("no base64")?;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    Ok(bytes)
}

fn array<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Failed> {
    <[u8; N]>::try_from(bytes).map_err(|_| format!("{} bytes, not {N}", bytes.len()).into())
}
