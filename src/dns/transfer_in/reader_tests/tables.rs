//! Random tables, and random ways from one to the next, are read as they are.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::cluster::testing::Chance;
use crate::cluster::{Directory, Drain, SlotId};
use crate::dns::reply::push_text;
use crate::dns::standing_text;
use crate::dns::transfer_in::{ChangeSet, WholeTable};

/// A node as a model: which addresses, port, and standing, each by a small number; 0: none.
type Node = [u32; 5];

type Table = BTreeMap<String, Node>;

fn any_table(chance: &mut Chance) -> Table {
    let mut table = Table::new();
    for number in 1..=24 {
        for name in [format!("worker{number}.tf.local."), format!("ps{number}.tf.local.")] {
            if chance.below(3) > 0 {
                table.insert(name, any_node(chance));
            }
        }
    }
    table
}

fn any_node(chance: &mut Chance) -> Node {
    let node = [3, 3, 3, 2, 4].map(|most| chance.below(most));
    if node[..2] == [0, 0] { [1, 0, node[2], node[3], node[4]] } else { node }
}

fn drain(number: u32) -> Option<Drain> {
    let reason = ["", "", "disk", "a; b=c"][number as usize];
    (number > 0).then(|| Drain { reason: reason.parse().ok() })
}

/// The records of a table, those of groups and of others' names included.
fn records(table: &Table) -> BTreeSet<Record> {
    let mut records = BTreeSet::from([
        Record { owner: ZONE.into(), rrtype: rrtype::NS, data: writer::wire("worker.tf.local.") },
        writer::a("other.tf.local.", 9),
        writer::a("x1.a.tf.local.", 9),
        writer::a("db.b.", 9),
        writer::a("worker01.tf.local.", 9),
    ]);
    for (name, [ipv4, ipv6, port, unready, drained]) in table {
        let mut push = |owner: &str, rrtype, data| {
            records.insert(Record { owner: owner.to_owned(), rrtype, data });
        };
        let mut text = |text: &str| {
            let mut data = Vec::new();
            push_text(text, &mut data);
            push(name, rrtype::TXT, data);
        };
        let drain = drain(*drained);
        let standing = crate::cluster::Standing { is_ready: *unready == 0, drain: drain.as_ref() };
        standing_text::texts(&standing).iter().for_each(|it| text(it));
        let group = if name.starts_with('w') { "worker.tf.local." } else { "ps.tf.local." };
        let owners: &[&str] = if standing.is_in_group() { &[name, group] } else { &[name] };
        for owner in owners {
            if *ipv4 > 0 {
                push(owner, rrtype::A, vec![10, 0, 0, *ipv4 as u8]);
            }
            if *ipv6 > 0 {
                push(owner, rrtype::AAAA, [&[0xfd; 15][..], &[*ipv6 as u8]].concat());
            }
            if *port > 0 {
                let port = (*port as u16).to_be_bytes();
                push(owner, rrtype::SRV, [&[0; 4][..], &port, &writer::wire(name)].concat());
            }
        }
    }
    records
}

fn shuffled(records: impl IntoIterator<Item = Record>, chance: &mut Chance) -> Vec<Record> {
    let mut keyed: Vec<_> =
        records.into_iter().map(|record| (chance.below(u32::MAX), record)).collect();
    keyed.sort();
    keyed.into_iter().map(|(_, record)| record).collect()
}

/// What the directory has, as a model; a name that is in two ranges must be the same in both.
fn model(directory: &Directory) -> Table {
    let names: Vec<Names> = directory.keyspace().names().collect();
    let mut table = Table::new();
    for (range, names) in names.iter().enumerate() {
        for number in 1..=200 {
            let Some(slot) = SlotId::new(number) else { continue };
            let name = names.name(slot);
            let Some(record) = directory.group_record(range, slot) else { continue };
            let standing = directory.standing(NodePlace { range, slot });
            let drained = (0..4).rev().find(|number| drain(*number).as_ref() == standing.drain);
            let node = [
                record.ipv4.map_or(0, |ip| ip.octets()[3].into()),
                record.ipv6.map_or(0, |ip| ip.octets()[15].into()),
                record.port.map_or(0, u32::from),
                u32::from(!standing.is_ready),
                drained.expect("a drain of ours"),
            ];
            let before = table.insert(name, node);
            assert!(before.is_none_or(|before| before == node));
        }
    }
    table
}

