//! In step with etcd: full syncs, changes, and histories that do not go on.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use super::newborn;
use super::world::{Fate, LEASE_TTL, ROUND_TRIP, Store, World, delete, newborn_resolving, put};
use crate::etcd::{ErrorKind, Event, LeaseId, ResponseHeader, WatchReply};

const SECOND: Duration = Duration::from_secs(1);

/// The revision after the ticket and the claim.
const CLAIMED: i64 = 2;
/// The lease of the only node.
const OWN: LeaseId = LeaseId(1);

fn reply(events: Vec<Event>, complete: bool) -> WatchReply {
    WatchReply { header: ResponseHeader::default(), range: 0, events, complete }
}

/// Takes note of what a watch told.
fn store(world: &World, event: &Event, revision: i64) {
    let mut store = world.store.borrow_mut();
    store.keys.insert(event.kv.key.clone(), event.kv.clone());
    store.revision = revision;
    store.entries = 100;
}

#[test]
fn a_full_sync_that_takes_longer_than_the_lease_keeps_it_alive() {
    let (world, session) = newborn(1);
    for number in 10..20_010 {
        let put = put(&format!("w{number}.tf.local."), 1, LeaseId(0));
        world.store.borrow_mut().keys.insert(put.kv.key.clone(), put.kv);
    }
    world.changes.borrow_mut().push_back((60 * SECOND, Err(ErrorKind::WatchEnded)));
    let mut seen = 0;
    world.follow(move |world, name| match name {
        "range" if world.age() < 60 * SECOND => Fate::Answered(ROUND_TRIP),
        "range" if seen == 0 => {
            // Something changed, and the history that is known is compacted away.
            world.store.borrow_mut().keys.remove(&b"w10.tf.local."[..]);
            seen += 1;
            Fate::Answered(ROUND_TRIP)
        }
        "range" if seen == 1 => {
            seen += 1;
            Fate::Failed(ErrorKind::Rejected(11))
        }
        "range" => Fate::Answered(3 * SECOND / 2),
        _ => Fate::Answered(ROUND_TRIP),
    });
    world.stop_at.set(world.began + 120 * SECOND);
    session.run();
    let [_, end] = world.times("FullSync")[..] else { panic!("{:?}", world.times("FullSync")) };
    assert!(end > 60 * SECOND + LEASE_TTL, "{end:?}");
    let kept = world.times("keep-alive");
    let longest = kept.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
    assert!(longest < LEASE_TTL * 3 / 5, "{longest:?} without a keep-alive: {kept:?}");
}

#[test]
fn what_changes_make_necessary_is_tried_again_and_the_changes_are_not() {
    let (world, session) = newborn(1);
    // A claim that was held up, and a name that came and went.
    let late = put("w2.tf.local.", CLAIMED + 1, OWN);
    let events = vec![
        late.clone(),
        put("w5.tf.local.", CLAIMED + 2, LeaseId(9)),
        delete("w5.tf.local.", CLAIMED + 3),
    ];
    world.changes.borrow_mut().push_back((60 * SECOND, Ok(reply(events, true))));
    let mut failures = 2;
    world.follow(move |world, name| {
        if name == "txn" && world.age() >= 60 * SECOND && failures > 0 {
            store(world, &late, CLAIMED + 3);
            failures -= 1;
            return Fate::RequestLost;
        } else if name == "txn" && world.age() >= 60 * SECOND {
            let given_back = vec![delete("w2.tf.local.", CLAIMED + 4)];
            world.changes.borrow_mut().push_back((world.age(), Ok(reply(given_back, true))));
        }
        Fate::Answered(ROUND_TRIP)
    });
    world.stop_at.set(world.began + 120 * SECOND);
    let names = world.clone();
    session.run();
    assert_eq!(world.times("watch from [3]").len(), 1);
    assert_eq!(world.times("watch from [6]").len(), 1);
    assert!(world.times("revoke")[0] >= 120 * SECOND);
    let late_claim =
        names.log.borrow().iter().filter(|(at, what)| *at >= 60 * SECOND && what == "txn").count();
    assert_eq!(late_claim, 3);
    assert_eq!(world.times("FullSync").len(), 1);
}

