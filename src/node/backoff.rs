//! The pauses before etcd is tried again: growing by half, bounded, and different on every node,
//! so that not all of a cluster come back at once.

use std::time::{Duration, Instant};

use crate::random::Random;

const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);

/// The longest pause of a node that lost its name, where it knows so many names or less; with more it is as much longer,
/// so that etcd is not asked by more nodes a second.
const LONGEST_WITHOUT_NAME: Duration = Duration::from_millis(500);
const NAMES_PER_PAUSE: u32 = 500;
const MOST_NAMES_FOR_SHORT: usize = 1000;

/// An attempt that took long is followed by the next after so long at the least.
const LEAST: Duration = Duration::from_millis(50);

/// A pause is forgotten after success for this many times its length.
const CALM: u32 = 2;

/// The state between two failures.
#[derive(Debug)]
pub struct Backoff {
    next: Duration,
    /// The length of success after which the next pause starts from the shortest again.
    calm: Duration,
    /// When something succeeded first and last since the last pause.
    success: Option<(Instant, Instant)>,
}

impl Default for Backoff {
    /// Starts with the shortest pause.
    fn default() -> Self {
        Backoff { next: SHORTEST, calm: Duration::ZERO, success: None }
    }
}

impl Backoff {
    /// Notes a success. One alone is of no length, and the time that an attempt takes to fail is none.
    pub fn succeed(&mut self, now: Instant) {
        let (first, _) = self.success.unwrap_or((now, now));
        self.success = Some((first, now));
    }

    /// The same for a node that lost its name, or whose name is in doubt, beside so many names. The attempt took so
    /// long, which is a part of the pause.
    pub fn draw_without_name(
        &mut self,
        names: usize,
        attempt: Duration,
        random: &mut Random,
    ) -> Duration {
        let names = u32::try_from(names).unwrap_or(u32::MAX);
        let longest = (LONGEST_WITHOUT_NAME * names.div_ceil(NAMES_PER_PAUSE).max(1)).min(LONGEST);
        self.next = self.next.min(longest);
        let pause = self.draw(random);
        pause.saturating_sub(attempt).max(LEAST)
    }

    /// Whether the pauses of a node that lost its name are never long beside so many names: then whoever waits for the end
    /// of an outage may look for it often.
    pub fn is_short_without_name(names: usize) -> bool {
        names <= MOST_NAMES_FOR_SHORT
    }

    /// The pause before the next attempt: between half and all of the current bound, 0.05 s to 5 s.
    pub fn draw(&mut self, random: &mut Random) -> Duration {
        let success = self.success.take();
        let length = success.map(|(first, last)| last.saturating_duration_since(first));
        if length.is_some_and(|length| length >= self.calm) {
            self.next = SHORTEST;
        }
        let bound = self.next;
        self.next = (bound * 3 / 2).min(LONGEST);
        let pause = bound / 2 + (bound / 2).mul_f64(random.fraction());
        self.calm = pause * CALM;
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_bound_and_begin_anew_after_a_calm() {
        let (mut backoff, mut random) = (Backoff::default(), Random::from_seed(7));
        let mut bound = SHORTEST;
        let mut now = Instant::now();
        for _ in 0..20 {
            let drawn = backoff.draw(&mut random);
            assert!(drawn >= bound / 2 && drawn <= bound, "{drawn:?} of {bound:?}");
            // Success for a moment only does not count.
            backoff.succeed(now);
            now += drawn;
            backoff.succeed(now);
            bound = (bound * 3 / 2).min(LONGEST);
        }
        backoff.succeed(now);
        backoff.succeed(now + LONGEST * 3);
        assert!(backoff.draw(&mut random) <= SHORTEST);
    }

    #[test]
    fn without_a_name_pauses_are_short_unless_there_are_many() {
        let (mut backoff, mut random) = (Backoff::default(), Random::from_seed(7));
        for (names, longest) in [(0, 500), (500, 500), (1000, 1000), (1001, 1500), (100_000, 5000)]
        {
            for _ in 0..20 {
                backoff.draw(&mut random);
            }
            let longest = Duration::from_millis(longest);
            let drawn = backoff.draw_without_name(names, Duration::ZERO, &mut random);
            assert!(drawn >= longest / 2 && drawn <= longest, "{names}: {drawn:?}");
            // One that waited for a reply waited enough.
            assert_eq!(backoff.draw_without_name(names, longest, &mut random), LEAST, "{names}");
        }
    }

    #[test]
    fn pauses_grow_however_long_an_attempt_takes_to_fail() {
        let (mut backoff, mut random) = (Backoff::default(), Random::from_seed(7));
        let mut now = Instant::now();
        for _ in 0..20 {
            now += backoff.draw(&mut random) + Duration::from_secs(60);
        }
        assert!(backoff.draw(&mut random) >= LONGEST / 2);
        // One reply, and then silence.
        backoff.succeed(now);
        assert!(backoff.draw(&mut random) >= LONGEST / 2);
    }
}
