//! The names that are followed in etcd: all slots of a pattern, or one name without a number.

use std::fmt;

use super::pattern::{Pattern, PatternError, SlotId, check_plain_name};

/// Names that are answered for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Names {
    /// The slots of a pattern.
    Numbered(Pattern),
    /// One name, in lower case with the final dot.
    Single(String),
}

impl Names {
    /// Reads a pattern, or a plain name where there is no `{{`. A missing final dot is added.
    ///
    /// # Errors
    /// See [`Pattern::parse`]; `limit` is the number of the longest name that must fit.
    pub fn parse(text: &str, limit: u32) -> Result<Names, PatternError> {
        if text.contains("{{") {
            return Pattern::parse(text, limit).map(Names::Numbered);
        }
        check_plain_name(text).map(Names::Single)
    }

    /// The zone in which these names are answered with authority: what follows the label with the
    /// number, and of a single name just that name, so that its neighbours stay somebody else's.
    pub fn zone(&self) -> &str {
        match self {
            Names::Numbered(pattern) => pattern.zone(),
            Names::Single(name) => name,
        }
    }

    /// The name that stands for all of them.
    pub fn group(&self) -> String {
        match self {
            Names::Numbered(pattern) => pattern.group(),
            Names::Single(name) => name.clone(),
        }
    }

    /// Whether this is one of the names; it must be in lower case with the final dot.
    pub fn has(&self, name: &[u8]) -> bool {
        match self {
            Names::Numbered(pattern) => pattern.slot_of(name).is_some(),
            Names::Single(single) => single.as_bytes() == name,
        }
    }

    /// The slot of a name; `None`: it has none.
    pub fn slot_of(&self, name: &[u8]) -> Option<SlotId> {
        match self {
            Names::Numbered(pattern) => pattern.slot_of(name),
            Names::Single(_) => None,
        }
    }

    /// The first of the names in the order of octets, and the first that is past all of them.
    pub fn range(&self) -> (String, String) {
        match self {
            Names::Numbered(pattern) => (pattern.first_name(), pattern.end_name()),
            Names::Single(name) => (name.clone(), format!("{name}\0")),
        }
    }
}

/// The canonical spelling.
impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Names::Numbered(pattern) => pattern.fmt(f),
            Names::Single(name) => f.write_str(name),
        }
    }
}

/// One name that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnownName<'a> {
    /// That of a slot.
    Slot(&'a Pattern, SlotId),
    /// A plain one.
    Single(&'a str),
}

impl KnownName<'_> {
    /// Appends the name, in lower case with the final dot.
    pub fn push_to(&self, text: &mut Vec<u8>) {
        match self {
            KnownName::Slot(pattern, id) => pattern.push_name(*id, text),
            KnownName::Single(name) => text.extend_from_slice(name.as_bytes()),
        }
    }
}

impl fmt::Display for KnownName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KnownName::Slot(pattern, id) => f.write_str(&pattern.name(*id)),
            KnownName::Single(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_and_plain_names_are_told_apart() {
        let table = [
            ("PS{{.ID}}.tf.local", "ps{{.ID}}.tf.local.", "tf.local.", "ps1", "ps:"),
            ("Registry.tf.local", "registry.tf.local.", "registry.tf.local.", "", ""),
        ];
        for (text, canonical, zone, first, end) in table {
            let names = Names::parse(text, 10).expect(text);
            assert_eq!((names.to_string().as_str(), names.zone()), (canonical, zone));
            let range = names.range();
            let one = canonical.replace("{{.ID}}", "1");
            assert!(names.has(one.as_bytes()) && !names.has(b"other.tf.local."));
            let is_numbered = matches!(names, Names::Numbered(_));
            assert_eq!(names.slot_of(one.as_bytes()), is_numbered.then_some(SlotId::FIRST));
            match names {
                Names::Numbered(_) => assert_eq!(range, (first.to_owned(), end.to_owned())),
                Names::Single(_) => assert!(range.0 == canonical && range.1 > range.0),
            }
        }
    }

    #[test]
    fn bad_plain_names_are_told_with_their_column() {
        let long = format!("a.{}.b.", "x".repeat(64));
        let longer = "abcdefg.".repeat(32);
        let table = [
            ("", 1, "empty"),
            (".", 1, "empty label"),
            ("a..b", 3, "empty label"),
            ("a b.c", 2, "a space"),
            ("räv.se", 2, "cannot stand"),
            ("local", 1, "no label follows"),
            (&long, 3, "at most 63"),
            (&longer, 257, "at most 255"),
        ];
        for (text, column, reason) in table {
            let error = Names::parse(text, 10).expect_err(text);
            assert!(error.reason.contains(reason), "{text}: {error}");
            assert_eq!(error.column, column, "{text}: {error}");
        }
    }
}
