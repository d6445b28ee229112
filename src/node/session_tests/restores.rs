//! Backups that are restored one after the other, so that their logs say nothing.

use std::rc::Rc;

use super::super::SessionError;
use super::super::session::Session;
use super::super::state::{History, Membership};
use super::newborn;
use super::republishing::insist;
use super::world::{FakeEtcd, FakeHost, Fate, LEASE_TTL, ROUND_TRIP, Store, World, put};
use crate::cluster::{Freshness, Record};
use crate::etcd::{ErrorKind, KeyValue, LeaseId};
use crate::node::LeaseTtl;

type Node = Session<FakeHost, FakeEtcd>;

/// A node that has a name, in a world in which nothing is lost.
fn named() -> (Rc<World>, Node) {
    let (world, mut session) = newborn(1);
    world.follow(|_, _| Fate::Answered(ROUND_TRIP));
    // That of an etcd that is new.
    world.store.borrow_mut().revision = 1;
    insist(&mut session, |session| {
        session.sync()?;
        session.ensure_lease()?;
        session.ensure_name()
    });
    (world, session)
}

fn insert(world: &World, kv: KeyValue) {
    world.store.borrow_mut().keys.insert(kv.key.clone(), kv);
}

#[test]
fn a_history_that_has_not_what_was_granted_before_the_full_sync_is_another_one() {
    type Row = (&'static str, fn(&mut Store), bool);
    let table: [Row; 3] = [
        ("nothing happens", |_| {}, true),
        ("others write", |store| (store.revision, store.entries) = (50, 60), true),
        ("it was restored", |store| store.leases.truncate(1), false),
    ];
    for (what, change, wanted) in table {
        let (world, mut session) = named();
        session.history = None;
        session.sync().expect("an answer");
        change(&mut world.store.borrow_mut());
        let opened = session.open_watch(None);
        assert_eq!(opened.is_ok(), wanted, "{what}");
        assert!(wanted || matches!(opened, Err(SessionError::NoHistory)), "{what}");
        // It is asked for once, and nothing is left of it.
        assert_eq!(world.times("revoke").len(), usize::from(wanted), "{what}");
        let asked = world.times("keep-alive").len();
        assert!(session.open_watch(None).is_ok(), "{what}");
        assert_eq!(world.times("keep-alive").len(), asked, "{what}");
    }
}

#[test]
fn a_lease_that_is_left_to_run_out_says_nothing_once_its_time_is_over() {
    let (world, mut session) = named();
    session.history = None;
    session.sync().expect("an answer");
    world.store.borrow_mut().leases.pop();
    world.now.set(world.now.get() + LEASE_TTL * 20);
    assert!(session.open_watch(None).is_ok());
}

#[test]
fn names_are_read_as_of_the_grant() {
    let (world, mut session) = named();
    session.history = None;
    let granted_at = world.store.borrow().revision;
    world.follow(move |world, name| {
        if name == "range" && world.store.borrow().revision == granted_at {
            world.store.borrow_mut().revision += 1;
            insert(world, put("w2.tf.local.", granted_at + 1, LeaseId(99)).kv);
        }
        Fate::Answered(ROUND_TRIP)
    });
    session.sync().expect("an answer");
    assert_eq!(session.history.map(|history| history.latest()), Some(granted_at));
    let names = world.directory.borrow();
    assert!(names.record(b"w1.tf.local.").is_some() && names.record(b"w2.tf.local.").is_none());
}

/// A newcomer beside whom somebody else takes a name between the count of names and the grant of its lease.
fn overtaken(is_forgotten: bool) -> (Rc<World>, Node) {
    let (world, mut session) = newborn(1);
    session.settings.lease_ttl = LeaseTtl::AUTO;
    world.store.borrow_mut().revision = 5;
    world.follow(move |world, name| {
        if name == "grant" && world.store.borrow().revision == 5 {
            insert(world, put("w1.tf.local.", 6, LeaseId(99)).kv);
            let mut store = world.store.borrow_mut();
            (store.revision, store.compacted) = (6, if is_forgotten { 6 } else { 0 });
        }
        Fate::Answered(ROUND_TRIP)
    });
    (world, session)
}

#[test]
fn a_newcomer_reads_names_as_of_its_first_count_and_does_not_take_what_was_taken_since() {
    let (world, mut session) = overtaken(false);
    session.sync().expect("an answer");
    assert_eq!(session.history.as_ref().map(History::latest), Some(5));
    assert_eq!(world.directory.borrow().occupied(), 0);
    assert_eq!(world.directory.borrow().freshness(), Freshness::Incomplete, "it denies nothing");
    session.ensure_name().expect("a name");
    assert_eq!(session.membership.held().map(|held| held.slot.get()), Some(2));
    // Later on it reads them as of when it begins to.
    session.history = None;
    session.sync().expect("an answer");
    assert_eq!(session.history.as_ref().map(History::latest), Some(8));
    assert_eq!(world.directory.borrow().occupied(), 2);
}

#[test]
fn a_newcomer_that_waits_long_for_its_lease_reads_names_as_they_are() {
    let (world, mut session) = overtaken(false);
    let mut grants = 0;
    world.follow(move |world, name| {
        grants += u32::from(name == "grant");
        if name == "grant" && grants == 1 {
            insert(world, put("w1.tf.local.", 6, LeaseId(99)).kv);
            world.store.borrow_mut().revision = 6;
            return Fate::Failed(ErrorKind::TimedOut);
        }
        Fate::Answered(ROUND_TRIP)
    });
    session.sync().expect_err("no lease");
    world.now.set(world.now.get() + LEASE_TTL * 20);
    session.sync().expect("an answer");
    assert_eq!(session.history.as_ref().map(History::latest), Some(6));
}

#[test]
fn a_newcomer_whose_first_count_is_forgotten_reads_names_as_they_are() {
    let (world, session) = overtaken(true);
    world.stop_at.set(world.began + LEASE_TTL);
    session.run();
    assert!(!world.times("owns 2").is_empty(), "{:#?}", world.log);
    assert_eq!(world.times("grant").len(), 2, "{:#?}", world.log);
}

#[test]
fn a_claim_proves_it_without_being_asked() {
    let (world, mut session) = named();
    session.open_watch(None).expect("a watch");
    let calls = ["status", "grant", "range", "txn", "keep-alive", "watch"];
    // The state before the watch; the names, and the own key; ticket and claim.
    assert_eq!(calls.map(|call| world.times(call).len()), [1, 1, 2, 2, 0, 1]);
}

#[test]
fn where_no_lease_is_granted_the_present_is_read() {
    let (world, mut session) = named();
    session.history = None;
    world.follow(|_, name| match name {
        "grant" => Fate::Failed(crate::etcd::ErrorKind::Rejected(3)),
        _ => Fate::Answered(ROUND_TRIP),
    });
    session.sync().expect("an answer");
    assert!(session.open_watch(None).is_ok());
}

#[test]
fn its_record_under_a_former_lease_is_the_nodes_own() {
    for (lease, is_former) in [(LeaseId(1), true), (LeaseId(99), false)] {
        let (world, mut session) = named();
        let Membership::Owned(claimed) = session.membership else { panic!("no name") };
        {
            let mut store = world.store.borrow_mut();
            store.keys.values_mut().next().expect("its key").lease = lease;
        }
        session.lease = None;
        session.lose(claimed, "its lease is gone");
        session.history = None;
        insist(&mut session, |session| {
            session.sync()?;
            session.ensure_lease()?;
            session.ensure_name()
        });
        let held = session.membership.held().expect("a name");
        assert_eq!(held.slot == claimed.slot, is_former, "{lease}");
        assert_eq!(session.superseded.is_some(), is_former);
    }
}

#[test]
fn who_waits_takes_back_the_tickets_that_it_does_not_wait_with() {
    let (world, mut session) = named();
    let (Membership::Owned(claimed), Some(record)) = (session.membership, session.record) else {
        panic!("no name")
    };
    session.lose(claimed, "it is another's");
    let lease = session.lease.expect("a lease").id;
    let former = Record { ipv6: "fd00::1".parse().ok(), ..record };
    for record in [former, record] {
        session.addresses.note_put(record, Some(lease));
        let KeyValue { value, .. } = put("", 0, lease).kv;
        let key = session.settings.keyspace.ticket(&record);
        let (create_revision, mod_revision) = (2, 2);
        insert(&world, KeyValue { key, value, create_revision, mod_revision, lease });
    }
    session.may_queue = true;
    session.leave_queue().expect("an answer");
    let has =
        |record| world.store.borrow().keys.contains_key(&session.settings.keyspace.ticket(record));
    assert!(!has(&former) && has(&record) && !session.may_queue);
}

#[test]
fn a_lease_that_is_gone_before_its_time_is_of_another_history() {
    let (world, mut session) = named();
    let lease = session.lease.expect("a lease");
    world.store.borrow_mut().leases.clear();
    assert!(matches!(session.keep_alive(lease), Err(SessionError::NoHistory)));
    assert!(session.is_restored && session.lease.is_none());
    world.now.set(lease.valid_until);
    assert!(matches!(session.keep_alive(lease), Err(SessionError::LeaseGone)));
}
