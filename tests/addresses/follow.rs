//! Addresses that come, go and change while the name is owned.

use std::fs;
use std::time::{Duration, Instant};

use support::network::{HUB, Host, Network, ip};
use support::{
    Cluster, Directory, Etcd, Node, PATIENCE, Signal, ask, is_private, lookup, run, until,
};

use simple_dns::TYPE;

use super::scene::{SOON, becomes, card, node, published};

/// A node on a host of its own, which listens on all addresses.
fn on(host: Host, endpoints: &str, lease_ttl: &str, more: &[&str]) -> Node {
    let arguments = ["--pattern", support::PATTERN, "--limit", "9", "--endpoints", endpoints];
    let listen = ["--listen", "0.0.0.0:53", "--lease-ttl", lease_ttl];
    Node::start_by(&host.wrapper(), &[&arguments[..], &listen, more].concat())
}

#[test]
fn an_address_that_changes_is_answered_by_the_others_within_a_second() {
    if !is_private!() {
        return;
    }
    const NAME: &str = "worker1.tf.local.";
    let network = Network::set_up();
    let cluster = Cluster::start_at(HUB, 1);
    let etcd = cluster.any();
    let [host, far] = [network.host(1), network.host(2)];
    let directory = Directory::new();
    let (name_file, claims) = (directory.file("name"), directory.file("claims"));
    let hook = format!("echo \"$IDETCD_REVISION\" >> {claims}");
    let options = ["--name-file", &name_file, "--on-claim", &hook];
    let node = on(host, &cluster.endpoints(), "6", &options);
    assert_eq!(node.slot(), 1);
    let other = on(far, &cluster.endpoints(), "6", &[]);
    assert_eq!(other.slot(), 2);
    let other = format!("{}:53", far.address()).parse().expect("an address");
    until(PATIENCE, "it is found", || (lookup(other, NAME)? == host.address()).then_some(()));
    until(PATIENCE, "the hook ran", || {
        fs::read_to_string(&claims).ok().filter(|it| !it.is_empty())
    });
    let before = (etcd.lease_of(NAME), fs::read_to_string(&name_file).expect("a name"));
    let mut old = host.address();
    let mut times: Vec<Duration> = (100..120)
        .map(|number| {
            let new = format!("10.98.0.{number}");
            host.ip(&format!("addr del {old}/24 dev eth0"));
            host.ip(&format!("addr add {new}/24 dev eth0"));
            let began = Instant::now();
            until(SOON, &format!("{new}: {}", node.log()), || {
                (lookup(other, NAME)? == new).then_some(())
            });
            let elapsed = began.elapsed();
            // Each by itself: what follows at once is put off, for not each is to be published.
            std::thread::sleep(Duration::from_millis(500));
            old = new;
            elapsed
        })
        .collect();
    times.sort_unstable();
    println!("20 changes of address: median {:?}, worst {:?}", times[9], times[19]);
    assert!(times[9] < Duration::from_secs(1), "{times:?}");
    let after = (etcd.lease_of(NAME), fs::read_to_string(&name_file).expect("a name"));
    assert_eq!(after, before, "the same lease and name");
    let tokens = fs::read_to_string(&claims).expect("a token");
    assert_eq!(tokens.lines().count(), 1, "claimed once: {tokens}");
    assert!(!node.log().contains("lost worker"), "{}", node.log());
    assert!(etcd.keys().iter().all(|(key, _)| !key.contains('#')), "{:?}", etcd.keys());
    // The new address answers, and for itself.
    let own = format!("{old}:53").parse().expect("an address");
    until(PATIENCE, "answered there", || (lookup(own, NAME)? == old).then_some(()));
}

