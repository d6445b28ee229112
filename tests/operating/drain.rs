//! `idetcd drain` and `undrain`: a node that is drained is not in its group, on any node, and everywhere under
//! its own name.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use simple_dns::TYPE;
use support::dns::ask;
use support::etcd::encode;
use support::{Etcd, Node, PATIENCE, Signal, ended, lookup, until};

const GROUP: &str = "worker.tf.local";

/// The time in which a node that is drained is out of the group everywhere. Where the machine is busy it
/// may take more.
const WANTED: Duration = Duration::from_millis(100);

/// The addresses of the group as a node tells them.
fn group(node: &Node) -> Vec<String> {
    let mut addresses = ask(node.address(), GROUP, TYPE::A).answers;
    addresses.sort();
    addresses
}

fn addresses(numbers: &[u32]) -> Vec<String> {
    numbers.iter().map(|number| format!("10.0.0.{}", number + 1)).collect()
}

/// Waits until all of them tell this group, and says how long that took.
fn wait_for_group(nodes: &[&Node], numbers: &[u32]) -> Duration {
    let (began, wanted) = (Instant::now(), addresses(numbers));
    for node in nodes {
        until(PATIENCE, "the group", || (group(node) == wanted).then_some(()));
    }
    began.elapsed()
}

/// So many nodes, named in order.
fn nodes(etcd: &Etcd, count: u32) -> Vec<Node> {
    let start = |number| {
        let node = Node::in_cluster(etcd, number, 9, &["--lease-ttl", "60"]);
        assert_eq!(node.slot(), number);
        node
    };
    (1..=count).map(start).collect()
}

fn note(etcd: &Etcd, slot: u32) -> String {
    let listed = ended("list", &etcd.endpoint(), &[]).good();
    let line = listed.lines().find(|line| line.starts_with(&format!("{slot}\t")));
    line.and_then(|line| line.rsplit('\t').next()).expect("its line").to_owned()
}

#[test]
fn a_drained_node_is_out_of_the_group_everywhere_at_once_and_keeps_its_name() {
    let etcd = Etcd::start();
    let nodes = nodes(&etcd, 5);
    let all: Vec<&Node> = nodes.iter().collect();
    wait_for_group(&all, &[1, 2, 3, 4, 5]);
    let own_key = etcd.mod_revision_of("worker2.tf.local.");
    let drain = |words: &[&str]| ended("drain", &etcd.endpoint(), words);
    let out = drain(&["2", "--reason", "disk"]).good();
    assert_eq!(out, "drained worker2.tf.local., which is 10.0.0.3 fd00::3 port 53\n");
    let took = wait_for_group(&all, &[1, 3, 4, 5]);
    println!("5 nodes: out of the group {took:?} after the tool's end");
    for node in &nodes {
        assert_eq!(lookup(node.address(), "worker2.tf.local").as_deref(), Some("10.0.0.3"));
        assert_eq!(ask(node.address(), GROUP, TYPE::SRV).answers.len(), 4);
        assert_eq!(ask(node.address(), GROUP, TYPE::AAAA).answers.len(), 4);
    }
    assert_eq!(note(&etcd, 2), "drained: disk");
    let listed = ended("list", &etcd.endpoint(), &["--json"]).good();
    let listed: Value = serde_json::from_str(&listed).expect("JSON");
    let second = &listed["nodes"][1];
    let told = [&second["ready"], &second["drained"], &second["reason"]];
    assert_eq!(told, [&json!(true), &json!(true), &json!("disk")]);
    assert_eq!(listed["others"], json!([]), "a drain is not among other keys");
    assert_eq!(etcd.mod_revision_of("worker2.tf.local."), own_key, "its own key is left alone");
    // The same again changes nothing; another reason does.
    let revision = etcd.revision();
    assert_eq!(
        drain(&["worker2", "--reason", "disk"]).good(),
        "worker2.tf.local. is drained already\n"
    );
    assert_eq!(etcd.revision(), revision);
    drain(&["2"]).good();
    assert_eq!(note(&etcd, 2), "drained");
    let out = ended("undrain", &etcd.endpoint(), &["2"]).good();
    assert_eq!(out, "worker2.tf.local. is drained no more\n");
    wait_for_group(&all, &[1, 2, 3, 4, 5]);
    assert!(!etcd.has("worker:2.tf.local."));
}

