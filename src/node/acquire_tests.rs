//! The way to a name, with an etcd in memory that loses requests and replies.

use super::claim::Claimant;
use super::lease_time::Lease;
use super::session_tests::newborn;
use super::{Host, SessionError};
use crate::cluster::{AddressChoice, Details, Record};
use crate::etcd::Etcd;

#[test]
fn a_ticket_of_addresses_that_are_gone_goes_with_its_lease_even_if_that_is_hard_to_revoke() {
    let mut failures = 0;
    for seed in 0..200 {
        let (world, mut session) = newborn(seed);
        session.settings.ipv6 = AddressChoice::Discover;
        // An address for documentation is on no interface.
        let gone = Record {
            ipv4: "10.0.0.1".parse().ok(),
            ipv6: "2001:db8::1".parse().ok(),
            port: Some(53),
        };
        let ttl = session.settings.lease_ttl.shortest();
        let Ok(id) = session.client.lease_grant(ttl) else { continue };
        session.lease = Some(Lease::new(id, session.host.now(), ttl));
        session.record = Some(gone);
        session.addresses.lease = Some(id);
        let keyspace = session.settings.keyspace.clone();
        let claimant = Claimant {
            keyspace: &keyspace,
            record: &gone,
            node_id: None,
            is_ready: true,
            details: Details::NONE,
            lease: id,
        };
        if claimant.take_ticket(&mut session.client).is_err() {
            continue;
        }
        let record = loop {
            match session.find_record() {
                // Tried again, as the session does.
                Err(SessionError::Etcd(_)) => failures += 1,
                Ok(record) => break record,
                other => panic!("seed {seed}: {other:?}, and the ticket stays"),
            }
        };
        assert!(world.store.borrow().keys.is_empty(), "seed {seed}");
        assert!(record != gone && session.record == Some(record), "seed {seed}");
        let lease = session.lease.map(|lease| lease.id);
        assert_ne!(lease, Some(id), "seed {seed}");
        // Nothing of another record hangs on that one.
        session.record = Some(gone);
        session.addresses.lease = Some(id);
        assert_eq!(session.find_record().ok(), Some(record), "seed {seed}");
        assert_eq!(session.lease.map(|lease| lease.id), lease, "seed {seed}");
    }
    assert!(failures > 10, "{failures} revocations failed");
}
