//! Several inputs of one command: each has its own output, one that fails stops no other, and all
//! failures are told and counted. Small outputs get their names in lots, since a sync costs more than
//! they do.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use sv2_core::{Cancellation, HeldFolder, OutputBatch, RunOptions, StreamError};

use crate::console::Console;
use crate::ends::{Direction, Input, OutputArgs, Own, derived};
use crate::exit::{Exit, worse};
use crate::failure::Failure;
use crate::invocation::operand;
use crate::names::shown;
use crate::progress::Display;
use crate::running::RunArgs;
use crate::size::counted;
use crate::terminal::was_interrupted;

/// Inputs up to this length are handled side by side, and longer ones by all threads together.
const SMALL: u64 = 4 << 20;

/// An input and where its result goes.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    /// None is standard input.
    pub(crate) input: Option<PathBuf>,
    /// The way to the input, where it was found below a folder.
    pub(crate) found: Option<Below>,
    /// None follows from the input and the arguments.
    pub(crate) output: Option<PathBuf>,
    /// The folder that -o names, where the output has a place of its own below it.
    pub(crate) below: Option<Below>,
}

/// A folder that the command line names, and the way from it to the folder of a file.
#[derive(Debug, Clone)]
pub(crate) struct Below {
    pub(crate) root: Arc<HeldFolder>,
    pub(crate) folder: PathBuf,
}

impl Item {
    /// Opens the input; one that was found below a folder is reached without a link, whatever has
    /// its name by now.
    pub(crate) fn open(&self, direction: Direction) -> Result<Input, Failure> {
        let (Some(found), Some(path)) = (&self.found, &self.input) else {
            return Input::open(self.input.as_deref(), direction);
        };
        let folder = found.root.below(&found.folder);
        let folder = folder.map_err(|error| Failure::file("open", path, &error))?;
        Input::open_found(path, &folder.reach(path.file_name().unwrap_or_default()), direction)
    }

    /// The item's own output; folders on the way to it are made, and no link is followed to it
    /// below the folder that was named.
    pub(crate) fn own(&self) -> Result<Option<Own>, Failure> {
        let Some(shown) = &self.output else { return Ok(None) };
        let (Some(below), Some(name)) = (&self.below, shown.file_name()) else {
            return Ok(Some(Own { shown: shown.clone(), reached: shown.clone(), folder: None }));
        };
        let folder = below.root.make_below(&below.folder).map_err(|error| {
            let parent = shown.parent().unwrap_or(shown);
            match error.kind() {
                ErrorKind::NotADirectory => Failure::usage(format!(
                    "'{}' leads through a link or a file, which is not followed below the folder \
                     that -o names",
                    self::shown(parent)
                ))
                .hint("remove it, or name another folder with -o"),
                _ => Failure::file("make", parent, &error),
            }
        })?;
        Ok(Some(Own { shown: shown.clone(), reached: folder.reach(name), folder: Some(folder) }))
    }
}

/// How an item is handled among others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Company {
    /// It is the only one.
    Alone,
    /// It has all threads, and others come before and after it.
    InTurn,
    /// It has one thread, beside others.
    SideBySide,
}

impl Company {
    /// What shows its progress, where it has the terminal for itself.
    pub(crate) fn display(self, console: &Console) -> Display {
        match self {
            Self::SideBySide => Display::none(),
            Self::Alone | Self::InTurn => Display::new(console),
        }
    }

    /// The options of its run.
    pub(crate) fn run(
        self,
        args: &RunArgs,
        cancel: &Cancellation,
        display: &Display,
    ) -> RunOptions {
        let mut run = args.options(cancel.clone(), display);
        if self == Self::SideBySide {
            run.threads = Some(NonZeroUsize::MIN);
        }
        run
    }
}