#[test]
fn how_long_it_takes_from_the_put_to_all_nodes() {
    let etcd = Etcd::start();
    let nodes = nodes(&etcd, 5);
    let all: Vec<&Node> = nodes.iter().collect();
    wait_for_group(&all, &[1, 2, 3, 4, 5]);
    let lease = etcd.lease_of("worker3.tf.local.");
    let (key, mut times) = (encode("worker:3.tf.local."), Vec::new());
    for _ in 0..20 {
        let began = Instant::now();
        etcd.call("/v3/kv/put", &json!({"key": key, "value": "", "lease": lease}));
        wait_for_group(&all, &[1, 2, 4, 5]);
        times.push(began.elapsed());
        etcd.delete("worker:3.tf.local.");
        wait_for_group(&all, &[1, 2, 3, 4, 5]);
    }
    times.sort_unstable();
    let (median, worst) = (times[times.len() / 2], times[times.len() - 1]);
    println!(
        "from the put to all of 5 nodes: median {median:?}, worst {worst:?} of {}",
        times.len()
    );
    assert!(median < WANTED * 10, "{times:?}");
}

#[test]
fn whoever_has_the_name_next_is_not_drained() {
    let etcd = Etcd::start();
    let mut nodes = nodes(&etcd, 2);
    let drain = || ended("drain", &etcd.endpoint(), &["2"]).good();
    drain();
    wait_for_group(&[&nodes[0], &nodes[1]], &[1]);
    // The same node in another life, which takes its name over within the lease.
    nodes[1].kill();
    nodes[1].restart();
    nodes[1].wait_for_log("claimed worker2.tf.local.");
    wait_for_group(&[&nodes[0], &nodes[1]], &[1, 2]);
    until(PATIENCE, "gone", || (!etcd.has("worker:2.tf.local.")).then_some(()));
    // Another node, after the name was given back.
    drain();
    wait_for_group(&[&nodes[0], &nodes[1]], &[1]);
    nodes[1].signal(Signal::TERM);
    assert_eq!(nodes[1].wait(PATIENCE).code(), Some(0));
    assert!(!etcd.has("worker2.tf.local.") && !etcd.has("worker:2.tf.local."), "with the lease");
    let other = Node::in_cluster(&etcd, 7, 9, &[]);
    assert_eq!(other.slot(), 2);
    wait_for_group(&[&nodes[0], &other], &[1, 7]);
}

