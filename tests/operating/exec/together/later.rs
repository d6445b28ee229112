//! What becomes of nodes after a list was started.

use support::{Node, PATIENCE, lookup, until};

use super::{Scene, Told, agree};

fn start(scene: &Scene, numbers: std::ops::RangeInclusive<u32>, more: &[&str]) -> Vec<(u32, Node)> {
    let nodes: Vec<(u32, Node)> = numbers.map(|n| (n, scene.node(n, more))).collect();
    nodes.iter().for_each(|(number, node)| drop(scene.wait_for(node, *number)));
    nodes
}

#[test]
fn a_node_that_comes_again_is_on_the_same_list_with_the_same_rank() {
    let scene = Scene::new();
    let mut nodes = start(&scene, 1..=3, &["--count", "3", "--lease-ttl", "60"]);
    let told: Vec<Told> = (1..=3).map(|number| scene.told(number)[0].clone()).collect();
    agree(&told);
    nodes[1].1.kill();
    nodes[1].1.restart();
    let again = until(PATIENCE, "it runs again", || scene.told(2).get(1).cloned());
    assert_eq!(again, told[1], "octet for octet");
    for number in [1, 3] {
        assert_eq!(scene.told(number).len(), 1, "they go on");
    }
    scene.end(&mut nodes);
}

#[test]
fn who_is_on_no_list_waits_until_the_programs_of_this_one_are_over() {
    let scene = Scene::new();
    let job = ["--count", "2", "--lease-ttl", "60"];
    let mut first = start(&scene, 1..=2, &job);
    let mut next: Vec<(u32, Node)> = (3..=4).map(|n| (n, scene.node(n, &job))).collect();
    for (_, node) in &next {
        node.wait_for_log("this node is not on the list whose programs run");
    }
    scene.release(1, 0);
    assert_eq!(first[0].1.wait(PATIENCE).code(), Some(0), "{}", first[0].1.log());
    // One alone is enough for it to go on.
    let again = next[0].1.address();
    scene.etcd.put("worker9.tf.local.", br#"{"ipv4":"10.9.9.9"}"#);
    until(PATIENCE, "DNS is current", || lookup(again, "worker9.tf.local."));
    scene.etcd.delete("worker9.tf.local.");
    assert!(scene.told(3).is_empty() && scene.told(4).is_empty());
    let before = scene.told(2)[0].revision;
    scene.release(2, 0);
    assert_eq!(first[1].1.wait(PATIENCE).code(), Some(0), "{}", first[1].1.log());
    let told: Vec<Told> = next.iter().map(|(n, node)| scene.wait_for(node, *n)).collect();
    agree(&told);
    assert!(told[0].revision > before, "{told:?}");
    assert_eq!(told[0].peers.join(" "), "worker3.tf.local worker4.tf.local");
    scene.end(&mut next);
}

#[test]
fn a_lost_node_ends_the_others_if_that_is_wanted_and_one_that_is_done_does_not() {
    let scene = Scene::new();
    let job = ["--count", "3", "--lease-ttl", "3", "--on-peer-lost", "end"];
    let mut nodes = start(&scene, 1..=3, &job);
    let name = scene.told(1)[0].name.clone();
    scene.release(1, 0);
    assert_eq!(nodes[0].1.wait(PATIENCE).code(), Some(0), "{}", nodes[0].1.log());
    for (_, node) in &nodes[1..] {
        until(PATIENCE, "they know", || {
            lookup(node.address(), &format!("{name}.")).is_none().then_some(())
        });
    }
    // It is killed, and its program with it, and its lease is over then.
    let name = scene.told(2)[0].name.clone();
    assert!(nodes[1].1.is_running() && nodes[2].1.is_running());
    nodes[1].1.kill();
    assert_eq!(nodes[2].1.wait(PATIENCE).code(), Some(1), "{}", nodes[2].1.log());
    let log = nodes[2].1.log();
    let wanted =
        format!("idetcd: exec: {name} was lost (--on-peer-lost), so the program was ended");
    assert!(log.contains(&wanted), "{log}");
    // One that ended otherwise than well is lost as well.
    let scene = Scene::new();
    let mut nodes = start(&scene, 1..=2, &["--count", "2", "--on-peer-lost", "end"]);
    scene.release(1, 5);
    assert_eq!(nodes[0].1.wait(PATIENCE).code(), Some(5), "{}", nodes[0].1.log());
    assert_eq!(nodes[1].1.wait(PATIENCE).code(), Some(1), "{}", nodes[1].1.log());
}
