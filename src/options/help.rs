//! The help of the program, one screen, and of its tools, from the table of options.

use getopts::Occur;

use super::table::{self, GROUPS, OptionEntry, Takers};

const WIDTH: usize = 80;
/// The column at which the options are explained, from 0.
const COLUMN: usize = 24;
/// The width of what stands before them, without two blanks on either side.
const PADDED: usize = COLUMN - 4;

const BEGINNING: &str = "\
Usage: idetcd --pattern NAME [OPTION]..., or idetcd [--conf FILE] [OPTION]...
       idetcd list|wait|check|ready|status|release|drain|undrain [OPTION]...
       idetcd exec [OPTION]... -- PROGRAM [ARG]...
Takes the lowest free name of a pattern in etcd, and answers DNS for all nodes.

";

const EXIT_STATUS: &str = "\
Exit status: 0 stopped by a signal, 1 failure, 2 usage, 3 no free name;
with exec that of PROGRAM, 128 and more for a signal, 126 and 127 as in sh.";

/// The help of the program; `tools`: each with its purpose.
pub(super) fn of_server(tools: impl Iterator<Item = (&'static str, &'static str)>) -> String {
    let mut help = BEGINNING.to_owned();
    for group in GROUPS.iter().filter(|group| !matches!(group.takers, Takers::Tool(_))) {
        if !group.heading.is_empty() {
            push_words(group.heading, 0, &mut help);
        }
        push_options(group.options, &mut help);
    }
    help.push_str("Tools for the operator, each with a --help of its own:\n");
    for (name, purpose) in tools {
        push_row(&format!("idetcd {name}"), purpose, &mut help);
    }
    help + EXIT_STATUS
}

/// The help of a tool, which begins with `about`. One that `shares` some of the server's
/// options names those.
pub(super) fn of_tool(name: &'static str, about: &str, shares: bool) -> String {
    let mut help = format!("{about}\n\n");
    for group in GROUPS.iter().filter(|group| group.takers == Takers::Tool(name)) {
        if !group.heading.is_empty() {
            push_words(group.heading, 0, &mut help);
        }
        push_options(group.options, &mut help);
        help.push('\n');
    }
    if shares {
        let dashed = |entry: &OptionEntry| format!("--{}", entry.name);
        let shared: Vec<String> = table::options(Takers::ServerAndTools).map(dashed).collect();
        help.push_str("As for the server, see idetcd --help:\n");
        push_row(&shared.join(", "), "", &mut help);
    }
    help
}

/// A row for each option; those that are not explained share it with the next one.
fn push_options(options: &[OptionEntry], help: &mut String) {
    let mut spellings: Vec<String> = Vec::new();
    for (index, entry) in options.iter().enumerate() {
        spellings.push(entry.spelling());
        if !entry.help.is_empty() || index + 1 == options.len() {
            let many = entry.occurrence == Occur::Multi && !entry.argument.is_empty();
            let repeatable = if many { "repeatable: " } else { "" };
            push_row(&spellings.join(", "), &format!("{repeatable}{}", entry.help), help);
            spellings.clear();
        }
    }
}

/// A row of two columns; a left one that is too long pushes the right one away.
fn push_row(left: &str, right: &str, help: &mut String) {
    if right.is_empty() {
        push_words(&format!("  {left}"), 2, help);
    } else {
        push_words(&format!("  {left:<PADDED$}  {right}"), COLUMN, help);
    }
}

/// Appends a line, or more where it is too long: those that follow begin at `indent`.
fn push_words(line: &str, indent: usize, help: &mut String) {
    let mut column = 0;
    for (index, word) in line.split(' ').enumerate() {
        let width = word.chars().count();
        if index > 0 && column + 1 + width > WIDTH {
            help.push('\n');
            help.push_str(&" ".repeat(indent));
            column = indent;
        } else if index > 0 {
            help.push(' ');
            column += 1;
        }
        help.push_str(word);
        column += width;
    }
    help.push('\n');
}
