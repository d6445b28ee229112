//! Many nodes at once: how long it takes, and what it costs etcd.

mod common;

use std::time::{Duration, Instant};

use common::{Etcd, Node, PATIENCE, Signal, lookup, slot_in, until};

/// A minute: nothing here is about leases that end.
const LONG_LEASE: [&str; 2] = ["--lease-ttl", "60"];

/// For as many nodes as have to share two processors here.
const HERD_PATIENCE: Duration = Duration::from_secs(120);

fn start(etcd: &Etcd, count: u32, limit: u32) -> Vec<Node> {
    (1..=count).map(|number| Node::in_cluster(etcd, number, limit, &LONG_LEASE)).collect()
}

/// Waits until each node has claimed a slot, and returns the slots in order.
fn slots(nodes: &[Node]) -> Vec<u32> {
    let mut slots: Vec<u32> = nodes
        .iter()
        .map(|node| {
            until(HERD_PATIENCE, "named", || {
                let log = node.log();
                log.lines().find(|line| line.contains("claimed worker")).map(slot_in)
            })
        })
        .collect();
    slots.sort_unstable();
    slots
}

/// How many requests a node of `count` costs etcd, but for those that ask for this figure.
fn requests(etcd: &Etcd) -> u64 {
    etcd.handled("")
}

#[test]
fn a_thousand_nodes_at_once_are_named_without_gaps_by_two_transactions_each() {
    let etcd = Etcd::start();
    let began = Instant::now();
    let nodes = start(&etcd, 1000, 1000);
    let started = began.elapsed();
    let slots = slots(&nodes);
    let named = began.elapsed();
    let transactions = etcd.handled("Txn");
    println!(
        "1,000 nodes: started in {started:.2?}, all named after {named:.2?}; etcd saw {transactions} \
         transactions and {} requests in all",
        requests(&etcd)
    );
    assert!(slots.iter().copied().eq(1..=1000), "{slots:?}");
    // A claim fails only where a node died, left or pushed in.
    assert!((2000..=2020).contains(&transactions), "{transactions}");
    // etcd is busy telling each node about each other for a while.
    let keys = until(HERD_PATIENCE, "etcd answers", || etcd.try_keys());
    assert!(!keys.iter().any(|(key, _)| key.contains('#')), "no ticket is left");
    let (first, last) = (nodes[0].address(), nodes[999].address());
    for server in [first, last] {
        for slot in [1, 500, 1000] {
            until(PATIENCE, "known", || lookup(server, &format!("worker{slot}.tf.local.")));
        }
    }
}

#[test]
fn two_hundred_nodes_that_lost_power_with_their_etcd_come_back_under_their_names() {
    let mut etcd = Etcd::start();
    let mut nodes = start(&etcd, 200, 250);
    slots(&nodes);
    let own = |node: &Node| slot_in(&node.wait_for_log("claimed worker"));
    let before: Vec<u32> = nodes.iter().map(own).collect();
    etcd.kill();
    for node in &mut nodes {
        node.kill();
    }
    let began = Instant::now();
    for node in &mut nodes {
        node.restart();
    }
    etcd.restart();
    let healthy = began.elapsed();
    slots(&nodes);
    println!(
        "200 nodes after a power cut: etcd healthy after {healthy:.2?}, all named after {:.2?}; \
         {} transactions",
        began.elapsed(),
        etcd.handled("Txn")
    );
    let after: Vec<u32> = nodes.iter().map(own).collect();
    assert_eq!(after, before);
    assert_eq!(etcd.keys().len(), 200);
}

#[test]
fn an_idle_node_costs_etcd_a_keep_alive_every_third_of_its_lease_and_nothing_else() {
    let etcd = Etcd::start();
    let nodes: Vec<Node> =
        (1..=20).map(|n| Node::in_cluster(&etcd, n, 20, &["--lease-ttl", "3"])).collect();
    slots(&nodes);
    let (before, began) = (requests(&etcd), Instant::now());
    std::thread::sleep(Duration::from_secs(6));
    let (count, seconds) = (requests(&etcd) - before, began.elapsed().as_secs_f64());
    let rate = count as f64 / seconds / nodes.len() as f64;
    println!("an idle node costs {rate:.3} requests a second with a lease of 3 s");
    assert!((0.8..=1.1).contains(&rate), "{rate}");
}

#[test]
fn a_change_is_answered_by_twenty_nodes_within_50_milliseconds() {
    let etcd = Etcd::start();
    let nodes = start(&etcd, 20, 20);
    slots(&nodes);
    let mut times = Vec::new();
    for number in 0..200_u32 {
        let address = format!("10.9.{}.{}", number / 100, number % 100);
        etcd.put("worker99.tf.local.", format!(r#"{{"ipv4":"{address}"}}"#).as_bytes());
        let put = Instant::now();
        for node in &nodes {
            until(PATIENCE, "answered", || {
                (lookup(node.address(), "worker99.tf.local.").as_ref() == Some(&address))
                    .then_some(())
            });
        }
        times.push(put.elapsed());
    }
    times.sort_unstable();
    println!("a change on 20 nodes: median {:?}, worst of 200 {:?}", times[100], times[199]);
    assert!(times[100] < Duration::from_millis(50), "{:?}", times[100]);
    for node in &nodes {
        node.signal(Signal::TERM);
    }
}
