//! Folders as inputs: every file below one, and its place below the folder that -o names.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use glob::{MatchOptions, Pattern};
use sv2_core::HeldFolder;

use crate::batch::{Below, Item};
use crate::console::Console;
use crate::ends::{Direction, OutputArgs, derived};
use crate::failure::Failure;
use crate::invocation::again_with;
use crate::names::shown;

/// Whether folders are taken, and what of them, as arguments.
#[derive(Debug, Args)]
#[command(next_help_heading = "Folders")]
pub(crate) struct TreeArgs {
    /// Take folders, and give each file below one its place below the folder that -o names
    #[arg(long, conflicts_with_all = ["rm", "resume"])]
    pub(crate) recursive: bool,
    /// Take only files whose name, or path below the folder, matches the pattern (repeatable)
    #[arg(long, value_name = "PATTERN", requires = "recursive", value_parser = pattern)]
    include: Vec<Pattern>,
    /// Leave out files and folders whose name, or path below the folder, matches (repeatable)
    #[arg(long, value_name = "PATTERN", requires = "recursive", value_parser = pattern)]
    exclude: Vec<Pattern>,
}

fn pattern(text: &str) -> Result<Pattern, String> {
    Pattern::new(text)
        .map_err(|error| format!("this is not a pattern of file names: {}", error.msg))
}

impl TreeArgs {
    /// Every file below the inputs with its output, in the order of their names; the folder that -o
    /// names is made.
    pub(crate) fn items(
        &self,
        inputs: &[PathBuf],
        output: &OutputArgs,
        direction: Direction,
        console: &Console,
    ) -> Result<Vec<Item>, Failure> {
        let target = output.path().unwrap_or(Path::new("-"));
        if target == Path::new("-") {
            return Err(Failure::usage("--recursive needs a folder for the results").hint(
                match output.path() {
                    Some(_) => "name it with -o; it is made if it is not there".to_owned(),
                    None => format!(
                        "name it with -o; it is made if it is not there: {}",
                        again_with("-o FOLDER")
                    ),
                },
            ));
        }
        fs::create_dir_all(target).map_err(|error| Failure::file("make", target, &error))?;
        let root = HeldFolder::open(target);
        let root = root.map_err(|error| Failure::file("open", target, &error))?;
        let root = Arc::new(root);
        let mut walk = Walk { args: self, direction, console, root, items: Vec::new() };
        for input in inputs {
            if let (Ok(folder), Ok(target)) = (input.canonicalize(), target.canonicalize())
                && target.starts_with(&folder)
            {
                let sentence = format!("'{}' lies below '{}'", shown(&target), shown(input));
                return Err(Failure::usage(sentence)
                    .hint("name a folder with -o that is not below an input"));
            }
            walk.begin(input, target)?;
        }
        if walk.items.is_empty() {
            return Err(Failure::usage("there is no file to take below the inputs"));
        }
        Ok(walk.items)
    }

    fn matches(patterns: &[Pattern], below: &Path) -> bool {
        // A star does not cross folders, and files that begin with a dot are files.
        let options = MatchOptions {
            case_sensitive: true,
            require_literal_separator: true,
            require_literal_leading_dot: false,
        };
        patterns.iter().any(|pattern| {
            let name = below.file_name().unwrap_or_default();
            pattern.matches_path_with(below, options)
                || pattern.matches_path_with(Path::new(name), options)
        })
    }
}

struct Walk<'a> {
    args: &'a TreeArgs,
    direction: Direction,
    console: &'a Console,
    /// The folder that -o names.
    root: Arc<HeldFolder>,
    items: Vec<Item>,
}

/// Where the walk is: a folder of the command line, and the way from it.
#[derive(Clone, Copy)]
struct At<'w> {
    root: &'w Arc<HeldFolder>,
    way: &'w Path,
}

