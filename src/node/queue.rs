//! Waiting in the queue for a slot, first come, first served.
//!
//! Whoever waits knows the tickets ahead of its own and strikes out those that leave, so a free slot
//! costs etcd one claim, however many are waiting.

use super::claim::{Ahead, Claimant, Taken, Ticket};
use super::overtake::Overtaking;
use super::rank::{FreeSlot, free_slot};
use super::session::Session;
use super::{Host, Result, SessionError, WhenFull};
use crate::cluster::SlotId;
use crate::etcd::{Etcd, WatchStream};

/// The end of a wait in the queue.
pub(super) enum Waited {
    /// This slot is ours to claim.
    Turn(SlotId),
    /// A slot was claimed before the turn, because those ahead took none.
    Overtook(Taken),
    /// Our ticket is gone, and a new one is needed.
    TicketGone,
}

impl<H: Host, E: Etcd> Session<H, E> {
    /// Waits until a slot is ours to claim, or those ahead let one lie for too long.
    pub(super) fn wait_in_queue(
        &mut self,
        claimant: Claimant<'_>,
        taken: &Ticket,
        when_full: WhenFull,
    ) -> Result<Waited> {
        let queue = self.ask(|client| claimant.look_at_queue(client))?;
        let Some(Ahead { tickets: mut ahead, revision: mut left }) = queue else {
            return Ok(Waited::TicketGone);
        };
        // A ticket that was put late, by a node that has a name already, is nobody's.
        self.host.directory(|directory| {
            for record in directory.slots().filter_map(|(_, record)| record) {
                ahead.remove(&claimant.keyspace.ticket(record));
            }
        });
        let ticket = claimant.keyspace.ticket(claimant.record);
        let mut watch = self.open_watch(Some(left))?;
        let names = claimant.keyspace.ranges().len();
        let mut overtaking = Overtaking::new(self.host.now());
        let mut is_logged = false;
        loop {
            let mut try_at = None;
            match self.is_current(taken).then(|| self.free_slot(claimant, ahead.len())) {
                Some(FreeSlot::Slot(slot)) => return Ok(Waited::Turn(slot)),
                Some(FreeSlot::Full) if when_full == WhenFull::Exit => {
                    return Err(SessionError::NoFreeSlot);
                }
                Some(FreeSlot::Full) => {
                    overtaking.none_free();
                    if !is_logged {
                        let (pattern, count) = (&claimant.keyspace.pattern, ahead.len());
                        log::info!(
                            "no free name of {pattern}: waiting for one, {count} nodes ahead"
                        );
                        is_logged = true;
                    }
                }
                Some(FreeSlot::Behind) => {
                    if let Some(taken) = self.overtake(claimant, ahead.len(), &mut overtaking)? {
                        return Ok(Waited::Overtook(taken));
                    }
                    let now = self.host.now();
                    try_at = Some(overtaking.next(ahead.len(), now, &mut self.random));
                }
                None => {}
            }
            if watch.endpoint() != self.client.endpoint() {
                self.sync()?;
                watch = self.open_watch(Some(left))?;
            }
            let Some(reply) = self.follow_until(&mut watch, try_at)? else { continue };
            if reply.range != names {
                continue;
            }
            for event in &reply.events {
                left = left.max(event.kv.mod_revision);
                if ahead.remove(&event.kv.key) {
                    overtaking.moved(self.host.now());
                }
                if event.kv.key == ticket {
                    return Ok(Waited::TicketGone);
                }
            }
        }
    }

    /// Claims the lowest slot that is free, if it is time to: those ahead take none.
    fn overtake(
        &mut self,
        claimant: Claimant<'_>,
        ahead: usize,
        overtaking: &mut Overtaking,
    ) -> Result<Option<Taken>> {
        let FreeSlot::Slot(lowest) = self.free_slot(claimant, 0) else { return Ok(None) };
        if !overtaking.is_due(self.host.now()) {
            return Ok(None);
        }
        let name = claimant.keyspace.pattern.name(lowest);
        log::info!("{name} is free, and none of {ahead} nodes ahead takes it: trying to");
        let taken = self.ask(|client| claimant.claim(client, lowest))?;
        if taken.is_none() {
            overtaking.failed(self.host.now(), &mut self.random);
        }
        Ok(taken)
    }

    /// The slot that a rank in the queue leads to, as far as the directory knows.
    pub(super) fn free_slot(&self, claimant: Claimant<'_>, rank: usize) -> FreeSlot {
        self.host.directory(|directory| {
            free_slot(rank, directory.slots().map(|(slot, _)| slot), claimant.keyspace.limit)
        })
    }
}
