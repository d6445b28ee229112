//! Following the changes of etcd, while the lease is kept alive.

use std::time::Instant;

use super::full_sync::{MOST_AT_ONCE, apply_event};
use super::session::Session;
use super::state::{Membership, watch_range};
use super::{Counter, Host, Result, SessionError};
use crate::etcd::{Etcd, Event, EventKind, LeaseId, WatchRange, WatchReply, WatchStream};

impl<H: Host, E: Etcd> Session<H, E> {
    /// Watches all names from where the directory stands, and in addition, if a revision is given,
    /// who leaves the queue after it.
    pub(super) fn open_watch(&mut self, queue: Option<i64>) -> Result<E::Watch> {
        self.stay_named()?;
        let status = self.locate()?;
        let Some(history) = &mut self.history else { return Err(SessionError::NoHistory) };
        history.is_position_refused = status.is_none();
        let keyspace = &self.settings.keyspace;
        let mut ranges = history.watch_ranges(keyspace);
        if let Some(revision) = queue {
            let range = watch_range(keyspace.queue(), revision);
            ranges.push(WatchRange { deletions_only: true, ..range });
        }
        let job = self.job_ranges(ranges.len());
        ranges.extend(job);
        let watch = self.watch(&ranges)?;
        // Whatever was restored until now is seen by this, and what the watch misses of the past.
        self.begin_proof(status.as_ref())?;
        self.contact.follow(self.host.now());
        Ok(watch)
    }

    /// Opens a watch, and counts it.
    pub(super) fn watch(&mut self, ranges: &[WatchRange]) -> Result<E::Watch> {
        let watch = self.ask_member(|client| client.watch(ranges))?;
        self.host.note(Counter::WatchOpened);
        Ok(watch)
    }

    /// Takes note that names up to this revision may be missing, unless they were seen.
    pub(super) fn miss(&mut self, newest: i64) {
        self.missing = Some(newest);
        self.mark();
    }

    /// Applies the changes as they come, and keeps the lease alive, until there is something else to do,
    /// or the watch's endpoint is no longer the one in use.
    pub(super) fn follow(&mut self, watch: &mut E::Watch) -> Result<()> {
        while self.is_settled() && watch.endpoint() == self.client.endpoint() {
            self.follow_host()?;
            self.go_on_with_job()?;
            self.outgrow_lease()?;
            if self.goes_back_to_table() {
                return Ok(());
            }
            if self.is_settled() {
                let end = self.job_due_at().into_iter().chain(self.table_due_at()).min();
                self.follow_until(watch, end)?;
            }
        }
        Ok(())
    }

    /// Returns whether there is nothing to do but to follow.
    pub(super) fn is_settled(&self) -> bool {
        match self.membership {
            Membership::Owned(_) => self.late_claims.is_empty() && !self.may_queue,
            Membership::Doubtful(_) => false,
            Membership::Newcomer | Membership::Lost(_) => !self.host.wants_name(),
        }
    }

    /// Keeps the lease alive if it is time to, and proves that nothing is missed, else waits for changes
    /// until it is, or until `end`, and applies them.
    pub(super) fn follow_until(
        &mut self,
        watch: &mut E::Watch,
        end: Option<Instant>,
    ) -> Result<Option<WatchReply>> {
        self.prove_in_time()?;
        self.keep_serial_base()?;
        let due_at = self.proof.due_at(self.settings.max_lag);
        let reply = self.next_reply(watch, Some(end.map_or(due_at, |end| end.min(due_at))))?;
        if self.has_table() {
            // It has come, and is not changed by what a watch tells.
            return Ok(None);
        }
        self.contact.follow(self.host.now());
        if let Some(reply) = &reply {
            self.apply(reply)?;
            self.told();
        }
        Ok(reply)
    }

