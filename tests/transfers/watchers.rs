//! Nodes of which the first few watch etcd, and the others take the table of all names from these.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use simple_dns::TYPE;
use support::dns::{Message, Opt, Prober, Query};
use support::{Etcd, Node, PATIENCE, PATTERN, Proxy, Signal, exchange, lookup, run, until};

use crate::zone::record;

const WATCHERS: usize = 3;

/// Within this all is right again once it can be.
const SOON: Duration = Duration::from_secs(2);

/// Node `number` of a cluster on a loopback network of its own.
fn node(net: u8, number: u32, endpoints: &str, more: &[&str]) -> Node {
    let watchers = WATCHERS.to_string();
    let own = ["--watchers", &watchers, "--max-lag", "6", "--etcd-timeout", "0.5"];
    Node::on_loopback(net, number, endpoints, &[&own[..], more].concat())
}

/// So many nodes, named in order, which know each other.
fn cluster(net: u8, etcd: &Etcd, count: u32) -> Vec<Node> {
    let nodes: Vec<Node> = (1..=count)
        .map(|number| {
            let node = node(net, number, &etcd.endpoint(), &[]);
            assert_eq!(node.slot(), number);
            node
        })
        .collect();
    for node in &nodes[WATCHERS..] {
        node.wait_for_log("takes all names from worker");
    }
    know(&nodes, count as usize);
    nodes
}

/// Waits until each of them knows so many names.
fn know(nodes: &[Node], names: usize) {
    for node in nodes {
        let address = node.address();
        until(PATIENCE, "all are known", || (names_at(address) == names).then_some(()));
    }
}

fn names_at(address: SocketAddr) -> usize {
    dig(address, "worker.tf.local", &["+tcp", "+short"]).lines().count()
}

fn dig(server: SocketAddr, name: &str, more: &[&str]) -> String {
    let (host, port) = (format!("@{}", server.ip()), server.port().to_string());
    run("dig", &[&["+time=2", "+tries=1", "-p", &port, &host, name, "A"][..], more].concat())
}

/// Whether it says that what it answers is not known to be what etcd holds (RFC 8914 §4.4).
fn is_stale(node: &Node) -> bool {
    let query = Query::new("worker1.tf.local.", TYPE::A).with_opt(&Opt::default()).octets();
    let reply = exchange(node.address(), &query, PATIENCE).expect("a reply");
    let opt = Message::read(&reply).expect("a well-formed reply").opt.expect("EDNS");
    opt.options.iter().any(|(code, data)| *code == 15 && data[..2] == [0, 3])
}

