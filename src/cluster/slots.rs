//! The slots of one pattern that are occupied now.
//!
//! A slot is found by its number, and what is asked of all of them is counted or listed when one of
//! them changes: the cost of an answer does not grow with the cluster.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::addresses::AddressSet;
use super::entry::RangeDigest;
use super::pattern::{Pattern, SlotId};
use super::record::Record;

/// The value of a key that is occupied. A value that is not a record holds it as well: nobody can claim it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SlotValue {
    Record(Record),
    Unusable,
}

/// A key that exists.
#[derive(Clone, Copy, Debug)]
pub(super) struct Occupant {
    pub(super) content: SlotValue,
    pub(super) mod_revision: i64,
    /// Its index among the slots with a port, if it has one.
    port_index: u32,
}

impl Occupant {
    pub(super) fn new(content: SlotValue, mod_revision: i64) -> Self {
        Occupant { content, mod_revision, port_index: 0 }
    }

    pub(super) fn record(&self) -> Option<&Record> {
        match &self.content {
            SlotValue::Record(record) => Some(record),
            SlotValue::Unusable => None,
        }
    }
}

/// The slots of one pattern.
#[derive(Clone, Debug)]
pub(super) struct Slots {
    pub(super) pattern: Pattern,
    limit: u32,
    /// Slots 1..=limit, by index; grows as far as the highest one in use.
    dense: Vec<Option<Occupant>>,
    /// Slots above the limit, which other nodes may use; kept apart so that one stray key with a
    /// huge number costs no memory.
    sparse: BTreeMap<SlotId, Occupant>,
    occupied: usize,
    /// The number of those that have a record.
    named: usize,
    /// The addresses of the records.
    ipv4: AddressSet<4>,
    ipv6: AddressSet<16>,
    /// The slots whose records have a port. The last takes the place of one that goes.
    with_port: Vec<SlotId>,
    /// Other keys between those of the slots, with the revision of their last change: names of
    /// another pattern that begins alike. Known only to tell one history of etcd from another.
    strays: BTreeMap<Vec<u8>, i64>,
}

impl Slots {
    /// None occupied; `limit` is the highest slot that is expected.
    pub(super) fn new(pattern: Pattern, limit: u32) -> Self {
        Slots {
            pattern,
            limit,
            dense: Vec::new(),
            sparse: BTreeMap::new(),
            occupied: 0,
            named: 0,
            ipv4: AddressSet::new(),
            ipv6: AddressSet::new(),
            with_port: Vec::new(),
            strays: BTreeMap::new(),
        }
    }

    /// Returns the digest of the range of the slots' keys, without what changed after a revision.
    pub(super) fn digest(&self, up_to: i64) -> RangeDigest {
        let occupied = self.iter().map(|(_, occupant)| occupant.mod_revision);
        let revisions = occupied.chain(self.strays.values().copied());
        let mut digest = RangeDigest::default();
        for revision in revisions.filter(|revision| *revision <= up_to) {
            digest.newest = if digest.keys == 0 { revision } else { digest.newest.max(revision) };
            digest.keys += 1;
        }
        digest
    }

    /// The number of occupied slots.
    pub(super) fn occupied(&self) -> usize {
        self.occupied
    }

    /// The number of slots with a record.
    pub(super) fn named(&self) -> usize {
        self.named
    }

    pub(super) fn ipv4(&self) -> &AddressSet<4> {
        &self.ipv4
    }

    pub(super) fn ipv6(&self) -> &AddressSet<16> {
        &self.ipv6
    }

    pub(super) fn with_port(&self) -> &[SlotId] {
        &self.with_port
    }

    /// Returns how many records have an address.
    pub(super) fn at_address(&self, address: IpAddr) -> usize {
        match address {
            IpAddr::V4(ip) => self.ipv4.publishers(ip.octets()),
            IpAddr::V6(ip) => self.ipv6.publishers(ip.octets()),
        }
    }

    /// Tells the slots whose records have an address, lowest first, until one fails.
    pub(super) fn try_at_address<E>(
        &self,
        address: IpAddr,
        tell: impl FnMut(SlotId) -> Result<(), E>,
    ) -> Result<(), E> {
        match address {
            IpAddr::V4(ip) => self.ipv4.try_publishers(ip.octets(), tell),
            IpAddr::V6(ip) => self.ipv6.try_publishers(ip.octets(), tell),
        }
    }

