//! DNS goes on while etcd is frozen, killed, or not there yet.

use std::time::Duration;

use simple_dns::TYPE;
use support::{AT_ONCE, Directory, Etcd, Node, PATIENCE, Signal, ask, command, lookup, until};

#[test]
fn a_frozen_etcd_costs_no_query() {
    let etcd = Etcd::start();
    let node = Node::in_cluster(&etcd, 1, 3, &[]);
    node.slot();
    let server = node.address();
    until(PATIENCE, "answered", || lookup(server, "worker1.tf.local."));
    let directory = Directory::new();
    let queries = directory.path().join("queries");
    std::fs::write(&queries, "worker1.tf.local A\nworker1.tf.local AAAA\nworker2.tf.local A\n")
        .expect("written");
    let load = command("dnsperf")
        .args(["-s", &server.ip().to_string(), "-p", &server.port().to_string()])
        .args(["-l", "7", "-Q", "5000", "-t", "1", "-d"])
        .arg(&queries)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("dnsperf; scripts/test installs it");
    std::thread::sleep(Duration::from_secs(1));
    etcd.signal(Signal::STOP);
    std::thread::sleep(Duration::from_secs(5));
    etcd.signal(Signal::CONT);
    let output = load.wait_with_output().expect("dnsperf ends");
    let report = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = |start: &str| {
        let line = report.lines().find(|line| line.trim_start().starts_with(start));
        line.unwrap_or_else(|| panic!("no {start:?} in {report}")).trim().to_owned()
    };
    println!(
        "{}; {}; {}",
        line("Queries completed"),
        line("Queries lost"),
        line("Average Latency")
    );
    let completed = line("Queries completed");
    let count = completed.split_whitespace().nth(2).and_then(|word| word.parse::<u32>().ok());
    // Of 35,000, where the tester itself is held up for a while.
    assert!(count.is_some_and(|count| count > 20_000), "{completed}");
    assert!(line("Queries lost").contains(" 0 ("), "{report}");
    let latency = line("Average Latency");
    let worst = latency
        .split("max ")
        .nth(1)
        .and_then(|rest| rest.trim_end_matches(')').parse::<f64>().ok());
    assert!(worst.is_some_and(|worst| worst < AT_ONCE.as_secs_f64()), "{latency}");
    assert_eq!(node.status("Threads"), "1");
}

#[test]
fn a_killed_etcd_is_followed_again_and_the_name_is_kept() {
    let mut etcd = Etcd::start();
    let node = Node::in_cluster(&etcd, 1, 9, &[]);
    assert_eq!(node.slot(), 1);
    let server = node.address();
    etcd.kill();
    node.wait_for_log("lost: ");
    assert_eq!(lookup(server, "worker1.tf.local.").as_deref(), Some("10.0.0.2"));
    etcd.restart();
    etcd.put("worker9.tf.local.", br#"{"ipv4":"10.9.9.9"}"#);
    until(PATIENCE, "a change is followed", || lookup(server, "worker9.tf.local."));
    assert_eq!(lookup(server, "worker1.tf.local.").as_deref(), Some("10.0.0.2"));
    node.wait_for_logs(" found", 2);
    let log = node.log();
    assert!(log.matches(" found").count() == 2, "{log}");
    assert!(!log.contains("re-claimed"), "{log}");
}

#[test]
fn without_etcd_the_node_waits_and_denies_nothing() {
    let mut etcd = Etcd::start();
    etcd.kill();
    let mut node = Node::in_cluster(&etcd, 1, 3, &[]);
    node.wait_for_log("etcd is out of reach, waiting for it");
    let server = node.address();
    assert_eq!(ask(server, "worker1.tf.local.", TYPE::A).rcode, 2, "SERVFAIL");
    assert_eq!(ask(server, "example.com.", TYPE::A).rcode, 5, "REFUSED");
    etcd.restart();
    assert_eq!(node.slot(), 1);
    until(PATIENCE, "answered", || lookup(server, "worker1.tf.local."));
    etcd.kill();
    node.signal(Signal::TERM);
    assert_eq!(node.wait(Duration::from_secs(3)).code(), Some(0), "stops without etcd as well");
}

#[test]
fn a_second_endpoint_stands_in_for_a_dead_first() {
    let etcd = Etcd::start();
    let mut dead = Etcd::start();
    dead.kill();
    let both = format!("{},{}", dead.endpoint(), etcd.endpoint());
    let node = Node::start(&[
        "--pattern",
        support::PATTERN,
        "--endpoints",
        &both,
        "--listen",
        "127.0.0.1:0",
        "--ipv4",
        "10.0.0.1",
        "--ipv6",
        "none",
    ]);
    assert_eq!(node.slot(), 1);
    node.wait_for_log(&format!("etcd endpoint {} found", etcd.endpoint()));
}

#[test]
fn an_endpoint_that_is_not_etcd_is_left_for_one_that_is() {
    let etcd = Etcd::start();
    let web = support::Proxy::new(&etcd.address());
    web.police(|_| {
        let page = "HTTP/1.1 404 Not Found\r\ncontent-length: 6\r\n\r\n<html>";
        support::Action::Answer(page.as_bytes().to_vec())
    });
    let both = format!("{},{}", web.endpoint(), etcd.endpoint());
    // Each begins with either of them: as many as it takes until one began there.
    let began_there = (1..=64).any(|number| {
        Node::at(&both, number, 64, &[]).slot();
        web.count() > 0
    });
    assert!(began_there, "one of them at least");
}
