//! Leases that run out, and that are kept alive.

use std::thread::sleep;
use std::time::Duration;

use idetcd::etcd::{EventKind, LeaseId, Op, Txn, WatchRange};
use simulation::model::{Outcome, Reply, Request, WatchOutput};
use support::{PATIENCE, until};

use super::pair::Pair;

const SECOND: Duration = Duration::from_secs(1);

/// By how much etcd may be later than the model foretells: it looks twice a second, at times of its own, and a busy
/// machine lets it wait.
const LATENESS: Duration = Duration::from_secs(3);

pub fn put(key: &str, lease: LeaseId) -> Request {
    let (key, value) = (key.into(), b"x".to_vec());
    Request::Txn(Txn { success: vec![Op::Put { key, value, lease }], ..Txn::default() })
}

pub fn all() -> WatchRange {
    WatchRange {
        key: b"\0".into(),
        range_end: b"\0".into(),
        start_revision: 0,
        deletions_only: false,
    }
}

#[test]
fn a_lease_that_runs_out_takes_its_keys_along_at_one_revision() {
    let mut pair = Pair::start(1, 11);
    // Less than the shortest time to live.
    let short = pair.grant(0, 1);
    assert_eq!(pair.model.lease(short).expect("the lease").ttl, 2 * SECOND);
    let (lease, kept) = (pair.grant(0, 5), pair.grant(0, 6));
    for (key, lease) in [("b", lease), ("a", lease), ("c", lease), ("d", kept)] {
        pair.ask(0, &put(key, lease));
    }
    let client = &mut super::client::client(&pair.endpoint(0), None);
    let mut watch = idetcd::etcd::Etcd::watch(client, &[all()]).expect("a watch");
    let now = pair.now();
    let ours = pair.model.watch(0, now, &[all()]).expect("a watch");
    sleep(SECOND);
    let ttl = pair.ask(0, &Request::LeaseKeepAlive(kept));
    let Outcome::Reply(Reply::KeptAlive(Some(renewed))) = ttl else { panic!("{ttl:?}") };
    assert_eq!((renewed.left, renewed.raft_term), (6 * SECOND, pair.model.raft_term()));
    pair.ask(0, &Request::LeaseTimeToLive(lease));
    for (lease, keys) in [(lease, &["a", "b", "c"][..]), (kept, &["d"])] {
        let deadline = pair.model.lease(lease).expect("the lease").deadline.expect("a deadline");
        let reply =
            idetcd::etcd::WatchStream::next(&mut watch, std::time::Instant::now() + PATIENCE);
        let theirs = pair.translation.watch(reply.expect("no end").expect("changes"));
        let now = pair.now();
        // etcd counts from when it was asked, which was a little earlier.
        let is_in_time = (deadline - LATENESS / 5..deadline + LATENESS).contains(&now);
        assert!(is_in_time, "its end was to come at {deadline:?}, and came at {now:?}");
        let ours = until(PATIENCE, "the model ends it", || {
            let now = pair.now();
            match pair.model.next_reply(ours, now) {
                WatchOutput::Reply(reply) => Some(reply),
                _ => None,
            }
        });
        assert_eq!(theirs, ours);
        assert!(theirs.events.iter().all(|event| event.kind == EventKind::Delete));
        let gone: Vec<_> = theirs.events.iter().map(|event| &event.kv.key[..]).collect();
        assert_eq!(gone, keys.iter().map(|key| key.as_bytes()).collect::<Vec<_>>());
        let ttl = pair.ask(0, &Request::LeaseKeepAlive(lease));
        assert_eq!(ttl, Outcome::Reply(Reply::KeptAlive(None)));
    }
    pair.ask(0, &put("e", lease));
    pair.ask(0, &Request::Status);
}
