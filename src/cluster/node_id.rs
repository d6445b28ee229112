//! Which node published a record:
//! `{"host":"db7","ipv4":"10.0.0.5","node_id":"4fca20c1f3e08b97","port":"53"}`.
//!
//! Addresses do not tell: they move from host to host, and two hosts may have the same by mistake. The
//! ID and the host are further fields of the value in etcd, which the CoreDNS plugin ignores, as does
//! whoever answers DNS from the record; a record of the plugin, or one put by hand, has none. Only a node
//! that finds its own addresses at a name looks at them.

use std::fmt;
use std::str::FromStr;

use serde_json::Value;

/// The fields of the value.
const FIELD: &str = "node_id";
const HOST_FIELD: &str = "host";

/// The longest one, in characters: it stands in every record, which every node reads.
const LONGEST_ID: usize = 64;

/// The ID of a node, which outlasts its process: 1 to 64 ASCII letters, digits and `-`, `_`, `.`, `:`.
/// The host that it runs on may go with it, to be told to people: it makes no other ID.
#[derive(Clone, Debug)]
pub struct NodeId {
    id: String,
    host: Option<String>,
}

impl PartialEq for NodeId {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for NodeId {}

impl NodeId {
    /// The ID in a value of etcd that is a record; `None`: whoever put it gave none, or something that
    /// is none.
    pub fn of(value: &[u8]) -> Option<NodeId> {
        let value: Value = serde_json::from_slice(value).ok()?;
        let text = |field| value.as_object()?.get(field)?.as_str();
        let id: NodeId = text(FIELD)?.parse().ok()?;
        Some(id.on_host(text(HOST_FIELD)))
    }

    /// The same ID, of a node on the host of this name; a name that could not be an ID is left out.
    #[must_use]
    pub fn on_host(self, name: Option<&str>) -> NodeId {
        let host = name.and_then(|name| name.parse().ok()).map(|NodeId { id, .. }| id);
        NodeId { host, ..self }
    }

    /// The name of the host that the node was on, where that is known.
    pub fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// The fields of the value, with what is in them.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&'static str, String)> {
        let host = self.host.clone().map(|host| (HOST_FIELD, host));
        host.into_iter().chain([(FIELD, self.id.clone())])
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)
    }
}

impl FromStr for NodeId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
        if text.is_empty() {
            return Err("an ID has one character at least".to_owned());
        }
        if let Some(bad) = text.chars().find(|character| !is_allowed(*character)) {
            return Err(format!("{bad:?} cannot stand in it; write letters, digits, - _ . and :"));
        }
        if text.len() > LONGEST_ID {
            return Err(format!("{} characters, at most {LONGEST_ID} fit", text.len()));
        }
        Ok(NodeId { id: text.to_owned(), host: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Record;

    fn id(text: &str) -> NodeId {
        text.parse().expect(text)
    }

    #[test]
    fn letters_digits_and_four_signs_make_an_id() {
        for text in ["7", "rack-3_node.12:a", &"x".repeat(64)] {
            assert_eq!(id(text).to_string(), text);
        }
        for text in ["", " ", "a b", "ä", "a\"b", "a\n", &"x".repeat(65)] {
            assert!(text.parse::<NodeId>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn it_is_one_more_field_of_a_record_that_does_not_change_what_is_published() {
        for (record, with_id) in [
            (
                r#"{"ipv4":"10.0.0.5","ipv6":"fd00::5","port":"53"}"#,
                r#"{"ipv4":"10.0.0.5","ipv6":"fd00::5","node_id":"n:7","port":"53"}"#,
            ),
            (r#"{"ipv6":"fd00::5"}"#, r#"{"ipv6":"fd00::5","node_id":"n:7"}"#),
        ] {
            let published = Record::parse(record.as_bytes()).expect(record);
            assert_eq!(published.value(None, true), record);
            assert_eq!(published.value(Some(&id("n:7")), true), with_id);
            assert_eq!(Record::parse(with_id.as_bytes()), Ok(published), "{with_id}");
            assert_eq!(NodeId::of(with_id.as_bytes()), Some(id("n:7")));
            assert_eq!(NodeId::of(record.as_bytes()), None);
        }
    }

    #[test]
    fn the_host_goes_with_it_and_makes_no_other_id() {
        let record = Record::parse(br#"{"ipv4":"10.0.0.5"}"#).expect("a record");
        for (name, host) in
            [("db-7.lan", Some("db-7.lan")), ("", None), ("a b", None), ("\"", None)]
        {
            let node = id("n:7").on_host(Some(name));
            assert_eq!(node.host(), host, "{name}");
            assert_eq!(node, id("n:7"), "{name}");
            let known = NodeId::of(record.value(Some(&node), true).as_bytes()).expect("an ID");
            assert_eq!((known.host(), &known), (host, &node));
            assert_eq!(Record::parse(record.value(Some(&node), true).as_bytes()), Ok(record));
        }
        let value = r#"{"host":"db7","ipv4":"10.0.0.5","node_id":"n:7"}"#;
        assert_eq!(record.value(Some(&id("n:7").on_host(Some("db7"))), true), value);
        for other in [r#"{"host":"db7"}"#, r#"{"host":7,"node_id":"n:7"}"#] {
            assert_eq!(NodeId::of(other.as_bytes()).and_then(|id| id.host), None, "{other}");
        }
    }

    #[test]
    fn what_is_no_id_counts_as_none_and_leaves_the_record_as_it_is() {
        for bad in [r#""""#, "null", "7", "true", "[]", "{}", r#""a b""#, r#""\u0000""#] {
            let value = format!(r#"{{"ipv4":"10.0.0.5","node_id":{bad}}}"#);
            assert_eq!(NodeId::of(value.as_bytes()), None, "{value}");
            let record = Record::parse(value.as_bytes()).expect(&value);
            assert_eq!(record.to_json(), r#"{"ipv4":"10.0.0.5"}"#);
        }
        for garbage in ["", "x", "7", "[]", &"[".repeat(100_000)] {
            assert_eq!(NodeId::of(garbage.as_bytes()), None);
        }
    }
}
