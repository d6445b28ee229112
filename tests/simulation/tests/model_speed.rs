//! How fast the model of etcd is: run it by hand, optimized, with `--ignored --nocapture`.

use std::time::{Duration, Instant};

use idetcd::etcd::{Compare, Equal, LeaseId, Op, Order, Range, Txn, WatchRange};
use simulation::model::{Model, Outcome, Reply, Request, Time, WatchOutput};

const NODES: u32 = 10_000;
const TTL: Duration = Duration::from_secs(20);

fn names() -> Range {
    Range::new("name/", Some(b"name0".to_vec()))
}

fn queue() -> Range {
    Range::new("queue/", Some(b"queue0".to_vec()))
}

fn reply(model: &mut Model, now: Time, request: &Request) -> Reply {
    match model.call(0, now, request) {
        Outcome::Reply(reply) => reply,
        other => panic!("{other:?}"),
    }
}

fn told(what: &str, count: usize, began: Instant) {
    let each = began.elapsed() / u32::try_from(count).expect("not so many");
    println!("{what:<60} {count:>8} times {each:>10.1?} each");
}

/// A claim as a node of many makes it: a ticket with its place, and the name with the queue's length.
fn claim(model: &mut Model, node: u32, lease: LeaseId) {
    let ticket = format!("queue/{node:05}").into_bytes();
    let put = Op::Put { key: ticket.clone(), value: Vec::new(), lease };
    let newest = Range { keys_only: true, order: Order::NewestFirst, limit: 16, ..names() };
    let count = Op::Range(Range { count_only: true, ..queue() });
    let compare = vec![Compare { key: ticket.clone(), to: Equal::CreateRevision(0) }];
    let success = vec![count.clone(), put, Op::Range(newest)];
    reply(model, Time::ZERO, &Request::Txn(Txn { compare, success, failure: Vec::new() }));
    let key = format!("name/w{node}").into_bytes();
    let compare = vec![Compare { key: key.clone(), to: Equal::CreateRevision(0) }];
    let put = Op::Put { key, value: vec![b'x'; 80], lease };
    let success = vec![put, Op::Delete(ticket), count];
    reply(model, Time::ZERO, &Request::Txn(Txn { compare, success, failure: Vec::new() }));
}

#[test]
#[ignore = "a measurement"]
fn ten_thousand_nodes() {
    let mut model = Model::new(3, 1);
    let began = Instant::now();
    let mut leases = Vec::new();
    for node in 0..NODES {
        let Reply::Granted(lease, ..) = reply(&mut model, Time::ZERO, &Request::LeaseGrant(TTL))
        else {
            panic!("no lease")
        };
        leases.push(lease);
        claim(&mut model, node, lease);
    }
    told("a lease, a ticket and a claim", NODES as usize, began);

    let began = Instant::now();
    let mut now = Time::from_secs(1);
    for _ in 0..10 {
        for lease in &leases {
            now += Duration::from_micros(100);
            reply(&mut model, now, &Request::LeaseKeepAlive(*lease));
        }
    }
    told("a lease is kept alive", 10 * leases.len(), began);

    let began = Instant::now();
    let revision = model.revision() - 100;
    for _ in 0..10_000 {
        let newest = Range { keys_only: true, order: Order::NewestFirst, limit: 1, ..names() };
        reply(&mut model, now, &Request::Range(Range { revision, ..newest }));
    }
    told("the newest of all names, 100 revisions ago", 10_000, began);

    let began = Instant::now();
    let mut read = 0;
    for _ in 0..20 {
        let mut range = Range { limit: 500, ..names() };
        loop {
            let Reply::Range(page) = reply(&mut model, now, &Request::Range(range.clone())) else {
                panic!("no page")
            };
            read += page.kvs.len();
            let Some(last) = page.kvs.last().filter(|_| page.more) else { break };
            range.key = [&last.key[..], b"\0"].concat();
        }
    }
    told("a name is read, in pages of 500", read, began);

    let end = |range: Range| range.range_end.expect("an end");
    let range = WatchRange {
        key: names().key,
        range_end: end(names()),
        start_revision: model.revision() + 1,
        deletions_only: false,
    };
    let watches: Vec<_> = (0..NODES as usize)
        .map(|node| model.watch(node % 3, now, std::slice::from_ref(&range)).expect("a watch"))
        .collect();
    let began = Instant::now();
    let mut seen = 0;
    for lease in &leases[..100] {
        reply(&mut model, now, &Request::LeaseRevoke(*lease));
        for watch in model.take_ready() {
            while let WatchOutput::Reply(_) = model.next_reply(watch, now) {
                seen += 1;
            }
        }
    }
    assert_eq!(seen, 100 * watches.len());
    told("a change is told to one of 10,000 watches", seen, began);

    let began = Instant::now();
    let mut ended = 0;
    while let Some(at) = model.next_event() {
        model.advance(at);
        ended += 1;
    }
    assert_eq!(model.content(b"name/", b"name0", 0), Some(Vec::new()));
    told("leases run out, which is looked for", ended, began);
}

#[test]
#[ignore = "a measurement"]
fn a_cluster_where_nothing_happens() {
    let mut model = Model::new(3, 1);
    let mut leases = Vec::new();
    for node in 0..10 {
        let Reply::Granted(lease, ..) = reply(&mut model, Time::ZERO, &Request::LeaseGrant(TTL))
        else {
            panic!("no lease")
        };
        claim(&mut model, node, lease);
        leases.push(lease);
    }
    let began = Instant::now();
    let mut now = Time::ZERO;
    let minutes = 100_000;
    // Ten nodes, each of which keeps its lease alive nine times a minute.
    for _ in 0..minutes * 9 {
        now += Duration::from_millis(6667);
        for lease in &leases {
            reply(&mut model, now, &Request::LeaseKeepAlive(*lease));
        }
    }
    told("a minute of a cluster of ten", minutes, began);
}
