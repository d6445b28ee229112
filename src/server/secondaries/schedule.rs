//! When who is told: pure, so that rules of time can be tested without any passing.
//!
//! A change is told at once where all is calm, and together with those that follow within
//! `--notify-delay`. Until a server answers, it is told again after 1, 2, 4, 8 and 16 seconds (RFC 1996
//! §3.6), and then no more, until the next change. Nobody hears of a zone more often than the delay
//! allows; who did not answer, not before that time is over, which grows to a minute, unless it transfers a zone. So what is sent in a
//! second is at most the number of servers times that of zones, divided by the delay, however many changes
//! there are.

use std::time::{Duration, Instant};

use crate::cluster::ZoneVersion;

/// The wait for the first answer, and the longest one.
const FIRST_INTERVAL: Duration = Duration::from_secs(1);
const LONGEST_NOTIFY_INTERVAL: Duration = Duration::from_secs(60);

/// The most times that a change is told: the first, and five more (RFC 1996 §3.6).
const MOST_TRIES: u32 = 6;

/// The changes of all zones together.
#[derive(Debug)]
pub struct Changes {
    /// The time between two rounds of telling.
    delay: Duration,
    /// What was told last; `None`: nothing was.
    told: Option<ZoneVersion>,
    /// When that was.
    told_at: Option<Instant>,
    /// When a change is to be told that was not yet.
    due: Option<Instant>,
}

impl Changes {
    /// Nothing was told yet.
    pub fn new(delay: Duration) -> Changes {
        Changes { delay, told: None, told_at: None, due: None }
    }

    /// When there is something to tell.
    pub fn next(&self) -> Option<Instant> {
        self.due
    }

    /// Whether this is not what was told last.
    pub fn is_new(&self, version: ZoneVersion) -> bool {
        self.told != Some(version)
    }

    /// Notes what the zones tell now, and says whether everybody is to be told of it now. `None`: nothing can be told
    /// of the zones, nor is anything due until that changes.
    pub fn is_due(&mut self, version: Option<ZoneVersion>, now: Instant) -> bool {
        let Some(version) = version.filter(|version| self.is_new(*version)) else {
            self.due = None;
            return false;
        };
        let earliest = self.told_at.map_or(now, |at| at + self.delay);
        if earliest > now {
            self.due = Some(earliest);
            return false;
        }
        (self.told, self.told_at, self.due) = (Some(version), Some(now), None);
        true
    }
}

/// What one server is to be told of one zone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Telling {
    /// When to tell it; `None`: there is nothing to tell, or no more.
    next: Option<Instant>,
    sent_at: Option<Instant>,
    /// How often it was told in a row without an answer.
    unanswered: u32,
    /// How often it may still be told of the latest change.
    tries: u32,
    /// Something changed since it was told last.
    is_newer: bool,
}

impl Telling {
    /// When to tell it.
    pub fn next(&self) -> Option<Instant> {
        self.next
    }

    /// How often it was told in a row without an answer.
    pub fn unanswered(&self) -> u32 {
        self.unanswered
    }

    fn wait(&self) -> Duration {
        match self.unanswered.checked_sub(1) {
            None => Duration::ZERO,
            Some(more) => {
                FIRST_INTERVAL.saturating_mul(1 << more.min(16)).min(LONGEST_NOTIFY_INTERVAL)
            }
        }
    }

    /// The zone has changed.
    pub fn change(&mut self, now: Instant) {
        self.tries = MOST_TRIES;
        self.is_newer = true;
        self.next = Some(self.sent_at.map_or(now, |at| (at + self.wait()).max(now)));
    }

    /// It is told, or that was tried.
    pub fn sent(&mut self, now: Instant) {
        self.tries = self.tries.saturating_sub(1);
        self.unanswered = self.unanswered.saturating_add(1);
        self.is_newer = false;
        self.sent_at = Some(now);
        self.next = (self.tries > 0).then(|| now + self.wait());
    }

    /// It is there, though it may not have answered: what it was not told yet need not wait for that.
    pub fn is_there(&mut self, now: Instant) {
        self.unanswered = 0;
        if self.is_newer {
            self.next = self.next.map(|at| at.min(now));
        }
    }

    /// It has answered what it was told last.
    pub fn answered(&mut self, now: Instant) {
        self.unanswered = 0;
        self.next = self.is_newer.then_some(now);
    }
}

#[cfg(test)]
#[path = "schedule_tests.rs"]
mod tests;
