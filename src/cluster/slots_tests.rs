use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::*;
use crate::cluster::testing::Chance;

fn slots(limit: u32) -> Slots {
    let pattern = Pattern::parse("worker{{.ID}}.tf.local.", limit).expect("a good pattern");
    Slots::new(Names::Numbered(pattern), limit)
}

fn occupant(record: Option<Record>, mod_revision: i64) -> Occupant {
    Occupant { record, fingerprint: 0, mod_revision }
}

#[test]
fn slots_within_and_above_the_limit_come_and_go() {
    let mut slots = slots(5);
    let numbers = [3, 5, 6, 4_000_000_000].map(|number| SlotId::new(number).expect("not 0"));
    for id in numbers {
        slots.insert(id, occupant(None, 7));
        slots.insert(id, occupant(None, 8));
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
fn compare(slots: &Slots, model: &BTreeMap<SlotId, Option<Record>>) {
    assert_eq!(slots.occupied, model.len());
    let records = || model.iter().filter_map(|(id, record)| Some((*id, record.as_ref()?)));
    assert_eq!(slots.named, records().count());
    let all = slots.iter().map(|(id, occupant)| (id, occupant.record));
    assert!(all.eq(model.iter().map(|(id, record)| (*id, *record))));
    let ports = records().filter(|(_, record)| record.port.is_some()).map(|(id, _)| id);
    assert!(slots.with_port().eq(ports.clone()));
    assert_eq!(slots.ports(), ports.count());
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
    let ipv4 = distinct(records().filter_map(|(_, record)| Some(record.ipv4?.octets())));
    let ipv6 = distinct(records().filter_map(|(_, record)| Some(record.ipv6?.octets())));
    assert_eq!(sorted(slots.ipv4()), ipv4);
    assert_eq!(sorted(slots.ipv6()), ipv6);
    for address in ipv4.into_iter().map(IpAddr::from).chain(ipv6.into_iter().map(IpAddr::from)) {
        let same = records().filter(|(_, record)| record.has_address(address));
        let told = slots.at_address(address.into()).expect("a slot that has it");
        assert!(told.slots().eq(same.map(|(id, _)| id)), "{address}");
        assert_eq!(told.count(), told.slots().count());
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
            slots.insert(id, occupant(record, revision));
            model.insert(id, record);
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
