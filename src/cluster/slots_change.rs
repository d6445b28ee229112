//! The change of slots by an event, and with it of what is counted and listed of all of them.

use std::sync::Arc;

use super::Slots;
use crate::cluster::addresses::AddressSet;
use crate::cluster::details::Details;
use crate::cluster::drain::Standing;
use crate::cluster::drains::Drains;
use crate::cluster::entry::{Applied, Entry};
use crate::cluster::occupant::Occupant;
use crate::cluster::pattern::SlotId;
use crate::cluster::record::Record;
use crate::cluster::serial_base::SerialBase;

impl Slots {
    /// Applies a key, whose name this is; see [`crate::cluster::Directory::apply`].
    pub(in crate::cluster) fn apply(&mut self, name: &[u8], entry: Entry<'_>) -> Applied {
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
    pub(in crate::cluster) fn read(
        &mut self,
        name: &[u8],
        entry: Entry<'_>,
    ) -> (Option<SlotId>, Applied) {
        match self.names.slot_of(name) {
            Some(id) => {
                let applied = self.put(id, entry);
                (Some(id).filter(|id| self.get(*id).is_some()), applied)
            }
            None => (None, self.apply(name, entry)),
        }
    }

    pub(super) fn put(&mut self, id: SlotId, entry: Entry<'_>) -> Applied {
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
        self.occupy(id, occupant, details);
        applied
    }

    /// Applies the drain of a slot.
    fn apply_drain(&mut self, id: SlotId, entry: Entry<'_>) -> Applied {
        self.change_drain(id, |drains| drains.apply(id, entry))
    }

    /// The same of a drain that was read, whatever is known of it; `None`: there is none.
    pub(in crate::cluster) fn read_drain(
        &mut self,
        id: SlotId,
        entry: Option<Entry<'_>>,
    ) -> Applied {
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

    pub(super) fn insert(&mut self, id: SlotId, occupant: Occupant) {
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
    pub(in crate::cluster) fn forget(&mut self, id: SlotId) {
        self.changes += u64::from(self.record(id).is_some());
        self.remove(id);
    }

    /// Puts into a slot who has it, and what that tells besides.
    pub(super) fn occupy(&mut self, id: SlotId, occupant: Occupant, details: Option<Arc<Details>>) {
        self.change(id, |slots| {
            slots.details.set(id, details);
            slots.insert(id, occupant);
        });
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

    /// Returns whether it was occupied.
    pub(super) fn remove(&mut self, id: SlotId) -> bool {
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
    pub(in crate::cluster) fn forget_piece(&mut self) -> bool {
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
