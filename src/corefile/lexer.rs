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

/// The way in which a word was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spelling {
    /// As it is.
    Bare,
    /// Between quotes.
    Quoted,
    /// With something from the environment in it.
    Expanded,
}

/// The place of a word on its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Position {
    /// The first, or the first of what was imported.
    Leading,
    /// Any other.
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

    /// The place of its `column`th character, as far as that is known: quotes and what comes from
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

/// Reads all words of a file.
///
/// # Errors
/// When a quote is not closed, or a character is none of a text.
pub(super) fn words(file: &Arc<str>, text: &str) -> Result<Vec<Word>, CorefileError> {
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let mut lexer = Lexer {
        characters: text.chars().peekable(),
        here: Place { file: file.clone(), line: 1, column: 1 },
        position: Position::Leading,
    };
    let mut words = Vec::new();
    while let Some(word) = lexer.word()? {
        words.push(word);
    }
    Ok(words)
}

struct Lexer<'a> {
    characters: Peekable<Chars<'a>>,
    here: Place,
    /// Of the next word.
    position: Position,
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
        let mut word = self.start(Spelling::Bare);
        while let Some(next) = self.characters.peek() {
            if next.is_whitespace() || *next == '#' {
                break;
            }
            word.text.extend(self.take()?);
        }
        Ok(word)
    }

    fn quoted(&mut self) -> Result<Word, CorefileError> {
        let mut word = self.start(Spelling::Quoted);
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
        self.position = Position::Following;
        Ok(word)
    }

    fn start(&mut self, spelling: Spelling) -> Word {
        let position = std::mem::replace(&mut self.position, Position::Following);
        Word { text: String::new(), place: self.here.clone(), position, spelling }
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
            self.position = Position::Leading;
        }
        Ok(Some(character))
    }
}

/// A text with what stood in the environment, and the variables that did not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Expanded {
    pub(super) text: String,
    pub(super) unset: Vec<String>,
}

const MARKS: [(&str, &str); 2] = [("{$", "}"), ("{%", "%}")];

/// Replaces all references in a text; `None` where there is none. A variable that is not set is
/// replaced by nothing, as in CoreDNS. What a variable holds is not looked through again, so that
/// one that refers to itself does no harm.
pub(super) fn expand(text: &str, environment: &dyn Fn(&str) -> Option<String>) -> Option<Expanded> {
    let mut rest = text;
    let mut expanded = Expanded { text: String::new(), unset: Vec::new() };
    let mut is_changed = false;
    while let Some((before, name, after)) = first_reference(rest) {
        is_changed = true;
        expanded.text.push_str(before);
        match environment(name) {
            Some(value) => expanded.text.push_str(&value),
            None => expanded.unset.push(name.to_owned()),
        }
        rest = after;
    }
    expanded.text.push_str(rest);
    is_changed.then_some(expanded)
}

/// The text before the first reference, the name in it, and the text behind.
fn first_reference(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    loop {
        let open = from + text.get(from..)?.find('{')?;
        let rest = text.get(open..)?;
        if let Some((name, after)) = MARKS.iter().find_map(|(begin, end)| {
            let (name, after) = rest.strip_prefix(begin)?.split_once(end)?;
            (!name.is_empty()).then_some((name, after))
        }) {
            return Some((text.get(..open)?, name, after));
        }
        from = open + 1;
    }
}

#[cfg(test)]
#[path = "lexer_tests.rs"]
mod tests;
