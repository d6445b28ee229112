//! What etcd holds at the slots, and held: since when, from which revision on.

use std::collections::BTreeMap;
use std::sync::Arc;

use idetcd::cluster::{Keyspace, PublishedNode, Record, SlotId};
use idetcd::etcd::LeaseId;

use super::history::{Epoch, Held, Reason, Version};
use crate::model::{ChangeView, Model, Time};

/// What etcd holds and held.
#[derive(Debug)]
pub struct Oracle {
    keyspace: Arc<Keyspace>,
    limit: u32,
    revision: i64,
    restores: u64,
    epochs: Vec<Epoch>,
    /// The lease of each slot's key, and whether it says that its node is ready; the lease of its drain.
    nodes: BTreeMap<SlotId, (LeaseId, bool)>,
    drains: BTreeMap<SlotId, LeaseId>,
    last_change: Time,
    change_count: u64,
    /// Names that went from one lease to another, since that was asked for.
    moves: Vec<(LeaseId, LeaseId)>,
}

fn held(value: Option<&[u8]>) -> Held {
    value.map_or(Held::Nothing, |value| Record::parse(value).map_or(Held::Unusable, Held::Record))
}

impl Oracle {
    pub(super) fn new(keyspace: Arc<Keyspace>, limit: u32) -> Oracle {
        let epochs = vec![Epoch::new(0, Time::ZERO, limit)];
        Oracle {
            keyspace,
            limit,
            revision: 0,
            restores: 0,
            epochs,
            nodes: BTreeMap::new(),
            drains: BTreeMap::new(),
            last_change: Time::ZERO,
            change_count: 0,
            moves: Vec::new(),
        }
    }

    /// Where the names lie.
    pub fn keyspace(&self) -> &Arc<Keyspace> {
        &self.keyspace
    }

    /// When a slot changed last.
    pub fn last_change(&self) -> Time {
        self.last_change
    }

    /// How often a slot changed.
    pub fn change_count(&self) -> u64 {
        self.change_count
    }

    /// The number of restored backups.
    pub fn restores(&self) -> u64 {
        self.restores
    }

    /// When the last backup was restored.
    pub fn restored_at(&self) -> Option<Time> {
        (self.restores > 0).then(|| self.current().began())
    }

    /// The history that goes on.
    pub fn current(&self) -> &Epoch {
        self.epochs.last().expect("one is there from the beginning")
    }

    /// The history before that.
    pub fn previous(&self) -> impl Iterator<Item = &Epoch> {
        self.epochs.iter().rev().skip(1)
    }

    fn current_mut(&mut self) -> &mut Epoch {
        self.epochs.last_mut().expect("one is there from the beginning")
    }

    /// Takes over what etcd changed. Returns whether a backup was restored.
    pub(super) fn follow(&mut self, now: Time, etcd: &Model) -> bool {
        let is_restored = etcd.restores() != self.restores;
        if is_restored {
            self.restores = etcd.restores();
            self.begin_anew(now, etcd);
        }
        if self.revision == etcd.revision() {
            return is_restored;
        }
        for change in etcd.changes_after(self.revision) {
            let ChangeView { value, lease, revision, .. } = change;
            let version = Version { since: now, revision, held: held(value), lease };
            self.add(change.key, version);
            self.note_standing(change.key, value, version);
        }
        self.revision = etcd.revision();
        is_restored
    }

    /// What a backup has stands there from now on.
    fn begin_anew(&mut self, now: Time, etcd: &Model) {
        let base = etcd.revision();
        self.epochs.push(Epoch::new(base, now, self.limit));
        self.nodes.clear();
        self.drains.clear();
        let (first, end) = self.keyspace.slots();
        for kv in etcd.content(&first, &end, 0).unwrap_or_default() {
            let (revision, lease) = (kv.mod_revision, kv.lease);
            let held = held(Some(&kv.value));
            let version = Version { since: now, revision, held, lease };
            self.add(&kv.key, version);
            self.note_standing(&kv.key, Some(&kv.value), version);
        }
        self.note_change(now);
        self.revision = base;
    }

    fn add(&mut self, key: &[u8], version: Version) {
        let Some(slot) = self.keyspace.slot_of(key) else { return };
        let limit = self.limit;
        let before = self.current().slot(slot).last().copied();
        let before = before.filter(|it| it.held != Held::Nothing);
        if let Some(before) = before.filter(|before| before.lease != version.lease) {
            let moved = (before.lease, version.lease);
            self.moves.extend((version.held != Held::Nothing).then_some(moved));
        }
        self.current_mut().add(slot, version, limit);
        self.note_change(version.since);
    }

    /// Takes note of what keeps a slot's node out of its group: its own key tells, or that of its drain.
    fn note_standing(&mut self, key: &[u8], value: Option<&[u8]>, version: Version) {
        let name = self.keyspace.name_of(key).unwrap_or_default();
        let slot = if let Some(slot) = self.keyspace.slot_of(key) {
            let is_unready =
                |value| PublishedNode::parse(value, 0).is_ok_and(|node| !node.is_ready);
            match value {
                Some(value) => self.nodes.insert(slot, (version.lease, !is_unready(value))),
                None => self.nodes.remove(&slot),
            };
            slot
        } else if let Some(slot) = self.keyspace.pattern.drained_slot_of(name) {
            match value {
                Some(_) => self.drains.insert(slot, version.lease),
                None => self.drains.remove(&slot),
            };
            self.note_change(version.since);
            slot
        } else {
            return;
        };
        let (node, drain) = (self.nodes.get(&slot).copied(), self.drains.get(&slot).copied());
        for reason in Reason::ALL {
            let is_so = node.is_some_and(|(lease, is_ready)| match reason {
                Reason::NotReady => !is_ready,
                Reason::Drained => drain == Some(lease),
            });
            let held = Held::outside(reason, is_so);
            self.current_mut().add_outside(slot, reason, Version { held, ..version });
        }
    }

    /// The names that went from one lease to another since this was asked: the leases.
    pub(super) fn take_moves(&mut self) -> Vec<(LeaseId, LeaseId)> {
        std::mem::take(&mut self.moves)
    }

    fn note_change(&mut self, now: Time) {
        self.last_change = now;
        self.change_count += 1;
    }

    /// The slot up to a limit that is free for the longest time, and since when.
    pub fn longest_free(&self, limit: u32) -> Option<(SlotId, Time)> {
        self.current().longest_free(limit)
    }
}
