//! Places in a file, and messages about what stands there.

use std::fmt;
use std::sync::Arc;

use log::Level;

use crate::text::printable;

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
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

/// The reason for which a file cannot be used: where, what, and what to do. One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorefileError(String);

impl CorefileError {
    /// Something is wrong at this place.
    pub fn at(place: &Place, text: impl fmt::Display) -> CorefileError {
        CorefileError(format!("{place}: {}", printable(&text.to_string())))
    }

    /// Something is wrong with the whole file.
    pub fn of_file(file: &str, text: impl fmt::Display) -> CorefileError {
        CorefileError(format!("{}: {}", printable(file), printable(&text.to_string())))
    }
}

impl fmt::Display for CorefileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
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
