//! Claims, where something else happens to names, or to etcd itself.

use std::sync::Arc;
use std::time::Duration;

use super::newborn;
use super::world::{Fate, LEASE_TTL, LIFE, ROUND_TRIP, World, delete, put};
use crate::cluster::{Keyspace, SlotId};
use crate::etcd::{ErrorKind, KeyValue, LeaseId, ResponseHeader, WatchReply};
use crate::node::WhenFull;

const SECOND: Duration = Duration::from_secs(1);

/// Somebody else's.
const OTHER: LeaseId = LeaseId(99);

/// Has a watch tell that somebody else puts something at `w1`, which is to be called before each call.
fn overwritten(world: &World, at: Duration) -> impl FnMut(&World) + 'static {
    let event = put("w1.tf.local.", 10, OTHER);
    let (header, events) = (ResponseHeader::default(), vec![event.clone()]);
    let reply = WatchReply { header, range: 0, events, complete: true };
    world.changes.borrow_mut().push_back((at, Ok(reply)));
    let mut event = Some(event);
    move |world| {
        if world.age() >= at
            && let Some(event) = event.take()
        {
            let mut store = world.store.borrow_mut();
            store.keys.insert(event.kv.key.clone(), event.kv);
            (store.revision, store.entries) = (10, 100);
        }
    }
}

#[test]
fn changes_are_told_by_one_watch_at_a_time() {
    let (world, session) = newborn(1);
    // All other names are taken: who loses its own waits in the queue.
    for slot in 2..=3 {
        let put = put(&format!("w{slot}.tf.local."), 1, OTHER);
        world.store.borrow_mut().keys.insert(put.kv.key.clone(), put.kv);
    }
    world.store.borrow_mut().revision = 1;
    let mut change = overwritten(&world, 30 * SECOND);
    world.follow(move |world, _| {
        change(world);
        Fate::Answered(ROUND_TRIP)
    });
    session.run();
    let mut open = 0_i32;
    let mut begun = 0;
    for (at, what) in world.log.borrow().iter() {
        // A call to watch is logged with its revisions, and by its name.
        begun += i32::from(what == "watch");
        open += i32::from(what == "watch") - i32::from(what == "watch ended");
        assert!((0..=1).contains(&open), "{open} at {at:?}: {:#?}", world.log);
    }
    assert!(begun >= 2, "{:#?}", world.log);
}

