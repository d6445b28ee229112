//! The slots of one range of names that are occupied now.
//!
//! A slot is found by its number, and what is asked of all of them is counted or listed when one of
//! them changes: the cost of an answer does not grow with the cluster.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::address_slots::AddressSlots;
use super::addresses::{AddressSet, Published, SoughtAddress};
use super::details::{DetailTable, Details};
use super::drain::Standing;
use super::drains::Drains;
use super::entry::{Entry, KeyVersion, Latest, RangeDigest};
use super::group_services::GroupServices;
use super::journal::PublishedNode;
use super::names::Names;
use super::occupant::Occupant;
use super::pattern::{Pattern, SlotId};
use super::record::Record;
use super::serial_base::SerialBase;
use super::slot_set::SlotSet;
use super::slot_table::SlotTable;

#[path = "slots_change.rs"]
mod change;
#[path = "slots_transferred.rs"]
mod transferred;

/// The names of one range as they are now: the slots of a pattern, or the one slot of a single name.
#[derive(Clone, Debug)]
pub struct Slots {
    /// The names.
    pub names: Names,
    /// The name that stands for all slots of a pattern.
    pub(super) group: Option<String>,
    occupants: SlotTable<Occupant>,
    pub(super) occupied: usize,
    /// The number of those that have a record.
    pub(super) named: usize,
    /// The number of those that are in the group.
    pub(super) grouped: usize,
    /// How often the record of a slot came, went, or became another, or came into the group or out of it.
    pub(super) changes: u64,
    /// The addresses of the nodes in the group.
    ipv4: AddressSet<4>,
    ipv6: AddressSet<16>,
    /// Those of the others: mostly there are none. An address may be here and there.
    ipv4_outside: AddressSet<4>,
    ipv6_outside: AddressSet<16>,
    /// The slots in the group whose records have a port.
    with_port: SlotSet,
    drains: Drains,
    details: DetailTable,
    group_services: GroupServices,
    /// The base of the serial, as etcd has it under one of the other keys; 0: it has none.
    pub(super) stored_base: SerialBase,
    /// Other keys between those of the slots, with the revision of their last change and its
    /// fingerprint: names of another pattern that begins alike. Known only to tell one history of etcd
    /// from another.
    strays: BTreeMap<Vec<u8>, KeyVersion>,
}

impl Slots {
    /// None occupied; `limit` is the highest slot that is expected.
    pub(super) fn new(names: Names, limit: u32) -> Self {
        Slots {
            group: names.pattern().map(Pattern::group),
            names,
            occupants: SlotTable::new(limit),
            occupied: 0,
            named: 0,
            grouped: 0,
            changes: 0,
            ipv4: AddressSet::new(),
            ipv6: AddressSet::new(),
            ipv4_outside: AddressSet::new(),
            ipv6_outside: AddressSet::new(),
            with_port: SlotSet::new(limit),
            drains: Drains::default(),
            details: DetailTable::default(),
            group_services: GroupServices::default(),
            stored_base: SerialBase::default(),
            strays: BTreeMap::new(),
        }
    }

    /// A copy that a snapshot is read into: what etcd has besides names is not in it, drains included.
    pub(super) fn copy(&self) -> Slots {
        Slots {
            names: self.names.clone(),
            group: self.group.clone(),
            occupants: self.occupants.clone(),
            occupied: self.occupied,
            named: self.named,
            grouped: self.grouped,
            changes: 0,
            ipv4: self.ipv4.clone(),
            ipv6: self.ipv6.clone(),
            ipv4_outside: self.ipv4_outside.clone(),
            ipv6_outside: self.ipv6_outside.clone(),
            with_port: self.with_port.clone(),
            drains: Drains::default(),
            details: self.details.clone(),
            group_services: self.group_services.clone(),
            stored_base: SerialBase::default(),
            strays: BTreeMap::new(),
        }
    }

    /// A copy of all names, drains included.
    pub(super) fn copy_with_drains(&self) -> Slots {
        Slots { drains: self.drains.clone(), ..self.copy() }
    }

    /// Returns the IPv4 addresses of the nodes in the group, which are ready and not drained: each once
    /// however many of them have it, in no certain order.
    pub fn ipv4(&self) -> &[[u8; 4]] {
        self.ipv4.distinct()
    }

    /// The same of IPv6.
    pub fn ipv6(&self) -> &[[u8; 16]] {
        self.ipv6.distinct()
    }

    /// Returns the slots in the group whose records have a port, lowest first.
    pub fn with_port(&self) -> impl Iterator<Item = SlotId> {
        self.with_port.iter()
    }

    /// The number of slots in the group whose records have a port.
    pub fn ports(&self) -> usize {
        self.with_port.len()
    }