/// The inputs of a command, and where each of several goes.
pub(crate) fn items(
    inputs: &[PathBuf],
    output: &OutputArgs,
    direction: Direction,
) -> Result<Vec<Item>, Failure> {
    if inputs.len() <= 1 {
        return Ok(vec![Item {
            input: inputs.first().cloned(),
            output: None,
            found: None,
            below: None,
        }]);
    }
    if inputs.iter().any(|input| input == Path::new("-")) {
        return Err(Failure::usage("standard input cannot be one of several inputs")
            .hint("give it a command of its own"));
    }
    let folder = output.path();
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        let sentence = match folder == Path::new("-") {
            true => "several results cannot share standard output".to_owned(),
            false => format!("'{}' is not a folder", shown(folder)),
        };
        return Err(Failure::usage(sentence)
            .hint("of several inputs name a folder with -o, or leave it out"));
    }
    let mut taken = BTreeSet::new();
    inputs
        .iter()
        .map(|input| {
            let output = match folder {
                None if !taken.insert(input.clone()) => {
                    return Err(Failure::usage(format!("'{}' is named twice", shown(input)))
                        .hint("name each input once"));
                }
                None => None,
                Some(folder) => {
                    let name = input.file_name().unwrap_or(input.as_os_str());
                    let output = folder.join(derived(Path::new(name), direction)?);
                    if !taken.insert(output.clone()) {
                        return Err(Failure::usage(format!(
                            "two of the inputs would go to '{}'",
                            shown(&output)
                        ))
                        .hint("give them commands of their own"));
                    }
                    Some(output)
                }
            };
            Ok(Item { input: Some(input.clone()), output, found: None, below: None })
        })
        .collect()
}

/// Refuses a second name that is not there, as those give it who come from tools that take an input
/// and an output, before anything is done with the first.
pub(crate) fn refuse_output_as_input(
    inputs: &[PathBuf],
    output: &OutputArgs,
    command: &str,
) -> Result<(), Failure> {
    let [input, other] = inputs else { return Ok(()) };
    let is_file = other != Path::new("-") && other.symlink_metadata().is_err();
    if output.path().is_some() || !input.exists() || !is_file {
        return Ok(());
    }
    let sentence = format!(
        "'{}' is not there: several names are several inputs, each with an output of its own",
        shown(other)
    );
    Err(Failure::usage(sentence).hint(format!(
        "the output is named with -o: sv2 {command} -o {} {}",
        operand(other.as_os_str()),
        operand(input.as_os_str())
    )))
}

/// Small outputs of one thread that get their names together, and what is left to do for each.
pub(crate) struct Lot<'l> {
    outputs: OutputBatch,
    rest: RefCell<BTreeMap<u64, Rest<'l>>>,
    next: Cell<u64>,
}

/// What is done once the output has its name, or did not get it.
type Rest<'l> = Box<dyn FnOnce(Result<(), StreamError>) -> Result<(), Failure> + 'l>;

impl<'l> Lot<'l> {
    fn new() -> Self {
        Self { outputs: OutputBatch::new(), rest: RefCell::default(), next: Cell::new(0) }
    }

    /// The batch, and the number of the next output in it.
    pub(crate) fn ticket(&self) -> (&OutputBatch, u64) {
        let ticket = self.next.get();
        self.next.set(ticket + 1);
        (&self.outputs, ticket)
    }

    /// Keeps what is to be done for an output that is in the batch.
    pub(crate) fn then(
        &self,
        ticket: u64,
        rest: impl FnOnce(Result<(), StreamError>) -> Result<(), Failure> + 'l,
    ) {
        self.rest.borrow_mut().insert(ticket, Box::new(rest));
    }

    /// Names what was written, and does the rest of each.
    fn finish(&self, cancel: &Cancellation) -> Vec<Result<(), Failure>> {
        let results = self.outputs.finish(cancel).into_iter().map(|(ticket, named)| {
            let rest = self.rest.borrow_mut().remove(&ticket);
            rest.map_or(Ok(()), |rest| rest(named))
        });
        results.collect()
    }
}

/// The most outputs of a lot.
const MOST: u64 = 1024;

/// The most bytes of all lots together: what is lost with the machine is written again, and sources
/// that are to go take their space until then.
const MOST_BYTES: u64 = 256 << 20;

/// Files that an output which waits for its name holds open: itself, and its folder by two ways.
const FILES_EACH: u64 = 3;

/// Outputs of a lot: all threads together stay within half of what a process may open, which is
/// raised as far as the user may.
fn lot_size(threads: usize) -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let wanted = 2 * FILES_EACH * threads as u64 * MOST;
    let now = getrlimit(Resource::Nofile);
    let soft = now.current.unwrap_or(u64::MAX);
    let more = wanted.min(now.maximum.unwrap_or(u64::MAX)).max(soft);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(more), ..now }).is_ok();
    let may_open = if raised { more } else { soft };
    // At most the constant, so it fits.
    (may_open / 2 / (FILES_EACH * threads as u64)).clamp(1, MOST) as usize
}

