use std::collections::BTreeMap;

use super::*;
use crate::cluster::testing::Chance;
use crate::cluster::{AddressNames, Freshness, Names, Pattern, Record};

/// Keys, with the value and the revision of each.
type Keys = BTreeMap<String, (String, i64)>;

fn directory(limit: u32) -> Directory {
    let pattern = Pattern::parse("worker{{.ID}}.tf.", limit).expect("a good pattern");
    let resolve = vec![Names::parse("db.tf.", limit).expect("a name")];
    Directory::new(Arc::new(Keyspace { resolve, ..Keyspace::new(pattern, limit) }))
}

fn entry<'a>(key: &'a str, value: Option<&'a str>, mod_revision: i64) -> Entry<'a> {
    Entry { key: key.as_bytes(), value: value.map(str::as_bytes), mod_revision, fingerprint: 0 }
}

/// A key and a value: few of both, so that keys change and go, and addresses are shared.
fn draw(chance: &mut Chance) -> (String, String) {
    let key = match chance.below(20) {
        0 => "db.tf.".to_owned(),
        1 => format!("worker{}-x.tf.", 1 + chance.below(3)),
        _ => format!("worker{}.tf.", 1 + chance.below(200)),
    };
    let address = chance.below(150);
    let value = match chance.below(10) {
        0 => "no record".to_owned(),
        1 => format!(r#"{{"ipv6":"fd00::{address:x}"}}"#),
        2 => format!(r#"{{"ipv4":"10.0.0.{address}","ipv6":"fd00::{address:x}","port":"53"}}"#),
        _ => format!(r#"{{"ipv4":"10.0.0.{address}","port":"53"}}"#),
    };
    (key, value)
}

fn range_of(key: &str) -> usize {
    usize::from(key == "db.tf.")
}

/// Whether a directory tells what one does that has read these keys and nothing else.
fn assert_is(told: &Directory, keys: &Keys, limit: u32) {
    let mut fresh = directory(limit);
    for (key, (value, revision)) in keys {
        fresh.apply(range_of(key), entry(key, Some(value), *revision));
    }
    assert_eq!((told.len(), told.named()), (fresh.len(), fresh.named()));
    assert!(told.slots().eq(fresh.slots()));
    assert!(told.records().eq(fresh.records()));
    let digests = |directory: &Directory| [0, 1].map(|range| directory.digest(range, i64::MAX));
    assert_eq!(digests(told), digests(&fresh));
    fn sorted<const N: usize>(addresses: &[[u8; N]]) -> Vec<[u8; N]> {
        let mut addresses = addresses.to_vec();
        addresses.sort_unstable();
        addresses
    }
    let group = |directory: &Directory| {
        let group = directory.group(b"worker.tf.").expect("the group");
        (sorted(group.ipv4()), sorted(group.ipv6()), group.with_port().collect::<Vec<_>>())
    };
    assert_eq!(group(told), group(&fresh));
    let addresses = |record: &Record| [record.ipv4.map(Into::into), record.ipv6.map(Into::into)];
    for address in fresh.records().flat_map(|(_, record)| addresses(record)).flatten() {
        let names = |directory: &Directory| -> Vec<String> {
            let found = directory.names_of(address).into_iter().flat_map(AddressNames::iter);
            found.map(|(names, slot)| names.name(slot)).collect()
        };
        assert_eq!(names(told), names(&fresh), "{address}");
    }
    for record in told.slots().filter_map(|(_, record)| record) {
        let same = told.slots().filter(|(_, other)| *other == Some(record));
        let has_address = record.ipv4.is_some() || record.ipv6.is_some();
        let same = same.map(|(slot, _)| slot).filter(|_| has_address);
        assert!(told.slots_with(record).eq(same), "{record:?}");
    }
}

#[test]
fn it_is_the_snapshot_whatever_the_old_one_knew_or_learns_meanwhile() {
    let mut chance = Chance(5);
    // Slots beside and above the limit.
    let limit = 120;
    let mut directory = directory(limit);
    let mut known = Keys::new();
    for round in 0..60 {
        // What etcd has now: most is as it was, but in another history, where revisions may be lower.
        let mut wanted = known.clone();
        for _ in 0..chance.below(1 + [0, 3, 300][round % 3]) {
            let (key, value) = draw(&mut chance);
            match chance.below(3) {
                0 => _ = wanted.remove(&key),
                _ => _ = wanted.insert(key, (value, i64::from(chance.below(1000)))),
            }
        }
        let mut snapshot = SnapshotBuilder::new(&directory);
        for (key, (value, revision)) in &wanted {
            snapshot.apply(range_of(key), entry(key, Some(value), *revision));
            if chance.below(4) == 0 {
                // It answers, and hears of changes.
                let (key, value) = draw(&mut chance);
                let revision = 1000 + 100 * round as i64;
                let value = Some(value).filter(|_| chance.below(3) > 0);
                directory.apply(range_of(&key), entry(&key, value.as_deref(), revision));
                match value {
                    Some(_) if known.get(&key).is_some_and(|(_, known)| *known >= revision) => {}
                    Some(value) => _ = known.insert(key, (value, revision)),
                    None if known.get(&key).is_some_and(|(_, known)| *known >= revision) => {}
                    None => _ = known.remove(&key),
                }
            }
        }
        for _ in 0..chance.below(4) {
            snapshot.forget_unread(1 + chance.below(50) as usize);
        }
        assert_is(&directory, &known, limit);
        let old = directory.replace(snapshot.finish(), 7);
        assert_is(&old, &known, limit);
        assert_eq!((directory.revision(), directory.freshness()), (7, Freshness::Synced));
        known = wanted;
        assert_is(&directory, &known, limit);
    }
}

#[test]
fn names_that_are_gone_are_forgotten_a_few_at_a_time() {
    let mut directory = directory(300);
    for slot in 1..=300 {
        let key = format!("worker{slot}.tf.");
        directory.apply(0, entry(&key, Some(r#"{"ipv4":"10.0.0.1"}"#), 1));
    }
    let mut snapshot = SnapshotBuilder::new(&directory);
    snapshot.apply(0, entry("worker7.tf.", Some(r#"{"ipv4":"10.0.0.1"}"#), 1));
    let slots = |snapshot: &SnapshotBuilder| snapshot.ranges[0].slots.occupied;
    assert!(snapshot.forget_unread(100));
    assert_eq!(slots(&snapshot), 201);
    while snapshot.forget_unread(100) {}
    assert_eq!((slots(&snapshot), directory.len()), (1, 300));
}
