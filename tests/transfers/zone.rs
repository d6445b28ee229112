//! The zone as etcd has it, and as `dig` reads it from a node.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use support::{Etcd, Node, command, run};

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

/// The same of one that is not ready.
pub fn unready(number: u32, address: u32) -> (String, String) {
    let (key, value) = record(number, address);
    (key, value.replace('}', r#","ready":false}"#))
}

/// The drain of such a node; both are on no lease.
pub fn drain(number: u32) -> (String, String) {
    (format!("worker:{number}.tf.local."), r#"{"reason":"disk"}"#.to_owned())
}

/// What etcd has, as records, without the zone's SOA and NS. Drains there are for the disk.
pub fn in_etcd(etcd: &Etcd) -> ZoneLines {
    let mut lines = ZoneLines::new();
    let keys = etcd.keys();
    let drained: BTreeSet<String> = keys
        .iter()
        .filter(|(key, _)| key.contains(':'))
        .map(|(key, _)| key.replace(':', ""))
        .collect();
    for (key, value) in keys {
        if !key.starts_with("worker") || key.contains(['#', ':']) {
            continue;
        }
        let value: serde_json::Value = serde_json::from_str(&value).expect("JSON");
        let (is_ready, is_drained) = (value["ready"] != false, drained.contains(&key));
        if !is_ready {
            lines.insert(format!(r#"{key} TXT "ready=false""#));
        }
        if is_drained {
            lines.insert(format!(r#"{key} TXT "drained=disk""#));
        }
        let is_in_group = is_ready && !is_drained;
        for (field, rrtype) in [("ipv4", "A"), ("ipv6", "AAAA")] {
            if let Some(address) = value[field].as_str() {
                lines.insert(format!("{key} {rrtype} {address}"));
                if is_in_group {
                    lines.insert(format!("worker.tf.local. {rrtype} {address}"));
                }
            }
        }
        if let Some(port) = value["port"].as_str() {
            lines.insert(format!("{key} SRV 0 0 {port} {key}"));
            if is_in_group {
                lines.insert(format!("worker.tf.local. SRV 0 0 {port} {key}"));
            }
        }
    }
    lines
}

const AXFR: [&str; 4] = ["+noall", "+answer", "+onesoa", "+tries=1"];

/// A zone by AXFR, without SOA and NS, and the serial.
pub fn transferred(server: SocketAddr, zone: &str) -> (ZoneLines, u32) {
    let (host, port) = (format!("@{}", server.ip()), server.port().to_string());
    without_apex(&run("dig", &[&AXFR[..], &["-p", &port, &host, zone, "AXFR"]].concat()))
}

/// The zone's names from a server that may not have it yet, or may end a transfer as a new version comes.
pub fn try_transferred(server: SocketAddr) -> Option<ZoneLines> {
    let (host, port) = (format!("@{}", server.ip()), server.port().to_string());
    let words = ["-p", &port, &host, "tf.local", "AXFR"];
    let output = command("dig").args(AXFR).args(words).output().expect("dig");
    let text = String::from_utf8_lossy(&output.stdout);
    let is_whole = output.status.success() && !text.is_empty() && !text.contains(";");
    is_whole.then(|| without_apex(&text).0)
}

fn without_apex(output: &str) -> (ZoneLines, u32) {
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
