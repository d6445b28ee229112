//! Watches that tell nothing though etcd answers, and members that do not know that they are behind.

use std::time::{Duration, Instant};

use support::{Cluster, Etcd, Node, PATIENCE, Proxy, Signal, lookup, until};

const MAX_LAG: Duration = Duration::from_secs(4);
/// What may pass beyond that.
const BEYOND: Duration = Duration::from_secs(1);
/// A lease so long that its renewal notices nothing.
const OPTIONS: [&str; 4] = ["--lease-ttl", "500", "--max-lag", "4"];
const NAME: &str = "worker9.tf.local.";

/// Silences the watch of a node with these endpoints, and changes a name: for how long that is denied.
fn denied(proxies: &[Proxy], etcd: &Etcd) -> Duration {
    let endpoints: Vec<String> = proxies.iter().map(Proxy::endpoint).collect();
    let node = Node::at(&endpoints.join(","), 1, 9, &OPTIONS);
    assert_eq!(node.slot(), 1);
    etcd.put("worker8.tf.local.", br#"{"ipv4":"10.9.9.8"}"#);
    until(PATIENCE, "it follows", || lookup(node.address(), "worker8.tf.local."));
    proxies.iter().for_each(Proxy::silence_watches);
    etcd.put(NAME, br#"{"ipv4":"10.9.9.9"}"#);
    let began = Instant::now();
    node.wait_for_log("(--max-lag)");
    let noticed = began.elapsed();
    assert!(noticed <= MAX_LAG + BEYOND, "noticed after {noticed:?}");
    until(PATIENCE, "it follows again", || lookup(node.address(), NAME));
    let denied = began.elapsed();
    println!("noticed after {noticed:?}, denied for {denied:?}");
    assert!(!node.log().contains("in doubt"), "{}", node.log());
    denied
}

#[test]
fn a_silent_watch_is_noticed_in_time_and_another_endpoint_followed() {
    let cluster = Cluster::start(3);
    let proxies = [0, 1].map(|member| Proxy::new(&cluster.members[member].address()));
    let denied = denied(&proxies, &cluster.members[2]);
    assert!(denied <= MAX_LAG + BEYOND, "{denied:?}");
}

#[test]
fn behind_a_balancer_another_connection_is_followed() {
    let cluster = Cluster::start(3);
    let proxy = Proxy::new(&cluster.members[0].address());
    let denied = denied(&[proxy], &cluster.members[2]);
    assert!(denied <= MAX_LAG + BEYOND, "{denied:?}");
}

#[test]
fn a_member_that_is_left_alone_is_not_taken_for_etcd_for_longer_than_that() {
    let cluster = Cluster::start(3);
    let node = Node::at(&cluster.members[0].endpoint(), 1, 9, &OPTIONS);
    assert_eq!(node.slot(), 1);
    // Not in the middle of its start, whose calls would notice.
    cluster.members[0].put(NAME, br#"{"ipv4":"10.9.9.9"}"#);
    until(PATIENCE, "it follows", || lookup(node.address(), NAME));
    for member in &cluster.members[1..] {
        member.signal(Signal::STOP);
    }
    let began = Instant::now();
    node.wait_for_log(" lost: ");
    let noticed = began.elapsed();
    println!("a member without the others is left after {noticed:?}");
    for member in &cluster.members[1..] {
        member.signal(Signal::CONT);
    }
    assert!(noticed <= MAX_LAG + BEYOND, "{noticed:?}");
}
