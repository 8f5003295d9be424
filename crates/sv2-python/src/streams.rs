//! Whole streams: `encrypt` and `decrypt`.

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use sv2_core::{
    EncryptOptions, Existing, InputSource, OutputSink, ResumableOutput, RunOptions, StreamError,
    StreamKey, StreamLayout, StreamReport, decrypt_resumable, decrypt_stream_with,
    encrypt_resumable, encrypt_stream_v2, inspect, resume_encrypt,
};
use sv2_stream::{KeyedHeader, NewHeader};

use crate::error::{Names, Trouble};
use crate::keys::keys_of;
use crate::opening::{OpenKey, new_key, seal_for, to_of};
use crate::options::{Demands, NewStream, NewStreamArguments, Report};
use crate::run::{Wishes, run};
use crate::sink::Sink;
use crate::source::{INSTANT, Source};

/// Encrypts a whole input.
///
/// source: a path, a file descriptor, bytes, a binary file, or an object with read_at(offset, n)
///     and size; a file is read from where it stands.
/// sink: a path, a file descriptor, a binary file, or None, which returns the stream as bytes. A
///     path gets its name when the stream is whole, and an existing one needs overwrite=True; a
///     call that fails leaves nothing there.
/// to: those who can open the stream: recipients as text ("age1..", "ssh-ed25519 .."), keys, or a
///     list of them; None means the user's own identities. A Key.raw alone is used as it is.
/// context: bytes or text that every key is bound to and that is not stored.
/// metadata: a dict or a JSON object as text, sealed into the header.
/// suite: "aes-256-gcm" or "chacha20-poly1305".
/// digest: None, "sha256" or "blake3", of each segment.
/// threads: worker threads; None is one for each processor.
/// progress: called with bytes done and bytes in all, or None where that is not known.
/// resume: what a failed call wrote stays beside the sink, and the next call goes on from it; both
///     ends are paths then, and key opens what was begun.
///
/// Raises FileExistsError, FileNotFoundError and whatever else the system or a file object says;
/// UsageError, CheckpointError, NoKeyError. An interrupt stops it between two segments.
///
/// >>> key = Key.generate()
/// >>> stream = encrypt(b"attack at dawn", to=key)
/// >>> decrypt(stream, key=key)
/// b'attack at dawn'
#[pyfunction]
#[pyo3(signature = (
    source, sink=None, *, to=None, key=None, context=None, metadata=None, suite="aes-256-gcm",
    digest=None, frame_size=65536, segment_size=4194304, header_size=None, threads=None,
    progress=None, overwrite=false, resume=false
))]
#[expect(clippy::too_many_arguments, reason = "keyword arguments")]
pub(crate) fn encrypt(
    py: Python<'_>,
    source: &Bound<'_, PyAny>,
    sink: Option<&Bound<'_, PyAny>>,
    to: Option<&Bound<'_, PyAny>>,
    key: Option<&Bound<'_, PyAny>>,
    context: Option<&Bound<'_, PyAny>>,
    metadata: Option<&Bound<'_, PyAny>>,
    suite: &str,
    digest: Option<&str>,
    frame_size: u64,
    segment_size: u64,
    header_size: Option<u32>,
    threads: Option<usize>,
    progress: Option<Bound<'_, PyAny>>,
    overwrite: bool,
    resume: bool,
) -> PyResult<Py<PyAny>> {
    let given = NewStreamArguments {
        context,
        metadata,
        suite,
        digest,
        frame_size,
        segment_size,
        header_size,
    };
    let new = NewStream::new(py, &given)?;
    let to = to_of(to)?;
    let keys = keys_of(key)?;
    let ends = Ends::new(source, sink, overwrite)?;
    let target = ends.resumable(py, resume, overwrite)?;
    if let (None, Some(len)) = (&target, ends.measured()) {
        let (key, options, len) = ends.prepared(py, move |_| {
            let (key, slots) = new_key(&to)?;
            let options = new.options(RunOptions::automatic()).slots(slots);
            fitted(&key, options, len).map(|(options, len)| (key, options, len))
        })?;
        return ends.run_into(py, threads, progress, len, move |input, output, run| {
            Ok(encrypt_stream_v2(input, output, &key, &options.run(run))?)
        });
    }
    ends.run(py, threads, progress, move |source, sink, memory, run| {
        let options = new.options(run);
        match target {
            Some(target) if target.is_unfinished() => {
                let key = OpenKey::resolve(&keys)?;
                let slots = |key: &sv2_core::StreamKey| seal_for(key, &to);
                key.with(|key| resume_encrypt(source.positioned()?, &target, key, slots, &options))
            }
            target => {
                let (key, slots) = new_key(&to)?;
                let options = options.slots(slots);
                Ok(match target {
                    Some(target) => {
                        encrypt_resumable(source.positioned()?, &target, &key, &options)?
                    }
                    None => {
                        encrypt_stream_v2(source.sequential()?, sink.open(memory)?, &key, &options)?
                    }
                })
            }
        }
    })
}

