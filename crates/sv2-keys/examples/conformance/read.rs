//! What readers and the scrubber answer.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;
use sv2_core::{
    Damage, InputSource, KeySource, OutputSink, ReadAt, Section, StreamError, StreamReader,
    decrypt_stream_v2, decrypt_stream_with, read_metadata, scrub_followed_with, scrub_with,
};

use crate::answer::{Answer, Failed, add_released, failure, hex, members};
use crate::names;
use crate::opener::Fits;
use crate::request::{Request, inline, unhex};
use crate::subject::one_by_one;

pub(crate) fn decrypt(request: &Request<'_>) -> Result<Answer, Failed> {
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
            let open = |sections: &[Section], fits: Fits<'_>| opener.open(sections, fits);
            decrypt_stream_with(input, output, &KeySource::Slots(&open), &options)
        }
    };
    let mut answer = match done {
        Ok(report) => members(json!({
            "ok": true,
            "fingerprint": report.fingerprint.map(|bytes| hex(&bytes)),
            "revision": report.revision,
            "generation": report.generation,
            "stream_len": report.bytes_in,
        })),
        Err(error) => failure(&error),
    };
    add_released(&mut answer, &released);
    Ok(answer)
}

pub(crate) fn range(request: &Request<'_>) -> Result<Answer, Failed> {
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

pub(crate) fn metadata(request: &Request<'_>) -> Result<Answer, Failed> {
    let stream = match request.0.get("stream_file") {
        Some(_) => Vec::new(),
        None => request.content("stream")?,
    };
    let key = request.key()?;
    let context = unhex(request.0.get("context"))?;
    let input = match request.0.get("mode") {
        Some(_) => InputSource::Reader(Box::new(&stream[..])),
        None => request.seekable("stream", &stream)?,
    };
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

pub(crate) fn damage(request: &Request<'_>) -> Result<Answer, Failed> {
    let stream = request.content("stream")?;
    let input = InputSource::Memory(&stream);
    let found = one_by_one(|each| match request.is_followed() {
        true => scrub_followed_with(input, &inline(), each),
        false => scrub_with(input, &inline(), each),
    });
    Ok(listed(found))
}

/// An answer that lists damage, each unit once.
pub(crate) fn listed(found: Result<Vec<Damage>, StreamError>) -> Answer {
    let found = match found {
        Ok(found) => found,
        Err(error) => return failure(&error),
    };
    let mut damages: Vec<Answer> = Vec::new();
    for damage in found {
        let (unit, segment, frame) = names::unit_name(&damage.unit);
        let mut listed = members(json!({"unit": unit, "offset": damage.offset}));
        listed.extend(segment.map(|segment| ("segment".to_owned(), json!(segment))));
        listed.extend(frame.map(|frame| ("frame".to_owned(), json!(frame))));
        let is_listed = damages.last().is_some_and(|last| {
            listed.iter().all(|(name, value)| last.get(name) == Some(value))
                && last.len() == listed.len() + 1
        });
        if !is_listed {
            listed.insert("what".to_owned(), json!(format!("{:?}", damage.fault)));
            damages.push(listed);
        }
    }
    members(json!({"ok": true, "damage": damages}))
}
