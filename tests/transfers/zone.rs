//! The zone as etcd has it, and as `dig` reads it from a node.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use support::{Etcd, Node, run};

/// Lets everybody here have whole zones.
pub const ALLOW: [&str; 2] = ["--allow-transfer", "127.0.0.0/8,::1"];

/// The name and the record of a node that is none.
pub fn record(number: u32, address: u32) -> (String, String) {
    let [_, high, middle, low] = address.to_be_bytes();
    let value = format!(r#"{{"ipv4":"10.{high}.{middle}.{low}","port":"53"}}"#);
    (format!("worker{number}.tf.local."), value)
}

/// A node beside so many others, whose numbers begin at 2.
pub fn node_beside(etcd: &Etcd, others: u32, more: &[&str]) -> Node {
    etcd.put_all((2..others + 2).map(|number| record(number, number)));
    let node = Node::in_cluster(etcd, 1, others + 1, &[&ALLOW[..], more].concat());
    assert_eq!(node.slot(), 1);
    node
}

/// The records of the zone, in the words of `dig`: owner, type and data.
pub type ZoneLines = BTreeSet<String>;

/// What etcd has, as records, without the zone's SOA and NS.
pub fn in_etcd(etcd: &Etcd) -> ZoneLines {
    let mut lines = ZoneLines::new();
    for (key, value) in etcd.keys() {
        if !key.starts_with("worker") || key.contains(['#', ':']) {
            continue;
        }
        let value: serde_json::Value = serde_json::from_str(&value).expect("JSON");
        for (field, rrtype) in [("ipv4", "A"), ("ipv6", "AAAA")] {
            if let Some(address) = value[field].as_str() {
                lines.insert(format!("{key} {rrtype} {address}"));
                lines.insert(format!("worker.tf.local. {rrtype} {address}"));
            }
        }
        if let Some(port) = value["port"].as_str() {
            lines.insert(format!("{key} SRV 0 0 {port} {key}"));
            lines.insert(format!("worker.tf.local. SRV 0 0 {port} {key}"));
        }
    }
    lines
}

/// A zone by AXFR, without SOA and NS, and the serial.
pub fn transferred(server: SocketAddr, zone: &str) -> (ZoneLines, u32) {
    let (host, port) = (format!("@{}", server.ip()), server.port().to_string());
    let output = run("dig", &["+noall", "+answer", "+onesoa", "-p", &port, &host, zone, "AXFR"]);
    let (mut lines, mut serial, mut servers) = (ZoneLines::new(), None, 0);
    for line in output.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            [_, _, "IN", "SOA", _, _, number, ..] => serial = number.parse().ok(),
            [_, _, "IN", "NS", _] => servers += 1,
            [owner, "5", "IN", rrtype, ref data @ ..] => {
                let line = format!("{owner} {rrtype} {}", data.join(" "));
                assert!(lines.insert(line), "twice: {words:?}");
            }
            _ => panic!("{line}"),
        }
    }
    assert_eq!(servers, 1, "{output}");
    (lines, serial.expect("a serial"))
}
