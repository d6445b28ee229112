//! The slots of one range of names that are occupied now, and their change by an event.
//!
//! A slot is found by its number, and what is asked of all of them is counted or listed when one of
//! them changes: the cost of an answer does not grow with the cluster.

use std::collections::BTreeMap;

use super::addresses::{AddressSet, Published, SoughtAddress};
use super::entry::{Applied, Entry, KeyVersion, Latest, RangeDigest};
use super::names::Names;
use super::occupant::Occupant;
use super::pattern::{Pattern, SlotId};
use super::record::Record;
use super::slot_set::SlotSet;
use super::slot_table::SlotTable;

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
    /// How often the record of a slot came, went, or became another.
    pub(super) changes: u64,
    /// The addresses of the records.
    ipv4: AddressSet<4>,
    ipv6: AddressSet<16>,
    /// The slots whose records have a port.
    with_port: SlotSet,
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
            changes: 0,
            ipv4: AddressSet::new(),
            ipv6: AddressSet::new(),
            with_port: SlotSet::new(limit),
            strays: BTreeMap::new(),
        }
    }

    /// A copy that a snapshot is read into: what etcd has besides names is not in it.
    pub(super) fn copy(&self) -> Slots {
        Slots {
            names: self.names.clone(),
            group: self.group.clone(),
            occupants: self.occupants.clone(),
            occupied: self.occupied,
            named: self.named,
            changes: 0,
            ipv4: self.ipv4.clone(),
            ipv6: self.ipv6.clone(),
            with_port: self.with_port.clone(),
            strays: BTreeMap::new(),
        }
    }

    /// Returns the IPv4 addresses, each once however many nodes have it, in no certain order.
    pub fn ipv4(&self) -> &[[u8; 4]] {
        self.ipv4.distinct()
    }

    /// Returns the IPv6 addresses, each once however many nodes have it, in no certain order.
    pub fn ipv6(&self) -> &[[u8; 16]] {
        self.ipv6.distinct()
    }

    /// Returns the slots whose records have a port, lowest first.
    pub fn with_port(&self) -> impl Iterator<Item = SlotId> {
        self.with_port.iter()
    }

    /// The number of slots whose records have a port.
    pub fn ports(&self) -> usize {
        self.with_port.len()
    }

    /// The record of a slot.
    pub fn record(&self, id: SlotId) -> Option<&Record> {
        self.get(id)?.record.as_ref()
    }

    /// The slots whose records have an address, if there are any.
    #[inline]
    pub(super) fn at_address(&self, sought: SoughtAddress) -> Option<Published<'_>> {
        match sought {
            SoughtAddress::V4(sought) => self.ipv4.get(sought),
            SoughtAddress::V6(sought) => self.ipv6.get(sought),
        }
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
        occupied.chain(strays).filter(move |revision| *revision <= up_to)
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
        match self.names.slot_of(name) {
            Some(id) => self.get(id).map(|occupant| (occupant.mod_revision, occupant.fingerprint)),
            None => self.strays.get(name).copied(),
        }
    }

    /// Applies a key, whose name this is; see [`super::Directory::apply`].
    pub(super) fn apply(&mut self, name: &[u8], entry: Entry<'_>) -> Applied {
        let Some(id) = self.names.slot_of(name) else {
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
        let before = self.record(id).copied();
        let Some(value) = entry.value else {
            self.changes += u64::from(before.is_some());
            return if self.remove(id) { Applied::Changed } else { Applied::Ignored };
        };
        let (record, applied) = match Record::parse(value) {
            Ok(record) => (Some(record), Applied::Changed),
            Err(error) => (None, Applied::Unusable(error)),
        };
        self.changes += u64::from(before != record);
        let Entry { mod_revision, fingerprint, .. } = entry;
        self.insert(id, Occupant { record, fingerprint, mod_revision });
        applied
    }

    /// Notes a key that is no slot, unless a later change of it is known.
    fn note_stray(&mut self, name: &[u8], entry: Entry<'_>) {
        let (first, end) = self.names.range();
        let is_known = self.strays.get(name).is_some_and(|(known, _)| *known >= entry.mod_revision);
        if is_known || !(first.as_bytes()..end.as_bytes()).contains(&name) {
            return;
        }
        let version = (entry.mod_revision, entry.fingerprint);
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
        let before = before.and_then(|before| before.record);
        if before == occupant.record {
            return;
        }
        if let Some(record) = before {
            self.withdraw(id, &record);
        }
        if let Some(record) = occupant.record {
            self.publish(id, &record);
        }
    }

    /// Returns whether it was occupied.
    pub(super) fn remove(&mut self, id: SlotId) -> bool {
        let Some(previous) = self.occupants.remove(id) else { return false };
        self.occupied -= 1;
        if let Some(record) = previous.record {
            self.withdraw(id, &record);
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
            self.with_port.insert(id);
        }
    }

    fn withdraw(&mut self, id: SlotId, record: &Record) {
        self.named -= 1;
        if let Some(ip) = record.ipv4 {
            self.ipv4.remove(ip.octets(), id);
        }
        if let Some(ip) = record.ipv6 {
            self.ipv6.remove(ip.octets(), id);
        }
        if record.port.is_some() {
            self.with_port.remove(id);
        }
    }

    /// Forgets a few addresses, a few slots, or another key, to drop many a little at a time; `false`:
    /// there are none. Only `occupied` is right from now on.
    pub(super) fn forget_piece(&mut self) -> bool {
        if self.ipv4.forget_shard() || self.ipv6.forget_shard() || self.strays.pop_first().is_some()
        {
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
