//! A node that had no way to etcd for longer than its lease, and has one again.

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::{Duration, Instant};

use support::network::{Cut, HUB, Host, Network};
use support::{Cluster, Node, is_private, until};

/// Pauses between attempts have grown as long as they ever do by then.
const OUTAGE: Duration = Duration::from_secs(24);

/// The time in which all are named again on a busy machine. The goal is 1 s.
const SOON: Duration = Duration::from_secs(2);

#[test]
fn the_name_is_claimed_again_within_a_second_of_etcd_being_there() {
    if !is_private!() {
        return;
    }
    let network = Network::set_up();
    let cluster = Cluster::start_at(HUB, 1);
    let hosts: Vec<Host> = (1..=6).map(|number| network.host(number)).collect();
    let start = |host: &Host| Node::on(*host, &cluster.endpoints(), 9, &["--lease-ttl", "4"]);
    let nodes: Vec<Node> = hosts.iter().map(start).collect();
    nodes.iter().for_each(|node| _ = node.slot());
    // Of three the packets are dropped on their way, which nothing tells, and three have no cable.
    let (cut, unplugged) = hosts.split_at(3);
    cut.iter().for_each(|host| host.cut(Cut::Both));
    unplugged.iter().for_each(|host| host.plug(false));
    let began = Instant::now();
    until(OUTAGE, "all leases are over", || cluster.any().keys().is_empty().then_some(()));
    sleep(OUTAGE.saturating_sub(began.elapsed()));
    let mut named = BTreeMap::new();
    for host in &hosts {
        let mended = Instant::now();
        if unplugged.iter().any(|it| it.address() == host.address()) {
            host.plug(true);
        } else {
            host.heal();
        }
        named.insert(host.address(), (mended, None));
    }
    until(OUTAGE, "all are named again", || {
        let keys = cluster.any().keys();
        for (address, (mended, after)) in &mut named {
            let is_there = keys.iter().any(|(_, value)| value.contains(&format!("\"{address}\"")));
            if is_there && after.is_none() {
                *after = Some(mended.elapsed());
            }
        }
        named.values().all(|(_, after)| after.is_some()).then_some(())
    });
    for (address, (_, after)) in &named {
        println!("{address} is named again after {:.2} s", after.expect("a time").as_secs_f64());
    }
    let longest = named.values().filter_map(|(_, after)| *after).max().expect("six");
    assert!(longest < SOON, "{longest:?}: {}", nodes[0].log());
}
