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
    /// The pattern as it is written.
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
    errors: &mut Vec<CorefileError>,
) -> Plugin {
    let place = directive.name.place.clone();
    let mut plugin = Plugin { place, endpoints: Vec::new(), limit: None, pattern: None };
    for word in &directive.arguments {
        notices.push(notice(word, "has no effect: idetcd takes properties between { and } alone"));
    }
    for (index, property) in directive.body.iter().enumerate() {
        let (name, arguments) = (&property.name, property.arguments.as_slice());
        let done = match name.text.as_str() {
            "endpoint" => endpoints(name, arguments).map(|all| plugin.endpoints = all),
            "limit" => limit(name, arguments).map(|limit| plugin.limit = Some(limit)),
            "pattern" => pattern(name, arguments).map(|it| plugin.pattern = Some(it)),
            // The plugin says nothing; a slip of the pen should not pass unseen.
            _ => {
                notices.push(notice(name, "no property of idetcd; it has no effect"));
                Ok(())
            }
        };
        errors.extend(done.err());
        if directive.body.iter().take(index).any(|before| before.name.text == name.text) {
            notices.push(notice(name, "stands there before; this one counts"));
        }
    }
    plugin
}

fn notice(word: &Word, text: &str) -> Notice {
    Notice::new(Level::Warn, &word.place, format!("{:?}: {text}", word.text))
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
    number(&word.text).filter(|limit| (1..=MAX_LIMIT).contains(limit)).ok_or_else(|| {
        let text = format!("limit: {:?} is not a whole number from 1 to {MAX_LIMIT}", word.text);
        CorefileError::at(&word.place, text)
    })
}

fn pattern(name: &Word, arguments: &[Word]) -> Result<WrittenPattern, CorefileError> {
    let wanted = "one such as worker{{.ID}}.tf.local., in quotes if there are blanks in it";
    Ok(WrittenPattern { word: only(name, arguments, wanted)?.clone() })
}

/// The one argument that a property takes.
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
