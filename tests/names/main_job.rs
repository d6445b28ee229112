//! Five nodes name themselves and answer for each other.

use std::time::{Duration, Instant};

use simple_dns::TYPE;
use support::{Etcd, Node, PATIENCE, ask, until};

#[test]
fn five_nodes_get_five_names_and_answer_for_each_other_and_a_sixth_is_told_why_not() {
    let etcd = Etcd::start();
    let nodes: Vec<Node> = (1..=5).map(|number| Node::in_cluster(&etcd, number, 5, &[])).collect();
    let mut slots: Vec<u32> = nodes.iter().map(Node::slot).collect();
    let published: Vec<(u32, u32)> = slots.iter().copied().zip(1..).collect();
    slots.sort_unstable();
    assert_eq!(slots, [1, 2, 3, 4, 5]);
    for node in &nodes {
        for server in node.addresses() {
            for (slot, number) in &published {
                let name = format!("worker{slot}.tf.local.");
                let (ipv4, ipv6) =
                    (format!("10.0.0.{}", number + 1), format!("fd00::{:x}", number + 1));
                until(PATIENCE, &format!("{name} on {server}"), || {
                    let a = ask(server, &name, TYPE::A).answers == [ipv4.as_str()];
                    let aaaa = ask(server, &name, TYPE::AAAA).answers == [ipv6.as_str()];
                    (a && aaaa).then_some(())
                });
            }
        }
        assert_eq!(node.status("Threads"), "1");
    }
    let began = Instant::now();
    let mut sixth = Node::in_cluster(&etcd, 6, 5, &[]);
    let status = sixth.wait(PATIENCE);
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert_eq!(status.code(), Some(3));
    let log = sixth.log();
    let last = log.lines().last().expect("a message");
    assert!(
        last.starts_with("idetcd: no free slot: worker{{.ID}}.tf.local. has 5 names"),
        "{last}"
    );
    assert_eq!(etcd.keys().len(), 5, "the sixth leaves no ticket");
}
