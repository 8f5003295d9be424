//! The program `sv2`: parallel, seekable, authenticated encryption of files and pipes.
//!
//! It knows arguments, terminals and exit codes, and nothing of the format's bytes.

mod args;
mod attributes;
mod batch;
mod change;
mod commands;
mod completion;
mod console;
mod ends;
mod exit;
mod failure;
mod finished;
mod going_on;
mod help;
mod invocation;
mod key_command;
mod key_files;
mod keys;
mod kind;
mod looked;
mod man;
mod names;
mod other_tools;
mod parity;
mod passphrase;
mod producer;
mod progress;
mod readings;
mod report;
mod resume;
mod running;
mod signals;
mod size;
mod slots;
mod terminal;
mod trailing;
mod tree;
mod unfinished;

use std::process::ExitCode;

fn main() -> ExitCode {
    forbid_core_files();
    // What whoever started this program left open, such as a passphrase, is for this program and
    // for no plugin that it starts.
    close_fds::set_fds_cloexec(3, &[]);
    let console = console::Console::from_raw_arguments();
    let cli = match args::parse(&console) {
        Ok(cli) => cli,
        Err(ended) => return ended,
    };
    let console = console.with(&cli.console);
    let ended = commands::run(cli.command, &console, args::grammar);
    for (what, way_out) in key_files::warnings() {
        console.note(&what);
        console.note_hint(&way_out);
    }
    match ended {
        Ok(()) => match signals::came_late() {
            None => ExitCode::SUCCESS,
            Some(failure) => console.fail(&failure),
        },
        Err(failure) if terminal::was_interrupted() && failure.exit != exit::Exit::Interrupted => {
            console.fail(&failure::Failure::interrupted())
        }
        Err(failure) => console.fail(&failure),
    }
}

/// Keys must not end up in a core file, nor be read by another process of the same user; where the
/// system refuses, it has its reasons.
fn forbid_core_files() {
    let none = rustix::process::Rlimit { current: Some(0), maximum: Some(0) };
    let _ = rustix::process::setrlimit(rustix::process::Resource::Core, none);
    // The limit alone does not stop a program that the kernel pipes core files to.
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}
