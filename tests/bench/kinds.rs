//! The kinds of queries that are measured, and the directory that they are answered from.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use idetcd::cluster::{Directory, Entry, Freshness, Keyspace, Names, Pattern, Record, SlotId};
use idetcd::dns::{Asker, Transport};

use Transport::{Tcp, Udp};

/// A query whose answers are alike however many names there are.
pub struct Kind {
    pub name: &'static str,
    pub query: Vec<u8>,
    /// In which state the directory answers.
    pub freshness: Freshness,
    transport: Transport,
}

impl Kind {
    /// Whoever sends it.
    pub fn asker(&self) -> Asker {
        let address = IpAddr::from([192, 0, 2, 1]);
        Asker::new(address, self.transport, 0)
    }
}

/// A COOKIE option with the client's part (RFC 7873), as dig sends it.
const COOKIE: &[u8] = &[0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8];

/// An NSID option (RFC 5001).
const NSID: &[u8] = &[0, 3, 0, 0];

const IN: u8 = 1;
const CH: u8 = 3;

/// OPT without options.
const EDNS: Option<&[u8]> = Some(&[]);

/// Name, type, class, options of OPT, and transport of each.
type Row = (&'static str, &'static str, u8, u8, Option<&'static [u8]>, Transport);

const ROWS: [Row; 43] = [
    ("found", NODE, 1, IN, None, Udp),
    ("found-edns", NODE, 1, IN, EDNS, Udp),
    ("found-cookie", NODE, 1, IN, Some(COOKIE), Udp),
    ("found-nsid", NODE, 1, IN, Some(NSID), Udp),
    ("found-tcp", NODE, 1, IN, EDNS, Tcp),
    ("found-above-limit", "far1000500.tf.local", 1, IN, None, Udp),
    ("plain", "db.example.com", 1, IN, None, Udp),
    ("aaaa", NODE, 28, IN, None, Udp),
    ("aaaa-edns", NODE, 28, IN, EDNS, Udp),
    ("srv", NODE, 33, IN, None, Udp),
    ("any", NODE, 255, IN, None, Udp),
    ("nodata", NODE, 16, IN, None, Udp),
    ("missing", "worker5000000.tf.local", 1, IN, None, Udp),
    ("missing-edns", "worker5000000.tf.local", 1, IN, EDNS, Udp),
    ("non-terminal", "w7.tf.local", 1, IN, None, Udp),
    ("group", GROUP, 1, IN, EDNS, Udp),
    ("group-tcp", GROUP, 1, IN, EDNS, Tcp),
    ("group-aaaa-tcp", GROUP, 28, IN, EDNS, Tcp),
    ("group-srv-tcp", GROUP, 33, IN, EDNS, Tcp),
    // More records than a datagram holds.
    ("group-large", LARGE, 1, IN, EDNS, Udp),
    ("group-large-aaaa", LARGE, 28, IN, EDNS, Udp),
    ("group-large-srv", LARGE, 33, IN, EDNS, Udp),
    ("group-absent", LARGE, 15, IN, None, Udp),
    ("group-any", LARGE, 255, IN, None, Udp),
    ("group-holes", "holes.tf.local", 1, IN, EDNS, Udp),
    ("group-shared", "shared.tf.local", 1, IN, EDNS, Udp),
    ("apex-soa", "tf.local", 6, IN, None, Udp),
    ("apex-ns", "tf.local", 2, IN, None, Udp),
    ("apex-absent", "tf.local", 1, IN, None, Udp),
    ("ptr", PTR, 12, IN, None, Udp),
    ("ptr-ipv6", PTR_IPV6, 12, IN, None, Udp),
    ("ptr-shared", "1.0.168.192.in-addr.arpa", 12, IN, EDNS, Udp),
    ("ptr-absent", PTR, 1, IN, None, Udp),
    ("ptr-soa", PTR, 6, IN, None, Udp),
    ("ptr-unknown", "4.3.2.1.in-addr.arpa", 12, IN, None, Udp),
    ("out-of-zone", "www.example.com", 1, IN, None, Udp),
    ("transfer", "tf.local", 252, IN, None, Tcp),
    ("other-class", NODE, 1, 4, None, Udp),
    ("version.bind", "version.bind", 16, CH, None, Udp),
    ("hostname.bind", "hostname.bind", 16, CH, None, Udp),
    ("slots.bind", "slots.bind", 16, CH, None, Udp),
    ("stats.bind", "stats.bind", 16, CH, None, Udp),
    ("unknown.bind", "unknown.bind", 16, CH, None, Udp),
];

const NODE: &str = "worker500.tf.local";
const GROUP: &str = "ps.tf.local";
const LARGE: &str = "worker.tf.local";
const PTR: &str = "244.1.0.10.in-addr.arpa";
const PTR_IPV6: &str = "4.f.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa";

/// All kinds, each under a name of its own.
pub fn all() -> Vec<Kind> {
    let rows = ROWS.into_iter().map(|(name, qname, qtype, class, options, transport)| {
        let query = query(qname, qtype, class, options);
        Kind { name, query, freshness: Freshness::Synced, transport }
    });
    let mut kinds: Vec<Kind> = rows.collect();
    let found = query(NODE, 1, IN, EDNS);
    let mut add = |name, query, freshness| {
        kinds.push(Kind { name, query, freshness, transport: Udp });
    };
    add("found-stale", found.clone(), Freshness::Stale);
    add("expired", found.clone(), Freshness::Expired);
    // The version of EDNS stands in OPT's sixth octet before the end.
    let version = found.len() - 5;
    add("badvers", changed(&found, version, 1), Freshness::Synced);
    add("notimp", changed(&found, 2, 0x20), Freshness::Synced);
    add("formerr", changed(&found, 5, 2), Freshness::Synced);
    let mut cookie = changed(&query(".", 0, 0, Some(COOKIE)), 5, 0);
    // Without the question: the root's name, type and class.
    cookie.drain(12..17);
    add("cookie-only", cookie, Freshness::Synced);
    kinds
}

fn changed(query: &[u8], at: usize, octet: u8) -> Vec<u8> {
    let mut query = query.to_vec();
    query[at] = octet;
    query
}

fn query(name: &str, qtype: u8, class: u8, options: Option<&[u8]>) -> Vec<u8> {
    let mut query = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, u8::from(options.is_some())];
    for label in name.split('.').filter(|label| !label.is_empty()) {
        query.push(u8::try_from(label.len()).expect("short"));
        query.extend(label.bytes());
    }
    query.extend([0, 0, qtype, 0, class]);
    if let Some(options) = options {
        query.extend([0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0]);
        query.push(u8::try_from(options.len()).expect("short"));
        query.extend(options);
    }
    query
}

