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
        let wanted =
            wanted.map(|all| all.into_iter().map(|(slot, before)| (place(slot), before)).collect());
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
    // It changed nothing.
    journal.note_overtaken(13, 14, place(1), node(5));
    assert!(journal.changed_since(14, usize::MAX).is_some());
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
    journal.note(24, 21, place(2), None);
    journal.note(23, 22, place(3), None);
    for (revision, wanted) in [(22, 21), (23, 23), (24, 24), (99, 24)] {
        assert_eq!(journal.latest(revision), wanted, "whichever came last");
    }
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
