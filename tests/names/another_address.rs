//! A node that starts again with other addresses within its lease, and clones, which have its ID and live.

use std::time::{Duration, Instant};

use support::{Etcd, Node, PATIENCE, Signal, until};

const LEASE: Duration = Duration::from_secs(3);
const SHORT_LEASE: [&str; 4] = ["--lease-ttl", "3", "--node-id", "a"];

/// What etcd may take to delete the keys of a lease that ran out, and nodes to see it.
const DELAY: Duration = Duration::from_secs(3);

/// A node with addresses of this number, and the same ID as all others here.
fn node(etcd: &Etcd, number: u32) -> Node {
    Node::at(&etcd.endpoint(), number, 9, &SHORT_LEASE)
}

#[test]
fn a_node_that_starts_again_with_another_address_has_its_name_again_when_its_lease_is_over() {
    let etcd = Etcd::start();
    let lowest = Node::in_cluster(&etcd, 7, 9, &[]);
    assert_eq!(lowest.slot(), 1);
    let mut before = node(&etcd, 1);
    assert_eq!(before.slot(), 2);
    lowest.signal(Signal::TERM);
    until(PATIENCE, "a lower one is free", || (!etcd.has("worker1.tf.local.")).then_some(()));
    before.kill();
    let began = Instant::now();
    let after = node(&etcd, 2);
    let line = after.wait_for_log("waiting to see whether its lease ends");
    assert!(line.contains("worker2.tf.local. was put under this node's ID"), "{line}");
    assert!(line.contains("10.0.0.2 fd00::2 port 53"), "{line}");
    assert_eq!(after.slot(), 2, "{}", after.log());
    let elapsed = began.elapsed();
    println!("named again after {elapsed:?} of a lease of {LEASE:?}");
    assert!(elapsed < LEASE + DELAY, "{elapsed:?}");
    let [(key, value)] = &etcd.keys()[..] else { panic!("{:?}", etcd.keys()) };
    assert_eq!(key, "worker2.tf.local.");
    assert!(value.contains(r#""ipv4":"10.0.0.3""#), "{value}");
}

#[test]
fn clones_that_live_do_not_take_names_from_each_other() {
    let etcd = Etcd::start();
    let first = node(&etcd, 1);
    assert_eq!(first.slot(), 1);
    let second = node(&etcd, 2);
    let line = second.wait_for_log("is the name of another node with this node's ID");
    assert!(line.contains("worker1.tf.local."), "{line}");
    assert!(line.contains("10.0.0.2 fd00::2 port 53"), "{line}");
    assert_eq!(second.slot(), 2);
    // Of several that have it, an ID tells nothing, and there is nothing to wait for.
    let began = Instant::now();
    let third = node(&etcd, 3);
    assert_eq!(third.slot(), 3);
    let elapsed = began.elapsed();
    assert!(elapsed < Duration::from_secs(2), "{elapsed:?}");
    assert!(!third.log().contains("waiting to see"), "{}", third.log());
    let line = third.wait_for_log("does not tell which one this node had");
    assert!(line.contains("2 names are of nodes with this node's ID, a,"), "{line}");
    for node in [&first, &second] {
        assert!(!node.log().contains("lost worker"), "{}", node.log());
    }
}
