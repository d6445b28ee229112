//! Places in a file, and messages about what stands there.

use std::fmt;
use std::sync::Arc;

use log::Level;

use crate::text::printable;

/// The most errors of a file that are told.
const MOST_ERRORS: usize = 10;

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file's name, as it was given.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: usize,
    /// The column, in characters from 1; a tab is one.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: line {}, column {}", printable(&self.file), self.line, self.column)
    }
}

/// A value, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed<T> {
    /// The value.
    pub value: T,
    /// Its place.
    pub place: Place,
}

/// The reasons for which a file cannot be used: where, what, and what to do, each in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorefileError(Vec<(Option<Place>, String)>);

impl CorefileError {
    /// Something is wrong at this place.
    pub fn at(place: &Place, text: impl fmt::Display) -> CorefileError {
        let line = format!("{place}: {}", printable(&text.to_string()));
        CorefileError(vec![(Some(place.clone()), line)])
    }

    /// Something is wrong with the whole file.
    pub fn of_file(file: &str, text: impl fmt::Display) -> CorefileError {
        CorefileError(vec![(
            None,
            format!("{}: {}", printable(file), printable(&text.to_string())),
        )])
    }

    /// All of these, in the order of the file; `None`: there is none. The first ones are told, and how many more there
    /// are.
    pub fn all(file: &str, errors: Vec<CorefileError>) -> Option<CorefileError> {
        let mut all: Vec<_> = errors.into_iter().flat_map(|error| error.0).collect();
        all.sort();
        let more = all.len().saturating_sub(MOST_ERRORS);
        if more > 0 {
            all.truncate(MOST_ERRORS);
            all.extend(Self::of_file(file, format!("{more} more errors; repair these first")).0);
        }
        (!all.is_empty()).then_some(CorefileError(all))
    }
}

impl fmt::Display for CorefileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<&str> = self.0.iter().map(|(_, line)| line.as_str()).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for CorefileError {}

pub(super) fn wrong<T>(place: &Place, text: impl fmt::Display) -> Result<T, CorefileError> {
    Err(CorefileError::at(place, text))
}

/// A remark in the log about a part of the file that was accepted: the effect that it does not
/// have, or has not as in CoreDNS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Its weight.
    pub level: Level,
    text: String,
}

impl Notice {
    pub(super) fn new(level: Level, place: &Place, text: impl fmt::Display) -> Notice {
        Notice { level, text: format!("{place}: {}", printable(&text.to_string())) }
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
