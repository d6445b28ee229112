//! Text → words, as the Caddyfile of CoreDNS 1.2 has them.
//!
//! Blanks part words, a line's end does as well, and `#` outside of quotes begins a comment, also
//! within a word. A word that begins with `"` goes on to the next `"`, over lines if need be; in
//! it `\"` is a quote; any other backslash stands for itself, and so does what follows it.

use std::iter::Peekable;
use std::str::Chars;
use std::sync::Arc;

use super::place::{Error, Place, wrong};
use super::word::{Position, Spelling, Word};

const BYTE_ORDER_MARK: char = '\u{feff}';

/// Reads all words of a file.
///
/// # Errors
/// When a quote is not closed, or a character is none of a text.
pub(super) fn words(file: &Arc<str>, text: &str) -> Result<Vec<Word>, Error> {
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
    fn word(&mut self) -> Result<Option<Word>, Error> {
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

    fn bare(&mut self) -> Result<Word, Error> {
        let mut word = self.start(Spelling::Bare);
        while let Some(next) = self.characters.peek() {
            if next.is_whitespace() || *next == '#' {
                break;
            }
            word.text.extend(self.take()?);
        }
        Ok(word)
    }

    fn quoted(&mut self) -> Result<Word, Error> {
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

    fn take(&mut self) -> Result<Option<char>, Error> {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Each word with its line and column, those that begin a line after a `|`.
    fn shown(text: &str) -> Vec<String> {
        let words = words(&"f".into(), text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
        let show = |word: &Word| {
            let mark = if word.is_leading() { "|" } else { "" };
            format!("{mark}{}@{}:{}", word.text, word.place.line, word.place.column)
        };
        words.iter().map(show).collect()
    }

    #[test]
    fn blanks_lines_comments_and_quotes_part_words() {
        let table: [(&str, &[&str]); 20] = [
            ("", &[]),
            (" \t\n\r\n", &[]),
            ("a b\tc", &["|a@1:1", "b@1:3", "c@1:5"]),
            ("a\nb\r\n c", &["|a@1:1", "|b@2:1", "|c@3:2"]),
            ("\u{feff}a", &["|a@1:1"]),
            ("a\u{a0}b", &["|a@1:1", "b@1:3"]),
            ("# one\na # two\n# three", &["|a@2:1"]),
            ("#\n#", &[]),
            // In CoreDNS 1.2 a comment begins within a word as well.
            ("a#b c\nd", &["|a@1:1", "|d@2:1"]),
            ("\"a b\" c", &["|a b@1:1", "c@1:7"]),
            ("\"a#b\"", &["|a#b@1:1"]),
            ("\"\" b", &["|@1:1", "b@1:4"]),
            ("\"a\"b", &["|a@1:1", "b@1:4"]),
            ("a\"b\"", &["|a\"b\"@1:1"]),
            (r#""a \"b\" \c \\" d"#, &["|a \"b\" \\c \\\\@1:1", "d@1:17"]),
            ("\"a\nb\" c\nd", &["|a\nb@1:1", "c@2:4", "|d@3:1"]),
            ("ä ö", &["|ä@1:1", "ö@1:3"]),
            (". {\n}", &["|.@1:1", "{@1:3", "|}@2:1"]),
            ("w{{.ID}}.a. \"w{{ .ID }}.a.\"", &["|w{{.ID}}.a.@1:1", "w{{ .ID }}.a.@1:13"]),
            ("a\\b \\", &["|a\\b@1:1", "\\@1:5"]),
        ];
        for (text, wanted) in table {
            assert_eq!(shown(text), wanted, "{text:?}");
        }
    }

    #[test]
    fn what_is_no_text_is_told_with_its_place() {
        let table = [
            ("a \"b\nc", "f: line 1, column 3: the quote is never closed; add a \""),
            ("\"\\\"", "f: line 1, column 1: the quote is never closed; add a \""),
            ("a\n \0", "f: line 2, column 2: '\\0' cannot stand here; give a text file"),
            ("a\u{1b}[2J", "f: line 1, column 2: '\\u{1b}' cannot stand here; give a text file"),
            ("\"\u{7}\"", "f: line 1, column 2: '\\u{7}' cannot stand here; give a text file"),
        ];
        for (text, wanted) in table {
            let error = words(&"f".into(), text).expect_err(text);
            assert_eq!(error.to_string(), wanted, "{text:?}");
        }
    }

    #[test]
    fn a_brace_is_one_only_where_it_stands_alone_and_bare() {
        let words = words(&"f".into(), "{ } \"{\" \"}\" x{").expect("words");
        let braces: Vec<_> = words.iter().map(|word| (word.is_open(), word.is_close())).collect();
        let no = (false, false);
        assert_eq!(braces, [(true, false), (false, true), no, no, no]);
    }
}
