//! Those who judge a run, after each step, by what programs see: the name that a process says it owns, the
//! program that it runs, what it answers DNS from.
//!
//! | | what must hold | where |
//! | --- | --- | --- |
//! | 1 | no two nodes own a name at one instant; a name is owned until its lease runs out by the node's own clock, or until it says otherwise | [`owners`] |
//! | 2 | fencing tokens of a name grow from owner to owner | [`owners`] |
//! | 3 | a directory that says it is in sync is etcd's content at its revision, drains included, which is not long ago | [`truth`] |
//! | 3a | what is answered from was etcd's when its proof says so, through whomever it came | [`truth`] |
//! | 4 | no name stays free while somebody waits for one within its limit | [`free_names`] |
//! | 5 | after the last fault every node has a name soon, and answers what is so | [`free_names`], [`truth`] |
//! | 6 | what a node asks of etcd, and leaves there, is bounded | [`load`] |
//! | 7 | a name has the addresses of its owner's machine, and says whether that is ready; when they change the token stays | [`publication`], [`owners`] |
//! | 8 | who is stopped leaves nothing in etcd, and who goes on under another lease ends the one before | [`leases`] |
//! | 9 | who starts again within its lease has its name again, with other addresses as well | [`old_names`] |
//! | 9a | a name is not taken from a node of the plugin that lives, and who is started in the place of one has its name at once | [`plugins`] |
//! | 10 | programs that start together run by one list, which is etcd's; where enough wait and all is well they start soon | [`jobs`] |
//! | 11 | the serial of a node's zones never goes back, whatever is restored, and is that of those who start later | [`serials`] |
//!
//! What somebody does by hand to a key, a node of the old plugin included, and a backup that is restored, may
//! make two owners: of the name in question, until both could have heard of it, and [`Bounds::by_hand`] more.

pub mod bounds;
pub mod free_names;
pub mod history;
pub mod invariant;
pub mod jobs;
pub mod leases;
pub mod load;
pub mod old_names;
pub mod oracle;
pub mod owners;
pub mod plugins;
pub mod publication;
pub mod serials;
pub mod standing;
pub mod truth;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use idetcd::cluster::{Keyspace, Record, SlotId};
use idetcd::etcd::{LeaseId, Op, Txn};

use crate::model::{Model, Time, WatchId};
use crate::world::baton::End;
use crate::world::process::ProcessId;
pub use bounds::Bounds;
pub use invariant::{Invariant, Violation};
use jobs::Jobs;
use leases::Leases;
use load::Load;
use oracle::Oracle;
use owners::Owners;
pub use standing::{Standing, Told};

/// All who judge.
#[derive(Debug)]
pub struct Checks {
    /// How long things may take.
    pub bounds: Bounds,
    /// Since when nothing is wrong with network and etcd; `None`: something is.
    calm_since: Option<Time>,
    standings: Vec<Option<Standing>>,
    /// Those of them that live.
    live: BTreeSet<ProcessId>,
    oracle: Oracle,
    /// The range of the queue's keys.
    queue: (Vec<u8>, Vec<u8>),
    owners: Owners,
    leases: Leases,
    load: Load,
    jobs: Jobs,
    /// The processes of the plugin, by the leases on which they put keys.
    plugin_leases: BTreeMap<LeaseId, ProcessId>,
    /// When a process with such a record ended last.
    ended_at: BTreeMap<String, Time>,
    /// Tickets that nobody waits with, and since when.
    nobodys: BTreeMap<Vec<u8>, Time>,
    violation: Option<Violation>,
}

impl Checks {
    /// Judges with these bounds, of names that lie where this says. `limit`: the highest slot of any node.
    pub fn new(bounds: Bounds, keyspace: Arc<Keyspace>, limit: u32) -> Checks {
        Checks {
            bounds,
            calm_since: Some(Time::ZERO),
            standings: Vec::new(),
            live: BTreeSet::new(),
            queue: keyspace.queue(),
            jobs: Jobs::new(&keyspace),
            oracle: Oracle::new(keyspace, limit),
            owners: Owners::default(),
            leases: Leases::default(),
            load: Load::default(),
            plugin_leases: BTreeMap::new(),
            ended_at: BTreeMap::new(),
            nobodys: BTreeMap::new(),
            violation: None,
        }
    }

