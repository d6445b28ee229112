//! A name that goes to a longer lease.

use std::rc::Rc;
use std::time::Duration;

use super::super::session::Session;
use super::super::state::{Claimed, Membership};
use super::super::{LeaseByNames, LeaseTtl, Result};
use super::newborn;
use super::republishing::insist;
use super::world::{FakeEtcd, FakeHost, LEASE_TTL, World, put};
use crate::etcd::KeyValue;

type Node = Session<FakeHost, FakeEtcd>;

/// A node that follows the names, on a lease that is too short by now.
fn outgrown(seed: u64) -> (Rc<World>, Node, Claimed) {
    let (world, mut session) = newborn(seed);
    insist(&mut session, |session| {
        session.sync()?;
        session.ensure_lease()?;
        session.ensure_name()
    });
    insist(&mut session, |session| session.open_watch(None).map(drop));
    session.settings.lease_ttl = LeaseTtl::ByNames(LeaseByNames {
        shortest: Duration::from_secs(1),
        each: LEASE_TTL * 2,
        longest: LEASE_TTL * 9,
    });
    let claimed = session.membership.held().expect("a name");
    (world, session, claimed)
}

/// What the session does, but for a watch that tells nothing.
fn step(session: &mut Node) -> Result<()> {
    session.ensure_lease()?;
    session.settle_lease()?;
    session.settle_doubt()?;
    session.end_superseded()?;
    if !session.proof.is_given() {
        session.sync()?;
        session.open_watch(None)?;
    }
    session.outgrow_lease()?;
    session.prove_in_time()
}

/// Does that for so many seconds, and returns how often something failed.
fn live(world: &World, session: &mut Node, seconds: u64) -> usize {
    let end = world.age() + Duration::from_secs(seconds);
    let mut failures = 0;
    while world.age() < end && session.lease.is_none_or(|lease| lease.ttl == LEASE_TTL) {
        if step(session).is_err() {
            failures += 1;
            session.stop_following();
        }
        world.now.set(world.now.get() + Duration::from_millis(500));
    }
    insist(session, Session::end_superseded);
    failures
}

#[test]
fn whatever_is_lost_on_the_way_it_is_on_the_longer_lease_in_the_end_by_the_same_owner() {
    let mut failures = 0;
    for seed in 0..500 {
        let (world, mut session, claimed) = outgrown(seed);
        let before = session.lease.expect("a lease").id;
        failures += live(&world, &mut session, 120);
        let lease = session.lease.expect("a lease");
        assert_eq!((lease.ttl, session.longer_lease.is_none()), (LEASE_TTL * 2, true), "{seed}");
        let store = world.store.borrow();
        let keys: Vec<&KeyValue> = store.keys.values().collect();
        assert_eq!(keys.len(), 1, "seed {seed}: {keys:?}");
        assert!(keys[0].lease == lease.id && lease.id != before, "seed {seed}");
        let Membership::Owned(now) = session.membership else { panic!("seed {seed}: lost") };
        assert_eq!(now.claim_revision, claimed.claim_revision, "seed {seed}: the token");
        assert_eq!(now.mod_revision, keys[0].mod_revision, "seed {seed}");
        assert!(!now.is_being_put, "seed {seed}");
        assert!(!world.times("revoke").is_empty(), "seed {seed}: the lease before");
    }
    assert!(failures > 50, "{failures} calls failed");
}

#[test]
fn a_name_that_is_drained_stays_on_the_lease_of_its_drain() {
    let (world, mut session, _) = outgrown(1);
    let lease = session.lease.expect("a lease");
    let name = "w:1.tf.local.";
    // The watch does not tell of it.
    let drain = put(name, 9, lease.id).kv;
    world.store.borrow_mut().keys.insert(name.as_bytes().to_vec(), drain);
    live(&world, &mut session, 60);
    assert_eq!(session.lease.map(|lease| lease.id), Some(lease.id));
    assert!(matches!(session.membership, Membership::Owned(_)));
    let store = world.store.borrow();
    assert_eq!(store.keys.len(), 2);
    assert!(store.keys.values().all(|kv| kv.lease == lease.id), "{:?}", store.keys);
}
