//! `sv2 completions`: scripts for shells.

use clap::Args;
use clap_complete::Shell;

use crate::completion::script;
use crate::console::print;
use crate::failure::Failure;

const EXAMPLES: &str = "\
Examples:
  sv2 completions bash > ~/.local/share/bash-completion/completions/sv2
  sv2 completions zsh > \"${fpath[1]}/_sv2\"
  sv2 completions fish > ~/.config/fish/completions/sv2.fish";

/// The arguments of `sv2 completions`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// Runs `sv2 completions` for the command line of `grammar`.
pub(crate) fn run(args: &CompletionsArgs, grammar: clap::Command) -> Result<(), Failure> {
    print(&script(args.shell, grammar))
}
