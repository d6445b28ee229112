//! Text → words, as the Caddyfile of CoreDNS 1.2 has them.
//!
//! Blanks part words, a line's end does as well, and `#` outside of quotes begins a comment, also
//! within a word. A word that begins with `"` goes on to the next `"`, over lines if need be; in
//! it `\"` is a quote; any other backslash stands for itself, and so does what follows it. `{$NAME}`
//! and `{%NAME%}` in a word are replaced from the environment by [`expand`].

use std::iter::Peekable;
use std::str::Chars;
use std::sync::Arc;

use super::place::{CorefileError, Place, wrong};

const BYTE_ORDER_MARK: char = '\u{feff}';

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) place: Place,
    /// Whether it is the first of its line, or of what was imported.
    pub(super) is_leading: bool,
    /// Whether it was written as it is: without quotes, and with nothing from the environment.
    pub(super) is_bare: bool,
}

impl Word {
    pub(super) fn is_open(&self) -> bool {
        self.is("{")
    }

    pub(super) fn is_close(&self) -> bool {
        self.is("}")
    }

    /// Whether it is this very word, and was written so.
    pub(super) fn is(&self, text: &str) -> bool {
        self.is_bare && self.text == text
    }

    /// The place of its `column`th character, as far as that is known: quotes and what comes from
    /// the environment move the rest.
    pub(super) fn place_of(&self, column: usize) -> Place {
        let shift = if self.is_bare { column.saturating_sub(1) } else { 0 };
        Place { column: self.place.column + shift, ..self.place.clone() }
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

/// Reads all words of a file.
///
/// # Errors
/// When a quote is not closed, or a character is none of a text.
pub(super) fn words(file: &Arc<str>, text: &str) -> Result<Vec<Word>, CorefileError> {
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let mut lexer = Lexer {
        characters: text.chars().peekable(),
        here: Place { file: file.clone(), line: 1, column: 1 },
        is_leading: true,
    };
    std::iter::from_fn(|| lexer.word().transpose()).collect()
}

struct Lexer<'a> {
    characters: Peekable<Chars<'a>>,
    here: Place,
    /// Whether the next word is.
    is_leading: bool,
}

impl Lexer<'_> {
    fn word(&mut self) -> Result<Option<Word>, CorefileError> {
        while let Some(character) = self.characters.peek().copied() {
            match character {
                '#' => self.skip_comment(),
                '"' => return self.quoted().map(Some),
                blank if blank.is_whitespace() => {
                    self.take()?;
                }
                _ => return self.bare().map(Some),
            }
        }
        Ok(None)
    }

    fn bare(&mut self) -> Result<Word, CorefileError> {
        let mut word = self.start(true);
        while self.characters.peek().is_some_and(|next| !next.is_whitespace() && *next != '#') {
            word.text.extend(self.take()?);
        }
        Ok(word)
    }

    fn quoted(&mut self) -> Result<Word, CorefileError> {
        let mut word = self.start(false);
        self.take()?;
        loop {
            match self.take()? {
                None => return wrong(&word.place, "the quote is never closed; add a \""),
                Some('"') => break,
                Some('\\') => {
                    let next = self.take()?;
                    word.text.extend((next != Some('"')).then_some('\\'));
                    word.text.extend(next);
                }
                Some(character) => word.text.push(character),
            }
        }
        self.is_leading = false;
        Ok(word)
    }

    fn start(&mut self, is_bare: bool) -> Word {
        let is_leading = std::mem::take(&mut self.is_leading);
        Word { text: String::new(), place: self.here.clone(), is_leading, is_bare }
    }

    fn skip_comment(&mut self) {
        while self.characters.next_if(|character| *character != '\n').is_some() {
            self.here.column += 1;
        }
    }

    fn take(&mut self) -> Result<Option<char>, CorefileError> {
        let Some(character) = self.characters.next() else { return Ok(None) };
        if character.is_control() && !character.is_whitespace() {
            return wrong(&self.here, format!("{character:?} cannot stand here; give a text file"));
        }
        self.here.column += 1;
        if character == '\n' {
            self.here.line += 1;
            self.here.column = 1;
            self.is_leading = true;
        }
        Ok(Some(character))
    }
}

const MARKS: [(&str, &str); 2] = [("{$", "}"), ("{%", "%}")];

/// Replaces all references in a text; `None` where there is none. A variable that is not set is
/// replaced by nothing, as in CoreDNS, and returned beside the text. What a variable holds is not
/// looked through again, so that one that refers to itself does no harm.
pub(super) fn expand(
    text: &str,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Option<(String, Vec<String>)> {
    let (mut expanded, mut unset) = (String::new(), Vec::new());
    let mut rest = text;
    while let Some((before, name, after)) = first_reference(rest) {
        expanded.push_str(before);
        match environment(name) {
            Some(value) => expanded.push_str(&value),
            None => unset.push(name.to_owned()),
        }
        rest = after;
    }
    let is_changed = rest.len() < text.len();
    is_changed.then(|| (expanded + rest, unset))
}

/// The text before the first reference, the name in it, and the text behind.
fn first_reference(text: &str) -> Option<(&str, &str, &str)> {
    text.match_indices('{').find_map(|(open, _)| {
        let (before, rest) = text.split_at(open);
        MARKS.iter().find_map(|(begin, end)| {
            let (name, after) = rest.strip_prefix(begin)?.split_once(end)?;
            (!name.is_empty()).then_some((before, name, after))
        })
    })
}

#[cfg(test)]
#[path = "lexer_tests.rs"]
mod tests;
