//! Following the changes of etcd, while the lease is kept alive.

use super::claim::Claimant;
use super::session::Session;
use super::state::{Lease, Membership, watch_range};
use super::sync::{MOST_AT_ONCE, apply_event};
use super::{Counter, Host, Result, SessionError};
use crate::etcd::{Etcd, Event, EventKind, LeaseId, WatchRange, WatchReply, WatchStream};

impl<H: Host, E: Etcd> Session<H, E> {
    /// Watches all names from where the directory stands, and in addition, if a revision is given,
    /// who leaves the queue after it.
    pub(super) fn open_watch(&mut self, queue: Option<i64>) -> Result<E::Watch> {
        let Some(history) = &self.history else { return Err(SessionError::NoHistory) };
        let keyspace = &self.settings.keyspace;
        let mut ranges = history.watch_ranges(keyspace);
        if let Some(revision) = queue {
            let range = watch_range(keyspace.queue(), revision);
            ranges.push(WatchRange { deletions_only: true, ..range });
        }
        let watch = self.ask(|client| client.watch(&ranges))?;
        self.host.note(Counter::WatchOpened);
        Ok(watch)
    }

    /// Applies the changes as they come, keeps the lease alive, and publishes what changes of this host,
    /// until the name is lost or in doubt, or the watch's endpoint is no longer the one in use.
    pub(super) fn follow(&mut self, watch: &mut E::Watch) -> Result<()> {
        while self.is_settled() && watch.endpoint() == self.client.endpoint() {
            self.follow_addresses()?;
            if self.is_settled() {
                self.follow_once(watch)?;
            }
        }
        Ok(())
    }

    /// Returns whether there is nothing to do but to follow.
    fn is_settled(&self) -> bool {
        match self.membership {
            Membership::Owned(_) => true,
            Membership::Doubtful(_) => false,
            Membership::Newcomer | Membership::Lost(_) => !self.host.wants_name(),
        }
    }

    /// Keeps the lease alive if it is time to, else waits for changes until it is, and applies them.
    pub(super) fn follow_once(&mut self, watch: &mut E::Watch) -> Result<Option<WatchReply>> {
        self.doubt();
        let Some(lease) = self.lease else { return Err(SessionError::LeaseGone) };
        if self.host.now() >= lease.renew_at {
            self.keep_alive(lease)?;
            return Ok(None);
        }
        let reply = watch.next(lease.renew_at)?;
        // This process may have been frozen while it waited.
        self.doubt();
        if let Some(reply) = &reply {
            self.contact.heard_at = Some(self.host.now());
            self.apply(reply, lease)?;
        }
        Ok(reply)
    }

    fn apply(&mut self, reply: &WatchReply, lease: Lease) -> Result<()> {
        for events in reply.events.chunks(MOST_AT_ONCE) {
            for event in events {
                apply_event(&self.host, reply.range, event);
                self.watch_own_key(event, lease.id)?;
            }
            self.host.sleep_until(self.host.now());
        }
        let last = reply.events.last().filter(|_| reply.complete);
        if let (Some(history), Some(last)) = (&mut self.history, last)
            && let Some(seen) = history.see(reply.range, last.kv.mod_revision)
        {
            self.host.directory(|directory| directory.advance(seen));
        }
        Ok(())
    }

    fn watch_own_key(&mut self, event: &Event, lease: LeaseId) -> Result<()> {
        let Some(slot) = self.settings.keyspace.slot_of(&event.kv.key) else { return Ok(()) };
        let is_ours = event.kind == EventKind::Put && event.kv.lease == lease;
        let Some(claimed) = self.membership.held() else {
            // A claim whose reply never came was carried out after all: it is found by reading.
            return if is_ours { Err(SessionError::NoHistory) } else { Ok(()) };
        };
        if slot != claimed.slot {
            let (true, Some(record)) = (is_ours, self.record) else { return Ok(()) };
            let keyspace = self.settings.keyspace.clone();
            return self.give_back(Claimant { keyspace: &keyspace, record: &record, lease }, slot);
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
