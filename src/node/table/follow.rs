//! Following a table that another node has, and in etcd the own name alone.

use std::time::{Duration, Instant};

use super::patience::LostTable;
use super::{Before, TableStage, TableUse};
use crate::etcd::Etcd;
use crate::node::session::Session;
use crate::node::stagger::{LEAST_CORES, reading_spread};
use crate::node::state::{Claimed, Membership};
use crate::node::{Host, Result, TableServer, TableState};

/// The time between two looks at a table that is followed.
const LOOK_AT_TABLE: Duration = Duration::from_secs(2);

/// As many names at least are taken to be there where many start together.
const LEAST_STARTERS: u32 = 500;

/// How soon it is tried where others watch than before, and up to as long again by chance.
const TRY_SOON: Duration = Duration::from_millis(500);

impl<H: Host, E: Etcd> Session<H, E> {
    /// Whether the table is taken from others rather than followed in etcd. Asks them for it, where this node has just
    /// got its name.
    pub(in crate::node) fn takes_table(&mut self) -> Result<bool> {
        if self.table.stage == TableStage::Tried && self.has_table() {
            // It came while the watch was lost: there is none that it would be left for.
            self.take_table();
        }
        if !self.will_take_table() {
            return Ok(self.table.is_taken());
        }
        let servers = self.find_servers()?;
        if servers.is_empty() {
            self.table.retry_later(self.host.now(), self.random.fraction());
            return Ok(false);
        }
        // What is known is as of now until the table comes.
        self.leave_watch();
        self.mark();
        self.ask_for_table(servers);
        self.take_table();
        Ok(true)
    }

    /// Whether this node just got its name, and is to ask others for the table.
    pub(in crate::node) fn will_take_table(&self) -> bool {
        let is_new = self.table.stage == TableStage::Unused && self.table.retry_at.is_none();
        is_new && self.may_take_table()
    }

    /// Whether this node is one of those that take the table from others.
    fn may_take_table(&self) -> bool {
        let watchers = self.settings.watchers;
        let held = self.membership.held();
        watchers > 0 && self.job.is_none() && held.is_some_and(|held| held.slot.get() > watchers)
    }

    fn ask_for_table(&mut self, servers: Vec<TableServer>) {
        self.host.take_table(&servers);
        let reading = self.host.directory(|directory| directory.reading());
        let TableUse { retry_at, failures, confirmed_at, .. } = self.table;
        let stage = TableStage::Tried;
        let asked = TableUse { stage, servers, reading, retry_at, failures, ..TableUse::default() };
        self.table = TableUse { confirmed_at, ..asked };
    }

    /// Follows nothing in etcd but the own name from now on.
    fn take_table(&mut self) {
        self.table.stage = TableStage::Taken;
        self.table.before = Before {
            history: self.history.take(),
            turn: self.turn.take(),
            missing: self.missing.take(),
        };
        self.under_way = None;
        self.proof.end();
        self.limit_calls();
    }

    /// Whether the directory is the table of another node, so that it is the host's to change.
    pub(in crate::node) fn has_table(&self) -> bool {
        self.table.is_asked_for()
            && self.host.directory(|directory| directory.reading()) != self.table.reading
    }

    /// While etcd is watched: tries the table, if it is time to. Returns whether it came, and is followed from now
    /// on.
    pub(in crate::node) fn goes_back_to_table(&mut self) -> bool {
        let now = self.host.now();
        match self.table.stage {
            TableStage::Taken => return true,
            TableStage::Tried if self.has_table() => {
                self.take_table();
                return true;
            }
            TableStage::Tried if self.host.table().is_lost() => self.end_trial(),
            TableStage::Tried => {}
            TableStage::Unused => {
                self.heed_new_servers(now);
                let is_due = self.table.retry_at.is_some_and(|at| at <= now);
                if is_due && self.may_take_table() {
                    match self.known_servers() {
                        servers if servers.is_empty() => {
                            self.table.retry_later(now, self.random.fraction());
                        }
                        servers => self.ask_for_table(servers),
                    }
                }
            }
        }
        false
    }

    /// Where others watch than were asked last, while etcd is watched: tries the table soon.
    fn heed_new_servers(&mut self, now: Instant) {
        if self.table.look_at.is_some_and(|at| now < at) || !self.may_take_table() {
            return;
        }
        self.table.look_at = Some(now + LOOK_AT_TABLE);
        let changes = self.host.directory(|directory| directory.changes());
        if std::mem::replace(&mut self.table.changes, changes) == changes {
            return;
        }
        let known = self.known_servers();
        if known != self.table.servers {
            self.table.servers = known;
            self.table.failures = 0;
            let soon = now + TRY_SOON.mul_f64(1.0 + self.random.fraction());
            self.table.retry_at = self.table.retry_at.map(|at| at.min(soon));
        }
    }

