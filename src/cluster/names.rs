//! The names that are followed in etcd: all slots of a pattern, or one name without a number.

use std::fmt;

use super::pattern::{Pattern, SlotId};
use super::spelling::{PatternError, check_plain_name};

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

    /// The pattern of numbered names.
    pub fn pattern(&self) -> Option<&Pattern> {
        match self {
            Names::Numbered(pattern) => Some(pattern),
            Names::Single(_) => None,
        }
    }

    /// A name that would be the group of one of two patterns, and a node, or the group, of the other one: whose addresses
    /// it has, nobody could tell.
    pub fn clash(&self, other: &Names) -> Option<String> {
        let (one, other) = (self.pattern()?, other.pattern()?);
        let (group, others) = (one.group(), other.group());
        if group == others || other.slot_of(group.as_bytes()).is_some() {
            return Some(group);
        }
        one.slot_of(others.as_bytes()).is_some().then_some(others)
    }

    /// The slot of a name in lower case with the final dot, if it is one of these; that of a single
    /// name is the first.
    pub fn slot_of(&self, name: &[u8]) -> Option<SlotId> {
        match self {
            Names::Numbered(pattern) => pattern.slot_of(name),
            Names::Single(single) => (single.as_bytes() == name).then_some(SlotId::FIRST),
        }
    }

    /// The slot whose drain lies under this; a single name has none, for it is in no group.
    pub fn drained_slot_of(&self, name: &[u8]) -> Option<SlotId> {
        self.pattern()?.drained_slot_of(name)
    }

    /// The slot whose name lies below this one, if there is such a slot.
    pub(super) fn slot_below(&self, name: &[u8]) -> Option<SlotId> {
        match self {
            Names::Numbered(pattern) => pattern.slot_below(name),
            Names::Single(single) => is_below(single, name).then_some(SlotId::FIRST),
        }
    }

    /// Appends the name of a slot, without asking for memory.
    pub fn push_name(&self, slot: SlotId, text: &mut Vec<u8>) {
        match self {
            Names::Numbered(pattern) => pattern.push_name(slot, text),
            Names::Single(name) => text.extend_from_slice(name.as_bytes()),
        }
    }

    /// The name of a slot.
    pub fn name(&self, slot: SlotId) -> String {
        match self {
            Names::Numbered(pattern) => pattern.name(slot),
            Names::Single(name) => name.clone(),
        }
    }

    /// The first of the names in the order of octets, and the first that is past all of them and of their
    /// drains.
    pub fn range(&self) -> (String, String) {
        match self {
            Names::Numbered(pattern) => pattern.range(),
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

/// Whether a name lies below another one, `a.b.` below `b.`
pub(super) fn is_below(name: &str, other: &[u8]) -> bool {
    name.as_bytes().strip_suffix(other).is_some_and(|before| before.ends_with(b"."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_and_plain_names_are_told_apart() {
        let table = [
            ("PS{{.ID}}.tf.local", "ps{{.ID}}.tf.local.", "tf.local.", "ps1", "ps;"),
            ("Registry.tf.local", "registry.tf.local.", "registry.tf.local.", "", ""),
        ];
        for (text, canonical, zone, first, end) in table {
            let names = Names::parse(text, 10).expect(text);
            assert_eq!((names.to_string().as_str(), names.zone()), (canonical, zone));
            let range = names.range();
            let one = canonical.replace("{{.ID}}", "1");
            assert_eq!(names.slot_of(one.as_bytes()), Some(SlotId::FIRST));
            assert_eq!(names.slot_of(b"other.tf.local."), None);
            match names {
                Names::Numbered(_) => assert_eq!(range, (first.to_owned(), end.to_owned())),
                Names::Single(_) => assert!(range.0 == canonical && range.1 > range.0),
            }
        }
    }

    #[test]
    fn a_group_that_is_a_node_of_another_pattern_or_its_group_is_found() {
        let table = [
            ("worker{{.ID}}.tf.local", "worker1{{.ID}}.tf.local", Some("worker1.tf.local.")),
            ("worker{{.ID}}.tf.local", "worker12{{.ID}}.tf.local", Some("worker12.tf.local.")),
            ("worker{{.ID}}.tf.local", "worker{{.ID}}7.tf.local", Some("worker7.tf.local.")),
            ("work{{.ID}}er.tf.local", "worker{{.ID}}.tf.local", Some("worker.tf.local.")),
            ("worker{{.ID}}.tf.local", "worker0{{.ID}}.tf.local", None),
            ("worker{{.ID}}.tf.local", "worker1{{.ID}}.a.tf.local", None),
            ("worker{{.ID}}.tf.local", "worker1a{{.ID}}.tf.local", None),
            ("worker{{.ID}}.tf.local", "db{{.ID}}.tf.local", None),
            // One of them alone may be answered for as well: it is the same node.
            ("worker{{.ID}}.tf.local", "worker1.tf.local", None),
        ];
        for (one, other, wanted) in table {
            let [one, other] = [one, other].map(|text| Names::parse(text, 10).expect(text));
            assert_eq!(one.clash(&other).as_deref(), wanted, "{one} {other}");
            assert_eq!(other.clash(&one).as_deref(), wanted, "{other} {one}");
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
