//! Both ends of a command: which files they are, and what is refused before anything is read.

mod aftermath;
mod closed;
mod derived;
mod input;
mod part;
mod sparse;
mod terminal;
mod unnamed;
mod writer;

use std::fs::{self, File, Metadata};
use std::io::{self, IsTerminal};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use clap::Args;
use sv2_core::{
    Existing, FileAttributes, HeldFolder, HeldOutput, NamedOutput, OutputBatch, OutputFault,
    OutputPlace, OutputSink, ResumableOutput, StreamError, Waiting,
};

pub(crate) use self::aftermath::Aftermath;
use self::aftermath::doomed;
use self::closed::require_open;
use self::derived::beside;
pub(crate) use self::derived::derived;
pub(crate) use self::input::Input;
use self::input::own;
pub(crate) use self::sparse::Sparse;
use self::terminal::TextOnly;
pub(crate) use self::writer::OutputWriter;
use crate::failure::{Failure, NotText, already_exists};
use crate::invocation::operand;
use crate::names::{Name, Names};

/// The suffix of streams.
const SUFFIX: &str = ".sv2";

/// Where the result goes, as arguments.
#[derive(Debug, Args)]
pub(crate) struct TargetArgs {
    /// Write to this file; - is standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Overwrite the output if it exists
    #[arg(short, long)]
    force: bool,
}

/// Where the result goes and what becomes of the input, as arguments.
#[derive(Debug, Args)]
pub(crate) struct OutputArgs {
    #[command(flatten)]
    target: TargetArgs,
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

/// Which stream of the program a report goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Channel {
    /// Standard output, where it is free.
    Stdout,
    /// Standard error.
    Stderr,
}

/// An output that was judged and not opened yet.
pub(crate) struct Output {
    /// Its name for sentences.
    pub(crate) name: Name,
    place: Place,
    /// The input to remove when all is done.
    doomed: Option<(PathBuf, Metadata)>,
    /// Whether its name was made up from that of the input.
    derived: bool,
    /// The folder that it is reached through, where one is held.
    folder: Option<HeldFolder>,
    /// What it gets before it has its name.
    attributes: FileAttributes,
}

enum Place {
    /// Standard output as it is.
    Stdout(File),
    /// Standard output that is a terminal, for text alone.
    Terminal(File),
    /// A file by name, as it is reached.
    Path(PathBuf, Existing),
    /// A device, a pipe or an open descriptor by name.
    Held(HeldOutput),
}

/// The output that one of several inputs has of its own.
pub(crate) struct Own {
    /// Its name for sentences.
    pub(crate) shown: PathBuf,
    /// The path by which it is reached, as long as the folder is held.
    pub(crate) reached: PathBuf,
    pub(crate) folder: Option<HeldFolder>,
}

impl OutputArgs {
    /// Whether the input goes when all is done.
    pub(crate) fn removes_input(&self) -> bool {
        self.rm
    }

    /// What -o names.
    pub(crate) fn path(&self) -> Option<&Path> {
        self.target.output.as_deref()
    }

    /// Removes the input, where that was asked for, of a run that finds its output finished: once
    /// that and its name are on stable storage.
    pub(crate) fn remove_behind(&self, input: &Input, output: &Path) -> Result<(), Failure> {
        let Some(path) = input.path.clone().filter(|_| self.rm) else { return Ok(()) };
        let folder = output.parent().filter(|folder| *folder != Path::new(""));
        for durable in [output, folder.unwrap_or(Path::new("."))] {
            let synced = File::open(durable).and_then(|file| file.sync_all());
            synced.map_err(|error| Failure::file("sync", durable, &error))?;
        }
        let doomed = Some((path, input.metadata.clone()));
        Aftermath { doomed, ..Aftermath::default() }.settle(|_| ())
    }

    /// As [`OutputArgs::place`], where one of several results has a name of its own.
    pub(crate) fn place_at(
        &self,
        input: &Input,
        own: Option<Own>,
        direction: Direction,
    ) -> Result<Output, Failure> {
        let Some(Own { shown, reached, folder }) = own else {
            return self.place(input, direction);
        };
        let output = self.target.named_as(&[&input.metadata], shown, reached, "-o")?;
        if let (Place::Held(_), Some(_)) = (&output.place, &folder) {
            return Err(Failure::usage(format!("'{}' is no regular file", output.name))
                .hint("remove it, or name another folder with -o"));
        }
        let mut output = Output { folder, ..output };
        if self.rm {
            output.doomed = Some(doomed(input, &output)?);
        }
        Ok(output)
    }

    /// Decides where the result of `input` goes, and refuses what must not be written to.
    pub(crate) fn place(&self, input: &Input, direction: Direction) -> Result<Output, Failure> {
        let mut output = match (&self.target.output, &input.path) {
            (None, Some(path)) => {
                let name = beside(input, path, direction)?;
                Output { derived: true, ..self.target.named(&[&input.metadata], name, "-o")? }
            }
            _ => self.target.place(input, direction)?,
        };
        if self.rm {
            output.doomed = Some(doomed(input, &output)?);
        }
        Ok(output)
    }

