//! The value of a slot in etcd: `{"ipv4":"10.0.0.5","ipv6":"fd00::5","port":"53"}`.
//!
//! The format is that of the CoreDNS plugin, so that both kinds of node can share a cluster. Fields
//! that are absent or empty are none, unknown fields are ignored, the port is a string.
//!
//! A node that is not ready says so by a field that the plugin ignores, `"ready":false`. It is no part of
//! the record: a node that becomes ready is the same one, with the same addresses.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::details::Details;
use super::node_id::NodeId;

/// The longest value that is read, in octets. A record has some hundred; reading one as large as etcd
/// takes would hold up queries.
pub const LONGEST_RECORD: usize = 64 * 1024;

/// The field of a node that is not ready.
const READY_FIELD: &str = "ready";

/// The addresses and the port of a node; it has one address at least.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Record {
    /// Its IPv4 address.
    pub ipv4: Option<Ipv4Addr>,
    /// Its IPv6 address.
    pub ipv6: Option<Ipv6Addr>,
    /// The port of its DNS server.
    pub port: Option<u16>,
}

/// The choice of what is published of one address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressChoice<A> {
    /// The address that is found on this host.
    Discover,
    /// This address, given by hand.
    Fixed(A),
    /// No address of this family.
    Omit,
}

/// The reason why a value is not a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordError {
    /// It is longer than any record.
    TooLong,
    /// It is not JSON.
    NotJson,
    /// It is JSON, but not an object.
    NotAnObject,
    /// This field is not a string.
    NotAString(&'static str),
    /// This field does not hold what its name says.
    Unreadable(&'static str),
    /// It has neither an IPv4 nor an IPv6 address.
    NoAddress,
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecordError::TooLong => {
                write!(f, "the value is longer than any record: over {LONGEST_RECORD} octets")
            }
            RecordError::NotJson => f.write_str("the value is not JSON"),
            RecordError::NotAnObject => f.write_str("the value is not a JSON object"),
            RecordError::NotAString(field) => write!(f, "{field} is not a string"),
            RecordError::Unreadable("port") => f.write_str("port is not a number below 65536"),
            RecordError::Unreadable(field) => write!(f, "{field} is not such an address"),
            RecordError::NoAddress => f.write_str("the value has neither ipv4 nor ipv6"),
        }
    }
}

impl std::error::Error for RecordError {}

impl Record {
    /// Reads a value of etcd.
    ///
    /// # Errors
    /// See [`RecordError`].
    pub fn parse(value: &[u8]) -> Result<Record, RecordError> {
        Record::parse_all(value, 0).map(|(record, ..)| record)
    }

    /// The same, whether its node is ready, and what it tells besides. Who does not say that it is not
    /// ready, as a node of the plugin, is. It was put by this revision of etcd.
    pub(super) fn parse_all(
        value: &[u8],
        mod_revision: i64,
    ) -> Result<(Record, bool, Option<Arc<Details>>), RecordError> {
        if value.len() > LONGEST_RECORD {
            return Err(RecordError::TooLong);
        }
        let value = serde_json::from_slice(value).map_err(|_| RecordError::NotJson)?;
        let record = Record::of_json(&value)?;
        let is_ready = value.get(READY_FIELD) != Some(&Value::Bool(false));
        Ok((record, is_ready, Details::of_json(&value, mod_revision)))
    }

    /// The same of a value that was read as JSON.
    pub(super) fn of_json(value: &Value) -> Result<Record, RecordError> {
        let object = value.as_object().ok_or(RecordError::NotAnObject)?;
        let record = Record {
            ipv4: field(object, "ipv4")?,
            ipv6: field(object, "ipv6")?,
            port: field(object, "port")?,
        };
        if record.ipv4.is_none() && record.ipv6.is_none() {
            return Err(RecordError::NoAddress);
        }
        Ok(record)
    }

    /// The value for etcd, and which node puts it, where that is known, and whether that is ready.
    pub fn value(&self, node_id: Option<&NodeId>, is_ready: bool) -> String {
        self.value_with(node_id, is_ready, Details::NONE, None)
    }

    /// The same with what that node tells besides; `owned_by`: the revision by which it owns its name, where it puts
    /// its record again.
    pub fn value_with(
        &self,
        node_id: Option<&NodeId>,
        is_ready: bool,
        details: &Details,
        owned_by: Option<i64>,
    ) -> String {
        let fields = self.fields().chain(node_id.into_iter().flat_map(NodeId::fields));
        let fields = fields.map(|(name, text)| (name.to_owned(), Value::String(text)));
        let unready = (!is_ready).then(|| (READY_FIELD.to_owned(), Value::Bool(false)));
        let mut object = fields.chain(unready).collect();
        details.add_to(&mut object, owned_by);
        Value::Object(object).to_string()
    }

