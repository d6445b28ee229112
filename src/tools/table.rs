//! Tables: aligned and coloured for a terminal, tabs for a pipe. Pure.

use std::fmt::Write;

/// How a table is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// A line for each row, tabs between the columns, no heading.
    Tabs,
    /// Columns below each other, with a heading.
    Aligned,
    /// The same with colours.
    Coloured,
}

/// What a cell says beside its text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// Nothing.
    #[default]
    Neutral,
    /// All is well, or this is me.
    Good,
    /// Look at this.
    Odd,
    /// This is not well.
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

/// What ends every colour.
const RESET: &str = "\x1b[0m";
const BOLD: &str = "\x1b[1m";

/// One cell of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    /// Any text; what would break a line or move a cursor is escaped, for it may be anybody's.
    pub fn new(text: &str) -> Cell {
        Cell { text: printable(text), tone: Tone::Neutral }
    }

    /// The text of a value, `-` where there is none.
    pub fn of(value: Option<impl ToString>) -> Cell {
        Cell::new(&value.map_or_else(|| "-".to_owned(), |value| value.to_string()))
    }

    /// The same in another tone.
    #[must_use]
    pub fn with(self, tone: Tone) -> Cell {
        Cell { tone, ..self }
    }

    fn width(&self) -> usize {
        self.text.chars().count()
    }
}

/// A text in which every character shows as itself.
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            let _ = write!(shown, "{}", character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// A whole table.
pub fn table<const N: usize>(heading: [&str; N], rows: &[[Cell; N]], style: Style) -> String {
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
    let first = aligned(&heading, &widths, Style::Aligned);
    let first = match style {
        Style::Coloured => format!("{BOLD}{}{RESET}\n", first.trim_end()),
        _ => first,
    };
    first + &rows.iter().map(|row| aligned(row, &widths, style)).collect::<String>()
}

fn aligned(row: &[Cell], widths: &[usize], style: Style) -> String {
    let mut line = String::new();
    for (cell, width) in row.iter().zip(widths) {
        let padding = " ".repeat(width.saturating_sub(cell.width()) + 2);
        line.push_str(&shown(cell, style));
        line.push_str(&padding);
    }
    line.truncate(line.trim_end().len());
    line.push('\n');
    line
}

/// The text of a cell with its colour, where colours are wanted.
pub fn shown(cell: &Cell, style: Style) -> String {
    match (style, cell.tone) {
        (Style::Tabs | Style::Aligned, _) | (_, Tone::Neutral) => cell.text.clone(),
        (Style::Coloured, tone) => format!("{}{}{RESET}", tone.code(), cell.text),
    }
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
            assert_eq!(super::table(heading, &rows, style), wanted, "{style:?}");
        }
        assert_eq!(super::table(heading, &[], Style::Tabs), "");
    }
}
