//! Starting together with many others.
//!
//! Each of them has to learn of each other one, so what etcd has to send grows with the square of
//! their number, and is far more than what it needs to name them. So they are named first, and learn the
//! names at moments that are spread over the time that this takes. Until then each follows its own name
//! alone, answers what it knows, and denies nothing.
//!
//! Where a job is about to start, its programs go before that as well: the list waits for the slowest node.
//! It tells the names that its programs ask for.

use std::time::{Duration, Instant};

use super::claim::digest;
use super::full_sync::{newest_of, range_of};
use super::job::Barrier;
use super::session::Session;
use super::state::{Claimed, Turn, watch_range};
use super::{Host, Result};
use crate::cluster::KeyRange;
use crate::etcd::{Etcd, Range, WatchRange, WatchStream};

/// So many in the queue that it matters.
const STAGGER_FROM: usize = 30;
/// The time that etcd needs for a claim when many nodes start together, roughly.
const CLAIM_TIME: Duration = Duration::from_millis(3);
/// The shortest time between two looks whether the others are named, and the longest wait for that.
const QUEUE_INTERVAL: Duration = Duration::from_millis(300);
const LONGEST_WAIT: Duration = Duration::from_secs(4);
/// The longest time for which programs that are about to start together go before all names, and the time
/// between two looks whether they have.
const LONGEST_START: Duration = Duration::from_secs(4);
const START_INTERVAL: Duration = Duration::from_millis(100);
/// The time that etcd needs to send one name to one node, roughly, by two of its cores.
const SENDING_TIME: Duration = Duration::from_micros(20);
/// The longest time over which the nodes are spread, however many there are.
const LONGEST_SPREAD: Duration = Duration::from_secs(60);

impl<H: Host, E: Etcd> Session<H, E> {
    /// Takes note that this node was named while so many were in the queue.
    pub(super) fn join_start(&mut self, queue_length: usize) {
        // The last to be named finds few in the queue, and starts with as many all the same.
        let starters = self.job.as_ref().map_or(0, Barrier::least).max(queue_length);
        if starters >= STAGGER_FROM {
            let named_by = self.host.now() + LONGEST_WAIT.min(self.settings.lease_ttl / 4);
            self.turn = Some(Turn { queue_length, named_by, learn_at: None });
        }
    }

    /// If many started together, lets the others be named first, and waits for the moment to learn
    /// their names: each change would be sent to each of those that are named already, and all at once
    /// they would keep etcd from keeping leases alive. Returns false if something else has to be done
    /// first.
    pub(super) fn await_turn(&mut self) -> Result<bool> {
        let Some(turn) = self.turn else { return Ok(true) };
        self.mark();
        let mut watch = None;
        let mut has_waited = false;
        if turn.learn_at.is_none() {
            has_waited = self.is_start_near(turn);
            if !has_waited && turn.queue_length < STAGGER_FROM {
                self.turn = None;
                return Ok(true);
            }
            // Who waits for the list need not ask who is in the queue: it comes when all of them are named.
            if !self.let_job_start(turn, &mut watch)? || !self.let_others_claim(turn, &mut watch)? {
                return Ok(false);
            }
        }
        let newest =
            Range { limit: 1, keys_only: true, ..newest_of(&self.settings.keyspace.slots()) };
        let now = digest(&self.ask(|client| client.range(&newest))?);
        let created = now.keys.saturating_sub(self.names_followed());
        let spread = spread(turn.queue_length, created);
        // Programs that were just started need the processors, and find the names of their list at once.
        let pause = if has_waited { spread } else { Duration::ZERO };
        let delay = pause + spread.mul_f64(self.random.fraction());
        let learn_at = turn.learn_at.unwrap_or_else(|| self.host.now() + delay);
        self.turn = Some(Turn { learn_at: Some(learn_at), ..turn });
        if !self.follow_own_name(&mut watch, learn_at)? {
            return Ok(false);
        }
        self.turn = None;
        self.miss(now.newest);
        Ok(true)
    }

    fn let_others_claim(&mut self, turn: Turn, watch: &mut Option<E::Watch>) -> Result<bool> {
        let queue = self.settings.keyspace.queue();
        let mut others = turn.queue_length;
        while others >= STAGGER_FROM && self.host.now() < turn.named_by {
            let claims = CLAIM_TIME.saturating_mul(saturated(others));
            let look_at = self.host.now() + claims.max(QUEUE_INTERVAL);
            if !self.follow_own_name(watch, look_at.min(turn.named_by))? {
                return Ok(false);
            }
            let before = others;
            others = self.count(&queue)?;
            if others == before {
                // Nobody comes and nobody goes: they wait for names, of which there are not enough.
                break;
            }
        }
        Ok(true)
    }

