//! Completion scripts: those of the grammar, made to offer files where files are wanted, and streams
//! first where a stream is.

use clap_complete::Shell;

/// The commands whose arguments are streams.
const ON_STREAMS: &str =
    "decrypt d cat verify t append recipients list add rm inspect fingerprint repair";

/// The script of a shell for the command line of `grammar`.
pub(crate) fn script(shell: Shell, mut grammar: clap::Command) -> String {
    let mut bytes = Vec::new();
    clap_complete::generate(shell, &mut grammar, "sv2", &mut bytes);
    let script = String::from_utf8_lossy(&bytes).into_owned();
    match shell {
        Shell::Bash => format!("{}{}", script.replace("-F _sv2 ", "-F _sv2_files "), bash()),
        Shell::Zsh => zsh(&script),
        Shell::Fish => format!("{script}{}", fish()),
        _ => script,
    }
}

/// A word that begins no option is a file, once a command is there.
fn bash() -> String {
    let streams = ON_STREAMS.replace(' ', "|");
    format!(
        r#"
_sv2_files() {{
    _sv2 "$@"
    local cur="$2" prev="$3" command="" word
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        if [[ "$word" != -* ]]; then command="$word"; break; fi
    done
    [[ "$cur" == -* ]] && return 0
    # Options are offered to who begins one.
    local kept=() reply
    for reply in "${{COMPREPLY[@]}}"; do [[ "$reply" == -* ]] || kept+=("$reply"); done
    [[ "$prev" == -* && ${{#kept[@]}} -gt 0 ]] && return 0
    case "$command" in
        "") COMPREPLY=("${{kept[@]}}"); return 0 ;;
        recipients|parts) (( COMP_CWORD == 2 )) && {{ COMPREPLY=("${{kept[@]}}"); return 0; }} ;;
        bench|completions|help) COMPREPLY=("${{kept[@]}}"); return 0 ;;
    esac
    local IFS=$'\n'
    COMPREPLY=()
    compopt -o filenames 2>/dev/null
    case "$command" in
        {streams})
            COMPREPLY=( $(compgen -f -X '!*.sv2' -- "$cur") $(compgen -d -- "$cur") ) ;;
    esac
    [[ ${{#COMPREPLY[@]}} -gt 0 ]] || COMPREPLY=( $(compgen -f -- "$cur") )
}}
"#
    )
}

/// The files of an argument that is a stream are those with its suffix, and all where there is none.
fn zsh(script: &str) -> String {
    let lines = script.lines().map(|line| match line.contains(" -- The stream") {
        true => line.replace(":_files'", ":_files -g \"*.sv2(-.)\"'"),
        false => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n") + "\n"
}

/// Files are offered anyway; those with the suffix of a stream come first.
fn fish() -> String {
    let commands = ON_STREAMS.split(' ').filter(|command| !["list", "add", "rm"].contains(command));
    let line = |command| {
        format!(
            "complete -c sv2 -n \"__fish_sv2_using_subcommand {command}\" -k -a \
             \"(__fish_complete_suffix .sv2)\"\n"
        )
    };
    commands.map(line).collect()
}
