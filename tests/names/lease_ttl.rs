//! Leases that are the longer the more names there are.

use std::time::Duration;

use serde_json::json;
use support::etcd::encode;
use support::{Etcd, Node, PATIENCE, Signal, until};

/// Nodes leave their leases over a minute, and one that is to be renewed soon is renewed first.
const LEAVING: Duration = Duration::from_secs(75);

fn names(etcd: &Etcd, slots: std::ops::RangeInclusive<u32>) {
    let record = |slot| (format!("worker{slot}.tf.local."), r#"{"ipv4":"10.9.9.9"}"#.to_owned());
    etcd.put_all(slots.map(record));
}

/// The time to live with which the lease of a name was granted, in seconds.
fn granted(etcd: &Etcd, name: &str) -> Option<u64> {
    let lease = etcd.lease_of(name)?;
    let reply = etcd.try_call("/v3/lease/timetolive", &json!({"ID": lease}))?;
    reply["grantedTTL"].as_str()?.parse().ok()
}

#[test]
fn beside_450_names_a_lease_is_of_22_seconds_and_beside_few_of_20_and_is_revoked_at_once() {
    let etcd = Etcd::start();
    let mut few = Node::in_cluster(&etcd, 1, 1000, &[]);
    assert_eq!(few.slot(), 1);
    assert_eq!(granted(&etcd, "worker1.tf.local."), Some(20));
    names(&etcd, 2..=450);
    let mut many = Node::in_cluster(&etcd, 2, 1000, &[]);
    assert_eq!(many.slot(), 451);
    assert_eq!(granted(&etcd, "worker451.tf.local."), Some(22));
    let mut fixed = Node::in_cluster(&etcd, 3, 1000, &["--lease-ttl", "9"]);
    assert_eq!(fixed.slot(), 452);
    assert_eq!(granted(&etcd, "worker452.tf.local."), Some(9));
    for node in [&mut few, &mut many, &mut fixed] {
        node.signal(Signal::TERM);
        node.wait(PATIENCE);
    }
    until(PATIENCE, "all of it is given back", || etcd.leases().is_empty().then_some(()));
}

#[test]
fn where_names_came_a_name_goes_to_a_lease_that_is_twice_as_long_by_the_same_owner() {
    let etcd = Etcd::start();
    let mut node = Node::in_cluster(&etcd, 1, 1000, &[]);
    assert_eq!(node.slot(), 1);
    let name = "worker1.tf.local.";
    let created = || etcd.call("/v3/kv/range", &json!({"key": encode(name)}))["kvs"][0].clone();
    let before = created();
    assert_eq!(granted(&etcd, name), Some(20));
    names(&etcd, 2..=800);
    until(LEAVING, "a longer lease", || (granted(&etcd, name) == Some(40)).then_some(()));
    let after = created();
    assert_eq!(after["create_revision"], before["create_revision"]);
    assert_eq!(after["value"], before["value"]);
    until(PATIENCE, "the lease before is revoked", || (etcd.leases().len() == 1).then_some(()));
    assert!(!node.log().contains("lost "), "{}", node.log());
    node.signal(Signal::TERM);
    node.wait(PATIENCE);
    until(PATIENCE, "all of it is given back", || etcd.leases().is_empty().then_some(()));
}