#[test]
fn any_table_is_read_as_it_is_in_any_order_and_any_pieces() {
    let mut chance = Chance(7);
    let zones = zones(20);
    let mut directory = Directory::new(zones.keyspace.clone());
    for round in 0..150_u32 {
        let table = any_table(&mut chance);
        let mut all = vec![soa(ZONE, round)];
        all.extend(shuffled(records(&table), &mut chance));
        all.push(soa(ZONE, round));
        let request = [TransferRequest::Whole, TransferRequest::Since(round.wrapping_sub(9))]
            [chance.below(2) as usize];
        let messages = Stream::new(ZONE, request).messages(&all, &mut chance);
        let mut reader = reader(request);
        let (changes, state) = read_all(&mut reader, &messages).expect("a good transfer");
        assert_eq!((state, reader.content()), (TransferState::End, Some(TransferContent::Whole)));
        assert_eq!(reader.serial(), round);
        let mut whole = WholeTable::new(&directory, &zones);
        for (place, change) in changes {
            whole.take(place, change).expect("few names");
        }
        while whole.forget_gone(3) {}
        directory.replace_transferred(whole.finish(), round.into(), round);
        assert_eq!(model(&directory), table);
    }
}

#[test]
fn any_way_from_one_table_to_the_next_leads_there() {
    let mut chance = Chance(8);
    let zones = zones(20);
    let mut directory = Directory::new(zones.keyspace.clone());
    let (mut table, mut serial) = (Table::new(), u32::MAX - 40);
    for _ in 0..150 {
        let held = serial;
        let (mut steps, mut all) = (Vec::new(), Vec::new());
        for _ in 0..=chance.below(4) {
            let before = records(&table);
            let mut next = table.clone();
            for _ in 0..chance.below(6) {
                let number = 1 + chance.below(24);
                let name = format!("worker{number}.tf.local.");
                match chance.below(4) {
                    0 => _ = next.remove(&name),
                    _ => _ = next.insert(name, any_node(&mut chance)),
                }
            }
            let after = records(&next);
            steps.push(soa(ZONE, serial));
            steps.extend(shuffled(before.difference(&after).cloned(), &mut chance));
            serial = serial.wrapping_add(1 + chance.below(3));
            steps.push(soa(ZONE, serial));
            steps.extend(shuffled(after.difference(&before).cloned(), &mut chance));
            table = next;
        }
        all.push(soa(ZONE, serial));
        all.append(&mut steps);
        all.push(soa(ZONE, serial));
        let request = TransferRequest::Since(held);
        let messages = Stream::new(ZONE, request).messages(&all, &mut chance);
        let mut reader = reader(request);
        let (changes, state) = read_all(&mut reader, &messages).expect("a good transfer");
        assert_eq!((state, reader.content()), (TransferState::End, Some(TransferContent::Changes)));
        let mut set = ChangeSet::new(&zones);
        for (place, change) in changes {
            set.take(place, change).expect("few names");
        }
        while set.apply(&mut directory, 2) {}
        assert_eq!(model(&directory), table);
    }
}

#[test]
fn who_is_up_to_date_is_told_so_by_one_soa() {
    let request = TransferRequest::Since(7);
    let messages = [Stream::new(ZONE, request).message(&[soa(ZONE, 7)], true)];
    let mut reader = reader(request);
    let (changes, state) = read_all(&mut reader, &messages).expect("a good transfer");
    assert!(changes.is_empty());
    assert_eq!((state, reader.content()), (TransferState::End, Some(TransferContent::UpToDate)));
}

#[test]
fn the_whole_may_come_at_the_serial_that_was_given() {
    let request = TransferRequest::Since(7);
    let records = [soa(ZONE, 7), writer::a("worker1.tf.local.", 1), soa(ZONE, 7)];
    let messages = [Stream::new(ZONE, request).message(&records, true)];
    let mut reader = reader(request);
    let (changes, state) = read_all(&mut reader, &messages).expect("a good transfer");
    assert_eq!(changes.len(), 1);
    assert_eq!((state, reader.content()), (TransferState::End, Some(TransferContent::Whole)));
}
