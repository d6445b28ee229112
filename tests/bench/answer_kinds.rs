//! Answers each kind of query over and over, so that its instructions can be counted:
//! `answer_kinds NAMES TIMES`, out of so many names. Prints the kinds, in the order in which they are
//! answered. The functions' names are those that scripts/bench looks for.

mod kinds;

use std::hint::black_box;
use std::time::Instant;

use idetcd::cluster::Directory;
use idetcd::dns::cache::Cache;
use idetcd::dns::{Counters, Forwarding, Responder, Verdict};

use kinds::Kind;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [names, times] = arguments.as_slice() else { panic!("usage: answer_kinds NAMES TIMES") };
    let mut directory = kinds::directory(names.parse().expect("a number of names"));
    let times: u32 = times.parse().expect("a number of times");
    let responder = Responder::new(directory.keyspace(), 5).expect("zones");
    let mut reply = Vec::with_capacity(65_535);
    for kind in kinds::all() {
        directory.mark(kind.freshness);
        measure_kind(&kind, times, &responder, &directory, &mut reply);
        println!("{}", kind.name);
    }
    for kind in kinds::all().into_iter().filter(|kind| kind.name == "out-of-zone") {
        measure_kind_kept(&kind, times, &directory, &mut reply);
        println!("forwarded-kept");
    }
}

/// Called once for a kind: at its end, what was counted is written down.
#[inline(never)]
fn measure_kind(
    kind: &Kind,
    times: u32,
    responder: &Responder,
    directory: &Directory,
    reply: &mut Vec<u8>,
) {
    let counters = Counters::default();
    for _ in 0..times {
        let query = black_box(kind.query.as_slice());
        answer_counted(query, kind, responder, directory, &counters, reply);
    }
}

/// The same for an answer of another server that is kept: it is found not to be ours first.
#[inline(never)]
fn measure_kind_kept(kind: &Kind, times: u32, directory: &Directory, reply: &mut Vec<u8>) {
    let responder = Responder::new(directory.keyspace(), 5).expect("zones");
    let responder = responder.with_forwarding(Some(Forwarding::of_all_names()));
    let mut cache = Cache::new(1 << 20);
    let mut kept = kind.query.clone();
    kept[2..8].copy_from_slice(&[0x81, 0x80, 0, 1, 0, 1]);
    kept.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 80]);
    let now = Instant::now();
    cache.keep(&kind.query, &kept, now);
    for _ in 0..times {
        let query = black_box(kind.query.as_slice());
        answer_counted_kept(query, kind, &responder, directory, &mut cache, now, reply);
    }
}

#[inline(never)]
fn answer_counted_kept(
    query: &[u8],
    kind: &Kind,
    responder: &Responder,
    directory: &Directory,
    cache: &mut Cache,
    now: Instant,
    reply: &mut Vec<u8>,
) {
    let verdict = responder.answer(query, kind.asker(), directory, &Counters::default(), reply);
    assert_eq!(black_box(verdict), Verdict::Forward);
    let rcode = responder.answer_kept(query, kind.asker(), directory, cache, now, reply);
    assert!(black_box(rcode).is_some());
    black_box(&reply);
}

/// Called once for a query: what is counted begins and ends here.
#[inline(never)]
fn answer_counted(
    query: &[u8],
    kind: &Kind,
    responder: &Responder,
    directory: &Directory,
    counters: &Counters,
    reply: &mut Vec<u8>,
) {
    let verdict = responder.answer(query, kind.asker(), directory, counters, reply);
    assert_ne!(black_box(verdict), Verdict::Silent);
    black_box(&reply);
}
