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

    /// Tells nobody any more what changed since a revision, or one before.
    pub(super) fn break_off(&mut self, revision: i64) {
        self.uncertain = self.uncertain.max(revision);
    }

    /// The latest revision, up to one that the directory stands at, that changed what slots publish, or may have.
    pub(super) fn latest(&self, revision: i64) -> i64 {
        let mut revisions = self.changes.iter().rev().map(|change| change.revision);
        let noted = revisions.find(|changed| *changed <= revision);
        noted.unwrap_or(self.since).max(self.uncertain)
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
mod tests {
    use super::*;
    use crate::cluster::{DrainReason, SlotId};

    fn place(number: u32) -> NodePlace {
        NodePlace { range: 0, slot: SlotId::new(number).expect("not 0") }
    }

    fn node(port: u16) -> Option<PublishedNode> {
        let record = Record { port: Some(port), ..Record::default() };
        Some(PublishedNode { record, is_ready: true, drain: None, details: None })
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
    fn a_change_that_comes_after_a_later_one_of_its_slot_takes_its_place() {
        let mut journal = Journal::new(10);
        for (revision, slot, before) in [(11, 2, node(2)), (15, 1, node(1)), (13, 3, node(3))] {
            journal.note(revision, 10, place(slot), before);
        }
        journal.note_overtaken(12, 11, place(1), node(5));
        journal.note_overtaken(14, 11, place(1), None);
        journal.note_overtaken(14, 11, place(7), node(7));
        // Neither was overtaken by anything.
        journal.note_overtaken(12, 11, place(1), node(6));
        journal.note_overtaken(10, 9, place(1), node(6));
        for (revision, wanted) in
            [(11, Some(node(1))), (12, Some(node(5))), (14, Some(None)), (15, None)]
        {
            let changed = journal.changed_since(revision, usize::MAX).expect("known");
            assert_eq!(changed.get(&place(1)), wanted.as_ref(), "{revision}");
            assert!(!changed.contains_key(&place(7)));
        }
        let octets: usize = journal.changes.iter().map(SlotChange::octets).sum();
        assert_eq!((octets, journal.changes.len()), (journal.octets, 5));
        // Who was told of that revision may have it with this change or without.
        journal.note_overtaken(13, 14, place(1), node(6));
        assert_eq!(journal.changed_since(14, usize::MAX), None);
    }

    #[test]
    fn streams_that_are_not_in_step_hide_nothing() {
        let mut journal = Journal::new(10);
        for (revision, slot) in [(13, 1), (11, 2), (12, 3), (14, 4)] {
            journal.note(revision, 10, place(slot), None);
        }
        for (revision, wanted) in [(11, &[1, 3, 4][..]), (12, &[1, 4]), (13, &[4]), (14, &[])] {
            let changed = journal.changed_since(revision, usize::MAX).expect("known");
            let slots: Vec<u32> = changed.keys().map(|place| place.slot.get()).collect();
            assert_eq!(slots, wanted, "{revision}");
        }
    }

    #[test]
    fn the_latest_revision_that_changed_something_is_known() {
        let mut journal = Journal::new(10);
        assert_eq!(journal.latest(20), 10);
        journal.note(21, 20, place(1), None);
        // It is ahead: whoever is told of revision 20 is not told of that.
        assert_eq!((journal.latest(20), journal.latest(21), journal.latest(99)), (10, 21, 21));
        journal.break_off(30);
        assert_eq!(journal.latest(30), 30);
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
        let reason: DrainReason = "x".repeat(200).parse().expect("a reason");
        let drained = |_| {
            let drain = Some(Arc::new(Drain { reason: Some(reason.clone()) }));
            PublishedNode { record: Record::default(), is_ready: true, drain, details: None }
        };
        for (is_drained, least) in [(false, size_of::<SlotChange>()), (true, 224)] {
            let most = (JOURNAL_OCTETS / least) as i64;
            let mut journal = Journal::new(0);
            for revision in 1..=most + 5 {
                let before = Some(()).filter(|()| is_drained).map(drained);
                journal.note(revision, revision - 1, place(1), before);
            }
            let octets: usize = journal.changes.iter().map(SlotChange::octets).sum();
            assert!(octets <= JOURNAL_OCTETS && octets > JOURNAL_OCTETS - 500, "{octets}");
            let oldest = journal.changes.front().expect("some").revision;
            assert!(oldest > 5);
            assert!(journal.changed_since(oldest - 2, usize::MAX).is_none());
            assert!(journal.changed_since(oldest - 1, usize::MAX).is_some());
        }
    }
}
