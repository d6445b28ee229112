//! How long to wait before etcd is tried again: doubling, bounded, and different on every node,
//! so that a cluster does not come back as a stampede.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);

/// The state between two failures.
#[derive(Debug)]
pub struct Pause {
    next: Duration,
    random: RandomState,
    drawn: u64,
}

impl Pause {
    /// Starts with the shortest pause.
    pub fn new() -> Self {
        Pause { next: SHORTEST, random: RandomState::new(), drawn: 0 }
    }

    /// The pause before the next attempt: between half and all of the current bound, 0.05 s to 5 s.
    pub fn draw(&mut self) -> Duration {
        let bound = self.next;
        self.next = (bound * 2).min(LONGEST);
        self.drawn += 1;
        // The standard library's hash keys are random for each process; that is random enough.
        let share = self.random.hash_one(self.drawn) % 1024;
        bound / 2 + bound.mul_f64(share as f64 / 2048.0)
    }

    /// Begins anew, after success.
    pub fn reset(&mut self) {
        self.next = SHORTEST;
    }
}

impl Default for Pause {
    fn default() -> Self {
        Pause::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_bound_and_begin_anew() {
        let mut pause = Pause::new();
        let mut bound = SHORTEST;
        for _ in 0..20 {
            let drawn = pause.draw();
            assert!(drawn >= bound / 2 && drawn <= bound, "{drawn:?} of {bound:?}");
            bound = (bound * 2).min(LONGEST);
        }
        pause.reset();
        assert!(pause.draw() <= SHORTEST);
    }
}