/// Handles every item; the worst result decides how the command ends.
///
/// What is small is given a lot, in which its output may wait for its name. As many are handled side
/// by side as there are threads.
pub(crate) fn each<'l>(
    items: &[Item],
    threads: NonZeroUsize,
    cancel: &Cancellation,
    console: &Console,
    act: impl Fn(&Item, Company, Option<&Lot<'l>>) -> Result<(), Failure> + Sync,
) -> Result<(), Failure> {
    if let [item] = items {
        return act(item, Company::Alone, None);
    }
    let is_small = |item: &&Item| {
        let path = item.input.as_deref();
        let file = path.and_then(|path| path.metadata().ok());
        // A pipe has no length, and what waits for it would keep others from their names.
        file.is_some_and(|file| file.is_file() && file.len() <= SMALL)
    };
    let (small, large): (Vec<&Item>, Vec<&Item>) = items.iter().partition(is_small);
    let tally = Mutex::new(Tally::default());
    let next = AtomicUsize::new(0);
    let helpers = threads.get().min(small.len()).max(1);
    let most = lot_size(helpers);
    let most_bytes = MOST_BYTES / helpers as u64;
    let work = || {
        let lot = Lot::new();
        let settle = || {
            // Each says where something is by now, so none is passed over.
            for result in lot.finish(cancel) {
                tally_of(&tally).take(result, console);
            }
            !tally_of(&tally).is_over()
        };
        while let Some(item) = small.get(next.fetch_add(1, Ordering::Relaxed)) {
            let mut result = act(item, Company::SideBySide, Some(&lot));
            let is_out_of_space = result.as_ref().is_err_and(|failure| failure.is_out_of_space);
            if is_out_of_space && !lot.outputs.is_empty() && settle() {
                // Sources that are to go have made room.
                result = act(item, Company::SideBySide, Some(&lot));
            }
            if !tally_of(&tally).take(result, console) {
                // What a cancelled run may not name any more goes; of everything else this tells.
                settle();
                return;
            }
            let is_full = lot.outputs.len() >= most || lot.outputs.bytes() >= most_bytes;
            if is_full && !settle() {
                return;
            }
        }
        settle();
    };
    thread::scope(|scope| {
        for _ in 1..helpers {
            // Whatever cannot be started is done by the others.
            let _ = thread::Builder::new().spawn_scoped(scope, work);
        }
        work();
    });
    for item in large {
        if tally_of(&tally).is_over() {
            break;
        }
        let result = act(item, Company::InTurn, None);
        tally_of(&tally).take(result, console);
    }
    tally.into_inner().unwrap_or_else(PoisonError::into_inner).ended(items.len())
}

/// What came of the items so far.
#[derive(Default)]
struct Tally {
    failed: usize,
    worst: Option<Exit>,
    /// What ends the command before its last item.
    end: Option<Failure>,
}

fn tally_of(tally: &Mutex<Tally>) -> std::sync::MutexGuard<'_, Tally> {
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tally {
    fn is_over(&self) -> bool {
        self.end.is_some()
    }

    /// Takes a result, and says whether to go on. Whatever is no interrupt is told, also after one.
    fn take(&mut self, result: Result<(), Failure>, console: &Console) -> bool {
        match result {
            Err(failure) if failure.exit == Exit::Interrupted => {
                self.end.get_or_insert(failure);
            }
            Err(failure) => {
                console.fail(&failure);
                self.failed += 1;
                self.worst = worse(self.worst, Some(failure.exit));
                if was_interrupted() {
                    self.end.get_or_insert_with(|| Failure::new(Exit::Interrupted, "interrupted"));
                }
            }
            Ok(()) => {}
        }
        !self.is_over()
    }

    fn ended(self, count: usize) -> Result<(), Failure> {
        match (self.end, self.worst) {
            (Some(end), _) => Err(end),
            (None, None) => Ok(()),
            (None, Some(worst)) => {
                let files = counted(count as u64, "input", "inputs");
                Err(Failure::new(worst, format!("{} of {files} failed", self.failed)))
            }
        }
    }
}
