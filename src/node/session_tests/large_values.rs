//! Values between the names that are too large to be read with others, or at all.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use super::super::session::Session;
use super::newborn;
use super::world::{FakeEtcd, FakeHost, Fate, ROUND_TRIP, World, put};
use crate::etcd::{ErrorKind, KeyValue, LARGE_VALUE, LeaseId, Pages, Range};

const SECOND: Duration = Duration::from_secs(1);

/// The octets from which a reply is too large here.
const BOUND: usize = 40_000;

/// Puts a key with a value of so many octets.
fn fill(world: &World, number: usize, octets: usize) -> Vec<u8> {
    let kv = put(&format!("w{number:05}.tf.local."), 1, LeaseId(0)).kv;
    let key = kv.key.clone();
    world.store.borrow_mut().keys.insert(key.clone(), KeyValue { value: vec![b'x'; octets], ..kv });
    key
}

/// A world in which nothing is lost, whose replies are bounded.
fn bounded(seed: u64) -> (Rc<World>, Session<FakeHost, FakeEtcd>) {
    let (world, session) = newborn(seed);
    world.follow(|_, _| Fate::Answered(ROUND_TRIP));
    world.too_large.set(BOUND);
    world.store.borrow_mut().revision = 1;
    (world, session)
}

#[test]
fn every_key_is_read_once_and_the_values_that_can_be() {
    let cases: [(usize, &dyn Fn(usize) -> usize); 5] = [
        (3000, &|_| 10),
        (1200, &|number| if number % 100 == 7 { BOUND } else { 10 }),
        (600, &|number| if number < 50 { BOUND / 2 } else { 10 }),
        (60, &|_| BOUND),
        (600, &|number| if number == 599 { 2 * BOUND } else { 0 }),
    ];
    for (case, (keys, size)) in cases.into_iter().enumerate() {
        let (world, mut session) = bounded(1);
        let wanted: BTreeMap<Vec<u8>, usize> =
            (0..keys).map(|number| (fill(&world, number, size(number)), size(number))).collect();
        let mut read = Vec::new();
        let range = Range::new("w", Some(b"x".to_vec()));
        let header = Pages::read_all(&mut session.client, range, |kvs| read.extend(kvs)).unwrap();
        assert_eq!(header.revision, 1);
        assert!(read.is_sorted_by(|one, two| one.key < two.key), "case {case}");
        assert_eq!(read.len(), wanted.len(), "case {case}");
        for kv in &read {
            let octets = wanted[&kv.key];
            let stands = if octets >= BOUND { LARGE_VALUE } else { octets };
            assert_eq!((kv.value.len(), kv.mod_revision), (stands, 1), "case {case}");
        }
        let large = wanted.values().filter(|octets| **octets >= BOUND / 2).count();
        let calls = world.times("range").len();
        println!("case {case}: {calls} replies for {keys} keys, {large} of them large");
        // From one key up to a full page again, and down.
        assert!(calls <= 15 + 20 * large, "{calls} replies");
    }
}

#[test]
fn a_first_value_that_is_too_large_is_asked_for_again_at_the_revision_that_is_read() {
    let (world, mut session) = bounded(1);
    let key = fill(&world, 1, BOUND);
    let changed = key.clone();
    let mut replies = 0;
    world.follow(move |world, _| {
        replies += 1;
        // Before the key alone is asked for, somebody puts something sensible there.
        if replies == 5 {
            world.store.borrow_mut().revision = 2;
            let kv = KeyValue { key: changed.clone(), ..put("w", 2, LeaseId(0)).kv };
            world.store.borrow_mut().keys.insert(changed.clone(), kv);
        }
        Fate::Answered(ROUND_TRIP)
    });
    let mut read = Vec::new();
    let range = Range::new("w", Some(b"x".to_vec()));
    let header = Pages::read_all(&mut session.client, range, |kvs| read.extend(kvs)).unwrap();
    assert_eq!(header.revision, 2);
    let [kv] = &read[..] else { panic!("{read:?}") };
    assert!(kv.key == key && kv.value.starts_with(b"{"), "{kv:?}");
}

#[test]
fn a_slot_with_a_value_that_is_too_large_is_taken_and_the_others_are_named() {
    let (world, session) = bounded(1);
    let large = put("w1.tf.local.", 1, LeaseId(0)).kv;
    let large = KeyValue { value: vec![b'x'; BOUND], ..large };
    world.store.borrow_mut().keys.insert(large.key.clone(), large);
    world.stop_at.set(world.began + 30 * SECOND);
    session.run();
    assert_eq!(world.times("owns 2").len(), world.times("keep-alive").len() + 1);
    assert_eq!(world.times("owns 1").len(), 0);
    assert_eq!(world.directory.borrow().occupied(), 2);
}

#[test]
fn a_change_that_is_too_large_is_passed_by_once() {
    let (world, session) = bounded(1);
    world.changes.borrow_mut().push_back((5 * SECOND, Err(ErrorKind::TooLarge)));
    world.stop_at.set(world.began + 60 * SECOND);
    session.run();
    assert_eq!(world.times("FullSync").len(), 2);
    let watches =
        world.log.borrow().iter().filter(|(_, what)| what.starts_with("watch from")).count();
    assert_eq!(watches, 2, "{:#?}", world.log.borrow());
    assert_eq!(world.times("owns none").len(), 1, "the name is kept");
}

#[test]
fn pages_of_two_histories_make_no_directory() {
    let (world, mut session) = bounded(1);
    let keys: Vec<Vec<u8>> = (0..200).map(|number| fill(&world, number, 10)).collect();
    let mut pages = Pages::new(Range::new("w", Some(b"x".to_vec())));
    assert!(pages.next(&mut session.client).unwrap().is_some());
    // In a backup that is restored now there is another name, and one that was read is not there.
    fill(&world, 1000, 10);
    world.store.borrow_mut().keys.remove(&keys[0]);
    let error = pages.next(&mut session.client).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Malformed);
    assert!(error.to_string().contains("another history"), "{error}");
}
