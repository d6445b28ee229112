//! What becomes of a name when somebody else meddles with its key, or its node is frozen.

use std::time::Duration;

use support::{Etcd, Node, PATIENCE, Signal, lookup, slot_in, until};

const SHORT_LEASE: [&str; 2] = ["--lease-ttl", "3"];
const THEIRS: &[u8] = br#"{"ipv4":"10.9.9.9","ipv6":"fe80::9","port":"1053"}"#;

/// The slots that the keys of etcd say are taken, with the IPv4 address of each.
fn taken(etcd: &Etcd) -> Vec<(String, String)> {
    let keys = etcd.keys().into_iter().filter(|(key, _)| !key.contains('#'));
    keys.map(|(key, value)| {
        let value: serde_json::Value = serde_json::from_str(&value).expect("a record");
        (key, value["ipv4"].as_str().expect("an address").to_owned())
    })
    .collect()
}

#[test]
fn two_nodes_with_the_same_addresses_and_node_id_end_up_in_two_slots_and_are_told_why() {
    let etcd = Etcd::start();
    let first = Node::in_cluster(&etcd, 1, 9, &SHORT_LEASE);
    assert_eq!(first.slot(), 1);
    let second = Node::in_cluster(&etcd, 1, 9, &SHORT_LEASE);
    assert_eq!(second.slot(), 1, "it looks like a node that crashed and came back");
    let line = first.wait_for_log("lost worker1.tf.local.");
    assert!(line.contains("another node on the host "));
    assert!(line.contains("publishes the same addresses, 10.0.0.2 fd00::2 port 53"));
    assert!(line.contains("under the same node ID, n1, and took it"), "{line}");
    assert_eq!(slot_in(&first.wait_for_log("re-claimed")), 2);
    let address = "10.0.0.2".to_owned();
    let wanted =
        ["worker1.tf.local.", "worker2.tf.local."].map(|k| (k.to_owned(), address.clone()));
    // A lease that is left is given back a moment later, which is a revision as well.
    until(PATIENCE, "settled", || {
        (etcd.leases().len() == 2 && taken(&etcd) == wanted).then_some(())
    });
    // Nobody moves any more, over several leases.
    let changes = etcd.revision();
    std::thread::sleep(Duration::from_secs(7));
    assert_eq!(etcd.revision(), changes);
    assert_eq!(taken(&etcd), wanted);
}

#[test]
fn many_nodes_with_the_same_addresses_at_once_settle_in_slots_of_their_own() {
    let etcd = Etcd::start();
    let node = |id: &u32| {
        let id = id.to_string();
        Node::in_cluster(&etcd, 1, 9, &[&SHORT_LEASE[..], &["--node-id", &id]].concat())
    };
    let nodes: Vec<Node> = [0, 1, 2, 3, 4, 5, 6, 7].iter().map(node).collect();
    until(PATIENCE, "eight slots", || (taken(&etcd).len() == 8).then_some(()));
    let mut last = etcd.revision();
    until(Duration::from_secs(30), "nobody moves for four seconds", || {
        std::thread::sleep(Duration::from_secs(4));
        let now = etcd.revision();
        (std::mem::replace(&mut last, now.clone()) == now).then_some(())
    });
    let taken = taken(&etcd);
    assert_eq!(taken.len(), 8, "{taken:?}");
    let moves: usize = nodes.iter().map(|node| node.log().matches("lost worker").count()).sum();
    println!("8 nodes with one address: settled after {moves} moves");
    assert_eq!(moves, 0, "nobody takes what is another's");
}

#[test]
fn a_node_of_the_plugin_that_overwrites_without_looking_is_given_way() {
    let etcd = Etcd::start();
    let node = Node::in_cluster(&etcd, 1, 9, &SHORT_LEASE);
    assert_eq!(node.slot(), 1);
    // Right after each claim, three times: it keeps its last slot, whatever it is.
    for slot in 1..=3 {
        until(PATIENCE, "claimed", || etcd.has(&format!("worker{slot}.tf.local.")).then_some(()));
        etcd.put_leased(&format!("worker{slot}.tf.local."), THEIRS, 60);
        let line = node.wait_for_log(&format!("lost worker{slot}.tf.local."));
        assert!(line.contains("somebody else put a record there: 10.9.9.9 fe80::9 port 1053"));
    }
    node.wait_for_log("re-claimed worker4.tf.local.");
    let wanted = ["10.9.9.9", "10.9.9.9", "10.9.9.9", "10.0.0.2"];
    let addresses: Vec<String> = taken(&etcd).into_iter().map(|(_, address)| address).collect();
    assert_eq!(addresses, wanted);
    let server = node.address();
    until(PATIENCE, "both kinds are answered", || {
        let theirs = lookup(server, "worker3.tf.local.").as_deref() == Some("10.9.9.9");
        (theirs && lookup(server, "worker4.tf.local.").is_some()).then_some(())
    });
}