#[test]
fn a_name_takes_two_transactions_that_sort_nothing_and_no_read_in_between_where_nobody_writes() {
    let (world, session) = newborn(1);
    for slot in [1, 3] {
        let put = put(&format!("w{slot}.tf.local."), 1, OTHER);
        let kv = KeyValue { value: br#"{"ipv4":"10.0.0.2","port":"53"}"#.to_vec(), ..put.kv };
        world.store.borrow_mut().keys.insert(kv.key.clone(), kv);
    }
    world.store.borrow_mut().revision = 7;
    world.stop_at.set(world.began + SECOND);
    world.follow(|_, _| Fate::Answered(ROUND_TRIP));
    session.run();
    let log = world.log.borrow();
    let calls: Vec<&str> = log.iter().map(|(_, what)| what.as_str()).collect();
    let after = calls.iter().position(|what| *what == "FullSync").expect("a full sync");
    assert_eq!(calls[after..after + 4], ["FullSync", "txn", "txn", "owns 2"], "{calls:?}");
    assert!(!calls.contains(&"sorts"), "{calls:?}");
}

#[test]
fn claims_that_fail_again_and_again_are_not_repeated_as_fast_as_etcd_answers() {
    let (world, mut session) = newborn(1);
    let pattern = session.settings.keyspace.pattern.clone();
    session.settings.keyspace = Arc::new(Keyspace::new(pattern, 1));
    session.settings.when_full = WhenFull::Wait;
    world.stop_at.set(world.began + 60 * SECOND);
    let thief = put("w1.tf.local.", 1, OTHER);
    world.follow(move |world, name| {
        // The name is free whenever it is read, and is not when it is claimed.
        let mut store = world.store.borrow_mut();
        match name {
            "txn" => store.keys.insert(thief.kv.key.clone(), thief.kv.clone()),
            "range" => store.keys.remove(&thief.kv.key),
            _ => None,
        };
        drop(store);
        Fate::Answered(ROUND_TRIP)
    });
    session.run();
    let claims = world.times("txn").len();
    assert!((10..150).contains(&claims), "{claims} in a minute: {:#?}", world.log);
    let kept = world.times("keep-alive");
    assert!(kept.windows(2).all(|pair| pair[1] - pair[0] < LEASE_TTL * 3 / 4), "{kept:?}");
}

#[test]
fn a_ticket_that_another_cluster_took_has_everything_read_anew() {
    for (what, cluster, revision) in [("another cluster", 1, 20), ("an older backup", 0, 2)] {
        let (world, session) = newborn(1);
        let mut change = overwritten(&world, 30 * SECOND);
        let mut transactions = 0;
        world.follow(move |world, name| {
            change(world);
            transactions += u32::from(name == "txn");
            // The first two were its ticket and its claim, the third tries for its old name.
            if name == "txn" && transactions == 4 {
                let mut store = world.store.borrow_mut();
                (store.cluster, store.revision) = (cluster, revision);
                // It holds nothing that is newer than itself.
                store.keys.retain(|_, kv| kv.mod_revision <= revision);
            }
            Fate::Answered(ROUND_TRIP)
        });
        // Nobody's watch here tells of the serial's base, which is written after a restore.
        world.stop_at.set(world.began + 40 * SECOND);
        session.run();
        // The watch here does not tell of the base of the serial, which is written then: there may be more.
        let [_, again, ..] = world.times("FullSync")[..] else {
            panic!("{what}: {:#?}", world.log)
        };
        assert!(again < 32 * SECOND, "{what}: {again:?}");
    }
}

#[test]
fn a_name_that_the_directory_lacks_and_etcd_has_is_not_read_as_fast_as_etcd_answers() {
    let (world, session) = newborn(1);
    world.stop_at.set(world.began + 10 * SECOND);
    // Our addresses, put by who knows whom: it waits for that to end.
    let own = put("w1.tf.local.", 1, OTHER);
    world.store.borrow_mut().keys.insert(own.kv.key.clone(), own.kv);
    world.store.borrow_mut().revision = 1;
    let events = vec![delete("w1.tf.local.", 2)];
    let gone = WatchReply { header: ResponseHeader::default(), range: 0, events, complete: true };
    world.changes.borrow_mut().push_back((SECOND, Ok(gone)));
    world.follow(|world, _| {
        if world.age() >= SECOND {
            world.store.borrow_mut().revision = 2;
        }
        Fate::Answered(ROUND_TRIP)
    });
    session.run();
    let read = world.times("range").len();
    assert!((5..40).contains(&read), "{read} times in 10 s: {:#?}", world.log);
}

#[test]
fn a_name_that_is_remembered_is_tried_first_and_once_and_left_alone_where_it_is_taken() {
    // Whether somebody has it, what is owned then, and transactions: its claim, or that, a ticket and another.
    for (is_taken, wanted, calls) in [(false, "owns 2", 1), (true, "owns 1", 3)] {
        let (world, mut session) = newborn(1);
        world.stop_at.set(world.began + 10 * SECOND);
        session.settings.remembered = SlotId::new(2);
        let mut other = put("w2.tf.local.", 1, OTHER).kv;
        other.value = br#"{"ipv4":"10.9.9.9","port":"53"}"#.to_vec();
        if is_taken {
            let mut store = world.store.borrow_mut();
            store.keys.insert(other.key.clone(), other.clone());
            store.revision = 1;
        }
        world.follow(|_, _| Fate::Answered(ROUND_TRIP));
        session.run();
        assert!(!world.times(wanted).is_empty(), "{:#?}", world.log);
        assert_eq!(world.times("txn").len(), calls, "{:#?}", world.log);
        if is_taken {
            assert_eq!(world.store.borrow().keys.get(&other.key), Some(&other));
        }
    }
}

#[test]
fn a_name_that_is_remembered_is_found_or_tried_again_where_the_reply_to_its_claim_is_lost() {
    for fate in [|| Fate::ReplyLost, || Fate::RequestLost] {
        let (world, mut session) = newborn(1);
        world.stop_at.set(world.began + 15 * SECOND);
        session.settings.remembered = SlotId::new(2);
        let mut is_first = true;
        world.follow(move |_, name| {
            let is_lost = name == "txn" && std::mem::take(&mut is_first);
            if is_lost { fate() } else { Fate::Answered(ROUND_TRIP) }
        });
        session.run();
        assert!(!world.times("owns 2").is_empty(), "{:#?}", world.log);
        assert!(world.times("owns 1").is_empty(), "{:#?}", world.log);
    }
}

#[test]
fn a_newcomer_waits_for_names_with_its_addresses_once_however_many_come() {
    let (world, session) = newborn(1);
    let long_lived = |world: &World, name: &str, revision, lease| {
        let put = put(name, revision, lease);
        let mut store = world.store.borrow_mut();
        store.keys.insert(put.kv.key.clone(), put.kv);
        store.ends.insert(lease, 500 * SECOND);
        (store.revision, store.entries) = (revision, 100);
    };
    long_lived(&world, "w1.tf.local.", 1, OTHER);
    let mut is_later = false;
    world.follow(move |world, name| {
        if name != "txn" || world.age() < 60 * SECOND || is_later {
            return Fate::Answered(ROUND_TRIP);
        }
        is_later = true;
        // Another host with its address takes a name, just when this one is about to.
        long_lived(world, "w2.tf.local.", 2, LeaseId(98));
        Fate::Failed(ErrorKind::Unreachable)
    });
    session.run();
    let times = world.times("owns 3");
    let named = times.first().copied().unwrap_or(LIFE);
    assert!((60 * SECOND..65 * SECOND).contains(&named), "{named:?}: {:#?}", world.log);
}

#[test]
fn a_lease_that_is_denied_to_one_who_waits_is_revoked_before_another_is_waited_with() {
    let (world, mut session) = newborn(1);
    session.settings.when_full = WhenFull::Wait;
    for slot in 1..=3 {
        let mut kv = put(&format!("w{slot}.tf.local."), 1, OTHER).kv;
        kv.value = format!(r#"{{"ipv4":"10.0.1.{slot}"}}"#).into_bytes();
        world.store.borrow_mut().keys.insert(kv.key.clone(), kv);
    }
    world.store.borrow_mut().revision = 1;
    world.follow(|world, name| {
        if name == "keep-alive" && world.age() > 20 * SECOND && world.times("revoke").is_empty() {
            // By a member that is behind, say.
            world.store.borrow_mut().leases[0] = LeaseId(98);
        }
        Fate::Answered(ROUND_TRIP)
    });
    world.stop_at.set(world.began + 60 * SECOND);
    session.run();
    let (granted, revoked) = (world.times("grant"), world.times("revoke"));
    assert_eq!((granted.len(), revoked.len()), (2, 2), "{:#?}", world.log);
    assert!(revoked[0] < granted[1] + SECOND, "{granted:?} {revoked:?}");
}
