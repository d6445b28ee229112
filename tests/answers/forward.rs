//! Names of other zones go to other servers, whatever those are like, and ours do not suffer.

use std::io::Write;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use simple_dns::TYPE;
use support::dns::tcp::{connect, framed};
use support::dns::{Query, connected};
use support::free_port;
use support::upstream::{Habit, Upstream};
use support::{Etcd, Node, PATIENCE, Prober, ask, exchange, lookup, question, run, until};

mod cache;
mod file;
mod hops;
mod hosts;
mod networks;
mod servers;
mod zones;

const ELSEWHERE: &str = "www.example.com.";
const GOOD: &str = "192.0.2.80";

/// The figures are printed; what is asserted must hold beside other tests on two processors.
const BUSY_MACHINE: Duration = Duration::from_millis(250);

/// A node that is named, and forwards to these servers.
fn node_forwarding(etcd: &Etcd, servers: &[SocketAddr]) -> Node {
    let servers: Vec<String> = servers.iter().map(SocketAddr::to_string).collect();
    let node = Node::in_cluster(etcd, 1, 5, &["--forward", &servers.join(","), "--cache", "0"]);
    node.slot();
    node
}

fn upstreams(habits: &[Habit]) -> (Vec<Upstream>, Vec<SocketAddr>) {
    let servers: Vec<Upstream> = habits.iter().map(|habit| Upstream::start(*habit)).collect();
    let addresses = servers.iter().map(|server| server.address).collect();
    (servers, addresses)
}

/// The response code and the first address, and how long it took.
fn timed(server: SocketAddr, name: &str) -> (u8, Option<String>, Duration) {
    let began = Instant::now();
    let reply = ask(server, name, TYPE::A);
    (reply.rcode, reply.answers.first().cloned(), began.elapsed())
}

fn dig(server: SocketAddr, more: &[&str]) -> String {
    let (at, port) = (format!("@{}", server.ip()), server.port().to_string());
    run("dig", &[&["-p", &port, &at, "+tries=1", "+time=6"], more].concat())
}

#[test]
fn other_names_are_forwarded_over_udp_and_tcp_and_ours_are_not() {
    let etcd = Etcd::start();
    let (servers, addresses) = upstreams(&[Habit::Good]);
    let node = node_forwarding(&etcd, &addresses);
    for server in node.addresses() {
        let output = dig(server, &["wWw.eXample.com", "+nottlid"]);
        assert!(output.contains("wWw.eXample.com.\tIN\tA\t192.0.2.80"), "{output}");
        assert!(output.contains("flags: qr rd ra;"), "{output}");
        let output = dig(server, &["+tcp", "+short", "www.example.com"]);
        assert_eq!(output.trim(), GOOD);
        let output = dig(server, &["worker1.tf.local"]);
        assert!(output.contains("flags: qr aa rd ra;") && output.contains("10.0.0.2"), "{output}");
    }
    // Reverse names: those of the directory are ours, all others are not.
    assert_eq!(dig(node.address(), &["+short", "-x", "10.0.0.2"]).trim(), "worker1.tf.local.");
    assert!(dig(node.address(), &["-x", "10.9.9.9"]).contains("NOERROR"));
    assert_eq!(servers[0].asked().len(), 5);
    // What nobody could answer for another server is not handed on.
    for (arguments, status) in [
        (&["AXFR", "example.com", "+tcp"][..], "Transfer failed"),
        (&["CH", "TXT", "example.com"], "REFUSED"),
        (&["+opcode=notify", "example.com"], "NOTIMP"),
        (&["nobody.tf.local"], "NXDOMAIN"),
    ] {
        let output = dig(node.address(), arguments);
        assert!(output.contains(status), "{arguments:?}: {output}");
    }
    assert_eq!(servers[0].asked().len(), 5);
    let stats = dig(node.address(), &["+short", "CH", "TXT", "stats.bind"]);
    assert!(stats.contains("\"forwarded 5 unanswered 0\""), "{stats}");
}

#[test]
fn what_is_too_long_comes_over_tcp() {
    let etcd = Etcd::start();
    for habit in [Habit::Truncates, Habit::Overlong] {
        let (_servers, addresses) = upstreams(&[habit]);
        let node = node_forwarding(&etcd, &addresses);
        let query = question(ELSEWHERE, TYPE::A);
        let reply = exchange(node.address(), &query, PATIENCE).expect("a reply");
        assert!(reply[2] & 0x02 != 0 && reply.len() == query.len(), "{habit:?}: {reply:?}");
        assert_eq!(reply[12..], query[12..]);
        assert_eq!(dig(node.address(), &["+short", "www.example.com"]).trim(), GOOD, "{habit:?}");
    }
}

