//! Leases that are renewed by a leader of etcd which was replaced and does not know it.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use super::super::session::Session;
use super::newborn;
use super::republishing::insist;
use super::world::{FakeEtcd, FakeHost, Fate, LEASE_TTL, ROUND_TRIP, World};

const SECOND: Duration = Duration::from_secs(1);

/// A node that has a name, and a lease that it has to renew.
fn to_be_renewed() -> (Rc<World>, Session<FakeHost, FakeEtcd>) {
    let (world, mut session) = newborn(1);
    world.follow(|_, _| Fate::Answered(ROUND_TRIP));
    insist(&mut session, |session| {
        session.sync()?;
        session.ensure_lease()?;
        session.ensure_name()
    });
    world.store.borrow_mut().renewed_in = 2;
    world.now.set(session.lease.expect("a lease").renew_at);
    (world, session)
}

#[test]
fn a_renewal_that_a_later_term_denies_is_made_again() {
    let (world, mut session) = to_be_renewed();
    let granted = session.lease.expect("a lease");
    session.ensure_lease().expect("renewed");
    let renewed = session.lease.expect("a lease");
    assert!(renewed.valid_until > granted.valid_until);
    // The next reply of those that are not behind.
    world.store.borrow_mut().elections = 1;
    session.confirm().expect("the own key");
    let lease = session.lease.expect("a lease");
    assert_eq!((lease.valid_until, lease.renew_at), (granted.valid_until, world.now.get()));
    assert_eq!(session.owned().expect("it lasts still").valid_until, granted.valid_until);
    // By one that has not heard of the election yet, and then by one that has.
    for (renewed_in, is_renewed) in [(2, false), (3, true)] {
        world.now.set(session.lease.expect("a lease").renew_at);
        world.store.borrow_mut().renewed_in = renewed_in;
        session.ensure_lease().expect("renewed");
        let valid_until = session.lease.expect("a lease").valid_until;
        assert_eq!(valid_until > granted.valid_until, is_renewed, "{renewed_in}");
    }
}

#[test]
fn a_renewal_that_takes_long_counts_once_it_is_confirmed() {
    for (elections, is_renewed) in [(0, true), (1, false)] {
        let (world, mut session) = to_be_renewed();
        let granted = session.lease.expect("a lease");
        world.follow(move |world, name| match name {
            "keep-alive" => {
                world.store.borrow_mut().elections = elections;
                Fate::Answered(SECOND)
            }
            _ => Fate::Answered(ROUND_TRIP),
        });
        let reads = world.times("range").len();
        session.ensure_lease().expect("renewed");
        assert_eq!(world.times("range").len(), reads + 1);
        let lease = session.lease.expect("a lease");
        assert_eq!(lease.valid_until > granted.valid_until, is_renewed, "{elections}");
        assert!(is_renewed || lease.renew_at <= world.now.get() + SECOND);
    }
}

#[test]
fn where_no_leader_is_replaced_it_costs_no_call() {
    let logs = [0, 2].map(|renewed_in| {
        let (world, session) = newborn(1);
        world.follow(|_, _| Fate::Answered(ROUND_TRIP));
        world.store.borrow_mut().renewed_in = renewed_in;
        session.run();
        world.log.take()
    });
    assert!(logs[0].iter().any(|(_, what)| what == "keep-alive"));
    assert_eq!(logs[0], logs[1]);
}

#[test]
fn a_name_whose_renewals_did_not_count_is_in_doubt_until_one_does() {
    let (world, session) = newborn(1);
    world.store.borrow_mut().renewed_in = 2;
    let replaced_at = Rc::new(Cell::new(None));
    let at = replaced_at.clone();
    world.follow(move |world, name| {
        if name == "keep-alive" && world.age() > 60 * SECOND && at.get().is_none() {
            // From here on members that are behind acknowledge.
            world.store.borrow_mut().elections = 1;
            at.set(Some(world.age()));
            return Fate::Answered(ROUND_TRIP);
        }
        let Some(at) = at.get() else { return Fate::Answered(ROUND_TRIP) };
        if world.age() > at + 3 * LEASE_TTL / 4 {
            world.store.borrow_mut().renewed_in = 3;
        }
        Fate::Answered(ROUND_TRIP)
    });
    world.stop_at.set(world.began + 120 * SECOND);
    session.run();
    let at = replaced_at.get().expect("a keep-alive");
    let lost = world.times("owns none").into_iter().find(|lost| *lost > at).expect("a doubt");
    assert!((at + LEASE_TTL / 2..at + 3 * LEASE_TTL / 4).contains(&lost), "{at:?} {lost:?}");
    assert!(world.times("owns 1").into_iter().any(|owned| owned > lost), "{:#?}", world.log);
}
