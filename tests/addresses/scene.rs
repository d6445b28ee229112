//! A host with one card, on which etcd runs as well, and a node there; and what stands in etcd.

use std::time::{Duration, Instant};

use serde_json::Value;
use support::network::ip;
use support::{Etcd, Node, PATTERN, until};

/// What follows the host does so within this time, on a busy machine as well. The goal is 1 s.
pub const SOON: Duration = Duration::from_secs(3);

/// A card with a cable to nobody, and these addresses.
pub fn card(name: &str, addresses: &[&str]) {
    ip(&format!("link add {name} type veth peer name {name}-far"));
    ip(&format!("link set {name}-far up"));
    for address in addresses {
        ip(&format!("addr add {address} dev {name}"));
    }
    ip(&format!("link set {name} up"));
}

/// A node beside its etcd.
pub fn node(etcd: &Etcd, more: &[&str]) -> Node {
    let endpoint = etcd.endpoint();
    let arguments = ["--pattern", PATTERN, "--endpoints", &endpoint, "--listen", "127.0.0.1:5300"];
    Node::start(&[&arguments[..], more].concat())
}

/// The addresses in a slot: IPv4, then IPv6, with a blank between them.
pub fn published(etcd: &Etcd, slot: u32) -> Option<String> {
    let key = format!("worker{slot}.tf.local.");
    let value = etcd.keys().into_iter().find(|(name, _)| *name == key)?.1;
    let value: Value = serde_json::from_str(&value).expect("a record");
    let fields = ["ipv4", "ipv6"].map(|name| value[name].as_str().unwrap_or("-").to_owned());
    Some(fields.join(" "))
}

/// Waits until the first slot has these addresses, and tells how long that took.
pub fn becomes(etcd: &Etcd, addresses: &str) -> Duration {
    let began = Instant::now();
    until(SOON, &format!("{addresses}, not {:?}", published(etcd, 1)), || {
        (published(etcd, 1).as_deref() == Some(addresses)).then_some(())
    });
    began.elapsed()
}