    /// Keeps the lease alive if it is time to, else waits for changes until it is, or until `end`.
    pub(super) fn next_reply(
        &mut self,
        watch: &mut E::Watch,
        end: Option<Instant>,
    ) -> Result<Option<WatchReply>> {
        self.doubt();
        let Some(lease) = self.lease else { return Err(SessionError::LeaseGone) };
        if self.host.now() >= lease.renew_at {
            self.keep_alive(lease)?;
            return Ok(None);
        }
        // Something of this host may have changed while etcd was asked: no wait would be ended by that any more.
        let is_as_seen = || {
            self.addresses.has_seen(&self.host.network()) && self.host.is_ready() == self.is_ready
        };
        let refused_until = self.addresses.refused_until.filter(|until| *until > self.host.now());
        if self.owned().is_some() && refused_until.is_none() && !is_as_seen() {
            return Ok(None);
        }
        let ends = end.into_iter().chain(refused_until);
        let reply = watch.next(ends.fold(lease.renew_at, Instant::min))?;
        // This process may have been frozen while it waited.
        self.doubt();
        if reply.is_some() {
            self.backoff.succeed(self.host.now());
        }
        Ok(reply)
    }

    /// Applies changes. What they make necessary is done later: if that fails, they are not told again.
    fn apply(&mut self, reply: &WatchReply) -> Result<()> {
        let seen = self.history.as_ref().and_then(|history| history.revisions.get(reply.range));
        let seen = seen.copied().unwrap_or_default();
        // What was seen is not applied again: a name that was deleted since would come back.
        let old = reply.events.partition_point(|event| event.kv.mod_revision <= seen);
        self.apply_events(reply.range, reply.events.get(old..).unwrap_or_default())?;
        self.apply_to_job(reply);
        let Some(last) = reply.events.last().filter(|_| !self.has_table()) else { return Ok(()) };
        self.heed_change(last.kv.mod_revision);
        // Of the last revision there may be more changes to come, of those before it there are none.
        let revision = last.kv.mod_revision - i64::from(!reply.complete);
        if self.reach(reply.range, revision, self.proof.is_caught_up) && self.missing.is_some() {
            self.mark();
        }
        Ok(())
    }

    /// Takes note that a range was seen up to a revision, and lets the directory stand there. Unless the ranges are in
    /// step it does so once all of them were seen, or at the next proof: else what is still to come of the others would
    /// change what the directory was at that revision, after others were told of it. Returns false where there is no such
    /// range.
    pub(super) fn reach(&mut self, range: usize, revision: i64, are_in_step: bool) -> bool {
        let Some(history) = &mut self.history else { return false };
        let Some(seen) = history.see(range, revision) else { return false };
        history.told = history.told.max(seen);
        let reached = if are_in_step { seen } else { history.earliest() };
        self.host.directory(|directory| directory.advance(reached));
        true
    }

    /// Applies changes of a range, a few at a time, without noting how far they go.
    pub(super) fn apply_events(&mut self, range: usize, events: &[Event]) -> Result<()> {
        let Some(lease) = self.lease else { return Err(SessionError::LeaseGone) };
        for events in events.chunks(MOST_AT_ONCE) {
            for event in events {
                apply_event(&self.host, range, event);
                self.watch_own_key(event, lease.id)?;
            }
            self.host.sleep_until(self.host.now());
            if !self.table.is_taken() && self.has_table() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Notices what becomes of the own name, and of what hangs on the own lease. Fails only where
    /// everything has to be read.
    fn watch_own_key(&mut self, event: &Event, lease: LeaseId) -> Result<()> {
        let Some(slot) = self.settings.keyspace.slot_of(&event.kv.key) else { return Ok(()) };
        let is_ours = event.kind == EventKind::Put && event.kv.lease == lease;
        let Some(claimed) = self.membership.held() else {
            // A claim whose reply never came was carried out after all: it is found by reading.
            let may_be_ours = event.kind == EventKind::Put && self.own_leases.has(event.kv.lease);
            return if may_be_ours { Err(SessionError::NoHistory) } else { Ok(()) };
        };
        if slot != claimed.slot {
            if is_ours {
                self.late_claims.push(slot);
            }
            return Ok(());
        }
        if event.kv.mod_revision <= claimed.mod_revision || is_ours {
            return Ok(());
        }
        match event.kind {
            EventKind::Delete if matches!(self.membership, Membership::Doubtful(_)) => {
                self.lose(claimed, "its lease ended");
            }
            EventKind::Delete => self.lose(claimed, "its key was deleted"),
            EventKind::Put => self.lose_to(claimed, Some(&event.kv)),
        }
        Ok(())
    }
}
