//! What names and patterns may be made of, and where in a text that people wrote a fault lies.

use std::fmt;

/// The longest label (RFC 1035 §2.3.4), in octets.
pub const LONGEST_LABEL: usize = 63;

/// The longest name in wire form (RFC 1035 §2.3.4), in octets; the text with the final dot is one
/// octet shorter.
pub const LONGEST_NAME: usize = 255;

/// The reason why a pattern cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternError {
    /// The place, in characters from 1.
    pub column: usize,
    /// The fault there, and what to write instead.
    pub reason: String,
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {}: {}", self.column, self.reason)
    }
}

impl std::error::Error for PatternError {}

pub(super) fn error<T>(column: usize, reason: impl Into<String>) -> Result<T, PatternError> {
    Err(PatternError { column, reason: reason.into() })
}

/// The column of an octet offset.
pub(super) fn column(text: &str, offset: usize) -> usize {
    text.char_indices().take_while(|(at, _)| *at < offset).count() + 1
}

pub(super) fn check_characters(
    text: &str,
    part: std::ops::Range<usize>,
) -> Result<(), PatternError> {
    let start = part.start;
    let bad = text[part].char_indices().find(|(_, character)| {
        !character.is_ascii_alphanumeric() && !matches!(character, '-' | '_' | '.')
    });
    let Some((at, character)) = bad else { return Ok(()) };
    let shown = if character == ' ' { "a space".to_owned() } else { format!("{character:?}") };
    error(
        column(text, start + at),
        format!("{shown} cannot stand in a name; use letters, digits, - and _"),
    )
}

/// Checks a name with its final dot. `context` says which of the names that `text` stands for, and
/// `place` where in it a label begins that begins there in the name.
pub(super) fn check_lengths(
    text: &str,
    name: &str,
    context: &str,
    place: impl Fn(usize) -> usize,
) -> Result<(), PatternError> {
    if name.len() + 1 > LONGEST_NAME {
        return error(
            column(text, text.len()),
            format!("a name of {} octets{context}, at most 255 fit", name.len() + 1),
        );
    }
    let mut start = 0;
    for label in name[..name.len() - 1].split('.') {
        let at = column(text, place(start));
        if label.is_empty() {
            return error(at, "an empty label; remove the extra dot");
        }
        if label.len() > LONGEST_LABEL {
            let length = label.len();
            return error(at, format!("a label of {length} octets{context}, at most 63 fit"));
        }
        start += label.len() + 1;
    }
    Ok(())
}

/// Checks a name without a number; lower-cases it, and adds a missing final dot.
pub(super) fn check_plain_name(text: &str) -> Result<String, PatternError> {
    if text.is_empty() {
        return error(1, "the name is empty; write one such as registry.tf.local.");
    }
    check_characters(text, 0..text.len())?;
    let mut name = text.to_ascii_lowercase();
    if !name.ends_with('.') {
        name.push('.');
    }
    check_lengths(text, &name, "", |at| at)?;
    if name.find('.') == Some(name.len() - 1) {
        return error(1, "no label follows; add the zone, as in registry.tf.local.");
    }
    Ok(name)
}

/// Reads what stands between the braces: the width of the number.
pub(super) fn parse_action(action: &str) -> Result<usize, String> {
    let action = action.trim_matches([' ', '\t']);
    if action == ".ID" {
        return Ok(0);
    }
    let unknown = || {
        let shown: String = action.chars().take(30).flat_map(char::escape_debug).collect();
        format!(
            "only {{{{.ID}}}} and {{{{printf \"%03d\" .ID}}}} are understood, not {{{{{shown}}}}}"
        )
    };
    let words: Vec<&str> = action.split_ascii_whitespace().collect();
    let ["printf", format, ".ID"] = words.as_slice() else { return Err(unknown()) };
    let width = match format.strip_prefix("\"%").and_then(|rest| rest.strip_suffix("d\"")) {
        Some("") => Some(0),
        Some(digits) if digits.starts_with('0') => digits.parse().ok(),
        _ => None,
    };
    match width.filter(|width| *width <= LONGEST_LABEL) {
        // One digit is what every number has anyway.
        Some(0 | 1) => Ok(0),
        Some(width) => Ok(width),
        None => Err(unknown()),
    }
}
