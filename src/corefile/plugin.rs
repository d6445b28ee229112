//! The properties of `idetcd { … }`.

use log::Level;

use super::blocks::Directive;
use super::lexer::Word;
use super::place::{CorefileError, Notice, Place, Placed, wrong};
use crate::cluster::pattern::MAX_LIMIT;
use crate::text::number;

/// The settings of the plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plugin {
    /// The place of `idetcd`.
    pub place: Place,
    /// The endpoints as they are written; empty: `http://localhost:2379`.
    pub endpoints: Vec<Placed<String>>,
    /// The highest ID, from 1 to [`MAX_LIMIT`]; `None`: it is not said, and 10.
    pub limit: Option<u32>,
    /// The pattern as it is written.
    pub pattern: Option<WrittenPattern>,
}

/// A pattern that is still to be checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenPattern {
    word: Word,
}

impl WrittenPattern {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.word.text
    }

    /// The error of a pattern that is wrong from a column on, from 1.
    pub fn error(&self, column: usize, reason: &str) -> CorefileError {
        CorefileError::at(&self.word.place_of(column), format!("pattern: {reason}"))
    }

    /// A remark about it.
    pub fn notice(&self, text: &str) -> Notice {
        notice(&self.word, text)
    }
}

pub(super) fn read(
    directive: &Directive,
    notices: &mut Vec<Notice>,
) -> Result<Plugin, CorefileError> {
    let mut plugin = Plugin {
        place: directive.name.place.clone(),
        endpoints: Vec::new(),
        limit: None,
        pattern: None,
    };
    for word in &directive.arguments {
        notices.push(notice(word, "has no effect: idetcd takes properties between { and } alone"));
    }
    let mut seen: Vec<&str> = Vec::new();
    for property in &directive.body {
        let (name, arguments) = (&property.name, property.arguments.as_slice());
        match name.text.as_str() {
            "endpoint" => plugin.endpoints = endpoints(name, arguments)?,
            "limit" => plugin.limit = Some(limit(name, arguments)?),
            "pattern" => plugin.pattern = Some(pattern(name, arguments)?),
            // The plugin says nothing; a slip of the pen should not pass unseen.
            _ => notices.push(notice(name, "no property of idetcd; it has no effect")),
        }
        if seen.contains(&name.text.as_str()) {
            notices.push(notice(name, "stands there before; this one counts"));
        }
        seen.push(&name.text);
    }
    Ok(plugin)
}

fn notice(word: &Word, text: &str) -> Notice {
    let text = format!("{:?}: {text}", word.text);
    Notice { level: Level::Warn, place: word.place.clone(), text }
}

fn endpoints(name: &Word, arguments: &[Word]) -> Result<Vec<Placed<String>>, CorefileError> {
    if arguments.is_empty() {
        return wrong(
            &name.place,
            "endpoint: which one? give URLs such as http://10.0.0.1:2379, with blanks between",
        );
    }
    let placed = |word: &Word| Placed { value: word.text.clone(), place: word.place.clone() };
    Ok(arguments.iter().map(placed).collect())
}

fn limit(name: &Word, arguments: &[Word]) -> Result<u32, CorefileError> {
    let word = only(name, arguments, "a number such as 10")?;
    match number(&word.text) {
        Some(limit) if (1..=MAX_LIMIT).contains(&limit) => Ok(limit),
        _ => {
            let text = &word.text;
            let text = format!("limit: {text:?} is not a whole number from 1 to {MAX_LIMIT}");
            wrong(&word.place, text)
        }
    }
}

fn pattern(name: &Word, arguments: &[Word]) -> Result<WrittenPattern, CorefileError> {
    let word = only(
        name,
        arguments,
        "one such as worker{{.ID}}.tf.local., in quotes if there are blanks in it",
    )?;
    Ok(WrittenPattern { word: word.clone() })
}

fn only<'a>(name: &Word, arguments: &'a [Word], wanted: &str) -> Result<&'a Word, CorefileError> {
    match arguments {
        [word] => Ok(word),
        [] => wrong(&name.place, format!("{}: its argument is missing; give {wanted}", name.text)),
        [_, second, ..] => wrong(
            &second.place,
            format!("{}: {:?} is one argument too many; give {wanted}", name.text, second.text),
        ),
    }
}
