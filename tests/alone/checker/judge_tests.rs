//! Small stories, and what is to be found in them.

use std::time::Duration;

use super::judge::judge;
use super::register::Records;
use super::story::{ByHand, Disturbance, HoldUp, Life, Restore, Return, Story, Trouble};
use super::{GRACE, LEASE};

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// A program of a node with a token, from when to when.
fn life(node: usize, token: i64, opened: f64, closed: f64) -> Life {
    Life {
        node,
        pid: 1,
        name: "worker1.tf.local".to_owned(),
        token,
        epoch: 0,
        opened: seconds(opened),
        closed: Some(seconds(closed)),
        accepted: 1,
        refused: 0,
        last_accepted: None,
    }
}

fn disturbance(node: Option<usize>, trouble: Trouble, from: f64, until: f64) -> Disturbance {
    Disturbance { node, trouble, from: seconds(from), until: seconds(until) }
}

fn by_hand(at: f64) -> Vec<ByHand> {
    let name = "worker1.tf.local".to_owned();
    vec![ByHand { name, from: seconds(at), until: seconds(at) }]
}

fn story(lives: Vec<Life>) -> Story {
    let lingers = vec![Duration::ZERO, seconds(3.0)];
    Story { lives, lingers, end: seconds(99.0), ..Story::default() }
}

/// Who complains, and for what reasons two were alive at once.
fn found(story: &Story) -> String {
    let verdict = judge(story);
    let complaints = verdict.violations.iter().map(|violation| violation.judge.to_owned());
    let excused = verdict.excused.keys().map(|reason| format!("({reason})"));
    complaints.chain(excused).collect::<Vec<_>>().join(", ")
}

#[test]
fn one_after_the_other_with_growing_tokens_is_well() {
    let mut other = life(1, 3, 1.5, 9.0);
    other.name = "worker2.tf.local".to_owned();
    let story =
        story(vec![life(0, 5, 1.0, 2.0), other, life(1, 7, 2.0, 3.0), life(0, 9, 4.0, 5.0)]);
    assert_eq!(found(&story), "");
}

#[test]
fn tokens_that_do_not_grow_are_found() {
    let table = [(5, "one token"), (4, "growing tokens"), (6, "")];
    for (token, wanted) in table {
        let story = story(vec![life(0, 5, 1.0, 2.0), life(0, token, 3.0, 4.0)]);
        assert_eq!(found(&story), wanted, "{token}");
    }
    // It was about to speak when its key was deleted: all that it says is refused.
    let mut late = life(1, 4, 3.1, 4.0);
    late.accepted = 0;
    let mut story = story(vec![life(0, 5, 3.0, 3.1), late]);
    assert_eq!(found(&story), "growing tokens");
    story.by_hand = by_hand(2.9);
    assert_eq!(found(&story), "");
    story.lives[1].accepted = 1;
    assert_eq!(found(&story), "growing tokens");
}

#[test]
fn a_restored_backup_takes_back_the_tokens_that_are_not_in_it() {
    let mut story = story(vec![life(0, 5, 1.0, 2.0), life(1, 5, 3.0, 4.0)]);
    story.lives[1].epoch = 1;
    for (revision, wanted) in [(4, ""), (5, "one token")] {
        story.restores = vec![Restore { revision, until: seconds(2.5) }];
        assert_eq!(found(&story), wanted, "{revision}");
    }
}

#[test]
fn writes_of_an_earlier_owner_after_those_of_a_later_one_are_found() {
    let mut story = story(vec![life(0, 5, 1.0, 2.0), life(1, 6, 3.0, 4.0)]);
    story.returns.insert(Return { owner: 0, later_owner: 1 }, 7);
    assert_eq!(found(&story), "fenced");
}

#[test]
fn two_that_are_alive_at_once_are_found_unless_there_is_a_reason_for_so_long() {
    let two = |end: f64| vec![life(0, 5, 1.0, end), life(1, 6, 10.0, 20.0)];
    assert_eq!(found(&story(two(10.1))), "one alive");
    // How the earlier one may end, and the first time that is too late.
    let told = 0.5 + GRACE.as_secs_f64() + 0.5;
    let by_lease = LEASE.as_secs_f64() + 0.5;
    let cut = disturbance(Some(0), Trouble::CutOff, 5.0, 9.0);
    let frozen = disturbance(Some(0), Trouble::Frozen, 5.0, 13.0);
    let killed = disturbance(Some(0), Trouble::Killed, 9.9, 9.9);
    let table = [
        (Story { by_hand: by_hand(9.5), ..Story::default() }, "(by hand)", 9.5 + told),
        (
            Story { by_hand: by_hand(9.5), disturbances: vec![cut], ..Story::default() },
            "(by hand)",
            9.5 + by_lease,
        ),
        (Story { deposed: vec![seconds(9.8)], ..Story::default() }, "(deposed leader)", 9.8 + told),
        (Story { disturbances: vec![frozen], ..Story::default() }, "(frozen)", 13.5),
        (Story { disturbances: vec![killed], ..Story::default() }, "(killed)", 10.4),
        (
            Story {
                hold_ups: vec![HoldUp { at: seconds(10.0), length: seconds(0.1) }],
                ..Story::default()
            },
            "(held up)",
            10.2,
        ),
    ];
    for (reason, wanted, until) in table {
        let with = |end: f64| Story { lives: two(end), end: seconds(99.0), ..reason.clone() };
        assert_eq!(found(&with(until - 0.01)), wanted);
        assert_eq!(found(&with(until + 0.01)), "one alive", "{wanted}");
    }
}

