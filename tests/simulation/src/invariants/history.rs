//! The history of the slots, from one restored backup to the next.

use std::collections::{BTreeMap, BTreeSet};

use idetcd::cluster::{Directory, NodePlace, Record, SlotId};
use idetcd::etcd::LeaseId;

use crate::model::Time;

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
    /// Of the history of what keeps a slot's node out of its group: this does.
    Outside(Reason),
}

/// What keeps a node out of its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// It says that it is not ready.
    NotReady,
    /// It is drained.
    Drained,
}

impl Reason {
    /// Both.
    pub const ALL: [Reason; 2] = [Reason::NotReady, Reason::Drained];
}

impl Held {
    /// As a directory tells it.
    pub fn of(record: Option<&Record>) -> Held {
        record.map_or(Held::Unusable, |record| Held::Record(*record))
    }

    /// Whether it is a record with the address and the port of another one.
    pub fn has_address_of(self, own: &Record) -> bool {
        matches!(self, Held::Record(it) if it.ipv4 == own.ipv4 && it.port == own.port)
    }

    /// Whether something keeps a node out of its group.
    pub fn outside(reason: Reason, is_so: bool) -> Held {
        if is_so { Held::Outside(reason) } else { Held::Nothing }
    }

    /// The same as a directory tells it.
    fn outside_in(directory: &Directory, slot: SlotId, reason: Reason) -> Held {
        let standing = directory.standing(NodePlace { slot, ..NodePlace::FIRST });
        let is_so = match reason {
            Reason::NotReady => !standing.is_ready,
            Reason::Drained => standing.drain.is_some(),
        };
        Held::outside(reason, is_so)
    }
}

/// The history from one restored backup to the next.
#[derive(Clone, Debug)]
pub struct Epoch {
    /// The revision at which it began.
    base: i64,
    /// When it began.
    began: Time,
    /// The versions of each slot, the oldest first, by the slot's index.
    slots: Vec<Vec<Version>>,
    /// The same of what keeps the node of each out of its group.
    outside: BTreeMap<(SlotId, Reason), Vec<Version>>,
    /// How many slots hold something now.
    held: usize,
    /// The revision of the last change of any slot.
    newest: i64,
    /// The revision and the time of each change.
    changes: Vec<(i64, Time)>,
    /// The slots up to the limit that are free now, with the time since when.
    free: BTreeSet<(Time, SlotId)>,
}

impl Epoch {
    /// One that begins now, with nothing at the slots up to this limit.
    pub fn new(base: i64, began: Time, limit: u32) -> Epoch {
        let free = (1..=limit).filter_map(SlotId::new).map(|slot| (began, slot)).collect();
        Epoch {
            base,
            began,
            slots: Vec::new(),
            outside: BTreeMap::new(),
            held: 0,
            newest: 0,
            changes: Vec::new(),
            free,
        }
    }

    /// When it began.
    pub fn began(&self) -> Time {
        self.began
    }

    /// The revision at which it began: what was before is as in the history before.
    pub fn base(&self) -> i64 {
        self.base
    }

    /// Adds what a slot holds from now on. Its number is no higher than the highest limit in the run.
    pub(super) fn add(&mut self, slot: SlotId, version: Version, limit: u32) {
        let before = self.slot(slot).last().copied();
        let was_free = before.is_none_or(|before| before.held == Held::Nothing);
        let is_free = version.held == Held::Nothing;
        if was_free {
            self.free.remove(&(before.map_or(self.began, |before| before.since), slot));
        }
        if is_free && slot.get() <= limit {
            self.free.insert((version.since, slot));
        }
        self.held += usize::from(was_free && !is_free);
        self.held -= usize::from(!was_free && is_free);
        self.note_change(version);
        if self.slots.len() <= slot.index() {
            self.slots.resize(slot.index() + 1, Vec::new());
        }
        self.slots[slot.index()].push(version);
    }

    /// Adds what is so of this reason from now on, if it was not.
    pub(super) fn add_outside(&mut self, slot: SlotId, reason: Reason, version: Version) {
        if self.outside(slot, reason).now() != version.held {
            self.note_change(version);
            self.outside.entry((slot, reason)).or_default().push(version);
        }
    }

    fn note_change(&mut self, version: Version) {
        self.newest = self.newest.max(version.revision);
        if self.changes.last().is_none_or(|(revision, _)| *revision < version.revision) {
            self.changes.push((version.revision, version.since));
        }
    }

    /// When the first change came that is not at a revision yet; `None`: there is none.
    pub fn first_after(&self, revision: i64) -> Option<Time> {
        let seen = self.changes.partition_point(|(changed, _)| *changed <= revision);
        self.changes.get(seen).map(|(_, since)| *since)
    }