    /// Whether the programs of the job will start soon: all that it takes have names, or are in the queue.
    fn is_start_near(&self, turn: Turn) -> bool {
        let others = turn.queue_length.saturating_add(STAGGER_FROM);
        self.job.as_ref().is_some_and(|job| job.is_start_near(others))
    }

    /// Lets the programs of the job start first: to learn all names would keep etcd, and this node, from
    /// that. Returns as [`Self::follow_own_name`] does.
    fn let_job_start(&mut self, turn: Turn, watch: &mut Option<E::Watch>) -> Result<bool> {
        let mut end = turn.named_by;
        let mut is_fixed = false;
        while self.is_start_near(turn) {
            if !is_fixed && self.job.as_ref().is_some_and(Barrier::is_fixed) {
                (is_fixed, end) = (true, self.host.now() + LONGEST_START);
            }
            if self.host.now() >= end {
                break;
            }
            let look_at = self.host.now() + START_INTERVAL;
            if !self.follow_own_name(watch, look_at.min(end))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Follows what becomes of the own name, until then. Returns false if it is lost or in doubt.
    fn follow_own_name(&mut self, watch: &mut Option<E::Watch>, end: Instant) -> Result<bool> {
        while self.is_settled() && self.host.now() < end {
            self.follow_addresses()?;
            self.go_on_with_job()?;
            let Some(claimed) = self.membership.held() else { return Ok(true) };
            let same = watch.take().filter(|watch| watch.endpoint() == self.client.endpoint());
            let mut current = match same {
                Some(current) => current,
                None => {
                    let mut ranges = vec![self.own_key(claimed)];
                    ranges.extend(self.job_ranges(ranges.len()));
                    self.watch(&ranges)?
                }
            };
            let due_at = self.job_due_at().map_or(end, |at| at.min(end));
            if let Some(reply) = self.next_reply(&mut current, Some(due_at))? {
                self.apply_to_job(&reply);
                if reply.range == 0 {
                    self.apply_events(0, &reply.events)?;
                }
            }
            *watch = Some(current);
        }
        Ok(self.is_settled())
    }

    /// The changes of the own key since it was claimed.
    fn own_key(&self, claimed: Claimed) -> WatchRange {
        let key = self.settings.keyspace.key(claimed.slot);
        let end = [&key[..], &[0]].concat();
        watch_range((key, end), claimed.mod_revision)
    }

    /// The number of slots that others took since everything was read, after this node took one: who remembers
    /// its name does not stand in the queue, from which it is seen that many start together.
    pub(super) fn count_starters(&mut self) -> Result<usize> {
        let slots = self.settings.keyspace.slots();
        Ok(self.count(&slots)?.saturating_sub(self.names_followed() + 1))
    }

    /// The number of slots that were taken where the directory stands, other keys between them
    /// included.
    fn names_followed(&self) -> usize {
        let seen = self.history.as_ref().and_then(|history| history.revisions.first());
        let seen = seen.copied().unwrap_or_default();
        self.host.directory(|directory| directory.digest(0, seen)).keys
    }

    /// The number of keys in a range now.
    fn count(&mut self, range: &KeyRange) -> Result<usize> {
        let request = Range { count_only: true, ..range_of(range) };
        Ok(self.ask(|client| client.range(&request))?.count)
    }
}

/// The time over which all nodes are spread that start together, of which so many were in the queue:
/// that which etcd needs to send so many new names to each of them.
fn spread(queue_length: usize, created: usize) -> Duration {
    let starters = saturated(created.max(queue_length));
    let each = SENDING_TIME.saturating_mul(saturated(created));
    each.saturating_mul(starters).min(LONGEST_SPREAD)
}

fn saturated(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nodes_are_spread_by_how_many_start_however_many_there_are() {
        // In the queue, new since the full sync, and milliseconds.
        let table = [
            (999, 1000, 20_000),
            (29, 30, 18),
            // Most of those that start together were named before this one looked.
            (30, 100, 200),
            // And few of them: the others are in the queue yet.
            (500, 10, 100),
            (30, 0, 0),
            (3000, 3000, 60_000),
            (usize::MAX, usize::MAX, 60_000),
        ];
        for (queue_length, created, milliseconds) in table {
            let found = spread(queue_length, created);
            assert_eq!(found.as_millis(), milliseconds, "{queue_length} {created}");
        }
    }
}
