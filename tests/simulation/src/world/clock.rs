//! A machine's own clock: it began somewhere, and runs a little faster or slower than true time.
//!
//! It goes on while the machine is suspended, as `CLOCK_BOOTTIME` does.

use std::time::{Duration, Instant};

use crate::model::Time;

const MILLION: i128 = 1_000_000;

/// The clock of one machine.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// What it showed when the run began.
    began: Instant,
    /// By how many millionths it is too fast; negative: too slow.
    ppm: i32,
}

impl Clock {
    /// A clock that shows `began` at first, and is too fast by so many millionths.
    pub fn new(began: Instant, ppm: i32) -> Clock {
        Clock { began, ppm }
    }

    /// What it shows at a true time.
    pub fn at(&self, time: Time) -> Instant {
        if self.ppm == 0 {
            return self.began + time;
        }
        self.began + scaled(time, MILLION + i128::from(self.ppm), MILLION)
    }

    /// The first true time at which it shows this or later.
    pub fn true_time(&self, shown: Instant) -> Time {
        let since = shown.saturating_duration_since(self.began);
        if self.ppm == 0 {
            return since;
        }
        let time = scaled(since, MILLION, MILLION + i128::from(self.ppm));
        // What was rounded off may be what is missing.
        (0..3)
            .map(|more| time + Duration::from_nanos(more))
            .find(|t| self.at(*t) >= shown)
            .unwrap_or(time)
    }
}

fn scaled(duration: Duration, by: i128, of: i128) -> Duration {
    let nanos = i128::try_from(duration.as_nanos()).unwrap_or(i128::MAX).saturating_mul(by) / of;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_comes_at_its_true_time() {
        let began = Instant::now();
        for ppm in [-10_000, -1, 0, 3, 10_000] {
            let clock = Clock::new(began, ppm);
            for nanos in [0, 1, 999, 1_000_000_007, 86_400_000_000_001] {
                let shown = began + Duration::from_nanos(nanos);
                let time = clock.true_time(shown);
                assert!(clock.at(time) >= shown, "{ppm} {nanos}");
                let before = time.saturating_sub(Duration::from_nanos(1));
                assert!(time.is_zero() || clock.at(before) < shown, "{ppm} {nanos}");
            }
        }
        let fast = Clock::new(began, 10_000);
        assert_eq!(fast.at(Duration::from_secs(100)), began + Duration::from_secs(101));
    }
}