#[test]
fn of_a_reply_in_fragments_what_is_whole_is_not_asked_for_again() {
    let (world, session) = newborn(1);
    let first = put("w5.tf.local.", CLAIMED + 1, LeaseId(9));
    let fragment = vec![first.clone(), put("w6.tf.local.", CLAIMED + 2, LeaseId(9))];
    world.changes.borrow_mut().extend([
        (60 * SECOND, Ok(reply(fragment, false))),
        (60 * SECOND, Err(ErrorKind::WatchEnded)),
    ]);
    world.follow(move |world, _| {
        if world.age() >= 60 * SECOND {
            store(world, &first, CLAIMED + 2);
        }
        Fate::Answered(ROUND_TRIP)
    });
    world.stop_at.set(world.began + 90 * SECOND);
    session.run();
    assert_eq!(world.times("watch from [4]").len(), 1);
}

#[test]
fn of_several_ranges_the_past_is_not_told_to_others_before_all_of_it_has_come() {
    let (world, session) = newborn_resolving(1, &["db.tf.local."]);
    world.directory.borrow_mut().keep_journal();
    // While nobody watches, both change; etcd tells of the one and then of the other.
    let (db, slot) = (put("db.tf.local.", 5, LeaseId(0)), put("w3.tf.local.", 8, LeaseId(9)));
    let (of_slots, of_db) = (reply(vec![slot.clone()], true), reply(vec![db.clone()], true));
    world.changes.borrow_mut().extend([
        (60 * SECOND, Err(ErrorKind::WatchEnded)),
        (63 * SECOND, Ok(of_slots)),
        (65 * SECOND, Ok(WatchReply { range: 1, ..of_db })),
        // From then on a range tells what there is of all.
        (67 * SECOND, Ok(reply(vec![put("w2.tf.local.", 9, LeaseId(8))], true))),
    ]);
    let revisions = Rc::new(RefCell::new(Vec::new()));
    for at in [62, 64, 66, 68] {
        let revisions = revisions.clone();
        world.at(at * SECOND, move |world| {
            let directory = world.directory.borrow();
            let revision = directory.revision();
            let is_known = directory.changed_since(revision, usize::MAX).is_some();
            revisions.borrow_mut().push((revision, is_known));
        });
    }
    world.follow(move |world, _| {
        if world.age() >= 60 * SECOND {
            store(world, &db, 8);
            store(world, &slot, 8);
        }
        Fate::Answered(ROUND_TRIP)
    });
    world.stop_at.set(world.began + 70 * SECOND);
    session.run();
    assert_eq!(world.times("watch from [3, 3]").len(), 1, "{:?}", world.log.borrow());
    assert_eq!(revisions.take(), [(CLAIMED, true), (CLAIMED, true), (8, true), (9, true)]);
}

/// What is put into etcd's place once the watch has ended, and whether everything is read anew then.
fn is_read_anew(change: fn(&World), status: fn() -> Fate) -> bool {
    let (world, session) = newborn(1);
    for number in [7, 8, 9] {
        store(&world, &put(&format!("w{number}.tf.local."), 1, LeaseId(0)), 1);
    }
    world.changes.borrow_mut().push_back((60 * SECOND, Err(ErrorKind::WatchEnded)));
    let mut change = Some(change);
    world.follow(move |world, name| {
        if world.age() >= 60 * SECOND {
            if let Some(change) = change.take() {
                change(world);
            }
            if name == "status" {
                return status();
            }
        }
        Fate::Answered(ROUND_TRIP)
    });
    world.stop_at.set(world.began + 90 * SECOND);
    session.run();
    world.times("FullSync").len() > 1
}

#[test]
fn a_history_that_is_not_the_one_that_was_known_is_noticed() {
    let answered = || Fate::Answered(ROUND_TRIP);
    assert!(!is_read_anew(|_| {}, answered), "nothing happened");
    let grow = |world: &World| {
        let mut store = world.store.borrow_mut();
        store.revision += 50;
        store.entries += 50;
    };
    assert!(!is_read_anew(grow, answered), "others write");
    assert!(is_read_anew(|_| {}, || Fate::Failed(ErrorKind::Rejected(7))), "it is not told");
    assert!(
        is_read_anew(|_| {}, || Fate::Failed(ErrorKind::NotJson(404))),
        "there is no such call"
    );
    // The same keys and revisions, but for one that was deleted in the place of another one.
    let restore = |world: &World| {
        let mut store = world.store.borrow_mut();
        store.entries -= 1;
        store.revision += 50;
        store.entries += 50;
    };
    assert!(is_read_anew(restore, answered), "a backup was restored");
    let value = |world: &World| {
        let mut store = world.store.borrow_mut();
        let other = store.keys.get_mut(&b"w7.tf.local."[..]).unwrap();
        other.value = br#"{"ipv4":"10.0.0.99"}"#.to_vec();
    };
    assert!(is_read_anew(value, answered), "another value of the same revision");
    let lease = |world: &World| {
        let mut store = world.store.borrow_mut();
        store.keys.get_mut(&b"w7.tf.local."[..]).unwrap().lease = LeaseId(99);
    };
    assert!(is_read_anew(lease, answered), "on another lease");
}

