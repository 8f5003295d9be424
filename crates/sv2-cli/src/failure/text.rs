//! The words of errors and their causes, as one line that is fit for a terminal.

use std::error::Error;
use std::io;

use crate::names::printable;

/// An error and its causes in one line, which names of files in it cannot leave.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = of_library(&error.to_string());
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = match error.downcast_ref::<io::Error>() {
            Some(error) => of_library(&plain(error)),
            None => of_library(&error.to_string()),
        };
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    printable(&text)
}

/// A text of the age library as one line, without the marks that it puts around what it quotes, and
/// without its advice for whoever writes a plugin, which is to print key material.
fn of_library(text: &str) -> String {
    let is_quoting = |c| ('\u{2066}'..='\u{2069}').contains(&c);
    if !text.contains(is_quoting) && !text.contains("AGEDEBUG") {
        return text.to_owned();
    }
    let lines = text.lines().take_while(|line| !line.contains("AGEDEBUG"));
    lines.collect::<Vec<_>>().join(" ").replace(is_quoting, "").trim().to_owned()
}

/// What the operating system said, without its number.
pub(crate) fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    match text.rfind(" (os error ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_the_age_library_are_one_line_and_advise_nothing_dangerous() {
        let died = "'\u{2068}age-plugin-x\u{2069}' unexpectedly died.\n\nIf you are developing a \
                    plugin, run with AGEDEBUG=plugin for more information.\nWarning: this prints \
                    private encryption key material to standard error.";
        assert_eq!(of_library(died), "'age-plugin-x' unexpectedly died.");
        let missing =
            "Could not find '\u{2068}x\u{2069}' on the PATH.\nHave you installed the plugin?";
        assert_eq!(
            of_library(missing),
            "Could not find 'x' on the PATH. Have you installed the plugin?"
        );
        // What is no text of that library is left to the escapes of names.
        assert_eq!(of_library("a\nb"), "a\nb");
    }
}
