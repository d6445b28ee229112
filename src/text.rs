//! Text that comes from elsewhere: made fit to be shown, and read strictly.

use std::fmt::Write as _;
use std::str::FromStr;

/// Appends a text so that every character shows as itself: what would break a line or move a cursor
/// is escaped. Once more than `longest` octets are there, `…` stands for the rest.
pub fn push_printable(text: &str, longest: usize, shown: &mut String) {
    for character in text.chars() {
        if shown.len() > longest {
            shown.push('…');
            return;
        }
        if character.is_control() {
            // Writing into a string does not fail.
            let _ = write!(shown, "{}", character.escape_default());
        } else {
            shown.push(character);
        }
    }
}

/// A text in which every character shows as itself.
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    push_printable(text, usize::MAX, &mut shown);
    shown
}

/// The beginning of a text, at most so many of its characters, printable.
pub fn excerpt(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => printable(text.get(..end).unwrap_or_default()) + "…",
        None => printable(text),
    }
}

/// A number that is spelt in digits alone: `+5` and `-0` read as numbers elsewhere, but nobody means
/// them. `None` for anything else, and what does not fit the type.
pub fn number<N: FromStr>(text: &str) -> Option<N> {
    let is_number = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

/// A number with a comma before each three digits, as people read it.
pub fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut shown = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_break_a_line_is_escaped() {
        assert_eq!(printable("a\nb\x1b[2J é"), "a\\nb\\u{1b}[2J é");
        let table = [("", 2, ""), ("äö", 2, "äö"), ("äöü", 2, "äö…"), ("\n\n\n", 1, "\\n…")];
        for (text, most, wanted) in table {
            assert_eq!(excerpt(text, most), wanted, "{text:?}");
        }
    }

    #[test]
    fn numbers_are_digits_alone() {
        let table = [
            ("0", Some(0)),
            ("007", Some(7)),
            ("255", Some(255)),
            ("256", None),
            ("", None),
            ("+5", None),
            ("-0", None),
            (" 5", None),
            ("٣", None),
        ];
        for (text, wanted) in table {
            assert_eq!(number::<u8>(text), wanted, "{text:?}");
        }
    }
}
