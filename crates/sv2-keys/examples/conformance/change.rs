//! New versions of a sealed stream, in memory: other slots and metadata, or more plaintext.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use sv2_core::{
    ChangeFile, ChangeOptions, ChangeStorage, HeaderChange, HeaderContent, InputSource, KeySource,
    MetadataChange, RandomSource, Section, StreamError, append_on, rewrap_on,
};
use sv2_testkit::reference::primitives::sha256;

use crate::answer::{Answer, Failed, failure, hex, members};
use crate::request::{Request, array, inline, unhex};
use crate::write::Given;

/// Other slots, and other metadata where that is asked for (F-1107).
pub(crate) fn rewrite(request: &Request<'_>) -> Result<Answer, Failed> {
    let memory = Memory::of(request.content("stream")?);
    let mut slots = Vec::new();
    for body in request.0["slots"].as_array().into_iter().flatten() {
        slots.push(Section { kind: 1, body: unhex(Some(body))? });
    }
    let metadata = match request.0.get("metadata") {
        None => MetadataChange::Keep,
        Some(Value::Null) => MetadataChange::Remove,
        Some(text) => {
            let text = text.as_str().ok_or("metadata is a text")?;
            MetadataChange::Replace(text.as_bytes().to_vec())
        }
    };
    let change = |_: HeaderContent<'_>| Ok::<_, StreamError>(HeaderChange::new(slots, metadata));
    let key = request.key()?;
    let done = rewrap_on(&memory, &KeySource::Key(&key), change, &options(request)?);
    Ok(match done {
        Ok(report) => memory.told(report.revision, report.generation, &report.fingerprint),
        Err(error) => failure(&error),
    })
}

/// More plaintext behind that of a stream (F-1109).
pub(crate) fn append(request: &Request<'_>) -> Result<Answer, Failed> {
    let memory = Memory::of(request.content("stream")?);
    let plaintext = request.content("plaintext")?;
    let key = request.key()?;
    let input = InputSource::Memory(&plaintext);
    Ok(match append_on(&memory, input, &KeySource::Key(&key), &options(request)?) {
        Ok(report) => {
            let fingerprint = report.fingerprint.ok_or("a sealed stream has a fingerprint")?;
            memory.told(report.revision, report.generation, &fingerprint)
        }
        Err(error) => failure(&error),
    })
}

fn options(request: &Request<'_>) -> Result<ChangeOptions, Failed> {
    let mut options = ChangeOptions::standard();
    options.context = unhex(request.0.get("context"))?;
    options.run = inline();
    let mut segments = Vec::new();
    for salt in request.0["dangerous_salts"].as_array().into_iter().flatten() {
        segments.push(array(&unhex(Some(salt))?)?);
    }
    let metadata = unhex(request.0.get("dangerous_metadata_salt"))?;
    if !segments.is_empty() || !metadata.is_empty() {
        options.random = RandomSource::Hazmat(Given::in_turn([0; 32], metadata, segments));
    }
    Ok(options)
}

/// A stream and its change record.
#[derive(Default)]
struct Files {
    stream: Vec<u8>,
    record: Option<Vec<u8>>,
}

struct Memory(Mutex<Files>);

impl Memory {
    fn of(stream: Vec<u8>) -> Self {
        Self(Mutex::new(Files { stream, record: None }))
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn told(&self, revision: u64, generation: u64, fingerprint: &[u8; 32]) -> Answer {
        let stream = &self.files().stream;
        members(json!({
            "ok": true,
            "revision": revision,
            "generation": generation,
            "fingerprint": hex(fingerprint),
            "stream_len": stream.len(),
            "stream_sha256": hex(&sha256(stream)),
        }))
    }

    /// Runs `call` on one of the files.
    fn with<T>(&self, file: ChangeFile, call: impl FnOnce(&mut Vec<u8>) -> T) -> io::Result<T> {
        let mut files = self.files();
        match file {
            ChangeFile::Stream => Ok(call(&mut files.stream)),
            ChangeFile::Record => match &mut files.record {
                Some(record) => Ok(call(record)),
                None => Err(io::ErrorKind::NotFound.into()),
            },
        }
    }
}

impl ChangeStorage for Memory {
    fn len(&self, file: ChangeFile) -> io::Result<Option<u64>> {
        Ok(self.with(file, |bytes| bytes.len() as u64).ok())
    }

    fn read_at(&self, file: ChangeFile, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.with(file, |bytes| {
            let rest = bytes.get(offset as usize..).unwrap_or_default();
            let count = rest.len().min(buffer.len());
            buffer[..count].copy_from_slice(&rest[..count]);
            count
        })
    }

    fn write_all_at(&self, file: ChangeFile, new: &[u8], offset: u64) -> io::Result<()> {
        self.with(file, |bytes| {
            let end = offset as usize + new.len();
            bytes.resize(bytes.len().max(end), 0);
            bytes[offset as usize..end].copy_from_slice(new);
        })
    }

    fn cut_stream(&self, len: u64) -> io::Result<()> {
        self.with(ChangeFile::Stream, |bytes| bytes.truncate(len as usize))
    }

    fn sync(&self, _: ChangeFile) -> io::Result<()> {
        Ok(())
    }

    fn create_record(&self) -> io::Result<()> {
        self.files().record = Some(Vec::new());
        Ok(())
    }

    fn remove_record(&self) -> io::Result<()> {
        self.files().record = None;
        Ok(())
    }

    fn sync_folder(&self) -> io::Result<()> {
        Ok(())
    }
}
