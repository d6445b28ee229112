//! The slots that have one record.

use std::net::IpAddr;

use super::address_slots::AddressSlots;
use super::directory::Directory;
use super::pattern::SlotId;
use super::record::Record;

impl Directory {
    /// The slots of the pattern to claim from that have this record, lowest first. However many names there are, only
    /// those with one of its addresses are looked at.
    pub fn slots_with(&self, record: &Record) -> impl Iterator<Item = SlotId> {
        let address = record.ipv4.map(IpAddr::from).or(record.ipv6.map(IpAddr::from));
        let found = self.known.first().zip(address);
        found.into_iter().flat_map(|(slots, address)| {
            let published = slots.at_address(address.into());
            let of_address = published.into_iter().flat_map(AddressSlots::slots);
            of_address.filter(|slot| slots.record(*slot) == Some(record))
        })
    }
}
