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

use super::full_sync::{newest_of, range_of};
use super::job::Barrier;
use super::session::Session;
use super::state::{Claimed, Turn, watch_range};
use super::ticket::digest;
use super::{Host, Result, SessionError};
use crate::cluster::{KeyRange, RangeDigest};
use crate::etcd::{Etcd, Range, RangeReply, WatchRange, WatchStream};

/// So many in the queue that it matters.
pub(super) const STAGGER_FROM: usize = 30;
/// So many changes between two looks that others still take their names over.
const RETURNING_FROM: i64 = 30;
/// The time that etcd needs for a claim when many nodes start together, roughly.
pub(super) const CLAIM_TIME: Duration = Duration::from_millis(3);
/// The shortest time between two looks whether the others are named, and the longest wait for that.
pub(super) const QUEUE_INTERVAL: Duration = Duration::from_millis(300);
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(4);
/// So many looks that find more in the queue than the one before end the wait.
const MOST_GROWN: u32 = 2;
/// The longest time for which programs that are about to start together go before all names, and the time
/// between two looks whether they have.
const LONGEST_START: Duration = Duration::from_secs(4);
const START_INTERVAL: Duration = Duration::from_millis(100);
/// The time of one of its cores that etcd needs to send a change of a name to a node that follows, and a name to one
/// that reads all of them, roughly.
const FOLLOWING_TIME: Duration = Duration::from_micros(40);
const READING_TIME: Duration = Duration::from_micros(12);
/// So many changed that it is worth the calls to read all anew.
const READ_FROM: usize = 200;
/// The cores that etcd has at least.
pub(super) const LEAST_CORES: u32 = 2;
/// The longest time over which the nodes are spread, however many there are.
const LONGEST_SPREAD: Duration = Duration::from_secs(600);

impl<H: Host, E: Etcd> Session<H, E> {
    /// Takes note that this node was named by the put of this revision, while so many were in the queue. After a
    /// power cut there are none: everybody takes its name of before over.
    pub(super) fn join_start(&mut self, queue_length: usize, named_at: i64) {
        let changes = named_at.saturating_sub(self.seen_names()).saturating_sub(1);
        let changes = usize::try_from(changes).unwrap_or(0);
        let is_return = queue_length == 0;
        let starters = if is_return { changes } else { queue_length };
        // The last to be named finds few in the queue, and starts with as many all the same.
        let of_job = self.job.as_ref().map_or(0, Barrier::least);
        if starters.max(of_job) >= STAGGER_FROM {
            let named_at = self.host.now();
            let named_by =
                named_at + LONGEST_WAIT.min(self.lease.map_or(LONGEST_WAIT, |lease| lease.ttl / 4));
            self.turn = Some(Turn { starters, is_return, named_at, named_by, learn_at: None });
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
            if !has_waited && turn.starters < STAGGER_FROM {
                self.turn = None;
                self.mark();
                return Ok(true);
            }
            // Who waits for the list need not ask who is in the queue: it comes when all of them are named.
            if !self.let_job_start(turn, &mut watch)? {
                return Ok(false);
            }
            if turn.is_return && !self.others_return()? {
                // Something else is written to etcd.
                self.turn = None;
                self.mark();
                return Ok(true);
            }
            let is_settled = if turn.is_return {
                self.let_others_return(turn, &mut watch)?
            } else if self.serves_table() {
                self.let_all_be_named(turn, &mut watch)?
            } else {
                self.let_others_claim(turn, &mut watch)?
            };
            if !is_settled {
                return Ok(false);
            }
        }
        let now = digest(&self.newest_names(1)?);
        let changed = self.changed_names(turn, now);
        let learning = Learning::of(now.keys, changed);
        let cores = self.client.endpoint_count().max(LEAST_CORES);
        // Most of those that start together may have been named before this one looked.
        let spread = spread(self.learners(turn.starters.max(changed)), learning, cores);
        // Programs that were just started need the processors, and find the names of their list at once.
        let pause = if has_waited { spread } else { Duration::ZERO };
        let delay = pause + spread.mul_f64(self.random.fraction());
        let learn_at = turn.learn_at.unwrap_or_else(|| self.host.now() + delay);
        self.turn = Some(Turn { learn_at: Some(learn_at), ..turn });
        if !self.follow_own_name(&mut watch, learn_at)? {
            return Ok(false);
        }
        if matches!(learning, Learning::Reads(_)) {
            drop(watch);
            self.history = None;
            self.read_everything()?;
        }
        self.turn = None;
        self.miss(now.newest);
        Ok(true)
    }