    /// When to look at that, while etcd is watched.
    pub(in crate::node) fn table_due_at(&self) -> Option<Instant> {
        if self.table.stage != TableStage::Unused || !self.may_take_table() {
            return None;
        }
        self.table.retry_at.into_iter().chain(self.table.look_at).min()
    }

    /// Follows the own name in etcd while the table is taken, by a watch of it if there is one, until there is something
    /// else to do.
    pub(in crate::node) fn follow_table(&mut self, mut watch: Option<E::Watch>) -> Result<()> {
        while self.is_settled() {
            self.follow_host()?;
            self.outgrow_lease()?;
            let Membership::Owned(claimed) = self.membership else { break };
            let current = self.own_watch(watch.take())?;
            let Some(mut current) = current.filter(|_| self.is_settled()) else { break };
            let Some(look_at) = self.look_after_table(claimed)? else {
                self.give_up_table();
                break;
            };
            if !self.is_settled() || self.is_own_name_told_otherwise() {
                continue;
            }
            if let Some(reply) = self.next_reply(&mut current, Some(look_at))? {
                self.apply_events(0, &reply.events)?;
            }
            watch = Some(current);
        }
        Ok(())
    }

    /// Looks how the table does. Returns when to look again; `None`: all names are to be followed in etcd.
    fn look_after_table(&mut self, claimed: Claimed) -> Result<Option<Instant>> {
        let (now, state) = (self.host.now(), self.host.table());
        let proven_at = self.host.directory(|directory| directory.proven_at());
        self.table.lost.take_if(|lost| lost.is_over(proven_at));
        if self.table.lost.is_none() && !state.is_lost() {
            self.table.proven_at = proven_at.or(self.table.proven_at);
            return Ok(Some(self.look_at_table(now)));
        }
        let starts = self.table.before.turn.is_some() && !self.has_table();
        if state == TableState::Hopeless && starts {
            // It is as if nobody took the table from others, and all of those that start know when whose turn is.
            return Ok(None);
        }
        let names = self.host.directory(|directory| directory.occupied());
        let names = claimed.slot.get().max(u32::try_from(names).unwrap_or(u32::MAX));
        // Those who start after this one are not known yet.
        let names = if starts { names.max(LEAST_STARTERS) } else { names };
        let size = self.reading_size(names);
        let [first, second, third] = [(); 3].map(|()| self.random.fraction());
        let lost =
            self.table.lost.get_or_insert_with(|| LostTable::new(now, proven_at, size, first));
        if lost.gives_up(state, now) && !(starts && self.is_too_early(state, first)?) {
            return Ok(None);
        }
        let Some(lost) = &mut self.table.lost else { return Ok(None) };
        // While they are asked it is for the host to choose among them.
        let asks = state.is_lost() && lost.is_to_ask(now, second);
        let looks = lost.is_to_look(now, third, starts);
        let due_at = lost.due_at(state);
        if looks {
            let found = self.look_for_servers()?;
            if !found.is_empty() && found != self.table.servers {
                self.host.take_table(&found);
                self.table.servers = found;
            }
        }
        if asks {
            self.host.take_table(&self.table.servers);
        }
        Ok(Some(due_at))
    }

    /// Asks those that are known once more, where there is no table and etcd is out of reach.
    pub(in crate::node) fn ask_without_etcd(&mut self) {
        if self.table.is_taken() && self.host.table().is_lost() {
            self.host.take_table(&self.table.servers);
        }
    }

    /// Whether more started than was guessed, so that it is too early to give the table up: one question, rather than
    /// the names of all.
    fn is_too_early(&mut self, state: TableState, fraction: f64) -> Result<bool> {
        let now = self.host.now();
        let names = u32::try_from(self.count_names()?).unwrap_or(u32::MAX);
        let size = self.reading_size(names);
        let Some(lost) = &mut self.table.lost else { return Ok(false) };
        Ok(lost.is_of_more(size, fraction) && !lost.gives_up(state, now))
    }

    /// So many names, and over which time as many nodes read them.
    fn reading_size(&self, names: u32) -> (u32, Duration) {
        let cores = self.client.endpoint_count().max(LEAST_CORES);
        (names, reading_spread(names as usize, cores))
    }

    /// Heeds what the table tells, at times. Returns when to look again.
    fn look_at_table(&mut self, now: Instant) -> Instant {
        let look_at = *self.table.look_at.get_or_insert(now);
        if now < look_at {
            return look_at;
        }
        let look_at = now + LOOK_AT_TABLE;
        self.table.look_at = Some(look_at);
        let changes = self.host.directory(|directory| directory.changes());
        if self.has_table() && changes != self.table.changes {
            self.table.changes = changes;
            self.heed_servers();
            self.note_late_claims_told();
        }
        look_at
    }

    /// Asks those who watch by now.
    fn heed_servers(&mut self) {
        let known = self.known_servers();
        if !known.is_empty() && known != self.table.servers {
            self.host.take_table(&known);
            self.table.servers = known;
        }
    }
}
