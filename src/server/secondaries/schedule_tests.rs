use super::*;

use crate::cluster::{Directory, Keyspace, Pattern};

const MILLISECOND: Duration = Duration::from_millis(1);

/// What zones tell, of that revision.
fn version(revision: u32) -> ZoneVersion {
    let pattern = Pattern::parse("worker{{.ID}}.tf.local.", 9).expect("a pattern");
    let mut directory = Directory::new(Keyspace::new(pattern, 9).into());
    directory.advance(revision.into());
    directory.zone_version()
}

#[test]
fn changes_are_told_at_once_when_calm_and_together_when_not() {
    let start = Instant::now();
    let at = |milliseconds: u32| start + milliseconds * MILLISECOND;
    let mut changes = Changes::new(200 * MILLISECOND);
    let table = [
        (0, 1, true, None),
        (1, 1, false, None),
        (50, 2, false, Some(200)),
        (199, 9, false, Some(200)),
        (200, 9, true, None),
        (300, 10, false, Some(400)),
        // Back to what was told: nothing changed.
        (350, 9, false, None),
        (1000, 11, true, None),
    ];
    for (now, revision, is_due, next) in table {
        assert_eq!(changes.is_due(Some(version(revision)), at(now)), is_due, "{now}");
        assert_eq!(changes.next(), next.map(at), "{now}");
    }
    // A thousand changes a second are five rounds.
    let rounds = (2000..3000).filter(|now| changes.is_due(Some(version(*now)), at(*now))).count();
    assert_eq!(rounds, 5);
}

#[test]
fn nothing_is_due_while_the_zones_can_not_be_transferred() {
    let start = Instant::now();
    let at = |milliseconds: u32| start + milliseconds * MILLISECOND;
    let mut changes = Changes::new(200 * MILLISECOND);
    assert!(changes.is_due(Some(version(1)), at(0)));
    assert!(!changes.is_due(Some(version(2)), at(50)));
    assert_eq!(changes.next(), Some(at(200)));
    // Else whoever waits until then wakes again and again from then on.
    assert!(!changes.is_due(None, at(200)));
    assert_eq!(changes.next(), None);
    assert!(changes.is_due(Some(version(2)), at(60_000)));
}

/// When a server that does not answer is told, in milliseconds, with a change each `every`.
fn told(every: u32, until: u32) -> Vec<u32> {
    let start = Instant::now();
    let mut telling = Telling::default();
    let mut times = Vec::new();
    for now in 0..until {
        let at = start + now * MILLISECOND;
        if now % every == 0 {
            telling.change(at);
        }
        if telling.next().is_some_and(|next| next <= at) {
            telling.sent(at);
            times.push(now);
        }
    }
    times
}

#[test]
fn who_does_not_answer_is_told_six_times_and_ever_more_rarely() {
    let seconds = [0, 1, 3, 7, 15, 31].map(|second| second * 1000);
    assert_eq!(told(1_000_000, 300_000), seconds);
    // However many changes there are, it is told no sooner, and once a minute in the end.
    let all = [0, 1, 3, 7, 15, 31, 63, 123, 183, 243].map(|second| second * 1000);
    assert_eq!(told(200, 300_000), all);
}

#[test]
fn who_answers_is_told_of_what_came_meanwhile() {
    let start = Instant::now();
    let at = |milliseconds: u32| start + milliseconds * MILLISECOND;
    let mut telling = Telling::default();
    assert_eq!(telling.next(), None);
    telling.change(at(0));
    assert_eq!(telling.next(), Some(at(0)));
    telling.sent(at(0));
    assert_eq!(telling.next(), Some(at(1000)));
    // It may not have heard yet, so it is not told before its answer, or the end of the wait for it.
    telling.change(at(200));
    assert_eq!(telling.next(), Some(at(1000)));
    telling.answered(at(300));
    assert_eq!((telling.next(), telling.unanswered()), (Some(at(300)), 0));
    telling.sent(at(300));
    telling.answered(at(310));
    assert_eq!(telling.next(), None);
    telling.change(at(320));
    assert_eq!(telling.next(), Some(at(320)));
}
