//! `idetcd wait`: until so many nodes are named, whatever etcd does meanwhile.

use std::process::Child;
use std::time::{Duration, Instant};

use support::tool::ends;
use support::{Ended, Etcd, Node, PATIENCE, Signal, Terminal, ended, send, tool, until};

fn waiting(endpoint: &str, more: &[&str]) -> Child {
    tool("wait", endpoint, more).spawn().expect("idetcd")
}

fn is_waiting(child: &mut Child) -> bool {
    child.try_wait().expect("its state").is_none()
}

/// Waits until the tool follows changes: etcd, which had been read so often before, has taken its watch, and its reads
/// are over.
fn follows(etcd: &Etcd, before: u64) {
    until(PATIENCE, "it reads", || (etcd.handled("Range") > before).then_some(()));
    let mut last = etcd.handled("");
    until(PATIENCE, "it is quiet", || {
        std::thread::sleep(Duration::from_millis(300));
        let now = etcd.handled("");
        (std::mem::replace(&mut last, now) == now).then_some(())
    });
}

#[test]
fn it_ends_when_so_many_nodes_are_named_and_follows_without_asking() {
    let etcd = Etcd::start();
    etcd.put("worker9.tf.local.", b"not a node");
    etcd.put("worker9x.tf.local.", br#"{"ipv4":"10.0.0.9"}"#);
    // Which asks nothing meanwhile.
    let first = Node::in_cluster(&etcd, 1, 9, &["--lease-ttl", "600", "--max-lag", "600"]);
    first.slot();
    assert_eq!(ended("wait", &etcd.endpoint(), &["--count", "1", "-q"]).status, Some(0));
    let before = etcd.handled("Range");
    let mut child = waiting(&etcd.endpoint(), &["--count", "2"]);
    follows(&etcd, before);
    let asked = etcd.handled("");
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(etcd.handled(""), asked, "it does not poll");
    assert!(is_waiting(&mut child), "one node and two keys that are none");
    let second = Node::in_cluster(&etcd, 2, 9, &[]);
    second.slot();
    let end = ends(child);
    assert_eq!((end.status, end.out.as_str()), (Some(0), ""), "{end:?}");
}

#[test]
fn on_a_terminal_it_says_how_far_it_is() {
    let etcd = Etcd::start();
    etcd.put("worker1.tf.local.", br#"{"ipv4":"10.0.0.1"}"#);
    let more = ["--count", "3", "--timeout", "100"];
    let narrow = [("COLUMNS", "70")];
    let terminal = Terminal::start("wait", &etcd.endpoint(), &more, &narrow);
    // Names that do not fit are left out as a whole.
    terminal.wait_for(" s left: 1 of 3 nodes are named; nobody is worker2.tf.local ...\x1b[K");
    etcd.put("worker3.tf.local.", br#"{"ipv4":"10.0.0.3"}"#);
    terminal.wait_for("2 of 3 nodes are named; nobody is worker2.tf.local\x1b[K");
    etcd.put("worker2.tf.local.", br#"{"ipv4":"10.0.0.2"}"#);
    let (status, shown) = terminal.end();
    assert_eq!(status, Some(0), "{shown}");
    assert!(shown.ends_with("\x1b[K"), "the line is taken away: {shown:?}");
}

#[test]
fn time_that_is_up_is_told_with_what_there_is() {
    let mut etcd = Etcd::start();
    etcd.put("worker1.tf.local.", br#"{"ipv4":"10.0.0.1"}"#);
    let began = Instant::now();
    let three = ["--count", "3", "--timeout", "1"];
    let line = ended("wait", &etcd.endpoint(), &three).complaint(1);
    let wanted = "1 of 3 nodes of worker{{.ID}}.tf.local. are named after 1 s (--timeout)";
    assert!(line.contains(wanted), "{line}");
    assert!(began.elapsed() >= Duration::from_secs(1));
    etcd.kill();
    let Ended { status, err, .. } = ended("wait", &etcd.endpoint(), &three);
    assert_eq!((status, err.lines().count()), (Some(1), 2), "{err}");
    assert!(err.contains("waiting for etcd: ") && err.contains("out of reach"), "{err}");
    assert!(err.ends_with("etcd was not heard for 1 s (--timeout)\n"), "{err}");
}

#[test]
fn an_etcd_that_is_away_is_waited_out_and_told_once() {
    let mut etcd = Etcd::start();
    let endpoint = etcd.endpoint();
    etcd.kill();
    let mut child = waiting(&endpoint, &["--count", "1"]);
    std::thread::sleep(Duration::from_secs(2));
    assert!(is_waiting(&mut child));
    etcd.restart();
    follows(&etcd, 0);
    // It goes away again in the midst of the watch.
    etcd.kill();
    std::thread::sleep(Duration::from_millis(500));
    etcd.restart();
    etcd.put("worker1.tf.local.", br#"{"ipv4":"10.0.0.1"}"#);
    let end = ends(child);
    assert_eq!(end.status, Some(0), "{end:?}");
    assert_eq!(end.err.matches("waiting for etcd: ").count(), 2, "once each time: {end:?}");
    assert_eq!(end.err.lines().count(), 2, "{end:?}");
}

#[test]
fn a_frozen_member_is_left_for_another() {
    let mut cluster = support::Cluster::start(3);
    let leader = cluster.leader();
    // Not the leader, so that the others go on without an election.
    let frozen = (leader + 1) % 3;
    let other = (leader + 2) % 3;
    let endpoints = [frozen, other].map(|index| cluster.members[index].endpoint()).join(",");
    // Whichever it took first: both are frozen for a while, one after the other.
    let child = waiting(&endpoints, &["--count", "1", "--etcd-timeout", "0.5"]);
    until(PATIENCE, "it reads", || {
        let read = [frozen, other].iter().any(|i| cluster.members[*i].handled("Range") > 0);
        read.then_some(())
    });
    std::thread::sleep(Duration::from_millis(500));
    let taken = if cluster.members[frozen].handled("Range") > 0 { frozen } else { other };
    cluster.members[taken].signal(Signal::STOP);
    cluster.members[leader].put("worker1.tf.local.", br#"{"ipv4":"10.0.0.1"}"#);
    let end = ends(child);
    cluster.members[taken].signal(Signal::CONT);
    assert_eq!(end.status, Some(0), "{end:?}");
    cluster.settle();
}

#[test]
fn a_signal_ends_it_with_failure() {
    let etcd = Etcd::start();
    for signal in [Signal::TERM, Signal::INT] {
        let before = etcd.handled("Range");
        let child = waiting(&etcd.endpoint(), &["--count", "1"]);
        follows(&etcd, before);
        send(&child, signal);
        assert!(ends(child).complaint(1).contains("stopped by a signal"));
    }
}

#[test]
fn a_wrong_password_is_told_and_waited_out_like_a_node_does() {
    let mut etcd = Etcd::start();
    etcd.require_users("node", "secret", "worker");
    etcd.put("worker1.tf.local.", br#"{"ipv4":"10.0.0.1"}"#);
    let one = ["--count", "1", "--timeout", "2", "--user"];
    let wrong = ended("wait", &etcd.endpoint(), &[&one[..], &["node:wrong"]].concat());
    assert_eq!(wrong.status, Some(1), "{wrong:?}");
    assert!(wrong.err.contains("see --user and --password-file"), "{wrong:?}");
    ended("wait", &etcd.endpoint(), &[&one[..], &["node:secret"]].concat()).good();
}
