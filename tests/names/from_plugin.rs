//! A node that starts on the host where a CoreDNS with the plugin ended just now: the name is under a lease yet.

use std::time::{Duration, Instant};

use support::network::{HUB, Host, Network};
use support::{Cluster, Node, PATIENCE, PATTERN, is_private, run, until};

const NAME: &str = "worker1.tf.local.";

/// Of the plugin, in seconds.
const LEASE: u32 = 20;

/// The link-local address of a host, once it is known that nobody else has it.
fn link_local(host: Host) -> String {
    let words = ["ip", "-6", "-o", "addr", "show", "dev", "eth0", "scope", "link"];
    let wrapper = host.wrapper();
    let arguments: Vec<&str> = wrapper[1..].iter().map(String::as_str).chain(words).collect();
    until(PATIENCE, "a link-local address", || {
        let shown = run(&wrapper[0], &arguments);
        let shown = shown.lines().find(|line| !line.contains("tentative"))?;
        let address = shown.split("inet6 ").nth(1)?.split('/').next()?;
        Some(address.to_owned())
    })
}

/// A node of a cluster that is full, on a host of its own, at the usual port of all of its addresses.
fn start(host: Host, cluster: &Cluster) -> Node {
    let endpoints = cluster.endpoints();
    let names = ["--pattern", PATTERN, "--limit", "2", "--endpoints", &endpoints];
    Node::start_by(&host.wrapper(), &names)
}

#[test]
fn in_a_full_cluster_a_node_has_the_name_of_the_plugin_on_its_host_at_once() {
    if !is_private!() {
        return;
    }
    let network = Network::set_up();
    let cluster = Cluster::start_at(HUB, 1);
    let [host, other] = [1, 2].map(|number| network.host(number));
    let record = |ipv4: &str, ipv6: &str| {
        format!(r#"{{"ipv4":"{ipv4}","ipv6":"{ipv6}","port":"53"}}"#).into_bytes()
    };
    cluster.any().put("worker2.tf.local.", br#"{"ipv4":"10.9.9.9","port":"53"}"#);
    let own = record(&host.address(), &link_local(host));
    cluster.any().put_leased(NAME, &own, LEASE);
    let began = Instant::now();
    let mut node = start(host, &cluster);
    assert_eq!(node.slot(), 1);
    let elapsed = began.elapsed();
    println!("named after {elapsed:?}");
    assert!(elapsed < Duration::from_secs(5), "{}", node.log());
    let line = node.wait_for_log("without a node ID, as CoreDNS puts it");
    assert!(line.contains(&host.address()), "{line}");
    until(PATIENCE, "one lease is left", || (cluster.any().leases().len() == 1).then_some(()));
    node.signal(support::Signal::TERM);
    node.wait(PATIENCE);

    // Another host has a node of the plugin with its link-local address: it is not taken, and no name is free.
    cluster.any().put_leased(NAME, &record(&other.address(), &link_local(host)), LEASE);
    let mut node = start(host, &cluster);
    assert_eq!(node.wait(PATIENCE).code(), Some(3), "{}", node.log());

    // An address alone may have moved: it is waited for the end of the lease.
    let own = format!(r#"{{"ipv4":"{}","port":"53"}}"#, host.address());
    cluster.any().put_leased(NAME, own.as_bytes(), 5);
    let revision = cluster.any().mod_revision_of(NAME);
    let node = start(host, &cluster);
    node.wait_for_log("waiting to see whether its lease ends");
    assert_eq!(cluster.any().mod_revision_of(NAME), revision);
    assert_eq!(node.slot(), 1);
}
