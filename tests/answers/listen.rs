//! Listening on all addresses: each is answered from itself, also those that come later.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use simple_dns::TYPE;
use support::{Etcd, Node, PATIENCE, is_private, question, run, until};

/// Whether a query to this address is answered, from this very address.
fn is_answered_by(server: &str) -> bool {
    let server: SocketAddr = server.parse().expect("an address");
    let local = if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(local).expect("a socket");
    socket.set_read_timeout(Some(Duration::from_millis(300))).expect("a time-out");
    let query = question("worker1.tf.local.", TYPE::A);
    if socket.send_to(&query, server).is_err() {
        return false;
    }
    let mut reply = [0; 512];
    socket.recv_from(&mut reply).is_ok_and(|(_, from)| from == server)
}

#[test]
fn every_address_answers_for_itself_also_one_that_comes_later() {
    if !is_private!() {
        return;
    }
    for arguments in [
        "link set lo up",
        "link add br0 type bridge",
        "addr add 10.98.0.1/24 dev br0",
        "addr add 10.98.0.2/24 dev br0",
        "addr add fd00:98::1/64 dev br0 nodad",
        "addr add fd00:98::2/64 dev br0 nodad",
        "link set br0 up",
    ] {
        run("ip", &arguments.split(' ').collect::<Vec<_>>());
    }
    let etcd = Etcd::start();
    let node = Node::start(&[
        "--pattern",
        support::PATTERN,
        "--endpoints",
        &etcd.endpoint(),
        "--listen",
        "0.0.0.0:5300",
        "--listen",
        "[::]:5300",
    ]);
    node.slot();
    for server in ["10.98.0.1", "10.98.0.2", "127.0.0.1", "[fd00:98::1]", "[fd00:98::2]", "[::1]"] {
        assert!(is_answered_by(&format!("{server}:5300")), "{server}");
    }
    run("ip", &["addr", "add", "10.98.0.3/24", "dev", "br0"]);
    until(PATIENCE, "the new one as well", || is_answered_by("10.98.0.3:5300").then_some(()));
    // It goes, and comes again, and another server is still noticed.
    run("ip", &["addr", "del", "10.98.0.3/24", "dev", "br0"]);
    std::thread::sleep(Duration::from_secs(6));
    run("ip", &["addr", "add", "10.98.0.3/24", "dev", "br0"]);
    until(PATIENCE, "and again", || is_answered_by("10.98.0.3:5300").then_some(()));
    let arguments = ["--pattern", support::PATTERN, "--listen", "0.0.0.0:5300"];
    let mut second = Node::start(&arguments);
    assert_eq!(second.wait(PATIENCE).code(), Some(1), "{}", second.log());
    assert!(second.log().contains("another server has it"), "{}", second.log());
}