#[test]
fn plugin_nodes_that_race_against_a_herd_take_nothing_twice() {
    let etcd = Etcd::start();
    let nodes: Vec<Node> =
        (1..=20).map(|number| Node::in_cluster(&etcd, number, 60, &SHORT_LEASE)).collect();
    // Get, then put: what the plugin does, in the midst of the herd.
    let mut theirs = Vec::new();
    while theirs.len() < 20 {
        let keys = etcd.keys();
        let free = (1..).map(|slot| format!("worker{slot}.tf.local."));
        let mut free = free.filter(|name| !keys.iter().any(|(key, _)| key == name));
        let name = free.next().expect("endless");
        let address = format!("10.9.9.{}", theirs.len() + 1);
        etcd.put_leased(&name, format!(r#"{{"ipv4":"{address}"}}"#).as_bytes(), 60);
        theirs.push((name, address));
    }
    let settled = until(PATIENCE, "each node has one slot, and theirs stay", || {
        let taken = taken(&etcd);
        let ours = taken.iter().filter(|(_, address)| address.starts_with("10.0.")).count();
        (ours == 20 && theirs.iter().all(|entry| taken.contains(entry))).then_some(taken)
    });
    let mut addresses: Vec<&String> = settled.iter().map(|(_, address)| address).collect();
    addresses.sort_unstable();
    addresses.dedup();
    assert_eq!(addresses.len(), 40, "{settled:?}");
    for node in &nodes {
        // What etcd shows may be logged a moment later.
        until(PATIENCE, "its last claim is one of these", || {
            let log = node.log();
            let last = log.lines().rev().find(|line| line.contains("claimed worker"))?;
            let name = format!("worker{}.tf.local.", slot_in(last));
            settled.iter().any(|(key, _)| *key == name).then_some(())
        });
    }
}

#[test]
fn a_frozen_node_loses_its_name_and_takes_another_without_a_fight() {
    let etcd = Etcd::start();
    let mut nodes: Vec<Node> =
        (1..=2).map(|number| Node::in_cluster(&etcd, number, 2, &SHORT_LEASE)).collect();
    let frozen = nodes.remove(0);
    let slot = frozen.slot();
    let name = format!("worker{slot}.tf.local.");
    nodes[0].slot();
    frozen.signal(Signal::STOP);
    until(PATIENCE, "its lease ends", || (!etcd.has(&name)).then_some(()));
    let heir = Node::in_cluster(&etcd, 3, 3, &SHORT_LEASE);
    assert_eq!(heir.slot(), slot);
    frozen.signal(Signal::CONT);
    frozen.wait_for_log(&format!("{name} is in doubt: its lease ran out"));
    frozen.wait_for_log(&format!("lost {name}: "));
    // Its limit is 2 and both are taken: who once had a name serves on, and waits for one.
    frozen.wait_for_log("waiting for one");
    assert!(lookup(frozen.address(), &name).is_some());
    assert!(!heir.log().contains("lost worker"), "{}", heir.log());
    heir.signal(Signal::TERM);
    assert_eq!(slot_in(&frozen.wait_for_log("re-claimed")), slot);
}

#[test]
fn a_frozen_node_that_finds_its_name_free_takes_it_again() {
    let etcd = Etcd::start();
    let node = Node::in_cluster(&etcd, 1, 9, &SHORT_LEASE);
    assert_eq!(node.slot(), 1);
    node.signal(Signal::STOP);
    until(PATIENCE, "its lease ends", || etcd.keys().is_empty().then_some(()));
    node.signal(Signal::CONT);
    node.wait_for_log("worker1.tf.local. is in doubt");
    node.wait_for_log("lost worker1.tf.local.: its ");
    assert_eq!(slot_in(&node.wait_for_log("re-claimed")), 1);
}

#[test]
fn a_lease_that_is_revoked_by_hand_is_replaced_at_once_however_long_it_was() {
    let etcd = Etcd::start();
    let node = Node::in_cluster(&etcd, 1, 9, &["--lease-ttl", "3600"]);
    assert_eq!(node.slot(), 1);
    let lease = etcd.lease_of("worker1.tf.local.").expect("a lease");
    etcd.try_revoke(&lease).expect("revoked");
    let began = std::time::Instant::now();
    assert_eq!(slot_in(&node.wait_for_log("re-claimed")), 1);
    println!("named again {:?} after its lease was revoked", began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert_ne!(etcd.lease_of("worker1.tf.local."), Some(lease));
}
