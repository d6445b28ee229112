//! `idetcd release`: takes away what was shown, and nothing else.

use support::{Etcd, Node, PATIENCE, Terminal, ended, lookup, until};

const HAND: &[u8] = br#"{"ipv4":"10.0.0.7"}"#;

#[test]
fn a_name_without_a_node_is_shown_and_deleted() {
    let etcd = Etcd::start();
    let endpoint = etcd.endpoint();
    for name in ["worker1.tf.local.", "worker2.tf.local.", "a/worker2.tf.local.", "ps2.tf.local."] {
        etcd.put(name, HAND);
    }
    etcd.put("worker3.tf.local.", b"x\n");
    let out = ended("release", &endpoint, &["--yes", "2"]).good();
    let wanted = "worker2.tf.local.: 10.0.0.7, put without a lease: it stays until it is deleted\n\
        released worker2.tf.local.\n";
    assert_eq!(out, wanted);
    let out = ended("release", &endpoint, &["worker3.tf.local", "--yes"]).good();
    assert!(out.starts_with("worker3.tf.local.: no record but x\\n, put"), "{out}");
    etcd.put("worker3.tf.local.", b"");
    let out = ended("release", &endpoint, &["3", "--yes"]).good();
    assert!(out.starts_with("worker3.tf.local.: no record but an empty value, put"), "{out}");
    ended("release", &endpoint, &["--yes", "--prefix", "a/", "worker2"]).good();
    ended("release", &endpoint, &["--yes", "--resolve", "ps{{.ID}}.tf.local.", "ps2.tf.local."])
        .good();
    let left: Vec<String> = etcd.keys().into_iter().map(|(key, _)| key).collect();
    assert_eq!(left, ["worker1.tf.local."]);
    let line = ended("release", &endpoint, &["--yes", "2"]).complaint(1);
    assert!(line.contains("worker2.tf.local. is nobody's"), "{line}");
}

#[test]
fn without_a_terminal_it_refuses_with_status_2() {
    let etcd = Etcd::start();
    etcd.put("worker1.tf.local.", HAND);
    let revision = etcd.revision();
    let end = ended("release", &etcd.endpoint(), &["1"]);
    assert!(end.out.starts_with("worker1.tf.local.: 10.0.0.7, put without a lease"), "{end:?}");
    let line = end.complaint(2);
    assert!(line.contains("give --yes"), "{line}");
    let line = ended("release", &etcd.endpoint(), &["2"]).complaint(1);
    assert!(line.contains("worker2.tf.local. is nobody's"), "nothing is to be asked: {line}");
    assert_eq!(etcd.revision(), revision);
}

#[test]
fn the_operator_is_asked_on_a_terminal() {
    let etcd = Etcd::start();
    etcd.put("worker1.tf.local.", HAND);
    let table = [("\n", 1, false), ("n\n", 1, false), ("\x03", 1, false), ("y\n", 0, true)];
    for (answer, wanted, is_gone) in table {
        let mut terminal = Terminal::start("release", &etcd.endpoint(), &["1"], &[]);
        terminal.wait_for("release worker1.tf.local.? [y/N]");
        terminal.enter(answer);
        let (status, shown) = terminal.end();
        assert_eq!(status, Some(wanted), "{answer:?}: {shown}");
        assert_eq!(etcd.has("worker1.tf.local."), !is_gone, "{answer:?}: {shown}");
    }
}

#[test]
fn what_changed_since_it_was_shown_stays() {
    let etcd = Etcd::start();
    etcd.put("worker1.tf.local.", HAND);
    let mut terminal = Terminal::start("release", &etcd.endpoint(), &["1"], &[]);
    terminal.wait_for("[y/N]");
    etcd.put("worker1.tf.local.", br#"{"ipv4":"10.0.0.8"}"#);
    terminal.enter("y\n");
    let (status, shown) = terminal.end();
    assert_eq!(status, Some(1), "{shown}");
    assert!(
        shown.contains("changed meanwhile, so nothing was deleted: now it is that of 10.0.0.8")
    );
    assert!(etcd.has("worker1.tf.local."));
}

#[test]
fn a_node_that_runs_takes_its_name_again_and_that_is_told() {
    let etcd = Etcd::start();
    let node = Node::in_cluster(&etcd, 1, 9, &["--lease-ttl", "600"]);
    assert_eq!(node.slot(), 1);
    // The tool looks for a second, within which a busy machine may not let the node take it.
    let mut ends = (1..=3).map(|times| {
        let end = ended("release", &etcd.endpoint(), &["1", "--yes"]);
        node.wait_for_logs("re-claimed worker1.tf.local.", times);
        end
    });
    let end = ends.find(|end| end.status != Some(0)).expect("told once in three times");
    assert!(end.out.contains("10.0.0.2 fd00::2 port 53, on lease "), "{end:?}");
    assert!(end.out.contains("A node that runs takes its name again at once"), "{end:?}");
    let line = end.complaint(1);
    assert!(line.contains("took it again at once: stop the node"), "{line}");
    let server = node.address();
    until(PATIENCE, "answered", || lookup(server, "worker1.tf.local."));
}

#[test]
fn a_dead_node_on_a_long_lease_is_evicted_and_who_waits_is_told() {
    let etcd = Etcd::start();
    let mut node = Node::in_cluster(&etcd, 1, 1, &["--lease-ttl", "600"]);
    assert_eq!(node.slot(), 1);
    node.kill();
    let out = ended("release", &etcd.endpoint(), &["1", "--yes"]).good();
    assert!(out.ends_with("released worker1.tf.local.\n"), "{out}");
    assert!(!etcd.has("worker1.tf.local."));
    etcd.put("worker1.tf.local.", HAND);
    let heir = Node::in_cluster(&etcd, 2, 1, &["--wait"]);
    heir.wait_for_log("waiting for one");
    let out = ended("release", &etcd.endpoint(), &["1", "--yes"]).good();
    assert!(
        out.ends_with("released worker1.tf.local.; now it is that of 10.0.0.3 fd00::3 port 53\n")
    );
    assert_eq!(heir.slot(), 1);
}

#[test]
fn the_operator_is_warned_where_the_plugin_may_have_the_name() {
    let etcd = Etcd::start();
    etcd.put_leased("worker1.tf.local.", HAND, 600);
    let out = ended("release", &etcd.endpoint(), &["1", "--yes"]).good();
    assert!(out.contains("10.0.0.7, on lease ") && out.contains("CoreDNS crashes"), "{out}");
    let with_id = br#"{"ipv4":"10.0.0.7","node_id":"n1"}"#;
    etcd.put_leased("worker1.tf.local.", with_id, 600);
    let out = ended("release", &etcd.endpoint(), &["1", "--yes"]).good();
    assert!(out.contains("A node that runs takes its name") && !out.contains("CoreDNS"), "{out}");
}

#[test]
fn the_right_to_write_is_needed() {
    let mut etcd = Etcd::start();
    etcd.put("worker1.tf.local.", HAND);
    etcd.require_users("node", "secret", "worker");
    let read = serde_json::json!({"name": "nodes", "perm": {"permType": "READ",
        "key": "d29ya2Vy", "range_end": "d29ya2Vz"}});
    etcd.call("/v3/auth/role/grant", &read);
    let more = ["1", "--yes", "--user", "node:secret"];
    let line = ended("release", &etcd.endpoint(), &more).complaint(1);
    assert!(line.contains("permission denied") && line.contains("the role's permission"), "{line}");
    assert!(etcd.has("worker1.tf.local."));
}
