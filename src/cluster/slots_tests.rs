use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::*;
use crate::cluster::ServicePlaces;
use crate::cluster::testing::Chance;

fn slots(limit: u32) -> Slots {
    let pattern = Pattern::parse("worker{{.ID}}.tf.local.", limit).expect("a good pattern");
    Slots::new(Names::Numbered(pattern), limit)
}

/// An occupant that is in the group, unless it is not ready.
fn occupant(record: Option<Record>, mod_revision: i64, is_ready: bool) -> Occupant {
    Occupant {
        record,
        fingerprint: 0,
        mod_revision,
        is_ready,
        is_in_group: is_ready,
        has_details: false,
    }
}

#[test]
fn slots_within_and_above_the_limit_come_and_go() {
    let mut slots = slots(5);
    let numbers = [3, 5, 6, 4_000_000_000].map(|number| SlotId::new(number).expect("not 0"));
    for id in numbers {
        slots.insert(id, occupant(None, 7, true));
        slots.insert(id, occupant(None, 8, true));
    }
    assert!(slots.iter().map(|(id, _)| id).eq(numbers));
    assert_eq!((slots.occupied, slots.named), (4, 0));
    assert_eq!(slots.digest(i64::MAX), RangeDigest { keys: 4, newest: 8 });
    assert_eq!(slots.digest(7), RangeDigest::default());
    for id in numbers {
        assert!(slots.get(id).is_some_and(|occupant| occupant.mod_revision == 8));
        assert!(slots.remove(id) && !slots.remove(id));
    }
    assert_eq!(slots.digest(i64::MAX), RangeDigest::default());
}

/// What the plainest way finds: a look at every slot.
fn compare(slots: &Slots, model: &BTreeMap<SlotId, (Option<Record>, bool)>) {
    assert_eq!(slots.occupied, model.len());
    let records = || model.iter().filter_map(|(id, (record, _))| Some((*id, record.as_ref()?)));
    let is_in_group = |id: &SlotId| model.get(id).is_some_and(|(_, is_in_group)| *is_in_group);
    let in_group = || records().filter(|(id, _)| is_in_group(id));
    assert_eq!((slots.named, slots.grouped), (records().count(), in_group().count()));
    let all = slots.iter().map(|(id, occupant)| (id, (occupant.record, occupant.is_in_group)));
    assert!(all.eq(model.iter().map(|(id, known)| (*id, *known))));
    let ports = || in_group().filter(|(_, record)| record.port.is_some()).map(|(id, _)| id);
    assert!(slots.with_port().eq(ports()));
    assert_eq!(slots.ports(), ports().count());
    fn sorted<const N: usize>(addresses: &[[u8; N]]) -> Vec<[u8; N]> {
        let mut addresses = addresses.to_vec();
        addresses.sort_unstable();
        addresses
    }
    fn distinct<const N: usize>(addresses: impl Iterator<Item = [u8; N]>) -> Vec<[u8; N]> {
        let mut addresses = sorted(&addresses.collect::<Vec<_>>());
        addresses.dedup();
        addresses
    }
    let ipv4 = distinct(in_group().filter_map(|(_, record)| Some(record.ipv4?.octets())));
    let ipv6 = distinct(in_group().filter_map(|(_, record)| Some(record.ipv6?.octets())));
    assert_eq!(sorted(slots.ipv4()), ipv4);
    assert_eq!(sorted(slots.ipv6()), ipv6);
    let ipv4 = distinct(records().filter_map(|(_, record)| Some(record.ipv4?.octets())));
    let ipv6 = distinct(records().filter_map(|(_, record)| Some(record.ipv6?.octets())));
    for address in ipv4.into_iter().map(IpAddr::from).chain(ipv6.into_iter().map(IpAddr::from)) {
        let same = records().filter(|(_, record)| record.has_address(address));
        let found = slots.at_address(address.into()).expect("an address that is published");
        assert!(found.slots().eq(same.map(|(id, _)| id)), "{address}");
        assert_eq!(found.count(), found.slots().count());
    }
}

#[test]
fn after_any_changes_the_counts_and_lists_are_those_of_a_look_at_every_slot() {
    let mut chance = Chance(2);
    // Of 30 slots as many are above the limit as below it, and few addresses are shared by many.
    for (addresses, limit) in [(3, 15), (25, 15), (1000, 30)] {
        let mut slots = slots(limit);
        let mut model = BTreeMap::new();
        for revision in 0..2000 {
            let Some(id) = SlotId::new(1 + chance.below(30)) else { continue };
            let address = chance.below(addresses);
            let record = Record {
                ipv4: Some(Ipv4Addr::from(address)).filter(|_| chance.below(4) > 0),
                ipv6: Some(Ipv6Addr::from(u128::from(address))).filter(|_| chance.below(4) > 0),
                port: Some(53).filter(|_| chance.below(3) > 0),
            };
            let record = match chance.below(8) {
                0..3 => {
                    assert_eq!(slots.remove(id), model.remove(&id).is_some());
                    continue;
                }
                3 => None,
                _ => Some(record),
            };
            // Of the first none is outside of the group.
            let is_ready = addresses == 3 && revision < 1000 || chance.below(3) > 0;
            slots.insert(id, occupant(record, revision, is_ready));
            model.insert(id, (record, is_ready));
            if revision % 16 == 0 {
                compare(&slots, &model);
            }
        }
        compare(&slots, &model);
        let copy = slots.clone();
        for id in copy.iter().map(|(id, _)| id) {
            assert!(slots.remove(id));
        }
        compare(&slots, &BTreeMap::new());
    }
}

