//! Free names, and others that are ahead in the queue and take none.

use std::time::Duration;

use super::newborn;
use super::world::{Fate, ROUND_TRIP, World, put, unreliable};
use crate::cluster::Keyspace;
use crate::etcd::LeaseId;

const SECOND: Duration = Duration::from_secs(1);

/// A lease that nobody keeps alive, and that does not end either.
const LONG_LEASE: LeaseId = LeaseId(99);

/// Puts the tickets of three nodes that are gone, one for each name.
fn put_dead_tickets(world: &World, keyspace: &Keyspace) {
    let mut store = world.store.borrow_mut();
    for number in 1..=3 {
        let key = [&keyspace.queue().0, format!("10.9.9.{number},53").as_bytes()].concat();
        let put = put(&String::from_utf8(key.clone()).unwrap(), number, LONG_LEASE);
        store.keys.insert(key, put.kv);
    }
    store.revision = 3;
}

#[test]
fn dead_tickets_on_a_long_lease_hold_nobody_up_for_more_than_a_few_seconds() {
    for seed in 0..100 {
        let (world, session) = newborn(seed);
        put_dead_tickets(&world, &session.settings.keyspace);
        world.follow(|_, _| Fate::Answered(ROUND_TRIP));
        session.run();
        let named = world.times("owns 1").into_iter().next().expect("a name");
        assert!((2 * SECOND..5 * SECOND).contains(&named), "seed {seed}: {named:?}");
        // The ticket, the claim, and nothing else.
        assert_eq!(world.times("txn").len(), 2, "seed {seed}");
        assert_eq!(world.directory.borrow().revision(), 5, "that of the claim");
    }
}

#[test]
fn nor_do_they_where_calls_are_lost_as_well() {
    for seed in 0..100 {
        let (world, session) = newborn(seed);
        put_dead_tickets(&world, &session.settings.keyspace);
        world.follow(unreliable(seed));
        session.run();
        assert!(!world.times("owns 1").is_empty(), "seed {seed}: {:#?}", world.log);
    }
}
