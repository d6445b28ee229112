//! The kinds of queries that are measured, and the directory that they are answered from.

use std::net::Ipv4Addr;
use std::sync::Arc;

use idetcd::cluster::{Directory, Entry, Keyspace, Names, Pattern};

/// What [`query`] knows.
pub const NAMES: [&str; 11] = [
    "found",
    "found-edns",
    "found-cookie",
    "aaaa",
    "aaaa-edns",
    "missing",
    "nodata",
    "srv",
    "group",
    "ptr",
    "out_of_zone",
];

/// A COOKIE option with the client's part (RFC 7873), as dig sends it.
const COOKIE: [u8; 12] = [0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8];

/// So many nodes `worker1.tf.local.` and on, and a group of 50 beside them, `ps.tf.local.` All
/// kinds of queries ask for the same of them, however many there are, from 500.
pub fn directory(nodes: u32) -> Directory {
    let pattern = Pattern::parse("worker{{.ID}}.tf.local.", nodes).expect("a good pattern");
    let resolve = vec![Names::parse("ps{{.ID}}.tf.local.", nodes).expect("a good pattern")];
    let keyspace = Keyspace { resolve, ..Keyspace::new(pattern, nodes) };
    let mut directory = Directory::new(Arc::new(keyspace));
    let mut snapshot = directory.emptied();
    let mut put = |range: usize, name: String, number: u32| {
        let network = [Ipv4Addr::new(10, 0, 0, 0), Ipv4Addr::new(172, 16, 0, 0)][range];
        let address = Ipv4Addr::from_bits(network.to_bits() + number);
        let value = format!(r#"{{"ipv4":"{address}","ipv6":"fd00::{number:x}","port":"53"}}"#);
        let value = Some(value.as_bytes());
        snapshot.apply(range, Entry { key: name.as_bytes(), value, mod_revision: 7 });
    };
    (1..=nodes).for_each(|number| put(0, format!("worker{number}.tf.local."), number));
    (1..=50).for_each(|number| put(1, format!("ps{number}.tf.local."), number));
    directory.replace(snapshot, 42);
    directory
}

/// A query of a kind, as octets.
pub fn query(kind: &str) -> Vec<u8> {
    let (node, group) = ("worker500.tf.local", "ps.tf.local");
    let opt: Option<&[u8]> = Some(&[]);
    let (name, qtype, options) = match kind {
        "found" => (node, 1, None),
        "found-edns" => (node, 1, opt),
        "found-cookie" => (node, 1, Some(&COOKIE[..])),
        "aaaa" => (node, 28, None),
        "aaaa-edns" => (node, 28, opt),
        "missing" => ("worker5000000.tf.local", 1, None),
        "nodata" => (node, 16, None),
        "srv" => (node, 33, None),
        "group" => (group, 1, opt),
        "ptr" => ("244.1.0.10.in-addr.arpa", 12, None),
        "out_of_zone" => ("www.example.com", 1, None),
        other => panic!("{other:?} is none of {NAMES:?}"),
    };
    let mut query = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, u8::from(options.is_some())];
    for label in name.split('.') {
        query.push(u8::try_from(label.len()).expect("short"));
        query.extend(label.bytes());
    }
    query.extend([0, 0, qtype, 0, 1]);
    if let Some(options) = options {
        query.extend([0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0]);
        query.push(u8::try_from(options.len()).expect("short"));
        query.extend(options);
    }
    query
}
