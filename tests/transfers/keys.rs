//! Nodes that take the table of all names from others, where that has to be signed.

use std::fs;
use std::time::{Duration, Instant};

use support::{Etcd, Node, PATIENCE, lookup, until};

use crate::tsig::{Keys, SECRET};
use crate::zone::record;

/// A node of which the first two watch. What is told in time does not wait for the timer, which comes once a second.
fn node(net: u8, number: u32, etcd: &Etcd, keys: &[&str]) -> Node {
    let mut options = vec!["--watchers", "2", "--max-lag", "60"];
    options.extend(keys.iter().flat_map(|key| ["--tsig-key", key]));
    let node = Node::on_loopback(net, number, &etcd.endpoint(), &options);
    assert_eq!(node.slot(), number);
    node
}

/// A key of the same name with another secret.
fn other_secret(keys: &Keys) -> String {
    let option = keys.option("hmac-sha512");
    let (_, file) = option.rsplit_once(':').expect("a file");
    let text = fs::read_to_string(file).expect("the file");
    let text = text.replace("hmac-sha512", "hmac-sha256");
    fs::write(file, text.replace(SECRET, "YW5vdGhlciBzZWNyZXQ=")).expect("written");
    format!("key-hmac-sha256.tf.local:hmac-sha256:{file}")
}

fn knows(node: &Node, number: u32) {
    let name = format!("worker{number}.tf.local.");
    until(PATIENCE, &name, || lookup(node.address(), &name));
}

#[test]
fn who_has_the_key_takes_the_table_and_is_told_of_changes_at_once() {
    let (etcd, keys) = (Etcd::start(), Keys::write());
    let key = keys.option("hmac-sha256");
    let nodes: Vec<Node> = (1..=5).map(|number| node(60, number, &etcd, &[&key])).collect();
    for follower in &nodes[2..] {
        follower.wait_for_log("takes all names from worker");
    }
    let mut passed = Duration::ZERO;
    for number in 300..310 {
        etcd.put_all([record(number, number)]);
        nodes[..2].iter().for_each(|watcher| knows(watcher, number));
        let began = Instant::now();
        nodes[2..].iter().for_each(|follower| knows(follower, number));
        passed += began.elapsed();
    }
    // By the timer alone it would be most of a second each, for the last of three.
    assert!(passed < Duration::from_millis(3000), "{passed:?}");
    assert!(!nodes.iter().any(|node| node.log().contains("see --tsig-key")));
}

#[test]
fn who_has_not_says_why_once_and_follows_etcd() {
    let (etcd, keys) = (Etcd::start(), Keys::write());
    let key = keys.option("hmac-sha256");
    let other = other_secret(&keys);
    let _watchers: Vec<Node> = (1..=2).map(|number| node(61, number, &etcd, &[&key])).collect();
    let table = [
        (node(61, 3, &etcd, &[&other]), "the secret is another one there (BADSIG)"),
        (node(61, 4, &etcd, &[]), "it is refused: REFUSED"),
    ];
    for (follower, why) in &table {
        follower.wait_for_log("following them in etcd until one has");
        // It is tried again, by what knows nothing of that time but what it said.
        let before = follower.log().matches("no node has a table that can be followed").count();
        follower.wait_for_logs("no node has a table that can be followed", before + 1);
        let log = follower.log();
        assert!(log.contains(why) && !log.contains("takes all names"), "{log}");
        knows(follower, 4);
    }
    let log = table[0].0.log();
    assert_eq!(log.matches("(BADSIG); see --tsig-key").count(), 2, "of each once: {log}");
}

#[test]
fn where_those_that_watch_do_not_sign_their_table_is_not_taken() {
    let (etcd, keys) = (Etcd::start(), Keys::write());
    let key = keys.option("hmac-sha256");
    let _watchers: Vec<Node> = (1..=2).map(|number| node(62, number, &etcd, &[])).collect();
    let follower = node(62, 3, &etcd, &[&key]);
    follower.wait_for_log("the key is not known there (BADKEY); see --tsig-key");
    follower.wait_for_log("following them in etcd until one has");
    knows(&follower, 3);
    assert!(!follower.log().contains("takes all names"));
}
