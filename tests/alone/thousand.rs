//! A thousand nodes at once.

use std::time::Instant;

use crate::alone;
use support::node::HERD_PATIENCE;
use support::{Etcd, Node, lookup, until};

#[test]
fn a_thousand_nodes_at_once_are_named_without_gaps_by_two_transactions_each() {
    let _alone = alone();
    let etcd = Etcd::start();
    // No lease ends meanwhile, however busy the machine is: that would be a claim more.
    let (endpoint, more) = (etcd.endpoint(), ["--lease-ttl", "60"]);
    let began = Instant::now();
    let nodes: Vec<Node> =
        (1..=1000).map(|number| Node::on_loopback(21, number, &endpoint, &more)).collect();
    let started = began.elapsed();
    let slots = Node::slots(&nodes);
    let named = began.elapsed();
    let transactions = etcd.handled("Txn");
    println!(
        "1,000 nodes: started in {started:.2?}, all named after {named:.2?}; etcd saw {transactions} \
         transactions and {} requests in all",
        etcd.handled("")
    );
    assert!(slots.iter().copied().eq(1..=1000), "{slots:?}");
    // Beside the two those above 64 read once whom to ask for the table, if that was not told before. More only where
    // etcd was too busy to reply in time, and a node asked again.
    assert!((2000..=3436).contains(&transactions), "{transactions}");
    // etcd is busy telling each node about each other for a while.
    let keys = until(HERD_PATIENCE, "etcd answers", || etcd.try_keys());
    assert!(!keys.iter().any(|(key, _)| key.contains('#')), "no ticket is left");
    let (first, last) = (nodes[0].address(), nodes[999].address());
    for server in [first, last] {
        for slot in [1, 500, 1000] {
            until(HERD_PATIENCE, "known", || lookup(server, &format!("worker{slot}.tf.local.")));
        }
    }
}
