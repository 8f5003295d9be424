//! Folders as inputs: every file below one, and its place below the folder that -o names.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use glob::{MatchOptions, Pattern};

use crate::batch::Item;
use crate::console::Console;
use crate::ends::{Direction, OutputArgs, derived};
use crate::failure::Failure;
use crate::names::shown;

/// Whether folders are taken, and what of them, as arguments.
#[derive(Debug, Args)]
#[command(next_help_heading = "Folders")]
pub(crate) struct TreeArgs {
    /// Take folders, and give each file below one its place below the folder that -o names
    #[arg(long, requires = "output", conflicts_with_all = ["rm", "resume"])]
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
    /// Every file below the inputs with its output, in the order of their names; folders for the
    /// outputs are made.
    pub(crate) fn items(
        &self,
        inputs: &[PathBuf],
        output: &OutputArgs,
        direction: Direction,
        console: &Console,
    ) -> Result<Vec<Item>, Failure> {
        let target = output.path().unwrap_or(Path::new("-"));
        if target == Path::new("-") {
            return Err(Failure::usage("--recursive needs a folder for the results")
                .hint("name it with -o; it is made if it is not there"));
        }
        let mut walk = Walk { args: self, direction, console, items: Vec::new() };
        for input in inputs {
            if let (Ok(folder), Ok(target)) = (input.canonicalize(), target.canonicalize())
                && target.starts_with(&folder)
            {
                let sentence = format!("'{}' lies below '{}'", shown(&target), shown(input));
                return Err(Failure::usage(sentence)
                    .hint("name a folder with -o that is not below an input"));
            }
            walk.take(input, Path::new(input.file_name().unwrap_or_default()), target)?;
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
    items: Vec<Item>,
}

impl Walk<'_> {
    /// Takes a file, or everything below a folder; `below` is its place below the target.
    fn take(&mut self, path: &Path, below: &Path, target: &Path) -> Result<(), Failure> {
        let failed = |error| Failure::file("read", path, &error);
        if TreeArgs::matches(&self.args.exclude, below) {
            return Ok(());
        }
        let found = fs::symlink_metadata(path).map_err(failed)?;
        if found.is_dir() {
            let mut entries = Vec::new();
            for entry in fs::read_dir(path).map_err(failed)? {
                entries.push(entry.map_err(failed)?.file_name());
            }
            entries.sort();
            for name in entries {
                self.take(&path.join(&name), &below.join(&name), target)?;
            }
            return Ok(());
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
                if let Some(folder) = output.parent() {
                    fs::create_dir_all(folder)
                        .map_err(|error| Failure::file("make", folder, &error))?;
                }
                self.items.push(Item { input: Some(path.to_owned()), output: Some(output) });
            }
            Err(_) => {
                self.console.warn(&format!("{}: does not end in .sv2, left out", shown(path)));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
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
}
