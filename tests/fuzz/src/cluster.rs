//! The directory: after any sequence of entries it tells the same as a map from keys to values.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use idetcd::cluster::{
    AddressNames, Applied, Directory, Entry, Freshness, Keyspace, Names, Pattern, Record, SlotId,
    SnapshotBuilder,
};

use super::input::Input;
use super::model::{Model, lease};

/// Prefix, pattern, limit, and what else is followed. Names and ranges of keys overlap.
const CLUSTERS: [(&str, &str, u32, &[&str]); 4] = [
    (
        "",
        "worker{{.ID}}.tf.local.",
        5,
        &["worker1{{.ID}}.tf.local.", "db.tf.local.", "worker3.tf.local."],
    ),
    ("/site/", "n{{printf \"%03d\" .ID}}.a.b.", 200, &["n{{.ID}}.a.b.", "x.n007.a.b."]),
    ("", "a.w{{.ID}}.tf.", 3, &["{{.ID}}.tf.", "w5.tf.", "w{{.ID}}-x.tf.", "b.w5.tf."]),
    ("p", "{{.ID}}.z.", 1000, &["{{.ID}}.z.", "{{printf \"%02d\" .ID}}.z."]),
];

/// Values that are no records, or hardly.
const ODD_VALUES: [&[u8]; 6] =
    [b"", b"x", b"{}", br#"{"ipv4":5}"#, br#"{"port":"1"}"#, br#"{"ipv6":"::","port":""}"#];

/// More entries than this show nothing new.
const MOST: usize = 64;

/// Octets: the cluster, and what happens to it, one thing after the other.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let keyspace = keyspace(*input.choose(&CLUSTERS));
    let mut directory = Directory::new(keyspace.clone());
    let mut model = Model::new(&keyspace);
    let mut names: Vec<Vec<u8>> = keyspace.names().map(|names| names.group().into()).collect();
    names.extend(keyspace.names().map(|names| names.zone().into()));
    for _ in 0..MOST {
        if input.is_empty() {
            break;
        }
        match input.octet() {
            0..240 => names.push(apply(&mut input, &keyspace, &mut directory, &mut model)),
            240..244 => {
                let revision = i64::from(input.octet());
                let keys = usize::from(input.octet() % 8);
                let snapshot;
                (snapshot, model) = read(&mut input, keys, &directory, &mut names);
                directory.replace(snapshot, revision);
                assert_eq!(
                    (directory.revision(), directory.freshness()),
                    (revision, Freshness::Synced)
                );
            }
            244..248 => {
                let (before, revision) = (directory.revision(), i64::from(input.octet()));
                directory.advance(revision);
                assert_eq!(directory.revision(), before.max(revision));
            }
            248..252 => {
                let own = SlotId::new(u32::from(input.octet()));
                directory.set_own(own);
                assert_eq!(directory.own_name(), own.map(|own| keyspace.pattern.name(own)));
            }
            _ => directory.mark(Freshness::Stale),
        }
    }
    names.sort();
    names.dedup();
    compare(&directory, &model, &names);
}

fn keyspace((prefix, pattern, limit, resolve): (&str, &str, u32, &[&str])) -> Arc<Keyspace> {
    let names = |text: &&str| Names::parse(text, limit).expect("good names");
    Arc::new(Keyspace {
        prefix: prefix.to_owned(),
        pattern: Pattern::parse(pattern, limit).expect("a good pattern"),
        limit,
        resolve: resolve.iter().map(names).collect(),
    })
}

/// Reads up to so many keys of a snapshot into both, beside an old directory, and notes their names.
fn read(
    input: &mut Input<'_>,
    keys: usize,
    old: &Directory,
    names: &mut Vec<Vec<u8>>,
) -> (Directory, Model) {
    let (mut snapshot, mut model) = (SnapshotBuilder::new(old), Model::new(old.keyspace()));
    let mut seen = BTreeSet::new();
    for _ in 0..keys {
        names.push(tell(input, old.keyspace(), &mut model, |range, entry| {
            // Each key is there once.
            let is_there = entry.value.is_some() && seen.insert((range, entry.key.to_vec()));
            is_there.then(|| snapshot.apply(range, entry))
        }));
    }
    snapshot.forget_unread(usize::from(input.octet()));
    (snapshot.finish(), model)
}

/// Applies one entry to both, and returns its name.
fn apply(
    input: &mut Input<'_>,
    keyspace: &Keyspace,
    directory: &mut Directory,
    model: &mut Model,
) -> Vec<u8> {
    tell(input, keyspace, model, |range, entry| {
        let before = directory.len();
        let applied = directory.apply(range, entry);
        assert!(applied != Applied::Ignored || directory.len() == before);
        Some(applied)
    })
}

