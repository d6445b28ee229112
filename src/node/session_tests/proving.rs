//! The proof that nothing is missed, and what follows where it fails.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use super::newborn;
use super::world::{Fate, MAX_LAG, ROUND_TRIP, TIMEOUT, put};
use crate::cluster::Freshness;
use crate::etcd::{ErrorKind, LeaseId};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn while_nothing_changes_a_proof_costs_one_request_and_comes_in_time() {
    let (world, session) = newborn(1);
    world.follow(|_, _| Fate::Answered(ROUND_TRIP));
    world.stop_at.set(world.began + 300 * SECOND);
    session.run();
    let read = world.times("range");
    let proofs: Vec<Duration> = read.into_iter().filter(|at| *at > SECOND).collect();
    let between = || proofs.windows(2).map(|pair| pair[1] - pair[0]);
    assert!(between().all(|time| time < MAX_LAG - TIMEOUT && time > MAX_LAG * 3 / 4), "{proofs:?}");
    let kept = world.times("keep-alive").len();
    let rate = (proofs.len() + kept) as f64 / 299.0;
    assert!(rate < 0.2, "{rate} requests a second");
}

#[test]
fn a_watch_that_does_not_tell_what_etcd_holds_is_left_and_answers_are_stale_until_then() {
    let (world, session) = newborn(1);
    let changed_at = Cell::new(None);
    let stale_from = Rc::new(Cell::new(None));
    let seen = stale_from.clone();
    world.follow(move |world, _| {
        if world.age() > 60 * SECOND && changed_at.get().is_none() {
            let put = put("w2.tf.local.", 3, LeaseId(9));
            let mut store = world.store.borrow_mut();
            store.keys.insert(put.kv.key.clone(), put.kv);
            store.revision = 3;
            changed_at.set(Some(world.age()));
        }
        let is_synced = world.directory.borrow().freshness() == Freshness::Synced;
        if changed_at.get().is_some() && !is_synced && seen.get().is_none() {
            seen.set(Some(world.age()));
        }
        Fate::Answered(ROUND_TRIP)
    });
    world.stop_at.set(world.began + 120 * SECOND);
    session.run();
    let left = world.times("another endpoint")[0];
    assert!(left < 61 * SECOND + MAX_LAG, "left after {left:?}");
    let stale_from = stale_from.get().expect("it was stale");
    assert!(stale_from < 61 * SECOND + MAX_LAG, "stale from {stale_from:?}");
    // At the other one it is no better, so everything is read.
    assert_eq!(world.times("FullSync").len(), 2);
    assert!(world.directory.borrow().record(b"w2.tf.local.").is_some());
}

#[test]
fn what_etcd_forgot_does_not_matter_where_nothing_of_ours_changed() {
    let (world, session) = newborn(1);
    world.changes.borrow_mut().push_back((60 * SECOND, Err(ErrorKind::WatchEnded)));
    world.follow(|world, _| {
        if world.age() >= 60 * SECOND && world.age() < 61 * SECOND {
            // Others wrote.
            let mut store = world.store.borrow_mut();
            (store.revision, store.entries) = (900, 1_000);
        }
        Fate::Answered(ROUND_TRIP)
    });
    world.stop_at.set(world.began + 90 * SECOND);
    session.run();
    assert_eq!(world.times("FullSync").len(), 1);
    assert_eq!(world.times("watch from [901]").len(), 1);
}

#[test]
fn a_request_of_a_newcomer_that_is_lost_costs_twice_the_time_out() {
    for lost in ["range", "grant", "txn", "status", "watch"] {
        let (world, session) = newborn(1);
        let mut is_lost = false;
        world.follow(move |_, name| {
            if name == lost && !std::mem::replace(&mut is_lost, true) {
                return Fate::RequestLost;
            }
            Fate::Answered(ROUND_TRIP)
        });
        world.stop_at.set(world.began + 60 * SECOND);
        session.run();
        let named = world.times("owns 1")[0];
        assert!(named < TIMEOUT * 2 + SECOND / 2, "{lost}: {named:?}");
    }
}
