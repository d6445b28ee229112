//! Host names in `--endpoints`: looked up without keeping a query waiting, even where the system's
//! name server is this very node, or dead.

use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use support::dns::Message;
use support::network::{HUB, Network};
use support::upstream::{answered, answered_with_nothing};
use support::{Cluster, Directory, Node, PATIENCE, Prober, Proxy, is_private, lookup, run, until};

/// Puts a file of the test's own in place of one of the system's, in its mount namespace.
#[must_use]
pub fn replace(directory: &Directory, path: &'static str, text: &str) -> Replaced {
    let file = directory.file(&path.replace('/', "_"));
    std::fs::write(&file, text).expect("written");
    run("mount", &["--bind", &file, path]);
    Replaced(path)
}

/// A file in place of another one, which otherwise could not be removed.
pub struct Replaced(&'static str);

impl Drop for Replaced {
    fn drop(&mut self) {
        run("umount", &["--lazy", self.0]);
    }
}

/// A name server that says that every name has this address; it counts queries.
fn name_server(address: &str, answer: [u8; 4]) -> Arc<AtomicU32> {
    let socket = UdpSocket::bind((address, 53)).expect("port 53 of its own network");
    let count = Arc::new(AtomicU32::new(0));
    let counter = count.clone();
    std::thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((length, client)) = socket.recv_from(&mut buffer) {
            counter.fetch_add(1, Ordering::SeqCst);
            let query = &buffer[..length];
            let asked = &Message::read(query).expect("a query").questions[0];
            let reply = if asked.rrtype == 1 {
                answered(query, answer)
            } else {
                answered_with_nothing(query)
            };
            let _ = socket.send_to(&reply, client);
        }
    });
    count
}

fn endpoints_named(cluster: &Cluster, host: &str) -> String {
    cluster.endpoints().replace(HUB, host)
}

fn node(endpoints: &str, number: u32) -> Node {
    Node::at(endpoints, number, 9, &["--lease-ttl", "4", "--etcd-timeout", "2"])
}

#[test]
fn names_come_from_the_hosts_file() {
    if !is_private!() {
        return;
    }
    let _network = Network::set_up();
    let directory = Directory::new();
    let _replaced =
        replace(&directory, "/etc/hosts", &format!("fd00::bad etcd.test\n{HUB} etcd.test\n"));
    let cluster = Cluster::start_at(HUB, 1);
    assert_eq!(node(&endpoints_named(&cluster, "etcd.test"), 1).slot(), 1);
}

#[test]
fn a_dead_name_server_keeps_no_query_waiting_and_the_next_one_is_asked() {
    if !is_private!() {
        return;
    }
    let _network = Network::set_up();
    let directory = Directory::new();
    // The first one is deaf, the second one answers.
    let _deaf = UdpSocket::bind("127.0.0.8:53").expect("a socket");
    let servers = "search test\nnameserver 127.0.0.8\nnameserver 127.0.0.9\n";
    let _replaced = replace(&directory, "/etc/resolv.conf", servers);
    let count = name_server("127.0.0.9", [10, 98, 0, 1]);
    let cluster = Cluster::start_at(HUB, 1);
    let node = node(&endpoints_named(&cluster, "etcd"), 1);
    let line = node.wait_for_log("listening on 127.0.0.1");
    let server = line.rsplit(' ').next().expect("an address").parse().expect("an address");
    let prober = Prober::start(server, "worker1.tf.local.");
    assert_eq!(node.slot(), 1);
    let probed = prober.stop();
    println!("first name server deaf: {probed:?}");
    assert!(probed.asked > 20, "{probed:?}");
    assert!(probed.lost == 0 && probed.worst < support::AT_ONCE, "{probed:?}");
    assert_eq!(node.status("Threads"), "1");
    let asked = count.load(Ordering::SeqCst);
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(count.load(Ordering::SeqCst), asked, "looked up once");
}

#[test]
fn a_node_that_is_its_own_name_server_does_not_wait_for_itself() {
    if !is_private!() {
        return;
    }
    let network = Network::set_up();
    let directory = Directory::new();
    let servers = "nameserver 127.0.0.1\nnameserver 127.0.0.9\n";
    let _replaced = replace(&directory, "/etc/resolv.conf", servers);
    name_server("127.0.0.9", [10, 98, 0, 1]);
    let cluster = Cluster::start_at(HUB, 1);
    let _ = network.host(1);
    let endpoints = endpoints_named(&cluster, "etcd.example");
    let node = Node::start(&[
        "--pattern",
        support::PATTERN,
        "--endpoints",
        &endpoints,
        "--listen",
        "127.0.0.1:53",
        "--ipv4",
        "10.0.0.1",
    ]);
    assert_eq!(node.slot(), 1);
    let server = "127.0.0.1:53".parse().expect("an address");
    until(PATIENCE, "answered", || lookup(server, "worker1.tf.local."));
}

