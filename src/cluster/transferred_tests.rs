use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::cluster::testing::Chance;
use crate::cluster::{Entry, Freshness, Keyspace, Names, Pattern, SlotId};

fn directory() -> Directory {
    let pattern = Pattern::parse("worker{{.ID}}.tf.local.", 40).expect("a good pattern");
    let resolve = vec![Names::parse("db.tf.local.", 40).expect("a name")];
    Directory::new(Arc::new(Keyspace { resolve, ..Keyspace::new(pattern, 40) }))
}

fn place(number: u32) -> NodePlace {
    NodePlace { range: 0, slot: SlotId::new(number).expect("not 0") }
}

fn any_change(chance: &mut Chance) -> TransferredChange {
    let last = chance.below(3) as u8;
    let mut change = TransferredChange::default();
    let mut field = |most: u32| (chance.below(3), chance.below(most));
    match field(4) {
        (0, _) => {}
        (_, 0) => change.ipv4 = Some(None),
        _ => change.ipv4 = Some(Some([10, 0, 0, last].into())),
    }
    match field(4) {
        (0, _) => {}
        (_, 0 | 1) => change.ipv6 = Some(None),
        _ => change.ipv6 = Some(Some([0xfd00, 0, 0, 0, 0, 0, 0, u16::from(last)].into())),
    }
    match field(3) {
        (0, _) => {}
        (_, 0) => change.port = Some(None),
        _ => change.port = Some(Some(53)),
    }
    match field(2) {
        (0, is_ready) => change.is_ready = Some(is_ready == 0),
        (1, 0) => change.drain = Some(None),
        (1, _) => change.drain = Some(Some(Drain { reason: "disk".parse().ok() })),
        _ => {}
    }
    if chance.below(4) == 0 {
        let key = ["http/tcp", "rack", "revision"][chance.below(3) as usize];
        let text = (chance.below(3) > 0).then(|| chance.below(9).to_string());
        change.details.insert(key.to_owned(), text);
    }
    change
}

/// What the directory has of all names, and that what is counted and listed is the same.
fn check(directory: &Directory, model: &BTreeMap<NodePlace, PublishedNode>) {
    let known: BTreeMap<NodePlace, PublishedNode> = directory
        .nodes_from(NodePlace::FIRST)
        .map(|(place, _, record)| {
            let standing = directory.standing(place);
            let drain = standing.drain.cloned().map(Arc::new);
            let details = directory.ranges()[place.range].details(place.slot).cloned();
            let (record, is_ready) = (*record, standing.is_ready);
            (place, PublishedNode { record, is_ready, drain, details })
        })
        .collect();
    assert_eq!(&known, model);
    let in_group = |node: &&PublishedNode| node.is_ready && node.drain.is_none();
    assert_eq!(directory.grouped(), model.values().filter(in_group).count());
    let group = directory.group(b"worker.tf.local.").expect("a group");
    for node in model.values() {
        let Some(ip) = node.record.ipv4 else { continue };
        let is_told = model.values().filter(in_group).any(|other| other.record.ipv4 == Some(ip));
        assert_eq!(group.ipv4().contains(&ip.octets()), is_told);
        assert!(directory.names_of(ip.into()).is_some());
    }
}

#[test]
fn after_any_changes_and_readings_it_is_what_a_map_is() {
    let mut chance = Chance(5);
    let mut directory = directory();
    let mut model: BTreeMap<NodePlace, PublishedNode> = BTreeMap::new();
    for round in 1..400 {
        if round % 4 == 0 {
            // Everything anew, in which some names are missing, and some come in parts.
            let mut snapshot = SnapshotBuilder::new(&directory);
            model.clear();
            for number in 1..=50 {
                let place = place(number);
                for _ in 0..chance.below(3) {
                    let change = any_change(&mut chance);
                    let wanted = change.applied_to(model.get(&place).cloned());
                    assert_eq!(snapshot.take_transferred(place, &change), wanted.is_some());
                    if let Some(node) = wanted {
                        model.insert(place, node);
                    }
                }
            }
            assert_eq!(snapshot.names_read(), model.len());
            directory.replace_transferred(snapshot.finish(), round, 7);
        }
        for _ in 0..20 {
            let (place, change) = (place(1 + chance.below(50)), any_change(&mut chance));
            let before = directory.changes();
            directory.change_transferred(place, &change);
            let old = model.remove(&place);
            let node = change.applied_to(old.clone());
            assert_eq!(directory.changes() - before, u64::from(old != node), "{change:?}");
            model.extend(node.map(|node| (place, node)));
        }
        check(&directory, &model);
    }
}