#[test]
fn each_query_has_an_id_and_a_port_of_its_own() {
    let etcd = Etcd::start();
    let (servers, addresses) = upstreams(&[Habit::Good]);
    let node = node_forwarding(&etcd, &addresses);
    for _ in 0..100 {
        assert_eq!(lookup(node.address(), ELSEWHERE).as_deref(), Some(GOOD));
    }
    let asked = servers[0].asked();
    let mut ids: Vec<u16> = asked.iter().map(|asked| asked.id).collect();
    let mut ports: Vec<u16> = asked.iter().map(|asked| asked.from.port()).collect();
    let steps =
        |numbers: &[u16]| numbers.windows(2).filter(|w| w[1] == w[0].wrapping_add(1)).count();
    assert!(steps(&ids) < 3 && steps(&ports) < 20, "not one after the other: {ids:?} {ports:?}");
    for numbers in [&mut ids, &mut ports] {
        numbers.sort_unstable();
        numbers.dedup();
        assert!(numbers.len() > 90, "{numbers:?}");
    }
}

#[test]
fn a_flood_for_a_silent_server_is_bounded_and_own_names_are_answered() {
    let etcd = Etcd::start();
    let (_servers, addresses) = upstreams(&[Habit::Silent]);
    let node = node_forwarding(&etcd, &addresses);
    let before = node.status("VmRSS");
    let prober = Prober::start(node.address(), "worker1.tf.local.");
    let socket = connected(node.address(), Duration::from_secs(6));
    let descriptors = || {
        let path = format!("/proc/{}/fd", node.child.id());
        std::fs::read_dir(path).expect("its descriptors").count()
    };
    let began = Instant::now();
    let reader = std::thread::spawn({
        let socket = socket.try_clone().expect("a socket");
        move || {
            let mut reply = [0; 512];
            let mut failed = 0;
            while failed < 5000 && socket.recv(&mut reply).is_ok() {
                assert_eq!(reply[3] & 0x0f, 2);
                failed += 1;
            }
            failed
        }
    });
    let mut most = 0;
    for number in 0..5000_u16 {
        let query = Query::new(&format!("x{number}.example.com."), TYPE::A).with_id(number);
        socket.send(&query.octets()).expect("sent");
        if number % 50 == 49 {
            most = most.max(descriptors());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    let failed = reader.join().expect("no panic");
    let probed = prober.stop();
    let peak = node.status("VmHWM");
    println!(
        "{failed} of 5,000 told after {:?}, at most {most} descriptors; resident {before}, at most \
         {peak}; own zone meanwhile: {probed:?}",
        began.elapsed()
    );
    assert!(failed > 4500, "some may have been lost on the way: {failed}");
    assert!(began.elapsed() < Duration::from_secs(12) && most < 600);
    assert!(probed.lost == 0 && probed.worst < BUSY_MACHINE, "{probed:?}");
    until(PATIENCE, "all sockets closed", || (descriptors() < 25).then_some(()));
    assert_eq!(node.status("Threads"), "1");
}

/// A node on this port that forwards as it is told.
fn on_port(etcd: &Etcd, number: u32, port: u16, forward: &[&str]) -> Node {
    let (endpoint, address) = (etcd.endpoint(), format!("10.0.0.{number}"));
    let (pattern, listen) = (["--pattern", support::PATTERN], format!("127.0.0.1:{port}"));
    let own = ["--endpoints", &endpoint, "--listen", &listen, "--ipv4", &address];
    let forward: Vec<&str> = forward.iter().flat_map(|to| ["--forward", *to]).collect();
    let node = Node::start(&[&pattern[..], &own, &forward].concat());
    node.slot();
    node
}

#[test]
fn a_circle_for_the_names_of_one_zone_is_found_and_is_none_for_others() {
    let (etcd, name) = (Etcd::start(), "www.corp.example.");
    let leads_back = |node: &Node| node.log().contains("sends them back to this node");
    let (_servers, addresses) = upstreams(&[Habit::Good]);
    let good = addresses[0].to_string();
    // Both have the same option, by which each asks the other one first.
    let ports = [free_port(), free_port()];
    let all = format!("corp.example=127.0.0.1:{},127.0.0.1:{},{good}", ports[0], ports[1]);
    let nodes = [(1, ports[0]), (2, ports[1])].map(|(n, port)| on_port(&etcd, n, port, &[&all]));
    for node in &nodes {
        assert_eq!(lookup(node.address(), name).as_deref(), Some(GOOD));
    }
    assert!(nodes.iter().any(leads_back), "{}", nodes[0].log());
    for node in &nodes {
        let (rcode, _, took) = timed(node.address(), "other.corp.example.");
        assert!(rcode == 0 && took < Duration::from_millis(500), "{rcode} {took:?}");
    }
    // Each asks the other one for the names that it does not have.
    let ports = [free_port(), free_port()];
    let first = [format!("corp.example=127.0.0.1:{}", ports[1]), good.clone()];
    let second = [format!("corp.example={good}"), format!("127.0.0.1:{}", ports[0])];
    let nodes = [(3, ports[0], first), (4, ports[1], second)]
        .map(|(n, port, [zone, others])| on_port(&etcd, n, port, &[&zone, &others]));
    for (node, name) in nodes.iter().flat_map(|node| [(node, name), (node, ELSEWHERE)]) {
        assert_eq!(lookup(node.address(), name).as_deref(), Some(GOOD), "{name}");
    }
    std::thread::sleep(Duration::from_millis(300));
    for node in &nodes {
        assert_eq!(lookup(node.address(), "more.corp.example.").as_deref(), Some(GOOD));
        assert!(!leads_back(node), "{}", node.log());
    }
}

#[test]
fn queries_do_not_go_in_circles() {
    let etcd = Etcd::start();
    let ports = [free_port(), free_port(), free_port()];
    let to = |number: usize| format!("127.0.0.1:{}", ports[number % 3]);
    let nodes: Vec<Node> =
        (0..3).map(|n| on_port(&etcd, n as u32 + 1, ports[n], &[&to(n + 1)])).collect();
    for node in &nodes {
        let (rcode, _, took) = timed(node.address(), ELSEWHERE);
        assert_eq!(rcode, 2);
        assert!(took < Duration::from_secs(1), "{took:?}");
    }
    assert!(nodes.iter().any(|node| node.log().contains("sends them back to this node")));
    let forwarded: u32 = nodes.iter().map(forwarded).sum();
    assert!(forwarded < 50, "{forwarded} times round");
    for node in &nodes {
        assert!(lookup(node.address(), "worker1.tf.local.").is_some());
    }
    // All addresses but its own.
    let (_servers, addresses) = upstreams(&[Habit::Good]);
    let port = free_port();
    let node = on_port(&etcd, 7, port, &[&format!("127.0.0.1:{port},{}", addresses[0])]);
    assert_eq!(lookup(node.address(), ELSEWHERE).as_deref(), Some(GOOD));
    assert!(node.log().contains(&format!("forwarding to {}\n", addresses[0])), "{}", node.log());
    let port = free_port();
    let alone = on_port(&etcd, 8, port, &[&format!("127.0.0.1:{port}")]);
    assert_eq!(timed(alone.address(), ELSEWHERE).0, 2);
    assert!(alone.log().contains("no server to forward to"), "{}", alone.log());
}

#[test]
fn what_of_a_file_is_not_asked_is_told_and_why() {
    let (etcd, directory) = (Etcd::start(), support::Directory::new());
    let file = directory.file("resolv");
    let node = Node::in_cluster(&etcd, 1, 5, &["--forward", &file]);
    node.wait_for_log(&format!(
        "--forward: {file}: No such file or directory (os error 2); create"
    ));
    let line = node.wait_for_log("no server to forward to");
    assert!(!line.contains("other than this one"), "{line}");
    std::fs::write(&file, "nameserver fe80::1%eth0\nnameserver 127.0.0.1 # here\n")
        .expect("written");
    until(PATIENCE, "it is read", || {
        let _ = ask(node.address(), ELSEWHERE, TYPE::A);
        node.log().contains("forwarding to 127.0.0.1:53").then_some(())
    });
    let wanted = format!("--forward: {file}: nameserver \"fe80::1%eth0\" is not asked: addresses");
    assert_eq!(node.log().matches(&wanted).count(), 1, "{}", node.log());
}

fn forwarded(node: &Node) -> u32 {
    let text = dig(node.address(), &["+short", "CH", "TXT", "forwarded.bind"]);
    let numbers =
        text.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse::<u32>().ok());
    numbers.sum()
}

#[test]
fn who_may_not_ask_is_not_forwarded() {
    let etcd = Etcd::start();
    let (servers, addresses) = upstreams(&[Habit::Good]);
    let forward = addresses[0].to_string();
    let node = Node::in_cluster(&etcd, 1, 5, &["--forward", &forward, "--allow", "10.0.0.0/8"]);
    node.slot();
    assert_eq!(timed(node.address(), ELSEWHERE).0, 5);
    assert!(servers[0].asked().is_empty());
}

#[test]
fn a_client_that_is_gone_costs_nothing_while_its_answer_is_awaited() {
    let etcd = Etcd::start();
    let (servers, addresses) = upstreams(&[Habit::Silent]);
    let node = node_forwarding(&etcd, &addresses);
    let mut stream = connect(node.address());
    stream.write_all(&framed(&question(ELSEWHERE, TYPE::A))).expect("sent");
    stream.shutdown(std::net::Shutdown::Write).expect("shut");
    until(PATIENCE, "it is sent on", || (!servers[0].asked().is_empty()).then_some(()));
    // Closed without a farewell: the other side hears of a reset.
    let at_once = Some(Duration::ZERO);
    rustix::net::sockopt::set_socket_linger(&stream, at_once).expect("set");
    drop(stream);
    let before = node.cpu();
    std::thread::sleep(Duration::from_secs(2));
    let spent = node.cpu() - before;
    println!("{spent:?} in 2 s");
    assert!(spent < Duration::from_millis(500), "{spent:?}");
}
