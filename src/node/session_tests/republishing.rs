//! Addresses that change while the name is owned.

use std::cell::{Cell, RefCell};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::super::network::{
    AddressState, HostNetwork, Interface, InterfaceAddress, InterfaceKind,
};
use super::super::session::Session;
use super::super::state::{Claimed, Membership};
use super::super::{Result, SessionError};
use super::newborn;
use super::world::{FakeEtcd, FakeHost, Fate, LEASE_TTL, ROUND_TRIP, World, put, told};
use crate::cluster::{AddressChoice, NodePlace, Record, SlotId};
use crate::etcd::{ErrorKind, KeyValue, LeaseId};

/// A host with one card, which has these addresses.
pub(super) fn host(ips: impl IntoIterator<Item = IpAddr>) -> Arc<HostNetwork> {
    let address = |ip| InterfaceAddress {
        ip,
        state: AddressState::Preferred,
        is_temporary: false,
        is_secondary: false,
        is_permanent: true,
    };
    let card = Interface {
        index: 2,
        name: "eth0".to_owned(),
        kind: InterfaceKind::Ordinary,
        is_up: true,
        has_carrier: true,
        addresses: ips.into_iter().map(address).collect(),
    };
    Arc::new(HostNetwork { interfaces: Ok(vec![card]), default_sources: Vec::new() })
}

fn ip(last: u8) -> IpAddr {
    IpAddr::from([10, 0, 0, last])
}

