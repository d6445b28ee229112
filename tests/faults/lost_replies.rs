//! A call to etcd whose reply is lost, or whose node dies, at every point of a node's start.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use support::etcd::encode;
use support::{Action, Etcd, Node, PATIENCE, Phase, Proxy, Signal, until};

/// More than the calls of a start, so that the last rounds disturb the life after it.
const POINTS: usize = 11;

const OPTIONS: [&str; 4] = ["--lease-ttl", "3", "--etcd-timeout", "0.3"];

/// The keys under a prefix, without it: the slots, and the tickets.
fn slots_and_tickets(etcd: &Etcd, prefix: &str) -> (Vec<String>, Vec<String>) {
    let keys = etcd.keys().into_iter();
    let keys = keys.filter_map(|(key, _)| key.strip_prefix(prefix).map(str::to_owned));
    keys.partition(|key| !key.contains('#'))
}

/// Waits for the one slot that a node is to have in the end, with nothing left beside it.
fn settled(etcd: &Etcd, prefix: &str) {
    until(PATIENCE, prefix, || {
        let wanted = (vec!["worker1.tf.local.".to_owned()], vec![]);
        (slots_and_tickets(etcd, prefix) == wanted).then_some(())
    });
}

/// Runs a case for each point at once, each with keys under a prefix of its own.
fn at_every_point(name: &str, case: impl Fn(usize, &str) + Sync) {
    std::thread::scope(|scope| {
        for point in 1..=POINTS {
            let case = &case;
            scope.spawn(move || case(point, &format!("{name}, call {point}/")));
        }
    });
}

fn node(endpoints: &str, number: u32, prefix: &str) -> Node {
    Node::at(endpoints, number, 5, &[&OPTIONS[..], &["--prefix", prefix]].concat())
}

fn stop(etcd: &Etcd, mut node: Node, prefix: &str) {
    node.signal(Signal::TERM);
    assert_eq!(node.wait(PATIENCE).code(), Some(0), "{prefix}: {}", node.log());
    let left = slots_and_tickets(etcd, prefix);
    assert!(left.0.is_empty() && left.1.is_empty(), "{prefix}: {left:?}");
}

