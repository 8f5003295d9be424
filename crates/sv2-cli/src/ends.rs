//! Both ends of a command: which files they are, and what is refused before anything is read.

use std::fs::{self, File, Metadata};
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use clap::Args;
use sv2_core::{Existing, InputSource, OutputSink};

use crate::console::Channel;
use crate::failure::{Failure, NotText, STDOUT, already_exists};

/// The suffix of streams.
const SUFFIX: &str = ".sv2";

/// Where the result goes, as arguments.
#[derive(Debug, Args)]
pub(crate) struct OutputArgs {
    /// Write to this file; - is standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Overwrite the output if it exists
    #[arg(short, long)]
    force: bool,
    /// Remove the input once the output is on stable storage
    #[arg(long)]
    rm: bool,
}

/// What a command does with its input, which decides the name of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Encrypt,
    Decrypt,
}

/// An input that was opened.
pub(crate) struct Input {
    /// Its name for sentences.
    pub(crate) name: String,
    path: Option<PathBuf>,
    file: File,
    metadata: Metadata,
}

/// An output that was judged and not opened yet.
pub(crate) struct Output {
    /// Its name for sentences.
    pub(crate) name: String,
    place: Place,
    /// The input to remove when all is done.
    doomed: Option<(PathBuf, Metadata)>,
}

enum Place {
    /// Standard output as it is.
    Stdout(File),
    /// Standard output that is a terminal, for text alone.
    Terminal(File),
    /// A file by name.
    Path(PathBuf, Existing),
}

impl Input {
    /// Opens the named input, or standard input where none or `-` is named.
    pub(crate) fn open(path: Option<&Path>) -> Result<Self, Failure> {
        let path = path.filter(|path| *path != Path::new("-"));
        let (name, file) = match path {
            Some(path) => {
                let file = File::open(path).map_err(|error| Failure::file("open", path, &error))?;
                (path.display().to_string(), file)
            }
            None => {
                let file = own(&io::stdin());
                let file = file.map_err(|error| Failure::file("read", "-".as_ref(), &error))?;
                ("standard input".to_owned(), file)
            }
        };
        let metadata = file
            .metadata()
            .map_err(|error| Failure::file("read", path.unwrap_or("-".as_ref()), &error))?;
        if metadata.is_dir() {
            return Err(Failure::usage(format!(
                "'{name}' is a folder; pack it first, as in: tar -c '{name}' | sv2 encrypt -o \
                 folder.tar.sv2"
            )));
        }
        Ok(Self { name, path: path.map(Path::to_owned), file, metadata })
    }

    /// Whether it is standard input.
    pub(crate) fn is_stdin(&self) -> bool {
        self.path.is_none()
    }

    /// Whether somebody would have to type it.
    pub(crate) fn is_terminal(&self) -> bool {
        self.file.is_terminal()
    }

    /// The base name of a named input.
    pub(crate) fn base_name(&self) -> Option<&str> {
        self.path.as_deref()?.file_name()?.to_str()
    }

    /// A second handle on the same open file, at the same position.
    pub(crate) fn again(&self) -> Result<InputSource<'static>, Failure> {
        let file = self.file.try_clone();
        let path = self.path.as_deref().unwrap_or("-".as_ref());
        Ok(InputSource::File(file.map_err(|error| Failure::file("read", path, &error))?))
    }

    /// The open file itself, so that the drivers see what it is.
    pub(crate) fn into_source(self) -> InputSource<'static> {
        InputSource::File(self.file)
    }
}

impl OutputArgs {
    /// Decides where the result of `input` goes, and refuses what must not be written to.
    pub(crate) fn place(&self, input: &Input, direction: Direction) -> Result<Output, Failure> {
        let explicit = self.output.as_deref();
        let path = match (explicit, &input.path) {
            (Some(path), _) if path == Path::new("-") => None,
            (Some(path), _) => Some(path.to_owned()),
            (None, None) => None,
            (None, Some(path)) => Some(beside(path, direction)?),
        };
        let mut output = match path {
            Some(path) => self.named(input, path)?,
            None => stdout(input, direction, explicit.is_some())?,
        };
        if self.rm {
            output.doomed = Some(doomed(input, &output)?);
        }
        Ok(output)
    }

    fn named(&self, input: &Input, path: PathBuf) -> Result<Output, Failure> {
        let name = path.display().to_string();
        if let Ok(target) = fs::metadata(&path) {
            if same_file(&target, &input.metadata) {
                return Err(Failure::usage(format!(
                    "'{name}' is the input itself; choose another output with -o"
                )));
            }
            if target.is_dir() {
                return Err(Failure::usage(format!(
                    "'{name}' is a folder; name a file in it with -o"
                )));
            }
        }
        // A link that leads nowhere is something to overwrite, too.
        let replaceable = fs::symlink_metadata(&path).is_ok()
            && fs::metadata(&path).map_or(true, |target| target.is_file());
        if replaceable && !self.force {
            return Err(Failure::usage(already_exists(&name)));
        }
        let existing = if self.force { Existing::Replace } else { Existing::Refuse };
        Ok(Output { name, place: Place::Path(path, existing), doomed: None })
    }
}

impl Output {
    /// The sink to write to, and what is left to do afterwards.
    pub(crate) fn into_sink(self) -> (OutputSink<'static>, Aftermath) {
        let sink = match self.place {
            Place::Stdout(file) => OutputSink::File(file),
            Place::Terminal(file) => OutputSink::Writer(Box::new(TextOnly(file))),
            Place::Path(path, existing) => OutputSink::Path { path, existing },
        };
        (sink, Aftermath { doomed: self.doomed })
    }

