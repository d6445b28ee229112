//! From whom to take the table: the nodes that may be asked, the best first, and how each did. Pure: time and
//! chance are given.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::node::TableServer;

/// How long a server that failed is left alone: at first, and at most. Each time twice as long. Short at first: where
/// all start together, those that will have the table soon do not have it yet.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// The servers that are tried one right after the other; then there are pauses between any two, at first and at most so
/// long, each time twice as long, and up to as long again: where many nodes find no table, those that serve them would
/// be kept from getting one.
const TRIED_AT_ONCE: u32 = 3;
const FIRST_STEP: Duration = Duration::from_millis(50);
const LONGEST_STEP: Duration = Duration::from_secs(1);

/// After a server that is there and has no table yet there is a pause from the first one on: the others may well be no
/// further. And how long it is left alone at most.
const LONGEST_HOPEFUL_STEP: Duration = Duration::from_secs(2);
const LONGEST_HOPEFUL_PAUSE: Duration = Duration::from_secs(8);

/// How long the table of a server is used at least before another one is looked for because it is old.
const KEPT_FOR: Duration = Duration::from_secs(4);

/// How often it is looked for a better server than the one in use: every so long, and up to as long again.
const LOOK_FOR_BETTER: Duration = Duration::from_secs(60);

/// A server that may be asked.
#[derive(Debug)]
struct Candidate {
    server: TableServer,
    /// How often it failed since it last had a table for us.
    failures: u32,
    /// Not before this, since it failed.
    retry_at: Option<Instant>,
    /// It is there, and may have a table for us before long.
    is_hopeful: bool,
}

/// All servers that may be asked, in order.
#[derive(Debug, Default)]
pub struct Candidates {
    all: Vec<Candidate>,
    look_at: Option<Instant>,
    succeeded_at: Option<Instant>,
    /// How many failed in a row, whichever they were, and when the next one may be asked.
    failures: u32,
    step_at: Option<Instant>,
}

impl Candidates {
    /// Names them anew. Those that stay are known as they were.
    pub fn set(&mut self, servers: &[TableServer]) {
        let mut old = std::mem::take(&mut self.all);
        self.all = servers
            .iter()
            .map(|server| {
                let known = old.iter().position(|candidate| candidate.server == *server);
                known.map(|at| old.swap_remove(at)).unwrap_or(Candidate {
                    server: *server,
                    failures: 0,
                    retry_at: None,
                    is_hopeful: false,
                })
            })
            .collect();
    }

    /// Lets all of them be asked at once, still those first that failed least often: else of many the first ones
    /// only would be asked, again and again.
    pub fn forgive(&mut self) {
        self.step_at = None;
        self.all.iter_mut().for_each(|candidate| candidate.retry_at = None);
    }

