//! Members that are started anew, and restored backups.

use std::time::Duration;

use idetcd::etcd::{Order, Range};
use simulation::model::{Outcome, Reply, Request};
use support::random::Random;

use super::leases::put;
use super::pair::Pair;

/// So many entries of raft's log may be there, and one less, that a busy machine makes.
const SPARE: i64 = 4;

fn everything() -> Request {
    Request::Range(Range { order: Order::Key, ..Range::new(&b"\0"[..], Some(b"\0".to_vec())) })
}

/// Cluster and member are told apart as the model tells them apart; raft's log is as long, its term as high.
/// But for the question for its health after each start, which goes through raft, and is asked again where no answer comes.
fn compare(pair: &mut Pair, starts: i64) {
    assert!((starts..starts + SPARE).contains(&pair.index_ahead), "{}", pair.index_ahead);
    assert_eq!(pair.translation.term_ahead, 0);
    for request in [everything(), Request::Status] {
        pair.ask(0, &request);
    }
}

#[test]
fn a_member_that_was_started_anew_has_what_it_had_in_a_new_term() {
    let mut pair = Pair::start(1, 21);
    let lease = pair.grant(0, 100);
    pair.ask(0, &put("a", lease));
    compare(&mut pair, 1);
    for starts in 2..4 {
        pair.cluster.members[0].kill();
        let now = pair.now();
        pair.model.kill(0, now);
        pair.cluster.members[0].restart();
        pair.model.start(0, now);
        pair.settle();
        compare(&mut pair, starts);
        pair.ask(0, &Request::LeaseTimeToLive(lease));
    }
}

#[test]
fn a_restored_backup_has_its_cluster_id_and_less_of_everything_else() {
    let mut pair = Pair::start(1, 22);
    let mut random = Random::new(22);
    let lease = pair.grant(0, 100);
    for _ in 0..50 {
        pair.ask(0, &put(&format!("k{}", random.below(20)), lease));
    }
    pair.ask(0, &Request::Compact(20));
    let (theirs, ours) = (pair.cluster.members[0].snapshot(), pair.model.snapshot());
    for _ in 0..50 {
        pair.ask(0, &put(&format!("k{}", random.below(20)), lease));
    }
    let later = pair.grant(0, 100);
    compare(&mut pair, 1);
    let (cluster_id, index) = (pair.model.cluster_id(), pair.model.raft_index());
    pair.cluster.members[0].restore(&theirs);
    let now = pair.now();
    pair.model.restore(&ours, true, now);
    pair.settle();
    compare(&mut pair, 1);
    assert!(pair.model.cluster_id() == cluster_id && pair.model.raft_index() < index);
    let left = pair.ask(0, &Request::LeaseTimeToLive(lease));
    assert!(
        matches!(left, Outcome::Reply(Reply::TimeToLive(Some(lease))) if lease.left > Duration::from_secs(95))
    );
    let gone = pair.ask(0, &Request::LeaseTimeToLive(later));
    assert_eq!(gone, Outcome::Reply(Reply::TimeToLive(None)));
    for revision in [19, 20, 52, 53] {
        let Request::Range(range) = everything() else { panic!() };
        pair.ask(0, &Request::Range(Range { revision, ..range }));
    }
    pair.ask(0, &put("z", lease));
}

#[test]
fn a_power_cut_of_all_leaves_what_was_acknowledged() {
    let mut pair = Pair::start(3, 23);
    let lease = pair.grant(0, 100);
    pair.ask(0, &put("a", lease));
    let (before, ours) = (pair.real_status(0), pair.model.raft_index());
    for member in 0..3 {
        pair.cluster.members[member].kill();
        let now = pair.now();
        pair.model.kill(member, now);
    }
    for member in 0..3 {
        pair.cluster.members[member].start_again();
        let now = pair.now();
        pair.model.start(member, now);
    }
    pair.cluster.settle();
    pair.settle();
    for member in 0..3 {
        pair.ask(member, &everything());
        pair.ask(member, &Request::LeaseTimeToLive(lease));
    }
    // The election, and each of the three tells of itself, and is asked for its health. A busy machine elects again.
    let more = (pair.real_status(0).raft_index - before.raft_index).cast_signed();
    assert!((1 + 3 + 3..1 + 3 + 3 + SPARE).contains(&more), "{more}");
    assert!(pair.model.raft_index() >= ours + 1 + 3, "{ours}");
}