/// So many nodes `worker1.tf.local.` and on, as many above the limit, as many at one address, a
/// group of 50, and one of three with all the others' numbers between them. All kinds of queries ask
/// for the same of them, however many there are, from 500.
pub fn directory(nodes: u32) -> Directory {
    let pattern = |text: &str| Pattern::parse(text, nodes).expect("a good pattern");
    let resolve = ["ps", "holes", "shared", "far", "x.w"];
    let resolve =
        resolve.map(|prefix| Names::Numbered(pattern(&format!("{prefix}{{{{.ID}}}}.tf.local."))));
    let mut resolve = resolve.to_vec();
    resolve.push(Names::parse("db.example.com.", nodes).expect("a name"));
    let keyspace = Keyspace { resolve, ..Keyspace::new(pattern("worker{{.ID}}.tf.local."), nodes) };
    let mut directory = Directory::new(Arc::new(keyspace));
    let mut snapshot = directory.emptied();
    let mut put = |range: usize, name: String, network: [u8; 4], number: u32| {
        let ipv4 = Ipv4Addr::from_bits(Ipv4Addr::from(network).to_bits() + number);
        let high = u16::try_from(range).expect("few ranges");
        let low = Ipv6Addr::from(u128::from(number)).segments();
        let ipv6 = Ipv6Addr::new(0xfd00, high, 0, 0, 0, 0, low[6], low[7]);
        let record = Record { ipv4: Some(ipv4), ipv6: Some(ipv6), port: Some(53) };
        let value = record.to_json();
        let value = Some(value.as_bytes());
        snapshot
            .apply(range, Entry { key: name.as_bytes(), value, mod_revision: 7, fingerprint: 0 });
    };
    for number in 1..=nodes {
        put(0, format!("worker{number}.tf.local."), [10, 0, 0, 0], number);
        put(3, format!("shared{number}.tf.local."), [192, 168, 0, 1], 0);
        put(4, format!("far{}.tf.local.", 1_000_000 + number), [11, 0, 0, 0], number);
    }
    (1..=50).for_each(|number| put(1, format!("ps{number}.tf.local."), [172, 16, 0, 0], number));
    for number in [1, nodes / 2, nodes] {
        put(2, format!("holes{number}.tf.local."), [172, 17, 0, 0], number);
    }
    put(5, "x.w7.tf.local.".to_owned(), [172, 18, 0, 0], 7);
    put(6, "db.example.com.".to_owned(), [172, 19, 0, 0], 1);
    directory.replace(snapshot, 42);
    directory.set_own(SlotId::new(500));
    directory
}
