//! The table of all names, taken from another node, and in etcd the own name alone.

use std::rc::Rc;
use std::time::Duration;

use super::newborn;
use super::world::{
    FakeEtcd, FakeHost, Fate, LEASE_TTL, MAX_LAG, ROUND_TRIP, World, delete, put, told,
};
use crate::cluster::{
    Directory, Drain, Freshness, NodePlace, Record, SlotId, SnapshotBuilder, TransferredChange,
};
use crate::etcd::{ErrorKind, Event, EventKind, LeaseId};
use crate::node::TableState;
use crate::node::session::Session;

const SECOND: Duration = Duration::from_secs(1);

/// The revision after the ticket and the claim of the second name.
const CLAIMED: i64 = 3;
const OWN: LeaseId = LeaseId(1);
const SERVER: &str = r#"asks ["10.0.0.2:53"] for the table"#;
const NOBODY: &str = "asks [] for the table";

/// A name of another node.
fn other(number: u8, revision: i64) -> Event {
    let mut put = put(&format!("w{number}.tf.local."), revision, LeaseId(90 + i64::from(number)));
    let value = format!(r#"{{"ipv4":"10.0.0.{}","port":"53"}}"#, number + 1);
    put.kv.value = value.into_bytes();
    put
}

fn store(world: &World, event: Event) {
    let mut store = world.store.borrow_mut();
    store.revision = store.revision.max(event.kv.mod_revision);
    match event.kind {
        EventKind::Put => _ = store.keys.insert(event.kv.key.clone(), event.kv),
        EventKind::Delete => _ = store.keys.remove(&event.kv.key),
    }
}

/// A node that will own the second name, where the first one's watches.
fn second() -> (Rc<World>, Session<FakeHost, FakeEtcd>) {
    let (world, mut session) = newborn(1);
    session.settings.watchers = 1;
    store(&world, other(1, 1));
    world.follow(|_, _| Fate::Answered(ROUND_TRIP));
    (world, session)
}

fn change(last: u8) -> TransferredChange {
    let ipv4 = Some(Some([10, 0, 0, last].into()));
    TransferredChange { ipv4, port: Some(Some(53)), ..TransferredChange::default() }
}

fn place(number: u32) -> NodePlace {
    NodePlace { slot: SlotId::new(number).expect("not zero"), ..NodePlace::FIRST }
}

/// Lets the table come, with these names and the last octets of their addresses.
fn comes(world: &World, names: &[(u32, u8)], revision: i64) {
    let mut directory = world.directory.borrow_mut();
    let mut snapshot = SnapshotBuilder::new(&directory);
    for (number, last) in names {
        assert!(snapshot.take_transferred(place(*number), &change(*last)));
    }
    while snapshot.forget_unread(100) {}
    directory.replace_transferred(snapshot.finish(), revision, 7);
    prove(world, &mut directory);
}

fn prove(world: &World, directory: &mut Directory) {
    let now = world.now.get();
    directory.mark(Freshness::Synced);
    directory.prove(now);
    world.table.set(TableState::Followed { until: now + MAX_LAG });
}

/// Lets a name of the table change.
fn changes(world: &World, number: u32, change: &TransferredChange, revision: i64) {
    let mut directory = world.directory.borrow_mut();
    directory.change_transferred(place(number), change);
    directory.advance_transferred(revision, 8);
    prove(world, &mut directory);
}

fn freshness(world: &World) -> Freshness {
    world.directory.borrow().freshness()
}

fn has(world: &World, number: u8) -> bool {
    let name = format!("w{number}.tf.local.");
    world.directory.borrow().record(name.as_bytes()).is_some()
}

#[test]
fn a_node_above_the_watchers_takes_the_table_and_follows_its_own_name_alone() {
    let (world, session) = second();
    world.at(2 * SECOND, |world| {
        assert_eq!(freshness(world), Freshness::Stale, "nobody follows it");
        comes(world, &[(1, 2), (2, 1), (3, 4)], 9);
    });
    world.at(299 * SECOND, |world| {
        assert!(has(world, 1) && has(world, 2) && has(world, 3));
        assert_eq!(freshness(world), Freshness::Synced, "that is the host's to say");
    });
    world.stop_at.set(world.began + 300 * SECOND);
    session.run();
    assert_eq!(world.times(SERVER).len(), 1);
    assert_eq!(world.times(NOBODY).len(), 0);
    let watches: Vec<_> = world
        .log
        .borrow()
        .iter()
        .filter(|(_, what)| what.starts_with("watch from"))
        .cloned()
        .collect();
    let own = format!("watch from {:?}", [CLAIMED + 1; 2]);
    assert_eq!(watches.len(), 1, "{watches:?}");
    assert_eq!(watches[0].1, own);
    let log = world.log.borrow();
    let is_call = |what: &str| matches!(what, "range" | "txn" | "watch" | "status" | "grant");
    let asked =
        log.iter().filter(|(at, what)| (SECOND..299 * SECOND).contains(at) && is_call(what));
    let asked = asked.count();
    assert_eq!(asked, 0, "{log:?}");
    assert_eq!(world.times("FullSync").len(), 1);
}

#[test]
fn those_who_watch_do_not_take_the_table() {
    for watchers in [0, 2] {
        let (world, mut session) = second();
        session.settings.watchers = watchers;
        world.stop_at.set(world.began + 60 * SECOND);
        session.run();
        assert!(world.times(SERVER).is_empty(), "{watchers}");
        let whole = format!("watch from [{}]", CLAIMED + 1);
        assert_eq!(world.times(&whole).len(), 1, "{watchers}");
    }
}

#[test]
fn where_nobody_has_the_table_etcd_is_watched_until_one_has() {
    let (world, session) = second();
    world.at(5 * SECOND, |world| world.table.set(TableState::Lost));
    world.at(100 * SECOND, |world| {
        assert_eq!(freshness(world), Freshness::Synced, "etcd is followed");
        assert!(!has(world, 3));
        world.table.set(TableState::Lost);
    });
    world.at(230 * SECOND, |world| {
        // It is tried again by now.
        assert_eq!(world.table.get(), TableState::Awaited);
        comes(world, &[(1, 2), (2, 1), (3, 4)], 9);
    });
    // What a watch tells that was open is not put into the table.
    let late = told(vec![delete("w1.tf.local.", 8)]);
    world.changes.borrow_mut().push_back((230 * SECOND, Ok(late)));
    world.at(299 * SECOND, |world| {
        assert!(has(world, 1) && has(world, 3));
        assert_eq!(freshness(world), Freshness::Synced);
    });
    world.stop_at.set(world.began + 300 * SECOND);
    session.run();
    assert_eq!(world.times("FullSync").len(), 1, "what was known before is followed from there");
    let asked = world.times(SERVER);
    assert!((3..20).contains(&asked.len()), "{asked:?}");
    assert!(asked.iter().all(|at| *at < 230 * SECOND), "{asked:?}");
    let own = format!("watch from {:?}", [CLAIMED + 1; 2]);
    assert_eq!(world.times(&own).len(), 2);
}

/// A node that will own the second name before 39 others that start together with it.
fn one_of_many() -> (Rc<World>, Session<FakeHost, FakeEtcd>) {
    let (world, session) = second();
    let mut transactions = 0;
    world.follow(move |world, name| {
        transactions += u32::from(name == "txn");
        // Its claim: the others have their tickets by now.
        if name == "txn" && transactions == 2 {
            for number in 1..40 {
                let mut ticket = put("w2.tf.local.", 2, LeaseId(500 + number));
                ticket.kv.key = format!("w{{{{.ID}}}}.tf.local.#10.9.0.{number},53").into_bytes();
                store(world, ticket);
            }
        }
        Fate::Answered(ROUND_TRIP)
    });
    (world, session)
}

#[test]
fn where_many_start_the_others_are_named_before_anybody_is_asked_for_the_table() {
    let (world, session) = one_of_many();
    world.stop_at.set(world.began + 20 * SECOND);
    session.run();
    let (named, asked) = (world.times("owns 2")[0], world.times(SERVER)[0]);
    let soon = SECOND..2 * SECOND;
    assert!(named < SECOND / 20 && soon.contains(&asked), "{named:?} {asked:?}");
}

#[test]
fn where_many_start_and_nobody_can_have_a_table_all_names_are_learnt_by_turns_as_ever() {
    let (world, session) = one_of_many();
    world.at(2 * SECOND, |world| {
        assert_eq!(
            (world.table.get(), freshness(world)),
            (TableState::Awaited, Freshness::Incomplete)
        );
        world.table.set(TableState::Hopeless);
    });
    world.at(20 * SECOND, |world| assert_eq!(freshness(world), Freshness::Synced));
    world.stop_at.set(world.began + 21 * SECOND);
    session.run();
    assert_eq!(world.times("FullSync").len(), 1, "what was known is followed from there");
    let given_up = world.times(NOBODY)[0];
    assert!((2 * SECOND..2 * SECOND + SECOND / 2).contains(&given_up), "{given_up:?}");
}

#[test]
fn where_more_start_than_was_guessed_they_are_counted_before_the_table_is_given_up() {
    for (names, gives_up) in [(40, true), (1000, false)] {
        let (world, session) = one_of_many();
        world.at(2 * SECOND, move |world| {
            for number in 3..names {
                store(world, put(&format!("w{number}.tf.local."), 5, LeaseId(9)));
            }
        });
        for second in 2..20 {
            world.at(second * SECOND, |world| world.table.set(TableState::Lost));
        }
        world.stop_at.set(world.began + 20 * SECOND);
        session.run();
        assert_eq!(!world.times(NOBODY).is_empty(), gives_up, "{names} names");
    }
}

#[test]
fn a_table_that_comes_as_the_watch_is_lost_for_good_is_followed() {
    let (world, session) = second();
    world.at(5 * SECOND, |world| world.table.set(TableState::Lost));
    world.at(20 * SECOND, |world| {
        assert_eq!(world.table.get(), TableState::Awaited, "it is tried again");
        comes(world, &[(1, 2), (2, 1), (3, 4)], 9);
    });
    world.changes.borrow_mut().push_back((20 * SECOND, Err(ErrorKind::Compacted(5))));
    world.stop_at.set(world.began + 60 * SECOND);
    session.run();
    let own = format!("watch from {:?}", [CLAIMED + 1; 2]);
    assert_eq!(world.times(&own).len(), 2, "{:?}", world.log.borrow());
}

#[test]
fn where_others_watch_than_before_the_table_is_tried_soon() {
    let (world, session) = second();
    world.at(5 * SECOND, |world| world.table.set(TableState::Lost));
    // It is tried once more, in vain, and would not be for long.
    world.at(20 * SECOND, |world| world.table.set(TableState::Lost));
    let mut restarted = other(1, 12);
    restarted.kv.value = br#"{"ipv4":"10.0.0.2","port":"5353"}"#.to_vec();
    world.changes.borrow_mut().push_back((22 * SECOND, Ok(told(vec![restarted]))));
    world.stop_at.set(world.began + 40 * SECOND);
    session.run();
    let asked = world.times(r#"asks ["10.0.0.2:5353"] for the table"#);
    assert!(asked[0] < 26 * SECOND, "{asked:?}");
}

#[test]
fn contact_with_etcd_may_come_and_go_while_the_table_is_followed() {
    let (world, session) = second();
    world.at(2 * SECOND, |world| comes(world, &[(1, 2), (2, 1), (3, 4)], 9));
    world.changes.borrow_mut().push_back((60 * SECOND, Err(ErrorKind::WatchEnded)));
    world.follow(|world, _| {
        let age = world.age();
        let is_down = age >= 60 * SECOND && age < 68 * SECOND;
        if is_down { Fate::Failed(ErrorKind::Unreachable) } else { Fate::Answered(ROUND_TRIP) }
    });
    for second in 61..80 {
        world.at(second * SECOND, |world| assert_eq!(freshness(world), Freshness::Synced));
    }
    world.stop_at.set(world.began + 90 * SECOND);
    session.run();
    assert_eq!(world.times("FullSync").len(), 1);
    assert_eq!(world.times(SERVER).len(), 1);
    let own = format!("watch from {:?}", [CLAIMED + 1; 2]);
    assert_eq!(world.times(&own).len(), 2, "{:?}", world.log.borrow());
    assert_eq!(world.times("owns none").len(), 1, "at the end");
}

#[test]
fn a_name_that_is_lost_is_claimed_again_by_what_etcd_has() {
    let (world, session) = second();
    world.at(2 * SECOND, |world| comes(world, &[(1, 2), (2, 1), (3, 4)], 9));
    world.at(60 * SECOND, |world| store(world, other(2, 12)));
    world.changes.borrow_mut().push_back((60 * SECOND + ROUND_TRIP, Ok(told(vec![other(2, 12)]))));
    world.at(61 * SECOND, |world| comes(world, &[(1, 2), (2, 3), (3, 1)], 13));
    world.stop_at.set(world.began + 90 * SECOND);
    session.run();
    let lost = world.times("owns none")[0];
    assert!(lost < 61 * SECOND, "{lost:?}");
    let [left] = world.times(NOBODY)[..] else { panic!("{:?}", world.log.borrow()) };
    assert_eq!(world.times("FullSync").len(), 2);
    let named = world.times("owns 3")[0];
    assert!(left < named && named < 61 * SECOND, "{left:?} {named:?}");
    assert_eq!(world.times(SERVER).len(), 2, "the table is taken again");
}

/// When the name is lost, where etcd has another node's record there since 60 s, and the table tells it; and
/// how often etcd was asked from then on, keep-alives aside.
fn silent_watch(tells: impl FnOnce(&World) + 'static, is_in_etcd: bool) -> (Vec<Duration>, usize) {
    let (world, session) = second();
    world.at(2 * SECOND, |world| comes(world, &[(1, 2), (2, 1), (3, 4)], 9));
    world.at(60 * SECOND, move |world| {
        if is_in_etcd {
            store(world, other(2, 12));
        }
        tells(world);
    });
    world.at(70 * SECOND, |world| comes(world, &[(1, 2), (2, 3), (3, 1)], 13));
    world.stop_at.set(world.began + 72 * SECOND);
    session.run();
    let log = world.log.borrow();
    let asked = log.iter().filter(|(at, what)| {
        (60 * SECOND..70 * SECOND).contains(at) && matches!(&what[..], "range" | "txn" | "watch")
    });
    (world.times("owns none"), asked.count())
}

#[test]
fn what_the_table_tells_of_the_own_name_is_heeded_where_the_watch_is_silent() {
    let (lost, _) = silent_watch(|world| changes(world, 2, &change(3), 12), true);
    assert!(lost[0] < 63 * SECOND, "{lost:?}");
    let gone = TransferredChange { ipv4: Some(None), ..TransferredChange::default() };
    let (lost, _) = silent_watch(move |world| changes(world, 2, &gone, 12), true);
    assert!(lost[0] < 63 * SECOND, "{lost:?}");
}

#[test]
fn what_the_table_tells_of_the_own_name_is_looked_at_once_where_it_is_not_so() {
    let (lost, asked) = silent_watch(|world| changes(world, 2, &change(3), 12), false);
    // The own key is read with its drain, and both are watched anew. The watch is ahead of the table then.
    assert_eq!((lost.len(), asked), (1, 2));
    // A table of before the own name was put says nothing of it.
    let (lost, asked) = silent_watch(|world| changes(world, 2, &change(3), CLAIMED - 1), false);
    assert_eq!((lost.len(), asked), (1, 0));
}

#[test]
fn the_drain_of_the_own_name_is_followed_and_read_where_the_watch_was_away() {
    let (world, session) = second();
    world.at(2 * SECOND, |world| comes(world, &[(1, 2), (2, 1), (3, 4)], 9));
    let drain = |revision| Event {
        kind: EventKind::Put,
        kv: crate::etcd::KeyValue {
            value: b"{}".to_vec(),
            ..put("w:2.tf.local.", revision, OWN).kv
        },
    };
    world.changes.borrow_mut().push_back((20 * SECOND, Ok(told(vec![drain(11)]))));
    world.at(20 * SECOND, move |world| store(world, drain(11)));
    let is_drained = |world: &World| {
        let directory = world.directory.borrow();
        directory.own_standing().is_some_and(|own| own.drain == Some(&Drain::default()))
    };
    world.at(21 * SECOND, move |world| assert!(is_drained(world)));
    world.at(30 * SECOND, |world| store(world, delete("w:2.tf.local.", 12)));
    world.changes.borrow_mut().push_back((30 * SECOND, Err(ErrorKind::WatchEnded)));
    world.at(32 * SECOND, move |world| assert!(!is_drained(world)));
    world.stop_at.set(world.began + 40 * SECOND);
    session.run();
    assert_eq!(world.times("owns none").len(), 1);
}

#[test]
fn a_claim_that_came_late_is_found_in_the_table_and_given_back() {
    // One of them reads the own name, which is watched anew.
    for (lease, wanted) in [(OWN, 2), (LeaseId(99), 2)] {
        let (world, session) = second();
        let late = put("w3.tf.local.", 12, lease);
        world.at(2 * SECOND, move |world| {
            store(world, late);
            comes(world, &[(1, 2), (2, 1), (3, 1)], 12);
        });
        // Another name changes now and then.
        for number in 10_u8..20 {
            world.at(u32::from(number) * SECOND, move |world| {
                changes(world, 1, &change(number), i64::from(number) + 10);
            });
        }
        let is_there = lease != OWN;
        world.at(30 * SECOND, move |world| {
            let key = &b"w3.tf.local."[..];
            assert_eq!(world.store.borrow().keys.contains_key(key), is_there);
        });
        world.stop_at.set(world.began + 31 * SECOND);
        session.run();
        let log = world.log.borrow();
        let given_back = log.iter().filter(|(at, what)| *at >= 2 * SECOND && what == "txn").count();
        assert_eq!(given_back, wanted, "{log:?}");
    }
}

#[test]
fn a_table_that_is_found_again_is_followed_on() {
    let (world, session) = second();
    world.at(2 * SECOND, |world| comes(world, &[(1, 2), (2, 1), (3, 4)], 9));
    world.at(30 * SECOND, |world| world.table.set(TableState::Lost));
    world.at(30 * SECOND + 5 * ROUND_TRIP, |world| {
        assert_eq!(world.table.get(), TableState::Awaited, "it is asked for again at once");
        changes(world, 3, &change(9), 10);
    });
    world.stop_at.set(world.began + 60 * SECOND);
    session.run();
    assert_eq!(world.times("FullSync").len(), 1);
    assert_eq!(world.times(SERVER).len(), 2);
    let record: Option<Record> = world.directory.borrow().record(b"w3.tf.local.").copied();
    assert_eq!(record.and_then(|record| record.ipv4), Some([10, 0, 0, 9].into()));
}

#[test]
fn leases_outlast_the_table() {
    let (world, session) = second();
    world.at(2 * SECOND, |world| comes(world, &[(1, 2), (2, 1), (3, 4)], 9));
    world.stop_at.set(world.began + 200 * SECOND);
    session.run();
    let kept = world.times("keep-alive");
    let longest = kept.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
    assert!(longest < LEASE_TTL / 2 + SECOND, "{longest:?}");
}

/// What was asked for the table, and when.
fn asked(world: &World) -> Vec<(Duration, String)> {
    let log = world.log.borrow();
    let asked = log.iter().filter(|(_, what)| what.starts_with("asks"));
    asked.cloned().collect()
}

#[test]
fn where_none_has_the_table_etcd_tells_who_else_may_have_it() {
    let (world, session) = second();
    world.at(2 * SECOND, |world| comes(world, &[(1, 2), (2, 1), (3, 4)], 9));
    world.at(29 * SECOND, |world| {
        let mut moved = other(1, 12);
        moved.kv.value = br#"{"ipv4":"10.0.0.2","port":"5353"}"#.to_vec();
        store(world, moved);
    });
    // Nobody gives up for so long, where there are so many names.
    world.at(30 * SECOND, |world| {
        let mut directory = world.directory.borrow_mut();
        for number in 4..4000 {
            directory.change_transferred(place(number), &change(9));
        }
        drop(directory);
        world.table.set(TableState::Lost);
    });
    for second in 31..46 {
        world.at(second * SECOND, |world| world.table.set(TableState::Lost));
    }
    world.stop_at.set(world.began + 46 * SECOND);
    session.run();
    let asked = asked(&world);
    let moved = r#"asks ["10.0.0.2:5353"] for the table"#;
    let found = asked.iter().find(|(_, what)| what == moved).map(|(at, _)| *at);
    assert!(found.is_some_and(|at| at > 30 * SECOND), "{asked:?}");
}

#[test]
fn whoever_watches_by_now_is_asked_while_the_table_is_followed() {
    let (world, session) = second();
    world.at(2 * SECOND, |world| comes(world, &[(1, 2), (2, 1), (3, 4)], 9));
    world.at(20 * SECOND, |world| {
        changes(world, 1, &TransferredChange { port: Some(Some(5353)), ..change(2) }, 12);
    });
    world.stop_at.set(world.began + 30 * SECOND);
    session.run();
    let asked = asked(&world);
    let [(_, first), (at, second), ..] = &asked[..] else { panic!("{asked:?}") };
    assert_eq!((&first[..], &second[..]), (SERVER, r#"asks ["10.0.0.2:5353"] for the table"#));
    assert!((20 * SECOND..23 * SECOND).contains(at), "{asked:?}");
}

#[test]
fn who_watches_anew_is_tried_after_a_moment_and_as_if_nothing_had_failed() {
    let (world, session) = second();
    for at in [5, 20, 40] {
        world.at(at * SECOND, |world| world.table.set(TableState::Lost));
    }
    let restarted = || {
        let mut restarted = other(1, 12);
        restarted.kv.value = br#"{"ipv4":"10.0.0.2","port":"5353"}"#.to_vec();
        restarted
    };
    world.at(60 * SECOND, move |world| store(world, restarted()));
    world.changes.borrow_mut().push_back((60 * SECOND, Ok(told(vec![restarted()]))));
    // It has no table either.
    world.at(63 * SECOND + SECOND / 2, |world| world.table.set(TableState::Lost));
    world.stop_at.set(world.began + 130 * SECOND);
    session.run();
    let asked = world.times(r#"asks ["10.0.0.2:5353"] for the table"#);
    // Two seconds at most until the change is looked at.
    assert!(asked[0] >= 60 * SECOND + SECOND / 2 && asked[0] < 63 * SECOND, "{asked:?}");
    let again = asked[1] - asked[0];
    assert!(
        again < 20 * SECOND,
        "{again:?}: the first pause of four seconds to eight, and no long one"
    );
}

#[test]
fn the_own_key_and_its_drain_are_watched() {
    let (world, session) = second();
    world.at(2 * SECOND, |world| comes(world, &[(1, 2), (2, 1), (3, 4)], 9));
    world.stop_at.set(world.began + 10 * SECOND);
    session.run();
    let own = format!("watch of {:?}", ["w2.tf.local.", "w:2.tf.local."]);
    assert_eq!(world.times(&own).len(), 1, "{:?}", world.log.borrow());
}

#[test]
fn a_drain_and_a_readiness_that_the_table_alone_tells_are_looked_at() {
    let drained = || TransferredChange { drain: Some(Some(Drain::default())), ..change(1) };
    let unready = || TransferredChange { is_ready: Some(false), ..change(1) };
    for told in [drained(), unready()] {
        let (lost, asked) = silent_watch(move |world| changes(world, 2, &told, 12), false);
        assert_eq!((lost.len(), asked), (1, 2), "once, and the name stays");
    }
    // What stands there is no news.
    let (_, asked) = silent_watch(move |world| changes(world, 2, &change(1), 12), false);
    assert_eq!(asked, 0);
}

#[test]
fn without_etcd_nobody_gives_the_table_up() {
    let (world, session) = second();
    world.at(2 * SECOND, |world| comes(world, &[(1, 2), (2, 1), (3, 4)], 9));
    world.at(30 * SECOND, |world| world.table.set(TableState::Lost));
    world.changes.borrow_mut().push_back((30 * SECOND, Err(ErrorKind::WatchEnded)));
    world.follow(|world, _| {
        let is_down = (30 * SECOND..40 * SECOND).contains(&world.age());
        if is_down { Fate::Failed(ErrorKind::Unreachable) } else { Fate::Answered(ROUND_TRIP) }
    });
    world.at(40 * SECOND + ROUND_TRIP, |world| changes(world, 3, &change(9), 10));
    world.stop_at.set(world.began + 60 * SECOND);
    session.run();
    assert_eq!(world.times("FullSync").len(), 1, "{:?}", world.log.borrow());
    assert_eq!(world.times(NOBODY).len(), 0);
}
