//! Words: what a file is made of, once blanks and comments are gone.

use super::place::Place;

/// How a word was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spelling {
    /// As it is.
    Bare,
    /// Between quotes.
    Quoted,
    /// With something from the environment in it.
    Expanded,
}

/// Whether a word is the first on its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Position {
    /// It is, or begins what was imported.
    Leading,
    /// It is not.
    Following,
}

/// A word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) place: Place,
    pub(super) position: Position,
    pub(super) spelling: Spelling,
}

impl Word {
    pub(super) fn is_leading(&self) -> bool {
        self.position == Position::Leading
    }

    /// Whether it is a brace that opens a block.
    pub(super) fn is_open(&self) -> bool {
        self.is("{")
    }

    /// Whether it is a brace that closes a block.
    pub(super) fn is_close(&self) -> bool {
        self.is("}")
    }

    /// Whether it is this very word, and was written so.
    pub(super) fn is(&self, text: &str) -> bool {
        self.spelling == Spelling::Bare && self.text == text
    }

    /// Where its `column`th character stands, as far as that is known: quotes and what comes from
    /// the environment move the rest.
    pub(super) fn place_of(&self, column: usize) -> Place {
        match self.spelling {
            Spelling::Bare => self.place.shifted(column.saturating_sub(1)),
            Spelling::Quoted | Spelling::Expanded => self.place.clone(),
        }
    }

    /// The parts between commas that are not empty, each with its place.
    pub(super) fn split_at_commas(&self) -> Vec<Word> {
        let mut column = 1;
        let mut parts = Vec::new();
        for text in self.text.split(',') {
            if !text.is_empty() {
                let place = self.place_of(column);
                parts.push(Word { text: text.to_owned(), place, ..self.clone() });
            }
            column += text.chars().count() + 1;
        }
        parts
    }
}