/// Decrypts a whole stream.
///
/// source, sink, threads, progress, overwrite, resume: as for encrypt. A sink that is a path gets
///     its name when the whole stream was authentic; other sinks get whole segments that were, and
///     only a call that returns has seen the end of the stream.
/// key: what opens the stream: a Key or a list of them; None means the user's own identities.
/// context: what the stream was written with.
/// fingerprint: 64 hexadecimal digits that the stream must have.
/// allow_unsealed: read a stream without its end as far as it goes; the report says so.
///
/// Raises NoKeyError, NotAStreamError, MalformedError, AuthenticationError, DamagedError,
/// UnsealedError, each with unit, segment, frame and offset where they are known; otherwise as
/// encrypt.
///
/// >>> key = Key.passphrase("correct horse battery staple")
/// >>> decrypt(encrypt(b"text", to=key), key=key)
/// b'text'
#[pyfunction]
#[pyo3(signature = (
    source, sink=None, *, key=None, context=None, fingerprint=None, allow_unsealed=false,
    threads=None, progress=None, overwrite=false, resume=false
))]
#[expect(clippy::too_many_arguments, reason = "keyword arguments")]
pub(crate) fn decrypt(
    py: Python<'_>,
    source: &Bound<'_, PyAny>,
    sink: Option<&Bound<'_, PyAny>>,
    key: Option<&Bound<'_, PyAny>>,
    context: Option<&Bound<'_, PyAny>>,
    fingerprint: Option<&str>,
    allow_unsealed: bool,
    threads: Option<usize>,
    progress: Option<Bound<'_, PyAny>>,
    overwrite: bool,
    resume: bool,
) -> PyResult<Py<PyAny>> {
    let demands = Demands { allow_unsealed, ..Demands::new(context, fingerprint)? };
    let keys = keys_of(key)?;
    let ends = Ends::new(source, sink, overwrite)?;
    let target = ends.resumable(py, resume, overwrite)?;
    if target.is_none() && !allow_unsealed && ends.measured().is_some() {
        let (key, len) = ends.prepared(py, |source| {
            Ok((OpenKey::resolve(&keys)?, claimed_len(source.positioned()?)))
        })?;
        if let Some(len) = len {
            return ends.run_into(py, threads, progress, len, move |input, output, run| {
                let options = demands.options(run);
                key.with(|key| Ok(decrypt_stream_with(input, output, key, &options)?))
            });
        }
    }
    ends.run(py, threads, progress, move |source, sink, memory, run| {
        let options = demands.options(run);
        let key = OpenKey::resolve(&keys)?;
        key.with(|key| {
            Ok(match target {
                Some(target) => decrypt_resumable(source.positioned()?, &target, key, &options)?,
                None => {
                    decrypt_stream_with(source.sequential()?, sink.open(memory)?, key, &options)?
                }
            })
        })
    })
}

/// The length that a stream of so much plaintext will have, and options that hold it to that.
fn fitted(
    key: &StreamKey,
    options: EncryptOptions,
    plaintext_len: u64,
) -> Result<(EncryptOptions, u64), Trouble> {
    let (suite, digest, geometry) = (options.suite, options.digest, options.geometry);
    let new = NewHeader {
        suite,
        digest,
        geometry,
        context: &options.context,
        slots: &options.slots,
        metadata: options.metadata.as_deref(),
        header_len: options.header_len,
    };
    let header_len = KeyedHeader::create(key, &new, &options.random)?.header.header_len;
    let layout = StreamLayout { geometry, digest, header_len };
    let len = layout.stream_len(plaintext_len).ok_or(StreamError::Limit {
        what: "plaintext length",
        value: plaintext_len,
        max: geometry.max_plaintext_len(),
    })?;
    Ok((options.header_len(header_len), len))
}

