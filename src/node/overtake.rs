//! Going past those that are ahead in the queue and take none of the names that are free: their limit
//! is lower, they are dead and their lease is long, or they stand still. The claim stays safe, because
//! it succeeds for a name that is free only; whoever was about to take that one takes another.
//!
//! Where many start together the queue moves all the time, so nobody goes past others there.

use std::time::{Duration, Instant};

use crate::random::Random;

/// The time that names are free, and nobody ahead leaves the queue, before it is taken to be stuck.
const STUCK_AFTER: Duration = Duration::from_secs(2);

/// The time that names are free before it is taken to be so even if it moves.
const SLOW_AFTER: Duration = Duration::from_secs(8);

/// Between two of those that are near its front, so that each learns what the one before it took.
const STEP: Duration = Duration::from_millis(25);

/// The number of those that come in order. Others come after them, by chance in this time.
const IN_ORDER: u32 = 40;
const OTHERS: Duration = Duration::from_secs(2);

/// The shortest time between two attempts, and the time by which it is longer by chance.
const RETRY_AFTER: Duration = Duration::from_millis(500);
const RETRY_SPREAD: Duration = Duration::from_secs(1);

/// When to go past others.
#[derive(Debug)]
pub(super) struct Overtaking {
    /// Since when names are free; `None`: none is.
    free_since: Option<Instant>,
    /// When somebody ahead left the queue last.
    moved_at: Instant,
    /// When to try; `None`: the queue is not stuck.
    due: Option<Instant>,
}

impl Overtaking {
    /// For a place in the queue that was looked at now.
    pub(super) fn new(now: Instant) -> Overtaking {
        Overtaking { free_since: None, moved_at: now, due: None }
    }

    /// Takes note that somebody ahead left the queue.
    pub(super) fn moved(&mut self, now: Instant) {
        self.moved_at = now;
    }

    /// Takes note that no name is free.
    pub(super) fn none_free(&mut self) {
        (self.free_since, self.due) = (None, None);
    }

    /// The time to try, or to ask again, where names are free and so many nodes are ahead.
    pub(super) fn next(&mut self, ahead: usize, now: Instant, random: &mut Random) -> Instant {
        if let Some(due) = self.due {
            return due;
        }
        let free_since = *self.free_since.get_or_insert(now);
        let stuck_at = free_since.max(self.moved_at) + STUCK_AFTER;
        let stuck_at = stuck_at.min(free_since + SLOW_AFTER);
        if now < stuck_at {
            return stuck_at;
        }
        *self.due.insert(now + turn(ahead, random))
    }

    /// Whether it is time to try.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.due.is_some_and(|due| due <= now)
    }

    /// Takes note that somebody else took the name that was tried.
    pub(super) fn failed(&mut self, now: Instant, random: &mut Random) {
        self.due = Some(now + RETRY_AFTER + RETRY_SPREAD.mul_f64(random.fraction()));
    }
}

/// The time that those who noticed together leave to those ahead of them.
fn turn(ahead: usize, random: &mut Random) -> Duration {
    let place = u32::try_from(ahead).unwrap_or(u32::MAX).min(IN_ORDER);
    let spread = if place < IN_ORDER { STEP } else { OTHERS };
    STEP * place + spread.mul_f64(random.fraction())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(duration: Duration) -> f64 {
        duration.as_secs_f64()
    }

    /// The time from `start` until somebody with so many ahead tries, who is told at these seconds that
    /// the queue moved. Names are free all the while.
    fn tries_after(ahead: usize, moves: &[f64], random: &mut Random) -> f64 {
        let start = Instant::now();
        let mut overtaking = Overtaking::new(start);
        let moves = moves.iter().map(|at| start + Duration::from_secs_f64(*at));
        let mut moves = moves.peekable();
        let mut now = start;
        while !overtaking.is_due(now) {
            let next = overtaking.next(ahead, now, random);
            assert!(next > now || overtaking.is_due(now), "it is said when to ask again");
            now =
                moves.next_if(|at| *at < next).inspect(|at| overtaking.moved(*at)).unwrap_or(next);
        }
        seconds(now - start)
    }

    #[test]
    fn who_waits_beside_a_free_name_goes_past_others_after_two_to_five_seconds() {
        let mut random = Random::from_seed(5);
        let mut before = 0.0;
        for ahead in 1..40 {
            let after = tries_after(ahead, &[], &mut random);
            assert!(after > before && (2.0..=3.0).contains(&after), "{ahead} ahead: {after}");
            before = after;
        }
        let many: Vec<f64> = (0..1000).map(|_| tries_after(1000, &[], &mut random)).collect();
        assert!(many.iter().all(|after| (3.0..=5.0).contains(after)), "{many:?}");
        let within = |from: f64| many.iter().filter(|at| (from..from + 0.2).contains(*at)).count();
        assert!([3.0, 3.9, 4.8].map(within).iter().all(|count| (50..150).contains(count)));
    }

    #[test]
    fn a_queue_that_moves_is_given_time_but_not_for_ever() {
        let mut random = Random::from_seed(5);
        // A herd of which the last is named after a while.
        let herd: Vec<f64> = (0..45).map(|tenth| f64::from(tenth) / 10.0).collect();
        let after = tries_after(1, &herd, &mut random);
        assert!((6.4..6.5).contains(&after), "{after}");
        let forever: Vec<f64> = (0..1000).map(|tenth| f64::from(tenth) / 10.0).collect();
        let after = tries_after(1, &forever, &mut random);
        assert!((8.0..8.1).contains(&after), "{after}");
        // It began to try, and nobody stops it.
        let after = tries_after(39, &[2.5], &mut random);
        assert!((2.9..=3.0).contains(&after), "{after}");
    }

    #[test]
    fn it_waits_anew_when_no_name_was_free_and_a_moment_when_it_failed() {
        let (mut random, start) = (Random::from_seed(5), Instant::now());
        let mut overtaking = Overtaking::new(start);
        let after = |duration: f64| start + Duration::from_secs_f64(duration);
        assert_eq!(overtaking.next(1, after(1.0), &mut random), after(3.0));
        overtaking.none_free();
        assert_eq!(overtaking.next(1, after(2.9), &mut random), after(4.9));
        let due = overtaking.next(1, after(4.9), &mut random);
        assert!(!overtaking.is_due(after(4.9)) && overtaking.is_due(due));
        overtaking.failed(due, &mut random);
        let again = overtaking.next(1, due, &mut random);
        assert!((0.5..1.5).contains(&seconds(again - due)), "{:?}", again - due);
        overtaking.none_free();
        assert!(!overtaking.is_due(again));
    }
}