/// Waits until each of them says so, or does not any more.
fn become_stale(nodes: &[Node], wanted: bool) {
    for node in nodes {
        let deadline = Instant::now() + PATIENCE;
        while is_stale(node) != wanted {
            assert!(Instant::now() < deadline, "stale: {wanted}: {}", node.log());
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Waits until each of them knows this of a name, and returns for how long that took.
fn see<'a>(
    nodes: impl IntoIterator<Item = &'a Node>,
    number: u32,
    wanted: Option<&str>,
) -> Duration {
    let (name, began) = (format!("worker{number}.tf.local."), Instant::now());
    for node in nodes {
        let address = node.address();
        until(PATIENCE, &format!("{name} is {wanted:?}"), || {
            (lookup(address, &name).as_deref() == wanted).then_some(())
        });
    }
    began.elapsed()
}

/// Lets a name come, and returns how long it took until all of these had it.
fn change<'a>(etcd: &Etcd, nodes: impl IntoIterator<Item = &'a Node>, low: u32) -> Duration {
    etcd.put_all([record(300, low)]);
    see(nodes, 300, Some(&format!("10.0.0.{low}")))
}

/// Checks that it read all names so often at most, and again only where a busy machine kept silent whom it followed.
fn read_all_names(node: &Node, times: usize) {
    let log = node.log();
    let silent = log.matches("is not followed: it does not answer").count();
    assert!(log.matches("takes all names from worker").count() <= times + silent, "{log}");
}

#[test]
fn who_may_not_ask_and_has_a_higher_limit_has_the_table_still() {
    let etcd = Etcd::start();
    // The first ones were started when three names were enough.
    let node = |number: u32, limit: &str| {
        let address = format!("127.41.0.{number}");
        let (listen, endpoint) = (format!("{address}:5399"), etcd.endpoint());
        let (pattern, id) = (["--pattern", PATTERN, "--limit", limit], number.to_string());
        let own = ["--listen", &listen, "--ipv4", &address, "--ipv6", "none", "--node-id", &id];
        let more = ["--endpoints", &endpoint, "--watchers", "3", "--allow", "198.51.100.0/24"];
        let node = Node::start(&[&pattern[..], &own, &more].concat());
        assert_eq!(node.slot(), number);
        node
    };
    let _watching = [1, 2, 3].map(|number| node(number, "3"));
    node(4, "9").wait_for_log("takes all names from worker");
}

#[test]
fn all_know_all_and_few_watch_all_names() {
    let etcd = Etcd::start();
    let nodes = cluster(30, &etcd, 12);
    // All names for three, the own key and its drain for nine.
    until(PATIENCE, "the watches", || (etcd.watchers() == 3 + 2 * 9).then_some(()));
    assert_eq!(dig(nodes[11].address(), "worker12.tf.local", &["+short"]).trim(), "127.30.0.13");
    let took = change(&etcd, &nodes, 7);
    assert!(took < Duration::from_secs(1), "{took:?}");
    etcd.delete("worker300.tf.local.");
    let took = see(&nodes, 300, None);
    assert!(took < Duration::from_secs(1), "{took:?}");
    // For longer than the proofs of the watchers last: nobody calls one of them old that is well.
    thread::sleep(Duration::from_secs(8));
    nodes[WATCHERS..].iter().for_each(|node| read_all_names(node, 1));
    assert!(!nodes.iter().any(is_stale));
    for mut node in nodes {
        node.signal(Signal::TERM);
        assert!(node.wait(PATIENCE).success());
    }
    assert!(!etcd.keys().iter().any(|(key, _)| key.starts_with("worker")), "all is given back");
}

#[test]
fn watchers_that_die_or_stand_still_one_after_the_other_leave_no_gap() {
    let etcd = Etcd::start();
    let mut nodes = cluster(31, &etcd, 9);
    let probers: Vec<Prober> = nodes[WATCHERS..]
        .iter()
        .map(|node| Prober::start(node.address(), "worker9.tf.local."))
        .collect();
    nodes[0].kill();
    let took = change(&etcd, &nodes[WATCHERS..], 1);
    assert!(took < SOON, "killed: {took:?}");
    nodes[1].signal(Signal::STOP);
    let took = change(&etcd, &nodes[WATCHERS..], 2);
    // A second of silence is what tells that it stands still.
    assert!(took < SOON + Duration::from_secs(1), "frozen: {took:?}");
    assert!(!nodes[WATCHERS..].iter().any(is_stale));
    for prober in probers {
        let seen = prober.stop();
        assert!(seen.asked > 100 && seen.lost == 0, "{seen:?}");
    }
    // It is found again, and the last one goes.
    nodes[1].signal(Signal::CONT);
    nodes[2].kill();
    let took = change(&etcd, &nodes[WATCHERS..], 3);
    assert!(took < Duration::from_secs(5), "found again: {took:?}");
}

#[test]
fn where_all_watchers_are_gone_the_others_follow_etcd_until_there_are_some_again() {
    let etcd = Etcd::start();
    let mut nodes = cluster(32, &etcd, 8);
    let prober = Prober::start(nodes[7].address(), "worker8.tf.local.");
    for node in &mut nodes[..WATCHERS] {
        node.kill();
    }
    for node in &nodes[WATCHERS..] {
        node.wait_for_log("following them in etcd until one has");
    }
    let took = change(&etcd, &nodes[WATCHERS..], 1);
    assert!(took < SOON, "{took:?}");
    become_stale(&nodes[WATCHERS..], false);
    for node in &mut nodes[..WATCHERS] {
        node.restart();
    }
    for node in &nodes[WATCHERS..] {
        node.wait_for_logs("takes all names from worker", 2);
    }
    let took = change(&etcd, &nodes, 2);
    assert!(took < Duration::from_secs(1), "{took:?}");
    let seen = prober.stop();
    assert!(seen.lost == 0, "{seen:?}");
    until(PATIENCE, "the watches", || (etcd.watchers() == 3 + 2 * 5).then_some(()));
}

#[test]
fn an_etcd_that_was_away_for_long_costs_few_tables_that_are_read_anew() {
    let etcd = Etcd::start();
    // Of so many names that nobody turns to etcd before those who watch it are in step again.
    etcd.put_all((100..1000).map(|number| record(number, 7)));
    let proxy = Proxy::blind(&etcd.address());
    let start = |number: u32| {
        let node = node(69, number, &proxy.endpoint(), &[]);
        assert_eq!(node.slot(), number);
        node
    };
    let nodes: Vec<Node> = (1..=6).map(start).collect();
    for node in &nodes[WATCHERS..] {
        node.wait_for_log("takes all names from worker");
    }
    see(&nodes, 999, Some("10.0.0.7"));
    proxy.freeze(true);
    become_stale(&nodes, true);
    // They are left for good where they are left.
    for node in &nodes[WATCHERS..] {
        node.wait_for_log("is not followed: it is out of step with etcd");
    }
    proxy.freeze(false);
    become_stale(&nodes, false);
    see(&nodes, 999, Some("10.0.0.7"));
    etcd.put_all([record(999, 9)]);
    see(&nodes, 999, Some("10.0.0.9"));
    for node in &nodes[WATCHERS..] {
        // Once more where another server is in step again a second before theirs.
        read_all_names(node, 2);
        assert!(!node.log().contains("following them in etcd"), "{}", node.log());
    }
}

#[test]
fn watchers_that_are_cut_off_from_etcd_are_left_and_nobody_is_behind_without_saying_so() {
    let etcd = Etcd::start();
    let proxy = Proxy::blind(&etcd.address());
    let start = |number: u32| {
        let endpoints =
            if number as usize <= WATCHERS { proxy.endpoint() } else { etcd.endpoint() };
        let node = node(33, number, &endpoints, &[]);
        assert_eq!(node.slot(), number);
        node
    };
    let nodes: Vec<Node> = (1..=6).map(start).collect();
    know(&nodes, 6);
    proxy.freeze(true);
    let frozen = Instant::now();
    etcd.put_all([record(300, 9)]);
    for node in &nodes[WATCHERS..] {
        let name = "worker300.tf.local.";
        until(PATIENCE, "the change, or that it is stale", || {
            let is_late = frozen.elapsed() > Duration::from_secs(7);
            let is_known = lookup(node.address(), name).is_some();
            assert!(is_known || !is_late || is_stale(node), "{}", node.log());
            is_known.then_some(())
        });
    }
    become_stale(&nodes[WATCHERS..], false);
    proxy.freeze(false);
    let took = see(&nodes, 300, Some("10.0.0.9"));
    assert!(took < Duration::from_secs(8), "{took:?}");
}

#[test]
fn the_own_name_is_looked_after_by_those_that_do_not_watch() {
    let etcd = Etcd::start();
    let nodes = cluster(34, &etcd, 5);
    etcd.delete("worker5.tf.local.");
    nodes[4].wait_for_log("lost worker5.tf.local.: its key was deleted");
    nodes[4].wait_for_log("re-claimed worker5.tf.local.");
    let (key, value) = record(4, 44);
    etcd.put(&key, value.as_bytes());
    nodes[3].wait_for_log("lost worker4.tf.local.: somebody else put a record there");
    nodes[3].wait_for_log("re-claimed worker6.tf.local.");
    see(&nodes, 6, Some("127.34.0.5"));
    see(&nodes, 4, Some("10.0.0.44"));
    for node in &nodes[3..] {
        node.wait_for_logs("takes all names from worker", 2);
    }
}

#[test]
fn where_those_that_should_watch_are_of_another_kind_it_works_as_ever() {
    let etcd = Etcd::start();
    // Of the plugin: they tell no port, and nobody answers there.
    for number in 1..=WATCHERS {
        let value = format!(r#"{{"ipv4":"127.35.9.{number}"}}"#);
        etcd.put(&format!("worker{number}.tf.local."), value.as_bytes());
    }
    let nodes: Vec<Node> = (4..=6)
        .map(|number| {
            let node = node(35, number, &etcd.endpoint(), &[]);
            assert_eq!(node.slot(), number);
            assert_eq!(lookup(node.address(), "worker1.tf.local.").as_deref(), Some("127.35.9.1"));
            node
        })
        .collect();
    for node in &nodes {
        node.wait_for_log("following them in etcd until one has");
    }
    know(&nodes, 6);
    let took = change(&etcd, &nodes, 8);
    assert!(took < SOON && !nodes.iter().any(is_stale), "{took:?}");
}

#[test]
fn etcd_may_be_away_for_a_while() {
    let mut etcd = Etcd::start();
    let nodes = cluster(36, &etcd, 7);
    let prober = Prober::start(nodes[6].address(), "worker1.tf.local.");
    etcd.kill();
    become_stale(&nodes, true);
    etcd.start_again();
    become_stale(&nodes, false);
    let took = change(&etcd, &nodes, 5);
    assert!(took < SOON, "{took:?}");
    let seen = prober.stop();
    assert_eq!(seen.lost, 0, "{seen:?}");
    for (number, node) in (1..).zip(&nodes) {
        let log = node.log();
        assert!(!log.contains("lost worker"), "{number}: {log}");
        // Where no table is left for two seconds, a node turns to etcd, and reads all names there once it is back.
        assert!(log.matches("full sync").count() <= 2, "{number}: {log}");
    }
}

#[test]
fn a_backup_that_is_restored_reaches_those_that_do_not_watch() {
    let mut etcd = Etcd::start();
    let nodes = cluster(37, &etcd, 6);
    etcd.put_all([record(301, 1)]);
    see(&nodes, 301, Some("10.0.0.1"));
    let backup = etcd.snapshot();
    etcd.delete("worker301.tf.local.");
    etcd.put_all([record(302, 2), record(303, 3)]);
    see(&nodes, 301, None);
    see(&nodes, 303, Some("10.0.0.3"));
    etcd.restore(&backup);
    see(&nodes, 301, Some("10.0.0.1"));
    see(&nodes, 302, None);
    see(&nodes, 303, None);
    let took = change(&etcd, &nodes, 6);
    assert!(took < SOON, "{took:?}");
    for (number, node) in (1..).zip(&nodes) {
        see(&nodes, number, Some(&format!("127.37.0.{}", number + 1)));
        assert!(!node.log().contains("lost worker"), "{number}: {}", node.log());
    }
}
