//! The names that publish one address.

use std::net::IpAddr;

use super::address_slots::AddressSlots;
use super::addresses::SoughtAddress;
use super::names::Names;
use super::pattern::SlotId;
use super::slots::Slots;

/// An address that is published, and by which names: looked up once for all that is said of it.
#[derive(Clone, Copy, Debug)]
pub struct AddressNames<'a> {
    address: IpAddr,
    /// The first range with such names, and the ranges after it.
    ranges: &'a [Slots],
    /// The slots of that first range.
    first: AddressSlots<'a>,
}

impl<'a> AddressNames<'a> {
    /// The names of these ranges; `None`: nobody publishes the address.
    pub(super) fn find(known: &'a [Slots], address: IpAddr) -> Option<Self> {
        let mut ranges = known.iter().enumerate();
        // Apart for each family, so that none asks again which it is.
        let (range, first) = match address.into() {
            sought @ SoughtAddress::V4(_) => {
                ranges.find_map(|(range, slots)| Some((range, slots.at_address(sought)?)))
            }
            sought @ SoughtAddress::V6(_) => {
                ranges.find_map(|(range, slots)| Some((range, slots.at_address(sought)?)))
            }
        }?;
        Some(AddressNames { address, ranges: known.get(range..)?, first })
    }

    /// How many names there are at least: those of one range differ, but a name may lie in several.
    pub fn least(self) -> usize {
        self.first.count()
    }

    /// The names, each once, those to claim from first, by number: the slot, and whose it is.
    pub fn iter(self) -> impl Iterator<Item = (&'a Names, SlotId)> {
        let AddressNames { address, ranges, first } = self;
        let names = ranges.first().map(|slots| &slots.names);
        let of_first =
            names.into_iter().flat_map(move |names| first.slots().map(move |id| (names, id)));
        let sought = SoughtAddress::from(address);
        let later = ranges.iter().enumerate().skip(1).filter_map(move |(range, slots)| {
            Some((range, &slots.names, slots.at_address(sought)?))
        });
        let later = later.flat_map(|(range, names, published)| {
            published.slots().map(move |id| (range, names, id))
        });
        let mut text = Vec::new();
        let later = later.filter(move |(range, names, id)| {
            text.clear();
            names.push_name(*id, &mut text);
            // A name may lie in several ranges; the first of them tells it.
            !ranges.iter().take(*range).any(|slots| {
                let record = slots.of_name(&text).and_then(|occupant| occupant.record);
                record.is_some_and(|record| record.has_address(address))
            })
        });
        of_first.chain(later.map(|(_, names, id)| (names, id)))
    }
}
