//! Limits: what is too much, and where messages are cut.

use std::time::{Duration, Instant};

use idetcd::etcd::{Compare, Equal, Etcd, LeaseId, Op, Range, Txn, WatchRange, WatchStream};
use serde_json::json;
use simulation::model::{Outcome, Reply, Request, WatchOutput};
use support::PATIENCE;
use support::random::Random;

use super::client::{client, raw};
use super::leases::{all, put};
use super::pair::Pair;

fn is_refused(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Error(..))
}

#[test]
fn a_transaction_has_as_many_operations_as_etcd_allows() {
    let mut pair = Pair::start(1, 41);
    let look = Op::Range(Range::new("a", None));
    let condition = Compare { key: b"a".to_vec(), to: Equal::CreateRevision(0) };
    for (conditions, success, failure) in
        [(128, 0, 0), (129, 0, 0), (0, 128, 128), (0, 129, 0), (0, 0, 129)]
    {
        let txn = Txn {
            compare: vec![condition.clone(); conditions],
            success: vec![look.clone(); success],
            failure: vec![look.clone(); failure],
        };
        let outcome = pair.ask(0, &Request::Txn(txn));
        assert_eq!(is_refused(&outcome), [conditions, success, failure].contains(&129));
    }
}

#[test]
fn a_request_is_as_large_as_etcd_allows() {
    let mut pair = Pair::start(1, 42);
    let request = |length: usize| {
        let (key, value) = (b"key".to_vec(), vec![b'x'; length]);
        let puts = Op::Put { key, value, lease: LeaseId(0) };
        let compare = vec![Compare { key: b"key".to_vec(), to: Equal::ModRevision(0) }];
        Request::Txn(Txn { compare, success: vec![puts], failure: vec![] })
    };
    let largest = |pair: &mut Pair, is_refused: &dyn Fn(&mut Pair, &Request) -> bool| {
        let (mut allowed, mut refused) = (1_500_000, 1_600_000);
        while refused - allowed > 1 {
            let length = (allowed + refused) / 2;
            match is_refused(pair, &request(length)) {
                true => refused = length,
                false => allowed = length,
            }
        }
        allowed
    };
    let theirs = largest(&mut pair, &|pair, request| pair.ask_real(0, request).is_err());
    let ours = largest(&mut pair, &|pair, request| {
        let now = pair.now();
        is_refused(&pair.model.call(0, now, request))
    });
    // etcd numbers requests, and has the larger numbers the longer it runs.
    assert!(ours.abs_diff(theirs) <= 2, "etcd allows {theirs} octets, the model {ours}");
    pair.ask(0, &request(1_580_000));
}

#[test]
fn messages_of_a_watch_are_cut_where_etcd_cuts_them() {
    let mut pair = Pair::start(1, 43);
    let mut random = Random::new(43);
    for _ in 0..60 {
        let length = random.pick(&[10, 50_000, 200_000, 700_000]);
        let value = vec![b'x'; length + random.below(1000)];
        let key = format!("k{}", random.below(30)).into_bytes();
        let puts = Op::Put { key, value, lease: LeaseId(0) };
        pair.ask(0, &Request::Txn(Txn { success: vec![puts], ..Txn::default() }));
    }
    for start_revision in [2, 30] {
        let range = WatchRange {
            key: b"k".to_vec(),
            range_end: b"l".to_vec(),
            start_revision,
            deletions_only: false,
        };
        let mut watch = pair.watch(0, &[range]).expect("a watch");
        assert!(pair.follow(&mut watch));
        assert!(pair.is_quiet(&mut watch));
    }
}

/// The largest value that goes into one message with another of 1 MiB, as `is_cut` finds it.
fn largest_together(mut is_cut: impl FnMut(usize) -> bool) -> usize {
    let (mut together, mut apart) = (1_000_000, 1_100_000);
    while apart - together > 1 {
        let length = (together + apart) / 2;
        if is_cut(length) { apart = length } else { together = length }
    }
    together
}

