//! What etcd holds at the slots, and held: since when, from which revision on.

use std::collections::BTreeMap;
use std::sync::Arc;

use idetcd::cluster::{Directory, Keyspace, Record, SlotId};
use idetcd::etcd::LeaseId;

use crate::model::{ChangeView, Model, Time};

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
    change_count: u64,
}

fn held(value: Option<&[u8]>) -> Held {
    value.map_or(Held::Nothing, |value| Record::parse(value).map_or(Held::Unusable, Held::Record))
}

impl Oracle {
    pub(super) fn new(keyspace: Arc<Keyspace>, limit: u32) -> Oracle {
        let epochs = vec![Epoch::default()];
        Oracle {
            keyspace,
            limit,
            revision: 0,
            restores: 0,
            epochs,
            last_change: Time::ZERO,
            change_count: 0,
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
            self.begin_anew(now, etcd);
        }
        if self.revision == etcd.revision() {
            return is_restored;
        }
        for change in etcd.changes_after(self.revision) {
            let ChangeView { value, lease, revision, .. } = change;
            self.add(change.key, Version { since: now, revision, held: held(value), lease });
        }
        self.revision = etcd.revision();
        is_restored
    }

    /// What a backup has stands there from now on.
    fn begin_anew(&mut self, now: Time, etcd: &Model) {
        let base = etcd.revision();
        self.epochs.push(Epoch { base, began: now, ..Epoch::default() });
        let (first, end) = self.keyspace.slots();
        for kv in etcd.content(&first, &end, 0).unwrap_or_default() {
            let (revision, lease) = (kv.mod_revision, kv.lease);
            let held = held(Some(&kv.value));
            self.add(&kv.key, Version { since: now, revision, held, lease });
        }
        self.note_change(now);
        self.revision = base;
    }

    fn add(&mut self, key: &[u8], version: Version) {
        let Some(slot) = self.keyspace.slot_of(key) else { return };
        self.current_mut().slots.entry(slot).or_default().push(version);
        self.note_change(version.since);
    }

    fn note_change(&mut self, now: Time) {
        self.last_change = now;
        self.change_count += 1;
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
}

impl Epoch {
    /// The versions of a slot.
    pub fn slot(&self, slot: SlotId) -> History<'_> {
        History(self.slots.get(&slot).map_or(&[], Vec::as_slice))
    }

    /// The revision at which it began: what was before is as in the history before.
    pub fn base(&self) -> i64 {
        self.base
    }

    /// Each slot that a directory has or that this history had, lowest first, with what the directory has.
    pub fn beside<'a>(
        &'a self,
        directory: &'a Directory,
    ) -> impl Iterator<Item = (SlotId, Held, History<'a>)> {
        let mut known = directory.slots().map(|(slot, record)| (slot, Held::of(record))).peekable();
        let mut slots = self.slots.iter().map(|(slot, all)| (*slot, History(all))).peekable();
        std::iter::from_fn(move || {
            let of_directory = known.peek().map(|(slot, _)| *slot);
            let of_history = slots.peek().map(|(slot, _)| *slot);
            let slot = of_directory.into_iter().chain(of_history).min()?;
            let held = known.next_if(|(known, _)| *known == slot);
            let history = slots.next_if(|(known, _)| *known == slot);
            let held = held.map_or(Held::Nothing, |(_, held)| held);
            Some((slot, held, history.map_or(History(&[]), |(_, history)| history)))
        })
    }
}

/// The versions of one slot, the oldest first.
#[derive(Clone, Copy, Debug)]
pub struct History<'a>(&'a [Version]);

impl History<'_> {
    /// What it holds now, if it ever held anything.
    pub fn last(&self) -> Option<&Version> {
        self.0.last()
    }

    /// What it holds now.
    pub fn now(&self) -> Held {
        self.last().map_or(Held::Nothing, |version| version.held)
    }

    /// What it held at a revision.
    pub fn at(&self, revision: i64) -> Held {
        // Mostly the last one is meant.
        let seen = self.0.iter().rev().find(|version| version.revision <= revision);
        seen.map_or(Held::Nothing, |version| version.held)
    }

    /// Whether it held this after a revision.
    pub fn held_after(&self, revision: i64, held: Held) -> bool {
        self.0.iter().rev().take_while(|v| v.revision > revision).any(|v| v.held == held)
    }

    /// When it changed first from what somebody who stands at a revision has of it; `None`: it did not.
    pub fn changed_from(&self, revision: i64, known: Held) -> Option<Time> {
        // What is known may be newer than the revision.
        let newer = self.0.iter().rposition(|v| v.revision > revision && v.held == known);
        let seen = self.0.partition_point(|version| version.revision <= revision);
        self.0.get(newer.map_or(seen, |newer| newer + 1)).map(|version| version.since)
    }

    /// Whether it held this at a time or later.
    pub fn held_since(&self, time: Time, held: Held) -> bool {
        // What is there since before that, was there then.
        let (mut later, before) = {
            let then = self.0.partition_point(|version| version.since <= time);
            (self.0[then..].iter(), self.0[..then].last())
        };
        before.map_or(Held::Nothing, |version| version.held) == held
            || later.any(|v| v.held == held)
    }
}
