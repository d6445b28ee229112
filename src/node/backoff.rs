//! The pauses before etcd is tried again: growing by half, bounded, and different on every node,
//! so that not all of a cluster come back at once.

use std::time::{Duration, Instant};

use crate::random::Random;

const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);

/// A pause is forgotten after this many times its length without another.
const CALM: u32 = 2;

/// The state between two failures.
#[derive(Debug)]
pub struct Backoff {
    next: Duration,
    /// When the next pause starts from the shortest again.
    calm_at: Option<Instant>,
}

impl Backoff {
    /// Starts with the shortest pause.
    pub fn new() -> Self {
        Backoff { next: SHORTEST, calm_at: None }
    }

    /// The pause before the next attempt: between half and all of the current bound, 0.05 s to 5 s.
    pub fn draw(&mut self, now: Instant, random: &mut Random) -> Duration {
        if self.calm_at.is_some_and(|calm_at| now >= calm_at) {
            self.next = SHORTEST;
        }
        let bound = self.next;
        self.next = (bound * 3 / 2).min(LONGEST);
        let pause = bound / 2 + (bound / 2).mul_f64(random.fraction());
        self.calm_at = Some(now + pause + pause * CALM);
        pause
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Backoff::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_bound_and_begin_anew_after_a_calm() {
        let (mut pause, mut random) = (Backoff::new(), Random::from_seed(7));
        let mut bound = SHORTEST;
        let mut now = Instant::now();
        for _ in 0..20 {
            let drawn = pause.draw(now, &mut random);
            assert!(drawn >= bound / 2 && drawn <= bound, "{drawn:?} of {bound:?}");
            // Success for a moment only does not count.
            now += drawn + drawn;
            bound = (bound * 3 / 2).min(LONGEST);
        }
        now += LONGEST * 3;
        assert!(pause.draw(now, &mut random) <= SHORTEST);
    }
}
