//! Whole streams: `encrypt` and `decrypt`.

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use sv2_core::{
    Existing, ResumableOutput, StreamReport, decrypt_resumable, decrypt_stream_with,
    encrypt_resumable, encrypt_stream_v2, resume_encrypt,
};

use crate::error::{Names, Trouble};
use crate::keys::keys_of;
use crate::opening::{OpenKey, new_key, seal_for, to_of};
use crate::options::{Demands, NewStream, NewStreamArguments, Report};
use crate::run::{Wishes, run};
use crate::sink::Sink;
use crate::source::Source;

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

    fn run(
        self,
        py: Python<'_>,
        threads: Option<usize>,
        progress: Option<Bound<'_, PyAny>>,
        act: impl FnOnce(
            &Source,
            Sink,
            &mut Vec<u8>,
            sv2_core::RunOptions,
        ) -> Result<StreamReport, Trouble>
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