    /// How many of those that start together learn all names from etcd: those that watch, or, where those have no table
    /// for this node, all.
    fn learners(&self, starters: usize) -> usize {
        let watchers = self.settings.watchers as usize;
        if self.serves_table() { starters.min(watchers) } else { starters }
    }

    /// How many names came or changed since the full sync, at most, by what etcd has now.
    fn changed_names(&self, turn: Turn, now: RangeDigest) -> usize {
        let seen = self.seen_names();
        if turn.is_return {
            let changes = usize::try_from(now.newest.saturating_sub(seen)).unwrap_or(0);
            return changes.min(now.keys);
        }
        // Other keys between the names included.
        let known = self.host.directory(|directory| directory.digest(0, seen)).keys;
        now.keys.saturating_sub(known)
    }

    /// The revision up to which names of the pattern were seen.
    fn seen_names(&self) -> i64 {
        let seen = self.history.as_ref().and_then(|history| history.revisions.first());
        seen.copied().unwrap_or_default()
    }

    /// So many names that changed last.
    fn newest_names(&mut self, limit: i64) -> Result<RangeReply> {
        let newest = newest_of(&self.settings.keyspace.slots());
        let newest = Range { limit, keys_only: true, ..newest };
        self.ask(|client| client.range(&newest))
    }

    /// Whether many names were taken over since the full sync.
    fn others_return(&mut self) -> Result<bool> {
        let seen = self.seen_names();
        let newest = self.newest_names(i64::try_from(STAGGER_FROM).unwrap_or(i64::MAX))?;
        let returned = newest.kvs.iter().filter(|kv| kv.mod_revision > seen).count();
        Ok(returned >= STAGGER_FROM)
    }

    /// Waits for as long as many names are taken over.
    fn let_others_return(&mut self, turn: Turn, watch: &mut Option<E::Watch>) -> Result<bool> {
        let mut interval = QUEUE_INTERVAL;
        let mut newest = digest(&self.newest_names(1)?).newest;
        while self.host.now() < turn.named_by {
            let look_at = self.host.now() + interval;
            if !self.follow_own_name(watch, look_at.min(turn.named_by))? {
                return Ok(false);
            }
            let before = newest;
            newest = digest(&self.newest_names(1)?).newest;
            if newest < before.saturating_add(RETURNING_FROM) {
                break;
            }
            // Those who look often keep the others from it, where they are many.
            let claims = CLAIM_TIME.saturating_mul(saturated(turn.starters));
            interval = (interval * 2).min(claims.max(2 * QUEUE_INTERVAL));
        }
        Ok(true)
    }

    fn let_others_claim(&mut self, turn: Turn, watch: &mut Option<E::Watch>) -> Result<bool> {
        let queue = self.settings.keyspace.queue();
        let (mut others, mut grown) = (turn.starters, 0);
        while others >= STAGGER_FROM && self.host.now() < turn.named_by {
            let claims = CLAIM_TIME.saturating_mul(saturated(others));
            let look_at = self.host.now() + claims.max(QUEUE_INTERVAL);
            if !self.follow_own_name(watch, look_at.min(turn.named_by))? {
                return Ok(false);
            }
            let before = others;
            others = self.count(&queue)?;
            // Nobody comes and nobody goes, or more come than go: they wait for names, of which there are not
            // enough, or for leases to end.
            grown += u32::from(others > before);
            if others == before || grown >= MOST_GROWN {
                break;
            }
        }
        Ok(true)
    }