#[test]
fn what_goes_and_comes_again_at_once_is_no_change() {
    if !is_private!() {
        return;
    }
    let network = Network::set_up();
    let cluster = Cluster::start_at(HUB, 1);
    let host = network.host(1);
    let node = on(host, &cluster.endpoints(), "60", &[]);
    node.slot();
    let before = cluster.any().mod_revision_of("worker1.tf.local.");
    for _ in 0..3 {
        host.ip("addr del 10.98.0.11/24 dev eth0");
        host.ip("addr add 10.98.0.11/24 dev eth0");
        std::thread::sleep(Duration::from_secs(1));
    }
    assert_eq!(cluster.any().mod_revision_of("worker1.tf.local."), before);
    let log = node.log();
    assert!(!log.contains("lost") && !log.contains("from now on"), "{log}");
}

#[test]
fn an_ipv6_address_that_comes_after_the_start_is_published() {
    if !is_private!() {
        return;
    }
    let network = Network::set_up();
    let cluster = Cluster::start_at(HUB, 1);
    let host = network.host(1);
    let node = on(host, &cluster.endpoints(), "60", &[]);
    node.slot();
    std::thread::sleep(Duration::from_secs(1));
    host.ip("addr add fd00:98::11/64 dev eth0 nodad");
    println!("followed after {:?}", becomes(cluster.any(), "10.98.0.11 fd00:98::11"));
    let server = "10.98.0.11:53".parse().expect("an address");
    until(SOON, "answered", || {
        (ask(server, "worker1.tf.local.", TYPE::AAAA).answers == ["fd00:98::11"]).then_some(())
    });
}

#[test]
fn a_node_that_comes_back_before_all_of_its_addresses_do_keeps_its_name() {
    if !is_private!() {
        return;
    }
    let network = Network::set_up();
    let cluster = Cluster::start_at(HUB, 1);
    let host = network.host(1);
    host.ip("addr add fd00:98::11/64 dev eth0 nodad");
    let mut node = on(host, &cluster.endpoints(), "60", &["--node-id", "one"]);
    assert_eq!(node.slot(), 1);
    becomes(cluster.any(), "10.98.0.11 fd00:98::11");
    node.kill();
    host.ip("addr del fd00:98::11/64 dev eth0");
    node.restart();
    assert_eq!(node.slot(), 1, "{}", node.log());
    assert_eq!(published(cluster.any(), 1).as_deref(), Some("10.98.0.11 -"));
    host.ip("addr add fd00:98::11/64 dev eth0 nodad");
    becomes(cluster.any(), "10.98.0.11 fd00:98::11");
    // Another host that has one of the addresses is not this node.
    node.kill();
    let other = on(host, &cluster.endpoints(), "60", &["--node-id", "other", "--ipv6", "none"]);
    assert_eq!(other.slot(), 2, "{}", other.log());
}

#[test]
fn nodes_that_wait_for_an_address_are_named_as_soon_as_it_comes() {
    if !is_private!() {
        return;
    }
    ip("link set lo up");
    card("eth0", &[]);
    let etcd = Etcd::start();
    let endpoint = etcd.endpoint();
    let start = |port: u32| {
        let (listen, port) = (format!("127.0.0.1:{port}"), port.to_string());
        let arguments = ["--pattern", support::PATTERN, "--endpoints", &endpoint];
        Node::start(&[&arguments[..], &["--listen", &listen, "--port", &port]].concat())
    };
    let nodes: Vec<Node> = (5300..5306).map(start).collect();
    nodes.iter().for_each(|node| drop(node.wait_for_log("no address to publish")));
    // So long that attempts have become rare.
    std::thread::sleep(Duration::from_secs(8));
    ip("addr add 10.98.1.1/24 dev eth0");
    let began = Instant::now();
    until(SOON, "all are named", || {
        (1..=6).all(|slot| published(&etcd, slot).is_some()).then_some(())
    });
    println!("all of six named after {:?}", began.elapsed());
}

