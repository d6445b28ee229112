//! What others put into etcd: records by hand, and what is no record.

use std::time::{Duration, Instant};

use support::{Etcd, Node, PATIENCE, lookup, until};

#[test]
fn a_record_put_by_hand_is_answered_within_100_milliseconds() {
    let etcd = Etcd::start();
    let node = Node::in_cluster(&etcd, 1, 3, &[]);
    node.slot();
    let server = node.address();
    let mut times = Vec::new();
    for number in 1..=20 {
        let address = format!("10.9.9.{number}");
        etcd.put("worker9.tf.local.", format!(r#"{{"ipv4":"{address}"}}"#).as_bytes());
        let put = Instant::now();
        until(PATIENCE, "answered", || {
            (lookup(server, "worker9.tf.local.").as_ref() == Some(&address)).then_some(())
        });
        times.push(put.elapsed());
    }
    times.sort_unstable();
    println!("20 changes: median {:?}, worst {:?}", times[9], times[19]);
    assert!(times[9] < Duration::from_millis(100), "{times:?}");
    etcd.delete("worker9.tf.local.");
    until(PATIENCE, "gone", || lookup(server, "worker9.tf.local.").is_none().then_some(()));
}

#[test]
fn what_is_not_a_record_is_told_once_and_harms_nobody() {
    let etcd = Etcd::start();
    let garbage: Vec<u8> =
        (0..1_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let values: [&[u8]; 5] = [b"x", b"{}", br#"{"ipv4":5}"#, &garbage, b""];
    for (number, value) in (2..).zip(values) {
        etcd.put(&format!("worker{number}.tf.local."), value);
    }
    let node = Node::in_cluster(&etcd, 1, 20, &[]);
    assert_eq!(node.slot(), 1);
    let late = Node::in_cluster(&etcd, 2, 20, &[]);
    assert_eq!(late.slot(), 7, "a slot that holds no record is not free");
    let server = node.address();
    // The same once more, as changes that the watch tells.
    for (number, value) in (12..).zip(values) {
        etcd.put(&format!("worker{number}.tf.local."), value);
    }
    etcd.put("worker20.tf.local.", br#"{"ipv4":"10.9.9.9"}"#);
    until(PATIENCE, "changes are followed", || lookup(server, "worker20.tf.local."));
    for number in (2..=6).chain(12..=16) {
        let told = format!("worker{number}.tf.local. is not a record");
        // Its log is written by a process of its own, which may be behind.
        node.wait_for_log(&told);
        assert_eq!(node.log().matches(&told).count(), 1, "{told}: {}", node.log());
        assert_eq!(lookup(server, &format!("worker{number}.tf.local.")), None);
    }
    assert!(node.log().lines().all(|line| line.len() < 2000), "the garbage stays out of the log");
    etcd.put("worker2.tf.local.", br#"{"ipv4":"10.2.2.2"}"#);
    until(PATIENCE, "a good value heals", || lookup(server, "worker2.tf.local."));
    assert_eq!(lookup(server, "worker1.tf.local.").as_deref(), Some("10.0.0.2"));
}
