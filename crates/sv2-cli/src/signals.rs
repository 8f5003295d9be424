//! Interrupts: the first one cancels, and ends the program if that takes too long; a second one
//! ends it at once. Either way no silent terminal is left behind, and no unfinished output but the
//! one that `--resume` goes on from.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use signal_hook::consts::{
    SIGALRM, SIGHUP, SIGINT, SIGPROF, SIGQUIT, SIGSYS, SIGTERM, SIGTRAP, SIGUSR1, SIGUSR2,
    SIGVTALRM, SIGXCPU, SIGXFSZ,
};
use signal_hook::low_level;
use sv2_core::Cancellation;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::going_on;
use crate::names::shown;
use crate::terminal::restore_terminal;
use crate::unfinished::{remains, remains_hint};

/// How long a cancelled run may take to end by itself; one that is blocked in a read never does.
const PATIENCE: Duration = Duration::from_millis(500);

/// The signals that end a program unless it handles them, but for those of its own defects.
const ENDING: [i32; 12] = [
    SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGALRM, SIGUSR1, SIGUSR2, SIGVTALRM, SIGPROF, SIGXCPU,
    SIGTRAP, SIGSYS,
];

/// The token of this run.
static TOKEN: OnceLock<Cancellation> = OnceLock::new();

static SPOKEN: AtomicBool = AtomicBool::new(false);

/// Whether the user was told already that the program was interrupted.
pub(crate) fn has_spoken() -> bool {
    SPOKEN.load(Ordering::Acquire)
}

/// The stream that is changed in place, if one is.
static CHANGING: Mutex<Option<PathBuf>> = Mutex::new(None);

/// Names the stream that is changed from now on, for who interrupts it.
pub(crate) fn changing(stream: &Path) {
    *CHANGING.lock().unwrap_or_else(PoisonError::into_inner) = Some(stream.to_owned());
}

/// Returns a token that is set by every signal that would end the program and can be handled.
///
/// Signals that whoever started the program had it ignore, as `nohup` does, stay ignored.
pub(crate) fn cancellation() -> io::Result<Cancellation> {
    let cancel = Cancellation::new();
    let (woken, waker) = UnixStream::pair()?;
    let _ = TOKEN.set(cancel.clone());
    let token = cancel.clone();
    let (ready, is_ready) = mpsc::channel();
    let watcher = thread::Builder::new().name("signals".into()).spawn(move || {
        // What a first message allocates has the thread get its share of memory now, and not while
        // somebody counts what there is.
        let _ = ready.send(());
        wait(woken, &token);
    });
    if watcher.is_ok() {
        let _ = is_ready.recv();
    }
    let ignored = ignored_signals();
    for signal in ENDING {
        if ignored >> (signal - 1) & 1 == 0 {
            // Where no thread is to be had the first signal still cancels, and the second one ends
            // the program, which then says nothing.
            if watcher.is_err() {
                let code = Exit::Interrupted.code().into();
                signal_hook::flag::register_conditional_shutdown(signal, code, cancel.flag())?;
            }
            // The handler itself sets the flag, so that no step that follows the signal misses it.
            signal_hook::flag::register(signal, cancel.flag())?;
            low_level::pipe::register(signal, waker.try_clone()?)?;
        }
    }
    // A limit on the size of files is then an error of the write, which leaves nothing behind.
    signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)))?;
    Ok(cancel)
}

fn wait(mut woken: UnixStream, cancel: &Cancellation) {
    let mut signal = [0];
    if woken.read_exact(&mut signal).is_err() {
        return;
    }
    cancel.cancel();
    // Either the time runs out or a second signal comes: both mean to end now.
    let _ = woken.set_read_timeout(Some(PATIENCE));
    let _ = woken.read(&mut signal);
    SPOKEN.store(true, Ordering::Release);
    let finished = sv2_core::remove_unfinished_outputs();
    restore_terminal();
    let (remains, hint) = match &*CHANGING.lock().unwrap_or_else(PoisonError::into_inner) {
        Some(stream) => (remains(stream), remains_hint(stream)),
        None => match going_on::continued() {
            Some(hint) => (going_on::KEPT.to_owned(), Some(hint)),
            None => (left(finished.as_deref()), None),
        },
    };
    let _ = writeln!(io::stderr(), "sv2: interrupted; {remains}");
    if let Some(hint) = hint {
        let _ = writeln!(io::stderr(), "hint: {hint}");
    }
    low_level::exit(Exit::Interrupted.code().into());
}

/// What is said of an interrupted run that leaves nothing unfinished.
fn left(finished: Option<&Path>) -> String {
    match finished {
        None => "no unfinished file was left behind".to_owned(),
        Some(path) => format!("'{}' was complete before", shown(path)),
    }
}

/// The failure of a run that did its work, where it was interrupted all the same: what interrupts
/// a whole group of programs may have cut the input off as well.
pub(crate) fn came_late() -> Option<Failure> {
    let came = TOKEN.get().is_some_and(Cancellation::is_cancelled);
    came.then(|| {
        let finished = sv2_core::remove_unfinished_outputs();
        Failure::new(Exit::Interrupted, format!("interrupted; {}", left(finished.as_deref())))
    })
}

/// The signals that are ignored, as a mask whose lowest bit is signal 1.
fn ignored_signals() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}
