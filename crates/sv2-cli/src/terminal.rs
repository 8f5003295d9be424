//! The controlling terminal: questions without echo, and what became of them.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

/// Set when a question was answered with the interrupt key.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Whether the user interrupted a question, whatever came of it.
pub(crate) fn was_interrupted() -> bool {
    INTERRUPTED.load(Ordering::Acquire)
}

/// Set when there was no terminal to ask on.
static NO_TERMINAL: AtomicBool = AtomicBool::new(false);

/// Whether a question was not asked because there is no terminal.
pub(crate) fn found_no_terminal() -> bool {
    NO_TERMINAL.load(Ordering::Acquire)
}

/// The terminal as it was before its echo was turned off.
static TERMINAL: Mutex<Option<(File, Termios)>> = Mutex::new(None);

/// Asks on the controlling terminal, whatever standard input is, without echo.
pub(crate) fn ask(question: &str) -> io::Result<Zeroizing<String>> {
    let terminal = File::options().read(true).write(true).open("/dev/tty");
    let terminal = terminal.inspect_err(|_| NO_TERMINAL.store(true, Ordering::Release))?;
    let before = tcgetattr(&terminal)?;
    *TERMINAL.lock().unwrap_or_else(PoisonError::into_inner) = Some((terminal, before));
    let answer = rpassword::prompt_password(question).map(Zeroizing::new);
    // While a secret is asked for, the terminal sends the key itself and no signal.
    if matches!(&answer, Err(error) if error.kind() == io::ErrorKind::Interrupted) {
        INTERRUPTED.store(true, Ordering::Release);
    }
    *TERMINAL.lock().unwrap_or_else(PoisonError::into_inner) = None;
    answer
}

/// Asks what is no secret on the controlling terminal; `None` where there is none, or its end.
pub(crate) fn answer(question: &str) -> Option<String> {
    let mut terminal = File::options().read(true).write(true).open("/dev/tty").ok()?;
    write!(terminal, "{question}").ok()?;
    let mut answer = String::new();
    let count = BufReader::new(terminal).read_line(&mut answer).ok()?;
    (count > 0).then(|| answer.trim_end_matches(['\n', '\r']).to_owned())
}

/// Shows a secret on the controlling terminal, and nowhere else.
pub(crate) fn show(what: &str, secret: &str) -> io::Result<()> {
    let mut terminal = File::options().write(true).open("/dev/tty")?;
    writeln!(terminal, "{what}{secret}")
}

/// Gives the terminal its echo back, for an end in the middle of a question.
pub(crate) fn restore_terminal() {
    let saved = TERMINAL.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some((terminal, before)) = saved {
        let _ = tcsetattr(&terminal, OptionalActions::Now, &before);
        let _ = writeln!(&terminal);
    }
}
