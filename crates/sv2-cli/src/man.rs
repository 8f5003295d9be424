//! Man pages, from the grammar of the command line and the texts of its help.

use std::io::Write;

use clap::builder::StyledStr;
use clap_mangen::Man;

/// Every page of a program with the name of its file.
pub(crate) fn pages(mut program: clap::Command) -> Vec<(String, Vec<u8>)> {
    let commands = commands_section(&program);
    program.build();
    let mut pages = vec![page(&program, "sv2", &commands)];
    add_pages(&program, "sv2", &mut pages);
    pages
}

/// The pages of a command's own commands, and of theirs.
fn add_pages(command: &clap::Command, name: &str, pages: &mut Vec<(String, Vec<u8>)>) {
    for command in command.get_subcommands().filter(|command| command.get_name() != "help") {
        let name = format!("{name}-{}", command.get_name());
        pages.push(page(command, &name, ""));
        add_pages(command, &name, pages);
    }
}

/// A page; `commands` is the section that lists a program's commands.
fn page(command: &clap::Command, name: &str, commands: &str) -> (String, Vec<u8>) {
    // The sections of the help in front of and behind the options become sections of their own.
    let told = |text: Option<&StyledStr>| text.map(ToString::to_string).unwrap_or_default();
    let examples = told(command.get_before_long_help());
    let notes = told(command.get_after_long_help());
    let bare = command.clone().before_long_help("").after_help("").after_long_help("");
    let man = Man::new(bare).manual("sv2 manual");
    let usage = command.clone().render_usage().to_string();
    let mut text = Vec::new();
    let rendered = [
        man.render_title(&mut text),
        man.render_name_section(&mut text),
        writeln!(text, ".SH SYNOPSIS\n{}", escaped(usage.trim_start_matches("Usage: "))),
        man.render_description_section(&mut text),
        man.render_options_section(&mut text),
    ];
    debug_assert!(rendered.iter().all(Result::is_ok), "writing to memory");
    text.extend_from_slice(commands.as_bytes());
    text.extend_from_slice(sections(&notes).as_bytes());
    text.extend_from_slice(sections(&examples).as_bytes());
    text.extend_from_slice(see_also(name).as_bytes());
    (format!("{name}.1"), text)
}

/// The pages that tell more.
fn see_also(name: &str) -> String {
    let mut pages: Vec<String> = match name {
        "sv2" => vec!["age".into(), "age-keygen".into()],
        _ => vec!["sv2".into()],
    };
    let of = |command: &str| match command {
        "encrypt" => &["decrypt", "append", "recipients", "keygen", "protect"][..],
        "decrypt" => &["encrypt", "cat", "verify", "repair"],
        "cat" => &["decrypt", "verify"],
        "verify" => &["decrypt", "inspect", "protect", "repair"],
        "protect" => &["repair", "verify"],
        "repair" => &["protect", "verify", "decrypt"],
        "append" => &["encrypt", "verify"],
        "recipients" | "keygen" => &["encrypt", "recipients", "keygen"],
        "inspect" | "fingerprint" => &["verify", "inspect", "fingerprint"],
        _ => &[],
    };
    if let Some(command) = name.split('-').nth(1) {
        let others = of(command).iter().filter(|other| **other != command);
        pages.extend(others.map(|other| format!("sv2-{other}")));
    }
    let lines: Vec<String> =
        pages.iter().map(|page| format!(".BR {} (1)", escaped(page))).collect();
    format!(".SH \"SEE ALSO\"\n{}\n", lines.join(",\n"))
}

fn commands_section(program: &clap::Command) -> String {
    let mut section = String::from(".SH COMMANDS\n");
    for command in program.get_subcommands() {
        let name = command.get_name();
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        section.push_str(&format!(".TP\n.BR sv2-{name} (1)\n{}\n", escaped(&about)));
    }
    section
}

/// Turns the help's texts into sections: a line that ends in a colon begins one.
fn sections(help: &str) -> String {
    let mut text = String::new();
    let mut literal = false;
    for line in help.lines() {
        let heading = line.strip_suffix(':').filter(|line| !line.starts_with(' '));
        if literal && (heading.is_some() || line.is_empty()) {
            text.push_str(".fi\n");
            literal = false;
        }
        match heading {
            Some(heading) => {
                let heading = heading.to_uppercase().replace("EXIT CODES", "EXIT STATUS");
                text.push_str(&format!(".SH \"{heading}\"\n"));
            }
            None if line.is_empty() => text.push_str(".PP\n"),
            None => {
                if line.starts_with("  ") && !literal {
                    text.push_str(".nf\n");
                    literal = true;
                }
                text.push_str(&escaped(line));
                text.push('\n');
            }
        }
    }
    if literal {
        text.push_str(".fi\n");
    }
    text
}

/// Text without anything that roff would take for a command.
fn escaped(line: &str) -> String {
    let line = line.replace('\\', "\\e").replace('-', "\\-");
    if line.starts_with(['.', '\'']) { format!("\\&{line}") } else { line }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_look_like_requests_are_text() {
        assert_eq!(escaped(".nf -f"), "\\&.nf \\-f");
        assert_eq!(
            sections("Exit codes:\n  0  good\n\nmore"),
            ".SH \"EXIT STATUS\"\n.nf\n  0  good\n.fi\n.PP\nmore\n"
        );
    }
}
