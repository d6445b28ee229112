//! The right one of many addresses.

use std::fs;
use std::time::Duration;

use support::network::{HUB, Network, ip};
use support::{Cluster, Etcd, Node, PATIENCE, is_private, run, until};

use super::scene::{becomes, card, node, published};

/// What a node publishes that starts now.
fn chosen(etcd: &Etcd) -> String {
    let mut node = node(etcd, &[]);
    assert_eq!(node.slot(), 1);
    let chosen = published(etcd, 1).expect("a record");
    node.signal(support::Signal::TERM);
    node.wait(PATIENCE);
    chosen
}

#[test]
fn where_etcd_is_on_loopback_containers_come_last() {
    if !is_private!() {
        return;
    }
    ip("link set lo up");
    ip("link add docker0 type bridge");
    ip("addr add 172.17.0.1/16 dev docker0");
    ip("link add veth9 type veth peer name inside9");
    for interface in ["veth9 master docker0", "veth9", "inside9", "docker0"] {
        ip(&format!("link set {interface} up"));
    }
    let etcd = Etcd::start();
    let node = node(&etcd, &[]);
    node.slot();
    assert_eq!(published(&etcd, 1).as_deref(), Some("172.17.0.1 -"), "it is better than none");
    card("eth0", &["10.98.1.1/24"]);
    println!("another card is followed after {:?}", becomes(&etcd, "10.98.1.1 -"));
    card("eth1", &["10.98.2.1/24"]);
    settled();
    std::thread::sleep(Duration::from_secs(1));
    ip("route add default via 10.98.2.254 dev eth1");
    println!("a default route is followed after {:?}", becomes(&etcd, "10.98.2.1 -"));
    ip("route del default");
    ip("route add default via 10.98.1.254 dev eth0");
    becomes(&etcd, "10.98.1.1 -");
    drop(node);
    let etcd = Etcd::start();
    assert_eq!(chosen(&etcd), "10.98.1.1 -");
    ip("route del default");
    assert_eq!(chosen(&etcd), "10.98.1.1 -");
}

#[test]
fn a_deprecated_address_gives_way() {
    if !is_private!() {
        return;
    }
    ip("link set lo up");
    // The kernel tells the latest first.
    card("eth0", &["fd00:98::1/64", "fd00:98::2/64"]);
    ip("addr change fd00:98::2/64 dev eth0 preferred_lft 0");
    settled();
    let etcd = Etcd::start();
    assert_eq!(chosen(&etcd), "- fd00:98::1");
}

/// Waits until it is known of all addresses that no other host has them.
fn settled() {
    until(PATIENCE, "no address is tentative", || {
        (!run("ip", &["addr"]).contains("tentative")).then_some(())
    });
}

#[test]
fn a_temporary_address_gives_way() {
    if !is_private!() {
        return;
    }
    ip("link set lo up");
    card("eth0", &[]);
    let etcd = Etcd::start();
    fs::write("/proc/sys/net/ipv6/conf/eth0/use_tempaddr", "2").expect("written");
    ip("addr add fd00:99::1/64 dev eth0 nodad mngtmpaddr valid_lft 3600 preferred_lft 1800");
    until(PATIENCE, "a temporary address", || {
        let listing = run("ip", &["-6", "addr", "show", "dev", "eth0"]);
        listing.lines().find(|line| line.contains("temporary") && !line.contains("tentative"))?;
        Some(())
    });
    assert_eq!(chosen(&etcd), "- fd00:99::1");
}

#[test]
fn a_preferred_address_that_comes_takes_the_place_of_a_deprecated_one() {
    if !is_private!() {
        return;
    }
    ip("link set lo up");
    card("eth0", &["10.98.1.1/24"]);
    let etcd = Etcd::start();
    ip("addr add fd00:98::1/64 dev eth0 nodad");
    let node = node(&etcd, &[]);
    node.slot();
    assert_eq!(published(&etcd, 1).as_deref(), Some("10.98.1.1 fd00:98::1"));
    // As when a provider changes the prefix.
    ip("addr add fd00:99::1/64 dev eth0 nodad");
    ip("addr change fd00:98::1/64 dev eth0 preferred_lft 0");
    println!("another prefix is followed after {:?}", becomes(&etcd, "10.98.1.1 fd00:99::1"));
}

#[test]
fn an_address_that_another_host_has_is_not_published() {
    if !is_private!() {
        return;
    }
    let network = Network::set_up();
    ip("addr add fd00:98::1/64 dev br0 nodad");
    let cluster = Cluster::start_at(HUB, 1);
    let host = network.host(1);
    let state =
        || run("ip", &["-n", "host1", "-6", "addr", "show", "dev", "eth0", "to", "fd00:98::/64"]);
    host.ip("addr add fd00:98::1/64 dev eth0");
    until(PATIENCE, "it is found out", || state().contains("dadfailed").then_some(()));
    let node = Node::on(host, &cluster.endpoints(), 9, &[]);
    assert_eq!(node.slot(), 1);
    assert_eq!(published(cluster.any(), 1).as_deref(), Some("10.98.0.11 -"));
    // One of its own is, but not before that is known.
    host.ip("addr add fd00:98::11/64 dev eth0");
    assert!(state().contains("tentative"), "{}", state());
    std::thread::sleep(Duration::from_millis(400));
    let early = (published(cluster.any(), 1), state());
    if early.1.contains("fd00:98::11/64 scope global tentative") {
        assert_eq!(early.0.as_deref(), Some("10.98.0.11 -"));
    }
    println!("its own is followed after {:?}", becomes(cluster.any(), "10.98.0.11 fd00:98::11"));
}
