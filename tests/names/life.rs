//! What becomes of a name when its node crashes, stops, or loses it.

use std::time::{Duration, Instant};

use support::{Etcd, Node, PATIENCE, Signal, lookup, until};

const SHORT_LEASE: [&str; 2] = ["--lease-ttl", "3"];

#[test]
fn a_node_that_crashed_comes_back_under_its_name() {
    let etcd = Etcd::start();
    let mut nodes: Vec<Node> = (1..=3).map(|n| Node::in_cluster(&etcd, n, 3, &[])).collect();
    let before: Vec<u32> = nodes.iter().map(Node::slot).collect();
    for (node, slot) in nodes.iter_mut().zip(before) {
        node.kill();
        node.restart();
        assert_eq!(node.slot(), slot);
    }
    assert_eq!(etcd.keys().len(), 3, "{:?}", etcd.keys());
}

#[test]
fn a_node_that_stops_releases_its_name_within_two_seconds() {
    let etcd = Etcd::start();
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let mut node = Node::in_cluster(&etcd, 1, 3, &[]);
        node.slot();
        let began = Instant::now();
        node.signal(signal);
        let status = node.wait(PATIENCE);
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        assert_eq!(status.code(), Some(0));
        assert!(etcd.keys().is_empty(), "{:?}", etcd.keys());
        node.wait_for_log("released worker1.tf.local.");
    }
}

#[test]
fn under_nohup_the_end_of_a_terminal_ends_neither_a_node_nor_its_program() {
    let etcd = Etcd::start();
    let nohup = ["nohup".to_owned()];
    let endpoint = etcd.endpoint();
    let common = ["--pattern", support::PATTERN, "--endpoints", &endpoint, "--ipv4", "10.0.0.1"];
    let common = [&common[..], &["--listen", "127.0.0.1:0"]].concat();
    let mut node = Node::start_by(&nohup, &common);
    node.slot();
    node.signal(Signal::HUP);
    node.signal(Signal::USR1);
    node.wait_for_log("state: ");
    node.signal(Signal::TERM);
    assert_eq!(node.wait(PATIENCE).code(), Some(0), "{}", node.log());

    let script = "trap 'exit 9' USR1; echo ready >&2; while :; do sleep 0.05; done";
    let exec = [&["exec"], &common[..], &["--", "sh", "-c", script]].concat();
    let mut node = Node::start_by(&nohup, &exec);
    node.wait_for_log("ready");
    node.signal(Signal::HUP);
    node.signal(Signal::USR1);
    assert_eq!(node.wait(PATIENCE).code(), Some(9), "not by SIGHUP: {}", node.log());
}

#[test]
fn a_dead_nodes_name_ends_with_its_lease_and_goes_to_the_next_newcomer() {
    let etcd = Etcd::start();
    let mut nodes: Vec<Node> =
        (1..=3).map(|n| Node::in_cluster(&etcd, n, 4, &SHORT_LEASE)).collect();
    let slots: Vec<u32> = nodes.iter().map(Node::slot).collect();
    let name = format!("worker{}.tf.local.", slots[0]);
    let servers: Vec<_> = nodes[1..].iter().map(Node::address).collect();
    for server in &servers {
        until(PATIENCE, "the name is known", || lookup(*server, &name));
    }
    nodes[0].kill();
    let died = Instant::now();
    for server in &servers {
        until(PATIENCE, "the name ends", || lookup(*server, &name).is_none().then_some(()));
    }
    // The lease was renewed at most three sevenths of its TTL before, so it may end this early, and etcd
    // looks for ended leases twice a second.
    let lived = died.elapsed();
    assert!(lived > Duration::from_millis(1500), "{lived:?}: ended before its lease");
    assert!(lived < Duration::from_secs(5), "{lived:?}");
    let newcomer = Node::in_cluster(&etcd, 9, 4, &SHORT_LEASE);
    assert_eq!(newcomer.slot(), slots[0]);
}

#[test]
fn a_name_outlives_many_leases_while_its_node_lives() {
    let etcd = Etcd::start();
    let node = Node::in_cluster(&etcd, 1, 3, &["--lease-ttl", "2"]);
    node.slot();
    let server = node.address();
    let deadline = Instant::now() + Duration::from_secs(7);
    while Instant::now() < deadline {
        assert!(lookup(server, "worker1.tf.local.").is_some());
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(etcd.handled("LeaseKeepAlive") >= 7, "{}", etcd.handled("LeaseKeepAlive"));
    assert_eq!(node.status("Threads"), "1");
}

#[test]
fn a_lost_key_or_lease_is_claimed_again() {
    let etcd = Etcd::start();
    let node = Node::in_cluster(&etcd, 1, 3, &SHORT_LEASE);
    assert_eq!(node.slot(), 1);
    etcd.delete("worker1.tf.local.");
    // Told by the watch, or seen when that is opened.
    node.wait_for_log("lost worker1.tf.local.: its key ");
    assert_eq!(support::slot_in(&node.wait_for_log("re-claimed")), 1);
    let server = node.address();
    until(PATIENCE, "answered again", || lookup(server, "worker1.tf.local."));
    // Overwritten by somebody else: the next free slot.
    etcd.put("worker1.tf.local.", br#"{"ipv4":"10.9.9.9"}"#);
    node.wait_for_log("lost worker1.tf.local.: somebody else");
    until(PATIENCE, "another slot", || node.log().contains("re-claimed worker2").then_some(()));
    // The lease revoked by hand takes the key along.
    for lease in etcd.leases() {
        etcd.try_revoke(&lease).expect("revoked");
    }
    until(PATIENCE, "worker2 is there again", || {
        let again = node.log().matches("re-claimed worker2").count() == 2;
        again.then_some(())
    });
    until(PATIENCE, "in etcd", || etcd.has("worker2.tf.local.").then_some(()));
}
