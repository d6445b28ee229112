//! Where something stands in a file, and what is said about it.

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

impl Place {
    /// So many characters to the right.
    pub(super) fn shifted(&self, columns: usize) -> Place {
        Place { column: self.column + columns, ..self.clone() }
    }
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
    /// Where it stands.
    pub place: Place,
}

/// Why a file cannot be used: where, what, and what to do. One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorefileError {
    file: Arc<str>,
    place: Option<Place>,
    text: String,
}

impl CorefileError {
    /// Something is wrong at this place.
    pub fn at(place: &Place, text: impl fmt::Display) -> CorefileError {
        CorefileError {
            file: place.file.clone(),
            place: Some(place.clone()),
            text: text.to_string(),
        }
    }

    /// Something is wrong with the whole file.
    pub fn of_file(file: &str, text: impl fmt::Display) -> CorefileError {
        CorefileError { file: file.into(), place: None, text: text.to_string() }
    }
}

impl fmt::Display for CorefileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(place) => write!(f, "{place}: {}", printable(&self.text)),
            None => write!(f, "{}: {}", printable(&self.file), printable(&self.text)),
        }
    }
}

impl std::error::Error for CorefileError {}

pub(super) fn wrong<T>(place: &Place, text: impl fmt::Display) -> Result<T, CorefileError> {
    Err(CorefileError::at(place, text))
}

/// What the log is to say of a part of the file that was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// How much it matters.
    pub level: Level,
    /// Where it stands.
    pub place: Place,
    /// What has no effect, or another one than there.
    pub text: String,
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, printable(&self.text))
    }
}
