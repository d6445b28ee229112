//! Two hundred nodes, of which eight watch etcd.

use std::thread;
use std::time::{Duration, Instant};

use crate::alone;
use support::dns::Prober;
use support::node::HERD_PATIENCE;
use support::{Etcd, Node, Signal, lookup, until};

const NODES: u32 = 200;
const WATCHERS: usize = 8;
const OPTIONS: [&str; 8] =
    ["--watchers", "8", "--lease-ttl", "60", "--allow-transfer", "127.0.0.0/8", "--max-lag", "15"];

/// Lets a name change, and returns after how long the last of these had it.
fn change(etcd: &Etcd, nodes: &[&Node], low: u32) -> Duration {
    let address = format!("10.0.0.{low}");
    let began = Instant::now();
    etcd.put("worker300.tf.local.", format!(r#"{{"ipv4":"{address}"}}"#).as_bytes());
    for node in nodes {
        until(HERD_PATIENCE, "the change", || {
            let known = lookup(node.address(), "worker300.tf.local.");
            (known.as_deref() == Some(&address)).then_some(())
        });
    }
    began.elapsed()
}

#[test]
fn two_hundred_nodes_outlive_those_of_them_that_watch() {
    let _alone = alone();
    let etcd = Etcd::start();
    let began = Instant::now();
    let mut nodes: Vec<Node> =
        (1..=NODES).map(|it| Node::on_loopback(40, it, &etcd.endpoint(), &OPTIONS)).collect();
    assert!(Node::slots(&nodes).iter().copied().eq(1..=NODES));
    println!("named after {:.2?}", began.elapsed());
    nodes.sort_by_key(Node::slot);
    for node in &nodes[WATCHERS..] {
        until(HERD_PATIENCE, "the table", || {
            node.log().contains("takes all names from").then_some(())
        });
    }
    let (watching, others) = nodes.split_at_mut(WATCHERS);
    let others: Vec<&Node> = others.iter().collect();
    for node in &others {
        until(HERD_PATIENCE, "all know all", || lookup(node.address(), "worker200.tf.local."));
    }
    println!("all know all after {:.2?}, {} watches", began.elapsed(), etcd.watchers());
    until(HERD_PATIENCE, "few watches", || {
        thread::sleep(Duration::from_millis(200));
        (etcd.watchers() < 8 + 2 * 192 + 16).then_some(())
    });
    println!("a change: {:.2?}", change(&etcd, &others, 1));

    let probers: Vec<Prober> = [9, 100, 199]
        .map(|at: usize| Prober::start(others[at - WATCHERS].address(), "worker100.tf.local."))
        .into();
    let mut low = 2;
    let mut check = |what: &str, longest: u64| {
        let took = change(&etcd, &others, low);
        println!("{what}: a change is everywhere after {took:.2?}");
        assert!(took < Duration::from_secs(longest), "{what}: {took:?}");
        low += 1;
    };
    for node in &mut watching[..3] {
        node.kill();
        check("killed", 2);
    }
    for node in &watching[3..5] {
        node.signal(Signal::STOP);
    }
    // Up to a second until the next question, and up to a second of silence of each, where the next one is the other one
    // that is frozen; then as above: 1 + 1 + 1 + 2.
    check("frozen", 5);
    for node in &watching[3..5] {
        node.signal(Signal::CONT);
    }
    for node in &mut watching[3..] {
        node.kill();
    }
    for node in &others {
        until(HERD_PATIENCE, "etcd is followed", || {
            node.log().contains("following them in etcd until one has").then_some(())
        });
    }
    check("all gone", 3);
    for node in watching.iter_mut() {
        node.restart();
    }
    for node in &others {
        until(HERD_PATIENCE, "back to the table", || {
            (node.log().matches("takes all names from").count() > 1).then_some(())
        });
    }
    until(HERD_PATIENCE, "few watches", || {
        thread::sleep(Duration::from_millis(200));
        (etcd.watchers() <= 8 + 2 * 192).then_some(())
    });
    check("back", 2);
    for prober in probers {
        let seen = prober.stop();
        println!("{seen:?}");
        assert_eq!(seen.lost, 0, "{seen:?}");
    }
}