    /// The first violation.
    pub fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }

    /// What etcd holds and held.
    pub fn oracle(&self) -> &Oracle {
        &self.oracle
    }

    /// Whether something is judged at all.
    pub fn judges(&self, invariant: Invariant) -> bool {
        !self.bounds.ignored.contains(&invariant)
    }

    fn violated(&mut self, at: Time, invariant: Invariant, text: String) {
        if self.violation.is_none() && self.judges(invariant) {
            self.violation = Some(Violation { at, invariant, text });
        }
    }

    /// A process, if it lives.
    pub fn standing(&self, id: ProcessId) -> Option<&Standing> {
        self.standings.get(id)?.as_ref()
    }

    fn standing_mut(&mut self, id: ProcessId) -> Option<&mut Standing> {
        self.standings.get_mut(id)?.as_mut()
    }

    /// Whether a node owns a name, as it says itself.
    #[cfg(test)]
    pub fn owns(&self, node: usize) -> bool {
        self.live().any(|(_, standing)| standing.node == node && standing.owned.is_some())
    }

    /// The processes that live.
    fn live(&self) -> impl Iterator<Item = (ProcessId, &Standing)> {
        self.live.iter().filter_map(|id| Some((*id, self.standing(*id)?)))
    }

    /// Since when a process could hear and tell everything; `None`: it cannot now.
    fn undisturbed_since(&self, id: ProcessId) -> Option<Time> {
        let (calm_since, standing) = (self.calm_since?, self.standing(id)?);
        if standing.asked_at.is_some_and(|asked| asked < calm_since) || !standing.stuck.is_empty() {
            return None;
        }
        Some(calm_since.max(standing.runs_since?).max(standing.was_held_up_until))
    }

    /// A request of a process is over: answered or given up.
    pub fn call_is_over(&mut self, id: ProcessId, now: Time) {
        let calm_since = self.calm_since;
        let Some(standing) = self.standing_mut(id) else { return };
        let Some(asked) = standing.asked_at.take() else { return };
        standing.asked_last = Some(asked);
        if calm_since.is_none_or(|since| asked < since) {
            standing.was_held_up_until = now;
        }
    }

    /// What a watch has to say does not arrive, or does so again.
    pub fn is_stuck(&mut self, id: ProcessId, watch: WatchId, is_stuck: bool, now: Time) {
        let Some(standing) = self.standing_mut(id) else { return };
        if is_stuck {
            standing.stuck.insert(watch);
        } else if standing.stuck.remove(&watch) {
            standing.was_held_up_until = now;
        }
    }

    /// Something is wrong with network or etcd from now on.
    pub fn disturbed(&mut self) {
        self.calm_since = None;
    }

    /// Nothing is wrong with network or etcd from now on.
    pub fn calmed(&mut self, now: Time) {
        self.calm_since.get_or_insert(now);
    }

    /// A process was started; `limit` is `None` for the plugin.
    pub fn started(
        &mut self,
        id: ProcessId,
        node: usize,
        record: Record,
        limit: Option<u32>,
        lease_ttl: Duration,
        now: Time,
    ) {
        if self.standings.len() <= id {
            self.standings.resize(id + 1, None);
        }
        self.live.insert(id);
        self.standings[id] = Some(Standing {
            node,
            limit,
            mark: None,
            record,
            is_ready: true,
            earlier: Vec::new(),
            moved_at: now,
            lease_ttl,
            max_lag: Duration::from_secs(86_400),
            reply_after: Duration::ZERO,
            started: now,
            runs_since: Some(now),
            stopping_since: None,
            synced_at: Time::ZERO,
            asked_at: None,
            asked_last: None,
            stuck: BTreeSet::new(),
            was_held_up_until: Time::ZERO,
            owned: None,
            owned_since: now,
            last_slot: None,
            without_since: now,
            replaces: None,
            may_take_table: false,
            takes_table: false,
            epoch: 0,
            full_syncs: 0,
            serial: None,
            unstored_since: None,
            load: load::Window::default(),
        });
    }

    /// How far a process may be behind etcd without saying so, and after which time a reply is late to it; by its
    /// own clock.
    pub fn lags_at_most(&mut self, id: ProcessId, max_lag: Duration, reply_after: Duration) {
        if let Some(standing) = self.standing_mut(id) {
            standing.max_lag = max_lag;
            standing.reply_after = reply_after.mul_f64(1.02);
        }
    }

    /// What the earlier lives of a process are known by, and those of clones.
    pub fn is_known_by(&mut self, id: ProcessId, mark: Option<String>) {
        if let Some(standing) = self.standing_mut(id) {
            standing.mark = mark;
        }
    }

    /// A process has the place of a node of the plugin that published this, and tells this very host by it.
    pub fn replaces(&mut self, id: ProcessId, record: Option<Record>) {
        if let Some(standing) = self.standing_mut(id) {
            standing.replaces = record;
        }
    }

    /// A process publishes something else from now on; its connections may be broken by that.
    pub fn moved(&mut self, id: ProcessId, record: Record, breaks: bool, now: Time) {
        if let Some(standing) = self.standing_mut(id) {
            let before = std::mem::replace(&mut standing.record, record);
            standing.earlier.push(before);
            standing.replaces = None;
            standing.moved_at = now;
            if breaks {
                standing.was_held_up_until = now;
            }
        }
    }

    /// A process is ready from now on, or is not.
    pub fn is_ready(&mut self, id: ProcessId, is_ready: bool, now: Time) {
        if let Some(standing) = self.standing_mut(id) {
            (standing.is_ready, standing.moved_at) = (is_ready, now);
        }
    }

    /// A process was killed.
    pub fn killed(&mut self, id: ProcessId, now: Time) {
        self.live.remove(&id);
        self.owners.gone(id, now);
        self.jobs.gone(id, now);
        self.leave_lease(id);
        if let Some(standing) = self.standings.get_mut(id).and_then(Option::take) {
            self.ended_at.insert(standing.record.identity(), now);
        }
    }

    /// A process ended by itself.
    pub fn ended(&mut self, id: ProcessId, now: Time, end: End, etcd: &Model) {
        if end == End::NoFreeSlot {
            self.check_no_free_name(id, now);
        }
        self.check_released(id, now, etcd);
        self.killed(id, now);
    }

    /// A process stands still from now on, or does so no more.
    pub fn stands_still(&mut self, id: ProcessId, is_still: bool, now: Time) {
        if let Some(standing) = self.standing_mut(id) {
            match (is_still, standing.runs_since) {
                (true, _) => standing.runs_since = None,
                (false, None) => standing.runs_since = Some(now),
                (false, Some(_)) => {}
            }
        }
        self.owners.stands_still(id, is_still);
    }

    /// etcd may have changed.
    pub fn heed_etcd(&mut self, now: Time, etcd: &Model) {
        self.jobs.follow(etcd);
        if self.oracle.follow(now, etcd) {
            self.owners.restored(now);
        }
        self.heed_moves(now);
    }

    /// Somebody changed a key of a slot, or ended its lease, by hand.
    pub fn by_hand(&mut self, slot: SlotId, now: Time) {
        self.owners.by_hand(slot, now);
    }

    /// A node of the plugin puts keys.
    pub fn plugin_puts(&mut self, id: ProcessId, txn: &Txn, now: Time) {
        for op in &txn.success {
            if let Op::Put { lease, .. } = op {
                self.plugin_leases.entry(*lease).or_insert(id);
            }
            if let Op::Put { key, .. } = op
                && let Some(slot) = self.oracle.keyspace().slot_of(key)
            {
                self.by_hand(slot, now);
            }
        }
    }

    /// Whether there is something that time alone may turn into a violation, so that it is to be looked at.
    pub fn wants_look(&self, now: Time) -> bool {
        self.is_lively(now)
            || self.jobs.is_there()
            || self.live().any(|(_, s)| s.limit.is_some() && s.owned.is_none())
    }

    /// Whether that may come soon: something happened lately.
    pub fn is_lively(&self, now: Time) -> bool {
        let recent = self.bounds.behind.max(self.bounds.settled) * 3;
        self.owners.is_watching()
            || !self.nobodys.is_empty()
            || self.leases.are_watched()
            || self.calm_since.is_none_or(|since| now < since + recent)
            || self.oracle.last_change() + recent > now
            || self.live().any(|(_, s)| s.limit.is_some() && s.moved_at + recent > now)
    }
}
