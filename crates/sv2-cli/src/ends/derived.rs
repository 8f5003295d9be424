//! Names of outputs that follow from those of inputs.

use std::path::{Path, PathBuf};

use super::{Direction, Input, SUFFIX};
use crate::failure::Failure;
use crate::names::shown;

/// The output's name where none was given.
pub(super) fn beside(input: &Input, path: &Path, direction: Direction) -> Result<PathBuf, Failure> {
    if !input.metadata.is_file() {
        let sentence =
            format!("'{}' is no regular file, beside which an output could be", shown(path));
        return Err(
            Failure::usage(sentence).hint("name the output with -o; -o - is standard output")
        );
    }
    derived(path, direction)
}

/// The name of a stream from that of its plaintext, or the other way round.
pub(crate) fn derived(input: &Path, direction: Direction) -> Result<PathBuf, Failure> {
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
            Err(Failure::usage(format!("'{}' does not end in {SUFFIX}", shown(input)))
                .hint("name the output with -o"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_from_the_input() {
        let decrypted = |name: &str| derived(Path::new(name), Direction::Decrypt).ok();
        assert_eq!(decrypted("a/b.tar.sv2"), Some("a/b.tar".into()));
        assert_eq!(decrypted("b.tar"), None);
        assert_eq!(decrypted(".sv2"), None);
        assert_eq!(decrypted("a/.sv2"), None);
        let encrypted = derived(Path::new("a/b.sv2"), Direction::Encrypt).ok();
        assert_eq!(encrypted, Some("a/b.sv2.sv2".into()));
    }
}