#[test]
fn the_own_key_is_looked_after_at_every_re_sync() {
    for change in [
        |kv: &mut crate::etcd::KeyValue| kv.lease = LeaseId(99),
        |kv: &mut crate::etcd::KeyValue| kv.mod_revision += 1,
    ] {
        let (world, session) = newborn(1);
        world.changes.borrow_mut().push_back((60 * SECOND, Err(ErrorKind::WatchEnded)));
        let mut change = Some(change);
        world.follow(move |world, _| {
            if world.age() >= 60 * SECOND
                && let Some(change) = change.take()
            {
                change(world.store.borrow_mut().keys.get_mut(&b"w1.tf.local."[..]).unwrap());
            }
            Fate::Answered(ROUND_TRIP)
        });
        world.stop_at.set(world.began + 90 * SECOND);
        session.run();
        let lost = world.times("owns none");
        assert!(lost[0] < 61 * SECOND, "{lost:?}");
    }
}

#[test]
fn a_name_that_was_deleted_does_not_come_back_by_old_news() {
    let (world, session) = newborn(1);
    let (put, delete) =
        (put("w5.tf.local.", CLAIMED + 1, LeaseId(9)), delete("w5.tf.local.", CLAIMED + 2));
    world.changes.borrow_mut().extend([
        (60 * SECOND, Ok(reply(vec![put.clone(), delete], true))),
        (61 * SECOND, Ok(reply(vec![put], true))),
    ]);
    world.follow(|_, _| Fate::Answered(ROUND_TRIP));
    world.stop_at.set(world.began + 62 * SECOND);
    session.run();
    assert!(world.directory.borrow().record(b"w5.tf.local.").is_none());
    assert_eq!(world.directory.borrow().revision(), CLAIMED + 2);
}

#[test]
fn the_revision_moves_with_the_own_claim() {
    let (world, session) = newborn(1);
    world.follow(|_, _| Fate::Answered(ROUND_TRIP));
    world.stop_at.set(world.began + SECOND);
    session.run();
    assert_eq!(world.directory.borrow().revision(), CLAIMED);
}

#[test]
fn another_history_is_noticed_by_a_node_that_claims_a_name_again() {
    for change in [
        |store: &mut Store| store.cluster += 1,
        // Restored, and as many changes as before.
        |store: &mut Store| store.entries = 1,
    ] {
        let (world, session) = newborn(1);
        store(&world, &put("w7.tf.local.", 1, LeaseId(0)), 1);
        let mut taken = put("w1.tf.local.", CLAIMED + 2, LeaseId(99));
        taken.kv.value = br#"{"ipv4":"10.0.0.99"}"#.to_vec();
        let told = Ok(reply(vec![taken.clone()], true));
        world.changes.borrow_mut().push_back((60 * SECOND, told));
        let mut change = Some(change);
        world.follow(move |world, name| {
            if world.age() >= 60 * SECOND
                && name == "txn"
                && let Some(change) = change.take()
            {
                let other = put("w8.tf.local.", 1, LeaseId(0));
                store(world, &taken, CLAIMED + 2);
                let mut store = world.store.borrow_mut();
                store.keys.remove(&b"w7.tf.local."[..]);
                store.keys.insert(other.kv.key.clone(), other.kv);
                change(&mut store);
            }
            Fate::Answered(ROUND_TRIP)
        });
        world.stop_at.set(world.began + 70 * SECOND);
        session.run();
        let names = world.directory.borrow();
        assert!(names.record(b"w7.tf.local.").is_none() && names.record(b"w8.tf.local.").is_some());
    }
}