#[test]
fn a_message_of_a_watch_is_as_large_as_etcd_lets_it_be() {
    let mut pair = Pair::start(1, 46);
    let requests = |length: usize| {
        let put = |key: &str, length| {
            let (key, value) = (key.into(), vec![b'x'; length]);
            let put = Op::Put { key, value, lease: LeaseId(0) };
            Request::Txn(Txn { success: vec![put], ..Txn::default() })
        };
        [put("one", 1024 * 1024), put("other", length)]
    };
    let range = |newest: i64| WatchRange { start_revision: newest - 1, ..all() };
    let theirs = largest_together(|length| {
        let mut newest = 0;
        for request in requests(length) {
            let said = pair.ask_real(0, &request).expect("a put");
            let Reply::Txn(reply) = said else { panic!("{said:?}") };
            newest = reply.header.revision;
        }
        let mut client = client(&pair.endpoint(0), None);
        let mut watch = client.watch(&[range(newest)]).expect("a watch");
        let reply = watch.next(Instant::now() + PATIENCE).expect("no end").expect("changes");
        !reply.complete
    });
    let ours = largest_together(|length| {
        let now = pair.now();
        for request in requests(length) {
            assert!(!is_refused(&pair.model.call(0, now, &request)));
        }
        let newest = pair.model.revision();
        let watch = pair.model.watch(0, now, &[range(newest)]).expect("a watch");
        let soon = pair.model.next_event().expect("the member looks after it");
        match pair.model.next_reply(watch, soon) {
            WatchOutput::Reply(reply) => !reply.complete,
            output => panic!("{output:?}"),
        }
    });
    // The IDs are drawn by chance, and leave the more room the smaller they are: a digit of seven bits an octet.
    let status = raw(&pair.endpoint(0), "/v3/maintenance/status", &json!({})).expect("a status");
    let room = ["cluster_id", "member_id"].map(|id| {
        let id = status["header"][id].as_str().expect("an ID").parse::<u64>().expect("a number");
        10 - (64 - id.leading_zeros() as usize).div_ceil(7)
    });
    assert_eq!(
        ours + room.iter().sum::<usize>(),
        theirs,
        "octets at once, of the model and of etcd"
    );
}

#[test]
fn a_watch_that_catches_up_gets_a_thousand_revisions_at_a_time() {
    let mut pair = Pair::start(1, 44);
    for call in 0..1200 {
        pair.ask(0, &put(if call % 3 == 0 { "other" } else { "key" }, LeaseId(0)));
    }
    let range = |key: &str, start_revision| WatchRange {
        key: key.into(),
        range_end: Vec::new(),
        start_revision,
        deletions_only: false,
    };
    let all = WatchRange { range_end: b"\0".to_vec(), ..range("\0", 2) };
    let ranges = [all, range("key", 1), range("other", 600)];
    let mut watch = pair.watch(0, &ranges).expect("a watch");
    assert!(pair.follow(&mut watch));
    assert!(pair.is_quiet(&mut watch));
}

#[test]
fn without_space_etcd_lets_keys_go_but_takes_none() {
    let mut pair = Pair::start(1, 45);
    let lease = pair.grant(0, 100);
    pair.ask(0, &put("a", lease));
    for is_full in [true, false] {
        let action = if is_full { "ACTIVATE" } else { "DEACTIVATE" };
        let member = pair.real_status(0).header.member_id;
        let body = json!({"action": action, "memberID": member.to_string(), "alarm": "NOSPACE"});
        raw(&pair.endpoint(0), "/v3/maintenance/alarm", &body).expect("the alarm");
        let now = pair.now();
        pair.model.set_full(is_full, now);
        let mut refused = Vec::new();
        let look = Op::Range(Range::new("a", None));
        let Request::Txn(puts) = put("a", lease) else { panic!() };
        for request in [
            put("b", lease),
            Request::Txn(Txn {
                success: vec![look.clone()],
                failure: puts.success,
                ..Txn::default()
            }),
            Request::LeaseGrant(Duration::from_secs(100)),
            Request::LeaseKeepAlive(lease),
            Request::Txn(Txn { success: vec![Op::Delete(b"a".to_vec())], ..Txn::default() }),
            Request::Range(Range::new("a", None)),
            Request::LeaseRevoke(LeaseId(77)),
        ] {
            refused.push(is_refused(&pair.ask(0, &request)));
        }
        assert_eq!(refused[..6], [is_full, is_full, is_full, false, false, false]);
    }
}
