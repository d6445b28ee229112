//! All names as a snapshot of etcd has them, beside a directory that answers until they are complete.

use std::sync::Arc;

use super::directory::Directory;
use super::entry::{Applied, Entry};
use super::keyspace::Keyspace;
use super::pattern::SlotId;
use super::slot_set::SlotSet;
use super::slots::Slots;

/// A directory that is filled from a snapshot of etcd. It begins as a copy of the old one, and shares
/// with it all that is alike, so that both together take little more memory than one; the old one stays
/// as it is, and may change meanwhile.
#[derive(Debug)]
pub struct SnapshotBuilder {
    keyspace: Arc<Keyspace>,
    /// In the order of [`Keyspace::names`].
    ranges: Vec<RangeBuilder>,
}

/// One range of names.
#[derive(Debug)]
struct RangeBuilder {
    slots: Slots,
    /// Those that the snapshot has, as far as it was read.
    read: SlotSet,
    /// From where on slots are looked for that it does not have; `None`: there are none.
    unread_from: Option<SlotId>,
}

impl SnapshotBuilder {
    /// Nothing of the snapshot was read yet.
    pub fn new(old: &Directory) -> Self {
        let keyspace = old.keyspace().clone();
        let range = |slots: &Slots| RangeBuilder {
            slots: slots.copy(),
            read: SlotSet::new(keyspace.limit),
            unread_from: Some(SlotId::FIRST),
        };
        let ranges = old.known.iter().map(range).collect();
        SnapshotBuilder { keyspace, ranges }
    }

    /// The keys under which the names lie in etcd.
    pub fn keyspace(&self) -> &Keyspace {
        &self.keyspace
    }

    /// Takes over one key of a range, by its index in [`Keyspace::ranges`], whatever the old directory
    /// knows of it.
    pub fn apply(&mut self, range: usize, entry: Entry<'_>) -> Applied {
        let Some(name) = self.keyspace.name_of(entry.key) else { return Applied::Ignored };
        let Some(range) = self.ranges.get_mut(range) else { return Applied::Ignored };
        let (slot, applied) = range.slots.read(name, entry);
        if let Some(slot) = slot {
            range.read.insert(slot);
        }
        applied
    }

    /// Looks at up to so many names that the old directory had, one at least, once all was read, and
    /// forgets those that the snapshot does not have; `false`: there are no more.
    pub fn forget_unread(&mut self, most: usize) -> bool {
        self.ranges.iter_mut().any(|range| range.forget_unread(most))
    }

    /// The directory as the snapshot has it, for [`Directory::replace`].
    pub fn finish(mut self) -> Directory {
        while self.forget_unread(usize::MAX) {}
        let known = self.ranges.into_iter().map(|range| range.slots).collect();
        Directory::with(self.keyspace, known)
    }
}

impl RangeBuilder {
    fn forget_unread(&mut self, most: usize) -> bool {
        // All that was read is there.
        if self.read.len() == self.slots.occupied {
            self.unread_from = None;
        }
        let Some(first) = self.unread_from else { return false };
        let slots = self.slots.iter_from(first).map(|(slot, _)| slot);
        let looked_at: Vec<SlotId> = slots.take(most.max(1)).collect();
        self.unread_from = looked_at.last().and_then(|last| last.next());
        for slot in looked_at {
            if !self.read.contains(slot) {
                self.slots.forget(slot);
            }
        }
        true
    }
}

#[cfg(test)]
#[path = "snapshot_tests.rs"]
mod tests;