    /// What keeps the node of a slot out of the group, if anything does.
    pub fn standing(&self, id: SlotId) -> Standing<'_> {
        let occupant = self.get(id);
        Standing {
            is_ready: occupant.is_none_or(|occupant| occupant.is_ready),
            drain: occupant.and_then(|it| self.drains.of(id, it.fingerprint)).map(Arc::as_ref),
        }
    }

    /// The record of a slot.
    pub fn record(&self, id: SlotId) -> Option<&Record> {
        self.get(id)?.record.as_ref()
    }

    /// What the node of a slot tells besides its record.
    #[inline]
    pub fn details(&self, id: SlotId) -> Option<&Arc<Details>> {
        self.details.get(id)
    }

    /// The services of the nodes in the group.
    pub fn group_services(&self) -> &GroupServices {
        &self.group_services
    }

    /// The slots in the group whose records have an address, if there are any.
    #[inline]
    pub(super) fn inside_at(&self, sought: SoughtAddress) -> Option<Published<'_>> {
        match sought {
            SoughtAddress::V4(sought) => self.ipv4.get(sought),
            SoughtAddress::V6(sought) => self.ipv6.get(sought),
        }
    }

    /// The same of those that are not in the group.
    #[inline]
    fn outside_at(&self, sought: SoughtAddress) -> Option<Published<'_>> {
        // Mostly all are in it, and nothing is to be looked up.
        if self.grouped == self.named {
            return None;
        }
        match sought {
            SoughtAddress::V4(sought) => self.ipv4_outside.get(sought),
            SoughtAddress::V6(sought) => self.ipv6_outside.get(sought),
        }
    }

    /// The slots whose records have an address, if there are any.
    #[inline]
    pub(super) fn at_address(&self, sought: SoughtAddress) -> Option<AddressSlots<'_>> {
        AddressSlots::new(self.inside_at(sought), self.outside_at(sought))
    }

    pub(super) fn get(&self, id: SlotId) -> Option<&Occupant> {
        self.occupants.get(id)
    }

    pub(super) fn of_name(&self, name: &[u8]) -> Option<&Occupant> {
        self.get(self.names.slot_of(name)?)
    }

    /// All occupied slots, lowest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (SlotId, &Occupant)> {
        self.iter_from(SlotId::FIRST)
    }

    /// Those from this one on.
    pub(super) fn iter_from(&self, first: SlotId) -> impl Iterator<Item = (SlotId, &Occupant)> {
        self.occupants.iter_from(first)
    }

    /// The revisions of the last changes of all keys, without those after a revision.
    fn revisions(&self, up_to: i64) -> impl Iterator<Item = i64> {
        let occupied = self.iter().map(|(_, occupant)| occupant.mod_revision);
        let strays = self.strays.values().map(|(revision, _)| *revision);
        occupied
            .chain(self.drains.revisions())
            .chain(strays)
            .filter(move |revision| *revision <= up_to)
    }

    /// Returns the digest of the range of the slots' keys, without what changed after a revision.
    pub(super) fn digest(&self, up_to: i64) -> RangeDigest {
        let mut digest = RangeDigest::default();
        for revision in self.revisions(up_to) {
            digest.newest = if digest.keys == 0 { revision } else { digest.newest.max(revision) };
            digest.keys += 1;
        }
        digest
    }

    /// Whether these are the keys that changed last, without what changed after a revision.
    pub(super) fn agree(&self, up_to: i64, latest: &Latest<'_>, prefix: &[u8]) -> bool {
        let (mut keys, mut changed) = (0, 0);
        for revision in self.revisions(up_to) {
            keys += 1;
            changed += usize::from(revision > latest.after);
        }
        let is_known = |entry: &Entry<'_>| {
            let name = entry.key.strip_prefix(prefix);
            let version = name.and_then(|name| self.version(name));
            version.is_some_and(|(modified, fingerprint)| {
                modified == entry.mod_revision
                    && (fingerprint == entry.fingerprint || !latest.has_values)
            })
        };
        (keys, changed) == (latest.keys, latest.entries.len())
            && latest.entries.iter().all(is_known)
    }

    /// The revision of a key's last change, and its fingerprint.
    pub(super) fn version(&self, name: &[u8]) -> Option<KeyVersion> {
        if let Some(id) = self.names.slot_of(name) {
            return self.get(id).map(|occupant| (occupant.mod_revision, occupant.fingerprint));
        }
        match self.names.drained_slot_of(name) {
            Some(id) => self.drains.version(id),
            None => self.strays.get(name).copied(),
        }
    }

    /// What a slot publishes.
    pub(super) fn published(&self, id: SlotId) -> Option<PublishedNode> {
        self.published_by(id, self.get(id)?)
    }

    pub(super) fn published_by(&self, id: SlotId, occupant: &Occupant) -> Option<PublishedNode> {
        let Occupant { record, fingerprint, is_ready, is_in_group, .. } = *occupant;
        // Mostly it is, and nothing is to be looked up.
        let drain = if is_in_group { None } else { self.drains.of(id, fingerprint).cloned() };
        let details = self.details.get(id).cloned();
        Some(PublishedNode { record: record?, is_ready, drain, details })
    }
}

#[cfg(test)]
#[path = "slots_tests.rs"]
mod tests;
