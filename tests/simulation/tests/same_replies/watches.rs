//! Watches around a compaction, in the future, and at several members.

use idetcd::etcd::{LeaseId, Op, Txn, WatchRange};
use simulation::model::Request;

use super::leases::{all, put};
use super::pair::Pair;

#[test]
fn a_deletion_at_the_very_revision_of_a_compaction_is_forgotten_too() {
    let mut pair = Pair::start(1, 51);
    for key in ["a", "b", "c"] {
        pair.ask(0, &put(key, LeaseId(0)));
    }
    let delete =
        |key: &str| Request::Txn(Txn { success: vec![Op::Delete(key.into())], ..Txn::default() });
    pair.ask(0, &delete("a"));
    pair.ask(0, &delete("b"));
    pair.ask(0, &Request::Compact(5));
    for start_revision in [4, 5, 6] {
        let watch = pair.watch(0, &[WatchRange { start_revision, ..all() }]);
        let Some(mut watch) = watch else { continue };
        let goes_on = pair.follow(&mut watch);
        assert_eq!(goes_on, start_revision > 4);
    }
}

#[test]
fn a_watch_may_begin_in_the_future() {
    let mut pair = Pair::start(1, 52);
    let range = WatchRange { start_revision: 4, ..all() };
    let deletions = WatchRange { deletions_only: true, ..all() };
    let mut watch = pair.watch(0, &[range, deletions]).expect("a watch");
    for key in ["a", "b", "c", "d"] {
        pair.ask(0, &put(key, LeaseId(0)));
        assert!(pair.follow(&mut watch));
    }
    assert!(pair.is_quiet(&mut watch));
}

#[test]
fn members_tell_and_answer_the_same() {
    let mut pair = Pair::start(3, 53);
    let lease = pair.grant(2, 100);
    let mut watches: Vec<_> =
        (0..3).map(|member| pair.watch(member, &[all()]).expect("a watch")).collect();
    for call in 0..60 {
        pair.ask(call % 3, &put(&format!("k{}", call % 7), lease));
        pair.ask((call + 1) % 3, &Request::LeaseKeepAlive(lease));
        for watch in &mut watches {
            assert!(pair.follow(watch));
        }
    }
    for member in 0..3 {
        pair.ask(member, &Request::LeaseTimeToLive(lease));
        pair.ask(member, &Request::Status);
    }
}