/// Hands one entry of a range on, and tells the model of it unless it was not taken.
fn tell(
    input: &mut Input<'_>,
    keyspace: &Keyspace,
    model: &mut Model,
    take: impl FnOnce(usize, Entry<'_>) -> Option<Applied>,
) -> Vec<u8> {
    // One range more than there are.
    let range = usize::from(input.octet()) % (keyspace.resolve.len() + 2);
    let name = name(input, keyspace);
    let key = match input.octet() {
        0..250 => [keyspace.prefix.as_bytes(), &name].concat(),
        _ => name.clone(),
    };
    let value = value(input);
    let mod_revision = match input.octet() {
        0 => i64::MIN,
        255 => i64::MAX,
        small => i64::from(small),
    };
    let fingerprint = idetcd::cluster::fingerprint(lease(mod_revision), None);
    let entry = Entry { key: &key, value: value.as_deref(), mod_revision, fingerprint };
    if let Some(applied) = take(range, entry) {
        let expected = model.apply(range, &key, value.as_deref(), mod_revision);
        assert_eq!(applied, expected, "{:?} of range {range}", String::from_utf8_lossy(&key));
    }
    name
}

/// A name of one of the patterns or near it, a plain name, or anything.
fn name(input: &mut Input<'_>, keyspace: &Keyspace) -> Vec<u8> {
    let all: Vec<_> = keyspace.names().collect();
    let of = |names: &Names, slot: u32| match (names, SlotId::new(slot)) {
        (Names::Numbered(pattern), Some(slot)) => pattern.name(slot).into_bytes(),
        _ => names.group().into_bytes(),
    };
    match input.octet() {
        0..160 => {
            let names = input.choose(&all);
            of(names, u32::from(input.octet() % 32))
        }
        160..176 => {
            let names = input.choose(&all);
            of(names, input.u32())
        }
        176..192 => {
            let names = input.choose(&all);
            match (names, SlotId::new(u32::from(input.octet() % 32))) {
                (Names::Numbered(pattern), Some(slot)) => pattern.drain_name(slot).into_bytes(),
                _ => names.group().into_bytes(),
            }
        }
        192..224 => {
            let names = input.choose(&all);
            let mut name = of(names, u32::from(input.octet()));
            let cut = usize::from(input.octet());
            name.truncate(name.len().saturating_sub(cut % 8));
            name.extend_from_slice(input.take(cut / 64));
            name
        }
        _ => {
            let length = usize::from(input.octet() % 32);
            input.take(length).to_vec()
        }
    }
}

fn value(input: &mut Input<'_>) -> Option<Vec<u8>> {
    match input.octet() {
        0..64 => None,
        64..96 => Some(input.choose(&ODD_VALUES).to_vec()),
        _ => {
            let octet = input.octet();
            let port = Some(53).filter(|_| octet & 1 != 0);
            let ipv4 = addresses(octet >> 1 & 3).0.filter(|_| octet & 8 == 0);
            let ipv6 = addresses(octet >> 4 & 3).1.filter(|_| octet & 64 == 0);
            Some(Record { ipv4, ipv6, port }.value(None, octet & 128 == 0).into_bytes())
        }
    }
}

/// Few enough that several names have the same.
fn addresses(number: u8) -> (Option<Ipv4Addr>, Option<Ipv6Addr>) {
    let ipv6 = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, u16::from(number));
    (Some([10, 0, 0, number].into()), Some(ipv6))
}

/// Asks both for everything that they know of these names.
fn compare(directory: &Directory, model: &Model, names: &[Vec<u8>]) {
    assert_eq!(directory.len(), model.len());
    assert_eq!(directory.is_empty(), model.len() == 0);
    let records: Vec<_> =
        directory.records().map(|(name, record)| (name.into_bytes(), *record)).collect();
    assert_eq!(records, model.records());
    let slots: Vec<_> = directory.slots().map(|(id, record)| (id, record.copied())).collect();
    assert_eq!(slots, model.slots());
    assert_eq!(directory.occupied(), slots.len());
    assert_eq!(directory.named(), slots.iter().filter(|(_, record)| record.is_some()).count());
    for (range, wanted) in model.standings().into_iter().enumerate() {
        let standing = directory.digest(range, i64::MAX);
        assert_eq!((standing.keys, standing.newest), wanted);
    }
    for name in names {
        let shown = String::from_utf8_lossy(name);
        assert_eq!(directory.record(name).copied(), model.record(name), "{shown}");
        let group = directory.group(name).map(|group| Published {
            ipv4: sorted(group.ipv4().iter().copied()),
            ipv6: sorted(group.ipv6().iter().copied()),
            with_port: sorted(group.with_port()),
        });
        let wanted = model.group(name).map(|nodes| Published::of(&nodes));
        assert_eq!(group, wanted, "{shown}");
        if group.is_none() {
            assert_eq!(directory.has_below(name), model.has_below(name), "below {shown}");
        }
        let unusable = model.unusable(name);
        for (key, revision) in &unusable {
            for revision in [*revision, revision.wrapping_sub(1)] {
                let is_known = unusable.contains(&(key.clone(), revision));
                assert_eq!(directory.knows_unusable(key, revision), is_known, "{shown}");
            }
        }
    }
    for number in 0..4 {
        let (ipv4, ipv6) = addresses(number);
        for address in [ipv4.map(IpAddr::from), ipv6.map(IpAddr::from)].into_iter().flatten() {
            let found = directory.names_of(address);
            let names = found.into_iter().flat_map(AddressNames::iter);
            let names: Vec<_> = names.map(|(names, id)| names.name(id).into_bytes()).collect();
            assert_eq!(found.is_some(), !names.is_empty());
            assert_eq!(names, model.names_of(address), "{address}");
        }
    }
}

/// What all nodes of a group publish, in order.
#[derive(Debug, PartialEq, Eq)]
struct Published {
    ipv4: Vec<[u8; 4]>,
    ipv6: Vec<[u8; 16]>,
    with_port: Vec<SlotId>,
}

impl Published {
    /// Each address once.
    fn of(nodes: &[(SlotId, Record)]) -> Published {
        let records = || nodes.iter().map(|(_, record)| record);
        let mut ipv4 = sorted(records().filter_map(|record| Some(record.ipv4?.octets())));
        let mut ipv6 = sorted(records().filter_map(|record| Some(record.ipv6?.octets())));
        ipv4.dedup();
        ipv6.dedup();
        let ports = nodes.iter().filter(|(_, record)| record.port.is_some());
        Published { ipv4, ipv6, with_port: sorted(ports.map(|(id, _)| *id)) }
    }
}

fn sorted<T: Ord>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut all: Vec<T> = all.collect();
    all.sort_unstable();
    all
}