    /// Decides on a file whose name is that of `output` with `suffix` behind it; none where the
    /// output is no file that keeps its bytes.
    pub(crate) fn companion(
        &self,
        input: &Input,
        output: &Output,
        suffix: &str,
    ) -> Result<Option<Output>, Failure> {
        let (Some(reached), Some(shown)) = (output.kept_path(), output.name.path()) else {
            return Ok(None);
        };
        let [shown, reached] = [shown, reached].map(|path| {
            let mut name = path.as_os_str().to_owned();
            name.push(suffix);
            PathBuf::from(name)
        });
        self.target.named_as(&[&input.metadata], shown, reached, "-o").map(Some)
    }
}

impl TargetArgs {
    /// Decides where the result of `input` goes: standard output unless a file was named.
    pub(crate) fn place(&self, input: &Input, direction: Direction) -> Result<Output, Failure> {
        match &self.output {
            Some(path) if path != Path::new("-") => {
                self.named(&[&input.metadata], path.clone(), "-o")
            }
            explicit => stdout(input, direction, explicit.is_some()),
        }
    }

    fn named(&self, inputs: &[&Metadata], path: PathBuf, option: &str) -> Result<Output, Failure> {
        self.named_as(inputs, path.clone(), path, option)
    }

    fn named_as(
        &self,
        inputs: &[&Metadata],
        shown: PathBuf,
        path: PathBuf,
        option: &str,
    ) -> Result<Output, Failure> {
        let name = Name::File(shown);
        let found = OutputPlace::find(&path).map_err(|error| refused(&name, option, error))?;
        let target = match &found {
            OutputPlace::File(target) => target.clone(),
            OutputPlace::Open(held) => held.metadata().ok(),
            _ => None,
        };
        if target.is_some_and(|target| inputs.iter().any(|input| same_file(&target, input))) {
            return Err(Failure::usage(format!("'{name}' is the input itself"))
                .hint(format!("choose another output with {option}")));
        }
        let existing = if self.force { Existing::Replace } else { Existing::Refuse };
        let place = match found {
            OutputPlace::Folder => {
                let inside = path.join("NAME");
                return Err(Failure::usage(format!("'{name}' is a folder"))
                    .hint(format!("name a file in it: {option} {}", operand(inside.as_os_str()))));
            }
            OutputPlace::File(_) if !self.force => return Err(already_exists(&name, option)),
            OutputPlace::File(_) | OutputPlace::Vacant => Place::Path(path, existing),
            OutputPlace::Open(held) => Place::Held(held),
        };
        Ok(Output::at(name, place))
    }
}

/// The failure of a name that cannot be an output.
pub(crate) fn refused(name: &Name, option: &str, error: io::Error) -> Failure {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<OutputFault>()) {
        Some(fault) => Failure::usage(format!("'{name}' {fault}"))
            .hint(format!("choose another name with {option}")),
        None => {
            let error = StreamError::Write { offset: 0, source: error };
            Failure::stream(&error, Names { input: name, output: name })
        }
    }
}

impl Output {
    fn at(name: Name, place: Place) -> Self {
        let attributes = FileAttributes::default();
        Self { name, place, doomed: None, derived: false, folder: None, attributes }
    }

    /// The same, which gets a time and permissions before it has its name, where it is a file by
    /// name.
    pub(crate) fn with_attributes(self, attributes: FileAttributes) -> Self {
        Self { attributes, ..self }
    }

    /// The sink to write to, and what is left to do afterwards.
    pub(crate) fn into_sink(self) -> Result<(OutputSink<'static>, Aftermath), Failure> {
        let aftermath = self.aftermath();
        let sink = match self.place {
            Place::Path(ref path, existing) => self.named_sink(path, existing)?,
            Place::Stdout(file) => OutputSink::File(file),
            Place::Terminal(file) => OutputSink::Writer(Box::new(TextOnly::new(Waiting(file)))),
            Place::Held(held) => OutputSink::Held(held),
        };
        Ok((sink, Aftermath { _folder: self.folder, ..aftermath }))
    }

    /// As [`Output::into_sink`], of a file by name that waits for its name in a batch; `mode` is what
    /// it gets unless its attributes say so.
    pub(crate) fn into_batched_sink(
        self,
        (batch, ticket): (&OutputBatch, u64),
        mode: u32,
    ) -> Result<(OutputSink<'static>, Aftermath), Failure> {
        let Place::Path(path, existing) = &self.place else { return self.into_sink() };
        let named = self.begin(path, *existing, mode)?.within(batch, ticket);
        let aftermath = self.aftermath();
        Ok((OutputSink::Named(named), Aftermath { _folder: self.folder, ..aftermath }))
    }

