//! Nodes that are lost at each stage before their programs have started.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use support::proxy::Passing;
use support::{Action, Etcd, Node, PATIENCE, Phase, Proxy, Signal, Terminal, until};

use super::{Scene, Told, agree};

/// The lease, so that a node that is killed is gone soon.
const JOB: [&str; 4] = ["--count", "3", "--lease-ttl", "3"];

/// Nodes that each have a proxy before etcd, where the first to put something is held up for good.
struct Held {
    scene: Scene,
    proxies: Vec<Proxy>,
    /// The number of that node; 0: none yet.
    who: Arc<AtomicU32>,
}

impl Held {
    fn new(is_it: fn(&str, &str) -> bool) -> Held {
        let scene = Scene::new();
        let who: Arc<AtomicU32> = Arc::default();
        let proxies = (1..=3).map(|number| {
            let proxy = Proxy::new(&scene.etcd.address());
            let who = who.clone();
            proxy.police(move |passing: &Passing| {
                let is_put = passing.phase == Phase::Request
                    && passing.puts().iter().any(|(key, value)| is_it(key, value));
                let is_first = is_put
                    && who.compare_exchange(0, number, Ordering::SeqCst, Ordering::SeqCst).is_ok();
                let is_held =
                    who.load(Ordering::SeqCst) == number && passing.phase == Phase::Request;
                if is_first || is_held { Action::Silence } else { Action::Pass }
            });
            proxy
        });
        Held { proxies: proxies.collect(), scene, who }
    }

    fn start(&self) -> Vec<Node> {
        let ids = 1..=3;
        ids.map(|n| self.scene.node_at(&self.proxies[n as usize - 1].endpoint(), n, &JOB)).collect()
    }
}

/// Kills the node that is held up there; a fourth one takes its place on a list of its own.
fn kill_at(is_it: fn(&str, &str) -> bool) {
    let held = Held::new(is_it);
    let scene = &held.scene;
    let mut nodes = held.start();
    let victim = until(PATIENCE, "it is held up", || {
        let who = held.who.load(Ordering::SeqCst);
        (who > 0).then_some(who)
    });
    nodes[victim as usize - 1].kill();
    nodes.push(scene.node(4, &JOB));
    let others: Vec<u32> = (1..=4).filter(|number| *number != victim).collect();
    let told: Vec<Told> =
        others.iter().map(|n| scene.wait_for(&nodes[*n as usize - 1], *n)).collect();
    agree(&told);
    for number in 1..=4 {
        let times = usize::from(number != victim);
        assert_eq!(scene.told(number).len(), times, "node {number}: {told:?}");
    }
    nodes.remove(victim as usize - 1);
    scene.end(&mut others.into_iter().zip(nodes).collect::<Vec<_>>());
}

#[test]
fn a_node_that_is_lost_before_it_waits_is_on_no_list() {
    kill_at(|key, _| key.contains("%member%"));
}

#[test]
fn the_list_is_fixed_by_another_where_the_one_that_should_is_lost() {
    kill_at(|_, value| value.contains(r#""state":"fixed""#));
}

#[test]
fn the_list_is_formed_anew_where_a_member_is_lost_before_it_joined() {
    kill_at(|key, _| key.contains("%joined%"));
}

#[test]
fn the_list_is_formed_anew_or_started_where_the_one_that_should_start_it_is_lost() {
    // All have joined: whoever looks around before the lease of the lost one ends starts it, with one who is
    // lost after the start.
    let held = Held::new(|_, value| value.contains(r#""state":"started""#));
    let mut nodes = held.start();
    let victim = until(PATIENCE, "it is held up", || {
        let who = held.who.load(Ordering::SeqCst);
        (who > 0).then_some(who)
    });
    nodes[victim as usize - 1].kill();
    let mut told = Vec::new();
    for number in (1..=3).filter(|number| *number != victim) {
        told.push(held.scene.wait_for(&nodes[number as usize - 1], number));
    }
    // It comes again, and is on the same list by its name.
    held.who.store(u32::MAX, Ordering::SeqCst);
    nodes[victim as usize - 1].restart();
    told.push(held.scene.wait_for(&nodes[victim as usize - 1], victim));
    agree(&told);
    held.scene.end(&mut (1..).zip(nodes).collect::<Vec<_>>());
}

#[test]
fn a_node_that_is_frozen_is_waited_for_and_told_and_joins_when_it_goes_on() {
    let scene = Scene::new();
    let long = ["--count", "3", "--lease-ttl", "60"];
    let proxy = Proxy::new(&scene.etcd.address());
    let joins: Arc<AtomicU32> = Arc::default();
    let seen = joins.clone();
    proxy.police(move |passing| {
        let is_join = passing.puts().iter().any(|(key, _)| key.contains("%joined%"));
        let is_first = is_join && seen.fetch_add(1, Ordering::SeqCst) == 0;
        if is_first { Action::Silence } else { Action::Pass }
    });
    let frozen = scene.node_at(&proxy.endpoint(), 1, &long);
    frozen.wait_for_log("claimed worker1");
    let second = scene.node(2, &long);
    let third = scene.node(3, &[&long[..], &["--timeout", "6"]].concat());
    until(PATIENCE, "it would join", || (joins.load(Ordering::SeqCst) > 0).then_some(()));
    frozen.signal(Signal::STOP);
    second.wait_for_log("2 of 3 nodes on the list are there, not worker1.tf.local");
    let mut third = third;
    assert_eq!(third.wait(PATIENCE).code(), Some(1), "{}", third.log());
    let told = "idetcd: exec: 2 of 3 nodes on the list are there, not worker1.tf.local after 6 s";
    assert!(third.log().contains(told), "{}", third.log());
    // Who gave up is not on the next list, which comes when the other one can say so again.
    frozen.signal(Signal::CONT);
    let fourth = scene.node(4, &long);
    let nodes = [(1, frozen), (2, second), (4, fourth)];
    let told: Vec<Told> = nodes.iter().map(|(n, node)| scene.wait_for(node, *n)).collect();
    agree(&told);
    scene.end(&mut nodes.into_iter().collect::<Vec<_>>());
}

#[test]
fn on_a_terminal_it_says_how_far_it_is() {
    let etcd = Etcd::start();
    let record = ["--listen", "127.0.0.1:0", "--ipv4", "10.0.0.1", "--ipv6", "none"];
    let job = ["--count", "2", "--timeout", "100", "--", "true"];
    let words = [&record[..], &job].concat();
    let mut terminal = Terminal::start("exec", &etcd.endpoint(), &words, &[("COLUMNS", "200")]);
    terminal.wait_for(" s left: exec: 1 of 2 nodes");
    terminal.enter("\x03");
    let (status, shown) = terminal.end();
    assert_eq!(status, Some(128 + 2), "{shown}");
}
