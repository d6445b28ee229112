//! What the slots held before the latest changes: by it the directory can tell what it was at an
//! earlier revision of etcd, and what changed since.

use std::collections::{BTreeMap, VecDeque};

use super::node_place::NodePlace;
use super::record::Record;

/// The most octets of a journal: some thousand changes. What is older is forgotten.
const JOURNAL_OCTETS: usize = 448 * 1024;

/// The most changes.
const MOST_CHANGES: usize = JOURNAL_OCTETS / size_of::<SlotChange>();

/// What a slot tells the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublishedNode {
    /// The addresses and the port.
    pub record: Record,
    /// Whether it is counted among those of its group: it is ready and not drained.
    pub is_in_group: bool,
}

/// Slots, and what each published; `None`: nothing.
pub type PublishedBefore = BTreeMap<NodePlace, Option<PublishedNode>>;

/// One change of a slot.
#[derive(Clone, Copy, Debug)]
struct SlotChange {
    /// The revision of etcd that made it.
    revision: i64,
    place: NodePlace,
    before: Option<PublishedNode>,
}

/// The latest changes, in the order in which they came. Those of one slot come by revision; the streams
/// of several ranges need not be in step.
#[derive(Clone, Debug)]
pub(super) struct Journal {
    /// All changes after this revision are here.
    since: i64,
    changes: VecDeque<SlotChange>,
    /// The last revision that was told of while a change before it had not come yet, or under another serial.
    uncertain: i64,
}

impl Journal {
    /// Without changes; all are noted that come after `revision`.
    pub(super) fn new(revision: i64) -> Journal {
        Journal { since: revision, changes: VecDeque::new(), uncertain: i64::MIN }
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
        if self.changes.len() >= MOST_CHANGES
            && let Some(oldest) = self.changes.pop_front()
        {
            self.since = self.since.max(oldest.revision);
        }
        self.changes.push_back(SlotChange { revision, place, before });
    }

    /// Tells nobody any more what changed since a revision, or one before.
    pub(super) fn break_off(&mut self, revision: i64) {
        self.uncertain = self.uncertain.max(revision);
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
        self.changes.iter().filter(move |change| change.revision > revision)
    }

    fn before(&self, revision: i64) -> PublishedBefore {
        let mut before = BTreeMap::new();
        for change in self.after(revision) {
            before.entry(change.place).or_insert(change.before);
        }
        before
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::SlotId;

    fn place(number: u32) -> NodePlace {
        NodePlace { range: 0, slot: SlotId::new(number).expect("not 0") }
    }

    fn node(port: u16) -> Option<PublishedNode> {
        let record = Record { port: Some(port), ..Record::default() };
        Some(PublishedNode { record, is_in_group: true })
    }

    #[test]
    fn the_first_state_after_a_revision_is_told_for_each_slot() {
        let mut journal = Journal::new(10);
        for (revision, slot, before) in
            [(11, 1, None), (12, 2, node(2)), (13, 1, node(1)), (15, 1, node(5))]
        {
            journal.note(revision, revision - 1, place(slot), before);
        }
        let table = [
            (9, None),
            (10, Some(vec![(1, None), (2, node(2))])),
            (11, Some(vec![(1, node(1)), (2, node(2))])),
            (12, Some(vec![(1, node(1))])),
            (14, Some(vec![(1, node(5))])),
            (15, Some(vec![])),
        ];
        for (revision, wanted) in table {
            let changed = journal.changed_since(revision, usize::MAX);
            let wanted = wanted
                .map(|all| all.into_iter().map(|(slot, before)| (place(slot), before)).collect());
            assert_eq!(changed, wanted, "{revision}");
        }
        assert!(journal.changed_since(11, 3).is_some() && journal.changed_since(11, 2).is_none());
    }

    #[test]
    fn what_was_told_before_a_change_that_belongs_to_it_is_not_certain() {
        let mut journal = Journal::new(10);
        journal.note(11, 10, place(1), None);
        journal.note(12, 14, place(2), None);
        assert_eq!(journal.changed_since(14, usize::MAX), None);
        assert_eq!(journal.changed_since(15, usize::MAX).map(|changed| changed.len()), Some(0));
        assert_eq!(journal.ahead_of(11).map(|changed| changed.len()), Some(1));
    }

    #[test]
    fn no_more_is_kept_than_its_octets_and_what_is_forgotten_is_not_told() {
        let mut journal = Journal::new(0);
        for revision in 1..=MOST_CHANGES as i64 + 5 {
            journal.note(revision, revision - 1, place(1), None);
        }
        assert!(journal.changes.len() * size_of::<SlotChange>() <= JOURNAL_OCTETS);
        assert!(
            journal.changed_since(4, usize::MAX).is_none()
                && journal.changed_since(5, usize::MAX).is_some()
        );
    }
}
