//! Replies that are so large that the socket always has more to read.

use std::time::Duration;

use support::etcd::encode;
use support::{Action, Etcd, Node, PATIENCE, Phase, Prober, Proxy, until};

/// Together not much less than the most that is read.
const KEYS: usize = 40;
const OCTETS: usize = 1 << 20;

/// The longest that a query may wait, on a machine that does other things as well.
const BOUND: Duration = Duration::from_millis(60);

/// The reply to a range with large values, which are JSON but no records.
fn large_range() -> Vec<u8> {
    let value = encode(format!(r#"{{"x":[{}1]}}"#, "1,".repeat(OCTETS / 2)));
    let kv = |number: usize| {
        let key = encode(format!("worker{number}.tf.local."));
        format!(r#"{{"key":"{key}","mod_revision":"2","value":"{value}"}}"#)
    };
    let kvs: Vec<String> = (10..10 + KEYS).map(kv).collect();
    let header = r#"{"cluster_id":"7","member_id":"7","revision":"9","raft_term":"2"}"#;
    let body = format!(r#"{{"header":{header},"kvs":[{}],"count":"{KEYS}"}}"#, kvs.join(","));
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json";
    format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

#[test]
fn dns_is_answered_while_a_large_reply_is_read() {
    let etcd = Etcd::start();
    let proxy = Proxy::new(&etcd.address());
    let node = Node::at(&proxy.endpoint(), 1, 3, &["--etcd-timeout", "20"]);
    let prober = Prober::start(node.address(), "worker1.tf.local.");
    let large = large_range();
    let length = large.len();
    proxy.police(move |passing| match (passing.phase, passing.path.as_str()) {
        (Phase::Request, "/v3/kv/range") => Action::Answer(large.clone()),
        _ => Action::Pass,
    });
    proxy.reset();
    node.wait_for_log("full sync");
    until(PATIENCE, "told", || node.log().contains("longer than any record").then_some(()));
    let probed = prober.stop();
    println!("a reply of {length} octets: {probed:?}");
    assert_eq!(probed.lost, 0, "{}", node.log());
    assert!(probed.worst < BOUND, "{probed:?}");
}