    /// Whether the programs of the job will start soon: all that it takes have names, or are in the queue.
    fn is_start_near(&self, turn: Turn) -> bool {
        let others = turn.starters.saturating_add(STAGGER_FROM);
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
    pub(super) fn follow_own_name(
        &mut self,
        watch: &mut Option<E::Watch>,
        end: Instant,
    ) -> Result<bool> {
        while self.is_settled() && self.host.now() < end {
            self.follow_host()?;
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

    /// The number of names that etcd has now; 0: it does not tell this user.
    pub(super) fn count_names(&mut self) -> Result<usize> {
        let slots = self.settings.keyspace.slots();
        match self.count(&slots) {
            Err(SessionError::Etcd(error)) if error.is_refusal() => Ok(0),
            count => count,
        }
    }

    /// The number of keys in a range now.
    pub(super) fn count(&mut self, range: &KeyRange) -> Result<usize> {
        let request = Range { count_only: true, ..range_of(range) };
        Ok(self.ask(|client| client.range(&request))?.count)
    }
}

/// The cheaper way to learn so many names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Learning {
    /// The changes are followed from where the directory stands.
    Follows(usize),
    /// All are read anew.
    Reads(usize),
}

impl Learning {
    /// That where so many of so many keys came or changed.
    fn of(keys: usize, changed: usize) -> Learning {
        let follows = FOLLOWING_TIME.saturating_mul(saturated(changed));
        let reads = READING_TIME.saturating_mul(saturated(keys));
        if changed >= READ_FROM && reads < follows {
            Learning::Reads(keys)
        } else {
            Learning::Follows(changed)
        }
    }

    /// The time of a core that it takes for one node.
    fn time(self) -> Duration {
        match self {
            Learning::Follows(names) => FOLLOWING_TIME.saturating_mul(saturated(names)),
            Learning::Reads(names) => READING_TIME.saturating_mul(saturated(names)),
        }
    }
}

/// The time over which so many nodes are spread that start together: that which etcd needs to let each of them learn the
/// names.
pub(super) fn spread(starters: usize, learning: Learning, cores: u32) -> Duration {
    let each = learning.time() / cores.max(1);
    each.saturating_mul(saturated(starters)).min(LONGEST_SPREAD)
}

/// The time over which nodes are spread that read all of so many names, as many as there are names.
pub(super) fn reading_spread(names: usize, cores: u32) -> Duration {
    spread(names, Learning::Reads(names), cores)
}

pub(super) fn saturated(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Learning::{Follows, Reads};

    #[test]
    fn all_is_read_anew_where_most_of_it_changed() {
        let table = [
            (1000, 1000, Reads(1000)),
            (1000, 301, Reads(1000)),
            (1000, 299, Follows(299)),
            // The calls would be more than what is saved.
            (199, 199, Follows(199)),
            (200, 200, Reads(200)),
            (0, 0, Follows(0)),
        ];
        for (keys, changed, wanted) in table {
            assert_eq!(Learning::of(keys, changed), wanted, "{changed} of {keys}");
        }
    }

    #[test]
    fn the_nodes_are_spread_by_how_many_start_however_many_there_are() {
        // That start, what they learn, etcd's cores, and milliseconds.
        let table = [
            (1000, Follows(1000), 2, 20_000),
            (1000, Reads(1000), 2, 6000),
            (3000, Reads(3000), 3, 36_000),
            (30, Follows(30), 2, 18),
            // Few of them are named: the others are in the queue yet.
            (500, Follows(10), 2, 100),
            (30, Follows(0), 2, 0),
            (10_000, Reads(10_000), 3, 400_000),
            (30_000, Reads(30_000), 5, 600_000),
            (usize::MAX, Reads(usize::MAX), 0, 600_000),
        ];
        for (starters, learning, cores, milliseconds) in table {
            let found = spread(starters, learning, cores);
            assert_eq!(found.as_millis(), milliseconds, "{starters} {learning:?} {cores}");
        }
    }
}
