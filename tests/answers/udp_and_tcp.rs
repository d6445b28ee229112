//! What is answered over UDP is answered over TCP, octet for octet, but for what has to differ.

use std::net::TcpStream;

use support::dns::tcp::{ask_on, connect};
use support::dns::{Message, Query, Record};
use support::{Etcd, Node, PATIENCE, exchange, until};

/// How the replies compare. The ID is that of the query in all of them.
#[derive(Clone, Copy, Debug)]
enum Alike {
    /// In every octet.
    Octets,
    /// But for the order of the records: a group begins with another node each time.
    InAnyOrder,
    /// But for the server's cookie, which is of the second.
    ButForCookie,
    /// In header and question: it is counted on meanwhile.
    InQuestion,
    /// In header and question but for TC: it does not fit into a datagram.
    WholeOverTcp,
}

fn query(flags: u16, name: &str, qtype: u16, class: u16, opt: &[u8]) -> Vec<u8> {
    let mut query = Query::of_class(class, name, qtype).with_flags(flags);
    query.sections[2].extend((!opt.is_empty()).then(|| opt.to_vec()));
    query.octets()
}

const OPT: &[u8] = &[0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0, 0];
const DO: &[u8] = &[0, 0, 41, 4, 0xd0, 0, 0, 0x80, 0, 0, 0];
const LARGE: &[u8] = &[0, 0, 41, 0xff, 0xff, 0, 0, 0, 0, 0, 0];
const VERSION_1: &[u8] = &[0, 0, 41, 4, 0xd0, 0, 1, 0, 0, 0, 0];
const NSID: &[u8] = &[0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0, 4, 0, 3, 0, 0];
const UNKNOWN: &[u8] = &[0, 0, 41, 4, 0xd0, 0, 0, 0x7f, 0xff, 0, 5, 0xff, 0xdc, 0, 1, 7];
const COOKIE: &[u8] = &[0, 0, 41, 2, 0, 0, 0, 0, 0, 0, 12, 0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8];
const SHORT_COOKIE: &[u8] = &[0, 0, 41, 2, 0, 0, 0, 0, 0, 0, 7, 0, 10, 0, 3, 1, 2, 3];
const OPTS: [&[u8]; 7] = [&[], OPT, DO, VERSION_1, NSID, UNKNOWN, SHORT_COOKIE];

/// Names that are not groups.
const NAMES: [&str; 14] = [
    "worker1.tf.local.",
    "WoRkEr2.Tf.LoCaL.",
    "worker4.tf.local.",
    "worker99.tf.local.",
    "x.worker1.tf.local.",
    "tf.local.",
    "local.",
    ".",
    "example.com.",
    "1.0.1.10.in-addr.arpa.",
    "9.9.9.9.in-addr.arpa.",
    "0.1.10.in-addr.arpa.",
    "version.bind.",
    "id.server.",
];
const TYPES: [u16; 12] = [1, 28, 33, 6, 2, 12, 16, 255, 251, 252, 1000, 0];

fn alike_in_octets() -> Vec<Vec<u8>> {
    let mut queries = Vec::new();
    for (name, qtype) in NAMES.iter().flat_map(|name| TYPES.map(|qtype| (name, qtype))) {
        queries.extend(OPTS.map(|opt| query(0x0100, name, qtype, 1, opt)));
        queries.extend([3, 4, 254, 255, 1000].map(|class| query(0, name, qtype, class, OPT)));
    }
    // Every opcode, and all other flags but QR.
    queries.extend((0..16).map(|opcode| query(opcode << 11, NAMES[0], 1, 1, &[])));
    queries.extend((0..16).map(|opcode| query(opcode << 11, NAMES[0], 1, 1, OPT)));
    queries.extend(
        [0x0400, 0x0200, 0x0080, 0x0040, 0x0020, 0x0010, 0x07ff]
            .map(|flags| query(flags, NAMES[0], 1, 1, OPT)),
    );
    // Malformed: cut off at each octet, too many questions, octets left over, OPT twice.
    let good = query(0, NAMES[0], 1, 1, OPT);
    queries.extend((12..good.len()).map(|length| good[..length].to_vec()));
    for (at, octet) in [(5, 0), (5, 2), (7, 1), (9, 1), (11, 2), (12, 0xc0), (12, 64)] {
        let mut edited = good.clone();
        edited[at] = octet;
        queries.push(edited);
    }
    queries.push([&good[..], &[0]].concat());
    let mut twice = [&good[..], OPT].concat();
    twice[11] = 2;
    queries.push(twice);
    queries
}

