//! Starting together with many others.
//!
//! Each of them has to learn of each other one, so what etcd has to send grows with the square of
//! their number, and is far more than what it needs to name them. So they are named first, and learn the
//! names at moments that are spread over the time that this takes. Until then each follows its own name
//! alone, answers what it knows, and denies nothing.

use std::time::{Duration, Instant};

use super::claim::digest;
use super::full_sync::{newest_of, range_of};
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
/// The time that etcd needs to tell a node one name, roughly, by two of its cores: as one of all names,
/// and as a change.
const READING_TIME: Duration = Duration::from_micros(20);
const CHANGE_TIME: Duration = Duration::from_micros(30);
/// The longest time over which the nodes are spread, however many there are.
const LONGEST_SPREAD: Duration = Duration::from_secs(60);

/// How a node learns the names of those that started together with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Learning {
    /// It reads all names.
    Reading,
    /// It follows up the changes since its full sync.
    Following,
}

impl<H: Host, E: Etcd> Session<H, E> {
    /// Takes note that this node was named while so many were in the queue.
    pub(super) fn join_start(&mut self, queue_length: usize) {
        if queue_length >= STAGGER_FROM {
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
        if turn.learn_at.is_none() && !self.let_others_claim(turn, &mut watch)? {
            return Ok(false);
        }
        let slots = self.settings.keyspace.slots();
        let names = self.count(&slots)?;
        let (learning, spread) = plan(turn.queue_length, names, self.names_followed());
        let learn_at = turn.learn_at.unwrap_or_else(|| self.draw(spread));
        self.turn = Some(Turn { learn_at: Some(learn_at), ..turn });
        if !self.follow_own_name(&mut watch, learn_at)? {
            return Ok(false);
        }
        // Should it fail now, etcd has too much to do: it is tried again at another moment.
        self.turn = Some(Turn { learn_at: Some(self.draw(spread)), ..turn });
        match learning {
            Learning::Reading => self.read_everything()?,
            Learning::Following => {
                let request = Range { limit: 1, keys_only: true, ..newest_of(&slots) };
                let newest = self.ask(|client| client.range(&request))?;
                self.miss(digest(&newest).newest);
                self.turn = None;
            }
        }
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

    /// Follows what becomes of the own name, until then. Returns false if it is lost or in doubt.
    fn follow_own_name(&mut self, watch: &mut Option<E::Watch>, end: Instant) -> Result<bool> {
        while self.is_settled() && self.host.now() < end {
            self.follow_addresses()?;
            let Some(claimed) = self.membership.held() else { return Ok(true) };
            let same = watch.take().filter(|watch| watch.endpoint() == self.client.endpoint());
            let mut current = match same {
                Some(current) => current,
                None => self.watch(&[self.own_key(claimed)])?,
            };
            if let Some(reply) = self.next_reply(&mut current, Some(end))? {
                self.apply_events(0, &reply.events)?;
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

    /// A moment within this time from now.
    fn draw(&mut self, spread: Duration) -> Instant {
        self.host.now() + spread.mul_f64(self.random.fraction())
    }
}

/// How to learn so many names, of which so many are known already, and the time over which all that
/// started together are spread: the time that etcd needs to tell all of them.
fn plan(queue_length: usize, names: usize, known: usize) -> (Learning, Duration) {
    let created = names.saturating_sub(known);
    let reading = READING_TIME.saturating_mul(saturated(names));
    let following = CHANGE_TIME.saturating_mul(saturated(created));
    let (learning, each) = if following < reading {
        (Learning::Following, following)
    } else {
        (Learning::Reading, reading)
    };
    let starters = saturated(created.max(queue_length));
    (learning, each.saturating_mul(starters).min(LONGEST_SPREAD))
}

fn saturated(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_depends_on_how_many_start_and_on_what_each_of_them_has_to_learn() {
        let table = [
            // All of a new cluster.
            ((29, 30, 0), Learning::Reading, 18),
            ((999, 1000, 0), Learning::Reading, 20_000),
            // A few that join a large one know it, but for each other.
            ((30, 10_030, 10_000), Learning::Following, 27),
            // The last of many to be named saw most of them in its full sync.
            ((30, 1000, 900), Learning::Following, 300),
            // What waits in the queue, and is not named yet, starts as well.
            ((500, 600, 590), Learning::Following, 150),
            ((0, 0, 5), Learning::Reading, 0),
            ((3000, 3000, 0), Learning::Reading, 60_000),
            ((usize::MAX, usize::MAX, 0), Learning::Reading, 60_000),
        ];
        for ((queue_length, names, known), learning, milliseconds) in table {
            let wanted = (learning, Duration::from_millis(milliseconds));
            let found = plan(queue_length, names, known);
            assert_eq!(found, wanted, "{queue_length} in the queue, {known} of {names} known");
        }
    }
}
