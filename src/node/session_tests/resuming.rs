//! All names read by attempts that fail: the next one goes on, unless that could put two histories together.

use std::rc::Rc;

use super::super::session::Session;
use super::newborn;
use super::world::{FakeEtcd, FakeHost, Fate, LEASE_TTL, ROUND_TRIP, World, put};
use crate::etcd::{ErrorKind, KeyValue, LeaseId};

type Node = Session<FakeHost, FakeEtcd>;

/// Names that take four pages, each larger than the one before: 50, 800, 1000 and the rest.
const NAMES: usize = 2600;
const PAGES: usize = 4;

/// The page that is lost; the first is 1.
const LOST: usize = 3;

/// A newcomer, and names of others that were put at this revision.
fn newcomer(names: usize) -> (Rc<World>, Node) {
    let (world, session) = newborn(1);
    world.follow(|_, _| Fate::Answered(ROUND_TRIP));
    world.store.borrow_mut().revision = 7;
    (0..names).for_each(|number| insert(&world, number, "10.0.0.9"));
    (world, session)
}

fn insert(world: &World, number: usize, address: &str) {
    let kv = put(&format!("w{}.tf.local.", 1000 + number), 7, LeaseId(90)).kv;
    let value = format!(r#"{{"ipv4":"{address}","port":"53"}}"#).into_bytes();
    let kv = KeyValue { value, ..kv };
    world.store.borrow_mut().keys.insert(kv.key.clone(), kv);
}

/// Lets calls be answered, and the one of this number fail.
fn fail(world: &World, name: &'static str, number: usize, with: fn() -> Fate) {
    let mut calls = 0;
    world.follow(move |_, call| {
        calls += usize::from(call == name);
        if call == name && calls == number { with() } else { Fate::Answered(ROUND_TRIP) }
    });
}

fn count(world: &World, calls: [&str; 4]) -> [usize; 4] {
    calls.map(|call| world.times(call).len())
}

const CALLS: [&str; 4] = ["status", "grant", "keep-alive", "range"];

#[test]
fn a_page_that_is_lost_is_read_again_and_no_other() {
    // One that is late is asked for with fewer keys: etcd may need longer for so many than is waited.
    let losses: [(fn() -> Fate, usize); 5] = [
        (|| Fate::RequestLost, 2),
        (|| Fate::ReplyLost, 2),
        (|| Fate::Failed(ErrorKind::CutOff), 1),
        (|| Fate::Failed(ErrorKind::Unreachable), 1),
        (|| Fate::Failed(ErrorKind::Rejected(14)), 1),
    ];
    for (loss, more) in losses {
        let (world, mut session) = newcomer(NAMES);
        fail(&world, "range", LOST, loss);
        session.sync().expect_err("a page that is lost");
        // Others go on meanwhile, and what is read is as of the grant.
        world.store.borrow_mut().revision += 1;
        world.store.borrow_mut().entries += 1;
        assert_eq!(world.directory.borrow().len(), 0, "the directory is as it was");
        session.sync().expect("an answer");
        // The witness is asked for once more.
        assert_eq!(count(&world, CALLS), [0, 1, 1, PAGES + more]);
        assert_eq!(world.directory.borrow().len(), NAMES);
        assert_eq!(session.history.as_ref().map(|history| history.latest()), Some(7));
        assert!(session.under_way.is_none());
        assert!(session.open_watch(None).is_ok());
    }
}

#[test]
fn what_was_read_is_dropped_where_it_may_be_of_another_history() {
    type Row = (&'static str, fn(&World, &mut Node));
    let table: [Row; 4] = [
        ("the witness is gone, as after a restore", |world, _| {
            world.store.borrow_mut().leases.clear();
        }),
        ("the time of the witness is over", |world, _| {
            world.now.set(world.now.get() + LEASE_TTL);
        }),
        ("there is no witness", |_, session| session.witness = None),
        ("another cluster answers", |world, _| world.store.borrow_mut().cluster += 1),
    ];
    for (what, change) in table {
        let (world, mut session) = newcomer(NAMES);
        fail(&world, "range", LOST, || Fate::RequestLost);
        session.sync().expect_err("a page that is lost");
        // A backup with the same names, of others.
        (0..NAMES).for_each(|number| insert(&world, number, "10.0.0.77"));
        change(&world, &mut session);
        for _ in 0..3 {
            if session.sync().is_ok() {
                break;
            }
        }
        let directory = world.directory.borrow();
        assert_eq!(directory.len(), NAMES, "{what}");
        let former = "10.0.0.9".parse().expect("an address");
        assert!(directory.names_of(former).is_none(), "{what}: pages of two histories");
        assert_eq!(world.times("grant").len(), 2, "{what}");
    }
}

#[test]
fn what_cannot_be_gone_on_with_is_read_anew() {
    // No reply of that kind is a page of the history that is read, and no such page comes by itself.
    let kinds = [
        ErrorKind::Malformed,
        ErrorKind::Rejected(11),
        ErrorKind::Rejected(7),
        ErrorKind::TooLarge,
    ];
    for kind in kinds {
        let (world, mut session) = newcomer(NAMES);
        let mut calls = 0;
        world.follow(move |_, call| {
            calls += usize::from(call == "range");
            let is_lost = call == "range" && (LOST..LOST + 9).contains(&calls);
            if is_lost { Fate::Failed(kind) } else { Fate::Answered(ROUND_TRIP) }
        });
        session.sync().expect_err("a failure");
        assert!(session.under_way.is_none(), "{kind:?}");
        if kind == ErrorKind::TooLarge {
            assert!(world.times("range").len() > LOST, "fewer keys are asked for");
        }
    }
}

#[test]
fn a_page_that_never_comes_is_not_tried_for_ever() {
    let (world, mut session) = newcomer(NAMES);
    let mut calls = 0;
    world.follow(move |world, call| {
        calls += usize::from(call == "range");
        let is_first = world.times("grant").len() < 2;
        if call == "range" && calls >= LOST && is_first {
            Fate::Failed(ErrorKind::Unreachable)
        } else {
            Fate::Answered(ROUND_TRIP)
        }
    });
    let attempts = (1..30).find(|_| session.sync().is_ok()).expect("an end");
    assert!((3..15).contains(&attempts), "{attempts}");
    assert_eq!(world.times("grant").len(), 2);
    assert_eq!(world.directory.borrow().len(), NAMES);
}