/// Does something until it succeeds, as the session does.
pub(super) fn insist<T>(
    session: &mut Session<FakeHost, FakeEtcd>,
    step: impl Fn(&mut Session<FakeHost, FakeEtcd>) -> Result<T>,
) -> T {
    loop {
        match step(session) {
            Ok(result) => return result,
            Err(SessionError::Etcd(_) | SessionError::NoHistory) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
}

/// Gives the node its name, with the first of its addresses.
fn named(world: &World, session: &mut Session<FakeHost, FakeEtcd>) -> Claimed {
    session.settings.ipv4 = AddressChoice::Discover;
    *world.network.borrow_mut() = host(Some(ip(1)));
    insist(session, |session| {
        session.sync()?;
        session.ensure_lease()?;
        session.ensure_name()
    });
    session.membership.held().expect("a name")
}

#[test]
fn whatever_is_lost_on_the_way_the_last_address_is_published_by_the_same_owner() {
    let mut failures = 0;
    for seed in 0..500 {
        let (world, mut session) = newborn(seed);
        let claimed = named(&world, &mut session);
        for last in [2, 3, 2, 1, 1, 4, 2, 4] {
            *world.network.borrow_mut() = host(Some(ip(last)));
            // Another change may come before this one is published.
            failures += i32::from(session.follow_addresses().is_err());
        }
        insist(&mut session, Session::follow_addresses);
        let store = world.store.borrow();
        let keys: Vec<_> = store.keys.values().collect();
        assert_eq!(keys.len(), 1, "seed {seed}: {keys:?}");
        let record = Record::parse(&keys[0].value).expect("a record");
        assert!(record.has_address(ip(4)), "seed {seed}: {record}");
        assert_eq!(session.record, Some(record), "seed {seed}");
        let Membership::Owned(now) = session.membership else { panic!("seed {seed}: lost") };
        assert_eq!(now.claim_revision, claimed.claim_revision, "seed {seed}: the token");
        assert_eq!(now.mod_revision, keys[0].mod_revision, "seed {seed}");
        assert!(!now.is_being_put, "seed {seed}");
        assert!(session.addresses.are_published(&world.network.borrow(), None), "seed {seed}");
        let owned = session.owned().expect("a name");
        assert_eq!((owned.record, owned.claim_revision), (record, claimed.claim_revision));
    }
    assert!(failures > 100, "{failures} puts failed");
}

#[test]
fn whatever_is_lost_on_the_way_it_is_published_in_the_end_whether_the_node_is_ready() {
    let mut failures = 0;
    for seed in 0..500 {
        let (world, mut session) = newborn(seed);
        world.is_ready.set(seed % 2 == 0);
        let claimed = named(&world, &mut session);
        for is_ready in [false, true, false, false, true, true, seed % 3 == 0] {
            world.is_ready.set(is_ready);
            // It may change again before that is published.
            failures += i32::from(session.follow_host().is_err());
        }
        insist(&mut session, Session::follow_host);
        let store = world.store.borrow();
        let keys: Vec<_> = store.keys.values().collect();
        assert_eq!(keys.len(), 1, "seed {seed}: {keys:?}");
        let record = session.record.expect("a record");
        let wanted = record.value(None, seed % 3 == 0);
        assert_eq!(String::from_utf8_lossy(&keys[0].value), wanted, "seed {seed}");
        let Membership::Owned(now) = session.membership else { panic!("seed {seed}: lost") };
        assert_eq!(now.claim_revision, claimed.claim_revision, "seed {seed}: the token");
        assert_eq!(now.mod_revision, keys[0].mod_revision, "seed {seed}");
        assert!(!now.is_being_put, "seed {seed}");
        let standing = world.directory.borrow().standing(NodePlace::FIRST).is_ready;
        assert_eq!(standing, seed % 3 == 0, "seed {seed}: as this node itself knows it");
    }
    assert!(failures > 100, "{failures} puts failed");
}

#[test]
fn a_claim_that_was_carried_out_though_no_reply_came_says_in_the_end_what_is_so() {
    for seed in 0..300 {
        let (world, mut session) = newborn(seed);
        // It changes from one attempt to the next.
        insist(&mut session, |session| {
            world.is_ready.set(!world.is_ready.get());
            session.sync()?;
            session.ensure_lease()?;
            session.ensure_name()
        });
        let store = world.store.borrow();
        let own = store.keys.values().next().expect("its key");
        let known = session.value_of(&session.record.expect("a record"), None);
        let shown = String::from_utf8_lossy(&own.value);
        assert_eq!(shown, String::from_utf8_lossy(&known), "seed {seed}");
        let Membership::Owned(claimed) = session.membership else { panic!("seed {seed}") };
        assert_eq!(claimed.mod_revision, own.mod_revision, "seed {seed}");
    }
}

#[test]
fn what_a_restored_backup_has_of_this_lease_is_its_own_though_the_addresses_are_old() {
    // It was lost there, or is somewhere else in the backup.
    for lost in [1, 5] {
        let (world, mut session) = newborn(1);
        let claimed = named(&world, &mut session);
        world.follow(|_, _| Fate::Answered(ROUND_TRIP));
        let backup = world.store.borrow().keys.clone();
        *world.network.borrow_mut() = host(Some(ip(2)));
        insist(&mut session, Session::follow_addresses);
        world.store.borrow_mut().keys = backup;
        let slot = SlotId::new(lost).expect("not zero");
        session.lose(Claimed { slot, ..claimed }, "it is not as it was left");
        session.history = None;
        insist(&mut session, |session| {
            session.sync()?;
            session.ensure_name()
        });
        assert_eq!(session.membership.held().map(|held| held.slot), Some(claimed.slot));
        let store = world.store.borrow();
        let keys: Vec<_> = store.keys.values().collect();
        let record = Record::parse(&keys[0].value).expect("a record");
        assert!(keys.len() == 1 && record.has_address(ip(2)), "{keys:?}");
    }
}

#[test]
fn old_addresses_in_a_backup_with_the_same_lease_and_revision_are_put_right() {
    let (world, mut session) = newborn(1);
    named(&world, &mut session);
    world.follow(|_, _| Fate::Answered(ROUND_TRIP));
    let old = world.store.borrow().keys.values().next().expect("its key").value.clone();
    *world.network.borrow_mut() = host(Some(ip(2)));
    insist(&mut session, Session::follow_addresses);
    let Membership::Owned(claimed) = session.membership else { panic!("{:?}", session.membership) };
    world.store.borrow_mut().keys.values_mut().next().expect("its key").value = old;
    insist(&mut session, |session| {
        session.confirm()?;
        session.follow_addresses()
    });
    let store = world.store.borrow();
    let key = store.keys.values().next().expect("its key");
    assert!(Record::parse(&key.value).expect("a record").has_address(ip(2)));
    let wanted = Claimed { mod_revision: key.mod_revision, ..claimed };
    assert_eq!(session.membership, Membership::Owned(wanted), "the token stays");
}

#[test]
fn a_ticket_of_former_addresses_that_a_backup_brought_back_leaves_the_queue() {
    let (world, mut session) = newborn(1);
    named(&world, &mut session);
    world.follow(|_, _| Fate::Answered(ROUND_TRIP));
    let ticket = session.settings.keyspace.ticket(&session.record.expect("a record"));
    *world.network.borrow_mut() = host(Some(ip(2)));
    insist(&mut session, Session::follow_addresses);
    let own = world.store.borrow().keys.values().next().expect("its key").clone();
    let others =
        session.settings.keyspace.ticket(&Record { ipv4: None, ..session.record.unwrap() });
    let keys = [(ticket.clone(), own.lease), (others.clone(), LeaseId(99))];
    for (key, lease) in &keys {
        let kv = KeyValue { key: key.clone(), lease: *lease, ..own.clone() };
        world.store.borrow_mut().keys.insert(key.clone(), kv);
    }
    session.history = None;
    insist(&mut session, |session| {
        session.sync()?;
        session.leave_queue()
    });
    let store = world.store.borrow();
    assert!(!store.keys.contains_key(&ticket) && store.keys.contains_key(&others));
}

#[test]
fn what_somebody_else_put_is_left_alone() {
    for (mod_revisions, create_revisions, lease) in [
        (1, 0, LeaseId(99)),
        // A claim of ours that was held up, after another node had come and gone.
        (1, 1, LeaseId(1)),
        // Of another history, as after a backup was restored.
        (0, 0, LeaseId(99)),
    ] {
        let (world, mut session) = newborn(1);
        let claimed = named(&world, &mut session);
        world.follow(|_, _| Fate::Answered(ROUND_TRIP));
        {
            let mut store = world.store.borrow_mut();
            let kv = store.keys.values_mut().next().expect("a key");
            kv.mod_revision += mod_revisions;
            kv.create_revision += create_revisions;
            kv.lease = lease;
        }
        let theirs = world.store.borrow().keys.values().next().expect("a key").value.clone();
        *world.network.borrow_mut() = host(Some(ip(2)));
        insist(&mut session, Session::follow_addresses);
        assert_eq!(session.membership, Membership::Lost(Claimed { is_being_put: true, ..claimed }));
        assert_eq!(world.store.borrow().keys.values().next().expect("a key").value, theirs);
    }
}

#[test]
fn without_any_address_the_name_goes_when_a_lease_would_have_ended() {
    let (world, mut session) = newborn(1);
    named(&world, &mut session);
    world.follow(|_, _| Fate::Answered(ROUND_TRIP));
    let passes = |seconds: f64| world.now.set(world.now.get() + LEASE_TTL.mul_f64(seconds));
    for _ in 0..2 {
        *world.network.borrow_mut() = host([]);
        insist(&mut session, Session::follow_addresses);
        passes(0.9);
        insist(&mut session, Session::follow_addresses);
        *world.network.borrow_mut() = host(Some(ip(1)));
        insist(&mut session, Session::follow_addresses);
    }
    *world.network.borrow_mut() = host([]);
    insist(&mut session, Session::follow_addresses);
    passes(1.0);
    assert!(matches!(session.follow_addresses(), Err(SessionError::LeaseGone)));
    assert!(session.membership.held().is_none() && session.lease.is_none());
    assert!(world.store.borrow().keys.is_empty());
}

#[test]
fn while_etcd_refuses_what_changed_of_this_host_the_names_are_followed() {
    let (world, session) = newborn(1);
    let (second, from) = (Duration::from_secs(1), 60);
    // No room: keys are neither put nor renewed in their values, and all else goes on.
    world.follow(move |world, name| {
        let is_full = (from..from + 30).contains(&world.age().as_secs());
        match name {
            "txn" if is_full => Fate::Failed(ErrorKind::Rejected(8)),
            _ => Fate::Answered(ROUND_TRIP),
        }
    });
    let other = put("w2.tf.local.", 3, LeaseId(9));
    world.changes.borrow_mut().push_back((second * 70, Ok(told(vec![other.clone()]))));
    for (at, is_ready) in [(60, false), (61, true)] {
        world.at(second * at, move |world| world.is_ready.set(is_ready));
    }
    world.at(second * 70, move |world| {
        let mut store = world.store.borrow_mut();
        (store.revision, store.entries) = (3, 100);
        store.keys.insert(other.kv.key.clone(), other.kv);
    });
    world.at(second * 75, |world| world.is_ready.set(false));
    let is_known = Rc::new(Cell::new(false));
    let seen = is_known.clone();
    world.at(second * 80, move |world| {
        seen.set(world.directory.borrow().record(b"w2.tf.local.").is_some());
    });
    world.stop_at.set(world.began + second * 120);
    let own = Rc::new(RefCell::new(None));
    let last = own.clone();
    world.at(second * 100, move |world| {
        *last.borrow_mut() = world.store.borrow().keys.get(&b"w1.tf.local."[..]).cloned();
    });
    session.run();
    assert!(is_known.get(), "{:?}", world.log.borrow());
    let watches = world.log.borrow().iter().filter(|(_, it)| it.starts_with("watch from")).count();
    assert_eq!(watches, 1);
    let refused =
        world.times("txn").into_iter().filter(|at| *at > second * 59 && *at < second * 90);
    assert!((5..=16).contains(&refused.count()), "{:?}", world.times("txn"));
    let value = own.take().expect("the own key").value;
    assert!(
        String::from_utf8_lossy(&value).contains(r#""ready":"#),
        "it is put once there is room"
    );
}
