//! Contact that is lost: pauses, answers that grow old, and the release.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use super::newborn;
use super::world::{Fate, ROUND_TRIP, TIMEOUT, World, put};
use crate::cluster::Freshness;
use crate::etcd::{ErrorKind, LeaseId};

const SECOND: Duration = Duration::from_secs(1);

/// Answers each call until then, and does this to calls after it.
fn until(time: Duration, then: fn(&str) -> Fate) -> impl FnMut(&World, &str) -> Fate {
    move |world, name| if world.age() < time { Fate::Answered(ROUND_TRIP) } else { then(name) }
}

#[test]
fn attempts_that_time_out_do_not_make_the_pauses_short_again() {
    // Of a node in doubt an attempt follows the other where that took long; beside many such they are rarer.
    for (names, shortest) in [(0, TIMEOUT), (4500, 5 * SECOND / 2)] {
        let (world, session) = newborn(1);
        for number in 10..10 + names {
            let kv = put(&format!("w{number}.tf.local."), 1, LeaseId(0)).kv;
            world.store.borrow_mut().keys.insert(kv.key.clone(), kv);
        }
        world.store.borrow_mut().revision = 1;
        world.follow(until(30 * SECOND, |_| Fate::RequestLost));
        session.run();
        let is_late = |(at, what): &&(Duration, String)| *at > 60 * SECOND && what == "keep-alive";
        let calls = world.log.borrow().iter().filter(is_late).count();
        let most = (world.age() - 60 * SECOND).div_duration_f64(shortest);
        assert!((50..=most.ceil() as usize).contains(&calls), "{calls} attempts, at most {most}");
    }
}

#[test]
fn contact_for_a_while_makes_the_pauses_short_again() {
    let (world, session) = newborn(1);
    let is_lost = |age: Duration| (30..90).contains(&age.as_secs()) || age.as_secs() >= 200;
    world.follow(
        move |world, _| {
            if is_lost(world.age()) { Fate::RequestLost } else { Fate::Answered(ROUND_TRIP) }
        },
    );
    world.stop_at.set(world.began + 220 * SECOND);
    session.run();
    let log = world.log.borrow();
    let attempts: Vec<Duration> = log
        .iter()
        .filter(|(at, what)| *at > 200 * SECOND && what == "keep-alive")
        .map(|(at, _)| *at)
        .collect();
    let pause = attempts[1] - attempts[0] - TIMEOUT;
    assert!(pause < SECOND / 2, "{attempts:?}");
}

#[test]
fn answers_grow_old_while_etcd_refuses() {
    for (refused, end, freshness) in [
        ("range", 85, Freshness::Stale),
        ("range", 100, Freshness::Expired),
        ("watch", 85, Freshness::Stale),
        ("watch", 100, Freshness::Expired),
    ] {
        let (world, mut session) = newborn(1);
        session.settings.max_stale = 60 * SECOND;
        world.changes.borrow_mut().push_back((30 * SECOND, Err(ErrorKind::WatchEnded)));
        world.follow(move |world, name| {
            let synced = world.directory.borrow().freshness() == Freshness::Synced;
            assert!(synced || world.age() < SECOND || world.age() >= 30 * SECOND);
            if world.age() > 29 * SECOND && name == refused {
                return Fate::Failed(ErrorKind::Rejected(7));
            }
            Fate::Answered(ROUND_TRIP)
        });
        world.stop_at.set(world.began + end * SECOND);
        session.run();
        assert_eq!(world.directory.borrow().freshness(), freshness, "{refused} after {end} s");
    }
}

#[test]
fn a_member_that_is_far_away_is_told_of_the_release_however_many_endpoints_there_are() {
    let (world, session) = newborn(1);
    world.endpoints.set(5);
    world.follow(|_, name| match name {
        "revoke" => Fate::Answered(Duration::from_millis(450)),
        _ => Fate::Answered(ROUND_TRIP),
    });
    session.run();
    assert_eq!(world.times("revoke").len(), 1);
    assert!(world.store.borrow().keys.is_empty());
}

#[test]
fn nobody_is_in_sync_who_follows_nothing() {
    let (world, session) = newborn(1);
    let (mut is_revoked, mut is_claimed) = (false, false);
    let at_last = Rc::new(Cell::new(Freshness::Empty));
    let looked = at_last.clone();
    world.follow(move |world, name| {
        if name == "keep-alive" {
            looked.set(world.directory.borrow().freshness());
        }
        if name == "keep-alive" && world.age() > 30 * SECOND && !is_revoked {
            is_revoked = true;
            world.store.borrow_mut().leases[0] = LeaseId(99);
        } else if is_revoked && !is_claimed && matches!(name, "grant" | "txn") {
            assert_eq!(world.directory.borrow().freshness(), Freshness::Stale, "{name}");
            // What comes after that is not of the name.
            is_claimed = name == "txn";
        }
        Fate::Answered(ROUND_TRIP)
    });
    // Later it notices that the watch does not tell of the base of the serial.
    world.stop_at.set(world.began + 45 * SECOND);
    session.run();
    assert_eq!(world.times("grant").len(), 2);
    assert_eq!(at_last.get(), Freshness::Synced);
}

#[test]
fn a_release_whose_request_is_lost_is_told_again() {
    let (world, session) = newborn(1);
    let mut is_lost = false;
    world.follow(move |_, name| match name {
        "revoke" if !is_lost => {
            is_lost = true;
            Fate::RequestLost
        }
        _ => Fate::Answered(ROUND_TRIP),
    });
    session.run();
    let told = world.times("revoke");
    assert_eq!(told.len(), 2);
    assert!(told[1] - told[0] <= SECOND / 2, "{told:?}");
    assert!(world.store.borrow().keys.is_empty());
}