/// What a stream says of the length of its plaintext; nothing where it claims what it cannot hold,
/// or what only reading it can explain.
fn claimed_len(input: InputSource<'_>) -> Option<u64> {
    let seen = inspect(input).ok()?;
    let len = seen.trailer?.plaintext_len;
    (len <= seen.stream_len).then_some(len)
}

/// Both ends of a call.
struct Ends {
    source: Source,
    sink: Sink,
}

impl Ends {
    fn new(
        source: &Bound<'_, PyAny>,
        sink: Option<&Bound<'_, PyAny>>,
        overwrite: bool,
    ) -> PyResult<Self> {
        Ok(Self { source: Source::new(source)?, sink: Sink::new(sink, overwrite)? })
    }

    fn names(&self) -> Names {
        Names { source: self.source.path(), sink: self.sink.path() }
    }

    fn resumable(
        &self,
        py: Python<'_>,
        resume: bool,
        overwrite: bool,
    ) -> PyResult<Option<ResumableOutput>> {
        if !resume {
            return Ok(None);
        }
        let names = self.names();
        let (Some(_), Some(path)) = (&names.source, &names.sink) else {
            let text = "resume=True needs a path at both ends".to_owned();
            return Err(Trouble::Usage(text).into_py(py, &names));
        };
        let existing = if overwrite { Existing::Replace } else { Existing::Refuse };
        Ok(Some(ResumableOutput::new(path.clone(), existing)))
    }

    /// The length of a long source that is no slower to measure than to read, where the result is
    /// bytes: those are then written where they stay.
    fn measured(&self) -> Option<u64> {
        let len = match (&self.sink, &self.source) {
            (Sink::Memory, Source::Path(path)) => {
                let found = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
                found.len()
            }
            (Sink::Memory, source) => source.memory_len()?,
            _ => return None,
        };
        (len > INSTANT as u64).then_some(len)
    }

    /// Does what has to be known before a call begins.
    fn prepared<T: Send>(
        &self,
        py: Python<'_>,
        act: impl FnOnce(&Source) -> Result<T, Trouble> + Send,
    ) -> PyResult<T> {
        py.detach(|| act(&self.source)).map_err(|trouble| trouble.into_py(py, &self.names()))
    }

    /// Runs a call whose result has `len` bytes.
    fn run_into(
        self,
        py: Python<'_>,
        threads: Option<usize>,
        progress: Option<Bound<'_, PyAny>>,
        len: u64,
        act: impl FnOnce(InputSource<'_>, OutputSink<'_>, RunOptions) -> Result<StreamReport, Trouble>
        + Send,
    ) -> PyResult<Py<PyAny>> {
        let names = self.names();
        let wishes = Wishes { threads, progress, is_short: false };
        let len = usize::try_from(len)?;
        let bytes = PyBytes::new_with(py, len, |out| {
            run(py, wishes, &names, |options| {
                let done = act(self.source.sequential()?, OutputSink::Slice(out), options);
                match done {
                    // What was measured is not what was read.
                    Err(Trouble::Stream(StreamError::Write { offset, .. })) => {
                        Err(StreamError::InputChanged { offset }.into())
                    }
                    done => done.map(drop),
                }
            })
        });
        Ok(bytes?.into_any().unbind())
    }

    fn run(
        self,
        py: Python<'_>,
        threads: Option<usize>,
        progress: Option<Bound<'_, PyAny>>,
        act: impl FnOnce(&Source, Sink, &mut Vec<u8>, RunOptions) -> Result<StreamReport, Trouble>
        + Send,
    ) -> PyResult<Py<PyAny>> {
        let names = self.names();
        let Self { source, sink } = self;
        let returns_bytes = matches!(sink, Sink::Memory);
        let is_short = source.is_short() && returns_bytes;
        let wishes = Wishes { threads, progress, is_short };
        let (report, memory) = run(py, wishes, &names, move |options| {
            let mut memory = Vec::new();
            let report = act(&source, sink, &mut memory, options)?;
            Ok((report, memory))
        })?;
        if returns_bytes {
            return Ok(PyBytes::new(py, &memory).into_any().unbind());
        }
        Ok(Py::new(py, Report::from(report))?.into_any())
    }
}
