//! All slots that are known now, changed by a snapshot of etcd and by the events that follow it.
//!
//! A slot is found by its number, so the cost of a lookup does not grow with the cluster.

use std::collections::BTreeMap;

use super::{Pattern, Record, RecordError, SlotId};

/// One key of etcd, as a snapshot or an event tells it.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The key: a domain name in lower case with the final dot.
    pub key: &'a [u8],
    /// The value; `None` says that the key was deleted.
    pub value: Option<&'a [u8]>,
    /// The revision of etcd that changed the key last.
    pub mod_revision: i64,
}

/// What an [`Entry`] did to the directory.
#[derive(Debug, PartialEq, Eq)]
pub enum Applied {
    /// The directory answers differently now, or might.
    Changed,
    /// The value is not a record, and this is the first time that this value is seen: tell it.
    Unusable(RecordError),
    /// Nothing changed: not a slot of the pattern, or known already.
    Ignored,
}

/// Whether the directory can be answered from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// Nothing was read from etcd yet: what is not here may exist all the same.
    Empty,
    /// As etcd was at [`Directory::revision`], changes included as they come.
    Synced,
}

/// What occupies a slot. A value that is not a record holds the slot as well: nobody can claim it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Occupant {
    Record(Record),
    Unusable,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    occupant: Occupant,
    mod_revision: i64,
}

/// The slots of one pattern.
#[derive(Clone, Debug)]
pub struct Directory {
    pattern: Pattern,
    limit: u32,
    /// Slots 1..=limit, by index; grows as far as the highest one in use.
    dense: Vec<Option<Slot>>,
    /// Slots above the limit, which other nodes may use; kept apart so that one stray key with a
    /// huge number costs no memory.
    sparse: BTreeMap<SlotId, Slot>,
    occupied: usize,
    revision: i64,
    freshness: Freshness,
}

impl Directory {
    /// An empty directory; `limit` is the highest slot that this node may claim.
    pub fn new(pattern: Pattern, limit: u32) -> Self {
        Directory {
            pattern,
            limit,
            dense: Vec::new(),
            sparse: BTreeMap::new(),
            occupied: 0,
            revision: 0,
            freshness: Freshness::Empty,
        }
    }

    /// The pattern that the names follow.
    pub fn pattern(&self) -> &Pattern {
        &self.pattern
    }

    /// The highest slot that this node may claim.
    pub fn limit(&self) -> u32 {
        self.limit
    }

    /// The revision of etcd that the directory stands at; 0 before the first snapshot.
    pub fn revision(&self) -> i64 {
        self.revision
    }

    /// Whether the directory can be answered from.
    pub fn freshness(&self) -> Freshness {
        self.freshness
    }

    /// How many slots are occupied.
    pub fn len(&self) -> usize {
        self.occupied
    }

    /// Whether no slot is occupied.
    pub fn is_empty(&self) -> bool {
        self.occupied == 0
    }

    /// The record in a slot, if it holds one.
    pub fn record(&self, slot: SlotId) -> Option<&Record> {
        match self.slot(slot) {
            Some(Slot { occupant: Occupant::Record(record), .. }) => Some(record),
            _ => None,
        }
    }

    /// Whether the slot's key exists, whatever its value.
    pub fn is_occupied(&self, slot: SlotId) -> bool {
        self.slot(slot).is_some()
    }

    /// All records, lowest slot first.
    pub fn records(&self) -> impl Iterator<Item = (SlotId, &Record)> {
        let dense = self.dense.iter().enumerate().filter_map(|(index, slot)| {
            let number = u32::try_from(index).ok()?.checked_add(1)?;
            Some((SlotId::new(number)?, slot.as_ref()?))
        });
        let sparse = self.sparse.iter().map(|(id, slot)| (*id, slot));
        dense.chain(sparse).filter_map(|(id, slot)| match &slot.occupant {
            Occupant::Record(record) => Some((id, record)),
            Occupant::Unusable => None,
        })
    }

    /// Applies one key. An event that is older than what is known changes nothing, so that a
    /// stream may be read again from an earlier revision.
    pub fn apply(&mut self, entry: Entry<'_>) -> Applied {
        let Some(id) = self.pattern.slot_of(entry.key) else {
            return Applied::Ignored;
        };
        let known = self.slot(id).copied();
        if known.is_some_and(|slot| slot.mod_revision >= entry.mod_revision) {
            return Applied::Ignored;
        }
        let Some(value) = entry.value else {
            return self.remove(id);
        };
        let (occupant, applied) = match Record::parse(value) {
            Ok(record) => (Occupant::Record(record), Applied::Changed),
            Err(error) => (Occupant::Unusable, Applied::Unusable(error)),
        };
        self.insert(id, Slot { occupant, mod_revision: entry.mod_revision });
        applied
    }

    /// Moves on to a revision whose events were all applied.
    pub fn advance(&mut self, revision: i64) {
        self.revision = self.revision.max(revision);
    }

    /// An empty directory with the same pattern and limit, to be filled from a snapshot.
    pub fn emptied(&self) -> Directory {
        Directory::new(self.pattern.clone(), self.limit)
    }

