//! What nodes tell of themselves besides: named services and texts, by DNS, in zones, and where the table is
//! taken from another node.

use std::fs;

use support::{Directory, Etcd, Node, PATIENCE, command, idetcd, run, until};

use crate::zone::ALLOW;

/// What a node answers, a line each, sorted.
fn told(node: &Node, name: &str, kind: &str) -> Vec<String> {
    let address = node.address();
    let (host, port) = (format!("@{}", address.ip()), address.port().to_string());
    let out = run("dig", &["+short", "+tries=1", "-p", &port, &host, name, kind]);
    let mut lines: Vec<String> = out.lines().map(str::to_owned).collect();
    lines.sort_unstable();
    lines
}

fn status(node: &Node, name: &str, kind: &str) -> String {
    let address = node.address();
    let (host, port) = (format!("@{}", address.ip()), address.port().to_string());
    run("dig", &["+tries=1", "-p", &port, &host, name, kind])
}

/// The zone of a node, as `dig` reads it: what tells of services, and the texts.
fn zone(node: &Node) -> Vec<String> {
    let address = node.address();
    let (host, port) = (format!("@{}", address.ip()), address.port().to_string());
    let out = run("dig", &["+nottlid", "+nocl", "+tcp", "-p", &port, &host, "tf.local", "AXFR"]);
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let lines = out.lines().map(words);
    let mut lines: Vec<String> =
        lines.filter(|line| line.contains(" TXT ") || line.starts_with('_')).collect();
    lines.sort_unstable();
    lines
}

const SERVICES: [&str; 4] = ["--service", "http/tcp=8080", "--service", "syslog/udp=514"];
const META: [&str; 4] = ["--meta", "rack=a7", "--meta", "note=a b=c"];

