//! How long a server may be silent that owes an answer, by how long the answers before took. Pure.
//!
//! Where answers come at once, one that does not is soon missed. Where all are slow, as when many nodes start
//! together, they are waited for: who leaves a server reads everything anew from another.

use std::time::Duration;

/// The bounds of the limit. Nodes that are busy with other work may well take the shortest one.
const SHORTEST_SILENCE: Duration = Duration::from_millis(300);
const LONGEST_SILENCE: Duration = Duration::from_secs(1);

/// How much longer than the slowest answer of late one may take.
const TIMES: u32 = 10;

/// How much a slow answer counts after the next one.
const DECAY: (u32, u32) = (7, 8);

/// The longest silence that is waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SilenceLimit {
    /// Of the answers of late; `None`: there was none.
    slowest: Option<Duration>,
}

impl SilenceLimit {
    /// Takes note of how long a server was silent before it was heard.
    pub fn note(&mut self, silence: Duration) {
        let (part, parts) = DECAY;
        let before = self.slowest.unwrap_or_default().min(LONGEST_SILENCE);
        self.slowest = Some(silence.max(before * part / parts));
    }

    /// Takes note that a server was silent for longer: the next one has twice as long, for it may be as busy.
    pub fn exceeded(&mut self) {
        self.slowest = Some(self.get() * 2 / TIMES);
    }

    /// The limit: at first the longest.
    pub fn get(&self) -> Duration {
        self.slowest.map_or(LONGEST_SILENCE, |slowest| {
            (slowest * TIMES).clamp(SHORTEST_SILENCE, LONGEST_SILENCE)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn the_limit_follows_what_answers_take_within_bounds() {
        let mut limit = SilenceLimit::default();
        assert_eq!(limit.get(), LONGEST_SILENCE);
        // How long answers take, in milliseconds, and the limit after each.
        for (silence, wanted) in [(1, 300), (50, 500), (90, 900), (200, 1000), (5000, 1000)] {
            limit.note(silence * MS);
            assert_eq!(limit.get(), wanted * MS, "{silence}");
        }
        // A process that stood still does not pay for it for ever.
        (0..30).for_each(|_| limit.note(MS));
        assert_eq!(limit.get(), SHORTEST_SILENCE);
    }

    #[test]
    fn who_is_silent_gives_the_next_one_more_time() {
        let mut limit = SilenceLimit::default();
        limit.note(MS);
        for wanted in [600, 1000, 1000] {
            limit.exceeded();
            assert_eq!(limit.get(), wanted * MS);
        }
    }
}
