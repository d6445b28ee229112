//! What each name that a node knows costs it in memory, and what it costs to read all of them anew.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use allocation_counter::measure;
use idetcd::cluster::{Directory, Entry, Keyspace, Pattern, Record, SnapshotBuilder};

/// The numbers of names; the most octets that each costs where nodes have IPv4 addresses and ports, and
/// where they have IPv6 addresses as well. Of few names the parts of the tables weigh more.
const BOUNDS: [(u32, f64, f64); 3] =
    [(1000, 80.0, 118.0), (10_000, 70.0, 98.0), (100_000, 68.0, 98.0)];

/// The value of a slot; `life` tells the lives of a node apart, each with another address.
fn value(slot: u32, has_ipv6: bool, life: u32) -> String {
    let ipv4 = Ipv4Addr::from(((10 + life) << 24) + slot);
    let ipv6 = 0xfd00 << 112 | u128::from(life) << 64 | u128::from(slot);
    let ipv6 = has_ipv6.then(|| Ipv6Addr::from(ipv6));
    Record { ipv4: Some(ipv4), ipv6, port: Some(53) }.to_json()
}

/// Hands on the entries of so many slots in the order of their keys; one of `changed` slots is in its
/// second life, none for 0.
fn read(names: u32, has_ipv6: bool, changed: u32, mut each: impl FnMut(Entry<'_>)) {
    let mut keys: Vec<(String, u32)> =
        (1..=names).map(|slot| (format!("worker{slot}.tf.local."), slot)).collect();
    keys.sort();
    for (key, slot) in keys {
        let life = u32::from(slot.checked_rem(changed) == Some(0));
        let value = value(slot, has_ipv6, life);
        let mod_revision = i64::from(slot + life * names);
        let (key, value) = (key.as_bytes(), Some(value.as_bytes()));
        each(Entry { key, value, mod_revision, fingerprint: u64::from(slot) });
    }
}

fn directory(names: u32, has_ipv6: bool) -> Directory {
    let pattern = Pattern::parse("worker{{.ID}}.tf.local.", names).expect("a pattern");
    let mut directory = Directory::new(Arc::new(Keyspace::new(pattern, names)));
    read(names, has_ipv6, 0, |entry| _ = directory.apply(0, entry));
    directory
}

#[test]
fn each_name_costs_a_few_octets_however_many_there_are() {
    for (names, ipv4, both) in BOUNDS {
        for (has_ipv6, most) in [(false, ipv4), (true, both)] {
            let mut kept = None;
            let count = measure(|| kept = Some(directory(names, has_ipv6)));
            assert_eq!(kept.map(|directory| directory.named()), Some(names as usize));
            let each = count.bytes_current as f64 / f64::from(names);
            println!("{names} names, IPv6 {has_ipv6}: {each:.1} octets each");
            assert!(each <= most, "{names} names, IPv6 {has_ipv6}: {each:.1} octets each");
        }
    }
}

#[test]
fn to_read_all_names_anew_takes_the_room_of_those_that_changed() {
    let names = 100_000;
    let directory = directory(names, true);
    // Octets for each of all names: none changed, one of a thousand, all of them.
    for (changed, most) in [(0, 2.0), (1000, 56.0), (1, 98.0)] {
        let mut snapshot = SnapshotBuilder::new(&directory);
        let count = measure(|| {
            snapshot = SnapshotBuilder::new(&directory);
            read(names, true, changed, |entry| _ = snapshot.apply(0, entry));
        });
        let each = count.bytes_current as f64 / f64::from(names);
        println!("one of {changed} changed: {each:.1} octets more for each of all");
        assert_eq!(snapshot.finish().named(), names as usize);
        assert!(each <= most, "one of {changed} changed: {each:.1} octets for each of all");
    }
}
