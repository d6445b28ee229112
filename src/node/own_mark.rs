//! What all records of a node have in common, whatever its addresses: its ID, its host's name and its port.
//!
//! That is no proof. Machines that were cloned with their `machine-id`, and containers, may have it in
//! common with others that live.

use crate::cluster::{LONGEST_RECORD, NodeId, Record};

/// What all records of a node have in common.
#[derive(Clone, Debug)]
pub(super) struct OwnMark {
    node_id: NodeId,
    /// The ID as it stands in a value.
    text: String,
    port: Option<u16>,
}

impl OwnMark {
    /// That of a node with this ID, which tells its host as well, and this port.
    pub(super) fn new(node_id: NodeId, port: Option<u16>) -> OwnMark {
        OwnMark { text: node_id.to_string(), node_id, port }
    }

    /// Returns whether it is on a record.
    pub(super) fn is_on(&self, value: &[u8]) -> bool {
        // Nearly all are others': they are not parsed for it.
        value.len() <= LONGEST_RECORD
            && std::str::from_utf8(value).is_ok_and(|value| value.contains(&self.text))
            && self.is_of(NodeId::of(value).as_ref())
            && Record::parse(value).is_ok_and(|record| record.port == self.port)
    }

    fn is_of(&self, node_id: Option<&NodeId>) -> bool {
        node_id.is_some_and(|it| *it == self.node_id && it.host() == self.node_id.host())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_id_the_host_and_the_port_and_no_address() {
        let id: NodeId = "n:7".parse().expect("an ID");
        let mark = OwnMark::new(id.clone().on_host(Some("db7")), Some(53));
        for (value, wanted) in [
            (r#"{"host":"db7","ipv4":"10.0.0.5","node_id":"n:7","port":"53"}"#, true),
            (r#"{"host":"db7","ipv6":"fd00::9","node_id":"n:7","port":"53","x":1}"#, true),
            (r#"{"host":"db8","ipv4":"10.0.0.5","node_id":"n:7","port":"53"}"#, false),
            (r#"{"ipv4":"10.0.0.5","node_id":"n:7","port":"53"}"#, false),
            (r#"{"host":"db7","ipv4":"10.0.0.5","node_id":"n:77","port":"53"}"#, false),
            (r#"{"host":"db7","ipv4":"10.0.0.5","node_id":"n:7","port":"54"}"#, false),
            (r#"{"host":"db7","ipv4":"10.0.0.5","node_id":"n:7"}"#, false),
            (r#"{"host":"db7","node_id":"n:7","port":"53"}"#, false),
            (r#"{"host":"n:7","ipv4":"10.0.0.5","port":"53"}"#, false),
            ("n:7", false),
            ("", false),
        ] {
            assert_eq!(mark.is_on(value.as_bytes()), wanted, "{value}");
        }
        let long = format!(
            r#"{{"host":"db7","ipv4":"10.0.0.5","node_id":"n:7","port":"53","x":"{}"}}"#,
            "x".repeat(LONGEST_RECORD)
        );
        assert!(!mark.is_on(long.as_bytes()));
        let unnamed = r#"{"ipv4":"10.0.0.5","node_id":"n:7","port":"53"}"#;
        assert!(OwnMark::new(id, Some(53)).is_on(unnamed.as_bytes()), "hosts without names");
    }
}
