//! Starting together with many others, where some of them watch etcd and the others take the table from these: all are
//! named first, then those who watch learn all names, and then the others ask them.

use std::time::Duration;

use crate::etcd::Etcd;
use crate::node::session::Session;
use crate::node::stagger::{
    CLAIM_TIME, LEAST_CORES, LONGEST_WAIT, Learning, QUEUE_INTERVAL, STAGGER_FROM, saturated,
    spread,
};
use crate::node::state::Turn;
use crate::node::{Host, Result};

/// The longest wait of those from whom the others take the table, who look whether all are named; and the shortest time
/// that they need to see that, and to read all names.
const LONGEST_HERD: Duration = Duration::from_secs(20);
const SHORTEST_LEARNING: Duration = Duration::from_millis(1500);
/// The time for which a name that was just claimed is not followed, and as long again as the claims of all before it.
const LEAST_UNWATCHED: Duration = Duration::from_millis(500);

/// Where etcd is slow those who can wait give way to those who cannot: they ask it for nothing for so many times as long as
/// its last reply took, and no table of those who watch, which need at least so many replies to have it. At most until so
/// long after they were named.
const GIVES_WAY_FOR: u32 = 2;
const REPLIES_TO_LEARN: u32 = 3;
const LONGEST_WAY: Duration = Duration::from_secs(12);

impl<H: Host, E: Etcd> Session<H, E> {
    /// Whether this node is one of those from whom the others take the table.
    pub(in crate::node) fn serves_table(&self) -> bool {
        let watchers = self.settings.watchers;
        let is_watcher = self.membership.held().is_some_and(|held| held.slot.get() <= watchers);
        is_watcher && self.job.is_none()
    }

    /// Waits for as long as many are named, as one from whom they will take the table: each change would be sent to it by
    /// itself, and costs etcd more than a name that is read.
    pub(in crate::node) fn let_all_be_named(
        &mut self,
        turn: Turn,
        watch: &mut Option<E::Watch>,
    ) -> Result<bool> {
        let slots = self.settings.keyspace.slots();
        let mut named = self.count(&slots)?;
        while self.host.now() < turn.named_at + LONGEST_HERD {
            if !self.follow_own_name(watch, self.host.now() + 2 * QUEUE_INTERVAL)? {
                return Ok(false);
            }
            let before = named;
            named = self.count(&slots)?;
            if named < before + STAGGER_FROM {
                break;
            }
        }
        Ok(true)
    }

    /// If many started together, and this node will take the table from those that watch: lets the others be named, and
    /// those learn all names. For a moment it asks etcd for nothing but its lease; then it follows its own name, by a watch
    /// that is left there. Returns false if something else has to be done first.
    pub(in crate::node) fn let_watchers_learn(
        &mut self,
        watch: &mut Option<E::Watch>,
    ) -> Result<bool> {
        let Some(turn) = self.turn else { return Ok(true) };
        let cores = self.client.endpoint_count().max(LEAST_CORES);
        let learnt = spread(self.settings.watchers as usize, Learning::Reads(turn.starters), cores);
        let learnt = learnt.clamp(SHORTEST_LEARNING, LONGEST_WAIT);
        // Who was named late finds few others, and etcd as busy as it found it.
        let claims = CLAIM_TIME.saturating_mul(saturated(turn.starters));
        let claims = claims.max(turn.named_at.saturating_duration_since(self.began) / 2);
        let end = turn.named_by.min(turn.named_at + claims) + learnt;
        self.mark();
        // All at once they would keep the others from being named, and those who watch from learning.
        let slot = self.membership.held().map_or(0, |claimed| claimed.slot.get());
        let unwatched = LEAST_UNWATCHED + CLAIM_TIME.saturating_mul(slot);
        let reply_after = self.client.timeout_mut().last_reply_after();
        let now = self.host.now();
        let gives_way = |replies: u32| {
            let until = now + reply_after.saturating_mul(replies);
            until.min(turn.named_at + LONGEST_WAY)
        };
        let end = end.max(gives_way(REPLIES_TO_LEARN));
        let watched_at = end.min((turn.named_at + unwatched).max(gives_way(GIVES_WAY_FOR)));
        while self.is_settled() && self.host.now() < watched_at && !self.host.is_stopping() {
            self.follow_host()?;
            self.stay_named()?;
            let renew_at = self.lease.map_or(watched_at, |lease| lease.renew_at);
            self.host.sleep_until(watched_at.min(renew_at));
        }
        while self.is_settled() && self.host.now() < end {
            self.follow_host()?;
            let Some(mut current) = self.own_watch(watch.take())? else { break };
            if let Some(reply) = self.next_reply(&mut current, Some(end))? {
                self.apply_events(0, &reply.events)?;
            }
            *watch = Some(current);
        }
        Ok(self.is_settled())
    }
}