#[test]
fn the_own_name_is_left_to_this_node_and_etcd_is_believed_of_it() {
    let mut directory = directory();
    let theirs = TransferredChange {
        ipv4: Some(Some([10, 0, 0, 9].into())),
        ..TransferredChange::default()
    };
    directory.change_transferred(place(7), &theirs);
    directory.set_own(SlotId::new(7));
    let value = br#"{"ipv4":"10.0.0.7"}"#;
    let put =
        |key, value, mod_revision| Entry { key, value: Some(value), mod_revision, fingerprint: 8 };
    directory.apply(0, put(b"worker7.tf.local.", value, 3));
    directory.apply(0, put(b"worker:7.tf.local.", b"{}", 4));
    let own = directory.own_standing().expect("a name").drain.cloned();
    assert_eq!(own, Some(Drain::default()), "what etcd tells later counts, drains included");

    directory.change_transferred(place(7), &theirs);
    let mut snapshot = SnapshotBuilder::new(&directory);
    assert!(snapshot.take_transferred(place(7), &theirs));
    assert!(snapshot.take_transferred(place(8), &theirs));
    directory.replace_transferred(snapshot.finish(), 9, 7);
    assert_eq!((directory.freshness(), directory.serial()), (Freshness::Synced, 7));
    let record = directory.record(b"worker7.tf.local.").and_then(|record| record.ipv4);
    assert_eq!(record, Some([10, 0, 0, 7].into()));
    assert_eq!(directory.own_standing().expect("a name").drain.cloned(), own);
    assert_eq!((directory.named(), directory.grouped()), (2, 1));

    // A zone that does not have it yet takes nothing away.
    let snapshot = SnapshotBuilder::new(&directory);
    directory.replace_transferred(snapshot.finish(), 10, 8);
    assert!(directory.records().map(|(name, _)| name).eq(["worker7.tf.local."]));
    // It goes with its owner.
    directory.apply(0, Entry { value: None, ..put(b"worker7.tf.local.", b"", 11) });
    assert!(directory.is_empty());
}

#[test]
fn an_own_put_counts_even_where_etcd_had_got_further_before_it_was_restored() {
    let mut directory = directory();
    directory.keep_journal();
    let key = &b"worker1.tf.local."[..];
    let put = |mod_revision, value: &'static str| Entry {
        key,
        value: Some(value.as_bytes()),
        mod_revision,
        fingerprint: 0,
    };
    directory.apply(0, put(46, r#"{"ipv4":"10.0.0.1"}"#));
    directory.advance(46);
    let later = put(34, r#"{"ipv4":"10.0.0.2"}"#);
    assert_eq!(directory.apply(0, later), Applied::Ignored, "it is older than what is known");
    assert_eq!(directory.read_own(later), Applied::Changed);
    let record = directory.record(b"worker1.tf.local.").copied();
    assert_eq!(record.and_then(|record| record.ipv4), Some([10, 0, 0, 2].into()));
    assert_eq!(directory.changed_since(46, usize::MAX), None, "what changed is not certain");
    let (first, mut restored) = (place(1), directory.emptied());
    restored.keep_journal();
    restored.advance(33);
    restored.apply(0, put(46, r#"{"ipv4":"10.0.0.1"}"#));
    restored.read_own(later);
    restored.advance(34);
    let copy = restored.at_revision().expect("known");
    let address = copy.published(first).and_then(|node| node.record.ipv4);
    assert_eq!(address, Some([10, 0, 0, 2].into()), "no put that is undone is still to come");
}

#[test]
fn a_name_that_is_lost_by_an_old_change_is_what_was_told_of_it_since() {
    let mut directory = directory();
    directory.set_own(SlotId::new(7));
    let value = br#"{"ipv4":"10.0.0.7"}"#;
    let entry = |value, mod_revision| Entry {
        key: b"worker7.tf.local.",
        value,
        mod_revision,
        fingerprint: 8,
    };
    directory.apply(0, entry(Some(value), 3));
    let theirs = TransferredChange {
        ipv4: Some(Some([10, 0, 0, 9].into())),
        ..TransferredChange::default()
    };
    let mut snapshot = SnapshotBuilder::new(&directory);
    assert!(snapshot.take_transferred(place(7), &theirs));
    directory.replace_transferred(snapshot.finish(), 9, 7);
    assert_eq!(directory.own_version(), SlotId::new(7).map(|own| (own, 3)));
    assert!(!directory.is_own_as_told());
    // Its own watch is late: this was before the other one had it.
    directory.apply(0, entry(None, 5));
    directory.set_own(None);
    let record = directory.record(b"worker7.tf.local.").and_then(|record| record.ipv4);
    assert_eq!(record, Some([10, 0, 0, 9].into()));
    assert_eq!(directory.named(), 1);
}

#[test]
fn changes_that_follow_each_other_are_as_good_as_one() {
    let mut chance = Chance(6);
    for _ in 0..2000 {
        let (first, later) = (any_change(&mut chance), any_change(&mut chance));
        let base = any_change(&mut chance).applied_to(None);
        let mut both = first.clone();
        both.follow_up(later.clone());
        // A node that is away in between comes back with nothing: nobody tells of it as a change.
        if let Some(between) = first.applied_to(base.clone()) {
            assert_eq!(both.applied_to(base), later.applied_to(Some(between)));
        }
    }
}
