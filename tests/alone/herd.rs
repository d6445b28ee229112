//! Many nodes at once: how long it takes, and what it costs etcd.

use std::time::{Duration, Instant};

use crate::alone;
use support::{Etcd, Node, PATIENCE, Signal, lookup, slot_in, until};

/// A fifth of the usual lease, and of the usual time between two proofs that nothing is missed.
const FIVE_TIMES_AS_FAST: [&str; 4] = ["--lease-ttl", "4", "--max-lag", "3"];

/// How many requests a node of `count` costs etcd, but for those that ask for this figure.
fn requests(etcd: &Etcd) -> u64 {
    etcd.handled("")
}

#[test]
fn two_hundred_nodes_at_once_are_all_named_without_gaps() {
    let _alone = alone();
    let etcd = Etcd::start();
    let began = Instant::now();
    let nodes: Vec<Node> = (1..=200)
        .map(|number| Node::in_cluster(&etcd, number, 200, &["--lease-ttl", "60"]))
        .collect();
    let started = began.elapsed();
    let mut slots: Vec<u32> = nodes.iter().map(Node::slot).collect();
    let named = began.elapsed();
    slots.sort_unstable();
    let wanted: Vec<u32> = (1..=200).collect();
    assert_eq!(slots, wanted);
    let transactions = etcd.handled("Txn");
    println!(
        "200 nodes: started in {started:.2?}, named in {named:.2?}, {transactions} transactions"
    );
    // Two for each name, and those above 64 read once whom to ask for the table, a moment later.
    assert!((400..=600).contains(&transactions), "{transactions} transactions");
    let keys: Vec<String> = etcd.keys().into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys.len(), 200, "{keys:?}");
    for node in &nodes {
        node.signal(Signal::TERM);
    }
    until(PATIENCE, "all names released", || etcd.keys().is_empty().then_some(()));
}

#[test]
fn two_hundred_nodes_that_lost_power_with_their_etcd_come_back_under_their_names() {
    let _alone = alone();
    let mut etcd = Etcd::start();
    let mut nodes = Node::herd(&etcd, 200, 250);
    Node::slots(&nodes);
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
    Node::slots(&nodes);
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
fn two_hundred_hosts_without_an_id_that_are_booted_anew_have_their_names_when_the_leases_are_over()
{
    let _alone = alone();
    let etcd = Etcd::start();
    let start = |boot: u32| {
        let node = |number: u32| {
            let id = format!("{boot}.{number}");
            let more = ["--lease-ttl", "20", "--node-id", &id];
            Node::in_cluster(&etcd, number, 250, &more)
        };
        (1..=200).map(node).collect::<Vec<Node>>()
    };
    let own = |node: &Node| slot_in(&node.wait_for_log("claimed worker"));
    let mut nodes = start(1);
    Node::slots(&nodes);
    let before: Vec<u32> = nodes.iter().map(own).collect();
    nodes.iter_mut().for_each(Node::kill);
    let began = Instant::now();
    let nodes = start(2);
    Node::slots(&nodes);
    println!("200 nodes after a boot: all named after {:.2?} with leases of 20 s", began.elapsed());
    let after: Vec<u32> = nodes.iter().map(own).collect();
    let moved = before.iter().zip(&after).filter(|(before, after)| before != after).count();
    assert_eq!(moved, 0, "{before:?} {after:?}");
}

#[test]
fn an_idle_node_costs_etcd_less_than_a_request_every_five_seconds() {
    let _alone = alone();
    let etcd = Etcd::start();
    let nodes: Vec<Node> =
        (1..=20).map(|n| Node::in_cluster(&etcd, n, 20, &FIVE_TIMES_AS_FAST)).collect();
    Node::slots(&nodes);
    // By then those named last have asked what a node asks once.
    let renewed = || etcd.handled("LeaseKeepAlive");
    let wanted = renewed() + nodes.len() as u64;
    until(PATIENCE, "leases renewed", || (renewed() >= wanted).then_some(()));
    let (before, began) = (requests(&etcd), Instant::now());
    std::thread::sleep(Duration::from_secs(15));
    let (count, seconds) = (requests(&etcd) - before, began.elapsed().as_secs_f64());
    let rate = |count: u64| count as f64 / seconds / nodes.len() as f64 / 5.0;
    println!("an idle node costs {:.3} requests a second by default", rate(count));
    // Of what comes over and over, the time holds up to one more than by its rate: a renewal and a proof of each.
    let surely = count.saturating_sub(2 * nodes.len() as u64);
    assert!(rate(count) > 0.17 && rate(surely) < 0.2, "{} {}", rate(count), rate(surely));
}

#[test]
fn a_change_is_answered_by_twenty_nodes_within_50_milliseconds() {
    let _alone = alone();
    let etcd = Etcd::start();
    let nodes = Node::herd(&etcd, 20, 20);
    Node::slots(&nodes);
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