    /// Whether none is asked before that time, whichever may be.
    pub fn are_left_alone_until(&self, time: Instant) -> bool {
        self.step_at.is_some_and(|at| at >= time)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Whether this is one of them.
    pub fn has(&self, server: TableServer) -> bool {
        self.all.iter().any(|candidate| candidate.server == server)
    }

    /// The best one that may be asked now, but for the one in use, which is out of step: of those that failed least often
    /// the first. Else two that are silent for long would keep the others from being asked at all.
    pub fn best(&self, in_use: Option<TableServer>, now: Instant) -> Option<TableServer> {
        if self.step_at.is_some_and(|at| at > now) {
            return None;
        }
        let ready = self.but(in_use).filter(|it| it.retry_at.is_none_or(|at| at <= now));
        ready.min_by_key(|candidate| candidate.failures).map(|candidate| candidate.server)
    }

    /// The best one that may be asked now, and is better than the one in use.
    pub fn better(&self, in_use: TableServer, now: Instant) -> Option<TableServer> {
        let better = self.all.iter().take_while(|it| it.server != in_use);
        let ready = better.filter(|it| it.retry_at.is_none_or(|at| at <= now));
        ready.min_by_key(|candidate| candidate.failures).map(|candidate| candidate.server)
    }

    /// When [`Self::best`] has one, if nothing else happens; `None`: never, for there are none.
    pub fn ready_at(&self, in_use: Option<TableServer>, now: Instant) -> Option<Instant> {
        let first = self.but(in_use).map(|candidate| candidate.retry_at.unwrap_or(now)).min()?;
        Some(self.step_at.map_or(first, |step_at| first.max(step_at)))
    }

    fn but(&self, server: Option<TableServer>) -> impl Iterator<Item = &Candidate> {
        self.all.iter().filter(move |candidate| Some(candidate.server) != server)
    }

    /// Takes note that one has a table for us.
    pub fn succeed(&mut self, server: TableServer, now: Instant, draw: u64) {
        if let Some(candidate) = self.find(server.address) {
            candidate.is_hopeful = true;
        }
        self.succeeded_at = Some(now);
        self.calm(server);
        self.look_later(now, draw);
    }

    /// Takes note that one does not answer, or has no table for us: none yet, or not soon.
    pub fn fail(&mut self, server: TableServer, is_hopeful: bool, now: Instant, draw: u64) {
        self.failures = self.failures.saturating_add(1);
        let (longest, longest_pause) = if is_hopeful {
            self.failures = self.failures.max(TRIED_AT_ONCE);
            (LONGEST_HOPEFUL_STEP, LONGEST_HOPEFUL_PAUSE)
        } else {
            (LONGEST_STEP, LONGEST_PAUSE)
        };
        if let Some(steps) = self.failures.checked_sub(TRIED_AT_ONCE) {
            self.step_at = Some(now + spread(doubled(FIRST_STEP, steps, longest), draw));
        }
        let Some(candidate) = self.find(server.address) else { return };
        let pause = doubled(FIRST_PAUSE, candidate.failures, longest_pause);
        candidate.failures = candidate.failures.saturating_add(1);
        candidate.retry_at = Some(now + spread(pause, draw));
        candidate.is_hopeful = is_hopeful;
    }

    /// Takes note that the server in use is well: if it fails, the next ones are asked at once, and it counts as one that
    /// never did.
    pub fn calm(&mut self, in_use: TableServer) {
        (self.failures, self.step_at) = (0, None);
        if let Some(candidate) = self.find(in_use.address) {
            (candidate.failures, candidate.retry_at) = (0, None);
        }
    }

    /// Another server than the one in use, whose table is old, if one may be asked now.
    pub fn other(&self, current: TableServer, now: Instant) -> Option<TableServer> {
        let ready = self.but(Some(current)).filter(|it| it.retry_at.is_none_or(|at| at <= now));
        let best = ready.min_by_key(|candidate| candidate.failures)?;
        let earliest = self.succeeded_at.map(|at| at + KEPT_FOR).max(self.step_at);
        earliest.is_none_or(|at| at <= now).then_some(best.server)
    }

    /// How often this one failed since it last had a table for us.
    pub fn failures(&self, server: TableServer) -> u32 {
        let known = self.all.iter().find(|candidate| candidate.server == server);
        known.map_or(0, |candidate| candidate.failures)
    }

    /// Whether one of them may have a table before long.
    pub fn is_hopeful(&self) -> bool {
        self.all.iter().any(|candidate| candidate.is_hopeful)
    }

    /// Whether all of them failed, and none may have a table before long.
    pub fn is_hopeless(&self) -> bool {
        !self.is_hopeful() && self.all.iter().all(|candidate| candidate.failures > 0)
    }

    /// When to look for a better one than that in use.
    pub fn look_at(&self) -> Option<Instant> {
        self.look_at
    }

    /// Puts that off.
    pub fn look_later(&mut self, now: Instant, draw: u64) {
        self.look_at = Some(now + spread(LOOK_FOR_BETTER, draw));
    }

    fn find(&mut self, address: SocketAddr) -> Option<&mut Candidate> {
        self.all.iter_mut().find(|candidate| candidate.server.address == address)
    }
}

/// A time that is doubled so often, up to the longest.
fn doubled(first: Duration, times: u32, longest: Duration) -> Duration {
    first.saturating_mul(1 << times.min(16)).min(longest)
}

/// A time, and up to as long again: those who lost one server do not all come back at once.
fn spread(time: Duration, draw: u64) -> Duration {
    // Some 2^-16 are exact enough.
    let part = u32::try_from(draw >> 48).unwrap_or_default();
    time + time * part / 65_536
}

#[cfg(test)]
#[path = "candidates_tests.rs"]
mod tests;