#[test]
fn a_host_without_an_address_keeps_its_name_for_as_long_as_its_lease_would_live() {
    if !is_private!() {
        return;
    }
    ip("link set lo up");
    card("eth0", &["10.98.1.1/24"]);
    let etcd = Etcd::start();
    let node = node(&etcd, &["--lease-ttl", "4"]);
    node.slot();
    ip("addr del 10.98.1.1/24 dev eth0");
    node.wait_for_log("worker1.tf.local. stays what it was for 4 s");
    assert_eq!(published(&etcd, 1).as_deref(), Some("10.98.1.1 -"));
    ip("addr add 10.98.1.2/24 dev eth0");
    println!("the next one is followed after {:?}", becomes(&etcd, "10.98.1.2 -"));
    assert!(!node.log().contains("lost worker"), "{}", node.log());
    ip("addr del 10.98.1.2/24 dev eth0");
    let began = Instant::now();
    until(PATIENCE, "the name is free", || published(&etcd, 1).is_none().then_some(()));
    println!("given back after {:?}", began.elapsed());
    assert!(began.elapsed() > Duration::from_secs(3), "{:?}", began.elapsed());
    node.wait_for_log("lost worker1.tf.local.: this host has had no address for 4 s");
    ip("addr add 10.98.1.3/24 dev eth0");
    println!("named again after {:?}", becomes(&etcd, "10.98.1.3 -"));
}

#[test]
fn an_interface_that_goes_is_missed_until_another_leads_to_others() {
    if !is_private!() {
        return;
    }
    ip("link set lo up");
    ip("link add docker0 type bridge");
    ip("addr add 172.17.0.1/16 dev docker0");
    ip("link set docker0 up");
    card("eth0", &["10.98.1.1/24"]);
    let etcd = Etcd::start();
    let node = node(&etcd, &["--lease-ttl", "60"]);
    node.slot();
    assert_eq!(published(&etcd, 1).as_deref(), Some("10.98.1.1 -"));
    let lease = etcd.lease_of("worker1.tf.local.");
    ip("link del eth0");
    node.wait_for_log("worker1.tf.local. stays what it was for 60 s");
    assert_eq!(published(&etcd, 1).as_deref(), Some("10.98.1.1 -"));
    card("eth0", &["10.98.1.2/24"]);
    println!("one that comes in its place is followed after {:?}", becomes(&etcd, "10.98.1.2 -"));
    card("eth1", &["10.98.2.1/24"]);
    ip("link del eth0");
    println!("the other one is followed after {:?}", becomes(&etcd, "10.98.2.1 -"));
    assert_eq!(etcd.lease_of("worker1.tf.local."), lease);
    assert!(!node.log().contains("lost worker"), "{}", node.log());
}

#[test]
fn an_address_given_by_hand_stays_as_it_is() {
    if !is_private!() {
        return;
    }
    ip("link set lo up");
    card("eth0", &["10.98.1.1/24"]);
    let etcd = Etcd::start();
    let node = node(&etcd, &["--ipv4", "10.9.9.9"]);
    node.slot();
    assert_eq!(published(&etcd, 1).as_deref(), Some("10.9.9.9 -"));
    ip("addr del 10.98.1.1/24 dev eth0");
    ip("addr add fd00:98::1/64 dev eth0 nodad");
    becomes(&etcd, "10.9.9.9 fd00:98::1");
}

#[test]
fn more_changes_than_the_kernel_can_keep_for_us_are_followed_all_the_same() {
    if !is_private!() {
        return;
    }
    ip("link set lo up");
    card("eth0", &["10.98.1.1/24"]);
    let etcd = Etcd::start();
    let node = node(&etcd, &["--verbose"]);
    node.slot();
    node.signal(Signal::STOP);
    until(PATIENCE, "stopped", || node.status("State").starts_with(['T', 't']).then_some(()));
    let directory = Directory::new();
    let batch = directory.file("batch");
    let pair = |n: u32| {
        let address = format!("10.99.{}.{}/32 dev eth0", n / 250, n % 250 + 1);
        format!("addr add {address}\naddr del {address}\n")
    };
    let last = "addr del 10.98.1.1/24 dev eth0\naddr add 10.98.1.2/24 dev eth0\n";
    fs::write(&batch, (0..2000).map(pair).collect::<String>() + last).expect("written");
    run("ip", &["-batch", &batch]);
    node.signal(Signal::CONT);
    println!("followed after {:?}", becomes(&etcd, "10.98.1.2 -"));
    assert!(node.log().contains("changes of addresses were missed"), "{}", node.log());
}
