//! How long no node may have a table before etcd is read. Pure: time and chance are given.
//!
//! One reason why none has is that many started together: those who watch are not whole yet, and all others would
//! keep them from it. So the patience grows with the number of names; and then they read by turns, over the time that
//! etcd needs to let so many read so many names.

use std::time::{Duration, Instant};

use crate::node::TableState;

/// The patience for each name.
const PATIENCE_A_NAME: Duration = Duration::from_millis(5);

/// What there is more of it while some of those that are asked may have a table before long, for each pair of names, and
/// at most: they are there, and what etcd would have to send to everybody grows with the square.
const HOPE_A_PAIR: Duration = Duration::from_micros(20);
const LONGEST_HOPE: Duration = Duration::from_secs(600);

/// The time between two questions to the nodes that are known, and between two looks in etcd which these are: so
/// long, and so much longer for each name, and up to as long again.
const ASK_TABLE: Duration = Duration::from_secs(1);
const ASK_TABLE_A_NAME: Duration = Duration::from_micros(200);
const LOOK_FOR_SERVERS: Duration = Duration::from_secs(3);
const LOOK_FOR_SERVERS_A_NAME: Duration = Duration::from_millis(3);

/// The longer there was no table, the rarer it is asked: after a half of that time, but so much later for each name at
/// most, and never later than that. Many that ask keep those that they ask from getting it.
const ASK_LATER_A_NAME: Duration = Duration::from_millis(3);
const LATEST_ASK: Duration = Duration::from_secs(10);

/// How much rarer it is looked while some of those that are known may have a table before long: they are there. Where many
/// start, and where there was a table.
const LOOK_AT_START: u32 = 10;
const LOOK_IN_HOPE: u32 = 3;

/// A table that no node has.
#[derive(Debug)]
pub(super) struct LostTable {
    pub(super) since: Instant,
    /// When the directory was last known to be etcd's, by what it is marked as.
    proven_at: Option<Instant>,
    names: u32,
    /// When to ask again.
    ask_at: Instant,
    /// When to look who may have it by now.
    look_at: Instant,
    /// When to follow all names in etcd, where there is no hope.
    give_up_at: Instant,
    is_hopeful: bool,
}

impl LostTable {
    /// One that was lost now, where there are about so many names, which that many nodes read over so long a time.
    pub(super) fn new(
        now: Instant,
        proven_at: Option<Instant>,
        (names, spread): (u32, Duration),
        fraction: f64,
    ) -> LostTable {
        let spread = spread.mul_f64(fraction);
        let look = LOOK_FOR_SERVERS + LOOK_FOR_SERVERS_A_NAME.saturating_mul(names);
        LostTable {
            since: now,
            proven_at,
            names,
            ask_at: now,
            look_at: now + look.mul_f64(fraction),
            give_up_at: now + PATIENCE_A_NAME.saturating_mul(names) + spread,
            is_hopeful: false,
        }
    }

    /// Takes note of how many names there are, which that many nodes read over so long a time. Returns whether that is more
    /// by far than was taken for granted, so that there is patience for longer.
    pub(super) fn is_of_more(&mut self, (names, spread): (u32, Duration), fraction: f64) -> bool {
        let is_more = names / 5 * 4 > self.names;
        if is_more {
            self.names = names;
            let patience = PATIENCE_A_NAME.saturating_mul(names);
            self.give_up_at = self.since + patience + spread.mul_f64(fraction);
        }
        is_more
    }

    /// Whether the table is back: the directory is known to be etcd's at a later time.
    pub(super) fn is_over(&self, proven_at: Option<Instant>) -> bool {
        proven_at > self.proven_at
    }

    /// Whether to ask again; then the next time is drawn.
    pub(super) fn is_to_ask(&mut self, now: Instant, fraction: f64) -> bool {
        let shortest = ASK_TABLE + ASK_TABLE_A_NAME.saturating_mul(self.names);
        let lost_for = now.saturating_duration_since(self.since);
        let later = ASK_LATER_A_NAME.saturating_mul(self.names).min(LATEST_ASK);
        let longest = shortest + later;
        let interval = (lost_for / 2).clamp(shortest, longest);
        is_due(&mut self.ask_at, now, interval.mul_f64(1.0 + fraction))
    }

