//! Following the changes of etcd, while the lease is kept alive.

use std::time::Instant;

use super::claim::{queue_keys, slot_keys};
use super::membership::{Lease, Membership};
use super::session::Session;
use super::sync::apply_event;
use super::{Host, Trouble};
use crate::etcd::{Error, Event, EventKind, LeaseId, Watch};

/// What to watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// The slots.
    Slots,
    /// The slots and the tickets of those who want one.
    SlotsAndQueue,
}

/// What to follow the changes for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    /// The own name is lost.
    NameLost,
    /// A slot or a place in the queue becomes free, or it is time to look again.
    Departure,
}

impl<H: Host> Session<H> {
    /// Watches from where the directory stands.
    pub(super) fn open_watch(&mut self, scope: Scope) -> Result<Watch, Trouble> {
        let pattern = &self.settings.pattern;
        let mut ranges = vec![slot_keys(pattern)];
        if scope == Scope::SlotsAndQueue {
            ranges.push(queue_keys(pattern));
        }
        let start = self.host.directory(|directory| directory.revision()) + 1;
        let result = self.client.watch(&ranges, start).map_err(Trouble::from);
        self.note_compaction(&result);
        self.heard(result)
    }

    /// Applies the changes as they come, and keeps the lease alive.
    pub(super) fn follow(&mut self, watch: &mut Watch, until: Until) -> Result<(), Trouble> {
        loop {
            let Some(lease) = self.lease else { return Err(Trouble::LeaseGone) };
            let departed = self.follow_once(watch, lease)?;
            if until == Until::Departure && departed {
                return Ok(());
            }
            if until == Until::NameLost && matches!(self.membership, Membership::Lost(_)) {
                return Ok(());
            }
            if Instant::now() >= lease.renew_at {
                self.keep_alive(lease)?;
                let moved = watch.endpoint() != self.client.endpoint();
                if moved || until == Until::Departure {
                    return Ok(());
                }
            }
        }
    }

    /// Applies what comes until the lease is to be renewed; says whether a key was deleted.
    fn follow_once(&mut self, watch: &mut Watch, lease: Lease) -> Result<bool, Trouble> {
        let result = watch.next(lease.renew_at).map_err(Trouble::from);
        self.note_compaction(&result);
        let Some(reply) = result? else { return Ok(false) };
        let mut last = 0;
        let mut departed = false;
        for event in &reply.events {
            apply_event(&self.host, event);
            self.watch_own_key(event, lease.id);
            departed |= event.kind == EventKind::Delete;
            if self.settings.pattern.slot_of(&event.kv.key).is_some() {
                last = last.max(event.kv.mod_revision);
            }
        }
        if reply.complete && last > 0 {
            self.host.directory(|directory| directory.advance(last));
            if let Some(history) = &mut self.history {
                history.revision = history.revision.max(last);
            }
        }
        Ok(departed)
    }

    /// What was compacted away cannot be followed up: everything is read anew.
    fn note_compaction<T>(&mut self, result: &Result<T, Trouble>) {
        if let Err(Trouble::Etcd(error @ Error::Compacted { .. })) = result {
            log::info!("{error}: reading everything anew");
            self.history = None;
        }
    }

    fn watch_own_key(&mut self, event: &Event, lease: LeaseId) {
        let Membership::Owned(claimed) = self.membership else { return };
        if self.settings.pattern.slot_of(&event.kv.key) != Some(claimed.slot)
            || event.kv.mod_revision <= claimed.mod_revision
        {
            return;
        }
        match event.kind {
            EventKind::Delete => self.lose(claimed, "its key was deleted"),
            EventKind::Put if event.kv.lease != lease => {
                self.lose(claimed, "somebody else put a record there");
            }
            EventKind::Put => {}
        }
    }
}