    /// Takes over a complete snapshot, read at `revision`. The old one answered until now.
    pub fn replace(&mut self, snapshot: Directory, revision: i64) {
        *self = snapshot;
        self.revision = revision;
        self.freshness = Freshness::Synced;
    }

    /// Whether this very version of a key is known as unusable, and was told before.
    pub fn knows_unusable(&self, key: &[u8], mod_revision: i64) -> bool {
        self.pattern.slot_of(key).and_then(|id| self.slot(id)).is_some_and(|slot| {
            slot.occupant == Occupant::Unusable && slot.mod_revision == mod_revision
        })
    }

    fn slot(&self, id: SlotId) -> Option<&Slot> {
        if id.get() <= self.limit {
            self.dense.get(id.index())?.as_ref()
        } else {
            self.sparse.get(&id)
        }
    }

    fn insert(&mut self, id: SlotId, slot: Slot) {
        let previous = if id.get() <= self.limit {
            if self.dense.len() <= id.index() {
                self.dense.resize(id.index() + 1, None);
            }
            self.dense[id.index()].replace(slot)
        } else {
            self.sparse.insert(id, slot)
        };
        self.occupied += usize::from(previous.is_none());
    }

    fn remove(&mut self, id: SlotId) -> Applied {
        let previous = if id.get() <= self.limit {
            self.dense.get_mut(id.index()).and_then(Option::take)
        } else {
            self.sparse.remove(&id)
        };
        if previous.is_none() {
            return Applied::Ignored;
        }
        self.occupied -= 1;
        Applied::Changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory() -> Directory {
        let pattern = Pattern::parse("worker{{.ID}}.tf.local.", 5).expect("a good pattern");
        Directory::new(pattern, 5)
    }

    fn put<'a>(key: &'a str, value: &'a str, mod_revision: i64) -> Entry<'a> {
        Entry { key: key.as_bytes(), value: Some(value.as_bytes()), mod_revision }
    }

    fn delete(key: &str, mod_revision: i64) -> Entry<'_> {
        Entry { key: key.as_bytes(), value: None, mod_revision }
    }

    fn slot(number: u32) -> SlotId {
        SlotId::new(number).expect("not zero")
    }

    const VALUE: &str = r#"{"ipv4":"10.0.0.1"}"#;

    #[test]
    fn events_change_slots_within_and_above_the_limit() {
        let mut directory = directory();
        for number in [3, 4_000_000_000] {
            let key = format!("worker{number}.tf.local.");
            assert_eq!(directory.apply(put(&key, VALUE, 7)), Applied::Changed);
            assert!(directory.record(slot(number)).is_some());
            assert_eq!(directory.len(), 1);
            assert_eq!(directory.apply(delete(&key, 8)), Applied::Changed);
            assert!(!directory.is_occupied(slot(number)));
            assert!(directory.is_empty());
        }
    }

    #[test]
    fn an_event_seen_before_changes_nothing() {
        let mut directory = directory();
        directory.apply(put("worker1.tf.local.", VALUE, 9));
        assert_eq!(directory.apply(put("worker1.tf.local.", "x", 9)), Applied::Ignored);
        assert_eq!(directory.apply(delete("worker1.tf.local.", 8)), Applied::Ignored);
        assert!(directory.record(slot(1)).is_some());
    }

    #[test]
    fn a_value_that_is_not_a_record_holds_its_slot_and_is_told_once() {
        let mut directory = directory();
        let bad = put("worker2.tf.local.", "x", 4);
        assert!(matches!(directory.apply(bad), Applied::Unusable(_)));
        assert_eq!(directory.apply(bad), Applied::Ignored);
        assert!(directory.is_occupied(slot(2)));
        assert!(directory.record(slot(2)).is_none());
        assert!(directory.knows_unusable(b"worker2.tf.local.", 4));
        assert_eq!(directory.apply(put("worker2.tf.local.", VALUE, 5)), Applied::Changed);
        assert!(directory.record(slot(2)).is_some());
    }

    #[test]
    fn keys_beside_the_pattern_are_ignored() {
        let mut directory = directory();
        for key in ["worker0.tf.local.", "worker1.tf.other.", "worker01.tf.local.", "w", ""] {
            assert_eq!(directory.apply(put(key, VALUE, 2)), Applied::Ignored, "{key}");
        }
    }

    #[test]
    fn a_snapshot_replaces_everything() {
        let mut directory = directory();
        directory.apply(put("worker1.tf.local.", VALUE, 2));
        let mut snapshot = directory.emptied();
        snapshot.apply(put("worker2.tf.local.", VALUE, 3));
        snapshot.apply(put("worker9.tf.local.", VALUE, 3));
        assert_eq!(directory.freshness(), Freshness::Empty);
        directory.replace(snapshot, 3);
        let slots: Vec<u32> = directory.records().map(|(id, _)| id.get()).collect();
        assert_eq!(slots, [2, 9]);
        assert_eq!((directory.revision(), directory.freshness()), (3, Freshness::Synced));
        directory.advance(2);
        assert_eq!(directory.revision(), 3);
    }
}
