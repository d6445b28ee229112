//! Tables on standard output: aligned and coloured for a terminal, with tabs for a pipe or a file
//! that a program reads.

use std::env;
use std::ffi::OsStr;
use std::io::{self, ErrorKind, IsTerminal, Write};

use crate::failure::Failure;
use crate::text::printable;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// A line for each row, tabs between the columns, no heading.
    Tabs,
    /// Columns below each other, with a heading.
    Aligned,
    /// The same with colours.
    Coloured,
}

/// The mood of a cell, which a terminal shows as its colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Tone {
    #[default]
    Neutral,
    Good,
    Odd,
    Bad,
}

impl Tone {
    /// Its colour (ECMA-48, Select Graphic Rendition).
    fn code(self) -> &'static str {
        match self {
            Tone::Neutral => "",
            Tone::Good => "\x1b[32m",
            Tone::Odd => "\x1b[33m",
            Tone::Bad => "\x1b[31m",
        }
    }
}

/// The end of every colour.
const RESET: &str = "\x1b[0m";
const BOLD: &str = "\x1b[1m";

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    /// Any text; what would break a line or move a cursor is escaped, for it may be anybody's.
    pub(super) fn new(text: &str) -> Cell {
        Cell { text: printable(text), tone: Tone::Neutral }
    }

    /// The text of a value, `-` where there is none.
    pub(super) fn of(value: Option<impl ToString>) -> Cell {
        Cell::new(&value.map_or_else(|| "-".to_owned(), |value| value.to_string()))
    }

    pub(super) fn with(self, tone: Tone) -> Cell {
        Cell { tone, ..self }
    }

    fn width(&self) -> usize {
        self.text.chars().count()
    }
}

/// The columns that the last one counts as having at most, when it is found what does not fit.
const LEAST_OF_LAST: usize = 16;

/// A table of rows below a heading. On a terminal of this width, those of the columns are left out that do not fit, in
/// the order of `dispensable`, rather than that lines are broken.
pub(super) fn table<const N: usize>(
    heading: [&str; N],
    rows: &[[Cell; N]],
    style: Style,
    width: Option<usize>,
    dispensable: &[usize],
) -> String {
    if style == Style::Tabs {
        let line =
            |row: &[Cell; N]| row.each_ref().map(|cell| cell.text.as_str()).join("\t") + "\n";
        return rows.iter().map(line).collect();
    }
    let heading = heading.map(Cell::new);
    let mut widths = heading.each_ref().map(Cell::width);
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.width().max(*width);
        }
    }
    if let Some(width) = width {
        leave_out(&mut widths, width, dispensable);
    }
    let mut first = aligned(&heading, &widths, Style::Aligned);
    if style == Style::Coloured {
        first = format!("{BOLD}{}{RESET}\n", first.trim_end());
    }
    first + &rows.iter().map(|row| aligned(row, &widths, style)).collect::<String>()
}

/// Gives columns that do not fit no width.
fn leave_out<const N: usize>(widths: &mut [usize; N], width: usize, dispensable: &[usize]) {
    for column in dispensable {
        let last = widths.last().copied().unwrap_or_default();
        let all: usize = widths.iter().filter(|width| **width > 0).map(|width| width + 2).sum();
        if (all + last.min(LEAST_OF_LAST)).saturating_sub(last + 2) <= width {
            return;
        }
        if let Some(width) = widths.get_mut(*column) {
            *width = 0;
        }
    }
}

fn aligned(row: &[Cell], widths: &[usize], style: Style) -> String {
    let kept = row.iter().zip(widths).filter(|(_, width)| **width > 0);
    let padded = kept.map(|(cell, width)| {
        shown(cell, style) + &" ".repeat(width.saturating_sub(cell.width()) + 2)
    });
    format!("{}\n", padded.collect::<String>().trim_end())
}

/// The text of a cell with its colour, where colours are wanted.
pub(super) fn shown(cell: &Cell, style: Style) -> String {
    match (style, cell.tone) {
        (Style::Tabs | Style::Aligned, _) | (_, Tone::Neutral) => cell.text.clone(),
        (Style::Coloured, tone) => format!("{}{}{RESET}", tone.code(), cell.text),
    }
}

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

/// Who reads what is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reader {
    There,
    /// It has read enough, as `head` does.
    Gone,
}

/// Writes to standard output. That the reader has read enough is no failure.
pub(super) fn write(text: &str) -> Result<(), Failure> {
    write_to_reader(text).map(drop)
}

/// The same, and says whether anybody still reads.
pub(super) fn write_to_reader(text: &str) -> Result<Reader, Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(Reader::There),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Reader::Gone),
        Err(error) => Err(output_failure(error)),
    }
}

/// Writes a text and ends its line.
///
/// # Errors
/// When standard output fails.
pub fn print(text: &str) -> Result<(), Failure> {
    write(&format!("{}\n", text.trim_end()))
}

pub(super) fn output_failure(error: io::Error) -> Failure {
    Failure::new(format!("cannot write the output: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_aligned_for_people_and_tabbed_for_programs() {
        let rows = [
            [Cell::new("1"), Cell::new("worker1.tf.local."), Cell::new("me").with(Tone::Good)],
            [Cell::new("10"), Cell::new("é\tb\n"), Cell::of(None::<u16>)],
        ];
        let heading = ["SLOT", "NAME", "NOTE"];
        let table = [
            (Style::Tabs, "1\tworker1.tf.local.\tme\n10\té\\tb\\n\t-\n"),
            (
                Style::Aligned,
                "SLOT  NAME               NOTE\n\
                 1     worker1.tf.local.  me\n\
                 10    é\\tb\\n             -\n",
            ),
            (
                Style::Coloured,
                "\x1b[1mSLOT  NAME               NOTE\x1b[0m\n\
                 1     worker1.tf.local.  \x1b[32mme\x1b[0m\n\
                 10    é\\tb\\n             -\n",
            ),
        ];
        for (style, wanted) in table {
            assert_eq!(super::table(heading, &rows, style, None, &[0]), wanted, "{style:?}");
        }
        assert_eq!(super::table(heading, &[], Style::Tabs, Some(1), &[0]), "");
    }

    #[test]
    fn what_does_not_fit_is_left_out_column_by_column() {
        let long = "x".repeat(200);
        let rows = [["1", "worker1.tf.local.", "10.0.0.1", "53", &long].map(Cell::new)];
        let heading = ["SLOT", "NAME", "IPV4", "PORT", "NOTE"];
        for (width, wanted) in [
            (None, "SLOT  NAME               IPV4      PORT  NOTE"),
            (Some(57), "SLOT  NAME               IPV4      PORT  NOTE"),
            (Some(56), "SLOT  NAME               IPV4      NOTE"),
            (Some(50), "NAME               IPV4      NOTE"),
            (Some(10), "NAME               IPV4      NOTE"),
        ] {
            let table = super::table(heading, &rows, Style::Aligned, width, &[3, 0]);
            assert_eq!(table.lines().next(), Some(wanted), "{width:?}");
            let row = if wanted.contains("PORT") { "53" } else { "10.0.0.1" };
            assert!(table.lines().nth(1).is_some_and(|line| line.contains(row)), "{table}");
        }
        let piped = super::table(heading, &rows, Style::Tabs, Some(10), &[3, 0]);
        assert!(piped.starts_with("1\tworker1.tf.local.\t10.0.0.1\t53\t"), "{piped}");
    }

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