#[test]
fn new_addresses_do_not_end_it_and_a_name_that_was_lost_for_a_moment_stays_drained() {
    let etcd = Etcd::start();
    let nodes = nodes(&etcd, 2);
    ended("drain", &etcd.endpoint(), &["2"]).good();
    wait_for_group(&[&nodes[0], &nodes[1]], &[1]);
    // Its node takes it again at once, under the same lease.
    etcd.delete("worker2.tf.local.");
    nodes[1].wait_for_log("re-claimed worker2.tf.local.");
    until(PATIENCE, "back", || lookup(nodes[0].address(), "worker2.tf.local"));
    wait_for_group(&[&nodes[0], &nodes[1]], &[1]);
    assert_eq!(note(&etcd, 2), "drained");
    // Another one's record, and another lease: it is not meant.
    etcd.put_leased("worker2.tf.local.", br#"{"ipv4":"10.0.0.9"}"#, 60);
    let told = || lookup(nodes[0].address(), "worker2.tf.local").filter(|ip| ip == "10.0.0.9");
    until(PATIENCE, "another", told);
    until(PATIENCE, "in the group", || {
        group(&nodes[0]).contains(&"10.0.0.9".to_owned()).then_some(())
    });
}

#[test]
fn all_drained_is_no_data_and_the_nodes_of_the_plugin_are_ready() {
    let etcd = Etcd::start();
    let nodes = nodes(&etcd, 2);
    let all: Vec<&Node> = nodes.iter().collect();
    etcd.put_leased("worker5.tf.local.", br#"{"ipv4":"10.0.0.6","port":"53"}"#, 60);
    wait_for_group(&all, &[1, 2, 5]);
    for name in ["1", "worker2"] {
        ended("drain", &etcd.endpoint(), &[name]).good();
    }
    wait_for_group(&all, &[5]);
    ended("drain", &etcd.endpoint(), &["5"]).good();
    wait_for_group(&all, &[]);
    for node in &nodes {
        for rrtype in [TYPE::A, TYPE::AAAA, TYPE::SRV] {
            let reply = ask(node.address(), GROUP, rrtype);
            assert_eq!((reply.rcode, reply.answers.len()), (0, 0), "{reply:?}");
            assert_eq!(reply.authority.len(), 1, "the SOA of a denial: {reply:?}");
        }
        assert!(lookup(node.address(), "worker5.tf.local").is_some());
    }
    ended("undrain", &etcd.endpoint(), &["2"]).good();
    wait_for_group(&all, &[2]);
}

#[test]
fn an_address_of_two_nodes_stays_while_one_of_them_is_in_the_group() {
    let etcd = Etcd::start();
    let node = Node::in_cluster(&etcd, 1, 9, &[]);
    assert_eq!(node.slot(), 1);
    etcd.put_leased("worker2.tf.local.", br#"{"ipv4":"10.0.0.2","port":"1054"}"#, 60);
    let ports = || ask(node.address(), GROUP, TYPE::SRV).answers.len();
    until(PATIENCE, "both", || (ports() == 2).then_some(()));
    ended("drain", &etcd.endpoint(), &["1"]).good();
    until(PATIENCE, "one", || (ports() == 1).then_some(()));
    assert_eq!(group(&node), addresses(&[1]));
    ended("drain", &etcd.endpoint(), &["2"]).good();
    wait_for_group(&[&node], &[]);
    ended("undrain", &etcd.endpoint(), &["1"]).good();
    wait_for_group(&[&node], &[1]);
}

#[test]
fn what_cannot_be_drained_is_told_in_one_line() {
    let etcd = Etcd::start();
    etcd.put("worker3.tf.local.", br#"{"ipv4":"10.0.0.3"}"#);
    etcd.put_leased("worker4.tf.local.", b"x", 60);
    etcd.put_leased("worker5.tf.local.", br#"{"ipv4":"10.0.0.5"}"#, 60);
    let revision = etcd.revision();
    for (word, name, status, text) in [
        ("drain", "1", 1, "worker1.tf.local. is nobody's: there is nothing to drain"),
        ("undrain", "1", 1, "worker1.tf.local. is nobody's, and so not drained"),
        ("undrain", "5", 1, "worker5.tf.local. is not drained"),
        ("drain", "3", 1, "worker3.tf.local. is 10.0.0.3, put by hand, on no lease"),
        ("drain", "4", 1, "worker4.tf.local. holds no record"),
        ("drain", "0", 2, "\"0\" is no name or number of worker{{.ID}}.tf.local."),
        ("undrain", "ps1.tf.local.", 2, "\"ps1.tf.local.\" is no name or number"),
    ] {
        let line = ended(word, &etcd.endpoint(), &[name]).complaint(status);
        assert!(line.contains(text), "{line}");
    }
    assert_eq!(etcd.revision(), revision, "nothing was written");
}

#[test]
fn the_permission_for_the_names_is_enough() {
    let mut etcd = Etcd::start();
    etcd.require_users("node", "secret", "worker");
    let user = ["--user", "node:secret"];
    let node = Node::in_cluster(&etcd, 1, 9, &user);
    assert_eq!(node.slot(), 1);
    wait_for_group(&[&node], &[1]);
    ended("drain", &etcd.endpoint(), &[&user[..], &["1"]].concat()).good();
    wait_for_group(&[&node], &[]);
    ended("undrain", &etcd.endpoint(), &[&user[..], &["1"]].concat()).good();
    wait_for_group(&[&node], &[1]);
    let line = ended("drain", &etcd.endpoint(), &["1"]).complaint(1);
    assert!(line.contains("user"), "{line}");
}

#[test]
fn who_starts_later_or_was_away_knows_it_as_well() {
    let mut etcd = Etcd::start();
    let nodes = nodes(&etcd, 2);
    etcd.kill();
    etcd.restart();
    ended("drain", &etcd.endpoint(), &["1", "--etcd-timeout", "20"]).good();
    wait_for_group(&[&nodes[0], &nodes[1]], &[2]);
    let late = Node::in_cluster(&etcd, 3, 9, &[]);
    assert_eq!(late.slot(), 3);
    wait_for_group(&[&nodes[0], &nodes[1], &late], &[2, 3]);
}

#[test]
fn a_drained_node_says_so_and_can_be_asked_all_the_same() {
    let etcd = Etcd::start();
    let nodes = nodes(&etcd, 2);
    ended("drain", &etcd.endpoint(), &["2", "--reason", "new disk"]).good();
    wait_for_group(&[&nodes[1]], &[1]);
    let place = format!("@{}", nodes[1].address());
    let text = support::run(support::idetcd(), &["status", &place]);
    assert!(text.contains("group      1 node; this one is drained: new disk\n"), "{text}");
    let text = support::run(support::idetcd(), &["ready", "--timeout", "10", &place]);
    assert_eq!(text.trim(), "worker2.tf.local");
}
