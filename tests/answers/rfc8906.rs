//! The tests of RFC 8906 §8, "A Common Operational Problem in DNS Servers: Failure to Communicate",
//! by the very commands that it gives: `dig` against a node.

use support::{Etcd, Node, install, run};

/// A command, and what is expected of the reply in words of the RFC: `status`, `flag`, `SOA`, `OPT`,
/// `version`, …; with `no ` before it what must not be there.
struct Case {
    /// Of RFC 8906, but for the last rows, and what is tested there.
    section: &'static str,
    /// What follows `dig`, but for the server.
    command: &'static str,
    expected: &'static [&'static [&'static str]],
}

const fn case(
    section: &'static str,
    command: &'static str,
    expected: &'static [&'static [&'static str]],
) -> Case {
    Case { section, command, expected }
}

const PLAIN: &[&str] = &["status NOERROR", "SOA", "flag aa", "no flag rd", "no flag ad", "no OPT"];
const EDNS: &[&str] = &["status NOERROR", "SOA", "OPT", "version 0", "flag aa", "no flag ad"];
const BADVERS: &[&str] =
    &["status BADVERS", "no SOA", "OPT", "version 0", "no flag aa", "no flag ad"];

/// `tf.local` is the zone.
const CASES: &[Case] = &[
    // §8.1 Basic DNS.
    case("8.1.1 configured for the zone", "+noedns +noad +norec soa tf.local", &[PLAIN]),
    case(
        "8.1.2 unknown types",
        "+noedns +noad +norec type1000 tf.local",
        &[&["status NOERROR", "empty answer", "flag aa", "no flag rd", "no flag ad", "no OPT"]],
    ),
    case("8.1.3.1 CD=1", "+noedns +noad +norec +cd soa tf.local", &[PLAIN]),
    case("8.1.3.2 AD=1", "+noedns +norec +ad soa tf.local", &[PLAIN]),
    case("8.1.3.3 reserved bit", "+noedns +noad +norec +zflag soa tf.local", &[PLAIN, &["no MBZ"]]),
    case(
        "8.1.3.4 recursive queries",
        "+noedns +noad +rec soa tf.local",
        &[&["status NOERROR", "SOA", "flag aa", "flag rd", "no flag ad", "no OPT"]],
    ),
    case(
        "8.1.4 unknown opcodes",
        "+noedns +noad +opcode=15 +norec +header-only",
        &[&[
            "status NOTIMP",
            "opcode RESERVED15",
            "empty sections",
            "no flag aa",
            "no flag rd",
            "no flag ad",
        ]],
    ),
    case("8.1.5 TCP", "+noedns +noad +norec +tcp soa tf.local", &[PLAIN]),
    // §8.2 Extended DNS.
    case("8.2.1 minimal EDNS", "+nocookie +edns=0 +noad +norec soa tf.local", &[EDNS]),
    case(
        "8.2.2 EDNS version negotiation",
        "+nocookie +edns=1 +noednsneg +noad +norec soa tf.local",
        &[BADVERS],
    ),
    case(
        "8.2.3 unknown EDNS options",
        "+nocookie +edns=0 +noad +norec +ednsopt=100 soa tf.local",
        &[EDNS, &["no option 100"]],
    ),
    case(
        "8.2.4 unknown EDNS flags",
        "+nocookie +edns=0 +noad +norec +ednsflags=0x40 soa tf.local",
        &[EDNS, &["no MBZ"]],
    ),
    case(
        "8.2.5 version negotiation with unknown EDNS flags",
        "+nocookie +edns=1 +noednsneg +noad +norec +ednsflags=0x40 soa tf.local",
        &[BADVERS, &["no MBZ"]],
    ),
    case(
        "8.2.6 version negotiation with unknown EDNS options",
        "+nocookie +edns=1 +noednsneg +noad +norec +ednsopt=100 soa tf.local",
        &[BADVERS, &["no option 100"]],
    ),
    // The zone has no key, so that there is nothing to truncate here; a group that is too large for
    // the size follows.
    case(
        "8.2.7 truncated responses",
        "+norec +dnssec +bufsize=512 +ignore dnskey tf.local",
        &[&["status NOERROR", "OPT", "version 0", "flag aa", "no flag tc", "no flag ad"]],
    ),
    case(
        "8.2.7 truncated responses",
        "+norec +dnssec +bufsize=512 +ignore a worker.tf.local",
        &[&["status NOERROR", "OPT", "version 0", "flag aa", "flag tc", "no flag ad"]],
    ),
    case(
        "8.2.8 DO=1",
        "+nocookie +edns=0 +noad +norec +dnssec soa tf.local",
        &[EDNS, &["DO", "no RRSIG"]],
    ),
    case(
        "8.2.9 version negotiation with DO=1",
        "+nocookie +edns=1 +noednsneg +noad +norec +dnssec soa tf.local",
        &[BADVERS, &["DO"]],
    ),
    case(
        "8.2.10 multiple defined EDNS options",
        "+edns=0 +noad +norec +cookie +nsid +expire +subnet=0.0.0.0/0 soa tf.local",
        &[EDNS, &["good cookie", "no EXPIRE", "no CLIENT-SUBNET"]],
    ),
    // More of what the RFC speaks of, without giving a command.
    case(
        "RFC 3597, unknown classes",
        "+noedns +noad +norec -c CLASS1000 -t a worker1.tf.local",
        &[&["status REFUSED", "empty answer", "no flag aa"]],
    ),
    case(
        "RFC 6891 §6.1.1, unknown opcodes with EDNS",
        "+noad +norec +opcode=15 soa tf.local",
        &[&["status NOTIMP", "OPT", "version 0", "empty answer", "no flag aa"]],
    ),
    case("RFC 7766, TCP with EDNS", "+nocookie +edns=0 +noad +norec +tcp soa tf.local", &[EDNS]),
    case(
        "RFC 7873 §5.2.4, the cookie of another server",
        "+noad +norec +cookie=0102030405060708010000000000000000000000000000ff soa tf.local",
        &[EDNS],
    ),
    case(
        "RFC 7873 §5.2.2, a malformed cookie",
        "+nocookie +noad +norec +ednsopt=10:0102 soa tf.local",
        &[&["status FORMERR", "OPT", "version 0", "no SOA", "no flag aa"]],
    ),
];

/// Whether something that is expected is in what dig prints.
fn is_there(output: &str, expected: &str) -> bool {
    let (kind, value) = expected.split_once(' ').unwrap_or((expected, ""));
    let words = |beginning: &str| -> Vec<&str> {
        let line = output.lines().find_map(|line| line.trim().strip_prefix(beginning));
        line.into_iter().flat_map(|line| line.split([' ', ',', ';', ':'])).collect()
    };
    match kind {
        "status" => output.contains(&format!("status: {value},")),
        "opcode" => output.contains(&format!("opcode: {value},")),
        "flag" => words(";; flags:").iter().take_while(|w| **w != "QUERY").any(|w| *w == value),
        "SOA" | "RRSIG" => output
            .lines()
            .any(|line| !line.starts_with(';') && line.split_whitespace().nth(3) == Some(kind)),
        "OPT" => output.contains("OPT PSEUDOSECTION"),
        "version" => output.contains(&format!("; EDNS: version: {value},")),
        "DO" => words("; EDNS:").contains(&"do"),
        "option" => output.contains(&format!("OPT={value}")),
        "empty" if value == "answer" => output.contains("ANSWER: 0,"),
        "empty" => output.contains("QUERY: 0, ANSWER: 0, AUTHORITY: 0, ADDITIONAL: 0"),
        "good" => output.contains("(good)"),
        "MBZ" | "EXPIRE" | "CLIENT-SUBNET" => output.contains(kind),
        _ => panic!("{expected}: no such expectation"),
    }
}

#[test]
fn every_case_of_rfc_8906_has_the_expected_outcome() {
    install(&["dig:bind9-dnsutils"]);
    let etcd = Etcd::start();
    for number in 2..=60 {
        let value = format!(r#"{{"ipv4":"10.1.0.{number}"}}"#);
        etcd.put(&format!("worker{number}.tf.local."), value.as_bytes());
    }
    let node = Node::in_cluster(&etcd, 1, 60, &[]);
    node.slot();
    for server in node.addresses() {
        let (host, port) = (format!("@{}", server.ip()), server.port().to_string());
        let base = ["+tries=1", "+time=5", "+qr", "-p", &port, &host];
        for Case { section, command, expected } in CASES {
            let arguments: Vec<&str> = base.into_iter().chain(command.split(' ')).collect();
            let output = run("dig", &arguments);
            // What dig sent stands before.
            let reply = output.split_once("Got answer:").map_or("", |(_, reply)| reply);
            for expectation in expected.iter().copied().flatten() {
                let (wanted, what) = match expectation.strip_prefix("no ") {
                    Some(what) => (false, what),
                    None => (true, *expectation),
                };
                let found = is_there(reply, what);
                assert_eq!(found, wanted, "{section}: {expectation}\ndig {command}\n{output}");
            }
        }
    }
}
