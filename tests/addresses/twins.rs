//! Two hosts with one address.

use support::{Etcd, Node, PATTERN};

/// A node on a host of this name.
fn on(host: &str, etcd: &Etcd, port: u16, more: &[&str]) -> Node {
    let renamed = format!("hostname {host}; exec \"$@\"");
    let wrapper = ["unshare", "--uts", "sh", "-c", &renamed, "-"].map(str::to_owned);
    let (endpoint, listen) = (etcd.endpoint(), format!("127.0.0.1:{port}"));
    let arguments = ["--pattern", PATTERN, "--endpoints", &endpoint, "--listen", &listen];
    let twins = ["--ipv4", "10.9.9.9", "--ipv6", "none", "--port", "53", "--lease-ttl", "3"];
    Node::start_by(&wrapper, &[&arguments[..], &twins, more].concat())
}

#[test]
fn the_log_says_on_which_host_the_other_one_is() {
    let unshare = std::process::Command::new("unshare").args(["--uts", "true"]).status();
    if !unshare.is_ok_and(|status| status.success()) {
        println!("skipped: no host of another name here");
        return;
    }
    let etcd = Etcd::start();
    let [one, two] = [support::free_port(), support::free_port()];
    let first = on("db7", &etcd, one, &["--node-id", "one"]);
    assert_eq!(first.slot(), 1);
    let second = on("web3.lan", &etcd, two, &["--node-id", "two"]);
    let line = second.wait_for_log("lives and publishes the same addresses");
    assert!(line.contains("another node on the host db7,"), "{line}");
    assert!(line.contains("its node ID is one, ours two"), "{line}");
    assert_eq!(second.slot(), 2);
    // Whoever is put in its place is told the same.
    let theirs = etcd.keys()[1].1.replace(r#""node_id":"two""#, r#""node_id":"three""#);
    etcd.put("worker1.tf.local.", theirs.as_bytes());
    let line = first.wait_for_log("lost worker1.tf.local.");
    assert!(line.contains("another node on the host web3.lan publishes the same"), "{line}");
}
