//! What etcd holds at the slots, and held: since when, from which revision on.

use std::collections::BTreeMap;
use std::sync::Arc;

use idetcd::cluster::{Keyspace, Record, SlotId};
use idetcd::etcd::LeaseId;

use crate::model::{Model, Time};

/// What a slot held from some revision on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    /// When that began.
    pub since: Time,
    /// The revision from which on it was so.
    pub revision: i64,
    /// `None`: nothing. A value that is not a record is [`Held::Unusable`].
    pub held: Held,
    /// The lease that it hangs on.
    pub lease: LeaseId,
}

/// What a slot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// No key.
    Nothing,
    /// A value that is not a record.
    Unusable,
    /// A record.
    Record(Record),
}

impl Held {
    /// As a directory tells it.
    pub fn of(record: Option<&Record>) -> Held {
        record.map_or(Held::Unusable, |record| Held::Record(*record))
    }
}

/// The history from one restored backup to the next.
#[derive(Clone, Debug, Default)]
pub struct Epoch {
    /// The revision at which it began.
    base: i64,
    /// When it began.
    pub began: Time,
    /// The versions of each slot, the oldest first.
    pub slots: BTreeMap<SlotId, Vec<Version>>,
    /// The revisions that changed a slot, and when.
    changes: Vec<(i64, Time)>,
}

/// What etcd holds and held.
#[derive(Debug)]
pub struct Oracle {
    keyspace: Arc<Keyspace>,
    limit: u32,
    revision: i64,
    restores: u64,
    epochs: Vec<Epoch>,
    last_change: Time,
}

impl Oracle {
    pub(super) fn new(keyspace: Arc<Keyspace>, limit: u32) -> Oracle {
        let epochs = vec![Epoch::default()];
        Oracle { keyspace, limit, revision: 0, restores: 0, epochs, last_change: Time::ZERO }
    }

    /// Where the names lie.
    pub fn keyspace(&self) -> &Arc<Keyspace> {
        &self.keyspace
    }

    /// When a slot changed last.
    pub fn last_change(&self) -> Time {
        self.last_change
    }

    /// The number of restored backups.
    pub fn restores(&self) -> u64 {
        self.restores
    }

    /// When the last backup was restored.
    pub fn restored_at(&self) -> Option<Time> {
        (self.restores > 0).then(|| self.current().began)
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
            let base = etcd.revision();
            self.epochs.push(Epoch { base, began: now, ..Epoch::default() });
            self.take(now, etcd, base, true);
            self.revision = base;
        }
        while self.revision < etcd.revision() {
            let revision = self.revision + 1;
            self.take(now, etcd, revision, false);
            self.revision = revision;
        }
        is_restored
    }

    /// Takes over what stood there at a revision.
    fn take(&mut self, now: Time, etcd: &Model, revision: i64, is_base: bool) {
        let (first, end) = self.keyspace.slots();
        // If it is forgotten already, later ones will tell.
        let Some(content) = etcd.content(&first, &end, revision) else { return };
        let keyspace = self.keyspace.clone();
        let mut is_changed = is_base;
        let epoch = self.current_mut();
        let mut there: Vec<SlotId> = Vec::with_capacity(content.len());
        for kv in &content {
            let Some(slot) = keyspace.slot_of(&kv.key) else { continue };
            there.push(slot);
            let versions = epoch.slots.entry(slot).or_default();
            if versions
                .last()
                .is_some_and(|v| v.revision == kv.mod_revision && v.held != Held::Nothing)
            {
                continue;
            }
            let held = Record::parse(&kv.value).map_or(Held::Unusable, Held::Record);
            let revision = kv.mod_revision;
            versions.push(Version { since: now, revision, held, lease: kv.lease });
            is_changed = true;
        }
        there.sort_unstable();
        for (slot, versions) in &mut epoch.slots {
            let is_gone = there.binary_search(slot).is_err()
                && versions.last().is_some_and(|v| v.held != Held::Nothing);
            if is_gone {
                let held = Held::Nothing;
                versions.push(Version { since: now, revision, held, lease: LeaseId(0) });
                is_changed = true;
            }
        }
        if is_changed {
            epoch.changes.push((revision, now));
            self.last_change = now;
        }
    }

    /// Since when a slot is free; `None`: it is not.
    pub fn free_since(&self, slot: SlotId) -> Option<Time> {
        let epoch = self.current();
        match epoch.slots.get(&slot).and_then(|versions| versions.last()) {
            None => Some(epoch.began),
            Some(version) => (version.held == Held::Nothing).then_some(version.since),
        }
    }

    /// The slot up to a limit that is free for the longest time, and since when.
    pub fn longest_free(&self, limit: u32) -> Option<(SlotId, Time)> {
        let slots = (1..=limit.min(self.limit)).filter_map(SlotId::new);
        let free = slots.filter_map(|slot| Some((slot, self.free_since(slot)?)));
        free.min_by_key(|(_, since)| *since)
    }

    /// When the first change of a slot after a revision was; `None`: there was none.
    pub fn changed_after(&self, revision: i64) -> Option<Time> {
        let changes = &self.current().changes;
        let next = changes.partition_point(|(changed, _)| *changed <= revision);
        changes.get(next).map(|(_, at)| *at)
    }
}

impl Epoch {
    /// What a slot held at a revision of this history.
    pub fn at(&self, slot: SlotId, revision: i64) -> Held {
        let versions = self.slots.get(&slot).map_or(&[][..], Vec::as_slice);
        let known = versions.partition_point(|version| version.revision <= revision);
        versions[..known].last().map_or(Held::Nothing, |version| version.held)
    }

    /// Whether a slot held this after a revision.
    pub fn held_after(&self, slot: SlotId, revision: i64, held: Held) -> bool {
        let versions = self.slots.get(&slot).map_or(&[][..], Vec::as_slice);
        versions.iter().rev().take_while(|v| v.revision > revision).any(|v| v.held == held)
    }

    /// Whether a slot held this at a time or later.
    pub fn held_since(&self, slot: SlotId, time: Time, held: Held) -> bool {
        let versions = self.slots.get(&slot).map_or(&[][..], Vec::as_slice);
        // What is there since before that, was there then.
        let first = versions.partition_point(|v| v.since <= time).saturating_sub(1);
        let is_one = versions[first.min(versions.len())..].iter().any(|v| v.held == held);
        is_one || (held == Held::Nothing && versions.first().is_none_or(|v| v.since > time))
    }

    /// The revision at which it began: what was before is as in the history before.
    pub fn base(&self) -> i64 {
        self.base
    }
}
