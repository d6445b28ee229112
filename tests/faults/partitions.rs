//! A node that is cut off from etcd, for less and for more than its lease, in both directions and in
//! one, or that loses packets. Each test runs in a network of its own.

use std::time::{Duration, Instant};

use support::network::{Cut, HUB, Host, Network};
use support::{Cluster, Node, PATIENCE, Prober, is_private, lookup, slot_in, until};

const LEASE: Duration = Duration::from_secs(4);
const OPTIONS: [&str; 4] = ["--lease-ttl", "4", "--etcd-timeout", "0.5"];

/// Two nodes on hosts of their own, the second one with the lowest slot after the first's.
struct Scene {
    network: Network,
    cluster: Cluster,
    host: Host,
    node: Node,
    other: Node,
}

impl Scene {
    fn set() -> Scene {
        let network = Network::set_up();
        let cluster = Cluster::start_at(HUB, 3);
        let hosts = [network.host(1), network.host(2)];
        let [node, other] = hosts.map(|host| {
            let node = Node::on(host, &cluster.endpoints(), 9, &OPTIONS);
            node.slot();
            node
        });
        let scene = Scene { network, cluster, host: hosts[0], node, other };
        assert_eq!((scene.node.slot(), scene.other.slot()), (1, 2));
        let line = scene.node.wait_for_log("claimed worker1");
        assert!(line.ends_with(": 10.98.0.11 port 53"), "{line}");
        scene
    }

    /// Both nodes answer alike, and as etcd says.
    fn converges(&self) -> Duration {
        let began = Instant::now();
        self.cluster.any().put("worker9.tf.local.", br#"{"ipv4":"10.9.9.9"}"#);
        for node in [&self.node, &self.other] {
            until(PATIENCE, &node.log(), || lookup(node.address(), "worker9.tf.local."));
        }
        began.elapsed()
    }
}

fn quiet(prober: Prober, what: &str) {
    let probed = prober.stop();
    println!("{what}: {probed:?}");
    assert!(probed.lost == 0 && probed.worst < support::AT_ONCE, "{what}: {probed:?}");
}

#[test]
fn cut_off_for_less_than_the_lease_the_name_is_kept() {
    if !is_private!() {
        return;
    }
    let scene = Scene::set();
    for cut in [Cut::Both, Cut::ToEtcd, Cut::FromEtcd] {
        let prober = Prober::start(scene.node.address(), "worker1.tf.local.");
        scene.host.cut(cut);
        // Where it begins as the lease is to be renewed, a good second is left of that when it ends.
        std::thread::sleep(LEASE / 4);
        scene.host.heal();
        println!("{cut:?} for 1 s: a change is answered after {:?}", scene.converges());
        scene.cluster.any().delete("worker9.tf.local.");
        until(PATIENCE, "gone", || {
            lookup(scene.node.address(), "worker9.tf.local.").is_none().then_some(())
        });
        std::thread::sleep(LEASE);
        quiet(prober, &format!("cut off for less than the lease, {cut:?}"));
        let log = scene.node.log();
        assert!(!log.contains("in doubt") && !log.contains("lost worker"), "{cut:?}: {log}");
    }
}

#[test]
fn cut_off_for_more_than_the_lease_the_name_is_doubtful_first_and_then_anothers() {
    if !is_private!() {
        return;
    }
    for (number, cut) in (3..).zip([Cut::Both]) {
        beyond_the_lease(number, cut);
    }
}

#[test]
fn cut_off_in_one_direction_for_more_than_the_lease_ends_the_same() {
    if !is_private!() {
        return;
    }
    beyond_the_lease(3, Cut::ToEtcd);
}

#[test]
fn cut_off_in_the_other_direction_for_more_than_the_lease_ends_the_same() {
    if !is_private!() {
        return;
    }
    beyond_the_lease(3, Cut::FromEtcd);
}

fn beyond_the_lease(number: u8, cut: Cut) {
    let scene = Scene::set();
    let prober = Prober::start(scene.node.address(), "worker1.tf.local.");
    scene.host.cut(cut);
    let began = Instant::now();
    scene.node.wait_for_log("worker1.tf.local. is in doubt");
    let doubted = began.elapsed();
    println!("{cut:?}: in doubt {doubted:?} after the cut, with a lease of {LEASE:?}");
    // As it is logged, and seen here.
    assert!(doubted <= LEASE + Duration::from_millis(500), "{doubted:?}");
    if cut == Cut::FromEtcd {
        // Its keep-alives still arrive, so etcd has no reason to end the lease at once.
        std::thread::sleep(LEASE);
    }
    until(PATIENCE, "etcd ends the lease, or keeps it", || {
        let gone = !scene.cluster.any().has("worker1.tf.local.");
        (gone || cut == Cut::FromEtcd).then_some(())
    });
    let is_free = !scene.cluster.any().has("worker1.tf.local.");
    let heir = Node::on(scene.network.host(number), &scene.cluster.endpoints(), 9, &OPTIONS);
    assert_eq!(heir.slot(), if is_free { 1 } else { 3 });
    scene.host.heal();
    if is_free {
        scene.node.wait_for_log("lost worker1.tf.local.");
        assert_eq!(slot_in(&scene.node.wait_for_log("re-claimed")), 3);
    } else {
        scene.node.wait_for_log("kept worker1.tf.local.");
    }
    println!("{cut:?}: a change is answered after {:?}", scene.converges());
    quiet(prober, &format!("cut off for more than the lease, {cut:?}"));
    assert!(!heir.log().contains("lost worker"), "{}", heir.log());
}

#[test]
fn one_packet_in_five_lost_costs_no_query_and_no_name_for_long() {
    if !is_private!() {
        return;
    }
    let scene = Scene::set();
    let prober = Prober::start(scene.node.address(), "worker1.tf.local.");
    scene.host.lose(20);
    for number in 0..10 {
        let began = Instant::now();
        let value = format!(r#"{{"ipv4":"10.9.9.{number}"}}"#);
        scene.cluster.any().put("worker9.tf.local.", value.as_bytes());
        until(PATIENCE, "followed", || {
            let found = lookup(scene.node.address(), "worker9.tf.local.");
            (found == Some(format!("10.9.9.{number}"))).then_some(())
        });
        println!("20 % loss: a change is answered after {:?}", began.elapsed());
        std::thread::sleep(Duration::from_secs(1));
    }
    scene.host.heal();
    until(PATIENCE, "it has a name", || {
        scene.cluster.any().keys().iter().any(|(_, v)| v.contains("10.98.0.11")).then_some(())
    });
    quiet(prober, "20 % of the packets lost");
}

#[test]
fn a_node_that_boots_before_its_network_waits_serves_and_claims_when_it_comes() {
    if !is_private!() {
        return;
    }
    let network = Network::set_up();
    let cluster = Cluster::start_at(HUB, 1);
    let host = network.host(1);
    host.plug(false);
    let node = Node::on(host, &cluster.endpoints(), 9, &OPTIONS);
    node.wait_for_log("etcd is out of reach, waiting for it");
    host.plug(true);
    let line = node.wait_for_log("claimed worker1.tf.local.");
    assert!(line.ends_with("10.98.0.11 port 53"), "{line}");
    assert_eq!(lookup(node.address(), "worker1.tf.local.").as_deref(), Some("10.98.0.11"));
}
