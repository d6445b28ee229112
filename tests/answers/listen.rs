//! Listening on all addresses: each is answered from itself, also those that come later.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use simple_dns::TYPE;
use support::dns::tcp;
use support::{Etcd, Node, PATIENCE, is_private, question, run, until};

/// What follows the host does so within this time, on a busy machine as well. The goal is 1 s.
const SOON: Duration = Duration::from_secs(3);

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
    // It comes, and goes, and comes again, and another server is still noticed.
    for _ in 0..2 {
        run("ip", &["addr", "add", "10.98.0.3/24", "dev", "br0"]);
        let began = Instant::now();
        until(SOON, "the new one as well", || is_answered_by("10.98.0.3:5300").then_some(()));
        println!("a new address answers for itself after {:?}", began.elapsed());
        run("ip", &["addr", "del", "10.98.0.3/24", "dev", "br0"]);
        until(SOON, "its socket is closed", || (!is_bound("10.98.0.3:5300")).then_some(()));
    }
    let arguments = ["--pattern", support::PATTERN, "--listen", "0.0.0.0:5300"];
    let mut second = Node::start(&arguments);
    assert_eq!(second.wait(PATIENCE).code(), Some(1), "{}", second.log());
    assert!(second.log().contains(" has it: stop that"), "{}", second.log());
}

/// Whether some socket for UDP is bound to this very address.
fn is_bound(address: &str) -> bool {
    run("ss", &["-Hlun"]).split_whitespace().any(|word| word == address)
}

#[test]
fn an_address_that_is_not_here_yet_is_waited_for_only_with_wait() {
    if !is_private!() {
        return;
    }
    for arguments in ["link set lo up", "link add br0 type bridge", "link set br0 up"] {
        run("ip", &arguments.split(' ').collect::<Vec<_>>());
    }
    let etcd = Etcd::start();
    let endpoint = etcd.endpoint();
    let arguments = ["--pattern", support::PATTERN, "--endpoints", &endpoint];
    let listen =
        ["--ipv4", "10.9.9.9", "--listen", "10.98.0.3:5300", "--listen", "[fd00:98::3]:5300"];
    let arguments = [&arguments[..], &listen].concat();
    let mut impatient = Node::start(&arguments);
    assert_eq!(impatient.wait(PATIENCE).code(), Some(1), "{}", impatient.log());
    assert!(impatient.log().contains("give an address of this host"), "{}", impatient.log());
    let node = Node::start(&[&arguments[..], &["--wait"]].concat());
    node.wait_for_log("10.98.0.3:5300 is not on this host yet");
    node.slot();
    assert!(etcd.keys()[0].1.contains("\"5300\""), "{:?}", etcd.keys());
    for (address, listened) in
        [("10.98.0.3/24", "10.98.0.3:5300"), ("fd00:98::3/64", "[fd00:98::3]:5300")]
    {
        run("ip", &["addr", "add", address, "dev", "br0"]);
        let began = Instant::now();
        // Until it is known that no other host has an address of IPv6, it is nobody's.
        until(PATIENCE, listened, || is_answered_by(listened).then_some(()));
        println!("{listened} answers after {:?}", began.elapsed());
        let server = listened.parse().expect("an address");
        assert!(!tcp::ask(server, &question("worker1.tf.local.", TYPE::A)).is_empty());
    }
    let mut second = Node::start(&[&arguments[..], &["--wait"]].concat());
    assert_eq!(second.wait(PATIENCE).code(), Some(1), "{}", second.log());
    assert!(second.log().contains(" has it: stop that"), "{}", second.log());
}
