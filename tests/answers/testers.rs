//! Public testers of DNS servers: what they find is what `TESTERS.md` explains, and no more.

use std::collections::BTreeSet;

use serde_json::Value;
use support::{command, install, is_private, run};

use crate::internet::{self, Internet};

/// What Zonemaster finds, at level NOTICE and above: see `TESTERS.md`.
const ZONEMASTER: [&str; 16] = [
    "AXFR_AVAILABLE",
    "EXPIRE_MINIMUM_VALUE_LOWER",
    "NAMESERVER_IP_PRIVATE_NETWORK",
    "NAMESERVER_IP_PTR_MISMATCH",
    "NEITHER_DNSKEY_NOR_DS",
    "NOT_ENOUGH_IPV4_NS_CHILD",
    "NOT_ENOUGH_IPV4_NS_DEL",
    "NOT_ENOUGH_IPV6_NS_CHILD",
    "NOT_ENOUGH_IPV6_NS_DEL",
    "NOT_ENOUGH_NS_CHILD",
    "NOT_ENOUGH_NS_DEL",
    "NOT_SIGNED",
    "REFRESH_MINIMUM_VALUE_LOWER",
    "RETRY_MINIMUM_VALUE_LOWER",
    "RNAME_MAIL_DOMAIN_INVALID",
    "SOA_DEFAULT_TTL_MAXIMUM_VALUE_LOWER",
];

/// The same, of a zone that names hosts.
const ZONEMASTER_NAMES: &str = "Z09_MISSING_MAIL_TARGET";

#[test]
fn zonemaster_finds_what_is_explained() {
    internet::install_all();
    install(&["zonemaster-cli:zonemaster-cli"]);
    if !is_private!() {
        return;
    }
    let internet = Internet::start();
    internet::wait_for("198.51.100.11");
    let options = ["--hints", &internet.hints, "--level", "NOTICE", "--json", "--no-time"];
    for zone in ["tf.example", "100.51.198.in-addr.arpa", "8.b.d.0.1.0.0.2.ip6.arpa"] {
        let said = run("zonemaster-cli", &[&options[..], &[zone]].concat());
        let found: Value = serde_json::from_str(&said).expect("JSON");
        let messages = found.as_array().expect("messages").iter();
        let tags: BTreeSet<&str> = messages.filter_map(|it| it["tag"].as_str()).collect();
        let names = [ZONEMASTER_NAMES].into_iter().filter(|_| zone == "tf.example");
        assert_eq!(tags, ZONEMASTER.into_iter().chain(names).collect(), "{zone}: {said}");
    }
}

#[test]
fn dnsviz_finds_nothing() {
    internet::install_all();
    install(&["dnsviz:dnsviz"]);
    if !is_private!() {
        return;
    }
    let internet = Internet::start();
    let file = internet.directory.file("dnsviz.json");
    let server = "tf.example+:worker.tf.example=198.51.100.1,worker.tf.example=[2001:db8::3]";
    let options =
        ["-A", "-a", "tf.example", "-x", server, "-R", "A,AAAA,SRV,TXT,SOA,NS", "-o", &file];
    let names = ["tf.example", "worker1.tf.example", "worker.tf.example", "worker9.tf.example"];
    // With a look at EDNS, NSID and cookies as well.
    let more: [&[&str]; 2] = [&[], &["-E", "-n", "-c", "0102030405060708"]];
    for more in more {
        run("dnsviz", &[&["probe"], more, &options, &names].concat());
        let grok = command("dnsviz").args(["grok", "-l", "warning", "-r", &file]).output();
        let output = grok.expect("dnsviz");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.trim().is_empty(), "{said}");
        assert!(std::fs::read_to_string(&file).expect("a file").contains("worker1.tf.example"));
    }
}

/// What a cluster's hosts ask for: each other, themselves, what their search lists make of other names, and others.
fn query_log() -> String {
    let mut log = String::new();
    for number in 0..2000_u32 {
        let (node, other) = (number % 3 + 1, number * 7919 % 1000);
        let line = match number % 20 {
            0..=8 => format!("worker{node}.tf.example A"),
            9..=11 => format!("worker{node}.tf.example AAAA"),
            12 => "worker.tf.example A".to_owned(),
            13 => "worker.tf.example SRV".to_owned(),
            14 => format!("{node}.100.51.198.in-addr.arpa PTR"),
            15 => format!("host{}.example.tf.example A", other % 50),
            16 => format!("worker{}.tf.example A", other + 10),
            17 => format!("host{}.example A", other % 20),
            18 => format!("host{}.example AAAA", other % 20),
            _ => format!("{other}.cold.example A"),
        };
        log += &(line + "\n");
    }
    log
}

#[test]
fn a_log_of_queries_is_answered_as_a_whole() {
    internet::install_all();
    install(&["dnsperf:dnsperf", "resperf:dnsperf"]);
    if !is_private!() {
        return;
    }
    let internet = Internet::start();
    let _resolver = internet.unbound();
    internet::wait_for("198.51.100.22");
    let _node = internet.node(4, &["--forward", "198.51.100.22"]);
    // resperf takes each line once.
    let log = internet.directory.write("log", &query_log().repeat(8));
    let said = run("dnsperf", &["-s", "198.51.100.4", "-d", &log, "-n", "1", "-c", "20"]);
    println!("{said}");
    let codes = said.lines().find(|line| line.contains("Response codes")).expect("codes");
    assert!(said.contains("Queries completed:    16000 (100.00%)"), "{said}");
    assert!(codes.contains("NOERROR") && codes.contains("NXDOMAIN"), "{codes}");
    assert!(!codes.contains("SERVFAIL") && !codes.contains("REFUSED"), "{codes}");
    let plot = internet.directory.file("resperf.gnuplot");
    // So slow that sockets hold what comes while a busy machine lets nobody read.
    let rate = ["-m", "1000", "-r", "8", "-c", "2", "-C", "20", "-L", "1", "-P", &plot];
    let said = run("resperf", &[&["-s", "198.51.100.4", "-d", &log], &rate[..]].concat());
    println!("{said}");
    assert!(said.lines().any(|line| line.trim() == "Queries lost:         0"), "{said}");
}