/// Slots in which these keys were put, in that order, each on a lease; without a value it is deleted.
fn told(keys: &[(&str, Option<&str>, i64)]) -> Slots {
    let mut slots = slots(5);
    for (mod_revision, (key, value, lease)) in (1..).zip(keys) {
        let value = value.map(str::as_bytes);
        let fingerprint = crate::cluster::fingerprint(*lease, value);
        slots.apply(key.as_bytes(), Entry { key: &[], value, mod_revision, fingerprint });
    }
    slots
}

#[test]
fn the_group_holds_the_ready_that_are_not_drained() {
    const ONE: &str = "worker1.tf.local.";
    const DRAIN: &str = "worker:1.tf.local.";
    const NODE: Option<&str> = Some(r#"{"ipv4":"10.0.0.1","port":"53"}"#);
    const UNREADY: Option<&str> = Some(r#"{"ipv4":"10.0.0.1","port":"53","ready":false}"#);
    const WHY: Option<&str> = Some(r#"{"reason":"why"}"#);
    type Case<'a> = (&'a str, &'a [(&'a str, Option<&'a str>, i64)], Option<&'a str>, u64);
    let cases: [Case<'_>; 14] = [
        ("ready", &[(ONE, NODE, 7)], None, 1),
        ("not ready", &[(ONE, UNREADY, 7)], Some("not ready"), 1),
        ("ready then", &[(ONE, UNREADY, 7), (ONE, NODE, 7)], None, 2),
        ("drained", &[(ONE, NODE, 7), (DRAIN, WHY, 7)], Some("drained: why"), 2),
        ("both", &[(ONE, UNREADY, 7), (DRAIN, Some("{}"), 7)], Some("not ready, drained"), 2),
        ("read in another order", &[(DRAIN, WHY, 7), (ONE, NODE, 7)], Some("drained: why"), 1),
        ("undrained", &[(ONE, NODE, 7), (DRAIN, WHY, 7), (DRAIN, None, 0)], None, 3),
        (
            "published anew",
            &[(DRAIN, WHY, 7), (ONE, NODE, 7), (ONE, UNREADY, 7)],
            Some("not ready, drained: why"),
            2,
        ),
        ("taken over", &[(ONE, NODE, 7), (DRAIN, WHY, 7), (ONE, NODE, 8)], None, 3),
        ("of another", &[(ONE, NODE, 8), (DRAIN, WHY, 7)], None, 1),
        (
            "by a successor",
            &[(ONE, NODE, 7), (DRAIN, WHY, 7), (ONE, None, 0), (ONE, NODE, 8)],
            None,
            4,
        ),
        (
            "and back",
            &[(ONE, NODE, 7), (DRAIN, WHY, 7), (ONE, NODE, 8), (ONE, NODE, 7)],
            Some("drained: why"),
            4,
        ),
        ("another slot", &[(ONE, NODE, 7), ("worker:2.tf.local.", WHY, 7)], None, 1),
        (
            "another reason",
            &[(ONE, NODE, 7), (DRAIN, Some("{}"), 7), (DRAIN, WHY, 7)],
            Some("drained: why"),
            3,
        ),
    ];
    for (case, keys, wanted, changes) in cases {
        let slots = told(keys);
        let standing = slots.standing(SlotId::FIRST);
        assert_eq!(standing.note().as_deref(), wanted, "{case}");
        let is_in_group = usize::from(wanted.is_none());
        assert_eq!((slots.named, slots.grouped), (1, is_in_group), "{case}");
        assert_eq!((slots.ipv4().len(), slots.ports()), (is_in_group, is_in_group), "{case}");
        let found = slots
            .at_address(IpAddr::from([10, 0, 0, 1]).into())
            .expect("an address that is published");
        assert!(found.slots().eq([SlotId::FIRST]), "{case}");
        assert_eq!(slots.changes, changes, "{case}");
    }
}

#[test]
fn an_address_of_several_stays_while_one_of_them_is_in_the_group() {
    let node = Some(r#"{"ipv4":"10.0.0.1"}"#);
    let mut keys = vec![("worker1.tf.local.", node, 7), ("worker2.tf.local.", node, 8)];
    keys.push(("worker:2.tf.local.", Some(""), 8));
    assert_eq!(told(&keys).ipv4(), [[10, 0, 0, 1]]);
    keys.push(("worker:1.tf.local.", Some(""), 7));
    assert!(told(&keys).ipv4().is_empty());
    keys.push(("worker:2.tf.local.", None, 0));
    assert_eq!(told(&keys).ipv4(), [[10, 0, 0, 1]]);
}

#[test]
fn drains_are_told_from_one_history_to_another_as_all_keys_are() {
    let node = ("worker1.tf.local.", Some(r#"{"ipv4":"10.0.0.1"}"#), 7);
    let drain = ("worker:1.tf.local.", Some("{}"), 7);
    let slots = told(&[node, drain]);
    assert_eq!(slots.digest(i64::MAX), RangeDigest { keys: 2, newest: 2 });
    assert_eq!(slots.digest(1), RangeDigest { keys: 1, newest: 1 });
    let agrees = |(key, value, lease): (&str, Option<&str>, i64), keys, revision| {
        let value = value.map(str::as_bytes);
        let fingerprint = crate::cluster::fingerprint(lease, value);
        let key = key.as_bytes();
        let entries = vec![Entry { key, value, mod_revision: revision, fingerprint }];
        slots.agree(i64::MAX, &Latest { keys, after: 1, has_values: true, entries }, b"")
    };
    assert!(agrees(drain, 2, 2));
    assert!(!agrees(drain, 3, 2) && !agrees(drain, 2, 3));
    assert!(!agrees((drain.0, Some("x"), 7), 2, 2) && !agrees((drain.0, drain.1, 8), 2, 2));
    assert!(!agrees(("worker:2.tf.local.", drain.1, 7), 2, 2));
}

/// A value that tells of services, or of none, or is no record.
fn value_with_services(chance: &mut Chance) -> Option<String> {
    let services = ["", r#""http/tcp":"80""#, r#""dns/udp":"53","http/tcp":"8080""#];
    let services = services[chance.below(3) as usize];
    let is_ready = chance.below(4) > 0;
    Some(match chance.below(6) {
        0 => return None,
        1 => "no record".to_owned(),
        _ => {
            format!(r#"{{"ipv4":"10.0.0.1","ready":{is_ready},"services":{{{services}}}}}"#)
        }
    })
}

#[test]
fn the_services_of_the_group_are_those_of_its_nodes_however_they_change() {
    let (mut chance, mut now, mut other) = (Chance(5), slots(9), slots(9));
    let mut most = 0;
    for revision in 1..3_000 {
        let number = 1 + chance.below(9);
        let id = SlotId::new(number).expect("not 0");
        let value = value_with_services(&mut chance);
        let value = value.as_ref().map(|text| text.as_bytes());
        let is_drain = chance.below(5) == 0;
        let (name, value) = if is_drain {
            (format!("worker:{number}.tf.local."), value.map(|_| &b"{}"[..]))
        } else {
            (format!("worker{number}.tf.local."), value)
        };
        let entry = Entry { key: name.as_bytes(), value, mod_revision: revision, fingerprint: 0 };
        let applied_to = if chance.below(3) == 0 { &mut other } else { &mut now };
        applied_to.apply(name.as_bytes(), entry);
        match chance.below(12) {
            0 => now.put_transferred(id, other.published(id)),
            1 => now.take_over(id, &other),
            2 => now.forget(id),
            3 => other = now.copy_with_drains(),
            _ => {}
        }
        let in_group = now.iter().filter(|(_, occupant)| occupant.is_in_group).map(|(id, _)| id);
        let services = |id| now.details(id).into_iter().flat_map(|it| it.services());
        let mut wanted: Vec<(&str, SlotId, u16)> = in_group
            .flat_map(|id| services(id).map(move |(service, port)| (service, id, port)))
            .collect();
        wanted.sort_unstable();
        let listed = now.group_services();
        let all: Vec<(usize, &str, SlotId, u16)> = listed.from(0, SlotId::FIRST).collect();
        assert!(
            all.iter().map(|(_, service, slot, port)| (*service, *slot, *port)).eq(wanted.clone())
        );
        for (at, (name, _, slot, _)) in all.iter().enumerate() {
            assert!(listed.from(*name, *slot).eq(all[at..].iter().copied()), "from {at}");
        }
        let http = wanted.iter().filter(|(service, ..)| *service == "http/tcp");
        let http: ServicePlaces = http.map(|(_, slot, port)| (*slot, *port)).collect();
        assert_eq!(listed.places("http/tcp"), Some(&http).filter(|places| !places.is_empty()));
        most = most.max(wanted.len());
    }
    assert!(most > 6, "{most}");
}