    fn outside(&self, slot: SlotId, reason: Reason) -> History<'_> {
        History(self.outside.get(&(slot, reason)).map_or(&[], Vec::as_slice))
    }

    /// Whether what is at a slot now says that its node is ready, or nothing of it.
    pub(super) fn says_ready(&self, slot: SlotId) -> bool {
        self.outside(slot, Reason::NotReady).now() == Held::Nothing
    }

    /// The slot up to a limit that is free for the longest time, and since when.
    pub fn longest_free(&self, limit: u32) -> Option<(SlotId, Time)> {
        let found = self.free.iter().find(|(_, slot)| slot.get() <= limit);
        found.map(|(since, slot)| (*slot, *since))
    }

    /// The versions of a slot.
    pub fn slot(&self, slot: SlotId) -> History<'_> {
        History(self.slots.get(slot.index()).map_or(&[], Vec::as_slice))
    }

    /// The versions of all slots.
    pub fn all(&self) -> impl Iterator<Item = History<'_>> {
        self.slots.iter().map(|versions| History(versions))
    }

    /// Whether a directory has what is held now, and nothing else.
    pub fn is_now(&self, directory: &Directory) -> bool {
        let is_held = |(slot, record)| {
            let is_known = |reason: &Reason| {
                self.outside(slot, *reason).now() == Held::outside_in(directory, slot, *reason)
            };
            self.slot(slot).now() == Held::of(record) && Reason::ALL.iter().all(is_known)
        };
        directory.occupied() == self.held && directory.slots().all(is_held)
    }

    /// Whether a directory that has what is held now has it by right: its revision is that of the last change, or
    /// later.
    pub fn is_reached_by(&self, revision: i64) -> bool {
        revision >= self.newest
    }

    /// Looks at each slot that a directory has or that this history had, lowest first, with what the directory
    /// has, until something is found; and then at what keeps those that the directory has out of their group.
    pub fn find_beside<T>(
        &self,
        directory: &Directory,
        mut look: impl FnMut(SlotId, Held, History<'_>) -> Option<T>,
    ) -> Option<T> {
        let mut rest = (1..).filter_map(SlotId::new).zip(&self.slots);
        let mut next = rest.next();
        for (slot, record) in directory.slots() {
            while let Some((here, versions)) = next.filter(|(here, _)| *here < slot) {
                let found = look(here, Held::Nothing, History(versions));
                if found.is_some() {
                    return found;
                }
                next = rest.next();
            }
            let found = look(slot, Held::of(record), self.slot(slot));
            if found.is_some() {
                return found;
            }
            next = if next.is_some_and(|(here, _)| here == slot) { rest.next() } else { next };
        }
        let left = next.into_iter().chain(rest);
        let found =
            left.into_iter().find_map(|(slot, held)| look(slot, Held::Nothing, History(held)));
        found.or_else(|| {
            let mut slots = directory.slots().map(|(slot, _)| slot);
            slots.find_map(|slot| {
                Reason::ALL.into_iter().find_map(|reason| {
                    let known = Held::outside_in(directory, slot, reason);
                    look(slot, known, self.outside(slot, reason))
                })
            })
        })
    }
}

/// The versions of one slot, the oldest first.
#[derive(Clone, Copy, Debug)]
pub struct History<'a>(&'a [Version]);

impl<'a> History<'a> {
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

    /// Whether it ever held this.
    pub fn ever_held(&self, held: Held) -> bool {
        held == Held::Nothing || self.0.iter().any(|version| version.held == held)
    }

    /// When what was held last of this changed; `None`: it is held now.
    pub fn changed_since_last(&self, held: Held) -> Option<Time> {
        let last = self.0.iter().rposition(|version| version.held == held);
        self.0.get(last.map_or(0, |last| last + 1)).map(|version| version.since)
    }

    /// When it changed first from what somebody who stands at a revision has of it; `None`: it did not.
    pub fn changed_from(&self, revision: i64, known: Held) -> Option<Time> {
        // What is known may be newer than the revision.
        let newer = self.0.iter().rposition(|v| v.revision > revision && v.held == known);
        let seen = self.0.partition_point(|version| version.revision <= revision);
        self.0.get(newer.map_or(seen, |newer| newer + 1)).map(|version| version.since)
    }

    /// The leases that it hung on at a time or later.
    pub fn leases_since(self, time: Time) -> impl Iterator<Item = LeaseId> + 'a {
        let later = self.0.partition_point(|version| version.since <= time);
        let versions = self.0.get(later.saturating_sub(1)..).unwrap_or_default();
        let held = versions.iter().filter(|version| version.held != Held::Nothing);
        held.map(|version| version.lease)
    }

    /// Whether it held something of this kind at a time or later.
    pub fn was_since(self, time: Time, is_so: impl Fn(Held) -> bool) -> bool {
        let then = self.0.partition_point(|version| version.since <= time);
        self.0[then.saturating_sub(1)..].iter().any(|version| is_so(version.held))
    }

    /// What it held before a revision at which it changed; `None`: it did not, or nothing is known of that.
    pub fn before(self, revision: i64) -> Option<&'a Version> {
        let at = self.0.iter().rposition(|version| version.revision == revision)?;
        self.0.get(at.checked_sub(1)?)
    }

    /// What it holds since before a time, or held then.
    pub fn version_when(self, time: Time) -> Option<&'a Version> {
        let later = self.0.partition_point(|version| version.since <= time);
        self.0[..later].last()
    }

    /// What it held at a time.
    pub fn held_when(&self, time: Time) -> Held {
        self.version_when(time).map_or(Held::Nothing, |version| version.held)
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
