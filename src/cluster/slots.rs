//! The slots of one pattern that are occupied now.
//!
//! A slot is found by its number, so the cost of a lookup does not grow with the cluster.

use std::collections::BTreeMap;

use super::entry::RangeDigest;
use super::pattern::{Pattern, SlotId};
use super::record::Record;

/// What occupies a key. A value that is not a record holds it as well: nobody can claim it.
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
}

impl Occupant {
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
    /// Other keys between those of the slots, with the revision of their last change: names of
    /// another pattern that begins alike. KnownRange only to tell one history of etcd from another.
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
            strays: BTreeMap::new(),
        }
    }

    /// All records, beginning somewhere else for each `rotation`, so that nobody is always first.
    pub(super) fn rotated(&self, rotation: usize) -> impl Iterator<Item = (SlotId, &Record)> {
        let start = rotation.checked_rem(self.dense.len()).unwrap_or(0);
        let (before, after) = self.dense.split_at(start);
        let numbered = (start + 1..).zip(after).chain((1..).zip(before));
        let dense = numbered.filter_map(|(number, occupant)| {
            Some((SlotId::new(u32::try_from(number).ok()?)?, occupant.as_ref()?))
        });
        dense
            .chain(self.sparse.iter().map(|(id, occupant)| (*id, occupant)))
            .filter_map(|(id, occupant)| Some((id, occupant.record()?)))
    }

    /// What is known of the range of the slots' keys, without what changed after a revision.
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

    /// How many slots are occupied.
    pub(super) fn occupied(&self) -> usize {
        self.occupied
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

    pub(super) fn insert(&mut self, id: SlotId, occupant: Occupant) {
        let previous = if id.get() <= self.limit {
            if self.dense.len() <= id.index() {
                self.dense.resize(id.index() + 1, None);
            }
            self.dense[id.index()].replace(occupant)
        } else {
            self.sparse.insert(id, occupant)
        };
        self.occupied += usize::from(previous.is_none());
    }

    /// Whether it was occupied.
    pub(super) fn remove(&mut self, id: SlotId) -> bool {
        let previous = if id.get() <= self.limit {
            self.dense.get_mut(id.index()).and_then(Option::take)
        } else {
            self.sparse.remove(&id)
        };
        self.occupied -= usize::from(previous.is_some());
        previous.is_some()
    }

    /// Forgets a slot above the limit, or another key; `false`: there are none. All that are up to
    /// the limit lie in one piece, and are dropped at once.
    pub(super) fn forget_one(&mut self) -> bool {
        if self.strays.pop_first().is_some() {
            return true;
        }
        let slot = self.sparse.pop_first();
        self.occupied -= usize::from(slot.is_some());
        slot.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotation_begins_elsewhere_and_misses_nobody() {
        let pattern = Pattern::parse("worker{{.ID}}.tf.local.", 5).expect("a good pattern");
        let mut slots = Slots::new(pattern, 5);
        assert_eq!(slots.rotated(3).count(), 0);
        let record = Record { ipv4: Some([10, 0, 0, 1].into()), ..Record::default() };
        for number in [1, 2, 4, 9] {
            let id = SlotId::new(number).expect("not 0");
            slots.insert(id, Occupant { content: SlotValue::Record(record), mod_revision: 7 });
        }
        let order =
            |rotation| -> Vec<u32> { slots.rotated(rotation).map(|(id, _)| id.get()).collect() };
        assert_eq!(order(0), [1, 2, 4, 9]);
        assert_eq!(order(1), [2, 4, 1, 9]);
        assert_eq!(order(3), [4, 1, 2, 9]);
        assert_eq!(order(4), order(0));
    }

    #[test]
    fn slots_within_and_above_the_limit_come_and_go() {
        let pattern = Pattern::parse("worker{{.ID}}.tf.local.", 5).expect("a good pattern");
        let mut slots = Slots::new(pattern, 5);
        let numbers = [3, 5, 6, 4_000_000_000].map(|number| SlotId::new(number).expect("not 0"));
        for id in numbers {
            slots.insert(id, Occupant { content: SlotValue::Unusable, mod_revision: 7 });
            slots.insert(id, Occupant { content: SlotValue::Unusable, mod_revision: 8 });
        }
        assert!(slots.iter().map(|(id, _)| id).eq(numbers));
        assert_eq!(slots.dense.len(), 5);
        assert_eq!(slots.digest(i64::MAX), RangeDigest { keys: 4, newest: 8 });
        assert_eq!(slots.digest(7), RangeDigest::default());
        for id in numbers {
            assert!(slots.get(id).is_some_and(|occupant| occupant.mod_revision == 8));
            assert!(slots.remove(id) && !slots.remove(id));
        }
        assert_eq!(slots.digest(i64::MAX), RangeDigest::default());
    }
}