    /// Whether to look who may have it; then the next time is drawn.
    pub(super) fn is_to_look(&mut self, now: Instant, fraction: f64, starts: bool) -> bool {
        let interval = LOOK_FOR_SERVERS + LOOK_FOR_SERVERS_A_NAME.saturating_mul(self.names);
        let times = match (self.is_hopeful, starts) {
            (true, true) => LOOK_AT_START,
            (true, false) => LOOK_IN_HOPE,
            (false, _) => 1,
        };
        is_due(&mut self.look_at, now, interval.saturating_mul(times).mul_f64(1.0 + fraction))
    }

    /// Whether to wait no more, where this became of asking.
    pub(super) fn gives_up(&mut self, state: TableState, now: Instant) -> bool {
        match state {
            TableState::Lost => self.is_hopeful = true,
            TableState::Hopeless => self.is_hopeful = false,
            TableState::Awaited | TableState::Followed { .. } => {}
        }
        now >= self.gives_up_at()
    }

    fn gives_up_at(&self) -> Instant {
        let hope = HOPE_A_PAIR.saturating_mul(self.names).saturating_mul(self.names);
        let hope = hope.min(LONGEST_HOPE);
        if self.is_hopeful { self.give_up_at + hope } else { self.give_up_at }
    }

    /// When something is to be done; a change of what became of the table ends waits anyway.
    pub(super) fn due_at(&self, state: TableState) -> Instant {
        let due_at = self.look_at.min(self.gives_up_at());
        if state.is_lost() { due_at.min(self.ask_at) } else { due_at }
    }
}

