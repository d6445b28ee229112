//! Servers that are asked for the names of a zone alone.

use support::upstream::{Habit, Upstream};
use support::{Etcd, Node, lookup};

use super::{ELSEWHERE, GOOD, dig, timed};

#[test]
fn the_closest_zone_has_the_servers_and_what_is_in_none_is_refused() {
    let etcd = Etcd::start();
    let [corp, lab, reverse, general] = [(); 4].map(|()| Upstream::start(Habit::Good));
    let zones = format!(
        "corp.example={},lab.Corp.example={},10.in-addr.arpa={}",
        corp.address, lab.address, reverse.address
    );
    let asked = || [&corp, &lab, &reverse, &general].map(|server| server.asked().len());
    let node = Node::in_cluster(&etcd, 1, 5, &["--forward", &zones]);
    node.slot();
    let look_up_all = |node: &Node| {
        for name in ["corp.example.", "www.corp.example.", "www.LAB.corp.example."] {
            assert_eq!(lookup(node.address(), name).as_deref(), Some(GOOD), "{name}");
        }
        assert!(dig(node.address(), &["-x", "10.9.9.9"]).contains("NOERROR"));
    };
    look_up_all(&node);
    assert_eq!(asked(), [2, 1, 1, 0]);
    for name in [ELSEWHERE, "acorp.example.", "example."] {
        assert_eq!(timed(node.address(), name).0, 5, "{name}");
    }
    assert!(dig(node.address(), &["-x", "10.0.0.2"]).contains("worker1.tf.local"), "ours");
    assert_eq!(asked(), [2, 1, 1, 0]);
    // With others for the rest.
    let general_too = general.address.to_string();
    let node = Node::in_cluster(&etcd, 2, 5, &["--forward", &zones, "--forward", &general_too]);
    node.slot();
    look_up_all(&node);
    assert_eq!(lookup(node.address(), ELSEWHERE).as_deref(), Some(GOOD));
    assert_eq!(asked(), [4, 2, 2, 1]);
    let line = format!("forwarding corp.example. to {}", corp.address);
    node.wait_for_log(&line);
}
