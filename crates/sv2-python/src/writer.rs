//! A stream that is written piece by piece: what `stream_v2.Writer` stands on.
//!
//! The pieces go over a channel to an ordinary call of the engine on a thread of its own, so that
//! all threads seal, and a sink gets its name, or gets nothing, as with every other call.

use std::io::{self, Read};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use sv2_core::{
    Cancellation, InputSource, RunOptions, StreamError, StreamReport, encrypt_stream_v2,
};

use crate::error::{Names, Trouble};
use crate::opening::{new_key, to_of};
use crate::options::{NewStream, NewStreamArguments, Report};
use crate::run::defect;
use crate::sink::Sink;

/// Bytes that are collected before they are handed on.
const PIECE: usize = 1 << 20;
/// Pieces that wait.
const AHEAD: usize = 4;

/// A stream that is open for writing.
#[pyclass(frozen, module = "stream_v2._native")]
pub(crate) struct NativeWriter {
    state: Mutex<State>,
    cancel: Cancellation,
    names: Names,
    process: u32,
}

struct State {
    /// Gone when the end was said.
    sender: Option<SyncSender<Piece>>,
    piece: Vec<u8>,
    written: u64,
    call: Option<JoinHandle<Result<StreamReport, Trouble>>>,
}

enum Piece {
    Bytes(Vec<u8>),
    /// There is no more: only this makes a sealed stream of what came.
    End,
}

/// The receiving end as an input of the engine.
struct Pieces {
    receiver: Receiver<Piece>,
    piece: Vec<u8>,
    taken: usize,
    ended: bool,
}

impl Read for Pieces {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.taken == self.piece.len() && !self.ended {
            match self.receiver.recv() {
                Ok(Piece::Bytes(bytes)) => (self.piece, self.taken) = (bytes, 0),
                Ok(Piece::End) => self.ended = true,
                // Nobody will say how it ends: it is no stream.
                Err(_) => return Err(io::ErrorKind::BrokenPipe.into()),
            }
        }
        let rest = &self.piece[self.taken..];
        let count = rest.len().min(out.len());
        out[..count].copy_from_slice(&rest[..count]);
        self.taken += count;
        Ok(count)
    }
}

#[pymethods]
impl NativeWriter {
    #[new]
    #[pyo3(signature = (
        sink, to=None, context=None, metadata=None, suite="aes-256-gcm", digest=None,
        frame_size=65536, segment_size=4194304, header_size=None, threads=None, overwrite=false
    ))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments")]
    fn new(
        py: Python<'_>,
        sink: &Bound<'_, PyAny>,
        to: Option<&Bound<'_, PyAny>>,
        context: Option<&Bound<'_, PyAny>>,
        metadata: Option<&Bound<'_, PyAny>>,
        suite: &str,
        digest: Option<&str>,
        frame_size: u64,
        segment_size: u64,
        header_size: Option<u32>,
        threads: Option<usize>,
        overwrite: bool,
    ) -> PyResult<Self> {
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
        let sink = Sink::new(Some(sink), overwrite)?;
        let names = Names { source: None, sink: sink.path() };
        if !overwrite && names.sink.as_ref().is_some_and(|path| path.exists()) {
            return Err(Trouble::Stream(StreamError::OutputExists).into_py(py, &names));
        }
        let mut run = RunOptions::automatic();
        if let Some(threads) = threads {
            run.threads = Some(std::num::NonZeroUsize::new(threads).ok_or_else(|| {
                Trouble::Usage("threads must be at least 1".into()).into_py(py, &names)
            })?);
        }
        let cancel = run.cancel.clone();
        // Keys are read before anything is taken, so that a caller hears of them here.
        let sealed = py.detach(|| new_key(&to));
        let (key, slots) = sealed.map_err(|trouble| trouble.into_py(py, &names))?;
        let options = new.options(run).slots(slots);
        let (sender, receiver) = sync_channel(AHEAD);
        let pieces = Pieces { receiver, piece: Vec::new(), taken: 0, ended: false };
        let call = move || -> Result<StreamReport, Trouble> {
            let input = InputSource::Reader(Box::new(pieces));
            let mut unused = Vec::new();
            Ok(encrypt_stream_v2(input, sink.open(&mut unused)?, &key, &options)?)
        };
        let call = thread::Builder::new().name("sv2-writer".into()).spawn(call);
        let call =
            call.map_err(|error| Trouble::Stream(StreamError::Spawn(error)).into_py(py, &names))?;
        let state = State { sender: Some(sender), piece: Vec::new(), written: 0, call: Some(call) };
        let process = std::process::id();
        Ok(Self { state: Mutex::new(state), cancel, names, process })
    }

    /// Takes all of the bytes; what was taken may still fail to be written, which a later call or
    /// the end says.
    fn write(&self, py: Python<'_>, bytes: &[u8]) -> PyResult<usize> {
        self.with(py, |state| state.write(bytes))
    }

    /// Plaintext bytes that were taken.
    fn tell(&self) -> u64 {
        self.state.lock().unwrap_or_else(|poison| poison.into_inner()).written
    }

    /// Seals the stream.
    fn finish(&self, py: Python<'_>) -> PyResult<Report> {
        self.with(py, State::finish).map(Report::from)
    }

    /// Ends without a stream: a path keeps what it had, other sinks hold an unsealed part.
    fn discard(&self, py: Python<'_>) {
        if self.process != std::process::id() {
            return;
        }
        self.cancel.cancel();
        py.detach(|| {
            let mut state = self.state.lock().unwrap_or_else(|poison| poison.into_inner());
            state.sender = None;
            // What it would say is that it was cancelled.
            let _ = state.call.take().map(JoinHandle::join);
        });
    }
}

impl NativeWriter {
    fn with<T: Send>(
        &self,
        py: Python<'_>,
        act: impl FnOnce(&mut State) -> Result<T, Trouble> + Send,
    ) -> PyResult<T> {
        if self.process != std::process::id() {
            return Err(PyValueError::new_err(
                "the stream was begun by another process; its threads are not here after a fork",
            ));
        }
        let done =
            py.detach(|| act(&mut self.state.lock().unwrap_or_else(|poison| poison.into_inner())));
        done.map_err(|trouble| trouble.into_py(py, &self.names))
    }
}

impl State {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Trouble> {
        self.piece.extend_from_slice(bytes);
        self.written += bytes.len() as u64;
        if self.piece.len() >= PIECE {
            let piece = std::mem::take(&mut self.piece);
            self.send(Piece::Bytes(piece))?;
        }
        Ok(bytes.len())
    }

    fn send(&mut self, piece: Piece) -> Result<(), Trouble> {
        let over = || Trouble::Usage("the stream has ended or failed before".into());
        let sender = self.sender.as_ref().ok_or_else(over)?;
        if sender.send(piece).is_ok() {
            return Ok(());
        }
        // The call is over before its input: it failed, and says why.
        self.sender = None;
        self.join().and(Err(over()))
    }

    fn join(&mut self) -> Result<StreamReport, Trouble> {
        let over = || Trouble::Usage("the stream has ended or failed before".into());
        let call = self.call.take().ok_or_else(over)?;
        call.join().unwrap_or_else(|panic| Err(defect(panic.as_ref())))
    }

    fn finish(&mut self) -> Result<StreamReport, Trouble> {
        let piece = std::mem::take(&mut self.piece);
        if !piece.is_empty() {
            self.send(Piece::Bytes(piece))?;
        }
        self.send(Piece::End)?;
        self.sender = None;
        self.join()
    }
}
