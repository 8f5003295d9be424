//! The completion scripts in their own shells: bash, zsh and fish complete commands, options, files,
//! and streams first where a stream is wanted.

use crate::report::{Failure, Outcome};
use crate::{bench, shell, workspace};
use std::fs;
use std::path::Path;

/// A shell, what installs it, and the script that prints `LINE => WORDS` for the lines it is given.
struct Kind {
    name: &'static str,
    package: &'static str,
    script: &'static str,
}

const SHELLS: [Kind; 3] = [
    Kind {
        name: "bash",
        package: "bash",
        script: r#"
source ../script
for line in "$@"; do
    COMP_WORDS=($line); [[ "$line" == *' ' ]] && COMP_WORDS+=("")
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMPREPLY=()
    _sv2_files sv2 "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
    echo "$line=> ${COMPREPLY[*]} "
done"#,
    },
    Kind {
        name: "fish",
        package: "fish",
        script: r#"
source ../script
for line in $argv
    echo "$line=> "(complete -C "$line" | string replace -r '\t.*' '' | string trim -r -c / | string join ' ')" "
end"#,
    },
    // A completion of zsh needs a line editor, and that a terminal.
    Kind {
        name: "zsh",
        package: "zsh",
        script: r#"
zmodload zsh/zpty
cp ../script ../_sv2
for line in "$@"; do
    zpty z zsh -f -i
    zpty -w z "fpath=($PWD/.. \$fpath); autoload -Uz compinit; compinit -u -D; setopt no_beep; LISTMAX=500; PS1='<pro''mpt>'"
    zpty -r z out '*<prompt>*'
    zpty -w -n z "$line"$'\t\x15print do\'\'ne\n'
    zpty -r z out '*done*'
    zpty -d z
    print -r -- "$line=> ${${out//[^[:print:]]/ }//\// } "
done"#,
    },
];

/// Lines and what is offered for them: the words in this order, and words that are not.
const LINES: [(&str, &[&str], &[&str]); 4] = [
    ("sv2 decrypt ", &["a.sv2"], &["--salvage"]),
    ("sv2 encrypt b", &["b.txt"], &["a.sv2"]),
    ("sv2 decrypt --salv", &["--salvage"], &["a.sv2"]),
    ("sv2 fingerpr", &["fingerprint"], &["decrypt"]),
];

/// Runs every shell; one that is not installed is a failure that says how it comes.
pub(crate) fn check() -> Outcome {
    let program = bench::build(true)?;
    for kind in &SHELLS {
        if shell::probe(shell::program(kind.name, &["-c", "true"])).is_none() {
            return Err(Failure::new(format!(
                "{0} is not installed; install it, as with: apt-get install {1}",
                kind.name, kind.package
            )));
        }
        let folder = workspace::root().join("target/completions").join(kind.name);
        prepare(&folder, &program, kind.name)?;
        let told = complete(kind, &folder)?;
        for (line, offered, others) in LINES {
            judge(kind.name, &told, line, offered, others)?;
        }
    }
    Ok(format!("{} lines completed in bash, zsh and fish", LINES.len()))
}

/// A folder with a few files, and the script beside it.
fn prepare(folder: &Path, program: &Path, name: &str) -> Outcome<()> {
    let files = folder.join("files");
    let made = fs::create_dir_all(files.join("folder")).and_then(|()| {
        ["a.sv2", "b.txt", "other"].iter().try_for_each(|file| fs::write(files.join(file), b""))
    });
    made.map_err(|error| Failure::new(error.to_string()))?;
    let program = program.to_string_lossy();
    let script = shell::read(shell::program(&program, &["completions", name]))?;
    fs::write(folder.join("script"), script).map_err(|error| Failure::new(error.to_string()))
}

/// What the shell prints.
fn complete(kind: &Kind, folder: &Path) -> Outcome<String> {
    let mut words = match kind.name {
        "bash" => vec!["--norc", "-c", kind.script, "bash"],
        "fish" => vec!["--no-config", "-c", kind.script],
        _ => vec!["-f", "-c", kind.script, "zsh"],
    };
    words.extend(LINES.map(|(line, ..)| line));
    let mut command = shell::program(kind.name, &words);
    command.current_dir(folder.join("files"));
    Ok(String::from_utf8_lossy(&shell::read(command)?).into_owned())
}

fn judge(name: &str, told: &str, line: &str, offered: &[&str], others: &[&str]) -> Outcome<()> {
    let head = format!("{line}=> ");
    let failed = |why: String| Failure::new(format!("{name}: '{line}': {why}: {told}"));
    let Some(words) = told.lines().find_map(|found| found.strip_prefix(&head)) else {
        return Err(failed("nothing was printed".to_owned()));
    };
    for word in offered {
        if !words.contains(word) {
            return Err(failed(format!("{word} is not offered")));
        }
    }
    let first = |word: &str| words.find(word).unwrap_or(usize::MAX);
    for word in others {
        if words.split(' ').any(|found| found == *word) {
            return Err(failed(format!("{word} is offered")));
        }
    }
    // Where everything is offered, streams come first.
    if line == "sv2 decrypt " && first("b.txt") < first("a.sv2") {
        return Err(failed("streams do not come first".to_owned()));
    }
    Ok(())
}
