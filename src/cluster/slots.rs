//! The slots of one range of names that are occupied now, and their change by an event.
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
use super::entry::{Applied, Entry, KeyVersion, Latest, RangeDigest};
use super::group_services::GroupServices;
use super::journal::PublishedNode;
use super::names::Names;
use super::occupant::Occupant;
use super::pattern::{Pattern, SlotId};
use super::record::Record;
use super::serial_base::SerialBase;
use super::slot_set::SlotSet;
use super::slot_table::SlotTable;

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

    /// Changes a slot, and what is listed of its services.
    fn change<T>(&mut self, id: SlotId, change: impl FnOnce(&mut Slots) -> T) -> T {
        let before = self.details_in_group(id);
        let changed = change(self);
        let after = self.details_in_group(id);
        if before != after {
            self.group_services.change(id, before.as_deref(), after.as_deref());
        }
        changed
    }

    fn details_in_group(&self, id: SlotId) -> Option<Arc<Details>> {
        self.details.get(id).filter(|_| self.get(id).is_some_and(|it| it.is_in_group)).cloned()
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

    /// Applies a key, whose name this is; see [`super::Directory::apply`].
    pub(super) fn apply(&mut self, name: &[u8], entry: Entry<'_>) -> Applied {
        let Some(id) = self.names.slot_of(name) else {
            if let Some(id) = self.names.drained_slot_of(name) {
                return self.apply_drain(id, entry);
            }
            self.note_stray(name, entry);
            return Applied::Ignored;
        };
        let known = self.get(id);
        if known.is_some_and(|known| known.mod_revision >= entry.mod_revision) {
            return Applied::Ignored;
        }
        self.put(id, entry)
    }

    /// Applies a key as a snapshot has it, whatever is known of it. Returns the slot that it holds.
    pub(super) fn read(&mut self, name: &[u8], entry: Entry<'_>) -> (Option<SlotId>, Applied) {
        match self.names.slot_of(name) {
            Some(id) => {
                let applied = self.put(id, entry);
                (Some(id).filter(|id| self.get(*id).is_some()), applied)
            }
            None => (None, self.apply(name, entry)),
        }
    }

    fn put(&mut self, id: SlotId, entry: Entry<'_>) -> Applied {
        let known = self.get(id);
        let before =
            known.and_then(|known| Some((known.record?, known.is_ready, known.is_in_group)));
        let Some(value) = entry.value else {
            self.changes += u64::from(before.is_some());
            return if self.remove(id) { Applied::Changed } else { Applied::Ignored };
        };
        let Entry { mod_revision, fingerprint, .. } = entry;
        let (record, details, applied) = match Record::parse_all(value, mod_revision) {
            Ok((record, is_ready, details)) => {
                (Some((record, is_ready)), details, Applied::Changed)
            }
            Err(error) => (None, None, Applied::Unusable(error)),
        };
        let is_ready = record.is_none_or(|(_, is_ready)| is_ready);
        let is_in_group = is_ready && self.drains.of(id, fingerprint).is_none();
        let record = record.map(|(record, _)| record);
        let after = record.map(|record| (record, is_ready, is_in_group));
        self.changes += u64::from(before != after || self.details.get(id) != details.as_ref());
        let has_details = details.is_some();
        let occupant =
            Occupant { record, fingerprint, mod_revision, is_ready, is_in_group, has_details };
        self.change(id, |slots| {
            slots.details.set(id, details);
            slots.insert(id, occupant);
        });
        applied
    }

    /// Applies the drain of a slot.
    fn apply_drain(&mut self, id: SlotId, entry: Entry<'_>) -> Applied {
        self.change_drain(id, |drains| drains.apply(id, entry))
    }

    /// The same of a drain that was read, whatever is known of it; `None`: there is none.
    pub(super) fn read_drain(&mut self, id: SlotId, entry: Option<Entry<'_>>) -> Applied {
        self.change_drain(id, |drains| drains.read(id, entry))
    }

    fn change_drain(&mut self, id: SlotId, change: impl FnOnce(&mut Drains) -> bool) -> Applied {
        let before = self.standing(id).drain.cloned();
        if !change(&mut self.drains) {
            return Applied::Ignored;
        }
        let Standing { is_ready, drain } = self.standing(id);
        let (is_in_group, is_changed) = (is_ready && drain.is_none(), drain != before.as_ref());
        self.changes += u64::from(is_changed);
        if let Some(occupant) = self.get(id).copied()
            && occupant.is_in_group != is_in_group
        {
            self.change(id, |slots| slots.insert(id, Occupant { is_in_group, ..occupant }));
        }
        Applied::Changed
    }

    /// Notes a key that is no slot, unless a later change of it is known.
    fn note_stray(&mut self, name: &[u8], entry: Entry<'_>) {
        let (first, end) = self.names.range();
        let is_known = self.strays.get(name).is_some_and(|(known, _)| *known >= entry.mod_revision);
        if is_known || !(first.as_bytes()..end.as_bytes()).contains(&name) {
            return;
        }
        let version = (entry.mod_revision, entry.fingerprint);
        if self.names.pattern().is_some_and(|pattern| pattern.is_serial_base_name(name)) {
            self.stored_base = entry.value.and_then(SerialBase::parse).unwrap_or_default();
        }
        match entry.value {
            Some(_) => self.strays.insert(name.to_vec(), version),
            None => self.strays.remove(name),
        };
    }

    fn insert(&mut self, id: SlotId, occupant: Occupant) {
        if self.get(id) == Some(&occupant) {
            return;
        }
        let before = self.occupants.insert(id, occupant);
        self.occupied += usize::from(before.is_none());
        let published = |it: Occupant| Some((it.record?, it.is_in_group));
        let (before, after) = (before.and_then(published), published(occupant));
        if before == after {
            return;
        }
        if let Some((record, is_in_group)) = before {
            self.withdraw(id, &record, is_in_group);
        }
        if let Some((record, is_in_group)) = after {
            self.publish(id, &record, is_in_group);
        }
    }

    /// Takes a slot away that a snapshot does not have.
    pub(super) fn forget(&mut self, id: SlotId) {
        self.changes += u64::from(self.record(id).is_some());
        self.remove(id);
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

    /// Returns whether it was occupied.
    fn remove(&mut self, id: SlotId) -> bool {
        let removed = self.change(id, |slots| {
            let removed = slots.occupants.remove(id);
            slots.details.set(id, None);
            removed
        });
        let Some(previous) = removed else { return false };
        self.occupied -= 1;
        if let Some(record) = previous.record {
            self.withdraw(id, &record, previous.is_in_group);
        }
        true
    }

    fn publish(&mut self, id: SlotId, record: &Record, is_in_group: bool) {
        self.named += 1;
        self.grouped += usize::from(is_in_group);
        let (ipv4, ipv6) = self.addresses_mut(is_in_group);
        if let Some(ip) = record.ipv4 {
            ipv4.insert(ip.octets(), id);
        }
        if let Some(ip) = record.ipv6 {
            ipv6.insert(ip.octets(), id);
        }
        if record.port.is_some() && is_in_group {
            self.with_port.insert(id);
        }
    }

    fn withdraw(&mut self, id: SlotId, record: &Record, is_in_group: bool) {
        self.named -= 1;
        self.grouped -= usize::from(is_in_group);
        let (ipv4, ipv6) = self.addresses_mut(is_in_group);
        if let Some(ip) = record.ipv4 {
            ipv4.remove(ip.octets(), id);
        }
        if let Some(ip) = record.ipv6 {
            ipv6.remove(ip.octets(), id);
        }
        if record.port.is_some() && is_in_group {
            self.with_port.remove(id);
        }
    }

    /// The addresses of the nodes that are in the group, or of the others.
    fn addresses_mut(&mut self, is_in_group: bool) -> (&mut AddressSet<4>, &mut AddressSet<16>) {
        if is_in_group {
            (&mut self.ipv4, &mut self.ipv6)
        } else {
            (&mut self.ipv4_outside, &mut self.ipv6_outside)
        }
    }

    /// Forgets a few addresses, a few slots, or another key, to drop many a little at a time; `false`:
    /// there are none. Only `occupied` is right from now on.
    pub(super) fn forget_piece(&mut self) -> bool {
        let has_forgotten = self.ipv4.forget_shard()
            || self.ipv6.forget_shard()
            || self.ipv4_outside.forget_shard()
            || self.ipv6_outside.forget_shard()
            || self.strays.pop_first().is_some()
            || self.details.forget_one()
            || self.group_services.forget_one()
            || self.drains.forget_one();
        if has_forgotten {
            return true;
        }
        let slots = self.occupants.forget_piece();
        self.occupied -= slots.unwrap_or(0);
        slots.is_some()
    }
}

#[cfg(test)]
#[path = "slots_tests.rs"]
mod tests;