    /// Notes a key that is no slot, unless a later change of it is known; without a value it was
    /// deleted.
    pub(super) fn note_stray(&mut self, name: &[u8], value: Option<&[u8]>, mod_revision: i64) {
        let (first, end) = (self.pattern.first_name(), self.pattern.end_name());
        if !(first.as_bytes() <= name && name < end.as_bytes()) {
            return;
        }
        if self.strays.get(name).is_some_and(|known| *known >= mod_revision) {
            return;
        }
        match value {
            Some(_) => self.strays.insert(name.to_vec(), mod_revision),
            None => self.strays.remove(name),
        };
    }

    pub(super) fn get(&self, id: SlotId) -> Option<&Occupant> {
        if id.get() <= self.limit {
            self.dense.get(id.index())?.as_ref()
        } else {
            self.sparse.get(&id)
        }
    }

    /// All occupied slots, lowest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (SlotId, &Occupant)> {
        let dense = self.dense.iter().enumerate().filter_map(|(index, occupant)| {
            let number = u32::try_from(index).ok()?.checked_add(1)?;
            Some((SlotId::new(number)?, occupant.as_ref()?))
        });
        dense.chain(self.sparse.iter().map(|(id, occupant)| (*id, occupant)))
    }

    pub(super) fn insert(&mut self, id: SlotId, mut occupant: Occupant) {
        self.remove(id);
        self.occupied += 1;
        if let SlotValue::Record(record) = occupant.content {
            occupant.port_index = u32::try_from(self.with_port.len()).unwrap_or(u32::MAX);
            self.publish(id, &record);
        }
        if id.get() <= self.limit {
            if self.dense.len() <= id.index() {
                self.dense.resize(id.index() + 1, None);
            }
            self.dense[id.index()] = Some(occupant);
        } else {
            self.sparse.insert(id, occupant);
        }
    }

    /// Returns whether it was occupied.
    pub(super) fn remove(&mut self, id: SlotId) -> bool {
        let previous = if id.get() <= self.limit {
            self.dense.get_mut(id.index()).and_then(Option::take)
        } else {
            self.sparse.remove(&id)
        };
        let Some(previous) = previous else { return false };
        self.occupied -= 1;
        if let SlotValue::Record(record) = previous.content {
            self.withdraw(id, &record, previous.port_index);
        }
        true
    }

    fn publish(&mut self, id: SlotId, record: &Record) {
        self.named += 1;
        if let Some(ip) = record.ipv4 {
            self.ipv4.insert(ip.octets(), id);
        }
        if let Some(ip) = record.ipv6 {
            self.ipv6.insert(ip.octets(), id);
        }
        if record.port.is_some() {
            self.with_port.push(id);
        }
    }

    fn withdraw(&mut self, id: SlotId, record: &Record, port_index: u32) {
        self.named -= 1;
        if let Some(ip) = record.ipv4 {
            self.ipv4.remove(ip.octets(), id);
        }
        if let Some(ip) = record.ipv6 {
            self.ipv6.remove(ip.octets(), id);
        }
        let index = port_index as usize;
        if record.port.is_none() || index >= self.with_port.len() {
            return;
        }
        self.with_port.swap_remove(index);
        let moved = self.with_port.get(index).copied().and_then(|moved| self.get_mut(moved));
        if let Some(moved) = moved {
            moved.port_index = port_index;
        }
    }

    fn get_mut(&mut self, id: SlotId) -> Option<&mut Occupant> {
        if id.get() <= self.limit {
            self.dense.get_mut(id.index())?.as_mut()
        } else {
            self.sparse.get_mut(&id)
        }
    }

    /// Forgets an address, and a slot above the limit or another key, to drop many a little at a
    /// time; `false`: there are none. All slots that are up to the limit lie in one piece, and are
    /// dropped at once. Only [`Slots::occupied`] is right from now on.
    pub(super) fn forget_one(&mut self) -> bool {
        let address = self.ipv4.forget_one() | self.ipv6.forget_one();
        if self.strays.pop_first().is_some() {
            return true;
        }
        let slot = self.sparse.pop_first();
        self.occupied -= usize::from(slot.is_some());
        slot.is_some() || address
    }
}

#[cfg(test)]
#[path = "slots_tests.rs"]
mod tests;