#[test]
fn a_lost_call_or_reply_costs_neither_the_name_nor_a_second_one() {
    let etcd = Etcd::start();
    let faults = [
        ("request closed", Phase::Request, Action::Close),
        ("request swallowed", Phase::Request, Action::Silence),
        ("reply closed", Phase::Reply, Action::Close),
        ("reply swallowed", Phase::Reply, Action::Silence),
        (
            "reply is not JSON",
            Phase::Reply,
            Action::Answer(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nnope".to_vec()),
        ),
        (
            "reply of a proxy",
            Phase::Reply,
            Action::Answer(b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n".to_vec()),
        ),
    ];
    for (name, phase, action) in faults {
        at_every_point(name, |point, prefix| {
            let proxy = Proxy::new(&etcd.address());
            let once = action.clone();
            proxy.police(move |passing| {
                let hit = passing.number == point && passing.phase == phase;
                if hit { once.clone() } else { Action::Pass }
            });
            let node = node(&proxy.endpoint(), 1, prefix);
            assert_eq!(node.slot(), 1, "{prefix}");
            settled(&etcd, prefix);
            // The lease is renewed once at least, and the name stays.
            until(PATIENCE, prefix, || (proxy.count() > POINTS).then_some(()));
            settled(&etcd, prefix);
            stop(&etcd, node, prefix);
        });
    }
}

#[test]
fn a_call_that_is_repeated_at_another_endpoint_is_not_taken_for_anothers_success() {
    let etcd = Etcd::start();
    at_every_point("repeated", |point, prefix| {
        let (one, two) = (Proxy::new(&etcd.address()), Proxy::new(&etcd.address()));
        let count = Arc::new(Mutex::new(0));
        for proxy in [&one, &two] {
            let count = count.clone();
            proxy.police(move |passing| {
                let mut count = count.lock().expect("no panic");
                *count += usize::from(passing.phase == Phase::Request);
                let hit = *count == point && passing.phase == Phase::Reply;
                if hit { Action::Close } else { Action::Pass }
            });
        }
        let both = format!("{},{}", one.endpoint(), two.endpoint());
        let node = node(&both, 1, prefix);
        assert_eq!(node.slot(), 1, "{prefix}");
        settled(&etcd, prefix);
        stop(&etcd, node, prefix);
    });
}

#[test]
fn a_release_whose_reply_is_lost_is_settled_by_looking() {
    let etcd = Etcd::start();
    for (phase, action) in [(Phase::Reply, Action::Close), (Phase::Request, Action::Close)] {
        let proxy = Proxy::new(&etcd.address());
        let mut node = Node::at(&proxy.endpoint(), 1, 5, &OPTIONS);
        node.slot();
        let mut hits = 0;
        proxy.police(move |passing| {
            if passing.path.ends_with("/lease/revoke") && passing.phase == phase && hits == 0 {
                hits += 1;
                return action.clone();
            }
            Action::Pass
        });
        node.signal(Signal::TERM);
        assert_eq!(node.wait(Duration::from_secs(2)).code(), Some(0));
        assert!(etcd.keys().is_empty());
        node.wait_for_log("released worker1.tf.local.");
    }
}

#[test]
fn a_claim_that_is_carried_out_late_does_not_leave_two_names() {
    let etcd = Etcd::start();
    let proxy = Proxy::new(&etcd.address());
    // The claim is held back in full, until another one has succeeded.
    let held: Arc<Mutex<Option<String>>> = Arc::default();
    let seen = held.clone();
    let mut tickets = 0;
    proxy.police(move |passing| {
        if passing.phase == Phase::Request && passing.path.ends_with("/kv/txn") {
            tickets += 1;
            if tickets == 2 {
                *seen.lock().expect("no panic") = Some(passing.path.clone());
                return Action::Silence;
            }
        }
        Action::Pass
    });
    let node = Node::at(&proxy.endpoint(), 1, 5, &OPTIONS);
    assert_eq!(node.slot(), 1);
    assert!(held.lock().expect("no panic").is_some());
    // The network delivers what it held back: the same put, under the node's lease.
    let lease = etcd.lease_of("worker1.tf.local.").expect("a lease");
    let body = serde_json::json!({
        "key": encode("worker4.tf.local."),
        "value": encode(&etcd.keys()[0].1),
        "lease": lease,
    });
    etcd.call("/v3/kv/put", &body);
    node.wait_for_log("gave slot 4 back");
    settled(&etcd, "");
}

#[test]
fn a_node_that_dies_at_any_point_leaves_nothing_that_outlives_its_lease() {
    let etcd = Etcd::start();
    for (name, phase) in [("dies asking", Phase::Request), ("dies hearing", Phase::Reply)] {
        at_every_point(name, |point, prefix| {
            let proxy = Proxy::new(&etcd.address());
            let victim: Arc<Mutex<Option<u32>>> = Arc::default();
            let killer = victim.clone();
            proxy.police(move |passing| {
                if passing.number == point && passing.phase == phase {
                    let pid = until(PATIENCE, "a victim", || *killer.lock().expect("no panic"));
                    support::run("kill", &["-9", &pid.to_string()]);
                }
                Action::Pass
            });
            let mut dying = node(&proxy.endpoint(), 1, prefix);
            *victim.lock().expect("no panic") = Some(dying.child.id());
            assert_eq!(dying.wait(PATIENCE).code(), None, "{prefix}");
            // The next one is not held up by what the dead one left, be it a ticket or a name.
            let next = node(&etcd.endpoint(), 2, prefix);
            assert!(next.slot() <= 2, "{prefix}");
            // And the dead one, respawned at once, has a name too, its own if it had one.
            proxy.police(|_| Action::Pass);
            dying.restart();
            assert!(dying.slot() <= 2, "{prefix}: {}", dying.log());
            until(PATIENCE, prefix, || {
                let (slots, tickets) = slots_and_tickets(&etcd, prefix);
                let all = slots == ["worker1.tf.local.", "worker2.tf.local."];
                (all && tickets.is_empty()).then_some(())
            });
        });
    }
}
