//! What the slots held before the latest changes: by it the directory can tell what it was at an
//! earlier revision of etcd, and what changed since.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::details::Details;
use super::drain::{Drain, Standing};
use super::node_place::NodePlace;
use super::record::{Record, RecordError};

/// The most octets of a journal: some thousand changes. What is older is forgotten.
const JOURNAL_OCTETS: usize = 448 * 1024;

/// What a slot tells the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedNode {
    /// The addresses and the port.
    pub record: Record,
    /// Whether it is ready.
    pub is_ready: bool,
    /// Its drain, if it is drained.
    pub drain: Option<Arc<Drain>>,
    /// What it tells besides.
    pub details: Option<Arc<Details>>,
}

impl PublishedNode {
    /// Reads a value of etcd, which this revision put; a drain is not in it.
    ///
    /// # Errors
    /// See [`RecordError`].
    pub fn parse(value: &[u8], mod_revision: i64) -> Result<PublishedNode, RecordError> {
        let (record, is_ready, details) = Record::parse_all(value, mod_revision)?;
        Ok(PublishedNode { record, is_ready, drain: None, details })
    }

    /// What it tells besides its record.
    pub fn details(&self) -> &Details {
        self.details.as_deref().unwrap_or(Details::NONE)
    }

    /// What keeps it out of its group, if anything does.
    pub fn standing(&self) -> Standing<'_> {
        Standing { is_ready: self.is_ready, drain: self.drain.as_deref() }
    }

    /// Whether it is counted among those of its group: it is ready and not drained.
    pub fn is_in_group(&self) -> bool {
        self.standing().is_in_group()
    }
}

/// Slots, and what each published; `None`: nothing.
pub type PublishedBefore = BTreeMap<NodePlace, Option<PublishedNode>>;

/// One change of a slot.
#[derive(Clone, Debug)]
struct SlotChange {
    /// The revision of etcd that made it, and the highest of it and all that came before.
    revision: i64,
    highest: i64,
    place: NodePlace,
    before: Option<PublishedNode>,
}

impl SlotChange {
    /// The octets that it takes, with the words of a drain, which it may share with others.
    fn octets(&self) -> usize {
        let standing = self.before.as_ref().map(PublishedNode::standing);
        let reason = standing.and_then(|standing| Some(standing.reason()?.len()));
        let details = self.before.as_ref().and_then(|node| node.details.as_ref());
        let details = details.map_or(0, |details| details.octets());
        size_of::<SlotChange>() + details + reason.map_or(0, |octets| size_of::<Drain>() + octets)
    }
}

/// The latest changes, in the order in which they came. Those of one slot come by revision; the streams
/// of several ranges need not be in step.
#[derive(Clone, Debug)]
pub(super) struct Journal {
    /// All changes after this revision are here.
    since: i64,
    changes: VecDeque<SlotChange>,
    octets: usize,
    /// The last revision that was told of while a change before it had not come yet, or under another serial.
    uncertain: i64,
}

impl Journal {
    /// Without changes; all are noted that come after `revision`.
    pub(super) fn new(revision: i64) -> Journal {
        Journal { since: revision, changes: VecDeque::new(), octets: 0, uncertain: i64::MIN }
    }

    /// Notes what a slot held before a change; `told` is the revision that the directory stands at.
    pub(super) fn note(
        &mut self,
        revision: i64,
        told: i64,
        place: NodePlace,
        before: Option<PublishedNode>,
    ) {
        if revision <= told {
            // Who was told of that revision may have it with this change or without.
            self.break_off(told);
        }
        let highest = self.changes.back().map_or(revision, |last| last.highest.max(revision));
        let change = SlotChange { revision, highest, place, before };
        self.octets += change.octets();
        self.changes.push_back(change);
        while self.octets > JOURNAL_OCTETS
            && let Some(oldest) = self.changes.pop_front()
        {
            self.octets -= oldest.octets();
            self.since = self.since.max(oldest.revision);
        }
    }

    /// Notes a change of a slot of which a later one came before it, as the own put does, and what it made of the slot.
    pub(super) fn note_overtaken(
        &mut self,
        revision: i64,
        told: i64,
        place: NodePlace,
        held: Option<PublishedNode>,
    ) {
        // A stream that is read again tells nothing new.
        let is_noted = |it: &SlotChange| it.place == place && it.revision == revision;
        if revision <= self.since || self.changes.iter().any(is_noted) {
            return;
        }
        let is_later = |it: &SlotChange| it.place == place && it.revision > revision;
        let Some(at) = self.changes.iter().position(is_later) else { return };
        if self.changes.get(at).is_some_and(|later| later.before == held) {
            return;
        }
        if revision <= told {
            self.break_off(told);
        }
        let before = at.checked_sub(1).and_then(|before| self.changes.get(before));
        let highest = before.map_or(revision, |before| before.highest.max(revision));
        let Some(later) = self.changes.get_mut(at) else { return };
        self.octets -= later.octets();
        let before = std::mem::replace(&mut later.before, held);
        self.octets += later.octets();
        let change = SlotChange { revision, highest, place, before };
        self.octets += change.octets();
        self.changes.insert(at, change);
    }

    /// Forgets the changes of a slot after a revision: they were of another history of etcd.
    pub(super) fn forget_after(&mut self, revision: i64, place: NodePlace) {
        self.changes.retain(|change| change.place != place || change.revision <= revision);
        self.octets = self.changes.iter().map(SlotChange::octets).sum();
    }

    /// Tells nobody any more what changed since a revision, or one before.
    pub(super) fn break_off(&mut self, revision: i64) {
        self.uncertain = self.uncertain.max(revision);
    }

    /// The latest revision, up to one that the directory stands at, that changed what slots publish, or may have.
    pub(super) fn latest(&self, revision: i64) -> i64 {
        let mut latest = self.since;
        for change in self.changes.iter().rev() {
            if change.highest <= revision {
                latest = latest.max(change.highest);
                break;
            }
            if change.revision <= revision {
                latest = latest.max(change.revision);
            }
        }
        latest.max(self.uncertain)
    }

    /// The slots that changed after a revision, and what each held then. `None`: that is forgotten, or
    /// was not certain, or there are more than `most` changes.
    pub(super) fn changed_since(&self, revision: i64, most: usize) -> Option<PublishedBefore> {
        let is_known = revision >= self.since && revision > self.uncertain;
        let is_few = || self.after(revision).take(most.saturating_add(1)).count() <= most;
        (is_known && is_few()).then(|| self.before(revision))
    }

    /// The same of what came too early: changes after the revision that the directory stands at.
    pub(super) fn ahead_of(&self, revision: i64) -> Option<PublishedBefore> {
        (revision >= self.since).then(|| self.before(revision))
    }

    fn after(&self, revision: i64) -> impl Iterator<Item = &SlotChange> {
        // Mostly little is after it, and all is asked by many.
        let first = self.changes.partition_point(|change| change.highest <= revision);
        self.changes.range(first..).filter(move |change| change.revision > revision)
    }

    fn before(&self, revision: i64) -> PublishedBefore {
        let mut before = BTreeMap::new();
        for change in self.after(revision) {
            before.entry(change.place).or_insert_with(|| change.before.clone());
        }
        before
    }
}

#[cfg(test)]
#[path = "journal_tests.rs"]
mod tests;
