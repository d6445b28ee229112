//! More nodes than slots: who waits, who is told, and in which order.

use std::time::{Duration, Instant};

use support::etcd::encode;
use support::{Etcd, Node, PATIENCE, Signal, lookup, until};

const SHORT_LEASE: [&str; 2] = ["--lease-ttl", "3"];
const WAIT: [&str; 3] = ["--wait", "--lease-ttl", "3"];

fn tickets(etcd: &Etcd) -> usize {
    etcd.keys().iter().filter(|(key, _)| key.contains('#')).count()
}

fn is_named(node: &Node) -> bool {
    node.log().contains(" claimed worker")
}

#[test]
fn who_waits_serves_dns_and_gets_the_next_free_slot_first_come_first_served() {
    let etcd = Etcd::start();
    let mut holders: Vec<Node> =
        (1..=2).map(|number| Node::in_cluster(&etcd, number, 2, &SHORT_LEASE)).collect();
    for holder in &holders {
        holder.slot();
    }
    let mut waiting = Vec::new();
    for number in 3..=6 {
        let node = Node::in_cluster(&etcd, number, 2, &WAIT);
        let line = node.wait_for_log("no free name of worker{{.ID}}.tf.local.: waiting for one");
        assert!(line.ends_with(&format!("{} nodes ahead", number - 3)), "{line}");
        until(PATIENCE, "served meanwhile", || lookup(node.address(), "worker2.tf.local."));
        waiting.push(node);
    }
    assert_eq!(tickets(&etcd), 4);
    // One in the middle of the queue dies, and one crashes and comes back, which costs no place.
    waiting.remove(1).kill();
    until(PATIENCE, "its ticket ends", || (tickets(&etcd) == 3).then_some(()));
    waiting[1].kill();
    waiting[1].restart();
    let line = waiting[1].wait_for_log("waiting for one");
    assert!(line.ends_with("1 nodes ahead"), "{line}");
    while !waiting.is_empty() {
        let leaving = holders.remove(0);
        let slot =
            leaving.log().lines().rev().find(|l| l.contains("claimed")).map(support::slot_in);
        let began = Instant::now();
        leaving.signal(Signal::TERM);
        let next = waiting.remove(0);
        assert_eq!(Some(next.slot()), slot);
        println!("a freed slot was taken after {:?}", began.elapsed());
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        assert!(!waiting.iter().any(is_named), "first come, first served");
        holders.push(next);
    }
    assert_eq!(tickets(&etcd), 0);
}

#[test]
fn a_free_slot_costs_etcd_few_transactions_however_many_are_waiting() {
    let etcd = Etcd::start();
    let holder = Node::in_cluster(&etcd, 0, 1, &["--lease-ttl", "60"]);
    holder.slot();
    let options = ["--wait", "--lease-ttl", "60"];
    let mut waiting: Vec<Node> =
        (1..=50).map(|number| Node::in_cluster(&etcd, number, 1, &options)).collect();
    for node in &waiting {
        node.wait_for_log("waiting for one");
    }
    let before = etcd.handled("Txn");
    holder.signal(Signal::TERM);
    until(PATIENCE, "one has it", || waiting.iter().any(is_named).then_some(()));
    let first = waiting.iter().position(is_named).expect("one");
    let second = waiting.swap_remove(first);
    second.signal(Signal::TERM);
    until(PATIENCE, "the next one has it", || waiting.iter().any(is_named).then_some(()));
    let transactions = etcd.handled("Txn") - before;
    println!("50 waiting, two slots freed: {transactions} transactions");
    // The next in line may see the ticket ahead leave before it sees the slot taken, and try.
    assert!((2..=6).contains(&transactions), "{transactions}");
}

#[test]
fn without_wait_all_but_as_many_as_there_are_slots_are_told() {
    let etcd = Etcd::start();
    let mut nodes: Vec<Node> =
        (1..=30).map(|number| Node::in_cluster(&etcd, number, 20, &[])).collect();
    until(PATIENCE, "20 named and 10 ended", || {
        let ended = nodes.iter_mut().filter_map(|node| node.child.try_wait().expect("its state"));
        let told = ended.filter(|status| status.code() == Some(3)).count();
        (told == 10 && nodes.iter().filter(|node| is_named(node)).count() == 20).then_some(())
    });
    let keys = etcd.keys();
    assert_eq!(keys.len(), 20, "no ticket is left: {keys:?}");
}

#[test]
fn a_node_that_crashes_in_a_loop_takes_one_place_and_one_name() {
    let etcd = Etcd::start();
    let mut crashing = Node::in_cluster(&etcd, 1, 9, &[]);
    for round in 0..20_u64 {
        // At a different moment of its start each time.
        std::thread::sleep(Duration::from_millis(round));
        crashing.kill();
        crashing.restart();
    }
    let neighbours: Vec<Node> =
        (2..=4).map(|number| Node::in_cluster(&etcd, number, 9, &[])).collect();
    let mut slots: Vec<u32> = neighbours.iter().chain([&crashing]).map(Node::slot).collect();
    slots.sort_unstable();
    assert_eq!(slots, [1, 2, 3, 4]);
    assert_eq!(etcd.keys().len(), 4);
}

#[test]
fn more_nodes_than_slots_that_start_together_and_wait_do_not_keep_etcd_busy() {
    let etcd = Etcd::start();
    let options = ["--wait", "--lease-ttl", "60"];
    let nodes: Vec<Node> =
        (1..=25).map(|number| Node::in_cluster(&etcd, number, 5, &options)).collect();
    until(PATIENCE, "five named, twenty waiting", || {
        let waiting = nodes.iter().filter(|node| node.log().contains("waiting for one")).count();
        let named = nodes.iter().filter(|node| is_named(node)).count();
        (named == 5 && waiting >= 20 && tickets(&etcd) == 20).then_some(())
    });
    let transactions = etcd.handled("Txn");
    println!("25 nodes for 5 slots: {transactions} transactions");
    assert!(transactions <= 25 * 4, "{transactions}");
    let before = etcd.handled("");
    std::thread::sleep(Duration::from_secs(2));
    let after = etcd.handled("");
    assert!(after - before <= 5, "who waits asks nothing: {}", after - before);
}

#[test]
fn a_claim_that_is_carried_out_late_is_recognised_while_waiting() {
    let etcd = Etcd::start();
    let holder = Node::in_cluster(&etcd, 1, 1, &["--lease-ttl", "60"]);
    holder.slot();
    let waiting = Node::in_cluster(&etcd, 2, 1, &["--wait", "--lease-ttl", "60"]);
    waiting.wait_for_log("waiting for one");
    let ticket = etcd.keys().into_iter().map(|(key, _)| key).find(|key| key.contains('#'));
    let lease = etcd.lease_of(&ticket.expect("a ticket")).expect("a lease");
    // What the network held back: its record, on its lease.
    let record = r#"{"ipv4":"10.0.0.3","ipv6":"fd00::3","port":"53"}"#;
    let put = serde_json::json!({
        "key": encode("worker1.tf.local."), "value": encode(record), "lease": lease});
    etcd.call("/v3/kv/put", &put);
    assert_eq!(waiting.slot(), 1);
    holder.wait_for_log("somebody else put a record there");
}
