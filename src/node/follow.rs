//! Following the changes of etcd, while the lease is kept alive.

use std::time::Instant;

use super::claim::{queue_keys, slot_keys};
use super::membership::{Lease, Membership};
use super::session::Session;
use super::sync::apply_event;
use super::{Host, Trouble};
use crate::etcd::{Error, Event, EventKind, LeaseId, Watch};

/// What to follow the events for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    /// The own name is lost.
    NameLost,
    /// A slot or a place in the queue becomes free, or it is time to look again.
    Departure,
}

impl<H: Host> Session<H> {
    /// Follows the changes from where the directory stands, and keeps the lease alive.
    pub(super) fn follow(&mut self, until: Until) -> Result<(), Trouble> {
        let mut ranges = vec![slot_keys(&self.settings.pattern)];
        if until == Until::Departure {
            ranges.push(queue_keys(&self.settings.pattern));
        }
        let start = self.host.directory(|directory| directory.revision()) + 1;
        let result = self.client.watch(&ranges, start).map_err(Trouble::from);
        let mut watch = self.heard(result)?;
        loop {
            let Some(lease) = self.lease else { return Err(Trouble::LeaseGone) };
            let departed = self.follow_once(&mut watch, lease)?;
            if until == Until::Departure && departed {
                return Ok(());
            }
            if until == Until::NameLost && matches!(self.membership, Membership::Lost(_)) {
                return Ok(());
            }
            if Instant::now() >= lease.renew_at {
                self.keep_alive(lease)?;
                if watch.endpoint() != self.client.endpoint() {
                    // Its endpoint failed the call, so it does not deserve its watch either.
                    return Ok(());
                }
                if until == Until::Departure {
                    return Ok(());
                }
            }
        }
    }

    /// Applies what comes until the lease is to be renewed; says whether a key was deleted.
    fn follow_once(&mut self, watch: &mut Watch, lease: Lease) -> Result<bool, Trouble> {
        let reply = match watch.next(lease.renew_at) {
            Ok(Some(reply)) => reply,
            Ok(None) => return Ok(false),
            Err(error) => {
                if matches!(error, Error::Compacted { .. }) {
                    log::info!("{error}: reading everything anew");
                    self.history = None;
                }
                return Err(error.into());
            }
        };
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

    fn watch_own_key(&mut self, event: &Event, lease: LeaseId) {
        let Membership::Owned(claimed) = self.membership else { return };
        if self.settings.pattern.slot_of(&event.kv.key) != Some(claimed.slot)
            || event.kv.mod_revision < claimed.create_revision
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