    /// Where a report may go without mixing with the data.
    pub(crate) fn free_channel(&self) -> Channel {
        match self.place {
            Place::Path(..) => Channel::Stdout,
            Place::Stdout(_) | Place::Terminal(_) => Channel::Stderr,
        }
    }
}

/// What is left to do when the output is on stable storage.
pub(crate) struct Aftermath {
    doomed: Option<(PathBuf, Metadata)>,
}

impl Aftermath {
    /// Removes the input if that was asked for and it is still what was read.
    pub(crate) fn settle(self) -> Result<(), Failure> {
        let Some((path, read)) = self.doomed else { return Ok(()) };
        let failed = |error| Failure::file("remove", &path, &error);
        let now = fs::symlink_metadata(&path).map_err(failed)?;
        let unchanged = same_file(&now, &read)
            && now.len() == read.len()
            && (now.mtime(), now.mtime_nsec()) == (read.mtime(), read.mtime_nsec());
        if !unchanged {
            let name = path.display();
            let sentence = format!("'{name}' changed while it was read and was not removed");
            return Err(Failure { exit: crate::exit::Exit::Io, sentence });
        }
        fs::remove_file(&path).map_err(failed)
    }
}

/// The output's name where none was given.
fn beside(input: &Path, direction: Direction) -> Result<PathBuf, Failure> {
    let name = input.as_os_str();
    match direction {
        Direction::Encrypt => {
            let mut name = name.to_owned();
            name.push(SUFFIX);
            Ok(name.into())
        }
        Direction::Decrypt => {
            let is_stream = input.extension().is_some_and(|extension| extension == &SUFFIX[1..]);
            if is_stream {
                return Ok(input.with_extension(""));
            }
            Err(Failure::usage(format!(
                "'{}' does not end in {SUFFIX}; name the output with -o",
                input.display()
            )))
        }
    }
}

fn stdout(input: &Input, direction: Direction, explicit: bool) -> Result<Output, Failure> {
    let file = own(&io::stdout()).map_err(|error| Failure::stdout(&error))?;
    let metadata = file.metadata().map_err(|error| Failure::stdout(&error))?;
    if same_file(&metadata, &input.metadata) {
        return Err(Failure::usage(
            "standard output is the input itself; choose another output with -o",
        ));
    }
    let name = STDOUT.to_owned();
    let place = match (file.is_terminal() && !explicit, direction) {
        (true, Direction::Encrypt) => {
            return Err(Failure::usage(format!(
                "{NotText}; name a file with -o, or force it with -o -"
            )));
        }
        (true, Direction::Decrypt) => Place::Terminal(file),
        (false, _) => Place::Stdout(file),
    };
    Ok(Output { name, place, doomed: None })
}

/// The input that is to be removed, if it is one that can be.
fn doomed(input: &Input, output: &Output) -> Result<(PathBuf, Metadata), Failure> {
    let refused = |why: &str| Failure::usage(format!("--rm cannot be used: {why}"));
    let Some(path) = &input.path else {
        return Err(refused("the input has no name"));
    };
    if !fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file()) {
        return Err(refused("the input is no regular file"));
    }
    match &output.place {
        Place::Path(path, _) if fs::metadata(path).map_or(true, |target| target.is_file()) => {}
        _ => return Err(refused("the output is no file that can be kept")),
    }
    Ok((path.clone(), input.metadata.clone()))
}

/// Whether two are one file, where a file is something that keeps its bytes.
fn same_file(one: &Metadata, other: &Metadata) -> bool {
    let keeps = |metadata: &Metadata| metadata.is_file() || metadata.file_type().is_block_device();
    keeps(one) && (one.dev(), one.ino()) == (other.dev(), other.ino())
}

fn own(stream: &impl AsFd) -> io::Result<File> {
    Ok(File::from(stream.as_fd().try_clone_to_owned()?))
}

/// A terminal, which is given text and nothing that could control it.
struct TextOnly(File);

impl Write for TextOnly {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !is_text(bytes) {
            return Err(io::Error::other(NotText));
        }
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Whether a part of a text can be shown; the part may begin and end inside a character.
fn is_text(part: &[u8]) -> bool {
    let start = part.iter().take(3).take_while(|byte| (0x80..0xC0).contains(*byte)).count();
    let part = &part[start..];
    let valid = match std::str::from_utf8(part) {
        Ok(text) => text,
        Err(error) if error.error_len().is_some() => return false,
        Err(error) => std::str::from_utf8(&part[..error.valid_up_to()]).unwrap_or_default(),
    };
    !valid.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_passes_to_a_terminal_and_controls_do_not() {
        let euro = "caf\u{e9} 3 \u{20ac}\r\n\ttab".as_bytes();
        for cut in 0..=euro.len() {
            assert!(is_text(&euro[..cut]) && is_text(&euro[cut..]), "{cut}");
        }
        for binary in [&b"\0"[..], b"\x1b[2J", b"a\xff", b"\x80\x80\x80\x80", b"\x7f"] {
            assert!(!is_text(binary), "{binary:?}");
        }
    }

    #[test]
    fn names_follow_from_the_input() {
        let decrypted = |name: &str| beside(Path::new(name), Direction::Decrypt).ok();
        assert_eq!(decrypted("a/b.tar.sv2"), Some("a/b.tar".into()));
        assert_eq!(decrypted("b.tar"), None);
        assert_eq!(decrypted(".sv2"), None);
        assert_eq!(decrypted("a/.sv2"), None);
        let encrypted = beside(Path::new("a/b.sv2"), Direction::Encrypt).ok();
        assert_eq!(encrypted, Some("a/b.sv2.sv2".into()));
    }
}
