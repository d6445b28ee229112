//! Replies that are so large that the socket always has more to read.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use support::etcd::encode;
use support::tool::ended;
use support::{Action, Etcd, Node, PATIENCE, Phase, Prober, Proxy, lookup, until};

/// Together not much less than the most that is read.
const KEYS: usize = 11;
const OCTETS: usize = 1 << 20;

/// The longest that a query may wait, on a machine that does other things as well.
const BOUND: Duration = Duration::from_millis(60);

/// For replies that take etcd and a busy machine long.
const PATIENT: [&str; 2] = ["--etcd-timeout", "20"];

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
    let node = Node::at(&proxy.endpoint(), 1, 3, &PATIENT);
    let server = node.address();
    let large = large_range();
    let length = large.len();
    let given = Arc::new(AtomicUsize::new(0));
    let counter = given.clone();
    proxy.police(move |passing| match (passing.phase, passing.path.as_str()) {
        (Phase::Request, "/v3/kv/range") => {
            counter.fetch_add(1, Ordering::SeqCst);
            Action::Answer(large.clone())
        }
        _ => Action::Pass,
    });
    proxy.reset();
    // All is read over and over, since it is of another cluster. Who asks for the next reply has read the one before.
    let probe = || {
        let (prober, before) =
            (Prober::start(server, "worker1.tf.local."), given.load(Ordering::SeqCst));
        until(PATIENCE, "read", || (given.load(Ordering::SeqCst) >= before + 2).then_some(()));
        prober.stop()
    };
    let probed = [(); 3].map(|()| probe());
    node.wait_for_log("longer than any record");
    println!("a reply of {length} octets: {probed:?}");
    assert!(probed.iter().all(|it| it.lost == 0), "{}", node.log());
    // The machine holds up one of them, and what a node does all three.
    assert!(probed.iter().any(|it| it.worst < BOUND), "{probed:?}");
}

#[test]
fn values_that_are_too_large_together_hold_up_nobody() {
    let etcd = Etcd::start();
    let value = vec![b'x'; 600_000];
    for number in 101..=200 {
        etcd.put(&format!("worker{number}.tf.local."), &value);
    }
    etcd.put("worker201.tf.local.", br#"{"ipv4":"10.9.9.9"}"#);
    let node = Node::in_cluster(&etcd, 1, 300, &[]);
    assert_eq!(node.slot(), 1);
    let server = node.address();
    assert_eq!(lookup(server, "worker201.tf.local.").as_deref(), Some("10.9.9.9"));
    let log = node.log();
    for number in 101..=200 {
        let told = format!("worker{number}.tf.local. is not a record: the value is longer");
        assert_eq!(log.matches(&told).count(), 1, "{told}: {log}");
    }
    let listed = ended("list", &etcd.endpoint(), &PATIENT).good();
    assert_eq!(listed.matches("no record: the value is longer").count(), 100, "{listed}");
}

#[test]
fn a_value_that_is_too_large_alone_is_passed_by() {
    let etcd = Etcd::start_with(None, &["--max-request-bytes", "50000000"]);
    let huge = vec![b'x'; 20_000_000];
    etcd.put("worker1.tf.local.", &huge);
    let node = Node::in_cluster(&etcd, 1, 3, &PATIENT);
    assert_eq!(node.slot(), 2, "a name that holds too much is not free");
    let server = node.address();
    let told = "worker1.tf.local. is not a record: the value is longer";
    assert_eq!(node.log().matches(told).count(), 1, "{}", node.log());
    // The same as changes, the last of which is followed by one that is sensible.
    etcd.put("worker3.tf.local.", &huge);
    etcd.put("worker9.tf.local.", br#"{"ipv4":"10.9.9.9"}"#);
    until(PATIENCE, "followed", || lookup(server, "worker9.tf.local."));
    etcd.put("worker1.tf.local.", br#"{"ipv4":"10.1.1.1"}"#);
    until(PATIENCE, "a good value heals", || lookup(server, "worker1.tf.local."));
    node.wait_for_logs("full sync", 2);
    let log = node.log();
    let read = log.matches("full sync").count();
    assert!((2..=4).contains(&read), "{read} full syncs: {log}");
    assert!(!log.contains("lost worker2"), "{log}");
    // Histories are told apart by what changed last, which cannot be read here: so all is read again.
    etcd.put("worker3.tf.local.", &huge);
    let (proxied, watched) = (Proxy::new(&etcd.address()), etcd.watchers());
    let late = Node::at(&proxied.endpoint(), 2, 12, &PATIENT);
    assert_eq!(late.slot(), 4);
    until(PATIENCE, "its watch", || (etcd.watchers() > watched).then_some(()));
    let wanted = late.log().matches("full sync").count() + 1;
    proxied.reset();
    etcd.put("worker10.tf.local.", br#"{"ipv4":"10.10.10.10"}"#);
    until(PATIENCE, "followed again", || lookup(late.address(), "worker10.tf.local."));
    late.wait_for_logs("full sync", wanted);
}
