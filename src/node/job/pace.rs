//! How often a node that waits for a list looks around, and when it rests.

use std::time::{Duration, Instant};

use super::barrier::{Barrier, SHORT_PAUSE};
use super::stage::JobStep;
use crate::random::Random;

/// The longest time until a node that waits looks around, but for what is added by chance.
pub(super) const LONGEST_LOOK: Duration = Duration::from_secs(10);
/// By how much it is longer for each node that there is.
const LOOK_TIME: Duration = Duration::from_millis(20);

/// The most steps in a row: more are in vain, and others may need etcd.
const MOST_STEPS: usize = 12;

impl Barrier {
    /// Takes note of a step, and rests for a moment after too many of them.
    pub(super) fn count_step(&mut self, step: JobStep, now: Instant, random: &mut Random) {
        self.steps = if matches!(step, JobStep::Wait(_)) { 0 } else { self.steps + 1 };
        if self.steps > MOST_STEPS {
            self.steps = 0;
            self.rest(now, random);
        }
    }

    /// Does nothing for a moment, as all was in vain.
    pub(super) fn rest(&mut self, now: Instant, random: &mut Random) {
        self.rests_until = Some(now + SHORT_PAUSE + SHORT_PAUSE.mul_f64(random.fraction()));
    }

    pub(super) fn draw_pause(&mut self, random: &mut Random) -> Duration {
        // Many are given time, and do not ask for more together than few.
        let known = self.list.as_ref().map_or(self.count, |list| list.members.len());
        let many = LOOK_TIME.saturating_mul(u32::try_from(known).unwrap_or(u32::MAX));
        let pause = self.pause.max(many).min(LONGEST_LOOK);
        self.pause = (self.pause * 3 / 2).min(LONGEST_LOOK);
        pause + pause.mul_f64(random.fraction())
    }
}
