//! The pattern that all names of a cluster follow, and the way from a name to its slot and back.
//!
//! The syntax is a small part of Go's `text/template`: one `{{.ID}}`, or `{{printf "%03d" .ID}}`
//! for zero padding. Knows nothing of etcd beyond what a key looks like.

use std::fmt::{self, Write};

/// The most slots that a node may claim from: the directory keeps one small entry for each.
pub const MAX_LIMIT: u32 = 1_000_000;

/// The longest label (RFC 1035 §2.3.4), in octets.
const LONGEST_LABEL: usize = 63;

/// The longest name in wire form (RFC 1035 §2.3.4), in octets; the text with the final dot is one
/// octet shorter.
const LONGEST_NAME: usize = 255;

/// The number of a slot, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlotId(u32);

impl SlotId {
    /// The lowest slot.
    pub const FIRST: SlotId = SlotId(1);

    /// `None` for 0, which is no slot.
    pub fn new(number: u32) -> Option<SlotId> {
        (number > 0).then_some(SlotId(number))
    }

    /// The number, from 1.
    pub fn get(self) -> u32 {
        self.0
    }

    /// The number counted from 0.
    pub fn index(self) -> usize {
        self.0 as usize - 1
    }
}

impl fmt::Display for SlotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A checked pattern: what stands before and after the slot's number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    prefix: String,
    /// The least number of digits; 0 for none.
    width: usize,
    suffix: String,
    /// The most digits with which label and name are not too long.
    room: usize,
}

/// Why a pattern cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternError {
    /// Where, in characters from 1.
    pub column: usize,
    /// What is wrong there, and what to write instead.
    pub reason: String,
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {}: {}", self.column, self.reason)
    }
}

impl std::error::Error for PatternError {}

fn error<T>(column: usize, reason: impl Into<String>) -> Result<T, PatternError> {
    Err(PatternError { column, reason: reason.into() })
}

/// The column of an octet offset.
fn column(text: &str, offset: usize) -> usize {
    text.char_indices().take_while(|(at, _)| *at < offset).count() + 1
}

impl Pattern {
    /// Reads a pattern, lower-cases it, and adds a missing final dot.
    ///
    /// # Errors
    /// When there is not exactly one ID, when anything else of Go's template language stands there,
    /// when a character is neither letter, digit, `-`, `_` nor dot, when no label follows the one
    /// that holds the ID, or when a label or the name of slot `limit` is empty or too long.
    pub fn parse(text: &str, limit: u32) -> Result<Pattern, PatternError> {
        let Some(open) = text.find("{{") else {
            return error(
                column(text, text.len()),
                "there is no {{.ID}}; write it where the number of the node goes, as in \
                 worker{{.ID}}.tf.local.",
            );
        };
        let Some(length) = text[open..].find("}}") else {
            return error(column(text, open), "{{ without }}; write {{.ID}}");
        };
        let close = open + length + 2;
        let width = parse_action(&text[open + 2..close - 2])
            .map_err(|reason| PatternError { column: column(text, open), reason })?;
        if let Some(second) = text[close..].find("{{") {
            return error(column(text, close + second), "a second {{…}}; one {{.ID}} is enough");
        }
        check_characters(text, 0..open)?;
        check_characters(text, close..text.len())?;
        let mut suffix = text[close..].to_ascii_lowercase();
        if !suffix.ends_with('.') {
            suffix.push('.');
        }
        let prefix = text[..open].to_ascii_lowercase();
        let room = room_for_digits(&prefix, &suffix);
        let pattern = Pattern { prefix, width, suffix, room };
        pattern.check_labels(text, close, limit)?;
        Ok(pattern)
    }

    fn check_labels(&self, text: &str, close: usize, limit: u32) -> Result<(), PatternError> {
        let after = self.suffix.find('.').map_or(0, |dot| dot + 1);
        if after == self.suffix.len() {
            return error(
                column(text, close),
                "no label follows the one with the ID; add the zone, as in worker{{.ID}}.tf.local.",
            );
        }
        check_lengths(text, &self.name(SlotId(limit.max(1))), &format!(" at slot {limit}"))
    }

    /// The domain name of a slot, which is its key in etcd as well: `worker1.tf.local.`
    pub fn name(&self, slot: SlotId) -> String {
        let Pattern { prefix, width, suffix, .. } = self;
        format!("{prefix}{:0width$}{suffix}", slot.0)
    }

