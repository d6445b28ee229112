//! The tools that read zones: `dig`, `kdig` and dnspython.

use std::process::Stdio;

use support::{Etcd, Node, PATIENCE, command, install, run, until};

use crate::zone::{ZoneLines, in_etcd, node_beside, record, transferred};

/// Whether a node has the zone as etcd has it.
fn follows(node: &Node, etcd: &Etcd) -> ZoneLines {
    let wanted = in_etcd(etcd);
    let is_alike = || Some(transferred(node.address(), "tf.local").0).filter(|it| *it == wanted);
    until(PATIENCE, "the zone as etcd has it", is_alike)
}

/// The lines of a tool's output that are records, in the order in which they came.
fn lines(output: &str) -> Vec<String> {
    let lines = output.lines().filter(|line| !line.starts_with(';') && !line.is_empty());
    let words = lines.map(|line| line.split_whitespace().collect::<Vec<_>>());
    words
        .map(|words| match words[..] {
            [_, _, "IN", "SOA", _, _, serial, ..] => format!("SOA {serial}"),
            [owner, _, "IN", ref rest @ ..] => format!("{owner} {}", rest.join(" ")),
            _ => panic!("{words:?}"),
        })
        .collect()
}

#[test]
fn dig_and_kdig_read_what_changed() {
    install(&["dig:bind9-dnsutils", "kdig:knot-dnsutils"]);
    let etcd = Etcd::start();
    let node = node_beside(&etcd, 20, &[]);
    follows(&node, &etcd);
    let (_, before) = transferred(node.address(), "tf.local");
    etcd.put_all([record(5, 77)]);
    etcd.delete("worker6.tf.local.");
    // The address of another one: the group has it already.
    etcd.put_all([record(7, 8)]);
    follows(&node, &etcd);
    let (_, after) = transferred(node.address(), "tf.local");
    let deleted = [
        "worker5.tf.local. A 10.0.0.5",
        "worker6.tf.local. A 10.0.0.6",
        "worker7.tf.local. A 10.0.0.7",
        "worker6.tf.local. SRV 0 0 53 worker6.tf.local.",
        "worker.tf.local. A 10.0.0.5",
        "worker.tf.local. A 10.0.0.6",
        "worker.tf.local. A 10.0.0.7",
        "worker.tf.local. SRV 0 0 53 worker6.tf.local.",
    ];
    let added = [
        "worker5.tf.local. A 10.0.0.77",
        "worker7.tf.local. A 10.0.0.8",
        "worker.tf.local. A 10.0.0.77",
    ];
    let soa = |serial: u32| vec![format!("SOA {serial}")];
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let (now, then) = (soa(after), soa(before));
    let (deleted, added) = (texts(&deleted), texts(&added));
    let wanted: Vec<String> =
        [&now, &then, &deleted, &now, &added, &now].into_iter().flatten().cloned().collect();
    let (host, port) = (format!("@{}", node.address().ip()), node.address().port().to_string());
    let since = |serial: u32| format!("IXFR={serial}");
    let old = since(before);
    let current = since(after);
    for (program, arguments, wanted) in [
        ("dig", &["+noall", "+answer", "+tcp", "-p", &port, &host, "tf.local", &old][..], &wanted),
        ("kdig", &["+noall", "+answer", "-p", &port, &host, "tf.local", &old], &wanted),
        (
            "kdig",
            &["+noall", "+answer", "+notcp", "+bufsize=1232", "-p", &port, &host, "tf.local", &old],
            &wanted,
        ),
        ("dig", &["+noall", "+answer", "-p", &port, &host, "tf.local", &current], &now),
        ("kdig", &["+noall", "+answer", "-p", &port, &host, "tf.local", &current], &now),
    ] {
        assert_eq!(lines(&run(program, arguments)), *wanted, "{program} {arguments:?}");
    }
    let whole = ["+noall", "+answer", "-p", &port, &host, "tf.local", "AXFR"];
    let kdig: ZoneLines = lines(&run("kdig", &whole)).into_iter().collect();
    let extra = texts(&[&now[0], "tf.local. NS worker.tf.local."]);
    assert_eq!(kdig, in_etcd(&etcd).into_iter().chain(extra).collect());
}

/// Reads a zone from a server, and again whenever a line comes; writes it as lines after each time.
const SCRIPT: &str = "
import sys, dns.query, dns.zone, dns.xfr
zone = dns.zone.Zone('tf.local', relativize=False)
for line in sys.stdin:
    mode = dns.query.UDPMode[line.strip()]
    dns.query.inbound_xfr(sys.argv[1], zone, port=int(sys.argv[2]), udp_mode=mode)
    for name, node in zone.nodes.items():
        for rdataset in node:
            for rdata in rdataset:
                if rdata.rdtype not in (dns.rdatatype.SOA, dns.rdatatype.NS):
                    print(name, dns.rdatatype.to_text(rdata.rdtype), rdata)
    print(flush=True)
";

#[test]
fn dnspython_reads_the_zone_and_then_what_changed() {
    // Debian's own, for which the package is.
    let python = "/usr/bin/python3";
    let has = || command(python).args(["-c", "import dns.xfr"]).stderr(Stdio::null()).status();
    if !has().is_ok_and(|status| status.success()) {
        // It has no command by which it would be found.
        install(&["dns.xfr:python3-dnspython"]);
    }
    let etcd = Etcd::start();
    let node = node_beside(&etcd, 200, &[]);
    let (host, port) = (node.address().ip().to_string(), node.address().port().to_string());
    let mut child = command(python)
        .args(["-c", SCRIPT, &host, &port])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python");
    let (mut input, output) = (child.stdin.take().expect("in"), child.stdout.take().expect("out"));
    let mut output = std::io::BufReader::new(output);
    for (round, mode) in
        ["NEVER", "NEVER", "TRY_FIRST", "ONLY", "TRY_FIRST"].into_iter().enumerate()
    {
        let many = if mode == "ONLY" { 1 } else { 40 * round };
        for number in 0..many as u32 {
            etcd.put_all([record(2 + number, 5000 + number * 3 % 50 + round as u32)]);
        }
        let wanted = follows(&node, &etcd);
        std::io::Write::write_all(&mut input, format!("{mode}\n").as_bytes()).expect("sent");
        let mut read = ZoneLines::new();
        loop {
            let mut line = String::new();
            std::io::BufRead::read_line(&mut output, &mut line).expect("read");
            match line.trim_end() {
                "" => break,
                line => read.insert(line.to_owned()),
            };
        }
        assert_eq!(read, wanted, "round {round}");
    }
    drop(input);
    assert!(child.wait().expect("ended").success());
}