fn table() -> Vec<(Alike, Vec<u8>)> {
    let mut table: Vec<_> =
        alike_in_octets().into_iter().map(|query| (Alike::Octets, query)).collect();
    for qtype in [1, 28, 33] {
        table.push((Alike::WholeOverTcp, query(0x0100, "worker.tf.local.", qtype, 1, &[])));
        table.push((Alike::WholeOverTcp, query(0x0100, "worker.tf.local.", qtype, 1, LARGE)));
        for opt in [&[], OPT, DO, NSID] {
            table.push((Alike::InAnyOrder, query(0x0100, "ps.tf.local.", qtype, 1, opt)));
        }
    }
    for name in NAMES {
        table.push((Alike::ButForCookie, query(0x0100, name, 1, 1, COOKIE)));
    }
    let mut cookie_alone = Query::empty();
    cookie_alone.sections[2].push(COOKIE.to_vec());
    table.push((Alike::ButForCookie, cookie_alone.octets()));
    for name in ["queries.bind.", "answers.bind."] {
        table.push((Alike::InQuestion, query(0, name, 16, 3, &[])));
    }
    // All that is told may be longer than 512 octets.
    table.push((Alike::InQuestion, query(0, "stats.bind.", 16, 3, &PLAIN_OPT)));
    table
}

/// The records of each section, sorted.
fn sorted(reply: &[u8]) -> [Vec<Record>; 3] {
    let Message { answers, authority, additional, .. } = Message::read(reply).expect("well formed");
    [answers, authority, additional].map(|mut records| {
        records.sort_unstable();
        records
    })
}

/// Without the server's part of the cookie, which follows the client's.
fn without_cookie(reply: &[u8]) -> Vec<u8> {
    let mut reply = reply.to_vec();
    let client = [0, 10, 0, 24, 1, 2, 3, 4, 5, 6, 7, 8];
    let at = reply.windows(12).position(|octets| octets == client).expect("a cookie") + 12;
    reply.drain(at..at + 16);
    reply
}

fn compare(alike: Alike, query: &[u8], udp: &[u8], tcp: &[u8]) {
    let question = 2..query.len() - usize::from(query[11] > 0) * 11;
    match alike {
        Alike::Octets => assert_eq!(udp, tcp, "{query:?}"),
        Alike::ButForCookie => assert_eq!(without_cookie(udp), without_cookie(tcp), "{query:?}"),
        Alike::InAnyOrder => {
            assert_eq!((udp.len(), &udp[..12]), (tcp.len(), &tcp[..12]), "{query:?}");
            assert_eq!(sorted(udp), sorted(tcp), "{query:?}");
        }
        Alike::InQuestion => {
            assert_eq!((&udp[..6], &udp[12..query.len()]), (&tcp[..6], &tcp[12..query.len()]));
            assert!(udp[7] > 0 && tcp[7] > 0, "{query:?}");
        }
        Alike::WholeOverTcp => {
            assert_eq!((udp[2], udp[3]), (tcp[2] | 0x02, tcp[3]), "{query:?}");
            assert_eq!(tcp[2] & 0x02, 0, "{query:?}");
            let end = question.end;
            assert_eq!((&udp[12..end], &tcp[12..end]), (&query[12..end], &query[12..end]));
            assert_eq!(udp[6..10], [0; 4], "{query:?}");
            assert!(u16::from_be_bytes([tcp[6], tcp[7]]) > 90, "{query:?}");
        }
    }
}

/// No options, and a payload of 1232 octets.
const PLAIN_OPT: [u8; 11] = [0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0];

#[test]
fn every_query_is_answered_alike_over_udp_and_tcp_on_both_families() {
    let etcd = Etcd::start();
    for number in 1..=100 {
        let value = format!(r#"{{"ipv4":"10.1.0.{number}","ipv6":"fd00::{number}","port":"53"}}"#);
        etcd.put(&format!("worker{number}.tf.local."), value.as_bytes());
    }
    for number in 1..=4 {
        let value = format!(r#"{{"ipv4":"10.2.0.{number}","ipv6":"fd01::{number}","port":"53"}}"#);
        etcd.put(&format!("ps{number}.tf.local."), value.as_bytes());
    }
    let node = Node::in_cluster(&etcd, 1, 101, &["--resolve", "ps{{.ID}}.tf.local."]);
    assert_eq!(node.slot(), 101);
    // Until it follows etcd it says with EDNS that it might be stale.
    let soa = [&b"\x12\x34\x01\0\0\x01\0\0\0\0\0\x01\x02tf\x05local\0\0\x06\0\x01"[..], &PLAIN_OPT]
        .concat();
    until(PATIENCE, "in sync", || {
        let reply = exchange(node.address(), &soa, PATIENCE).expect("a reply");
        reply.ends_with(&PLAIN_OPT).then_some(())
    });
    let table = table();
    println!("{} queries on each of {:?}", table.len(), node.addresses());
    for server in node.addresses() {
        // One connection for all of them (RFC 7766 §6.2.1).
        let mut stream: TcpStream = connect(server);
        for (alike, query) in &table {
            let udp = exchange(server, query, PATIENCE).expect("a reply");
            let tcp = ask_on(&mut stream, query);
            assert_eq!((&udp[..2], &tcp[..2]), (&query[..2], &query[..2]));
            compare(*alike, query, &udp, &tcp);
        }
    }
}