    /// The value for etcd of a record alone, of a node that is ready.
    pub fn to_json(&self) -> String {
        self.value(None, true)
    }

    /// Whether this is one of the node's addresses.
    pub fn has_address(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(ip) => self.ipv4 == Some(ip),
            IpAddr::V6(ip) => self.ipv6 == Some(ip),
        }
    }

    /// Returns what tells this node from others: addresses and port, `10.0.0.5,fd00::5,53`.
    pub fn identity(&self) -> String {
        self.fields().map(|(_, text)| text).collect::<Vec<_>>().join(",")
    }

    /// What there is, with its name in JSON.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&'static str, String)> {
        let fields = [
            ("ipv4", self.ipv4.map(|address| address.to_string())),
            ("ipv6", self.ipv6.map(|address| address.to_string())),
            ("port", self.port.map(|port| port.to_string())),
        ];
        fields.into_iter().filter_map(|(name, text)| Some((name, text?)))
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = self.fields().map(|(name, text)| match name {
            "port" => format!("port {text}"),
            _ => text,
        });
        f.write_str(&words.collect::<Vec<_>>().join(" "))
    }
}

fn field<T: std::str::FromStr>(
    object: &Map<String, Value>,
    name: &'static str,
) -> Result<Option<T>, RecordError> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::String(text)) => {
            text.parse().map(Some).map_err(|_| RecordError::Unreadable(name))
        }
        Some(_) => Err(RecordError::NotAString(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_and_written_as_the_plugin_does() {
        let table = [
            (r#"{"ipv4":"10.0.0.5","ipv6":"fd00::5","port":"53"}"#, "10.0.0.5,fd00::5,53"),
            (r#"{"ipv4":"10.0.0.5"}"#, "10.0.0.5"),
            (r#"{"ipv6":"fd00::5"}"#, "fd00::5"),
        ];
        for (json, identity) in table {
            let record = Record::parse(json.as_bytes()).expect(json);
            assert_eq!(record.identity(), identity);
            assert_eq!(record.to_json(), json);
        }
        let lenient = r#" {"ipv4":"10.0.0.5","ipv6":"","port":null,"weight":3} "#;
        assert_eq!(Record::parse(lenient.as_bytes()).expect(lenient).identity(), "10.0.0.5");
    }

    #[test]
    fn only_who_says_so_is_not_ready_and_that_makes_no_other_record() {
        let record = Record { ipv4: Some([10, 0, 0, 5].into()), port: Some(53), ipv6: None };
        let unready = r#"{"ipv4":"10.0.0.5","port":"53","ready":false}"#;
        assert_eq!(record.value(None, false), unready);
        assert_eq!(record.value(None, true), r#"{"ipv4":"10.0.0.5","port":"53"}"#);
        for (field, wanted) in [
            ("", true),
            (r#","ready":false"#, false),
            (r#","ready":true"#, true),
            (r#","ready":null"#, true),
            (r#","ready":"false""#, true),
            (r#","ready":0"#, true),
        ] {
            let value = format!(r#"{{"ipv4":"10.0.0.5","port":"53"{field}}}"#);
            let read = Record::parse_all(value.as_bytes(), 0);
            assert_eq!(read, Ok((record, wanted, None)), "{field}");
            assert_eq!(Record::parse(value.as_bytes()), Ok(record));
        }
    }

    #[test]
    fn other_values_are_not_records() {
        let garbage = "x".repeat(LONGEST_RECORD);
        let deep = "[".repeat(LONGEST_RECORD);
        let long = format!(r#"{{"ipv4":"10.0.0.1","x":"{garbage}"}}"#);
        let table: [(&str, RecordError); 13] = [
            ("", RecordError::NotJson),
            ("x", RecordError::NotJson),
            (&garbage, RecordError::NotJson),
            (&deep, RecordError::NotJson),
            (&long, RecordError::TooLong),
            ("[]", RecordError::NotAnObject),
            ("{}", RecordError::NoAddress),
            (r#"{"port":"53"}"#, RecordError::NoAddress),
            (r#"{"ipv4":5}"#, RecordError::NotAString("ipv4")),
            (r#"{"ipv4":"10.0.0.1","port":53}"#, RecordError::NotAString("port")),
            (r#"{"ipv4":"10.0.0"}"#, RecordError::Unreadable("ipv4")),
            (r#"{"ipv4":"fd00::1"}"#, RecordError::Unreadable("ipv4")),
            (r#"{"ipv4":"10.0.0.1","port":"65536"}"#, RecordError::Unreadable("port")),
        ];
        for (value, wanted) in table {
            let shown = &value[..value.len().min(40)];
            assert_eq!(Record::parse(value.as_bytes()), Err(wanted), "{shown}");
        }
    }
}