#[test]
fn a_name_that_moves_to_another_address_is_looked_up_again_when_the_old_one_fails() {
    if !is_private!() {
        return;
    }
    let _network = Network::set_up();
    let directory = Directory::new();
    let _replaced = replace(&directory, "/etc/hosts", "127.0.0.5 etcd.test\n");
    let cluster = Cluster::start_at(HUB, 1);
    let node = node(&endpoints_named(&cluster, "etcd.test"), 1);
    node.wait_for_log("etcd is out of reach");
    let _replaced = replace(&directory, "/etc/hosts", &format!("{HUB} etcd.test\n"));
    assert_eq!(node.slot(), 1);
}

#[test]
fn a_name_that_the_hosts_file_moves_is_looked_up_again_although_the_old_address_answers() {
    if !is_private!() {
        return;
    }
    let _network = Network::set_up();
    let directory = Directory::new();
    let _replaced = replace(&directory, "/etc/hosts", "127.0.0.1 etcd.test\n");
    let cluster = Cluster::start_at(HUB, 1);
    let before = Proxy::new(&cluster.members[0].address());
    let named = before.endpoint().replace("127.0.0.1", "etcd.test");
    let node = node(&named, 1);
    assert_eq!(node.slot(), 1);
    let port = named.rsplit(':').next().expect("a port");
    let after = TcpListener::bind(format!("127.0.0.7:{port}")).expect("a port");
    // So long that no time of its could be the same.
    let age = || fs::metadata("/etc/hosts").and_then(|it| it.modified()).expect("a time").elapsed();
    until(PATIENCE, "old", || age().ok().filter(|it| *it > Duration::from_secs(3)));
    let asked = before.count();
    until(PATIENCE, "asked since", || (before.count() > asked + 1).then_some(()));
    // Of another name first: that is no reason to look this one up.
    let _replaced = replace(&directory, "/etc/hosts", "127.0.0.1 etcd.test\n127.0.0.7 test\n");
    let asked = before.count();
    until(PATIENCE, "asked since", || (before.count() > asked + 1).then_some(()));
    let both = "127.0.0.7 etcd.test\n127.0.0.1 etcd.test\n";
    let _replaced = replace(&directory, "/etc/hosts", both);
    after.set_nonblocking(true).expect("set");
    until(PATIENCE, "asked at the new address", || after.accept().ok());
    // Who listens there says nothing, and the old address is still one of the name's.
    let asked = before.count();
    until(PATIENCE, "asked at the old one", || (before.count() > asked + 1).then_some(()));
    assert!(!node.log().contains("lost worker"), "{}", node.log());
}

#[test]
fn a_host_with_several_addresses_is_left_at_the_one_that_does_not_answer() {
    if !is_private!() {
        return;
    }
    let _network = Network::set_up();
    let directory = Directory::new();
    let _replaced =
        replace(&directory, "/etc/hosts", &format!("127.0.0.7 etcd.test\n{HUB} etcd.test\n"));
    let cluster = Cluster::start_at(HUB, 1);
    let port = cluster.members[0].address().rsplit(':').next().expect("a port").to_owned();
    // It takes connections as a frozen process does.
    let _mute = std::net::TcpListener::bind(format!("127.0.0.7:{port}")).expect("a port");
    let node = node(&endpoints_named(&cluster, "etcd.test"), 1);
    assert_eq!(node.slot(), 1);
}

#[test]
fn without_an_address_to_publish_the_names_of_others_are_still_followed() {
    if !is_private!() {
        return;
    }
    run("ip", &["link", "set", "lo", "up"]);
    let etcd = support::Etcd::start();
    let node = Node::start(&[
        "--pattern",
        support::PATTERN,
        "--endpoints",
        &etcd.endpoint(),
        "--listen",
        "127.0.0.1:53",
    ]);
    node.wait_for_log("no address to publish");
    let server = "127.0.0.1:53".parse().expect("an address");
    etcd.put("worker7.tf.local.", br#"{"ipv4":"10.7.7.7"}"#);
    until(PATIENCE, "followed", || lookup(server, "worker7.tf.local."));
    run("ip", &["link", "add", "br0", "type", "bridge"]);
    run("ip", &["addr", "add", "10.98.0.1/24", "dev", "br0"]);
    run("ip", &["link", "set", "br0", "up"]);
    let line = node.wait_for_log("claimed worker1");
    assert!(line.ends_with("10.98.0.1 port 53"), "{line}");
}