#[test]
fn a_program_that_lingers_while_its_machine_is_frozen_has_longer() {
    let lives = vec![life(1, 5, 1.0, 16.4), life(1, 6, 10.0, 20.0)];
    let killed = disturbance(Some(1), Trouble::Killed, 9.9, 9.9);
    let frozen = disturbance(Some(1), Trouble::Frozen, 11.0, 13.0);
    let mut story = Story { disturbances: vec![killed, frozen], ..story(lives) };
    assert_eq!(found(&story), "(killed)");
    story.lives[0].closed = Some(seconds(16.6));
    assert_eq!(found(&story), "one alive");
    story.disturbances.pop();
    story.lives[0].closed = Some(seconds(13.3));
    assert_eq!(found(&story), "(killed)");
    story.lives[0].closed = Some(seconds(13.5));
    assert_eq!(found(&story), "one alive");
}

#[test]
fn what_happened_to_others_or_at_another_time_is_no_reason() {
    let two = vec![life(0, 5, 1.0, 10.4), life(1, 6, 10.0, 20.0)];
    let reasons = [
        disturbance(Some(1), Trouble::Frozen, 5.0, 13.0),
        disturbance(Some(0), Trouble::Frozen, 5.0, 9.0),
        disturbance(Some(0), Trouble::Frozen, 10.1, 13.0),
        disturbance(Some(1), Trouble::Killed, 9.9, 9.9),
        disturbance(Some(0), Trouble::Killed, 10.2, 10.2),
        disturbance(Some(0), Trouble::CutOff, 5.0, 9.9),
    ];
    for reason in reasons {
        let story = Story { disturbances: vec![reason.clone()], ..story(two.clone()) };
        assert_eq!(found(&story), "one alive", "{reason:?}");
    }
    for at in [0.5, 9.4, 10.1] {
        let story = Story { deposed: vec![seconds(at)], ..story(two.clone()) };
        assert_eq!(found(&story), "one alive", "{at}");
    }
    for at in [0.5, 10.1] {
        // Before the earlier one began somebody else had the name, and after the later one began
        // it is no reason for that.
        let mut story = Story { by_hand: by_hand(at), ..story(two.clone()) };
        assert_eq!(found(&story), "one alive", "{at}");
        story.by_hand[0].name = "worker2.tf.local".to_owned();
        assert_eq!(found(&story), "one alive", "{at}");
    }
}

#[test]
fn an_owner_that_is_not_in_a_restored_backup_has_a_lease_to_notice() {
    let mut story = story(vec![life(0, 5, 1.0, 0.0), life(1, 4, 10.0, 20.0)]);
    story.lives[1].epoch = 1;
    for (revision, end, wanted) in
        [(3, 13.4, "(restored)"), (3, 13.6, "one alive"), (5, 10.1, "growing tokens, one alive")]
    {
        story.restores = vec![Restore { revision, until: seconds(9.0) }];
        story.lives[0].closed = Some(seconds(end));
        assert_eq!(found(&story), wanted, "{revision} {end}");
    }
}

#[test]
fn the_register_refuses_lower_tokens_and_tells_who_comes_back() {
    let mut records = Records::new(std::time::Instant::now());
    let old = records.admit("0 17 worker1.tf.local 5");
    let new = records.admit("1 18 worker1.tf.local 6");
    let other = records.admit("2 19 worker2.tf.local 4");
    for index in [old, new, old, other] {
        records.write(index);
    }
    let counts = |records: &Records, index: usize| {
        (records.lives[index].accepted, records.lives[index].refused)
    };
    assert_eq!((counts(&records, old), counts(&records, new)), ((1, 1), (1, 0)));
    assert_eq!(counts(&records, other), (1, 0));
    let same = records.admit("3 20 worker1.tf.local 6");
    for index in [same, new, new] {
        records.write(index);
    }
    assert_eq!(records.returns.len(), 1, "{:?}", records.returns);
    assert_eq!(counts(&records, new), (3, 0));
}