#[test]
fn services_and_texts_of_a_node_are_answered_and_transferred() {
    let (etcd, directory) = (Etcd::start(), Directory::new());
    let ready = directory.file("ready");
    fs::write(&ready, "").expect("written");
    let own = [&ALLOW[..], &SERVICES, &META, &["--ready-file", &ready]].concat();
    let node = Node::in_cluster(&etcd, 1, 5, &own);
    assert_eq!(node.slot(), 1);
    let other = Node::in_cluster(&etcd, 2, 5, &["--service", "http/tcp=81"]);
    assert_eq!(other.slot(), 2);
    until(PATIENCE, "both are known", || {
        (told(&node, "worker.tf.local", "A").len() == 2).then_some(())
    });
    let token = etcd.mod_revision_of("worker1.tf.local.").expect("a key");
    let revision = format!("\"revision={token}\"");
    let texts = || told(&node, "worker1.tf.local", "TXT");
    assert_eq!(texts(), [r#""note=a b=c""#, r#""rack=a7""#, &revision]);
    assert_eq!(told(&node, "_http._tcp.worker1.tf.local", "SRV"), ["0 0 8080 worker1.tf.local."]);
    assert_eq!(told(&node, "_SYSLOG._udp.worker1.tf.local", "SRV"), ["0 0 514 worker1.tf.local."]);
    let both = ["0 0 8080 worker1.tf.local.", "0 0 81 worker2.tf.local."];
    assert_eq!(told(&node, "_http._tcp.worker.tf.local", "SRV"), both);
    let full = status(&node, "_http._tcp.worker.tf.local", "SRV");
    assert!(full.contains("10.0.0.2") && full.contains("10.0.0.3"), "addresses as a help: {full}");
    for (name, kind, wanted) in [
        ("_http._tcp.worker1.tf.local", "A", "status: NOERROR"),
        ("_tcp.worker1.tf.local", "SRV", "status: NOERROR"),
        ("_udp.worker.tf.local", "A", "status: NOERROR"),
        ("_udp.worker2.tf.local", "A", "status: NXDOMAIN"),
        ("_grpc._tcp.worker1.tf.local", "SRV", "status: NXDOMAIN"),
        ("_http._tcp.worker3.tf.local", "SRV", "status: NXDOMAIN"),
    ] {
        let output = status(&node, name, kind);
        assert!(output.contains(wanted) && output.contains("ANSWER: 0"), "{name}: {output}");
    }
    let lines = zone(&node);
    let wanted = [
        "_http._tcp.worker.tf.local. SRV 0 0 8080 worker1.tf.local.",
        "_http._tcp.worker.tf.local. SRV 0 0 81 worker2.tf.local.",
        "_http._tcp.worker1.tf.local. SRV 0 0 8080 worker1.tf.local.",
        "_http._tcp.worker2.tf.local. SRV 0 0 81 worker2.tf.local.",
        "_syslog._udp.worker.tf.local. SRV 0 0 514 worker1.tf.local.",
        "_syslog._udp.worker1.tf.local. SRV 0 0 514 worker1.tf.local.",
        r#"worker1.tf.local. TXT "note=a b=c""#,
        r#"worker1.tf.local. TXT "rack=a7""#,
    ];
    assert_eq!(lines[..wanted.len()], wanted);
    assert_eq!(lines.len(), wanted.len() + 2, "and two revisions: {lines:?}");
    // Who is not ready is not among those of the group, and its token stays though its record is put again.
    fs::remove_file(&ready).expect("removed");
    until(PATIENCE, "it is not ready", || (texts().len() == 4).then_some(()));
    assert_ne!(etcd.mod_revision_of("worker1.tf.local."), Some(token));
    assert_eq!(texts(), [r#""note=a b=c""#, r#""rack=a7""#, r#""ready=false""#, &revision]);
    let one = &both[1..];
    assert_eq!(told(&node, "_http._tcp.worker.tf.local", "SRV"), one);
    assert_eq!(told(&node, "_http._tcp.worker1.tf.local", "SRV").len(), 1);
}

#[test]
fn who_takes_the_table_from_another_node_tells_the_same() {
    let etcd = Etcd::start();
    let start = |number: u32, more: &[&str]| {
        let watchers = ["--watchers", "1"];
        let own = [&watchers[..], more].concat();
        let node = Node::on_loopback(77, number, &etcd.endpoint(), &own);
        assert_eq!(node.slot(), number);
        node
    };
    let first = start(1, &[&SERVICES[..], &META].concat());
    let follower = start(2, &["--service", "http/tcp=82"]);
    follower.wait_for_log("takes all names from worker");
    let asked = [
        ("worker1.tf.local", "TXT"),
        ("worker2.tf.local", "TXT"),
        ("worker3.tf.local", "TXT"),
        ("_http._tcp.worker.tf.local", "SRV"),
        ("_syslog._udp.worker1.tf.local", "SRV"),
    ];
    let same = |count: usize| {
        let ask = |node: &Node| asked.map(|(name, kind)| told(node, name, kind));
        until(PATIENCE, "both tell the same", || {
            let (one, other) = (ask(&first), ask(&follower));
            (one == other && one[3].len() == count).then_some(one)
        })
    };
    let all = same(2);
    assert_eq!((all[0].len(), all[1].len()), (3, 1), "{all:?}");
    // What changes after that comes by changes of the zone.
    let third = start(3, &["--meta", "rack=b8", "--service", "http/tcp=83"]);
    let all = same(3);
    assert_eq!(all[2].len(), 2, "{all:?}");
    drop(third);
    etcd.put(
        "worker3.tf.local.",
        br#"{"ipv4":"10.9.9.9","meta":{"rack":"c9"},"services":{"http/tcp":"84","x/tcp":"0"}}"#,
    );
    let deadline = std::time::Instant::now() + PATIENCE;
    while !told(&follower, "worker3.tf.local", "TXT").contains(&"\"rack=c9\"".to_owned()) {
        assert!(std::time::Instant::now() < deadline, "{}", follower.log());
    }
    let all = same(3);
    assert!(all[3].contains(&"0 0 84 worker3.tf.local.".to_owned()), "{all:?}");
    etcd.put("worker3.tf.local.", br#"{"ipv4":"10.9.9.9"}"#);
    let all = same(2);
    assert!(all[2].is_empty(), "{all:?}");
}

#[test]
fn what_cannot_be_told_is_an_error_of_the_command_line() {
    for (option, text, wanted) in [
        ("--service", "http=80", "--service: \"http=80\" is no service; write NAME/tcp=PORT"),
        ("--service", "http/tcp=70000", "is no service; write NAME/tcp=PORT"),
        ("--meta", "rack", "--meta: \"rack\" is no key with a value; write KEY=VALUE"),
        ("--meta", "drained=x", "--meta: \"drained=x\": the node itself tells drained"),
    ] {
        let arguments = ["--pattern", support::PATTERN, option, text];
        let output = command(idetcd()).args(arguments).output().expect("idetcd");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains(wanted), "{told}");
    }
}