    /// A second sink like the first, for a run whose first one left nothing; none where the output
    /// keeps what it got.
    pub(crate) fn again(&self) -> Result<Option<OutputSink<'static>>, Failure> {
        match &self.place {
            Place::Path(path, existing) => self.named_sink(path, *existing).map(Some),
            _ => Ok(None),
        }
    }

    /// A file by name as a sink.
    fn named_sink(&self, path: &Path, existing: Existing) -> Result<OutputSink<'static>, Failure> {
        if self.attributes == FileAttributes::default() {
            return Ok(OutputSink::Path { path: path.to_owned(), existing });
        }
        // What is not said is not for others, as of all plaintext.
        self.begin(path, existing, 0o600).map(OutputSink::Named)
    }

    fn begin(&self, path: &Path, existing: Existing, mode: u32) -> Result<NamedOutput, Failure> {
        let named = NamedOutput::create(path, existing, mode).map_err(|error| {
            Failure::stream(&error, Names { input: &self.name, output: &self.name })
        })?;
        Ok(named.attributes(self.attributes))
    }

    /// The output as one that may be left unfinished, and what is left to do afterwards; none where
    /// it is no file by name.
    pub(crate) fn into_resumable(self) -> Option<(ResumableOutput, Aftermath)> {
        let resumable = self.resumable()?;
        Some((resumable, self.aftermath()))
    }

    fn aftermath(&self) -> Aftermath {
        let derived = self.derived.then(|| self.name.clone());
        Aftermath { doomed: self.doomed.clone(), derived, _folder: None }
    }

    /// As [`Output::into_resumable`], to look at.
    pub(crate) fn resumable(&self) -> Option<ResumableOutput> {
        self.kept_path()?;
        let Place::Path(path, existing) = &self.place else { return None };
        let mut resumable = ResumableOutput::new(path.clone(), *existing);
        resumable.attributes = self.attributes;
        Some(resumable)
    }

    /// The output as something to write to piece by piece.
    pub(crate) fn into_writer(self) -> Result<OutputWriter, Failure> {
        let (writer, aftermath) = self.into_held_writer()?;
        drop(aftermath);
        Ok(writer)
    }

    /// The same, and what is left to do afterwards.
    pub(crate) fn into_held_writer(self) -> Result<(OutputWriter, Aftermath), Failure> {
        let name = self.name.clone();
        let (sink, aftermath) = self.into_sink()?;
        Ok((OutputWriter::open(name, sink)?, aftermath))
    }

    /// The name of a file that keeps what is written to it.
    fn kept_path(&self) -> Option<&Path> {
        match &self.place {
            Place::Path(path, _) => Some(path),
            _ => None,
        }
    }

    /// Whether the name that this one has with `suffix` behind it is the input's.
    pub(crate) fn is_beside(&self, input: &Input, suffix: &str) -> bool {
        let Some(path) = self.kept_path() else { return false };
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        fs::metadata(name).is_ok_and(|found| same_file(&found, &input.metadata))
    }

    /// Whether it is a file by name that keeps what is written to it.
    pub(crate) fn is_kept(&self) -> bool {
        self.kept_path().is_some()
    }

    /// Where a report may go without mixing with the data.
    pub(crate) fn free_channel(&self) -> Channel {
        match &self.place {
            Place::Path(..) => Channel::Stdout,
            // It may be standard output by another name.
            Place::Held(held) if !held.is_descriptor() => Channel::Stdout,
            Place::Stdout(_) | Place::Terminal(_) | Place::Held(_) => Channel::Stderr,
        }
    }
}

/// Refuses to put a secret on a standard output that is closed.
pub(crate) fn require_stdout() -> Result<(), Failure> {
    let file = own(&io::stdout()).map_err(|error| Failure::stdout(&error))?;
    require_open(&file, &Name::Stdout)
}

fn stdout(input: &Input, direction: Direction, explicit: bool) -> Result<Output, Failure> {
    let file = own(&io::stdout()).map_err(|error| Failure::stdout(&error))?;
    require_open(&file, &Name::Stdout)?;
    let metadata = file.metadata().map_err(|error| Failure::stdout(&error))?;
    if same_file(&metadata, &input.metadata) {
        return Err(Failure::usage("standard output is the input itself")
            .hint("choose another output with -o"));
    }
    let place = match (file.is_terminal() && !explicit, direction) {
        (true, Direction::Encrypt) => {
            return Err(Failure::usage(NotText.to_string())
                .hint("name a file with -o, or force it with -o -"));
        }
        (true, Direction::Decrypt) => Place::Terminal(file),
        (false, _) => Place::Stdout(file),
    };
    Ok(Output::at(Name::Stdout, place))
}

/// Whether two are one file, where a file is something that keeps its bytes.
pub(crate) fn same_file(one: &Metadata, other: &Metadata) -> bool {
    let keeps = |metadata: &Metadata| metadata.is_file() || metadata.file_type().is_block_device();
    keeps(one) && (one.dev(), one.ino()) == (other.dev(), other.ino())
}
