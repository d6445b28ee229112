use std::time::Duration;

use super::super::session::SessionEnd;
use super::super::session_tests::newborn;
use crate::etcd::{KeyValue, LeaseId};

/// A lease that nobody keeps alive, and that does not end either.
const LONG_LEASE: LeaseId = LeaseId(99);

/// The ticket of a node that is gone, put at revision 1.
fn dead_ticket(queue: &[u8], number: u8) -> (Vec<u8>, KeyValue) {
    let key = [queue, format!("10.9.9.{number},53").as_bytes()].concat();
    let (value, lease) = (Vec::new(), LONG_LEASE);
    (key.clone(), KeyValue { key, value, create_revision: 1, mod_revision: 1, lease })
}

/// When it happened first, in seconds since the start.
fn seconds_of(log: &[(Duration, String)], what: &str) -> Option<f64> {
    log.iter().find(|(_, line)| line == what).map(|(at, _)| at.as_secs_f64())
}

#[test]
fn a_dead_ticket_on_a_long_lease_holds_nobody_up_for_long() {
    let mut quick = 0;
    for seed in 0..100 {
        let (world, session) = newborn(seed);
        let (queue, _) = session.settings.keyspace.queue();
        // Three names, and as many in the queue that take none.
        world.store.borrow_mut().revision = 1;
        for number in 7..10 {
            let (key, kv) = dead_ticket(&queue, number);
            world.store.borrow_mut().keys.insert(key, kv);
        }
        assert_eq!(session.run(), SessionEnd::Stopped);
        let log = world.log.take();
        let named = seconds_of(&log, "owns 1").unwrap_or_else(|| panic!("seed {seed}: {log:#?}"));
        // Here every eighth call is lost, and each of those takes sixteen seconds.
        assert!((2.0..300.0).contains(&named), "seed {seed}: {named}: {log:#?}");
        quick += usize::from(named < 3.0);
    }
    assert!(quick > 30, "{quick} of 100 within three seconds");
}