    /// The slot of a name, which must be in lower case with the final dot, its number spelt as
    /// [`Pattern::name`] spells it. What is too long for a domain name is none.
    pub fn slot_of(&self, name: &[u8]) -> Option<SlotId> {
        self.number_between(self.prefix.as_bytes(), name)
    }

    /// The slot that lies below a name: with `x.w{{.ID}}.tf.local.` the name `w3.tf.local.` exists
    /// without records if slot 3 does (an empty non-terminal, RFC 8020).
    pub fn slot_below(&self, name: &[u8]) -> Option<SlotId> {
        let dots = self.prefix.bytes().enumerate().filter(|(_, octet)| *octet == b'.');
        dots.map(|(at, _)| at)
            .filter_map(|at| self.prefix.as_bytes().get(at + 1..))
            .find_map(|rest| self.number_between(rest, name))
    }

    fn number_between(&self, prefix: &[u8], name: &[u8]) -> Option<SlotId> {
        let digits = name.strip_prefix(prefix)?.strip_suffix(self.suffix.as_bytes())?;
        let padded = digits.len() == self.width;
        if digits.len() < self.width || (!padded && digits.first() == Some(&b'0')) {
            return None;
        }
        if digits.len() > self.room {
            return None;
        }
        let mut number: u32 = 0;
        for digit in digits {
            let value = digit.checked_sub(b'0').filter(|value| *value < 10)?;
            number = number.checked_mul(10)?.checked_add(u32::from(value))?;
        }
        SlotId::new(number)
    }

    /// What follows the label with the ID: `tf.local.`
    pub fn zone(&self) -> &str {
        let dot = self.suffix.find('.').map_or(0, |dot| dot + 1);
        &self.suffix[dot..]
    }

    /// The pattern without the ID, `worker.tf.local.`; the zone where nothing is left of the label.
    pub fn group(&self) -> String {
        let name = format!("{}{}", self.prefix, self.suffix);
        if self.suffix.starts_with('.') && (self.prefix.is_empty() || self.prefix.ends_with('.')) {
            return format!("{}{}", self.prefix, &self.suffix[1..]);
        }
        name
    }

    /// The first name that a slot may have, in the order of octets.
    pub fn first_name(&self) -> String {
        let digit = if self.width > 1 { '0' } else { '1' };
        format!("{}{digit}", self.prefix)
    }

    /// What is past the names of all slots: `:` follows `9`.
    pub fn end_name(&self) -> String {
        format!("{}:", self.prefix)
    }
}

/// The canonical spelling.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.prefix)?;
        match self.width {
            0 => f.write_str("{{.ID}}")?,
            width => write!(f, "{{{{printf \"%0{width}d\" .ID}}}}")?,
        }
        f.write_str(&self.suffix)
    }
}

/// Reads what stands between the braces: the width of the number.
fn parse_action(action: &str) -> Result<usize, String> {
    let action = action.trim_matches([' ', '\t']);
    if action == ".ID" {
        return Ok(0);
    }
    let unknown = || {
        let mut shown = String::new();
        for character in action.chars().take(30) {
            let _ = write!(shown, "{}", character.escape_debug());
        }
        format!(
            "only {{{{.ID}}}} and {{{{printf \"%03d\" .ID}}}} are understood, not {{{{{shown}}}}}"
        )
    };
    let words: Vec<&str> = action.split_ascii_whitespace().collect();
    let ["printf", format, ".ID"] = words.as_slice() else { return Err(unknown()) };
    let verb = format.strip_prefix("\"%").and_then(|rest| rest.strip_suffix("d\""));
    match verb {
        Some("") => Ok(0),
        Some(digits) if digits.starts_with('0') => match digits.parse() {
            // One digit is what every number has anyway.
            Ok(0 | 1) => Ok(0),
            Ok(width) if width <= LONGEST_LABEL => Ok(width),
            _ => Err(unknown()),
        },
        _ => Err(unknown()),
    }
}

fn room_for_digits(prefix: &str, suffix: &str) -> usize {
    let before = prefix.len() - prefix.rfind('.').map_or(0, |dot| dot + 1);
    let after = suffix.find('.').unwrap_or(suffix.len());
    let in_label = LONGEST_LABEL.saturating_sub(before + after);
    in_label.min((LONGEST_NAME - 1).saturating_sub(prefix.len() + suffix.len()))
}