impl Walk<'_> {
    /// Takes what a name on the command line leads to.
    fn begin(&mut self, input: &Path, target: &Path) -> Result<(), Failure> {
        let failed = |error| Failure::file("read", input, &error);
        // A name such as `..` is a folder that has no name of its own in its parent.
        let Some(name) = input.file_name() else {
            let root = Arc::new(HeldFolder::open(input).map_err(failed)?);
            let at = At { root: &root, way: Path::new("") };
            return self.all_of(&root, at, input, Path::new(""), target);
        };
        let parent = input.parent().filter(|parent| !parent.as_os_str().is_empty());
        let root = HeldFolder::open(parent.unwrap_or(Path::new(".")));
        let root = Arc::new(root.map_err(failed)?);
        let at = At { root: &root, way: Path::new("") };
        self.take(&root, at, name, input, Path::new(name), target)
    }

    /// Takes a file of a folder, or everything below a folder of it; `below` is its place below the
    /// target.
    fn take(
        &mut self,
        folder: &HeldFolder,
        at: At<'_>,
        name: &OsStr,
        path: &Path,
        below: &Path,
        target: &Path,
    ) -> Result<(), Failure> {
        let failed = |error| Failure::file("read", path, &error);
        if TreeArgs::matches(&self.args.exclude, below) {
            return Ok(());
        }
        let found = fs::symlink_metadata(folder.reach(name)).map_err(failed)?;
        if found.is_dir() {
            let child = folder.below(Path::new(name)).map_err(failed)?;
            let way = at.way.join(name);
            return self.all_of(&child, At { way: &way, ..at }, path, below, target);
        }
        if !self.args.include.is_empty() && !TreeArgs::matches(&self.args.include, below) {
            return Ok(());
        }
        if !found.is_file() {
            self.console.warn(&format!("{}: neither a file nor a folder, left out", shown(path)));
            return Ok(());
        }
        match derived(&target.join(below), self.direction) {
            Ok(output) => {
                let folder = below.parent().unwrap_or(Path::new("")).to_owned();
                self.items.push(Item {
                    input: Some(path.to_owned()),
                    found: Some(Below { root: Arc::clone(at.root), folder: at.way.to_owned() }),
                    output: Some(output),
                    below: Some(Below { root: Arc::clone(&self.root), folder }),
                });
            }
            Err(_) => {
                self.console.warn(&format!("{}: does not end in .sv2, left out", shown(path)));
            }
        }
        Ok(())
    }

    /// Takes everything in a folder, in the order of the names.
    fn all_of(
        &mut self,
        folder: &HeldFolder,
        at: At<'_>,
        path: &Path,
        below: &Path,
        target: &Path,
    ) -> Result<(), Failure> {
        let failed = |error| Failure::file("read", path, &error);
        let mut names = Vec::new();
        for entry in fs::read_dir(folder.reach(".".as_ref())).map_err(failed)? {
            names.push(entry.map_err(failed)?.file_name());
        }
        names.sort();
        for name in names {
            self.take(folder, at, &name, &path.join(&name), &below.join(&name), target)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn patterns_match_names_and_paths_below_the_folder() {
        for (text, below, is_match) in [
            ("*.jpg", "photos/2020/a.jpg", true),
            ("*.jpg", "photos/2020/a.png", false),
            ("photos/*.jpg", "photos/2020/a.jpg", false),
            ("photos/**/*.jpg", "photos/2020/a.jpg", true),
            (".cache", "home/.cache", true),
            ("*", "home/.hidden", true),
        ] {
            let patterns = [pattern(text).unwrap()];
            assert_eq!(TreeArgs::matches(&patterns, Path::new(below)), is_match, "{text} {below}");
        }
        assert!(pattern("a***b").is_err());
    }

    /// A folder that becomes a link after the walk, or a file that does, is not read through it.
    #[test]
    fn what_was_found_is_read_and_no_link_that_took_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["in/sub", "in/other", "private"] {
            fs::create_dir_all(at(name)).unwrap();
        }
        for name in ["in/sub/a", "in/other/b", "private/a", "private/b"] {
            fs::write(at(name), name).unwrap();
        }
        let args = TreeArgs { recursive: true, include: Vec::new(), exclude: Vec::new() };
        let console = Console::from_raw_arguments();
        let root = Arc::new(HeldFolder::open(&at("private")).unwrap());
        let mut walk = Walk {
            args: &args,
            direction: Direction::Encrypt,
            console: &console,
            root,
            items: vec![],
        };
        walk.begin(&at("in"), Path::new("out")).unwrap();
        let [b, a] = &walk.items[..] else { panic!("{:?}", walk.items) };
        let read = |item: &Item| {
            let input = item.open(Direction::Encrypt).ok()?;
            std::io::read_to_string(input.into_file()).ok()
        };
        assert_eq!(read(a).as_deref(), Some("in/sub/a"));
        assert_eq!(read(b).as_deref(), Some("in/other/b"));
        fs::rename(at("in/sub"), at("sub")).unwrap();
        symlink("../private", at("in/sub")).unwrap();
        fs::remove_file(at("in/other/b")).unwrap();
        symlink("../../private/b", at("in/other/b")).unwrap();
        assert_eq!([read(a), read(b)], [None, None]);
    }
}
