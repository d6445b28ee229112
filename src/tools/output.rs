//! Where the tools write to: a terminal, or a pipe or file that a program reads.

use std::env;
use std::ffi::OsStr;
use std::io::{self, ErrorKind, IsTerminal, Write};

use super::Failure;
use super::table::Style;

/// How standard output is to be written.
pub(super) fn style() -> Style {
    style_of(
        io::stdout().is_terminal(),
        env::var_os("NO_COLOR").as_deref(),
        env::var_os("TERM").as_deref(),
    )
}

/// Colours are left out where the user says so (no-color.org) or the terminal knows none.
fn style_of(is_terminal: bool, no_color: Option<&OsStr>, term: Option<&OsStr>) -> Style {
    let is_plain = no_color.is_some_and(|value| !value.is_empty())
        || term.is_none_or(|term| term.is_empty() || term == "dumb");
    match (is_terminal, is_plain) {
        (false, _) => Style::Tabs,
        (true, true) => Style::Aligned,
        (true, false) => Style::Coloured,
    }
}

/// Writes to standard output. A reader that has read enough, as `head` does, is no failure.
pub(super) fn write(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::Output(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_for_terminals_whose_users_want_them() {
        let table = [
            (true, None, Some("xterm"), Style::Coloured),
            (true, Some(""), Some("xterm"), Style::Coloured),
            (true, Some("1"), Some("xterm"), Style::Aligned),
            (true, None, Some("dumb"), Style::Aligned),
            (true, None, None, Style::Aligned),
            (false, None, Some("xterm"), Style::Tabs),
        ];
        for (is_terminal, no_color, term, wanted) in table {
            let style = style_of(is_terminal, no_color.map(OsStr::new), term.map(OsStr::new));
            assert_eq!(style, wanted, "{is_terminal} {no_color:?} {term:?}");
        }
    }
}
