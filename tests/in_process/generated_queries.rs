//! Millions of queries, good, odd and broken, answered in this process, over UDP and over TCP.
//!
//! Each reply is read by a reader that shares no code with the server, and compared with what a
//! small model of the names says. `IDETCD_QUERIES` says how many are asked (300,000), and
//! `IDETCD_SEED` which ones (1).

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use idetcd::cluster::{Directory, Entry, Freshness, Keyspace, Names, Pattern, SlotId};
use idetcd::dns::{Asker, Counters, Responder, Transport, Verdict};

use check::{Replies, check};
use generator::Generator;
use model::{Model, Node};

mod check;
mod expected;
mod generator;
mod model;
mod shape;

const TTL: u32 = 7;
const REVISION: i64 = (1 << 32) + 4711;
const LIMIT: u32 = 400;

/// What is answered for: three patterns, one of them with an empty non-terminal and one that is all
/// number, and two plain names, of which one has no record.
const PATTERNS: [&str; 6] = [
    "worker{{.ID}}.tf.local.",
    "ps{{printf \"%03d\" .ID}}.a.tf.local.",
    "x.w{{.ID}}.y.tf.local.",
    "{{.ID}}.n.",
    "db.example.com.",
    "absent.example.com.",
];

/// The records, and where each lies among the patterns.
fn records() -> Vec<(usize, String, Node)> {
    let node = |number: u32, has: [bool; 3]| {
        let [high, low] = [number / 200, number % 200].map(|part| part as u8);
        Node {
            ipv4: has[0].then(|| [10, 0, high, low].into()),
            ipv6: has[1].then(|| [0xfd00, 0, 0, 0, 0, 0, 0, number as u16].into()),
            port: has[2].then_some(1000 + number as u16),
        }
    };
    // Every third slot is free, every fifth node shares its address, and each lacks something else.
    let mut records: Vec<_> = (1..=300)
        .filter(|number| number % 3 != 0)
        .map(|number| {
            let shared = if number % 5 == 0 { 5 } else { number };
            let has = [number % 7 != 0, number % 4 != 0 || number % 7 == 0, number % 11 != 0];
            (0, format!("worker{number}.tf.local."), node(shared, has))
        })
        .collect();
    records.push((0, "worker4000000000.tf.local.".to_owned(), node(399, [true; 3])));
    for number in 1..=30 {
        let has = [true, number % 2 == 0, true];
        records.push((1, format!("ps{number:03}.a.tf.local."), node(500 + number, has)));
    }
    records.push((2, "x.w3.y.tf.local.".to_owned(), node(601, [true; 3])));
    records.push((3, "7.n.".to_owned(), node(602, [true, true, false])));
    records.push((4, "db.example.com.".to_owned(), node(1, [true; 3])));
    records
}

fn directory(records: &[(usize, String, Node)]) -> Directory {
    let pattern = Pattern::parse(PATTERNS[0], LIMIT).expect("a pattern");
    let resolve = PATTERNS[1..].iter().map(|text| Names::parse(text, 999).expect("names"));
    let keyspace = Keyspace { resolve: resolve.collect(), ..Keyspace::new(pattern, LIMIT) };
    let mut directory = Directory::new(Arc::new(keyspace));
    let mut snapshot = directory.emptied();
    for (range, name, node) in records {
        let value = node.json();
        let value = Some(value.as_bytes());
        snapshot
            .apply(*range, Entry { key: name.as_bytes(), value, mod_revision: 7, fingerprint: 0 });
    }
    directory.replace(snapshot, REVISION);
    directory.set_own(SlotId::new(2));
    directory
}

fn from_environment(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

#[test]
fn every_generated_query_is_answered_as_the_model_says() {
    let (count, seed) =
        (from_environment("IDETCD_QUERIES", 300_000), from_environment("IDETCD_SEED", 1));
    println!("{count} queries, seed {seed}");
    let records = records();
    let synced = directory(&records);
    let marked = |freshness| {
        let mut directory = synced.clone();
        directory.mark(freshness);
        directory
    };
    // In step with what the generator chooses.
    let directories = [
        synced.clone(),
        marked(Freshness::Stale),
        marked(Freshness::Expired),
        marked(Freshness::Incomplete),
        synced.emptied(),
    ];
    let model = Model::new(&PATTERNS, &records, TTL, REVISION);
    let mut generator =
        Generator::new(seed, records.into_iter().map(|(_, name, _)| name).collect());
    let responder = Responder::new(synced.keyspace(), TTL).expect("zones");
    let mut counters = Counters::default();
    let mut tally: BTreeMap<String, u64> = BTreeMap::new();
    let (mut udp, mut tcp) = (Vec::new(), Vec::new());
    let began = Instant::now();
    for number in 0..count {
        let (query, state) = generator.next();
        let answer = |transport, reply: &mut Vec<u8>| {
            let address = IpAddr::from([192, 0, 2, 1]);
            let asker = Asker::new(address, transport, 1_795_539_600);
            responder.answer(&query, asker, &directories[state as usize], &counters, reply)
        };
        let verdicts = [answer(Transport::Udp, &mut udp), answer(Transport::Tcp, &mut tcp)];
        assert_eq!(verdicts[0], verdicts[1], "query {number}: {query:?}");
        counters.count(verdicts[0].rcode());
        let replies = match verdicts[0] {
            Verdict::Reply(_) => Some(Replies { udp: &udp, tcp: &tcp }),
            _ => None,
        };
        let checked = check(&model, &query, state, replies);
        let outcome = checked.unwrap_or_else(|wrong| {
            panic!("query {number} of seed {seed}, {state:?}: {wrong}\n{query:02x?}\n{udp:02x?}")
        });
        generator.learn(outcome.cookie);
        *tally.entry(outcome.what).or_default() += 1;
    }
    println!("{count} queries in {:.1} s", began.elapsed().as_secs_f64());
    for (what, times) in &tally {
        println!("{times:>10} {what}");
    }
    let kinds =
        ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "BADVERS", "BADCOOKIE"];
    for kind in kinds.into_iter().chain(["dropped", "NOERROR, truncated"]) {
        let share = tally.get(kind).copied().unwrap_or(0);
        assert!(share * 10_000 > count, "{kind} hardly happens: {share} times of {count}");
    }
}
