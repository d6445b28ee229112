//! Which names are answered for, where they lie in etcd, and for how long they are believed.

use std::time::Duration;

use simple_dns::TYPE;
use support::{Etcd, Node, PATIENCE, ask, lookup, until};

#[test]
fn clusters_with_prefixes_share_an_etcd_without_seeing_each_other() {
    let etcd = Etcd::start();
    let nodes: Vec<Node> = ["", "site-a/", "site-b/"]
        .iter()
        .zip(1..)
        .map(|(prefix, number)| Node::in_cluster(&etcd, number, 3, &["--prefix", prefix]))
        .collect();
    for node in &nodes {
        assert_eq!(node.slot(), 1);
    }
    let keys: Vec<String> = etcd.keys().into_iter().map(|(key, _)| key).collect();
    let name = "worker1.tf.local.";
    assert_eq!(keys, [format!("site-a/{name}"), format!("site-b/{name}"), name.to_owned()]);
    for (node, address) in nodes.iter().zip(["10.0.0.2", "10.0.0.3", "10.0.0.4"]) {
        assert_eq!(lookup(node.address(), name).as_deref(), Some(address));
    }
    etcd.put("site-b/worker3.tf.local.", br#"{"ipv4":"10.9.9.9"}"#);
    until(PATIENCE, "followed", || lookup(nodes[2].address(), "worker3.tf.local."));
    assert_eq!(lookup(nodes[1].address(), "worker3.tf.local."), None);
    etcd.delete("site-b/worker1.tf.local.");
    nodes[2].wait_for_log("re-claimed worker1.tf.local.");
}

#[test]
fn further_patterns_and_names_are_followed_in_one_stream_without_being_claimed() {
    let etcd = Etcd::start();
    etcd.put("ps1.tf.local.", br#"{"ipv4":"10.7.0.1"}"#);
    etcd.put("registry.example.com.", br#"{"ipv4":"10.8.0.1"}"#);
    etcd.put("web.example.com.", br#"{"ipv4":"10.8.0.2"}"#);
    let resolve =
        ["--resolve", "ps{{.ID}}.tf.local", "--resolve", "Registry.example.com", "--prefix", ""];
    let node = Node::in_cluster(&etcd, 1, 3, &resolve);
    assert_eq!(node.slot(), 1);
    let server = node.address();
    assert_eq!(lookup(server, "ps1.tf.local.").as_deref(), Some("10.7.0.1"));
    assert_eq!(lookup(server, "registry.example.com.").as_deref(), Some("10.8.0.1"));
    assert_eq!(ask(server, "web.example.com.", TYPE::A).rcode, 5, "nobody named it");
    etcd.put("ps70.tf.local.", br#"{"ipv4":"10.7.0.70"}"#);
    etcd.put("registry.example.com.", br#"{"ipv4":"10.8.0.9"}"#);
    until(PATIENCE, "changes are followed", || {
        let registry = lookup(server, "registry.example.com.").as_deref() == Some("10.8.0.9");
        (registry && lookup(server, "ps70.tf.local.").is_some()).then_some(())
    });
    etcd.delete("ps1.tf.local.");
    etcd.delete("registry.example.com.");
    until(PATIENCE, "deletions are followed", || {
        let gone = |name| lookup(server, name).is_none();
        (gone("ps1.tf.local.") && gone("registry.example.com.")).then_some(())
    });
    assert_eq!(etcd.handled("Watch"), 0, "the one watch goes on");
    assert_eq!(node.log().matches("full sync").count(), 1);
}

#[test]
fn two_clusters_whose_names_begin_alike_share_a_range_and_still_resume() {
    let mut etcd = Etcd::start();
    let node = Node::in_cluster(&etcd, 1, 9, &[]);
    assert_eq!(node.slot(), 1);
    etcd.put("worker1.other.local.", br#"{"ipv4":"10.7.0.1"}"#);
    etcd.put("worker9.tf.local.", br#"{"ipv4":"10.9.9.9"}"#);
    let server = node.address();
    until(PATIENCE, "followed", || lookup(server, "worker9.tf.local."));
    etcd.kill();
    node.wait_for_log("lost: ");
    etcd.restart();
    etcd.put("worker8.tf.local.", br#"{"ipv4":"10.9.9.8"}"#);
    until(PATIENCE, "followed again", || lookup(server, "worker8.tf.local."));
    assert_eq!(node.log().matches("full sync").count(), 1, "{}", node.log());
}

#[test]
fn answers_from_memory_end_after_max_stale_and_begin_anew_with_etcd() {
    let mut etcd = Etcd::start();
    let options = ["--max-stale", "2", "--etcd-timeout", "0.2"];
    let node = Node::in_cluster(&etcd, 1, 9, &options);
    assert_eq!(node.slot(), 1);
    let server = node.address();
    etcd.kill();
    node.wait_for_log("lost: ");
    assert_eq!(lookup(server, "worker1.tf.local.").as_deref(), Some("10.0.0.2"), "stale");
    let line = node.wait_for_log("--max-stale");
    assert!(line.contains("not followed for 2 s"), "{line}");
    let began = std::time::Instant::now();
    assert_eq!(ask(server, "worker1.tf.local.", TYPE::A).rcode, 2);
    assert_eq!(ask(server, "nobody.tf.local.", TYPE::A).rcode, 2, "nor is a name denied");
    assert!(began.elapsed() < Duration::from_millis(500));
    etcd.restart();
    until(PATIENCE, "answered again", || {
        let reply = ask(server, "worker1.tf.local.", TYPE::A);
        (reply.answers == ["10.0.0.2"]).then_some(())
    });
}