fn check_characters(text: &str, part: std::ops::Range<usize>) -> Result<(), PatternError> {
    let start = part.start;
    let bad = text[part].char_indices().find(|(_, character)| {
        !character.is_ascii_alphanumeric() && !matches!(character, '-' | '_' | '.')
    });
    match bad {
        Some((at, character)) => error(
            column(text, start + at),
            format!(
                "{} cannot stand in a name; use letters, digits, - and _",
                if character == ' ' { "a space".to_owned() } else { format!("{character:?}") }
            ),
        ),
        None => Ok(()),
    }
}

/// Checks a name with its final dot. `context` says which of the names that `text` stands for.
fn check_lengths(text: &str, name: &str, context: &str) -> Result<(), PatternError> {
    if name.len() + 1 > LONGEST_NAME {
        return error(
            column(text, text.len()),
            format!("a name of {} octets{context}, at most 255 fit", name.len() + 1),
        );
    }
    for label in name[..name.len() - 1].split('.') {
        if label.is_empty() {
            return error(
                text.find("..").map_or(1, |at| column(text, at + 1)),
                "an empty label; remove the extra dot",
            );
        }
        if label.len() > LONGEST_LABEL {
            return error(
                label_column(text, name, label),
                format!("a label of {} octets{context}, at most 63 fit", label.len()),
            );
        }
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
    check_lengths(text, &name, "")?;
    if name.find('.') == Some(name.len() - 1) {
        return error(1, "no label follows; add the zone, as in registry.tf.local.");
    }
    Ok(name)
}

/// The column where a label of the rendered name begins in the pattern's text.
fn label_column(text: &str, name: &str, label: &str) -> usize {
    let number = name.split('.').position(|other| std::ptr::eq(other, label)).unwrap_or(0);
    let mut dots = 0;
    let mut in_action = false;
    for (at, character) in text.char_indices() {
        if dots == number {
            return column(text, at);
        }
        match character {
            '{' => in_action = true,
            '}' => in_action = false,
            '.' if !in_action => dots += 1,
            _ => {}
        }
    }
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        match Pattern::parse(text, 10) {
            Ok(pattern) => pattern,
            Err(error) => panic!("{text}: {error}"),
        }
    }

    fn slot(number: u32) -> SlotId {
        SlotId::new(number).expect("not zero")
    }

    #[test]
    fn good_patterns_have_one_canonical_spelling() {
        let table = [
            ("worker{{.ID}}.tf.local.", "worker{{.ID}}.tf.local.", "worker7.tf.local."),
            ("Worker{{ .ID }}.TF.local", "worker{{.ID}}.tf.local.", "worker7.tf.local."),
            ("{{.ID}}.tf.local.", "{{.ID}}.tf.local.", "7.tf.local."),
            ("n{{printf \"%03d\" .ID}}-x.a.", "n{{printf \"%03d\" .ID}}-x.a.", "n007-x.a."),
            ("n{{printf \"%d\" .ID}}.a.", "n{{.ID}}.a.", "n7.a."),
            ("x.w{{.ID}}.a_b.", "x.w{{.ID}}.a_b.", "x.w7.a_b."),
        ];
        for (text, canonical, seventh) in table {
            let pattern = pattern(text);
            assert_eq!(pattern.to_string(), canonical);
            assert_eq!(pattern.name(slot(7)), seventh);
            assert_eq!(pattern.slot_of(seventh.as_bytes()), Some(slot(7)), "{text}");
        }
    }

    #[test]
    fn bad_patterns_are_told_with_their_column() {
        let long = format!("{}{{{{.ID}}}}.tf.local.", "a".repeat(62));
        let longer = format!("a{{{{.ID}}}}.{}", "abcdefg.".repeat(32));
        let table: [(&str, usize, &str); 17] = [
            ("worker.tf.local.", 17, "no {{.ID}}"),
            ("", 1, "no {{.ID}}"),
            ("a{{.ID}}.b{{.ID}}.", 11, "second"),
            ("worker{{.Id}}.tf.local.", 7, "only {{.ID}}"),
            ("worker{{.ID.tf.local.", 7, "without }}"),
            ("w{{if .ID}}x{{end}}.a.", 2, "only {{.ID}}"),
            ("w{{printf \"%3d\" .ID}}.a.", 2, "only {{.ID}}"),
            ("w{{printf \"%099d\" .ID}}.a.", 2, "only {{.ID}}"),
            ("my worker{{.ID}}.tf.local.", 3, "a space"),
            ("worker{{.ID}}.tf .local.", 17, "a space"),
            ("wörker{{.ID}}.tf.local.", 2, "cannot stand"),
            ("worker{{.ID}}", 14, "no label follows"),
            ("worker{{.ID}}.", 14, "no label follows"),
            ("worker{{.ID}}..local.", 15, "empty label"),
            (".worker{{.ID}}.local.", 1, "empty label"),
            (&long, 1, "at most 63"),
            (&longer, 266, "at most 255"),
        ];
        for (text, column, reason) in table {
            match Pattern::parse(text, 10) {
                Ok(pattern) => panic!("{text} was taken for {pattern}"),
                Err(error) => {
                    assert!(error.reason.contains(reason), "{text}: {error}");
                    assert_eq!(error.column, column, "{text}: {error}");
                }
            }
        }
        assert!(Pattern::parse(&long, 9).is_ok(), "63 octets fit");
    }

    #[test]
    fn only_the_canonical_number_is_a_slot() {
        let plain = pattern("worker{{.ID}}.tf.local.");
        let padded = pattern("w{{printf \"%03d\" .ID}}.a.");
        let table: [(&Pattern, &str, Option<u32>); 14] = [
            (&plain, "worker1.tf.local.", Some(1)),
            (&plain, "worker4294967295.tf.local.", Some(u32::MAX)),
            (&plain, "worker4294967296.tf.local.", None),
            (&plain, "worker0.tf.local.", None),
            (&plain, "worker01.tf.local.", None),
            (&plain, "worker.tf.local.", None),
            (&plain, "worker1x.tf.local.", None),
            (&plain, "worker1.tf.local", None),
            (&plain, "xworker1.tf.local.", None),
            (&padded, "w001.a.", Some(1)),
            (&padded, "w1000.a.", Some(1000)),
            (&padded, "w01.a.", None),
            (&padded, "w0001.a.", None),
            (&padded, "w000.a.", None),
        ];
        for (pattern, name, wanted) in table {
            let found = pattern.slot_of(name.as_bytes()).map(SlotId::get);
            assert_eq!(found, wanted, "{name}");
        }
    }

    #[test]
    fn a_number_that_makes_the_name_too_long_is_no_slot() {
        let label = format!("{}{{{{.ID}}}}-x.{}a.", "l".repeat(58), "abcdefg.".repeat(20));
        let name = format!("w{{{{.ID}}}}.{}abcdefgh.", "abcdefg.".repeat(30));
        for pattern in [pattern(&label), pattern(&name)] {
            for (number, fits) in [(1, true), (999, true), (1000, false), (u32::MAX, false)] {
                let name = pattern.name(slot(number));
                let found = pattern.slot_of(name.as_bytes());
                assert_eq!(found, Some(slot(number)).filter(|_| fits), "{name}");
            }
        }
    }

    #[test]
    fn zone_group_and_keys_follow_from_the_pattern() {
        let table = [
            ("worker{{.ID}}.tf.local.", "tf.local.", "worker.tf.local.", "worker1", "worker:"),
            ("{{.ID}}.tf.local.", "tf.local.", "tf.local.", "1", ":"),
            ("a.{{.ID}}.tf.", "tf.", "a.tf.", "a.1", "a.:"),
            ("{{.ID}}-n.tf.", "tf.", "-n.tf.", "1", ":"),
            ("n{{printf \"%02d\" .ID}}.tf.", "tf.", "n.tf.", "n0", "n:"),
        ];
        for (text, zone, group, first, end) in table {
            let pattern = pattern(text);
            assert_eq!(pattern.zone(), zone);
            assert_eq!(pattern.group(), group);
            assert_eq!(pattern.first_name(), first);
            assert_eq!(pattern.end_name(), end);
        }
    }

    #[test]
    fn names_above_a_slot_are_found() {
        let pattern = pattern("a.b.w{{.ID}}.tf.");
        let table =
            [("w3.tf.", Some(3)), ("b.w3.tf.", Some(3)), ("a.b.w3.tf.", None), ("3.tf.", None)];
        for (name, wanted) in table {
            assert_eq!(pattern.slot_below(name.as_bytes()).map(SlotId::get), wanted, "{name}");
        }
    }
}
