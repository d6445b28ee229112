//! Names that are free while those ahead in the queue take none.

use std::time::{Duration, Instant};

use serde_json::json;
use support::etcd::encode;
use support::{Etcd, Node, PATIENCE, Signal, until};

const LONG_LEASE: [&str; 2] = ["--lease-ttl", "60"];
const WAIT: [&str; 3] = ["--wait", "--lease-ttl", "60"];

/// The time after which somebody goes past others, near the front of the queue, and what a busy machine takes for that.
const SOON: std::ops::Range<f64> = 2.0..5.0;

fn is_named(node: &Node) -> bool {
    node.log().contains(" claimed worker")
}

/// Puts the ticket of a node that is gone, on a lease that outlives the test.
fn put_dead_ticket(etcd: &Etcd, number: u32) {
    let lease = etcd.call("/v3/lease/grant", &json!({"TTL": "3600"}))["ID"].clone();
    let key = encode(format!("worker{{{{.ID}}}}.tf.local.#10.9.9.{number},53"));
    etcd.call("/v3/kv/put", &json!({"key": key, "value": "", "lease": lease}));
}

/// The slot of a node, and how many seconds after `began` it had it.
fn slot_after(node: &Node, began: Instant) -> (u32, f64) {
    (node.slot(), began.elapsed().as_secs_f64())
}

#[test]
fn names_beyond_the_limit_of_those_ahead_are_taken() {
    let etcd = Etcd::start();
    let holders = [1, 2].map(|number| Node::in_cluster(&etcd, number, 2, &LONG_LEASE));
    assert_eq!(Node::slots(&holders), [1, 2]);
    let waiting = [3, 4].map(|number| Node::in_cluster(&etcd, number, 2, &WAIT));
    for node in &waiting {
        node.wait_for_log("no free name of worker{{.ID}}.tf.local.: waiting for one");
    }
    let mut named = Vec::new();
    for (number, slot, options) in [(5, 3, &LONG_LEASE[..]), (6, 4, &WAIT)] {
        let began = Instant::now();
        let node = Node::in_cluster(&etcd, number, 4, options);
        let (found, after) = slot_after(&node, began);
        println!("behind two that may not take it, slot {slot} was taken after {after:.2} s");
        assert!(found == slot && SOON.contains(&after), "{found} {after}: {}", node.log());
        assert!(!node.log().contains("no free name"), "{}", node.log());
        node.wait_for_log(&format!("worker{slot}.tf.local. is free, and none of 2 nodes ahead"));
        named.push(node);
    }
    // Every name within its limit is taken.
    let began = Instant::now();
    let mut last = Node::in_cluster(&etcd, 7, 4, &[]);
    assert_eq!(last.wait(PATIENCE).code(), Some(3), "{}", last.log());
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert!(!waiting.iter().any(is_named));
}

#[test]
fn a_dead_ticket_on_a_long_lease_keeps_no_name_from_others() {
    let etcd = Etcd::start();
    put_dead_ticket(&etcd, 1);
    put_dead_ticket(&etcd, 2);
    let began = Instant::now();
    let nodes = [1, 2].map(|number| Node::in_cluster(&etcd, number, 2, &LONG_LEASE));
    let slots = Node::slots(&nodes);
    let after = began.elapsed().as_secs_f64();
    println!("behind two dead tickets, two nodes had both names after {after:.2} s");
    assert!(slots == [1, 2] && (2.0..5.0).contains(&after), "{slots:?} after {after}");
}

#[test]
fn a_node_that_stands_still_keeps_no_name_from_others_and_waits_on_when_it_wakes() {
    let etcd = Etcd::start();
    let holder = Node::in_cluster(&etcd, 1, 1, &LONG_LEASE);
    holder.slot();
    let waiting = [2, 3].map(|number| {
        let node = Node::in_cluster(&etcd, number, 1, &WAIT);
        node.wait_for_log("waiting for one");
        node
    });
    waiting[0].signal(Signal::STOP);
    let began = Instant::now();
    holder.signal(Signal::TERM);
    let (slot, after) = slot_after(&waiting[1], began);
    assert!(slot == 1 && SOON.contains(&after), "{slot} after {after}: {}", waiting[1].log());
    waiting[0].signal(Signal::CONT);
    waiting[1].signal(Signal::TERM);
    assert_eq!(waiting[0].slot(), 1);
}

#[test]
fn a_free_name_behind_a_dead_ticket_costs_few_transactions_and_goes_to_one_that_waited_longest() {
    let etcd = Etcd::start();
    let holder = Node::in_cluster(&etcd, 0, 1, &LONG_LEASE);
    holder.slot();
    put_dead_ticket(&etcd, 1);
    let waiting: Vec<Node> = (1..=60)
        .map(|number| {
            let node = Node::in_cluster(&etcd, number, 1, &WAIT);
            if number <= 3 {
                node.wait_for_log("waiting for one");
            }
            node
        })
        .collect();
    for node in &waiting {
        node.wait_for_log("waiting for one");
    }
    let before = etcd.handled("Txn");
    let began = Instant::now();
    holder.signal(Signal::TERM);
    // Their turns are 25 ms apart, which a busy machine with 60 nodes may not keep.
    let front = &waiting[..3];
    let taker = until(PATIENCE, "taken", || front.iter().find(|node| is_named(node)));
    let (slot, after) = slot_after(taker, began);
    let others = waiting.iter().filter(|node| node.log().contains("trying to")).count();
    let transactions = etcd.handled("Txn") - before;
    println!(
        "60 waiting behind a dead ticket: taken after {after:.2} s by {transactions} transactions"
    );
    assert!(slot == 1 && SOON.contains(&after), "{slot} after {after}");
    assert!(transactions <= 8 && others <= 8, "{transactions} {others}");
}

#[test]
fn forty_names_behind_as_many_dead_tickets_are_all_taken_within_seconds() {
    let etcd = Etcd::start();
    (0..40).for_each(|number| put_dead_ticket(&etcd, number));
    let began = Instant::now();
    let nodes: Vec<Node> =
        (1..=40).map(|number| Node::in_cluster(&etcd, number, 40, &LONG_LEASE)).collect();
    let slots = Node::slots(&nodes);
    let (after, transactions) = (began.elapsed().as_secs_f64(), etcd.handled("Txn"));
    println!("40 behind 40 dead tickets: named after {after:.2} s by {transactions} transactions");
    assert!(slots.into_iter().eq(1..=40));
    assert!(after < 12.0 && transactions < 40 * 5, "{after} {transactions}");
}
