//! A node that had no way to etcd for longer than its lease, and has one again.

use std::collections::BTreeMap;
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use support::network::{Cut, HUB, Host, Network};
use support::{Cluster, Node, command, is_private, until};

/// Pauses between attempts have grown as long as they ever do by then.
const OUTAGE: Duration = Duration::from_secs(24);

/// The time in which all are named again once etcd can be reached, a second, and how much later it may be seen here.
/// A cable that is plugged in is of use up to a second later: so often Linux looks at several.
const SOON: Duration = Duration::from_millis(1200);

/// The time between one that is mended and the next.
const STEP: Duration = Duration::from_millis(350);

/// When a host can open a connection to etcd.
fn reached_at(host: Host, etcd: &str) -> Instant {
    let (address, port) = etcd.rsplit_once(':').expect("a port");
    let connect = format!("exec 3<>/dev/tcp/{address}/{port}");
    let words =
        [host.wrapper(), ["timeout", "0.1", "bash", "-c", &connect].map(str::to_owned).to_vec()];
    let words = words.concat();
    loop {
        let output = command(&words[0]).args(&words[1..]).output().expect("ip");
        if output.status.success() {
            return Instant::now();
        }
    }
}

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
    let etcd = cluster.any().address();
    for (number, host) in (0..).zip(&hosts) {
        let (host, etcd) = (*host, etcd.clone());
        let is_unplugged = unplugged.iter().any(|it| it.address() == host.address());
        let reached = spawn(move || {
            // At several moments of what the nodes do, who all began to at one.
            sleep(STEP * number);
            if is_unplugged {
                host.plug(true);
            } else {
                host.heal();
            }
            reached_at(host, &etcd)
        });
        named.insert(host.address(), (reached, None));
    }
    until(OUTAGE, "all are named again", || {
        let keys = cluster.any().keys();
        for (address, (_, at)) in &mut named {
            let is_there = keys.iter().any(|(_, value)| value.contains(&format!("\"{address}\"")));
            if is_there && at.is_none() {
                *at = Some(Instant::now());
            }
        }
        named.values().all(|(_, at)| at.is_some()).then_some(())
    });
    let mut longest = Duration::ZERO;
    for (address, (reached, at)) in named {
        let reached = reached.join().expect("no panic");
        let after = at.expect("a time").saturating_duration_since(reached);
        println!("{address} is named again {:.2} s after it can reach etcd", after.as_secs_f64());
        longest = longest.max(after);
    }
    assert!(longest < SOON, "{longest:?}: {}", nodes[0].log());
}
