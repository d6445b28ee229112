//! A cluster of three members: the leader frozen or killed, all killed, one restored.

use std::time::{Duration, Instant};

use serde_json::json;
use support::etcd::encode;
use support::{Cluster, Node, PATIENCE, Prober, Signal, lookup, until};

const OPTIONS: [&str; 4] = ["--lease-ttl", "6", "--etcd-timeout", "0.5"];

/// Three nodes on a cluster, each with a prober.
struct Scene {
    cluster: Cluster,
    nodes: Vec<Node>,
    probers: Vec<Prober>,
}

impl Scene {
    fn set() -> Scene {
        let cluster = Cluster::start(3);
        let nodes: Vec<Node> =
            (1..=3).map(|number| Node::at(&cluster.endpoints(), number, 9, &OPTIONS)).collect();
        for node in &nodes {
            for slot in 1..=3 {
                let name = format!("worker{slot}.tf.local.");
                until(PATIENCE, "all names are known to all", || lookup(node.address(), &name));
            }
        }
        let probers = nodes.iter().map(|node| Prober::start(node.address(), "worker1.tf.local."));
        let probers = probers.collect();
        Scene { cluster, nodes, probers }
    }

    /// The change of this number, from 1, is answered by all nodes; returns how long after etcd took it.
    fn converges(&self, number: u32) -> Duration {
        let value = format!(r#"{{"ipv4":"10.9.9.{number}"}}"#);
        // Just once: what was sent to a member that is frozen may be carried out when it is thawed,
        // and must not undo a later change.
        let key = encode("worker9.tf.local.");
        let change = json!({
            "compare": [{"key": key, "target": "VERSION", "version": (number - 1).to_string()}],
            "success": [{"request_put": {"key": key, "value": encode(&value)}}],
        });
        until(PATIENCE, "a change is taken", || {
            self.cluster.members.iter().find_map(|member| member.try_call("/v3/kv/txn", &change))
        });
        let began = Instant::now();
        for node in &self.nodes {
            let server = node.address();
            until(PATIENCE, &format!("the change is answered: {}", node.log()), || {
                (lookup(server, "worker9.tf.local.") == Some(format!("10.9.9.{number}")))
                    .then_some(())
            });
        }
        began.elapsed()
    }

    fn ends(self, what: &str) {
        for node in &self.nodes {
            let log = node.log();
            assert!(!log.contains("lost worker"), "{log}");
        }
        for prober in self.probers {
            let probed = prober.stop();
            println!("{what}: {probed:?}");
            assert!(probed.lost == 0 && probed.worst < support::AT_ONCE, "{probed:?}");
        }
    }
}

#[test]
fn a_frozen_leader_costs_no_name_and_no_query() {
    let scene = Scene::set();
    let leader = scene.cluster.leader();
    scene.cluster.members[leader].signal(Signal::STOP);
    println!("frozen leader: a change is answered after {:?}", scene.converges(1));
    scene.cluster.members[leader].signal(Signal::CONT);
    println!("thawed leader: a change is answered after {:?}", scene.converges(2));
    scene.ends("frozen leader");
}

#[test]
fn a_killed_leader_costs_no_name_and_no_query() {
    let mut scene = Scene::set();
    let leader = scene.cluster.leader();
    scene.cluster.members[leader].kill();
    println!("killed leader: a change is answered after {:?}", scene.converges(1));
    scene.cluster.members[leader].start_again();
    scene.cluster.settle();
    println!("leader back: a change is answered after {:?}", scene.converges(2));
    scene.ends("killed leader");
}

#[test]
fn all_members_killed_and_started_again_cost_no_name_and_no_query() {
    let mut scene = Scene::set();
    for member in &mut scene.cluster.members {
        member.kill();
    }
    for node in &scene.nodes {
        node.wait_for_log("lost: ");
        assert!(lookup(node.address(), "worker1.tf.local.").is_some());
    }
    for member in &mut scene.cluster.members {
        member.start_again();
    }
    scene.cluster.settle();
    println!("all members back: a change is answered after {:?}", scene.converges(1));
    scene.ends("all members killed");
}

#[test]
fn a_member_without_the_majority_is_left_for_one_that_has_it() {
    let scene = Scene::set();
    // The two followers frozen: the leader answers connections, and nothing else.
    let leader = scene.cluster.leader();
    let followers: Vec<usize> = (0..3).filter(|member| *member != leader).collect();
    for follower in &followers {
        scene.cluster.members[*follower].signal(Signal::STOP);
    }
    for node in &scene.nodes {
        node.wait_for_log("lost: ");
    }
    scene.cluster.members[leader].signal(Signal::STOP);
    for follower in &followers {
        scene.cluster.members[*follower].signal(Signal::CONT);
    }
    println!("other majority: a change is answered after {:?}", scene.converges(1));
    scene.cluster.members[leader].signal(Signal::CONT);
    scene.ends("majority moved");
}