fn is_due(at: &mut Instant, now: Instant, interval: Duration) -> bool {
    let is_due = now >= *at;
    if is_due {
        *at = now + interval;
    }
    is_due
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::stagger::reading_spread;

    fn lost_at(now: Instant, proven_at: Option<Instant>, names: u32, fraction: f64) -> LostTable {
        LostTable::new(now, proven_at, (names, reading_spread(names as usize, 2)), fraction)
    }

    #[test]
    fn few_turn_to_etcd_at_once_and_many_by_turns() {
        // Names, and the seconds after which the first one and the last one turn to etcd, rounded up: where there is no
        // hope, and where there is.
        let table = [
            (TableState::Hopeless, [(70, 1, 1), (200, 1, 2), (1000, 5, 11), (10_000, 50, 650)]),
            (TableState::Lost, [(70, 1, 1), (200, 2, 3), (1000, 25, 31), (10_000, 650, 1250)]),
        ];
        let now = Instant::now();
        for (state, rows) in table {
            for (names, first, last) in rows {
                for (fraction, wanted) in [(0.0, first), (1.0, last)] {
                    let mut lost = lost_at(now, None, names, fraction);
                    let at = |seconds| now + Duration::from_secs(seconds);
                    assert!(lost.gives_up(state, at(wanted)), "{names}, {fraction}");
                    assert!(wanted == 1 || !lost.gives_up(state, at(wanted - 1)), "{names}");
                }
            }
        }
    }

    #[test]
    fn where_more_start_than_was_guessed_the_patience_is_theirs() {
        let now = Instant::now();
        let at = |seconds| now + Duration::from_secs(seconds);
        let spread = |names: u32| (names, reading_spread(names as usize, 2));
        // Those that are counted, and the seconds after which it is given up: 500 were guessed.
        for (counted, is_more, end) in
            [(0, false, 8), (600, false, 8), (1000, true, 25), (4000, true, 340)]
        {
            let mut lost = lost_at(now, None, 500, 0.0);
            assert!(
                !lost.gives_up(TableState::Lost, at(7)) && lost.gives_up(TableState::Lost, at(8))
            );
            assert_eq!(lost.is_of_more(spread(counted), 0.0), is_more, "{counted}");
            assert!(!lost.gives_up(TableState::Lost, at(end - 1)), "{counted}");
            assert!(lost.gives_up(TableState::Lost, at(end)), "{counted}");
            assert!(!lost.is_of_more(spread(counted), 0.0), "it is asked once");
        }
    }

    #[test]
    fn what_was_hoped_for_counts_while_they_are_asked_again() {
        let (now, end) = (Instant::now(), Instant::now() + Duration::from_secs(20));
        let mut lost = lost_at(now, None, 1000, 1.0);
        assert!(lost.gives_up(TableState::Awaited, end));
        assert!(!lost.gives_up(TableState::Lost, end) && !lost.gives_up(TableState::Awaited, end));
        assert!(
            lost.gives_up(TableState::Hopeless, end) && lost.gives_up(TableState::Awaited, end)
        );
    }

    #[test]
    fn what_was_proven_before_it_was_lost_does_not_bring_it_back() {
        let now = Instant::now();
        let lost = lost_at(now, Some(now), 70, 0.5);
        assert!(!lost.is_over(Some(now)) && !lost.is_over(None));
        assert!(lost.is_over(Some(now + Duration::from_millis(1))));
        assert!(lost_at(now, None, 70, 0.5).is_over(Some(now)));
    }

    #[test]
    fn what_is_to_be_done_next_is_the_earliest_of_what_is_left() {
        let now = Instant::now();
        let at = |seconds: f64| now + Duration::from_secs_f64(seconds);
        // Names; the first look, the end of all patience, and the second question by the least chance.
        let table = [(100, 3.3, 0.5, 1.02), (1000, 6.0, 5.0, 1.2), (10_000, 33.0, 50.0, 3.0)];
        for (names, look, end, ask) in table {
            let spread = Duration::ZERO;
            let mut lost = LostTable::new(now, None, (names, spread), 1.0);
            assert_eq!((lost.look_at, lost.give_up_at), (at(look), at(end)), "{names}");
            assert_eq!(lost.due_at(TableState::Lost), now, "it is asked at once");
            let later = if look < end { look } else { end };
            assert_eq!(lost.due_at(TableState::Awaited), at(later), "while it is asked, no more");
            assert!(lost.is_to_ask(now, 0.0) && !lost.is_to_ask(now, 0.0));
            assert_eq!(lost.ask_at, at(ask), "{names}");
            assert_eq!(lost.due_at(TableState::Lost), at(if ask < end { ask } else { end }));
        }
    }

    #[test]
    fn the_longer_there_is_none_the_rarer_it_is_asked_where_there_are_many() {
        // Names, seconds since it was lost, and seconds to the next question.
        let table = [
            (70, 1, 1.014),
            (70, 60, 1.224),
            (2000, 2, 1.4),
            (2000, 6, 3.0),
            (2000, 60, 7.4),
            (10_000, 20, 10.0),
            (10_000, 600, 13.0),
        ];
        for (names, since, wanted) in table {
            let start = Instant::now();
            let mut lost = lost_at(start, None, names, 0.0);
            let now = start + Duration::from_secs(since);
            assert!(lost.is_to_ask(now, 0.0));
            let found = lost.ask_at.duration_since(now).as_secs_f64();
            assert!((found - wanted).abs() < 1e-6, "{names}, {since}: {found}");
        }
    }

    #[test]
    fn where_some_may_have_it_soon_etcd_is_hardly_asked_for_others() {
        for (state, starts, wanted) in [
            (TableState::Hopeless, true, 18.0),
            (TableState::Lost, true, 180.0),
            (TableState::Lost, false, 54.0),
        ] {
            let now = Instant::now();
            let mut lost = lost_at(now, None, 5000, 0.0);
            lost.gives_up(state, now);
            let at = lost.look_at;
            assert!(lost.is_to_look(at, 0.0, starts) && !lost.is_to_look(at, 0.0, starts));
            let found = lost.look_at.duration_since(at).as_secs_f64();
            assert!((found - wanted).abs() < 1e-6, "{state:?}: {found}");
        }
    }

    #[test]
    fn etcd_is_asked_for_others_rarely_where_there_are_many() {
        for (names, most) in [(70, 20), (10_000, 3)] {
            let now = Instant::now();
            let mut lost = lost_at(now, None, names, 0.0);
            let (mut asked, mut looked) = (0, 0);
            for second in 0..60 {
                let now = now + Duration::from_secs(second);
                asked += u32::from(lost.is_to_ask(now, 0.0));
                looked += u32::from(lost.is_to_look(now, 0.0, false));
            }
            assert!((1..=most).contains(&looked) && asked > looked, "{names}: {asked} {looked}");
        }
    }
}
