//! The kinds of queries that are measured, and the directory that they are answered from.

use std::sync::Arc;

use idetcd::cluster::{Directory, Entry, Keyspace, Names, Pattern};

/// What [`query`] knows.
pub const NAMES: [&str; 9] =
    ["found", "found-edns", "aaaa", "missing", "nodata", "srv", "group", "ptr", "elsewhere"];

/// So many nodes `worker1.tf.local.` and on, and a group of 50 beside them, `ps.tf.local.`
pub fn directory(nodes: u32) -> Directory {
    let pattern = Pattern::parse("worker{{.ID}}.tf.local.", nodes).expect("a good pattern");
    let resolve = vec![Names::parse("ps{{.ID}}.tf.local.", nodes).expect("a good pattern")];
    let keyspace = Keyspace { resolve, ..Keyspace::new(pattern, nodes) };
    let mut directory = Directory::new(Arc::new(keyspace));
    let mut snapshot = directory.emptied();
    let mut put = |range: usize, name: String, number: u32| {
        let (high, low) = (number / 250, number % 250);
        let address = format!("10.{}.{}.{}", range, high % 250, low);
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
    let (name, qtype, edns) = match kind {
        "found" => ("worker500.tf.local", 1, false),
        "found-edns" => ("worker500.tf.local", 1, true),
        "aaaa" => ("worker500.tf.local", 28, false),
        "missing" => ("worker5000.tf.local", 1, false),
        "nodata" => ("worker500.tf.local", 16, false),
        "srv" => ("worker500.tf.local", 33, false),
        "group" => ("ps.tf.local", 1, true),
        "ptr" => ("0.2.0.10.in-addr.arpa", 12, false),
        "elsewhere" => ("www.example.com", 1, false),
        other => panic!("{other:?} is none of {NAMES:?}"),
    };
    let mut query = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, u8::from(edns)];
    for label in name.split('.') {
        query.push(u8::try_from(label.len()).expect("short"));
        query.extend(label.bytes());
    }
    query.extend([0, 0, qtype, 0, 1]);
    if edns {
        query.extend([0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0]);
    }
    query
}
